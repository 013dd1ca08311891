// Brick maps of a network's tensors, each found once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "models/array/fold.h"

namespace dpred {

/// Widths do not depend on the design, nor on what an array has beside its lanes: one map of a tensor serves
/// all design points with the same lanes, conv groups and fold.
class BrickMaps {
 public:
  /// The map of a tensor, which must stay where it is. `format` is the tensor's own.
  std::shared_ptr<const BrickMap> of(const Tensor& tensor, const ValueFormat& format,
                                     const OperandBricks& bricks);

  std::size_t size() const { return maps_.size(); }

 private:
  /// Lanes, groups, channels and positions; fold factor, pads at top and left, columns of what is made.
  using Bricks = std::array<std::int64_t, 8>;
  std::map<std::pair<const Tensor*, Bricks>, std::shared_ptr<const BrickMap>> maps_;
};

}  // namespace dpred
