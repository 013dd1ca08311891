// What codecs that code by groups share: the walk over groups, and zero vectors.
#pragma once

#include <algorithm>
#include <cstdint>

#include "models/codec/codec.h"

namespace dpred {

/// Calls visit(first value, number of values) for each group of these rows, in stream order.
template <class Visit>
void visit_groups(const StreamRows& rows, Visit&& visit) {
  for (std::int64_t run = 0; run < rows.values(); run += rows.section.run) {
    for (std::int64_t at = 0; at < rows.section.run; at += rows.group) {
      visit(run + at, std::min(rows.group, rows.section.run - at));
    }
  }
}

/// Appends a zero vector: a bit a value, 1 where it isn't zero.
template <class Value>
void put_zero_vector(const Value* values, std::int64_t count, BitWriter& out) {
  constexpr std::int64_t chunk = 32;  // bits of one put
  for (std::int64_t at = 0; at < count; at += chunk) {
    const int some = static_cast<int>(std::min(chunk, count - at));
    std::uint32_t non_zero = 0;
    for (int i = 0; i < some; ++i)
      non_zero |= std::uint32_t{values[at + i] != 0} << i;
    out.put(non_zero, some);
  }
}

/// Reads a zero vector: sets each value to its bit, and returns how many are 1. The caller has checked
/// has(count).
template <class Value>
std::int64_t get_zero_vector(std::int64_t count, BitReader& in, Value* values) {
  constexpr std::int64_t chunk = 32;  // bits of one get
  std::int64_t ones = 0;
  for (std::int64_t at = 0; at < count; at += chunk) {
    const int some = static_cast<int>(std::min(chunk, count - at));
    const std::uint32_t non_zero = in.get(some);
    for (int i = 0; i < some; ++i) {
      values[at + i] = non_zero >> i & 1;
      ones += values[at + i];
    }
  }
  return ones;
}

}  // namespace dpred
