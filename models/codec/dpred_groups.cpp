#include "models/codec/dpred_groups.h"

#include "models/codec/dpred_group.h"
#include "models/codec/dpred_groups_x86.h"

namespace dpred {

const std::vector<GroupCode>& group_codes() {
  static const std::vector<GroupCode> codes = [] {
    std::vector<GroupCode> found{GroupCode::plain};
    if (has_bmi2()) found.push_back(GroupCode::bmi2);
    if (has_bmi2() && has_avx512_vbmi2()) found.push_back(GroupCode::avx512);
    return found;
  }();
  return codes;
}

// Signs that are stored apart have only plain code: they are there to be compared, not to be used.

template <class Value>
void encode_groups(const StreamFormat& format, const StreamRows& rows, const Value* values, BitWriter& out,
                   GroupCode code) {
  if (code != GroupCode::plain && !group_code::in_magnitudes(format)) {
    if (code == GroupCode::avx512) return encode_groups_avx512(format, rows, values, out);
    return encode_groups_bmi2(format, rows, values, out);
  }
  visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
    group_code::encode_group(format, values + first, count, out);
  });
}

template <class Value>
void decode_groups(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values,
                   GroupCode code) {
  if (code != GroupCode::plain && !group_code::in_magnitudes(format)) {
    if (code == GroupCode::avx512) return decode_groups_avx512(format, rows, in, values);
    return decode_groups_bmi2(format, rows, in, values);
  }
  visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
    group_code::decode_group(format, count, in, values + first);
  });
}

template void encode_groups(const StreamFormat&, const StreamRows&, const std::uint8_t*, BitWriter&,
                            GroupCode);
template void encode_groups(const StreamFormat&, const StreamRows&, const std::uint16_t*, BitWriter&,
                            GroupCode);
template void decode_groups(const StreamFormat&, const StreamRows&, BitReader&, std::uint8_t*, GroupCode);
template void decode_groups(const StreamFormat&, const StreamRows&, BitReader&, std::uint16_t*, GroupCode);

}  // namespace dpred
