// The table of an apack stream: ranges of values, and how likely each is. Format and search:
// docs/contracts.md, "The apack stream".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/codec/bit_stream.h"

namespace dpred {

/// 16 ranges of container codes that cover all of them, in ascending order. A range without a share of the
/// counts has no code: none of its values can be stored.
struct ApackTable {
  static constexpr std::size_t ranges = 16;
  static constexpr int count_bits = 10;
  static constexpr std::uint32_t all_counts = 1u << count_bits;

  std::array<std::uint32_t, ranges + 1> start{};      ///< first value; the last entry is 2^B
  std::array<std::uint8_t, ranges> offset_bits{};     ///< of a value's distance from the range's start
  std::array<std::uint32_t, ranges + 1> counts_to{};  ///< counts of all ranges before; the last is 1024

  /// The table for a tensor with these value_counts(), of which some must be above 0.
  static ApackTable of(const std::vector<std::uint64_t>& value_counts);
  /// StreamError, with the bit of the header, if these bytes are no table of values of `bits` bits.
  static ApackTable from_header(const std::vector<std::uint8_t>& header, int bits);
  std::vector<std::uint8_t> header() const;

  std::uint32_t count(std::size_t range) const { return counts_to[range + 1] - counts_to[range]; }
  std::size_t range_of(std::uint32_t value) const { return last_not_above(start, value); }
  std::size_t range_at(std::uint32_t count) const { return last_not_above(counts_to, count); }
  /// The most bits of a stored value, times 2^16.
  std::uint64_t most_bits() const;

 private:
  static std::size_t last_not_above(const std::array<std::uint32_t, ranges + 1>& sorted,
                                    std::uint32_t limit) {
    std::size_t at = 0;
    for (std::size_t step = ranges / 2; step > 0; step /= 2)
      at += sorted[at + step] <= limit ? step : 0;
    return at;
  }
};

}  // namespace dpred
