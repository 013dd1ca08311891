// Tensors and layers that are measured: values from fixed seeds, spread as in trained networks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/bench/harness.h"
#include "workloads/network.h"

namespace dpred::bench {

/// Magnitudes as in trained networks: each further bit of width is half as likely.
inline std::int32_t magnitude(Random& random, int bits) {
  const int width = std::max(1, bits - __builtin_ctzll(random() | 1ull << (bits - 1)));
  return static_cast<std::int32_t>(random.below(std::uint64_t{1} << width));
}

/// int8 as after a ReLU: half of the values zero (code -128), the others small. int16: fixed point with
/// profiled widths of about 10 bits, half of the values zero, and of both signs if `negative`.
inline Tensor make_tensor(const Shape& shape, int bits, bool negative, std::uint64_t seed) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.bits = bits;
  tensor.dtype = bits == 8 ? DType::int8 : DType::int16;
  tensor.zero_point = bits == 8 && !negative ? -128 : 0;
  tensor.data.resize(static_cast<std::size_t>(volume(shape)) * bytes_of(tensor.dtype));
  Random random(seed);
  for (std::int64_t i = 0; i < volume(shape); ++i) {
    std::int32_t value = 0;
    if (random.below(2) != 0) {
      value = magnitude(random, bits == 16 ? 10 : negative ? 7 : 8);
      if (negative && random.below(2) != 0) value = -value;
    }
    const std::int32_t code = value + tensor.zero_point;
    if (bits == 8) {
      tensor.data[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(code);
    } else {
      const auto word = static_cast<std::int16_t>(code);
      std::memcpy(&tensor.data[static_cast<std::size_t>(2 * i)], &word, sizeof word);
    }
  }
  return tensor;
}

/// A square convolution with output size and padding alike at all sides. H = R = 1 is a fully connected
/// layer.
inline LayerShape convolution(std::int64_t C, std::int64_t H, std::int64_t K, std::int64_t R,
                              std::int64_t stride, std::int64_t pad, std::int64_t groups) {
  LayerShape s;
  s.C = C;
  s.H = s.W = H;
  s.K = K;
  s.R = s.S = R;
  s.stride = {stride, stride};
  s.pad_tblr = {pad, pad, pad, pad};
  s.groups = groups;
  s.OH = s.OW = output_extent(H, 2 * pad, R, 1, stride);
  return s;
}

/// The five convolutions of AlexNet with its groups: 666 M multiplications.
inline std::vector<LayerShape> alexnet_convolutions() {
  return {convolution(3, 227, 96, 11, 4, 0, 1), convolution(96, 27, 256, 5, 1, 2, 2),
          convolution(256, 13, 384, 3, 1, 1, 1), convolution(384, 13, 384, 3, 1, 1, 2),
          convolution(384, 13, 256, 3, 1, 1, 2)};
}

/// Its three fully connected layers: 59 M multiplications.
inline std::vector<LayerShape> alexnet_fully_connected() {
  return {convolution(9216, 1, 4096, 1, 1, 0, 1), convolution(4096, 1, 4096, 1, 1, 0, 1),
          convolution(4096, 1, 1000, 1, 1, 0, 1)};
}

}  // namespace dpred::bench
