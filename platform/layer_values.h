// What an array's times ask of a layer's values.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/array/layer_schedule.h"
#include "models/array/utilisation.h"
#include "platform/network_widths.h"
#include "platform/recently_used.h"
#include "workloads/network.h"

namespace dpred {

/// The array of a design point.
struct ArrayPoint {
  const ComputeDesign* design = nullptr;
  ArrayGeometry geometry;

  friend bool operator==(const ArrayPoint& a, const ArrayPoint& b) {
    return a.design == b.design && a.geometry == b.geometry;
  }
};

/// A layer's values as arrays see them. What several arrays have in common is found once, when it is asked
/// for.
class LayerValues {
 public:
  /// All must outlive it.
  LayerValues(NetworkWidths& widths, const Network& network, const Layer& layer);

  const LayerShape& shape() const { return layer_.shape; }
  const LayerPrecision& precision() const { return precision_; }
  /// Null where the design needs none. InputError for lanes and folds that are not known.
  std::shared_ptr<const BrickMap> activation_bricks(const ArrayPoint& array);
  std::shared_ptr<const BrickMap> weight_bricks(const ArrayPoint& array);
  /// Of the array, see models/array/utilisation.h.
  SlotCount useful_slots(const ComputeDesign& design);
  std::shared_ptr<const ActivationTime> activation_time(const ArrayPoint& array);

 private:
  /// What the time of activations depends on.
  struct TimeKey {
    std::int64_t lanes;
    bool folded, of_bricks;
    std::vector<std::uint8_t> times;  ///< of a brick, by its width

    friend bool operator==(const TimeKey& a, const TimeKey& b) {
      return a.lanes == b.lanes && a.folded == b.folded && a.of_bricks == b.of_bricks && a.times == b.times;
    }
  };

  NetworkWidths& widths_;
  const Layer& layer_;
  LayerPrecision precision_;
  std::array<std::optional<SlotCount>, 4> useful_;  ///< by which operands are serial
  RecentlyUsed<TimeKey, const ActivationTime> activation_times_{8};
};

}  // namespace dpred
