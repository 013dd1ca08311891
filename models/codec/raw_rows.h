// Rows of container codes as they are: the raw codec, and the bypass of the others.
#pragma once

#include "models/codec/codec.h"

namespace dpred {

/// The plan of a stream whose values all have `width` bits, without metadata.
StreamPlan plan_one_width(const StreamLayout& layout, const StreamFormat& format, int width);

StreamPlan plan_raw(const StreamLayout& layout, const ValueFormat& values);
/// The plan of the codec's own stream, or mode raw where that isn't larger.
StreamPlan coded_or_raw(StreamPlan coded, const CodecInput& input);
std::uint64_t raw_bits(const StreamFormat& format, const StreamRows& rows);
void encode_raw(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                BitWriter& out);
void decode_raw(const StreamFormat& format, const StreamRows& rows, BitReader& in, std::uint8_t* containers);

}  // namespace dpred
