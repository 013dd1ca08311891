// What a run knows of the values of a network's tensors: found in them, or estimated from a width profile.
#pragma once

#include <memory>

#include "models/array/array_geometry.h"
#include "models/array/utilisation.h"
#include "models/codec/codec.h"
#include "models/codec/width_map.h"
#include "models/precision/value_format.h"
#include "workloads/network.h"

namespace dpred {

struct DesignPoint;

/// The one place that tells values and profiles apart. Sizes of streams follow from groups(), cycles from the
/// maps of bricks.
class NetworkWidths {
 public:
  virtual ~NetworkWidths() = default;

  /// For a network, which must outlive it.
  static std::unique_ptr<NetworkWidths> of(const Network& network);

  /// InputError for a design point that needs what isn't known.
  virtual void check(const DesignPoint& point) const = 0;

  virtual const TensorProfile& profile(const Tensor& tensor) = 0;
  /// InputError for options and a form of sign that are not known.
  virtual WidthMap groups(const Tensor& tensor, const StreamLayout& layout, SignForm sign) = 0;
  /// The values, for codecs that plan from them; null where there are none.
  virtual const Tensor* values(const Tensor& tensor) const = 0;
  /// InputError for lanes and folds that are not known.
  virtual std::shared_ptr<const BrickMap> activation_bricks(const Layer& layer,
                                                            const ArrayGeometry& geometry) = 0;
  virtual std::shared_ptr<const BrickMap> weight_bricks(const Layer& layer,
                                                        const ArrayGeometry& geometry) = 0;
  /// Of the array, see models/array/utilisation.h.
  virtual SlotCount useful_slots(const ComputeDesign& design, const Layer& layer) = 0;
};

}  // namespace dpred
