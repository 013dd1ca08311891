// Groups of the dpred stream with instructions that not every x86-64 processor has.
#pragma once

#include "models/codec/dpred_groups.h"

namespace dpred {

/// Whether this processor can run the functions below. Where it can't, they must not be called.
bool has_bmi2();
bool has_avx512_vbmi2();

/// As encode_groups() and decode_groups(), for values in two's complement.
template <class Value>
void encode_groups_bmi2(const StreamFormat& format, const StreamRows& rows, const Value* values,
                        BitWriter& out);
template <class Value>
void decode_groups_bmi2(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values);
template <class Value>
void encode_groups_avx512(const StreamFormat& format, const StreamRows& rows, const Value* values,
                          BitWriter& out);
template <class Value>
void decode_groups_avx512(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values);

}  // namespace dpred
