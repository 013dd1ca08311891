// How an array computes a layer: what its plans and its times have in common.
#pragma once

#include <memory>
#include <optional>

#include "platform/layer_values.h"

namespace dpred {

/// A layer on an array, with the split of tiles decided. Times are found when they are asked for and kept.
class LayerCompute {
 public:
  /// The values must outlive it.
  LayerCompute(const ArrayPoint& array, LayerValues& values);

  LayerSchedule& schedule() const { return *schedule_; }
  /// Null where the design needs none.
  const std::shared_ptr<const BrickMap>& activation_bricks() const { return activations_; }
  const std::shared_ptr<const BrickMap>& weight_bricks() const { return weights_; }
  /// Where the slots of the layer's compute cycles go.
  const ArraySlots& slots() const;

 private:
  ArrayPoint array_;
  LayerValues& values_;
  std::shared_ptr<const BrickMap> activations_, weights_;
  std::unique_ptr<LayerSchedule> schedule_;
  mutable std::optional<ArraySlots> slots_;
};

}  // namespace dpred
