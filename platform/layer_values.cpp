#include "platform/layer_values.h"

#include "models/array/fold.h"
#include "models/array/step_time.h"

namespace dpred {

LayerValues::LayerValues(NetworkWidths& widths, const Network& network, const Layer& layer)
    : widths_(widths),
      layer_(layer),
      precision_{network.bits, widths.profile(network.tensor(layer.input)).width,
                 widths.profile(network.tensor(layer.weight)).width} {}

std::shared_ptr<const BrickMap> LayerValues::activation_bricks(const ArrayPoint& array) {
  if (array.design->activation != WidthSource::brick) return nullptr;
  return widths_.activation_bricks(layer_, array.geometry);
}

std::shared_ptr<const BrickMap> LayerValues::weight_bricks(const ArrayPoint& array) {
  if (array.design->weight != WidthSource::brick) return nullptr;
  return widths_.weight_bricks(layer_, array.geometry);
}

SlotCount LayerValues::useful_slots(const ComputeDesign& design) {
  std::optional<SlotCount>& slots =
      useful_[2 * std::size_t{design.serial_activations()} + std::size_t{design.serial_weights()}];
  if (!slots) slots = widths_.useful_slots(design, layer_);
  return *slots;
}

std::shared_ptr<const ActivationTime> LayerValues::activation_time(const ArrayPoint& array) {
  const TimeKey key{array.geometry.lanes, folds(layer_.shape, array.geometry),
                    array.design->activation == WidthSource::brick,
                    activation_times(*array.design, array.geometry, precision_)};
  return activation_times_.get(key, [&] {
    return std::make_shared<const ActivationTime>(dpred::activation_time(
        *array.design, array.geometry, layer_.shape, precision_, activation_bricks(array).get()));
  });
}

}  // namespace dpred
