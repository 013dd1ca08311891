// Container codes as numbers, for tests: read a byte at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/stream_layout.h"

namespace dpred::test {

inline std::vector<std::uint16_t> container_numbers(int bits, const std::vector<std::uint8_t>& bytes) {
  std::vector<std::uint16_t> numbers;
  const std::size_t size = bits == 8 ? 1 : 2;
  for (std::size_t i = 0; i + size <= bytes.size(); i += size)
    numbers.push_back(static_cast<std::uint16_t>(bytes[i] + (size == 2 ? 256 * bytes[i + 1] : 0)));
  return numbers;
}

/// The containers of one row.
inline std::vector<std::uint16_t> row_containers(const StreamLayout& layout, const Tensor& tensor,
                                                 const ValueFormat& format, std::int64_t row) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(layout.row_values(row)) * (format.bits / 8));
  layout.gather(tensor, format, row, 1, bytes.data());
  return container_numbers(format.bits, bytes);
}

}  // namespace dpred::test
