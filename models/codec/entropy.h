// A bound to hold codecs against: what no code of single values can go below.
#pragma once

#include "models/codec/codec.h"

namespace dpred {

/// The bound among the names of codecs. It has sizes only, and nothing that encodes.
inline constexpr std::string_view entropy_name = "entropy";

/// Order-0 entropy of the tensor's container codes times their number, rounded up to whole bits, as
/// payload_bits. No metadata, pointers or padding.
StreamSizes entropy_sizes(const Tensor& tensor, const ValueFormat& format);

}  // namespace dpred
