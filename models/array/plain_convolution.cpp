#include "models/array/plain_convolution.h"

#include <cstddef>

namespace dpred {

namespace {

std::vector<std::int32_t> centred_values(const Tensor& tensor) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(tensor.values()));
  tensor.visit([&](const auto* codes) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = codes[i] - tensor.zero_point;
  });
  return values;
}

std::int64_t dot(const std::int32_t* a, const std::int32_t* b, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    sum += std::int64_t{a[i]} * b[i];
  return sum;
}

}  // namespace

std::vector<std::int64_t> plain_convolution(const LayerShape& layer, const Tensor& input,
                                            const Tensor& weight) {
  const std::vector<std::int32_t> x = centred_values(input);
  const std::vector<std::int32_t> w = centred_values(weight);
  const std::int64_t channels = layer.channels_per_group();
  const std::int64_t filters = layer.filters_per_group();
  std::vector<std::int32_t> patch(static_cast<std::size_t>(channels * layer.R * layer.S));
  const auto length = static_cast<std::int64_t>(patch.size());
  std::vector<std::int64_t> sums;
  sums.reserve(static_cast<std::size_t>(layer.N * layer.OH * layer.OW * layer.K));
  for (std::int64_t n = 0; n < layer.N; ++n) {
    for (std::int64_t oy = 0; oy < layer.OH; ++oy) {
      for (std::int64_t ox = 0; ox < layer.OW; ++ox) {
        for (std::int64_t group = 0; group < layer.groups; ++group) {
          // What one filter sees, in the order in which its weights are stored: channel, r, s.
          std::int32_t* value = patch.data();
          for (std::int64_t c = group * channels; c < (group + 1) * channels; ++c) {
            for (std::int64_t r = 0; r < layer.R; ++r) {
              const std::int64_t y = oy * layer.stride[0] + r * layer.dilation[0] - layer.pad_tblr[0];
              for (std::int64_t s = 0; s < layer.S; ++s) {
                const std::int64_t column = ox * layer.stride[1] + s * layer.dilation[1] - layer.pad_tblr[2];
                const bool inside = y >= 0 && y < layer.H && column >= 0 && column < layer.W;
                const std::int64_t at = ((n * layer.C + c) * layer.H + y) * layer.W + column;
                *value++ = inside ? x[static_cast<std::size_t>(at)] : 0;
              }
            }
          }
          for (std::int64_t k = group * filters; k < (group + 1) * filters; ++k)
            sums.push_back(dot(patch.data(), w.data() + k * length, length));
        }
      }
    }
  }
  return sums;
}

}  // namespace dpred
