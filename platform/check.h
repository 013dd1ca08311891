// Whether an array has computed a layer rightly: against a plain convolution of the workload's tensors, and
// against the recorded codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/array/computed_layer.h"
#include "workloads/network.h"

namespace dpred {

/// What was compared, over all layers.
struct CheckCounts {
  std::uint64_t layers_by_codes = 0;         ///< layers whose codes were compared, beside accumulators
  std::uint64_t layers_by_accumulators = 0;  ///< layers of which accumulators alone were compared
  std::uint64_t accumulators = 0, codes = 0;
  std::uint64_t overflows = 0;                 ///< accumulators that left 32 bits
  std::string overflow_layer, overflow_place;  ///< of the first of them
};

/// The first output, in the order (n,k,y,x), whose code is not the recorded one, or whose 8-bit layer's
/// accumulator overflowed; nothing if there is none. Outputs that are not computed yet are passed over. Codes
/// are compared where the layer is requantised.
std::optional<std::string> find_wrong_code(const Network& network, const Layer& layer,
                                           const ComputedLayer& computed);

/// The same of accumulators that differ from a plain convolution of the layer's tensors. Of a 16-bit layer's
/// that overflowed, the lowest 32 bits are compared; one that overflowed unnoticed is wrong. Once the layer
/// is `finished`, so is one that is not computed.
std::optional<std::string> find_wrong_accumulator(const Network& network, const Layer& layer,
                                                  const ComputedLayer& computed, bool finished);

/// Adds what a layer that has been found right contributes.
void count_checked(const Layer& layer, const ComputedLayer& computed, CheckCounts& counts);

}  // namespace dpred
