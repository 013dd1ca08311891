#include "models/precision/value_format.h"

#include <algorithm>

#include "models/precision/width.h"

namespace dpred {

TensorProfile profile_of(const Tensor& tensor) {
  TensorProfile profile;
  profile.format.bits = static_cast<std::uint8_t>(tensor.bits);
  profile.format.code_is_signed = is_signed_type(tensor.dtype);
  profile.format.zero_point = tensor.zero_point;
  const std::int64_t count = tensor.values();
  tensor.visit([&](const auto* codes) {
    // The extremes decide both: the widest value is the smallest or the largest one.
    auto low = codes[0];
    auto high = codes[0];
    for (std::int64_t i = 1; i < count; ++i) {  // unlike std::minmax_element, this vectorises
      low = std::min(low, codes[i]);
      high = std::max(high, codes[i]);
    }
    const std::int32_t minimum = std::int32_t{low} - tensor.zero_point;
    const std::int32_t maximum = std::int32_t{high} - tensor.zero_point;
    profile.format.is_signed = minimum < 0;
    profile.width = width_of_folded(folded(minimum) | folded(maximum), profile.format.is_signed);
  });
  return profile;
}

}  // namespace dpred
