// Bit deposit and extract unpack and pack eight bytes of values at a time, and leave out zeros on the way.
#include "models/codec/dpred_groups_x86.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "models/codec/bit_packer.h"
#include "models/codec/dpred_group.h"
#include "workloads/divide_up.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define DPRED_BMI2 __attribute__((target("bmi,bmi2,popcnt,lzcnt")))
#define DPRED_BMI2_INLINE [[gnu::always_inline]] inline DPRED_BMI2
#endif

namespace dpred {

#if defined(__x86_64__)

namespace {

using group_code::BitPacker, group_code::StoredWidths, group_code::most_group_bits;

/// Eight bytes of values in a register. A *lane* is one value.
template <class Value>
struct Lanes {
  static constexpr int bits = 8 * sizeof(Value);
  static constexpr int count = 8 / sizeof(Value);
  static constexpr std::uint64_t all = (std::uint64_t{1} << bits) - 1;  ///< of one lane
  static constexpr std::uint64_t ones = ~std::uint64_t{0} / all;        ///< the lowest bit of each lane
  static constexpr std::uint64_t tops = ones << (bits - 1);             ///< the highest
  /// All bits of the lanes whose lowest bit is set in `lowest`, which has no others.
  static constexpr std::uint64_t filled(std::uint64_t lowest) { return (lowest << (bits - 1) << 1) - lowest; }
  /// The lowest bit of each lane that isn't zero.
  static constexpr std::uint64_t non_zero(std::uint64_t x) {
    return ((((x & ~tops) + ~tops) | x) & tops) >> (bits - 1);
  }
};

/// 64 bits of a stream from a bit position on; reads 9 bytes.
DPRED_BMI2_INLINE std::uint64_t bits_at(const std::uint8_t* bytes, std::size_t position) {
  const std::uint8_t* at = bytes + position / 8;
  const auto shift = static_cast<unsigned>(position % 8);
  std::uint64_t low;
  std::memcpy(&low, at, sizeof low);
  return low >> shift | (std::uint64_t{at[8]} << 1) << (63 - shift);
}

constexpr std::uint64_t lowest_bits(std::int64_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Decodes a group whose header and values, and 16 bytes more, are in the stream, and whose values may be
/// followed by others up to a whole register. Returns where it ends, or 0 where a value that is marked
/// non-zero is zero.
template <class Value, bool zero>
DPRED_BMI2_INLINE std::size_t unpack_group(const std::uint8_t* bytes, std::size_t position,
                                           std::int64_t count, bool is_signed, Value* values) {
  using L = Lanes<Value>;
  constexpr int field = width_field(L::bits);
  const std::size_t zero_vector = position;
  if (zero) position += static_cast<std::size_t>(count);
  const auto width = static_cast<unsigned>(bits_at(bytes, position) & lowest_bits(field)) + 1;
  position += field;
  const std::uint64_t value_bits = L::ones * lowest_bits(width);
  // Multiplied by a lane's sign, 0 or 1: the bits above its width.
  const std::uint64_t extension = is_signed ? (L::all << width) & L::all : 0;
  std::uint64_t missing = 0;
  for (std::int64_t at = 0; at < count; at += L::count) {
    const std::int64_t left = count - at;
    std::uint64_t present = L::ones;  // the lowest bit of each lane that is stored
    if (left < L::count) present &= lowest_bits(left * L::bits);
    if (zero) present = _pdep_u64(bits_at(bytes, zero_vector + static_cast<std::size_t>(at)), present);
    const std::uint64_t mask = L::filled(present) & value_bits;
    std::uint64_t x = _pdep_u64(bits_at(bytes, position), mask);
    position += width * static_cast<unsigned>(__builtin_popcountll(present));
    if (zero) missing |= L::non_zero(x) ^ present;
    x |= ((x >> (width - 1)) & present) * extension;
    std::memcpy(values + at, &x, sizeof x);
  }
  return missing == 0 ? position : 0;
}

template <class Value, bool zero>
DPRED_BMI2 void unpack(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values) {
  using L = Lanes<Value>;
  const std::uint8_t* bytes = in.bytes();
  std::size_t position = in.position();
  const std::size_t end = position + in.left();
  const std::int64_t total = rows.values();
  const std::int64_t run = rows.section.run;
  for (std::int64_t first = 0; first < total; first += run) {
    for (std::int64_t at = 0; at < run; at += rows.group) {
      const std::int64_t count = std::min(rows.group, run - at);
      Value* group = values + first + at;
      const auto most_bits = static_cast<std::size_t>(count * (L::bits + 1) + 4 + 128);
      const bool is_inside = position + most_bits <= end &&
                             first + at + divide_up<std::int64_t>(count, L::count) * L::count <= total;
      const std::size_t next =
          is_inside ? unpack_group<Value, zero>(bytes, position, count, format.values.is_signed, group) : 0;
      if (next == 0) {  // at the ends of stream and values, and where the stream is wrong
        in.seek(position);
        group_code::decode_group(format, count, in, group);
        position = in.position();
      } else {
        position = next;
      }
    }
  }
  in.seek(position);
}

template <class Value>
DPRED_BMI2_INLINE std::uint64_t load_lanes(const Value* values, std::int64_t count, std::int64_t readable) {
  using L = Lanes<Value>;
  std::uint64_t x = 0;
  if (readable >= L::count) {
    std::memcpy(&x, values, sizeof x);
  } else {
    std::memcpy(&x, values, static_cast<std::size_t>(count) * sizeof(Value));
  }
  return count >= L::count ? x : x & lowest_bits(count * L::bits);
}

/// `readable`: values up to the end of the array, at least `count`.
template <class Value, bool zero>
DPRED_BMI2_INLINE void pack_group(const Value* values, std::int64_t count, std::int64_t readable,
                                  bool is_signed, const std::uint8_t* stored_width, BitPacker& out) {
  using L = Lanes<Value>;
  std::uint64_t deciding = 0;
  for (std::int64_t at = 0; at < count; at += L::count) {
    const std::uint64_t x = load_lanes(values + at, count - at, readable - at);
    deciding |= is_signed ? x ^ L::filled((x & L::tops) >> (L::bits - 1)) : x;
  }
  for (int half = 32; half >= L::bits; half /= 2)
    deciding |= deciding >> half;
  const auto folded_or = static_cast<std::uint32_t>(deciding & L::all);
  const unsigned width = stored_width[width_of_folded(folded_or, is_signed)];
  constexpr std::int64_t chunk = 32;  // values whose zero vector is put at once
  if (zero) {
    for (std::int64_t part = 0; part < count; part += chunk) {
      const std::int64_t some = std::min(chunk, count - part);
      std::uint64_t vector = 0;
      for (std::int64_t at = 0; at < some; at += L::count) {
        const std::uint64_t x = load_lanes(values + part + at, some - at, readable - part - at);
        vector |= _pext_u64(L::non_zero(x), L::ones) << at;
      }
      out.put(vector, static_cast<unsigned>(some));
    }
  }
  out.put(width - 1, width_field(L::bits));
  const std::uint64_t value_bits = L::ones * lowest_bits(width);
  for (std::int64_t at = 0; at < count; at += L::count) {
    const std::int64_t left = std::min<std::int64_t>(count - at, L::count);
    const std::uint64_t x = load_lanes(values + at, left, readable - at);
    const std::uint64_t present = zero ? L::non_zero(x) : L::ones & lowest_bits(left * L::bits);
    const std::uint64_t packed = _pext_u64(x, L::filled(present) & value_bits);
    out.put(packed, width * static_cast<unsigned>(__builtin_popcountll(present)));
  }
}

template <class Value, bool zero>
DPRED_BMI2 void pack(const StreamFormat& format, const StreamRows& rows, const Value* values,
                     BitWriter& out) {
  const StoredWidths stored_width(format);
  BitPacker packer(out, most_group_bits(format, rows));
  const std::int64_t total = rows.values();
  const std::int64_t run = rows.section.run;
  const bool is_signed = format.values.is_signed;
  for (std::int64_t first = 0; first < total; first += run) {
    for (std::int64_t at = 0; at < run; at += rows.group) {
      pack_group<Value, zero>(values + first + at, std::min(rows.group, run - at), total - first - at,
                              is_signed, stored_width.data(), packer);
    }
  }
  packer.close();
}

}  // namespace

bool has_bmi2() {
  static const bool has = __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  return has;
}

template <class Value>
void encode_groups_bmi2(const StreamFormat& format, const StreamRows& rows, const Value* values,
                        BitWriter& out) {
  if (format.mode == TensorMode::coded_zero) return pack<Value, true>(format, rows, values, out);
  pack<Value, false>(format, rows, values, out);
}

template <class Value>
void decode_groups_bmi2(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values) {
  if (format.mode == TensorMode::coded_zero) return unpack<Value, true>(format, rows, in, values);
  unpack<Value, false>(format, rows, in, values);
}

#else

bool has_bmi2() {
  return false;
}

template <class Value>
void encode_groups_bmi2(const StreamFormat&, const StreamRows&, const Value*, BitWriter&) {
  throw std::logic_error("this processor has no BMI2");
}

template <class Value>
void decode_groups_bmi2(const StreamFormat&, const StreamRows&, BitReader&, Value*) {
  throw std::logic_error("this processor has no BMI2");
}

#endif

template void encode_groups_bmi2(const StreamFormat&, const StreamRows&, const std::uint8_t*, BitWriter&);
template void encode_groups_bmi2(const StreamFormat&, const StreamRows&, const std::uint16_t*, BitWriter&);
template void decode_groups_bmi2(const StreamFormat&, const StreamRows&, BitReader&, std::uint8_t*);
template void decode_groups_bmi2(const StreamFormat&, const StreamRows&, BitReader&, std::uint16_t*);

}  // namespace dpred
