#include "platform/layer_compute.h"

namespace dpred {

LayerCompute::LayerCompute(const ArrayPoint& array, LayerValues& values)
    : array_(array),
      values_(values),
      activations_(values.activation_bricks(array)),
      weights_(values.weight_bricks(array)) {
  if (array_.geometry.tile_split == TileSplit::best) {
    array_.geometry.tile_split = best_tile_split(*array_.design, array_.geometry, values.shape(),
                                                 values.precision(), activations_.get(), weights_.get());
  }
  schedule_ = std::make_unique<LayerSchedule>(*array_.design, array_.geometry, values.shape(),
                                              values.precision(), activations_.get(), weights_.get());
}

const ArraySlots& LayerCompute::slots() const {
  if (!slots_) {
    slots_ =
        array_slots(*array_.design, array_.geometry, values_.shape(), values_.precision(), *schedule_,
                    *values_.activation_time(array_), weights_.get(), values_.useful_slots(*array_.design));
  }
  return *slots_;
}

}  // namespace dpred
