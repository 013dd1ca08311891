// A layer's accumulators as its definition gives them: whole numbers, nothing of any hardware. What the
// array's are compared with.
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/network.h"

namespace dpred {

/// Sums of products of centred values, without bias: (N,OH,OW,K), filters innermost. Exact: 64 bits hold any
/// layer of 16-bit values.
std::vector<std::int64_t> plain_convolution(const LayerShape& layer, const Tensor& input,
                                            const Tensor& weight);

}  // namespace dpred
