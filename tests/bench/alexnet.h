// AlexNet with its groups, 16 bits, with made values: the size that simulators of this kind are compared at.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/bench/harness.h"
#include "workloads/network.h"

namespace dpred::bench {

struct AlexnetLayer {
  const char* name;
  LayerShape shape;
};

inline LayerShape alexnet_shape(std::int64_t C, std::int64_t H, std::int64_t K, std::int64_t R,
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

/// Five convolutions of 666 M multiplications; with the fully connected layers after them 724 M, and 61 M
/// weights.
inline std::vector<AlexnetLayer> alexnet_layers(bool fully_connected) {
  std::vector<AlexnetLayer> layers = {{"conv1", alexnet_shape(3, 227, 96, 11, 4, 0, 1)},
                                      {"conv2", alexnet_shape(96, 27, 256, 5, 1, 2, 2)},
                                      {"conv3", alexnet_shape(256, 13, 384, 3, 1, 1, 1)},
                                      {"conv4", alexnet_shape(384, 13, 384, 3, 1, 1, 2)},
                                      {"conv5", alexnet_shape(384, 13, 256, 3, 1, 1, 2)}};
  if (fully_connected) {
    layers.push_back({"fc6", alexnet_shape(9216, 1, 4096, 1, 1, 0, 1)});
    layers.push_back({"fc7", alexnet_shape(4096, 1, 4096, 1, 1, 0, 1)});
    layers.push_back({"fc8", alexnet_shape(4096, 1, 1000, 1, 1, 0, 1)});
  }
  return layers;
}

/// int16 values of up to `bits` bits, each further bit half as likely; as after a ReLU (half of them zero,
/// none negative) or of both signs.
inline Tensor alexnet_tensor(const Shape& shape, int bits, bool after_relu, std::uint64_t seed) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.bits = 16;
  tensor.dtype = DType::int16;
  tensor.data.resize(2 * static_cast<std::size_t>(volume(shape)));
  Random random(seed);
  for (std::size_t at = 0; at < tensor.data.size(); at += 2) {
    const std::uint64_t drawn = random();
    const int width = std::max(1, bits - __builtin_ctzll(drawn | std::uint64_t{1} << (bits - 1)));
    auto value = static_cast<std::int16_t>(drawn >> 32 & ((1u << width) - 1));
    if (drawn >> 63 != 0) value = static_cast<std::int16_t>(after_relu ? 0 : -value);
    std::memcpy(&tensor.data[at], &value, sizeof value);
  }
  return tensor;
}

}  // namespace dpred::bench
