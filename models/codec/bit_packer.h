// What the fast encoders of groups share: fields of up to 64 bits, kept in registers.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "models/codec/codec.h"

namespace dpred::group_code {

/// Appends to a BitWriter, which must be left alone until close().
class BitPacker {
 public:
  BitPacker(BitWriter& out, std::uint64_t most_bits) : out_(out), at_(out.open(most_bits / 8 + beyond)) {}

  /// The lowest `count` bits of `value`, 0..64; those above must be zero.
  [[gnu::always_inline]] void put(std::uint64_t value, unsigned count) {
    const std::uint64_t low = at_.pending | value << at_.used;
    const std::uint64_t high = (value >> 1) >> (63 - at_.used);
    std::memcpy(at_.bytes, &low, sizeof low);  // little-endian, as tensors are
    const unsigned total = at_.used + count;
    const unsigned whole = total / 8;
    at_.pending = whole == 8 ? high : low >> 8 * whole;
    at_.bytes += whole;
    at_.used = total % 8;
  }

  void close() { out_.close(at_); }

 private:
  static constexpr std::size_t beyond = 16;  // a put stores eight bytes of which some are whole

  BitWriter& out_;
  BitWriter::Room at_;
};

/// The width that is stored for each width: rounded up.
class StoredWidths {
 public:
  explicit StoredWidths(const StreamFormat& format) {
    for (int width = 1; width <= format.values.bits; ++width) {
      stored_[static_cast<std::size_t>(width)] =
          static_cast<std::uint8_t>(rounded_width(width, format.widths, format.values.bits));
    }
  }
  const std::uint8_t* data() const { return stored_.data(); }

 private:
  std::array<std::uint8_t, 17> stored_{};
};

}  // namespace dpred::group_code
