// Width and non-zeros of every codec group: enough to know every size of a stream without encoding it.
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/stream_layout.h"
#include "models/precision/value_format.h"

namespace dpred {

/// One entry a group, in stream order.
struct WidthMap {
  std::vector<std::uint8_t> width;       ///< of the container codes, 1..B; an all-zero group has width 1
  std::vector<std::uint16_t> non_zeros;  ///< 0..values of the group

  /// One pass over the tensor.
  static WidthMap of(const Tensor& tensor, const ValueFormat& format, const StreamLayout& layout);
};

}  // namespace dpred
