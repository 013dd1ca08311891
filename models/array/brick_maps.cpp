#include "models/array/brick_maps.h"

namespace dpred {

std::shared_ptr<const BrickMap> BrickMaps::of(const Tensor& tensor, const ValueFormat& format,
                                              const OperandBricks& bricks) {
  const BrickShape& shape = bricks.shape;
  const SpaceToDepth& place = bricks.place;
  std::shared_ptr<const BrickMap>& map =
      maps_[{&tensor,
             {shape.lanes, shape.groups, shape.group_channels, shape.positions, place.factor(),
              place.pad_top(), place.pad_left(), place.shape()[3]}}];
  if (!map) map = std::make_shared<BrickMap>(brick_map(tensor, format, bricks));
  return map;
}

}  // namespace dpred
