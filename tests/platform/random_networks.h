// Random networks whose layers feed each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/array/plain_convolution.h"
#include "models/array/requantisation.h"
#include "models/codec/codec.h"
#include "platform/parameters.h"
#include "tests/platform/random_layers.h"

namespace dpred::test {

/// Layers read the network's inputs or what earlier layers wrote, some tensors more than once; some results
/// stay on chip. The values of outputs are random: the model writes what was recorded.
inline Network random_network(Random& random) {
  Network network;
  network.name = "random";
  network.bits = random.of<int>({8, 8, 16});
  const auto add = [&](const std::string& key, const Shape& shape) {
    network.tensors[key] = random_tensor(random, key, shape, network.bits);
    return key;
  };
  std::vector<std::string> sources;
  const std::int64_t layers = random.in(1, 5);
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string number = std::to_string(i);
    Layer layer;
    layer.name = "layer" + number;
    if (sources.empty() || random.chance(25)) {
      sources.push_back(add("in" + number, random_input(random, random.chance(20) ? 80 : 16, 14)));
    }
    layer.input = random.chance(60) ? sources.back() : random.of(sources);
    const Shape& input = network.tensor(layer.input).shape;
    const std::int64_t most_filters = random.chance(20) ? 150 : 24;
    layer.shape = random.chance(15) ? strided_layer(random, input, most_filters)
                                    : random_layer(random, input, most_filters);
    LayerShape& s = layer.shape;
    Shape out{s.N, s.K, s.OH, s.OW};
    if (s.H * s.W * s.R * s.S * s.OH * s.OW == 1 && s.groups == 1 && random.chance(50)) {
      s.recurrent = random.chance(70);
      if (random.chance(60)) s.K *= 4;
      layer.op = LayerOp::lstm_h;
    }
    // A weight may be an earlier layer's too, or be what that one wrote.
    const Shape weight = s.weight();
    for (const auto& [key, tensor] : network.tensors) {
      if (tensor.shape == weight && random.chance(20)) layer.weight = key;
    }
    if (layer.weight.empty()) layer.weight = add("w" + number, weight);
    layer.weight_is_activation = random.chance(10);
    if (random.chance(85)) {
      layer.output = add("out" + number, out);
      sources.push_back(layer.output);
    }
    if (random.chance(50)) {
      layer.bias = "b" + number;
      Auxiliary& bias = network.aux[layer.bias];
      bias.integer = network.bits == 8;
      for (std::int64_t k = 0; k < s.K; ++k)
        bias.values.push_back(static_cast<double>(random.in(-100000, 100000)) / (bias.integer ? 1 : 256));
    }
    network.layers.push_back(layer);
  }
  return network;
}

/// Three to six layers that mostly read what the one before wrote. The host reads some of that too.
inline Network random_chain(Random& random) {
  Network network;
  network.name = "chain";
  network.bits = random.of<int>({8, 8, 16});
  network.host_tensors.emplace();
  const auto add = [&](const std::string& key, const Shape& shape) {
    network.tensors[key] = random_tensor(random, key, shape, network.bits);
    return key;
  };
  const std::int64_t layers = random.in(3, 6);
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string number = std::to_string(i);
    Layer layer;
    layer.name = "layer" + number;
    const std::string before = i == 0 ? "" : network.layers.back().output;
    const bool chained = !before.empty() && random.chance(90);
    layer.input = chained ? before : add("in" + number, random_input(random, 12, 10));
    if (i > 1 && random.chance(10)) layer.input = network.layers.front().input;
    layer.shape = random_layer(random, network.tensor(layer.input).shape, random.chance(20) ? 80 : 16);
    LayerShape& s = layer.shape;
    const Shape out{s.N, s.K, s.OH, s.OW};
    if (s.H * s.W * s.R * s.S * s.OH * s.OW == 1 && s.groups == 1 && random.chance(40)) {
      s.recurrent = random.chance(70);
      if (random.chance(50)) s.K *= 4;
      layer.op = LayerOp::lstm_h;
    }
    layer.weight = add("w" + number, s.weight());
    if (random.chance(95)) layer.output = add("out" + number, out);
    if (!layer.output.empty() && random.chance(15)) network.host_tensors->insert(layer.output);
    if (random.chance(40)) {
      layer.bias = "b" + number;
      network.aux[layer.bias].integer = network.bits == 8;
      for (std::int64_t k = 0; k < s.K; ++k)
        network.aux[layer.bias].values.push_back(static_cast<double>(random.in(-1000, 1000)));
    }
    network.layers.push_back(layer);
  }
  return network;
}

/// Gives the 8-bit layers that have a bias, gates apart, scales and the output codes that follow from them.
inline void make_reproducible(Network& network, Random& random) {
  if (network.bits != 8) return;
  for (Layer& layer : network.layers) {
    if (layer.bias.empty() || layer.output.empty() || layer.op == LayerOp::lstm_h) continue;
    layer.weight_scales = layer.bias + "s";
    network.aux[layer.weight_scales] = {};
    for (std::int64_t k = 0; k < layer.shape.K; ++k)
      network.aux[layer.weight_scales].values.push_back(1e-4 * static_cast<double>(random.in(1, 400)));
    network.tensors[layer.input].scale = {1};
    Tensor& output = network.tensors[layer.output];
    output.scale = {1};
    layer.fused_activation = random.of<std::string>({"none", "relu", "relu6"});
    const auto requantisation = requantisation_of(network, layer);
    const std::vector<std::int64_t> sums =
        plain_convolution(layer.shape, network.tensor(layer.input), network.tensor(layer.weight));
    const std::int64_t plane = layer.shape.OH * layer.shape.OW;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t k = at % layer.shape.K, window = at / layer.shape.K;
      const auto bias =
          static_cast<std::int64_t>(network.aux[layer.bias].values[static_cast<std::size_t>(k)]);
      const std::int64_t to = (window / plane * layer.shape.K + k) * plane + window % plane;
      output.data[static_cast<std::size_t>(to)] =
          static_cast<std::uint8_t>(requantisation->code(k, static_cast<std::int32_t>(sums[i] + bias)));
    }
  }
}

/// Parameters by key, as they are set.
using Settings = std::map<std::string, std::string>;

inline Parameters parameters_of(const Settings& settings) {
  Parameters parameters;
  for (const auto& [key, value] : settings)
    parameters.set(key, value, ParameterOrigin::command_line());
  return parameters;
}

inline Settings random_settings(Random& random) {
  const ComputeDesign& design = random_design(random);
  const ArrayGeometry geometry = random_geometry(random, design);
  const StreamOptions stream = random_stream_options(random);
  const auto size = [&] { return std::to_string(random.log_in(256, 1 << 17)); };
  return {
      {"array.design", std::string(design.name)},
      {"array.lanes", std::to_string(geometry.lanes)},
      {"array.rows", std::to_string(geometry.rows)},
      {"array.tiles", std::to_string(geometry.tiles)},
      {"array.columns", std::to_string(geometry.columns)},
      {"array.bits_per_cycle", std::to_string(geometry.bits_per_cycle)},
      {"array.column_registers", std::to_string(geometry.column_registers)},
      {"array.widths", random.of<std::string>({"any", "even", "pow2"})},
      {"array.clock_mhz", random.of<std::string>({"1000", "1000", "777", "300", "3000"})},
      {"codec.name", random.chance(60) ? "dpred" : random.of(codec_names())},
      {"codec.zero_vector", random.of<std::string>({"auto", "auto", "never", "always"})},
      {"codec.sign", random.of<std::string>({"twos-complement", "sign-magnitude"})},
      {"codec.widths", random.of<std::string>({"any", "even", "pow2"})},
      {"codec.group", std::to_string(stream.group)},
      {"codec.slice_channels", std::to_string(stream.slice_channels)},
      {"codec.block_values", std::to_string(stream.block_values)},
      {"codec.block_filters", std::to_string(stream.block_filters)},
      {"dram.preset", random.of<std::string>({"ddr4-3200", "lpddr4-3200", "ideal"})},
      {"dram.channels", random.of<std::string>({"1", "2"})},
      {"buffer.activation_bytes", size()},
      {"buffer.weight_bytes", size()},
      {"buffer.output_bytes", size()},
      {"engine.request_bytes", random.of<std::string>({"64", "100", "512", "4096"})},
      {"engine.outstanding", random.of<std::string>({"1", "2", "8", "100"})},
      {"engine.detect_latency", random.of<std::string>({"0", "2", "13"})},
      {"array.tile_split", random.of<std::string>({"filters", "windows", "best"})},
      {"array.fold", random.of<std::string>({"off", "auto"})},
      {"sim.fidelity", random.of<std::string>({"lt", "at"})},
      {"buffer.inter_layer", random.of<std::string>({"off-chip", "auto"})},
  };
}

}  // namespace dpred::test
