#include "models/codec/value_counts.h"

#include "models/codec/containers.h"

namespace dpred {

std::vector<std::uint64_t> value_counts(const Tensor& tensor, const ValueFormat& format) {
  const std::size_t codes = std::size_t{1} << format.bits;
  std::vector<std::uint64_t> by_code(codes);
  visit_containers(format.bits, tensor.data.data(), [&](const auto* stored) {
    for (std::int64_t i = 0; i < tensor.values(); ++i)
      ++by_code[stored[i]];
  });
  std::vector<std::uint64_t> counts(codes);
  for (std::size_t code = 0; code < codes; ++code)
    counts[format.container(static_cast<std::int32_t>(code))] = by_code[code];
  return counts;
}

}  // namespace dpred
