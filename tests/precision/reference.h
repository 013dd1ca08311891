// References written straight from docs/contracts.md, shared by the tests of widths, codecs and schedules.
// They use the library's data types and none of its code.
#pragma once

#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "workloads/tensor.h"

namespace dpred::test {

using Rng = std::mt19937_64;

/// A whole number in low..high, the same on every machine. `Generator` gives 64 bits at a time.
template <class Generator>
std::int64_t draw(Generator& rng, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(high - low + 1));
}

template <class T, class Generator>
T pick(Generator& rng, const std::vector<T>& choices) {
  return choices[static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(choices.size()) - 1))];
}

struct CodeRange {
  std::int32_t low, high;
};

inline CodeRange range_of(DType type) {
  if (type == DType::int8) return {-128, 127};
  if (type == DType::uint8) return {0, 255};
  if (type == DType::int16) return {-32768, 32767};
  return {0, 65535};
}

inline int bits_of(DType type) {
  return type == DType::int8 || type == DType::uint8 ? 8 : 16;
}

/// A tensor of the given codes, in the order of `shape`.
inline Tensor make_tensor(const Shape& shape, DType type, std::int32_t zero_point,
                          const std::vector<std::int32_t>& codes) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.dtype = type;
  tensor.bits = bits_of(type);
  tensor.zero_point = zero_point;
  for (const std::int32_t code : codes) {
    if (code < range_of(type).low || code > range_of(type).high) throw std::invalid_argument("not a code");
    tensor.data.push_back(static_cast<std::uint8_t>(code & 0xff));
    if (tensor.bits == 16) tensor.data.push_back(static_cast<std::uint8_t>(code >> 8 & 0xff));
  }
  return tensor;
}

/// The codes of a tensor, read byte by byte.
inline std::vector<std::int32_t> codes_of(const Tensor& tensor) {
  std::vector<std::int32_t> codes;
  const std::size_t step = tensor.bits == 16 ? 2 : 1;
  for (std::size_t i = 0; i < tensor.data.size(); i += step) {
    std::int32_t code = tensor.data[i];
    if (step == 2) code += 256 * tensor.data[i + 1];
    if (code > range_of(tensor.dtype).high) code -= 1 << tensor.bits;
    codes.push_back(code);
  }
  return codes;
}

/// Centred values: what the arithmetic means by the codes.
inline std::vector<std::int32_t> centred_values(const Tensor& tensor) {
  std::vector<std::int32_t> values = codes_of(tensor);
  for (std::int32_t& value : values)
    value -= tensor.zero_point;
  return values;
}

inline bool any_negative(const std::vector<std::int32_t>& values) {
  for (const std::int32_t value : values) {
    if (value < 0) return true;
  }
  return false;
}

/// The fewest bits, at least one, whose range holds the value.
inline int reference_width(std::int64_t value, bool is_signed) {
  int bits = 1;
  while (true) {
    const std::int64_t values = std::int64_t{1} << bits;
    const std::int64_t low = is_signed ? -values / 2 : 0;
    if (value >= low && value < low + values) return bits;
    ++bits;
  }
}

/// A centred value modulo 2^bits, as the number it stands for in a stream.
inline std::int32_t packed_reference(std::int32_t centred, int bits, bool is_signed) {
  const std::int32_t modulus = 1 << bits;
  std::int32_t value = ((centred % modulus) + modulus) % modulus;
  if (is_signed && value >= modulus / 2) value -= modulus;
  return value;
}

/// Codes in a style that makes streams and widths interesting; the style is drawn too.
template <class Generator>
std::vector<std::int32_t> draw_codes(Generator& rng, std::int64_t count, DType type,
                                     std::int32_t zero_point) {
  const CodeRange range = range_of(type);
  const std::int64_t style = draw(rng, 0, 7);
  std::int64_t magnitude = std::int64_t{1} << draw(rng, 0, bits_of(type));
  std::vector<std::int32_t> codes;
  const auto constant = static_cast<std::int32_t>(draw(rng, range.low, range.high));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t code = zero_point;
    switch (style) {
      case 0:  // all zero
        break;
      case 1:  // the whole range
        code = draw(rng, range.low, range.high);
        break;
      case 2:  // extremes
        code = pick<std::int64_t>(rng, {range.low, range.high, zero_point});
        break;
      case 3:  // one value
        code = constant;
        break;
      case 4:  // sparse
        if (draw(rng, 0, 9) == 0) code += draw(rng, -magnitude, magnitude);
        break;
      case 5:  // never negative
        code += draw(rng, 0, magnitude);
        break;
      default:  // widths that differ from place to place
        if (draw(rng, 0, 3) == 0) magnitude = std::int64_t{1} << draw(rng, 0, bits_of(type));
        code += draw(rng, -magnitude, magnitude);
    }
    if (code < range.low) code = range.low;
    if (code > range.high) code = range.high;
    codes.push_back(static_cast<std::int32_t>(code));
  }
  return codes;
}

template <class Generator>
std::int32_t draw_zero_point(Generator& rng, DType type) {
  const CodeRange range = range_of(type);
  switch (draw(rng, 0, 3)) {
    case 0:
      return range.low;
    case 1:
      return range.high;
    case 2:
      return 0;
    default:
      return static_cast<std::int32_t>(draw(rng, range.low, range.high));
  }
}

template <class Generator>
DType draw_type(Generator& rng) {
  return pick<DType>(rng, {DType::int8, DType::uint8, DType::int16, DType::uint16});
}

template <class Generator>
Tensor draw_tensor(Generator& rng, const Shape& shape, DType type) {
  const std::int32_t zero_point = draw_zero_point(rng, type);
  const std::int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
  return make_tensor(shape, type, zero_point, draw_codes(rng, count, type, zero_point));
}

}  // namespace dpred::test
