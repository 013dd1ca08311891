// Random layers, tensors and design points, small enough to check by brute force.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "models/array/layer_schedule.h"
#include "models/codec/stream_layout.h"
#include "workloads/network.h"

namespace dpred::test {

/// Not std::uniform_int_distribution, whose numbers depend on the library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return in(1, 100) <= percent; }
  template <class T>
  T of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(in(0, static_cast<std::int64_t>(choices.size()) - 1))];
  }
  /// Spread over the orders of magnitude.
  std::int64_t log_in(std::int64_t low, std::int64_t high) {
    return in(low, std::min(high, low + (std::int64_t{1} << in(0, 62 - __builtin_clzll(high)))));
  }

 private:
  std::mt19937_64 engine_;
};

/// A layer that reads an input of (N,C,H,W): any kind that the shape allows. `recurrent` and the gates of an
/// LSTM are left to the caller.
inline LayerShape random_layer(Random& random, const Shape& input, std::int64_t most_filters) {
  LayerShape s;
  s.N = input[0], s.C = input[1], s.H = input[2], s.W = input[3];
  s.K = random.in(1, most_filters);
  if (random.chance(25)) {  // depthwise where C > 1, with a channel multiplier
    s.groups = s.C;
    s.K = s.C * random.of<std::int64_t>({1, 1, 2, 3});
  } else if (random.chance(25)) {
    std::vector<std::int64_t> divisors;
    for (std::int64_t g = 1; g < s.C; ++g)
      if (s.C % g == 0) divisors.push_back(g);
    if (!divisors.empty()) s.groups = random.of(divisors);
    s.K = s.groups * random.in(1, std::max<std::int64_t>(most_filters / s.groups, 1));
  }
  for (;;) {
    const bool pointwise = (s.H == 1 && s.W == 1) || random.chance(20);
    s.R = pointwise ? 1 : random.in(1, random.chance(20) ? 9 : 3);
    s.S = pointwise ? 1 : random.in(1, random.chance(20) ? 9 : 3);
    s.stride = {random.in(1, random.chance(20) ? 5 : 2), random.in(1, random.chance(20) ? 5 : 2)};
    s.dilation = {random.chance(80) ? 1 : random.in(1, 3), random.chance(80) ? 1 : random.in(1, 3)};
    for (auto& pad : s.pad_tblr)
      pad = random.chance(50) ? 0 : random.in(0, random.chance(15) ? 9 : 3);
    s.OH = output_extent(s.H, s.pad_tblr[0] + s.pad_tblr[1], s.R, s.dilation[0], s.stride[0]);
    s.OW = output_extent(s.W, s.pad_tblr[2] + s.pad_tblr[3], s.S, s.dilation[1], s.stride[1]);
    if (s.OH > 0 && s.OW > 0) return s;
  }
}

/// A strided layer with few channels, as folding is made for.
inline LayerShape strided_layer(Random& random, const Shape& input, std::int64_t most_filters) {
  LayerShape s;
  s.N = input[0], s.C = input[1], s.H = input[2], s.W = input[3];
  s.K = random.in(1, most_filters);
  do {
    s.R = random.in(1, 7), s.S = random.in(1, 7);
    s.stride[0] = s.stride[1] = random.in(2, 4);
    for (auto& pad : s.pad_tblr)
      pad = random.chance(40) ? 0 : random.in(0, 4);
    s.OH = output_extent(s.H, s.pad_tblr[0] + s.pad_tblr[1], s.R, 1, s.stride[0]);
    s.OW = output_extent(s.W, s.pad_tblr[2] + s.pad_tblr[3], s.S, 1, s.stride[1]);
  } while (s.OH < 1 || s.OW < 1);
  return s;
}

inline Shape strided_input(Random& random) {
  return {random.in(1, 2), random.in(1, 6), random.in(1, 14), random.in(1, 14)};
}

inline Shape random_input(Random& random, std::int64_t most_channels, std::int64_t most_extent) {
  if (random.chance(25)) return {random.in(1, 20), random.in(1, 4 * most_channels), 1, 1};
  return {random.chance(60) ? 1 : random.in(2, 3), random.in(1, most_channels), random.in(1, most_extent),
          random.in(1, most_extent)};
}

/// Codes of which some share are the zero point, and the others of one of several magnitudes.
inline Tensor random_tensor(Random& random, const std::string& key, const Shape& shape, int bits) {
  Tensor tensor;
  tensor.key = key;
  tensor.shape = shape;
  tensor.bits = bits;
  tensor.dtype = bits == 8 ? random.of<DType>({DType::int8, DType::uint8})
                           : random.of<DType>({DType::int16, DType::uint16});
  const std::int64_t low = is_signed_type(tensor.dtype) ? -(std::int64_t{1} << (bits - 1)) : 0;
  const std::int64_t high = low + (std::int64_t{1} << bits) - 1;
  tensor.zero_point =
      static_cast<std::int32_t>(random.of<std::int64_t>({low, 0, high, random.in(low, high)}));
  const int zeros = random.of<int>({0, 30, 70, 95, 100});
  const std::int64_t reach = std::int64_t{1} << random.in(0, bits);
  for (std::int64_t i = 0; i < volume(shape); ++i) {
    std::int64_t code = tensor.zero_point;
    if (!random.chance(zeros)) code = std::clamp(code + random.in(-reach, reach), low, high);
    tensor.data.push_back(static_cast<std::uint8_t>(code));
    if (bits == 16) tensor.data.push_back(static_cast<std::uint8_t>(code >> 8));
  }
  return tensor;
}

inline StreamOptions random_stream_options(Random& random) {
  StreamOptions options;
  options.group = random.of<std::int64_t>({1, 4, 16, 16, 64, 256});
  options.slice_channels = random.of<std::int64_t>({1, 3, 8, 16, 64, 64});
  options.block_values = random.of<std::int64_t>({1, 10, 100, 1024});
  options.block_filters = random.of<std::int64_t>({1, 3, 16});
  return options;
}

/// One of the designs that the tests know: drawn by name, so that a new one doesn't change the cases.
inline const ComputeDesign& random_design(Random& random) {
  return find_compute_design(random.of<std::string>(
      {"bit-parallel", "stripes", "dpred-stripes", "loom", "loom-dynamic", "dpred-loom"}));
}

inline ArrayGeometry random_geometry(Random& random, const ComputeDesign& design) {
  ArrayGeometry geometry;
  geometry.lanes = random.in(4, 32);
  geometry.rows = random.log_in(1, 64);
  geometry.tiles = random.in(1, random.chance(50) ? 2 : 16);
  geometry.columns = random.chance(40) ? 0 : random.in(1, 20);
  if (design.serial_activations()) {
    geometry.bits_per_cycle = random.of<std::int64_t>({1, 2, 4});
    geometry.column_registers = random.chance(60) ? 0 : random.in(1, 4);
    geometry.widths =
        random.of<WidthRounding>({WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  }
  return geometry;
}

}  // namespace dpred::test
