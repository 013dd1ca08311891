// Packing and unpacking of the dpred stream's groups. Format: docs/contracts.md, "The dpred stream".
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/codec.h"

namespace dpred {

/// Which code packs and unpacks groups. All give the same bits and values, and the same errors.
enum class GroupCode : std::uint8_t {
  plain,  ///< portable loops
  bmi2,   ///< bit deposit and extract on eight bytes of values at a time
  avx512  ///< VBMI2: sixteen values at a time
};

/// Those that this processor can run, the fastest last.
const std::vector<GroupCode>& group_codes();

/// Bits of a group's width field W.
constexpr int width_field(int bits) {
  return bits == 8 ? 3 : 4;
}

/// Appends all groups of these rows. `Value` is std::uint8_t for 8-bit containers, std::uint16_t for 16-bit
/// ones; `format` is not raw.
template <class Value>
void encode_groups(const StreamFormat& format, const StreamRows& rows, const Value* values, BitWriter& out,
                   GroupCode code = group_codes().back());

/// The inverse. StreamError as of Codec::decode_rows().
template <class Value>
void decode_groups(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values,
                   GroupCode code = group_codes().back());

}  // namespace dpred
