// The offset table of a stream as it lies in memory: the codec's header, if it has one, then 32-bit
// little-endian byte offsets, one a block.
#pragma once

#include <cstdint>
#include <vector>

namespace dpred {

inline std::vector<std::uint8_t> offset_table_bytes(const std::vector<std::uint8_t>& header,
                                                    const std::vector<std::uint32_t>& offsets) {
  std::vector<std::uint8_t> bytes(header);
  bytes.reserve(header.size() + 4 * offsets.size());
  for (const std::uint32_t offset : offsets) {
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<std::uint8_t>(offset >> (8 * i)));
  }
  return bytes;
}

/// `entries` offsets from the 4 * entries bytes behind the header.
inline std::vector<std::uint32_t> offsets_from_table(const std::uint8_t* bytes, std::size_t entries) {
  std::vector<std::uint32_t> offsets;
  offsets.reserve(entries);
  for (std::size_t i = 0; i < entries; ++i, bytes += 4) {
    offsets.push_back(bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
                      std::uint32_t{bytes[3]} << 24);
  }
  return offsets;
}

}  // namespace dpred
