// Bits packed least significant first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dpred {

/// Appends bits to a byte vector. The last byte is padded with zeros.
class BitWriter {
 public:
  explicit BitWriter(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  /// Appends the lowest `count` bits of `value`, 0..32; the bits above must be zero.
  void put(std::uint32_t value, int count) {
    pending_ |= std::uint64_t{value} << used_;
    used_ += count;
    while (used_ >= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(pending_));
      pending_ >>= 8;
      used_ -= 8;
    }
  }
  /// Zero-pads to a byte.
  void align() {
    if (used_ > 0) bytes_.push_back(static_cast<std::uint8_t>(pending_));
    pending_ = 0;
    used_ = 0;
  }

 private:
  std::vector<std::uint8_t>& bytes_;
  std::uint64_t pending_ = 0;
  int used_ = 0;
};

/// Reads bits from a byte range, never outside it.
class BitReader {
 public:
  /// A position behind the end is the end: there is nothing to read.
  BitReader(const std::uint8_t* bytes, std::size_t size, std::size_t position = 0)
      : bytes_(bytes), end_(size * 8), position_(std::min(position, end_)) {}

  std::size_t position() const { return position_; }  ///< in bits from the start of the range
  std::size_t left() const { return end_ - position_; }
  bool has(std::size_t count) const { return count <= left(); }

  /// The next `count` bits, 0..32. The caller has checked has(count).
  std::uint32_t get(int count) {
    const std::size_t byte = position_ / 8;
    const std::size_t available = end_ / 8 - byte;
    std::uint64_t window = 0;
    for (std::size_t i = 0; i < 5 && i < available; ++i)
      window |= std::uint64_t{bytes_[byte + i]} << (8 * i);
    window >>= position_ % 8;
    position_ += static_cast<std::size_t>(count);
    return static_cast<std::uint32_t>(window & ((std::uint64_t{1} << count) - 1));
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t end_;
  std::size_t position_;
};

}  // namespace dpred
