#include "models/array/requantisation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dpred {

namespace {

constexpr std::int64_t lowest_word = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t highest_word = std::numeric_limits<std::int32_t>::max();

/// 2 * a * b / 2^32, rounded to nearest, halves upward. TFLite's b is never the lowest word here, so that its
/// one case that saturates doesn't arise.
std::int64_t doubling_high_multiply(std::int64_t a, std::int64_t b) {
  return (a * b + (std::int64_t{1} << 30)) >> 31;
}

/// value / 2^exponent, rounded to nearest, halves away from zero.
std::int64_t divide_by_power(std::int64_t value, int exponent) {
  const std::int64_t mask = (std::int64_t{1} << exponent) - 1;
  const std::int64_t remainder = value & mask;
  const std::int64_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> exponent) + (remainder > threshold ? 1 : 0);
}

/// Scales of each filter, or none.
std::vector<double> weight_scales(const Network& network, const Layer& layer) {
  const std::vector<double>& given = layer.weight_scales.empty() ? network.tensor(layer.weight).scale
                                                                 : network.aux.at(layer.weight_scales).values;
  const auto filters = static_cast<std::size_t>(layer.shape.K);
  if (given.empty() || filters % given.size() != 0) return {};
  std::vector<double> scales;
  for (std::size_t k = 0; k < filters; ++k)
    scales.push_back(given[k / (filters / given.size())]);
  return scales;
}

}  // namespace

FixedPointFactor FixedPointFactor::of(double factor) {
  FixedPointFactor fixed;
  const double mantissa = std::frexp(factor, &fixed.shift);
  auto rounded = static_cast<std::int64_t>(std::round(std::ldexp(mantissa, 31)));
  if (rounded == std::int64_t{1} << 31) {
    rounded /= 2;
    ++fixed.shift;
  }
  if (fixed.shift < -31) return {};
  if (fixed.shift > 30) return {std::numeric_limits<std::int32_t>::max(), 30};
  fixed.multiplier = static_cast<std::int32_t>(rounded);
  return fixed;
}

std::int32_t FixedPointFactor::times(std::int32_t value) const {
  const std::int64_t shifted = std::int64_t{value} * (std::int64_t{1} << std::max(shift, 0));
  const std::int64_t product =
      doubling_high_multiply(std::clamp(shifted, lowest_word, highest_word), multiplier);
  return static_cast<std::int32_t>(divide_by_power(product, std::max(-shift, 0)));
}

std::int32_t Requantisation::code(std::int64_t k, std::int32_t sum) const {
  const std::int64_t scaled = factors[static_cast<std::size_t>(k)].times(sum);
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(zero_point + scaled, lowest, highest));
}

std::optional<Requantisation> requantisation_of(const Network& network, const Layer& layer) {
  const bool quantised_op =
      layer.op == LayerOp::conv || layer.op == LayerOp::dwconv || layer.op == LayerOp::fc;
  if (network.bits != 8 || !quantised_op || layer.output.empty() || layer.bias.empty()) return std::nullopt;
  if (!network.aux.at(layer.bias).integer) return std::nullopt;
  const Tensor& input = network.tensor(layer.input);
  const Tensor& output = network.tensor(layer.output);
  const std::vector<double> scales = weight_scales(network, layer);
  if (input.scale.size() != 1 || output.scale.size() != 1 || output.scale[0] <= 0 || scales.empty())
    return std::nullopt;

  Requantisation result;
  result.zero_point = output.zero_point;
  if (!is_signed_type(output.dtype)) {
    result.lowest = 0;
    result.highest = 255;
  }
  const auto code_of = [&](double value) {
    const double code = std::round(value / output.scale[0]) + output.zero_point;
    return static_cast<std::int32_t>(std::clamp<double>(code, result.lowest, result.highest));
  };
  const std::string& activation = layer.fused_activation;
  if (activation == "relu" || activation == "relu6") {
    const std::int32_t highest = activation == "relu6" ? code_of(6) : result.highest;
    result.lowest = code_of(0);
    result.highest = highest;
  } else if (activation == "relu_n1_to_1") {
    const std::int32_t lowest = code_of(-1);
    result.highest = code_of(1);
    result.lowest = lowest;
  } else if (activation != "none") {
    return std::nullopt;
  }
  for (const double scale : scales) {
    const double factor = input.scale[0] * scale / output.scale[0];
    if (!std::isfinite(factor)) return std::nullopt;
    result.factors.push_back(FixedPointFactor::of(factor));
  }
  return result;
}

}  // namespace dpred
