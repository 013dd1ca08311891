// Folding: a strided layer with few channels is computed as one with stride 1 and more channels, which fill
// the lanes better. docs/contracts.md, "Compute cycles", states it.
#pragma once

#include <array>
#include <cstdint>

#include "models/array/array_geometry.h"
#include "models/precision/brick_map.h"
#include "workloads/network.h"

namespace dpred {

/// Whether the rule lets a layer fold on lanes of this number: one group, no dilation, equal strides above 1,
/// fewer channels than lanes, and fewer steps a window when folded.
bool folds(const LayerShape& layer, std::int64_t lanes);

/// Whether this array computes the layer folded.
inline bool folds(const LayerShape& layer, const ArrayGeometry& geometry) {
  return geometry.fold && folds(layer, geometry.lanes);
}

/// The folded layer: C * s * s channels, kernel ceil(R / s) x ceil(S / s), stride 1, without padding (which
/// is part of the input now). N, K, OH and OW stay.
LayerShape folded(const LayerShape& layer);

/// The layer as this array computes it.
inline LayerShape computed_shape(const LayerShape& layer, const ArrayGeometry& geometry) {
  return folds(layer, geometry) ? folded(layer) : layer;
}

/// Where the values of a tensor of (outer, channels, rows, columns) lie in the one that is made of it by
/// padding and then space-to-depth. With factor 1 and no padding all stays in its place.
class SpaceToDepth {
 public:
  SpaceToDepth() = default;
  SpaceToDepth(const Shape& from, std::int64_t factor, const std::array<std::int64_t, 4>& pad_tblr);

  std::int64_t factor() const { return factor_; }
  std::int64_t pad_top() const { return pad_top_; }
  std::int64_t pad_left() const { return pad_left_; }

  /// (outer, channels * factor^2, rows, columns) of what is made.
  const Shape& shape() const { return shape_; }

  /// Calls visit(x, position, first_channel) for each x of a row: where its channels go, position counted as
  /// in a BrickMap.
  template <class Visit>
  void visit_row(std::int64_t outer, std::int64_t y, Visit&& visit) const {
    const std::int64_t row = (outer * shape_[2] + (y + pad_top_) / factor_) * shape_[3];
    const std::int64_t row_channel = (y + pad_top_) % factor_ * factor_;
    std::int64_t column = pad_left_ / factor_;
    std::int64_t in_column = pad_left_ % factor_;
    for (std::int64_t x = 0; x < from_[3]; ++x) {
      visit(x, row + column, (row_channel + in_column) * from_[1]);
      if (++in_column == factor_) {
        in_column = 0;
        ++column;
      }
    }
  }

  /// The tensor that is made; what is padded has the code of zero.
  Tensor operator()(const Tensor& tensor) const;

 private:
  Shape from_{1, 1, 1, 1}, shape_{1, 1, 1, 1};
  std::int64_t factor_ = 1, pad_top_ = 0, pad_left_ = 0;
};

/// How the operands of a layer come to lie in bricks.
struct OperandBricks {
  BrickShape shape;
  SpaceToDepth place;
};
OperandBricks activation_bricks(const LayerShape& layer, const ArrayGeometry& geometry);
OperandBricks weight_bricks(const LayerShape& layer, const ArrayGeometry& geometry);

/// The widths of a whole tensor's bricks. `format` is that of the tensor: folding changes no value.
BrickMap brick_map(const Tensor& tensor, const ValueFormat& format, const OperandBricks& bricks);

}  // namespace dpred
