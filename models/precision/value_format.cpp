#include "models/precision/value_format.h"

#include "models/precision/width.h"
#include "models/precision/width_scan.h"

namespace dpred {

TensorProfile profile_of(const Tensor& tensor) {
  TensorProfile profile;
  profile.format.bits = static_cast<std::uint8_t>(tensor.bits);
  profile.format.code_is_signed = is_signed_type(tensor.dtype);
  profile.format.zero_point = tensor.zero_point;
  // The extremes decide both: the widest value is the smallest or the largest one.
  const CodeExtremes codes = scan_extremes(tensor);
  const std::int32_t minimum = codes.low - tensor.zero_point;
  const std::int32_t maximum = codes.high - tensor.zero_point;
  profile.format.is_signed = minimum < 0;
  profile.width = width_of_folded(folded(minimum) | folded(maximum), profile.format.is_signed);
  return profile;
}

}  // namespace dpred
