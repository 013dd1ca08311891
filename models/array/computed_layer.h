// What an array has computed of a layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "workloads/network.h"

namespace dpred {

/// One 32-bit accumulator for each output position and filter: (N,OH,OW,K), filters innermost, which is the
/// order in which results leave the array.
struct Accumulators {
  enum : std::uint8_t {
    computed = 1,   ///< the sum is there
    overflowed = 2  ///< a step, or adding the bias, gave a sum that does not fit 32 bits
  };

  std::int64_t filters = 0;
  std::vector<std::int32_t> sums;    ///< without the bias; of sums that overflowed the lowest 32 bits
  std::vector<std::uint8_t> states;  ///< flags from above; 0: not computed yet

  Accumulators() = default;
  explicit Accumulators(const LayerShape& layer)
      : filters(layer.K),
        sums(static_cast<std::size_t>(layer.N * layer.OH * layer.OW * layer.K)),
        states(sums.size()) {}

  /// Place of filter `k` at output position `window` = (n * OH + oy) * OW + ox.
  std::size_t at(std::int64_t window, std::int64_t k) const {
    return static_cast<std::size_t>(window * filters + k);
  }
};

struct ComputedLayer {
  Accumulators accumulators;
  std::vector<std::int16_t> codes;  ///< where the layer is requantised: as the accumulators, else empty
};

}  // namespace dpred
