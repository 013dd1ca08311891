// Width and non-zeros of every codec group: enough to know every size of a stream without encoding it.
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/stream_layout.h"
#include "models/precision/value_format.h"
#include "models/precision/width.h"

namespace dpred {

/// One entry a group, in stream order.
struct WidthMap {
  std::vector<std::uint8_t> width;       ///< of the container codes, 1..B; an all-zero group has width 1
  std::vector<std::uint16_t> non_zeros;  ///< 0..values of the group

  /// One pass over the tensor. Widths are those of values stored with this form of sign.
  static WidthMap of(const Tensor& tensor, const ValueFormat& format, const StreamLayout& layout,
                     SignForm sign = SignForm::twos_complement);
};

}  // namespace dpred
