// What codecs make of the tensors of real sets.
#pragma once

#include "models/codec/codec.h"
#include "platform/first_readings.h"

namespace dpred::test {

/// Total bits over raw bits, with the default options.
struct Ratios {
  double activations = 0, weights = 0, all = 0;
};

inline Ratios ratios_of(const Codec& codec, const Network& network) {
  double bits[2] = {0, 0}, raw[2] = {0, 0};
  for (const TensorReading& reading : first_readings(network)) {
    const Tensor& tensor = *reading.tensor;
    const StreamLayout layout(reading.role, tensor.shape, {});
    const ValueFormat format = profile_of(tensor).format;
    const WidthMap widths = codec.plans_from_widths() ? WidthMap::of(tensor, format, layout) : WidthMap();
    const StreamPlan plan = codec.plan({layout, format, widths, {}, &tensor});
    const bool is_weight = reading.role != StreamRole::activation;
    bits[is_weight] += static_cast<double>(plan.sizes.total_bits());
    raw[is_weight] += static_cast<double>(tensor.raw_bits());
  }
  return {bits[0] / raw[0], bits[1] / raw[1], (bits[0] + bits[1]) / (raw[0] + raw[1])};
}

}  // namespace dpred::test
