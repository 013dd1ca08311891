#include "models/codec/entropy.h"

#include <cmath>

#include "models/codec/value_counts.h"

namespace dpred {

StreamSizes entropy_sizes(const Tensor& tensor, const ValueFormat& format) {
  const auto values = static_cast<double>(tensor.values());
  double bits = 0;
  for (const std::uint64_t count : value_counts(tensor, format)) {
    if (count > 0) bits += static_cast<double>(count) * std::log2(values / static_cast<double>(count));
  }
  StreamSizes sizes;
  sizes.payload_bits = static_cast<std::uint64_t>(std::ceil(bits));
  return sizes;
}

}  // namespace dpred
