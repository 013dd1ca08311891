// Widths of bricks: what the serial designs' time is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "models/precision/value_format.h"
#include "workloads/network.h"

namespace dpred {

/// How a tensor's channels are cut into bricks of L consecutive channels. A brick never leaves its conv
/// group; a depthwise layer's activations count as one group. The last brick of a group may be short.
struct BrickShape {
  std::int64_t lanes = 16;  ///< L
  std::int64_t groups = 1;
  std::int64_t group_channels = 1;  ///< channels of one group
  std::int64_t positions = 1;       ///< (n,y,x) of activations, (k,r,s) of weights

  std::int64_t bricks_per_group() const { return (group_channels + lanes - 1) / lanes; }
  std::int64_t bricks() const { return groups * bricks_per_group(); }
  std::int64_t brick_of(std::int64_t channel) const {
    return channel / group_channels * bricks_per_group() + channel % group_channels / lanes;
  }

  friend bool operator==(const BrickShape& a, const BrickShape& b) {
    return a.lanes == b.lanes && a.groups == b.groups && a.group_channels == b.group_channels &&
           a.positions == b.positions;
  }
  friend bool operator!=(const BrickShape& a, const BrickShape& b) { return !(a == b); }
};

BrickShape activation_bricks(const LayerShape& layer, std::int64_t lanes);
BrickShape weight_bricks(const LayerShape& layer, std::int64_t lanes);

/// Width of every brick of true centred values (1..B+1), position outermost, brick innermost.
/// An all-zero brick has width 1, as has one whose values have not arrived.
class BrickMap {
 public:
  explicit BrickMap(const BrickShape& shape)
      : shape_(shape), widths_(static_cast<std::size_t>(shape.positions * shape.bricks()), 1) {}

  const BrickShape& shape() const { return shape_; }
  const std::uint8_t* at(std::int64_t position) const { return widths_.data() + position * shape_.bricks(); }
  /// All widths, to be set by who has them from elsewhere than values.
  std::uint8_t* widths() { return widths_.data(); }

  /// Takes in `count` consecutive channels of one position, given as container codes.
  void absorb(std::int64_t position, std::int64_t first_channel, std::int64_t count,
              const std::uint16_t* containers, const ValueFormat& format);

  /// Takes in a whole tensor of shape (positions' outer, channels, inner...): one pass.
  void absorb(const Tensor& tensor, const ValueFormat& format);

 private:
  BrickShape shape_;
  std::vector<std::uint8_t> widths_;
};

}  // namespace dpred
