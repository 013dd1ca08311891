// One group of the dpred stream, in portable code.
#pragma once

#include <algorithm>
#include <cstdint>

#include "models/codec/dpred_groups.h"
#include "models/codec/groups.h"
#include "models/precision/width.h"

namespace dpred::group_code {

inline constexpr std::int64_t chunk = 32;         // values handled at a time
inline constexpr std::int64_t most_values = 256;  // of a group

/// Whether signs are stored apart; unsigned tensors have none.
inline bool in_magnitudes(const StreamFormat& format) {
  return format.values.is_signed && format.sign == SignForm::sign_magnitude;
}

template <class Value>
std::uint32_t folded_or(const ValueFormat& format, const Value* values, std::int64_t count) {
  std::uint32_t bits = 0;
  for (std::int64_t i = 0; i < count; ++i)
    bits |= folded(format.packed_value(values[i]));
  return bits;
}

template <class Value>
std::uint32_t magnitudes_or(const ValueFormat& format, const Value* values, std::int64_t count) {
  std::uint32_t bits = 0;
  for (std::int64_t i = 0; i < count; ++i)
    bits |= magnitude(format.packed_value(values[i]), format.bits);
  return bits;
}

/// Zero, and only zero, becomes zero.
template <class Value>
void to_sign_magnitude(const ValueFormat& format, const Value* values, std::int64_t count, int width,
                       Value* coded) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t value = format.packed_value(values[i]);
    const std::uint32_t sign = std::uint32_t{value < 0} << (width - 1);
    coded[i] = static_cast<Value>(magnitude(value, format.bits) | sign);
  }
}

template <class Value>
void from_sign_magnitude(const ValueFormat& format, int width, std::int64_t count, Value* values) {
  const std::uint32_t sign = 1u << (width - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    if ((values[i] & sign) == 0) continue;
    const std::uint32_t size = values[i] ^ sign;
    const std::uint32_t lowest = 1u << (format.bits - 1);  // coded as the other zero
    values[i] = static_cast<Value>(size == 0 ? lowest : -size & format.mask());
  }
}

template <class Value>
void put_values(const Value* values, std::int64_t count, bool skip_zeros, int width, BitWriter& out) {
  const std::uint32_t mask = (1u << width) - 1;
  for (std::int64_t at = 0; at < count; at += chunk) {
    const std::int64_t end = std::min(at + chunk, count);
    Value stored[chunk];
    std::int64_t n = 0;
    for (std::int64_t i = at; i < end; ++i) {
      // A zero is overwritten, not jumped over: zeros come in no order that could be predicted.
      stored[n] = static_cast<Value>(values[i] & mask);
      n += !skip_zeros || values[i] != 0;
    }
    out.put_all(stored, n, width);
  }
}

/// Gives container codes, but in sign and magnitude the values as they are coded. Returns their width.
template <class Value>
int decode_coded(const StreamFormat& format, std::int64_t count, BitReader& in, Value* values) {
  const bool zero = format.mode == TensorMode::coded_zero;
  const int field = width_field(format.values.bits);
  if (!in.has(static_cast<std::size_t>(field + (zero ? count : 0)))) {
    throw StreamError("the stream ends inside a group's header", in.position());
  }
  const std::int64_t coded = zero ? get_zero_vector(count, in, values) : count;
  const int width = static_cast<int>(in.get(field)) + 1;
  if (!in.has(static_cast<std::size_t>(width) * static_cast<std::size_t>(coded))) {
    throw StreamError("the stream ends inside a group's values", in.position());
  }
  const bool extended = format.values.is_signed && format.sign == SignForm::twos_complement;
  const std::uint32_t mask = format.values.mask();
  const std::uint32_t sign = 1u << (width - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    // A zero is read as no bits, not jumped over: zeros come in no order that could be predicted.
    const int stored = zero ? values[i] : 1;
    std::uint32_t value = in.get(width * stored);
    if (extended) value = ((value ^ sign) - sign) & mask;
    if (zero && value < static_cast<std::uint32_t>(stored)) {
      throw StreamError("a value marked non-zero is zero", in.position());
    }
    values[i] = static_cast<Value>(value);
  }
  return width;
}

/// The most bits of all groups of these rows.
inline std::uint64_t most_group_bits(const StreamFormat& format, const StreamRows& rows) {
  const auto groups = static_cast<std::uint64_t>(rows.rows * rows.section.groups_per_row(rows.group));
  const std::uint64_t bits_a_value = format.values.bits + (format.mode == TensorMode::coded_zero ? 1 : 0);
  return groups * static_cast<std::uint64_t>(width_field(format.values.bits)) +
         static_cast<std::uint64_t>(rows.values()) * bits_a_value;
}

template <class Value>
void encode_group(const StreamFormat& format, const Value* values, std::int64_t count, BitWriter& out) {
  const bool zero = format.mode == TensorMode::coded_zero;
  const bool magnitudes = in_magnitudes(format);
  const int bits = format.values.bits;
  Value in_sign_magnitude[most_values];
  const std::uint32_t deciding =
      magnitudes ? magnitudes_or(format.values, values, count) : folded_or(format.values, values, count);
  const int width = rounded_width(width_of_folded(deciding, format.values.is_signed), format.widths, bits);
  if (magnitudes) {
    to_sign_magnitude(format.values, values, count, width, in_sign_magnitude);
    values = in_sign_magnitude;
  }
  if (zero) put_zero_vector(values, count, out);
  out.put(static_cast<std::uint32_t>(width - 1), width_field(bits));
  put_values(values, count, zero, width, out);
}

template <class Value>
void decode_group(const StreamFormat& format, std::int64_t count, BitReader& in, Value* values) {
  const int width = decode_coded(format, count, in, values);
  if (in_magnitudes(format)) from_sign_magnitude(format.values, width, count, values);
}

}  // namespace dpred::group_code
