// What the writer and the reader of test vectors agree on.
#pragma once

#include <string>
#include <vector>

#include "models/codec/dpred_codec_c.h"

namespace dpred {

constexpr int vectors_schema = 1;

// Choices in vectors.json, in the order of the numbers of the C interface.
inline const std::vector<std::string> vector_modes{"raw", "widths", "widths+Z"};
inline const std::vector<std::string> vector_signs{"twos-complement", "sign-magnitude"};
inline const std::vector<std::string> vector_widths{"any", "even", "pow2"};

/// Digits of a hexadecimal word of so many bits.
constexpr std::size_t hex_digits(std::size_t bits) {
  return (bits + 3) / 4;
}

}  // namespace dpred
