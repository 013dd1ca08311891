// How often each container code occurs in a tensor.
#pragma once

#include <cstdint>
#include <vector>

#include "models/precision/value_format.h"

namespace dpred {

/// 2^B counts, by container code.
std::vector<std::uint64_t> value_counts(const Tensor& tensor, const ValueFormat& format);

}  // namespace dpred
