// From stored codes to what codecs pack (container codes) and what arrays multiply (centred values).
#pragma once

#include <cstdint>

#include "workloads/tensor.h"

namespace dpred {

/// How the values of one tensor are read. With B = bits:
///   centred value  = code - zero_point               (may need B + 1 bits)
///   container code = centred value modulo 2^B        (two's complement if is_signed, else unsigned)
///   code           = container code + zero_point modulo 2^B, in the range of the stored type
/// Lossless for every zero point.
struct ValueFormat {
  std::uint8_t bits = 8;        ///< B: 8 or 16
  bool is_signed = false;       ///< any centred value of the whole tensor is negative
  bool code_is_signed = false;  ///< the stored type is signed (int8, int16)
  std::int32_t zero_point = 0;  ///< in codes

  std::uint32_t mask() const { return (1u << bits) - 1; }

  std::uint16_t container(std::int32_t code) const {
    return static_cast<std::uint16_t>(static_cast<std::uint32_t>(code - zero_point) & mask());
  }
  /// The container code as the number it stands for in the stream: -2^(B-1)..2^(B-1)-1 or 0..2^B-1.
  std::int32_t packed_value(std::uint16_t container) const {
    if (!is_signed) return container;
    const std::int32_t sign = std::int32_t{1} << (bits - 1);
    return (static_cast<std::int32_t>(container) ^ sign) - sign;
  }
  std::int32_t code(std::uint16_t container) const {
    const std::uint32_t stored = (container + static_cast<std::uint32_t>(zero_point)) & mask();
    if (!code_is_signed) return static_cast<std::int32_t>(stored);
    const std::int32_t sign = std::int32_t{1} << (bits - 1);
    return (static_cast<std::int32_t>(stored) ^ sign) - sign;
  }
  std::int32_t centred(std::uint16_t container) const { return code(container) - zero_point; }

  friend bool operator==(const ValueFormat& a, const ValueFormat& b) {
    return a.bits == b.bits && a.is_signed == b.is_signed && a.code_is_signed == b.code_is_signed &&
           a.zero_point == b.zero_point;
  }
};

/// What one pass over a whole tensor's centred values gives.
struct TensorProfile {
  ValueFormat format;
  int width = 1;  ///< widest centred value: the layer's profiled precision (Pa, Pw); 1..B+1
};

TensorProfile profile_of(const Tensor& tensor);

}  // namespace dpred
