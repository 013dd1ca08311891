// How an array computes a layer: what its plans and its times have in common.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "models/array/layer_schedule.h"
#include "models/array/utilisation.h"

namespace dpred {

/// The array of a design point.
struct ArrayPoint {
  const ComputeDesign* design = nullptr;
  ArrayGeometry geometry;

  friend bool operator==(const ArrayPoint& a, const ArrayPoint& b) {
    return a.design == b.design && a.geometry == b.geometry;
  }
};

/// A layer on an array, with the split of tiles decided. Times are found when they are asked for and kept.
class LayerCompute {
 public:
  /// Maps are null where the design needs none. `useful` is asked at most once; what it refers to must
  /// outlive this.
  LayerCompute(const ArrayPoint& array, const LayerShape& shape, const LayerPrecision& precision,
               std::shared_ptr<const BrickMap> activations, std::shared_ptr<const BrickMap> weights,
               std::function<SlotCount()> useful);

  LayerSchedule& schedule() const { return *schedule_; }
  const std::shared_ptr<const BrickMap>& activation_bricks() const { return activations_; }
  const std::shared_ptr<const BrickMap>& weight_bricks() const { return weights_; }
  /// Where the slots of the layer's compute cycles go.
  const ArraySlots& slots() const;

 private:
  ArrayPoint array_;
  LayerShape shape_;
  LayerPrecision precision_;
  std::shared_ptr<const BrickMap> activations_, weights_;
  std::function<SlotCount()> useful_;
  std::unique_ptr<LayerSchedule> schedule_;
  mutable std::optional<ArraySlots> slots_;
};

}  // namespace dpred
