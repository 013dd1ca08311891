// From accumulators to output codes: TFLite's fixed-point requantisation of 8-bit layers.
//
// Source: TensorFlow Lite, kernels/internal/common.h (MultiplyByQuantizedMultiplier with both roundings, as
// in gemmlowp), quantization_util.cc (QuantizeMultiplier), kernel_util.cc
// (CalculateActivationRangeQuantized). Stated in docs/contracts.md, "Computed values".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "workloads/network.h"

namespace dpred {

/// A positive real factor as multiplier * 2^(shift - 31), the multiplier in [2^30, 2^31), or 0 for a factor
/// below 2^-32.
struct FixedPointFactor {
  std::int32_t multiplier = 0;
  int shift = 0;

  /// `factor` is finite and not negative.
  static FixedPointFactor of(double factor);
  /// value * factor, rounded in two steps: a rounding doubling high multiply, whose halves go up, then a
  /// rounding division by a power of two, whose halves go away from zero. With a positive shift the value is
  /// shifted first, and saturates at 32 bits.
  std::int32_t times(std::int32_t value) const;
};

/// What turns a layer's accumulators into codes.
struct Requantisation {
  std::vector<FixedPointFactor> factors;      ///< of each filter: input scale * weight scale / output scale
  std::int32_t zero_point = 0;                ///< of the output
  std::int32_t lowest = -128, highest = 127;  ///< the output type's range, narrowed by the fused activation

  /// The code of filter k's accumulator, bias included.
  std::int32_t code(std::int64_t k, std::int32_t sum) const;
};

/// The requantisation of a layer whose codes follow from the trace set: op conv, dwconv or fc of an 8-bit
/// network, an output on memory, a bias in units of the accumulator (int32), scales of input, weight and
/// output, and no fused activation other than relu, relu6 and relu_n1_to_1. Nothing for any other.
std::optional<Requantisation> requantisation_of(const Network& network, const Layer& layer);

}  // namespace dpred
