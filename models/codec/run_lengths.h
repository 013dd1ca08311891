// What codecs of run lengths share: values as pairs of a run of zeros and the value behind it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dpred {

/// Pairs of a run of 0 to 2^run_bits - 1 zeros and the value that follows it, as run | value << run_bits. The
/// value is only then zero when the run has the greatest length. Calls visit(const std::uint32_t* pairs,
/// number of pairs) some values at a time; returns the zeros behind the last pair, fewer than 2^run_bits.
template <int run_bits, class Value, class Visit>
std::int64_t visit_run_pairs(const Value* values, std::int64_t count, Visit&& visit) {
  constexpr std::int64_t chunk = 512;
  constexpr std::uint32_t longest = (1u << run_bits) - 1;
  std::uint32_t pairs[chunk];
  std::uint32_t run = 0;
  for (std::int64_t at = 0; at < count; at += chunk) {
    const std::int64_t end = std::min(count, at + chunk);
    std::int64_t n = 0;
    for (std::int64_t i = at; i < end; ++i) {
      // A pair that isn't complete is overwritten, not jumped over: zeros come in no order that could be
      // predicted.
      pairs[n] = run | std::uint32_t{values[i]} << run_bits;
      const bool is_complete = (values[i] != 0) | (run == longest);
      n += is_complete;
      run = is_complete ? 0 : run + 1;
    }
    visit(pairs, n);
  }
  return run;
}

}  // namespace dpred
