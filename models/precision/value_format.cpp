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
    const auto [low, high] = std::minmax_element(codes, codes + count);
    const std::int32_t minimum = std::int32_t{*low} - tensor.zero_point;
    const std::int32_t maximum = std::int32_t{*high} - tensor.zero_point;
    profile.format.is_signed = minimum < 0;
    profile.width = width_of_folded(folded(minimum) | folded(maximum), profile.format.is_signed);
  });
  return profile;
}

}  // namespace dpred
