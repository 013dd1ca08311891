#include "models/array/layer_cycles.h"

#include <optional>

#include "models/array/fold.h"
#include "models/array/layer_schedule.h"

namespace dpred {

std::uint64_t layer_cycles(const ComputeDesign& design, const ArrayGeometry& geometry,
                           const LayerShape& layer, int bits, const Tensor& input, const Tensor& weight) {
  const TensorProfile activations = profile_of(input);
  const TensorProfile weights = profile_of(weight);
  const LayerPrecision precision{bits, activations.width, weights.width};
  std::optional<BrickMap> activation_map, weight_map;
  if (design.activation == WidthSource::brick)
    activation_map = brick_map(input, activations.format, activation_bricks(layer, geometry));
  if (design.weight == WidthSource::brick)
    weight_map = brick_map(weight, weights.format, weight_bricks(layer, geometry));
  const BrickMap* a = activation_map ? &*activation_map : nullptr;
  const BrickMap* w = weight_map ? &*weight_map : nullptr;
  ArrayGeometry decided = geometry;
  if (geometry.tile_split == TileSplit::best)
    decided.tile_split = best_tile_split(design, geometry, layer, precision, a, w);
  return LayerSchedule(design, decided, layer, precision, a, w).total();
}

}  // namespace dpred
