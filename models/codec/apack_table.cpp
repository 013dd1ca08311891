#include "models/codec/apack_table.h"

#include <algorithm>
#include <limits>
#include <string>

#include "models/codec/codec.h"
#include "models/precision/width.h"

namespace dpred {

namespace {

constexpr int fraction_bits = 16;  // of logarithms
constexpr int length_bits = 5;     // of an entry in the header

std::uint8_t offset_bits_for(std::uint32_t size) {
  return static_cast<std::uint8_t>(bit_length(size - 1));
}

/// log2 in units of 2^-16, rounded down, by squaring a number of 32 bits: whole numbers, so that a tensor's
/// table is the same everywhere.
std::int64_t log2_of(std::uint64_t n) {
  int whole = 0;
  while (n >> whole > 1)
    ++whole;
  std::uint64_t x = whole > 31 ? n >> (whole - 31) : n << (31 - whole);
  std::int64_t log = std::int64_t{whole} << fraction_bits;
  for (int bit = fraction_bits - 1; bit >= 0; --bit) {
    x = x * x >> 31;
    if (x >> 32 != 0) {
      x >>= 1;
      log |= std::int64_t{1} << bit;
    }
  }
  return log;
}

using Starts = std::array<std::uint32_t, ApackTable::ranges + 1>;

class RangeSearch {
 public:
  explicit RangeSearch(const std::vector<std::uint64_t>& value_counts) : counts_to_{0} {
    counts_to_.reserve(value_counts.size() + 1);
    for (const std::uint64_t count : value_counts)
      counts_to_.push_back(counts_to_.back() + count);
  }

  std::uint64_t values(std::uint32_t begin, std::uint32_t end) const {
    return counts_to_[end] - counts_to_[begin];
  }

  Starts run() const {
    const auto codes = static_cast<std::uint32_t>(counts_to_.size() - 1);
    Starts start;
    for (std::uint32_t i = 0; i < start.size(); ++i)
      start[i] = codes / ApackTable::ranges * i;
    for (std::int64_t step = codes / most_steps; step > 0; step /= 2) {
      while (move_starts(start, step)) {
      }
    }
    return start;
  }

 private:
  static constexpr std::int64_t most_steps = 256;  // that a start is moved at a time

  /// Bits of the values of a range, times 2^16, but for what doesn't depend on where ranges start.
  std::int64_t cost(std::int64_t begin, std::int64_t end) const {
    const std::uint64_t n = values(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
    if (n == 0) return 0;
    const std::int64_t offset = offset_bits_for(static_cast<std::uint32_t>(end - begin));
    return static_cast<std::int64_t>(n) * ((offset << fraction_bits) - log2_of(n));
  }

  /// Moves each start but the first to where its two ranges cost least. False if nothing was saved.
  bool move_starts(Starts& start, std::int64_t step) const {
    bool saved = false;
    for (std::size_t i = 1; i < ApackTable::ranges; ++i) {
      const std::int64_t from = start[i - 1], at = start[i], to = start[i + 1];
      const std::int64_t down = std::min((at - from - 1) / step, most_steps);
      const std::int64_t up = std::min((to - at - 1) / step, most_steps);
      const std::int64_t before = cost(from, at) + cost(at, to);
      std::int64_t least = std::numeric_limits<std::int64_t>::max();
      for (std::int64_t to_try = at - down * step; to_try <= at + up * step; to_try += step) {
        const std::int64_t now = cost(from, to_try) + cost(to_try, to);
        if (now >= least) continue;
        least = now;
        start[i] = static_cast<std::uint32_t>(to_try);
      }
      saved = saved || least < before;
    }
    return saved;
  }

  std::vector<std::uint64_t> counts_to_;
};

/// Shares of 1024, none of them 0 but where there are no values.
std::array<std::uint32_t, ApackTable::ranges> shares_of(
    const std::array<std::uint64_t, ApackTable::ranges>& values) {
  std::uint64_t all = 0;
  for (const std::uint64_t n : values)
    all += n;
  std::array<std::uint32_t, ApackTable::ranges> shares{};
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    shares[i] = static_cast<std::uint32_t>(values[i] * ApackTable::all_counts / all);
    if (values[i] > 0) shares[i] = std::max(shares[i], 1u);
    sum += shares[i];
  }
  // One at a time, where a value of the range gains most or loses least.
  for (; sum < ApackTable::all_counts; ++sum) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < values.size(); ++i) {
      if (values[i] * std::max(shares[best], 1u) > values[best] * std::max(shares[i], 1u)) best = i;
    }
    ++shares[best];
  }
  for (; sum > ApackTable::all_counts; --sum) {
    std::size_t best = values.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (shares[i] < 2) continue;
      if (best == values.size() || values[i] * (shares[best] - 1) < values[best] * (shares[i] - 1)) best = i;
    }
    --shares[best];
  }
  return shares;
}

}  // namespace

ApackTable ApackTable::of(const std::vector<std::uint64_t>& value_counts) {
  const RangeSearch search(value_counts);
  ApackTable table;
  table.start = search.run();
  std::array<std::uint64_t, ranges> values{};
  for (std::size_t i = 0; i < ranges; ++i) {
    table.offset_bits[i] = offset_bits_for(table.start[i + 1] - table.start[i]);
    values[i] = search.values(table.start[i], table.start[i + 1]);
  }
  const auto shares = shares_of(values);
  for (std::size_t i = 0; i < ranges; ++i)
    table.counts_to[i + 1] = table.counts_to[i] + shares[i];
  return table;
}

std::vector<std::uint8_t> ApackTable::header() const {
  std::vector<std::uint8_t> bytes;
  BitWriter out(bytes);
  const int bits = bit_length(start[ranges]) - 1;
  for (std::size_t i = 0; i < ranges; ++i) {
    out.put(start[i], bits);
    out.put(offset_bits[i], length_bits);
    out.put(counts_to[i + 1], count_bits + 1);
  }
  out.align();
  return bytes;
}

ApackTable ApackTable::from_header(const std::vector<std::uint8_t>& header, int bits) {
  BitReader in(header.data(), header.size());
  const auto entry_bits = static_cast<std::size_t>(bits) + length_bits + count_bits + 1;
  if (in.left() != ranges * entry_bits) {
    throw StreamError("an apack header has " + std::to_string(header.size()) + " bytes", 0);
  }
  ApackTable table;
  std::size_t entry = 0;
  const auto fail = [&](const std::string& what) {
    throw StreamError("entry " + std::to_string(entry) + " of an apack header: " + what, entry * entry_bits);
  };
  for (; entry < ranges; ++entry) {
    table.start[entry] = in.get(bits);
    table.offset_bits[entry] = static_cast<std::uint8_t>(in.get(length_bits));
    table.counts_to[entry + 1] = in.get(count_bits + 1);
    if (entry == 0 ? table.start[0] != 0 : table.start[entry] <= table.start[entry - 1]) {
      fail("the range starts at " + std::to_string(table.start[entry]));
    }
    if (table.counts_to[entry + 1] < table.counts_to[entry] || table.counts_to[entry + 1] > all_counts) {
      fail("the counts go from " + std::to_string(table.counts_to[entry]) + " to " +
           std::to_string(table.counts_to[entry + 1]));
    }
  }
  table.start[ranges] = 1u << bits;
  for (entry = 0; entry < ranges; ++entry) {
    if (table.offset_bits[entry] != offset_bits_for(table.start[entry + 1] - table.start[entry])) {
      fail("offsets of " + std::to_string(table.offset_bits[entry]) + " bits");
    }
  }
  --entry;
  if (table.counts_to[ranges] != all_counts)
    fail("the counts add up to " + std::to_string(table.counts_to[ranges]));
  return table;
}

std::uint64_t ApackTable::most_bits() const {
  // A value takes W to w >= W c/1024 - 1 of at least 2^14 codes: at most log2(1024/c) bits and, for the 1,
  // log2(1 / (1 - 1/(16 c))) < 1.4427 / (16 c - 1).
  std::int64_t most = 0;
  for (std::size_t i = 0; i < ranges; ++i) {
    if (count(i) == 0) continue;
    const std::int64_t code =
        (std::int64_t{count_bits} << fraction_bits) - log2_of(count(i)) + 94550 / (16 * count(i) - 1) + 2;
    most = std::max(most, code + (std::int64_t{offset_bits[i]} << fraction_bits));
  }
  return static_cast<std::uint64_t>(most);
}

}  // namespace dpred
