#include "platform/layer_compute.h"

#include <utility>

namespace dpred {

LayerCompute::LayerCompute(const ArrayPoint& array, const LayerShape& shape, const LayerPrecision& precision,
                           std::shared_ptr<const BrickMap> activations,
                           std::shared_ptr<const BrickMap> weights, std::function<SlotCount()> useful)
    : array_(array),
      shape_(shape),
      precision_(precision),
      activations_(std::move(activations)),
      weights_(std::move(weights)),
      useful_(std::move(useful)) {
  if (array_.geometry.tile_split == TileSplit::best) {
    array_.geometry.tile_split = best_tile_split(*array_.design, array_.geometry, shape_, precision_,
                                                 activations_.get(), weights_.get());
  }
  schedule_ = std::make_unique<LayerSchedule>(*array_.design, array_.geometry, shape_, precision_,
                                              activations_.get(), weights_.get());
}

const ArraySlots& LayerCompute::slots() const {
  if (!slots_) {
    slots_ = array_slots(*array_.design, array_.geometry, shape_, precision_, activations_.get(),
                         weights_.get(), useful_());
  }
  return *slots_;
}

}  // namespace dpred
