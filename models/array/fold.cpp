#include "models/array/fold.h"

#include <cstring>

#include "workloads/divide_up.h"

namespace dpred {

bool folds(const LayerShape& layer, std::int64_t lanes) {
  const std::int64_t s = layer.stride[0];
  if (layer.groups != 1 || layer.dilation[0] != 1 || layer.dilation[1] != 1) return false;
  if (s <= 1 || layer.stride[1] != s || layer.C >= lanes) return false;
  const std::int64_t steps = layer.R * layer.S;  // a brick a tap
  // A stride beyond this makes too many channels, and the product below would overflow.
  if (s * s > lanes * steps) return false;
  return divide_up(layer.R, s) * divide_up(layer.S, s) * divide_up(layer.C * s * s, lanes) < steps;
}

LayerShape folded(const LayerShape& layer) {
  const std::int64_t s = layer.stride[0];
  LayerShape f = layer;
  f.C = layer.C * s * s;
  f.H = divide_up(layer.H + layer.pad_tblr[0] + layer.pad_tblr[1], s);
  f.W = divide_up(layer.W + layer.pad_tblr[2] + layer.pad_tblr[3], s);
  f.R = divide_up(layer.R, s);
  f.S = divide_up(layer.S, s);
  f.stride = {1, 1};
  f.pad_tblr = {0, 0, 0, 0};
  return f;
}

SpaceToDepth::SpaceToDepth(const Shape& from, std::int64_t factor,
                           const std::array<std::int64_t, 4>& pad_tblr)
    : from_(from),
      shape_{from[0], from[1] * factor * factor, divide_up(from[2] + pad_tblr[0] + pad_tblr[1], factor),
             divide_up(from[3] + pad_tblr[2] + pad_tblr[3], factor)},
      factor_(factor),
      pad_top_(pad_tblr[0]),
      pad_left_(pad_tblr[2]) {}

Tensor SpaceToDepth::operator()(const Tensor& tensor) const {
  Tensor made = tensor;
  made.shape = shape_;
  const std::size_t code_bytes = bytes_of(tensor.dtype);
  made.data.resize(static_cast<std::size_t>(volume(shape_)) * code_bytes);
  for (std::size_t i = 0; i < made.data.size(); i += code_bytes)
    std::memcpy(&made.data[i], &tensor.zero_point, code_bytes);  // little-endian, as codes are stored
  const std::int64_t inner = shape_[2] * shape_[3];
  tensor.visit([&](const auto* codes) {
    using Code = std::remove_const_t<std::remove_pointer_t<decltype(codes)>>;
    auto* out = reinterpret_cast<Code*>(made.data.data());
    for (std::int64_t outer = 0; outer < from_[0]; ++outer) {
      for (std::int64_t c = 0; c < from_[1]; ++c) {
        for (std::int64_t y = 0; y < from_[2]; ++y, codes += from_[3]) {
          visit_row(0, y, [&](std::int64_t x, std::int64_t position, std::int64_t first_channel) {
            out[(outer * shape_[1] + first_channel + c) * inner + position] = codes[x];
          });
        }
      }
    }
  });
  return made;
}

OperandBricks activation_bricks(const LayerShape& layer, const ArrayGeometry& geometry) {
  if (!folds(layer, geometry)) {
    return {activation_bricks(layer, geometry.lanes), SpaceToDepth(layer.input(), 1, {0, 0, 0, 0})};
  }
  return {activation_bricks(folded(layer), geometry.lanes),
          SpaceToDepth(layer.input(), layer.stride[0], layer.pad_tblr)};
}

OperandBricks weight_bricks(const LayerShape& layer, const ArrayGeometry& geometry) {
  if (!folds(layer, geometry)) {
    return {weight_bricks(layer, geometry.lanes), SpaceToDepth(layer.weight(), 1, {0, 0, 0, 0})};
  }
  return {weight_bricks(folded(layer), geometry.lanes),
          SpaceToDepth(layer.weight(), layer.stride[0], {0, 0, 0, 0})};
}

BrickMap brick_map(const Tensor& tensor, const ValueFormat& format, const OperandBricks& bricks) {
  BrickMap map(bricks.shape);
  if (bricks.place.factor() == 1) {
    map.absorb(tensor, format);
  } else {
    map.absorb(bricks.place(tensor), format);
  }
  return map;
}

}  // namespace dpred
