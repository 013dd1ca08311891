// Bits packed least significant first.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace dpred {

/// Appends bits to a byte vector, which holds all of them after align(). The last byte is padded with zeros.
class BitWriter {
 public:
  explicit BitWriter(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  /// Appends the lowest `count` bits of `value`, 0..32; the bits above must be zero.
  void put(std::uint32_t value, int count) {
    pending_ |= std::uint64_t{value} << used_;
    used_ += static_cast<unsigned>(count);
    // Eight bytes are stored of which some are whole: a branch on how many could not be predicted.
    std::memcpy(&staging_[staged_], &pending_, sizeof pending_);  // little-endian, as tensors are
    staged_ += used_ / 8;
    pending_ >>= used_ / 8 * 8;
    used_ %= 8;
    if (staged_ > staging_.size() - sizeof pending_) flush();
  }
  /// Appends values of `width` bits each, 1..16; the bits above must be zero. Two at a time: a put waits for
  /// the one before.
  template <class Value>
  void put_all(const Value* values, std::int64_t count, int width) {
    for (; count >= 2; count -= 2, values += 2)
      put(values[0] | std::uint32_t{values[1]} << width, 2 * width);
    if (count > 0) put(values[0], width);
  }
  /// Appends whole bytes.
  void put_bytes(const std::uint8_t* bytes, std::size_t count) {
    if (used_ > 0) {
      for (std::size_t i = 0; i < count; ++i)
        put(bytes[i], 8);
      return;
    }
    flush();
    bytes_.insert(bytes_.end(), bytes, bytes + count);
  }
  /// For code that packs many fields by itself: a place for them, and the bits that await a whole byte there.
  struct Room {
    std::uint8_t* bytes;    ///< where the pending bits belong
    std::uint64_t pending;  ///< the lowest `used` are bits, the others zero
    unsigned used;          ///< 0..7
  };
  /// Room for `count` bytes, to be given back by close() before anything else is written.
  Room open(std::size_t count) {
    flush();
    const std::size_t size = bytes_.size();
    bytes_.resize(size + count);
    return {bytes_.data() + size, pending_, used_};
  }
  /// `end` is the room behind what was packed.
  void close(const Room& end) {
    bytes_.resize(static_cast<std::size_t>(end.bytes - bytes_.data()));
    pending_ = end.pending;
    used_ = end.used;
  }
  /// Zero-pads to a byte.
  void align() {
    if (used_ > 0) staging_[staged_++] = static_cast<std::uint8_t>(pending_);
    flush();
    pending_ = 0;
    used_ = 0;
  }

 private:
  void flush() {
    if (staged_ == 0) return;
    bytes_.insert(bytes_.end(), staging_.begin(), staging_.begin() + static_cast<std::ptrdiff_t>(staged_));
    staged_ = 0;
  }

  std::vector<std::uint8_t>& bytes_;
  std::array<std::uint8_t, 128> staging_{};
  std::size_t staged_ = 0;     ///< whole bytes
  std::uint64_t pending_ = 0;  ///< bits after them
  unsigned used_ = 0;          ///< number of bits pending, 0..7 between calls
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
  const std::uint8_t* bytes() const { return bytes_; }
  /// Goes on at a position that is not behind the end.
  void seek(std::size_t position) { position_ = position; }

  /// The next 32 bits; those behind the end are zero. Goes no further.
  std::uint32_t peek() const {
    const std::size_t byte = position_ / 8;
    const std::size_t available = end_ / 8 - byte;
    std::uint64_t window = 0;
    if (available >= sizeof window) {
      std::memcpy(&window, bytes_ + byte, sizeof window);  // one load; little-endian, as tensors are
    } else {
      for (std::size_t i = 0; i < available; ++i)
        window |= std::uint64_t{bytes_[byte + i]} << (8 * i);
    }
    return static_cast<std::uint32_t>(window >> position_ % 8);
  }
  /// The next `count` bits, 0..32. The caller has checked has(count).
  std::uint32_t get(int count) {
    const std::uint64_t next = peek();
    position_ += static_cast<std::size_t>(count);
    return static_cast<std::uint32_t>(next & ((std::uint64_t{1} << count) - 1));
  }
  /// The next `count` bytes. The caller has checked has(8 * count).
  void get_bytes(std::uint8_t* bytes, std::size_t count) {
    if (position_ % 8 != 0) {
      for (std::size_t i = 0; i < count; ++i)
        bytes[i] = static_cast<std::uint8_t>(get(8));
      return;
    }
    if (count > 0) std::memcpy(bytes, bytes_ + position_ / 8, count);
    position_ += 8 * count;
  }
  /// The bytes from a position at a whole byte on: left() / 8.
  const std::uint8_t* rest() const { return bytes_ + position_ / 8; }
  /// Jumps over bits. The caller has checked has(count).
  void skip(std::size_t count) { position_ += count; }

 private:
  const std::uint8_t* bytes_;
  std::size_t end_;
  std::size_t position_;
};

}  // namespace dpred
