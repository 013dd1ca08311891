#include "models/array/step_time.h"

#include <algorithm>

#include "workloads/divide_up.h"

namespace dpred {

std::vector<std::uint8_t> activation_times(const ComputeDesign& design, const ArrayGeometry& geometry,
                                           const LayerPrecision& precision) {
  std::vector<std::uint8_t> times;
  for (int width = 0; width <= precision.bits + 1; ++width) {
    const int bits =
        design.activation == WidthSource::tensor ? precision.activation_width : std::max(width, 1);
    const std::int64_t cycles =
        design.serial_activations()
            ? divide_up<std::int64_t>(geometry.rounded(bits, precision.bits), geometry.bits_per_cycle)
            : 1;
    times.push_back(static_cast<std::uint8_t>(cycles));
  }
  return times;
}

std::vector<std::uint8_t> widest_weights(const BrickMap& weights, std::int64_t taps, std::int64_t bricks,
                                         const std::vector<std::int64_t>& filters) {
  std::vector<std::uint8_t> widest(static_cast<std::size_t>(taps * bricks), 1);
  for (const std::int64_t k : filters) {
    const std::uint8_t* widths = weights.at(k * taps);  // a filter's taps and bricks are consecutive
    for (std::size_t i = 0; i < widest.size(); ++i)
      widest[i] = std::max(widest[i], widths[i]);
  }
  return widest;
}

std::vector<std::uint8_t> weight_times(const ComputeDesign& design, const ArrayGeometry& geometry,
                                       const LayerPrecision& precision, const LayerShape& layer,
                                       std::int64_t bricks, const BrickMap* weights,
                                       const std::vector<std::int64_t>& filters) {
  const auto rounded = [&](int width) {
    return static_cast<std::uint8_t>(geometry.rounded(width, precision.bits));
  };
  const std::int64_t taps = layer.R * layer.S;
  if (design.weight != WidthSource::brick) {
    return std::vector<std::uint8_t>(
        static_cast<std::size_t>(taps * bricks),
        design.weight == WidthSource::tensor ? rounded(precision.weight_width) : std::uint8_t{1});
  }
  std::vector<std::uint8_t> times = widest_weights(*weights, taps, bricks, filters);
  for (std::uint8_t& time : times)
    time = rounded(time);
  return times;
}

}  // namespace dpred
