// Sixteen values at a time: each gets a window of the stream, is shifted into place, and zeros are put
// between them by one expansion.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "models/codec/bit_packer.h"
#include "models/codec/dpred_group.h"
#include "models/codec/dpred_groups_x86.h"
#include "workloads/divide_up.h"

#if defined(__x86_64__)
#if !defined(__clang__)
// g++ 12 warns of its own _mm512_undefined_epi32() in these headers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define DPRED_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")))
#define DPRED_AVX512_INLINE [[gnu::always_inline]] inline DPRED_AVX512
#endif

namespace dpred {

#if defined(__x86_64__)

namespace {

using group_code::BitPacker, group_code::StoredWidths, group_code::most_group_bits;

constexpr std::int64_t lanes = 16;

/// Where value i of `width` bits lies among bits that start at bit 0: a window of two containers' bytes, and
/// the shift that puts the value's top bit at the top of the window.
template <class Value>
struct alignas(64) Windows {
  static constexpr std::size_t bytes = 2 * sizeof(Value);
  using Shift = std::conditional_t<sizeof(Value) == 1, std::uint16_t, std::uint32_t>;
  std::array<std::uint8_t, lanes * bytes> byte{};
  std::array<Shift, lanes> shift{};
};

template <class Value>
constexpr std::array<Windows<Value>, 8 * sizeof(Value) + 1> all_windows() {
  std::array<Windows<Value>, 8 * sizeof(Value) + 1> all{};
  for (std::size_t width = 1; width < all.size(); ++width) {
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::size_t bit = i * width;
      for (std::size_t b = 0; b < Windows<Value>::bytes; ++b)
        all[width].byte[i * Windows<Value>::bytes + b] = static_cast<std::uint8_t>(bit / 8 + b);
      all[width].shift[i] =
          static_cast<typename Windows<Value>::Shift>(8 * Windows<Value>::bytes - width - bit % 8);
    }
  }
  return all;
}

template <class Value>
constexpr std::array<Windows<Value>, 8 * sizeof(Value) + 1> windows = all_windows<Value>();

/// Sixteen values of `width` bits from a bit position on, those whose bit is set in `present`; zeros
/// elsewhere. Reads 64 bytes. Returns which of the values are not zero.
DPRED_AVX512_INLINE std::uint32_t unpack_lanes(const std::uint8_t* bytes, std::size_t position,
                                               unsigned width, bool is_signed, std::uint32_t present,
                                               std::uint8_t* values) {
  const __m256i from = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + position / 8));
  const __m256i following = _mm256_alignr_epi64(from, from, 1);
  const __m256i bits =
      _mm256_shrdv_epi64(from, following, _mm256_set1_epi64x(static_cast<long long>(position % 8)));
  const Windows<std::uint8_t>& w = windows<std::uint8_t>[width];
  const __m256i window =
      _mm256_permutexvar_epi8(_mm256_load_si256(reinterpret_cast<const __m256i*>(w.byte.data())), bits);
  const __m256i top =
      _mm256_sllv_epi16(window, _mm256_load_si256(reinterpret_cast<const __m256i*>(w.shift.data())));
  const __m128i down = _mm_cvtsi32_si128(static_cast<int>(16 - width));
  const __m256i wide = is_signed ? _mm256_sra_epi16(top, down) : _mm256_srl_epi16(top, down);
  const __m128i x = _mm_maskz_expand_epi8(static_cast<__mmask16>(present), _mm256_cvtepi16_epi8(wide));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(values), x);
  return _mm_test_epi8_mask(x, x);
}

DPRED_AVX512_INLINE std::uint32_t unpack_lanes(const std::uint8_t* bytes, std::size_t position,
                                               unsigned width, bool is_signed, std::uint32_t present,
                                               std::uint16_t* values) {
  const __m512i from = _mm512_loadu_si512(bytes + position / 8);
  const __m512i following = _mm512_alignr_epi64(from, from, 1);
  const __m512i bits =
      _mm512_shrdv_epi64(from, following, _mm512_set1_epi64(static_cast<long long>(position % 8)));
  const Windows<std::uint16_t>& w = windows<std::uint16_t>[width];
  const __m512i window = _mm512_permutexvar_epi8(_mm512_load_si512(w.byte.data()), bits);
  const __m512i top = _mm512_sllv_epi32(window, _mm512_load_si512(w.shift.data()));
  const __m128i down = _mm_cvtsi32_si128(static_cast<int>(32 - width));
  const __m512i wide = is_signed ? _mm512_sra_epi32(top, down) : _mm512_srl_epi32(top, down);
  const __m256i x = _mm256_maskz_expand_epi16(static_cast<__mmask16>(present), _mm512_cvtepi32_epi16(wide));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), x);
  return _mm256_test_epi16_mask(x, x);
}

/// 32 bits of a stream from a bit position on; reads 8 bytes.
DPRED_AVX512_INLINE std::uint32_t bits_at(const std::uint8_t* bytes, std::size_t position) {
  std::uint64_t word;
  std::memcpy(&word, bytes + position / 8, sizeof word);
  return static_cast<std::uint32_t>(word >> position % 8);
}

/// Decodes a group of which 64 bytes more than its bits are in the stream, and whose values may be followed
/// by others up to sixteen. Returns where it ends, or 0 where a value that is marked non-zero is zero.
template <class Value, bool zero>
DPRED_AVX512_INLINE std::size_t unpack_group(const std::uint8_t* bytes, std::size_t position,
                                             std::int64_t count, bool is_signed, Value* values) {
  constexpr int field = width_field(8 * sizeof(Value));
  const std::size_t zero_vector = position;
  if (zero) position += static_cast<std::size_t>(count);
  const unsigned width = (bits_at(bytes, position) & ((1u << field) - 1)) + 1;
  position += field;
  std::uint32_t missing = 0;
  for (std::int64_t at = 0; at < count; at += lanes) {
    std::uint32_t present = 0xffff;
    if (count - at < lanes) present >>= lanes - (count - at);
    if (zero) present &= bits_at(bytes, zero_vector + static_cast<std::size_t>(at));
    const std::uint32_t non_zero = unpack_lanes(bytes, position, width, is_signed, present, values + at);
    if (zero) missing |= present & ~non_zero;
    position += width * static_cast<unsigned>(__builtin_popcount(present));
  }
  return missing == 0 ? position : 0;
}

/// The `present` of sixteen values, and zeros; nothing else is read.
DPRED_AVX512_INLINE __m128i load_lanes(const std::uint8_t* values, std::uint32_t present) {
  return _mm_maskz_loadu_epi8(static_cast<__mmask16>(present), values);
}
DPRED_AVX512_INLINE __m256i load_lanes(const std::uint16_t* values, std::uint32_t present) {
  return _mm256_maskz_loadu_epi16(static_cast<__mmask16>(present), values);
}

DPRED_AVX512_INLINE std::uint32_t non_zero(__m128i x) {
  return _mm_test_epi8_mask(x, x);
}
DPRED_AVX512_INLINE std::uint32_t non_zero(__m256i x) {
  return _mm256_test_epi16_mask(x, x);
}

/// What decides the width of sixteen values: see folded().
DPRED_AVX512_INLINE __m128i folded_lanes(__m128i x, bool is_signed) {
  return is_signed ? _mm_xor_si128(x, _mm_movm_epi8(_mm_movepi8_mask(x))) : x;
}
DPRED_AVX512_INLINE __m256i folded_lanes(__m256i x, bool is_signed) {
  return is_signed ? _mm256_xor_si256(x, _mm256_srai_epi16(x, 15)) : x;
}

DPRED_AVX512_INLINE __m128i either(__m128i a, __m128i b) {
  return _mm_or_si128(a, b);
}
DPRED_AVX512_INLINE __m256i either(__m256i a, __m256i b) {
  return _mm256_or_si256(a, b);
}

/// The OR of all lanes, in its lowest bits; those above are of no meaning.
DPRED_AVX512_INLINE std::uint64_t or_of_lanes(__m128i x) {
  const auto half = static_cast<std::uint64_t>(_mm_extract_epi64(x, 0) | _mm_extract_epi64(x, 1));
  const std::uint64_t quarter = half | half >> 32;
  const std::uint64_t eighth = quarter | quarter >> 16;
  return eighth | eighth >> 8;
}
DPRED_AVX512_INLINE std::uint64_t or_of_lanes(__m256i x) {
  const __m128i y = _mm_or_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  const auto half = static_cast<std::uint64_t>(_mm_extract_epi64(y, 0) | _mm_extract_epi64(y, 1));
  const std::uint64_t quarter = half | half >> 32;
  return quarter | quarter >> 16;
}

/// The `present` lanes without gaps, then zeros.
DPRED_AVX512_INLINE void store_without_gaps(__m128i x, std::uint32_t present, std::uint64_t* words) {
  _mm_store_si128(reinterpret_cast<__m128i*>(words),
                  _mm_maskz_compress_epi8(static_cast<__mmask16>(present), x));
}
DPRED_AVX512_INLINE void store_without_gaps(__m256i x, std::uint32_t present, std::uint64_t* words) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(words),
                     _mm256_maskz_compress_epi16(static_cast<__mmask16>(present), x));
}

template <class Value, bool zero>
DPRED_AVX512_INLINE void pack_group(const Value* values, std::int64_t count, bool is_signed,
                                    const std::uint8_t* stored_width, BitPacker& out) {
  constexpr int bits = 8 * sizeof(Value);
  constexpr unsigned in_word = 8 / sizeof(Value);
  const auto inside = [count](std::int64_t at) DPRED_AVX512 {
    return count - at < lanes ? 0xffffu >> (lanes - (count - at)) : 0xffffu;
  };
  auto deciding = folded_lanes(load_lanes(values, inside(0)), is_signed);
  for (std::int64_t at = lanes; at < count; at += lanes)
    deciding = either(deciding, folded_lanes(load_lanes(values + at, inside(at)), is_signed));
  const auto folded_or = static_cast<std::uint32_t>(or_of_lanes(deciding) & ((1u << bits) - 1));
  const unsigned width = stored_width[width_of_folded(folded_or, is_signed)];
  if (zero) {
    std::int64_t at = 0;
    for (; at + lanes < count; at += lanes)
      out.put(non_zero(load_lanes(values + at, inside(at))), lanes);
    // The last part of the zero vector, and W behind it.
    const std::uint64_t last = non_zero(load_lanes(values + at, inside(at)));
    out.put(last | std::uint64_t{width - 1} << (count - at),
            static_cast<unsigned>(count - at) + width_field(bits));
  } else {
    out.put(width - 1, width_field(bits));
  }
  const std::uint64_t value_bits =
      (~std::uint64_t{0} / ((std::uint64_t{1} << bits) - 1)) * ((1u << width) - 1);
  for (std::int64_t at = 0; at < count; at += lanes) {
    const auto x = load_lanes(values + at, inside(at));
    const std::uint32_t stored = zero ? non_zero(x) : inside(at);
    alignas(32) std::uint64_t words[lanes / in_word];
    store_without_gaps(x, stored, words);
    const auto number = static_cast<unsigned>(__builtin_popcount(stored));
    for (unsigned i = 0; i < number; i += in_word)
      out.put(_pext_u64(words[i / in_word], value_bits), width * std::min(in_word, number - i));
  }
}

template <class Value, bool zero>
DPRED_AVX512 void pack(const StreamFormat& format, const StreamRows& rows, const Value* values,
                       BitWriter& out) {
  const StoredWidths stored_width(format);
  BitPacker packer(out, most_group_bits(format, rows));
  const std::int64_t total = rows.values();
  const std::int64_t run = rows.section.run;
  const bool is_signed = format.values.is_signed;
  for (std::int64_t first = 0; first < total; first += run) {
    for (std::int64_t at = 0; at < run; at += rows.group) {
      pack_group<Value, zero>(values + first + at, std::min(rows.group, run - at), is_signed,
                              stored_width.data(), packer);
    }
  }
  packer.close();
}

template <class Value, bool zero>
DPRED_AVX512 void unpack(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values) {
  const std::uint8_t* bytes = in.bytes();
  std::size_t position = in.position();
  const std::size_t end = position + in.left();
  const std::int64_t total = rows.values();
  const std::int64_t run = rows.section.run;
  const bool is_signed = format.values.is_signed;
  for (std::int64_t first = 0; first < total; first += run) {
    for (std::int64_t at = 0; at < run; at += rows.group) {
      const std::int64_t count = std::min(rows.group, run - at);
      Value* group = values + first + at;
      const auto most_bits = static_cast<std::size_t>(count) * (8 * sizeof(Value) + 1) + 4 + 8 * 64;
      const bool is_inside =
          position + most_bits <= end && first + at + divide_up(count, lanes) * lanes <= total;
      const std::size_t next =
          is_inside ? unpack_group<Value, zero>(bytes, position, count, is_signed, group) : 0;
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

}  // namespace

bool has_avx512_vbmi2() {
  static const bool has = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0 &&
                          __builtin_cpu_supports("avx512vbmi") != 0 &&
                          __builtin_cpu_supports("avx512vbmi2") != 0;
  return has;
}

template <class Value>
void encode_groups_avx512(const StreamFormat& format, const StreamRows& rows, const Value* values,
                          BitWriter& out) {
  if (format.mode == TensorMode::coded_zero) return pack<Value, true>(format, rows, values, out);
  pack<Value, false>(format, rows, values, out);
}

template <class Value>
void decode_groups_avx512(const StreamFormat& format, const StreamRows& rows, BitReader& in, Value* values) {
  if (format.mode == TensorMode::coded_zero) return unpack<Value, true>(format, rows, in, values);
  unpack<Value, false>(format, rows, in, values);
}

#else

bool has_avx512_vbmi2() {
  return false;
}

template <class Value>
void encode_groups_avx512(const StreamFormat&, const StreamRows&, const Value*, BitWriter&) {
  throw std::logic_error("this processor has no AVX-512 VBMI2");
}

template <class Value>
void decode_groups_avx512(const StreamFormat&, const StreamRows&, BitReader&, Value*) {
  throw std::logic_error("this processor has no AVX-512 VBMI2");
}

#endif

template void encode_groups_avx512(const StreamFormat&, const StreamRows&, const std::uint8_t*, BitWriter&);
template void encode_groups_avx512(const StreamFormat&, const StreamRows&, const std::uint16_t*, BitWriter&);
template void decode_groups_avx512(const StreamFormat&, const StreamRows&, BitReader&, std::uint8_t*);
template void decode_groups_avx512(const StreamFormat&, const StreamRows&, BitReader&, std::uint16_t*);

}  // namespace dpred
