// The hash that identifies a network's files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dpred {

/// FNV-1a, 64 bits, over bytes in the order they are added (Fowler, Noll and Vo; offset basis and prime as
/// published). It tells files apart that differ by accident; it is no protection against forgery.
class Fnv1a64 {
 public:
  void add(const void* bytes, std::size_t count) {
    const auto* p = static_cast<const unsigned char*>(bytes);
    std::uint64_t h = value_;
    for (std::size_t i = 0; i < count; ++i)
      h = (h ^ p[i]) * 0x100000001b3u;
    value_ = h;
  }

  std::uint64_t value() const { return value_; }

  /// The value as 16 lower-case hex digits.
  std::string hex() const {
    std::string digits(16, '0');
    for (int i = 0; i < 16; ++i)
      digits[i] = "0123456789abcdef"[value_ >> (60 - 4 * i) & 15];
    return digits;
  }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace dpred
