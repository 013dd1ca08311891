#include "models/dram/traffic.h"

#include <algorithm>
#include <string>

#include "workloads/error.h"

namespace dpred::dram {

namespace {

/// SplitMix64 of a counter: the n-th number without those before it.
std::uint64_t random_number(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

TrafficRequest linear(std::uint64_t burst, bool is_write, std::uint8_t stream, std::uint64_t base,
                      const TrafficShape& s) {
  return {(base + burst * s.burst_bytes) % s.range, is_write, stream};
}

/// In every `period` requests, those from `reads` on go to a write stream half-way up the range.
TrafficRequest two_streams(std::uint64_t n, std::uint64_t reads, std::uint64_t period,
                           const TrafficShape& s) {
  const std::uint64_t round = n / period;
  const std::uint64_t k = n % period;
  if (k < reads) return linear(round * reads + k, false, 0, 0, s);
  return linear(round * (period - reads) + k - reads, true, 1, s.range / 2, s);
}

TrafficRequest anywhere(std::uint64_t n, bool is_write, const TrafficShape& s) {
  const std::uint64_t bursts = s.range / s.burst_bytes;
  return {random_number(s.seed, n) % bursts * s.burst_bytes, is_write, static_cast<std::uint8_t>(is_write)};
}

/// Each stream begins a quarter of the range and 24 KiB above the one before.
TrafficRequest tiles(std::uint64_t n, const TrafficShape& s) {
  constexpr std::uint64_t chunk_bytes = 1024;
  constexpr std::uint64_t stagger_bytes = 3 * 8192;
  const std::uint64_t chunk = std::max<std::uint64_t>(1, chunk_bytes / s.burst_bytes);
  const auto stream = static_cast<std::uint8_t>(n / chunk % 4);
  const std::uint64_t base = stream * (s.range / 4 + stagger_bytes);
  return linear(n / (4 * chunk) * chunk + n % chunk, stream == 3, stream, base, s);
}

}  // namespace

const std::vector<TrafficPattern>& traffic_patterns() {
  using N = std::uint64_t;
  using S = const TrafficShape&;
  static const std::vector<TrafficPattern> patterns = {
      {"seq", "One stream of reads.", {"read"}, [](N n, S s) { return linear(n, false, 0, 0, s); }},
      {"seqw", "One stream of writes.", {"write"}, [](N n, S s) { return linear(n, true, 0, 0, s); }},
      {"seq9010",
       "A stream of reads; every 10th request is a write to a stream half-way up the range.",
       {"read", "write"},
       [](N n, S s) { return two_streams(n, 9, 10, s); }},
      {"seq9010b",
       "The same in blocks of 576 reads and 64 writes.",
       {"read", "write"},
       [](N n, S s) { return two_streams(n, 576, 640, s); }},
      {"seq5050",
       "Reads of one stream and writes of another half-way up the range, in turn.",
       {"read", "write"},
       [](N n, S s) { return two_streams(n, 1, 2, s); }},
      {"stride4k",
       "Reads 4 KiB apart.",
       {"read"},
       [](N n, S s) {
         return TrafficRequest{n * 4096 % s.range, false, 0};
       }},
      {"random", "Reads of random bursts.", {"read"}, [](N n, S s) { return anywhere(n, false, s); }},
      {"rand9010",
       "Random bursts; every 10th request is a write.",
       {"read", "write"},
       [](N n, S s) { return anywhere(n, n % 10 == 9, s); }},
      {"tiles",
       "Three streams of reads and one of writes, far apart, in turns of 1 KiB.",
       {"read 0", "read 1", "read 2", "write"},
       [](N n, S s) { return tiles(n, s); }},
  };
  return patterns;
}

const TrafficPattern& find_traffic_pattern(std::string_view name, const std::vector<std::string>& others) {
  const std::vector<TrafficPattern>& patterns = traffic_patterns();
  const auto found =
      std::find_if(patterns.begin(), patterns.end(), [&](const TrafficPattern& p) { return name == p.name; });
  if (found != patterns.end()) return *found;
  std::vector<std::string> names;
  for (const TrafficPattern& pattern : patterns)
    names.emplace_back(pattern.name);
  names.insert(names.end(), others.begin(), others.end());
  std::string known;
  for (const std::string& each : names)
    known += (known.empty() ? "" : ", ") + each;
  throw InputError("unknown pattern '" + printable(name) + "'" + suggestion(name, names) + "; known are " +
                   known);
}

}  // namespace dpred::dram
