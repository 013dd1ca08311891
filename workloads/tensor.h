// A quantised tensor as it was recorded: the codes of an .npy file and what they stand for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// The stored type of a tensor's codes.
enum class DType : std::uint8_t { int8, uint8, int16, uint16 };

std::string_view to_string(DType type);
constexpr std::size_t bytes_of(DType type) {
  return type == DType::int8 || type == DType::uint8 ? 1 : 2;
}
constexpr bool is_signed_type(DType type) {
  return type == DType::int8 || type == DType::int16;
}

/// Four dimensions: (N,C,H,W) of an activation tensor, (K,C/groups,R,S) of a weight tensor.
using Shape = std::array<std::int64_t, 4>;

/// Number of values of a shape. All dimensions are at least 1 and the product fits 63 bits (checked by
/// readers).
constexpr std::int64_t volume(const Shape& s) {
  return s[0] * s[1] * s[2] * s[3];
}

/// The codes of one tensor in the order of `shape`, first dimension outermost.
///
/// The *centred value* of a code is code - zero_point: what the arithmetic means by it. A ReLU zero is code
/// -128 in most int8 networks and centred value 0.
struct Tensor {
  std::string key;  ///< name in the manifest, unique in a network
  Shape shape{1, 1, 1, 1};
  DType dtype = DType::int8;
  int bits = 8;                    ///< container width B: 8 or 16
  std::int32_t zero_point = 0;     ///< in units of codes; within the range of `dtype`
  int frac_bits = 0;               ///< 16-bit fixed point only: value = code * 2^-frac_bits
  std::vector<double> scale;       ///< 8-bit only: one, or one a filter; empty where the manifest has none
  std::vector<std::uint8_t> data;  ///< volume(shape) * bytes_of(dtype) bytes, little-endian

  std::int64_t values() const { return volume(shape); }
  std::int64_t raw_bits() const { return values() * bits; }

  /// Typed pointer to the codes. `T` must be the type that `dtype` names.
  template <class T>
  const T* codes() const {
    return reinterpret_cast<const T*>(data.data());
  }

  /// Calls `f(const T* codes)` with the type that `dtype` names.
  template <class F>
  decltype(auto) visit(F&& f) const {
    switch (dtype) {
      case DType::int8:
        return f(codes<std::int8_t>());
      case DType::uint8:
        return f(codes<std::uint8_t>());
      case DType::int16:
        return f(codes<std::int16_t>());
      default:
        return f(codes<std::uint16_t>());
    }
  }

  /// Code number `i`, widened. Convenient, not fast: loops use visit().
  std::int32_t code(std::int64_t i) const {
    return visit([i](const auto* p) { return static_cast<std::int32_t>(p[i]); });
  }
};

}  // namespace dpred
