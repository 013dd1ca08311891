// Synthetic requests to measure a memory with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpred::dram {

struct TrafficRequest {
  std::uint64_t address;
  bool is_write;
  std::uint8_t stream;  ///< which of the pattern's streams it belongs to
};

/// What a pattern is laid out over.
struct TrafficShape {
  std::uint64_t burst_bytes;
  std::uint64_t
      range;           ///< bytes from address 0, a power of two of at least 1 MiB; longer streams wrap around
  std::uint64_t seed;  ///< of random addresses
};

/// A sequence of requests of one burst each.
struct TrafficPattern {
  const char* name;
  const char* description;                                                ///< one sentence
  std::vector<const char*> streams;                                       ///< their names
  TrafficRequest (*request)(std::uint64_t n, const TrafficShape& shape);  ///< the n-th, from 0
};

const std::vector<TrafficPattern>& traffic_patterns();

/// InputError for an unknown name, which names the nearest one, and all; `others` are names that the caller
/// knows beside them.
const TrafficPattern& find_traffic_pattern(std::string_view name,
                                           const std::vector<std::string>& others = {});

}  // namespace dpred::dram
