// Width of a value and of a group: the measure that the whole project is about.
//
// Source: DPRed (arXiv 1804.06732): a group is stored and computed at the width its largest value needs.
// The exact definition is stated in docs/contracts.md, "Values and widths".
#pragma once

#include <cstdint>

namespace dpred {

/// Number of bits of `v` without leading zeros; 0 for 0.
constexpr int bit_length(std::uint32_t v) {
  return v == 0 ? 0 : 32 - __builtin_clz(v);
}

/// The bits of `v` that decide its two's complement width: v for v >= 0, ~v below. The widths of several
/// values have the maximum width_of_folded(OR of the folded values), which is how the hardware's OR trees
/// work.
constexpr std::uint32_t folded(std::int32_t v) {
  return static_cast<std::uint32_t>(v ^ (v >> 31));
}

/// Width of a group from the OR of its folded values. An unsigned zero needs 1 bit, a signed one 1 (its
/// sign).
constexpr int width_of_folded(std::uint32_t folded_or, bool is_signed) {
  const int length = bit_length(folded_or);
  return is_signed ? length + 1 : (length == 0 ? 1 : length);
}

/// How the values of a signed tensor are stored. Unsigned tensors have no sign, and neither form any effect.
enum class SignForm : std::uint8_t {
  twos_complement = 0,
  sign_magnitude = 1  ///< the sign in the top bit of the width, |v| below it
};

/// The bits of a value of a signed tensor that decide its width in sign and magnitude, which is that of their
/// OR by width_of_folded(): |v|, and 0 for -2^(bits-1), which is coded as the other zero.
constexpr std::uint32_t magnitude(std::int32_t v, int bits) {
  return static_cast<std::uint32_t>(v < 0 ? -v : v) & ((1u << (bits - 1)) - 1);
}

/// Widths that can be told apart; others are rounded up to one of these.
enum class WidthRounding : std::uint8_t { any = 0, even = 1, pow2 = 2 };

/// `width` rounded up, never above `most`.
constexpr int rounded_width(int width, WidthRounding rounding, int most) {
  int up = width;
  if (rounding == WidthRounding::even) {
    up = (width + 1) / 2 * 2;
  } else if (rounding == WidthRounding::pow2) {
    up = 1 << bit_length(static_cast<std::uint32_t>(width - 1));
  }
  return up < most ? up : most;
}

/// Width of one value. For an unsigned tensor `v` must not be negative.
constexpr int width_of(std::int32_t v, bool is_signed) {
  return width_of_folded(folded(v), is_signed);
}

}  // namespace dpred
