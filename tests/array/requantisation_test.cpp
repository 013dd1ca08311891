// TFLite's fixed-point requantisation: closed forms, its corner cases, and which layers have one.
#include "models/array/requantisation.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "tests/platform/random_layers.h"

using namespace dpred;
using namespace dpred::test;

namespace {

std::int32_t times(double factor, std::int32_t value) {
  return FixedPointFactor::of(factor).times(value);
}

/// A convolution of one value whose factor is `factor`.
Network one_value(double factor, DType output_type, int output_zero_point, double output_scale) {
  Network network;
  Layer layer;
  layer.name = "layer", layer.input = "x", layer.weight = "w", layer.output = "y", layer.bias = "b";
  for (const char* key : {"x", "w", "y"}) {
    network.tensors[key].data = {0};
    network.tensors[key].scale = {1};
  }
  network.tensors["x"].scale = {factor * output_scale};
  network.tensors["y"].scale = {output_scale};
  network.tensors["y"].dtype = output_type;
  network.tensors["y"].zero_point = output_zero_point;
  network.aux["b"] = {{0}, true};
  network.layers.push_back(layer);
  return network;
}

std::optional<Requantisation> requantisation(const Network& network) {
  return requantisation_of(network, network.layers.front());
}

}  // namespace

TEST_CASE("a factor becomes 31 bits and a shift") {
  const auto check = [](double factor, std::int64_t multiplier, int shift) {
    CAPTURE(factor);
    CHECK(FixedPointFactor::of(factor).multiplier == multiplier);
    CHECK(FixedPointFactor::of(factor).shift == shift);
  };
  const std::int64_t half = std::int64_t{1} << 30;
  check(0.5, half, 0);
  check(1, half, 1);
  check(0.75, half + half / 2, 0);
  check(std::ldexp(1, -10), half, -9);
  check(0.5 + std::ldexp(1, -31), half + 1, 0);
  check(0.5 + std::ldexp(1, -32), half + 1, 0);  // halves up
  check(1 - std::ldexp(1, -31), 2 * half - 1, 0);
  check(1 - std::ldexp(1, -32), half, 1);  // rounded up to 2^31, which has no place
  check(std::ldexp(1, -32), half, -31);
  check(std::ldexp(1, -33), 0, 0);
  check(0, 0, 0);
  check(std::ldexp(1, 29), half, 30);
  check(std::ldexp(1, 40), 0x7fffffff, 30);
}

TEST_CASE("products are rounded twice") {
  // Without a shift only the high multiply rounds: halves up.
  CHECK(times(0.5, 3) == 2);
  CHECK(times(0.5, -3) == -1);
  CHECK(times(0.5, 1) == 1);
  CHECK(times(0.5, -1) == 0);
  // The shift rounds halves away from zero.
  CHECK(times(0.25, 6) == 2);
  CHECK(times(0.25, -6) == -2);
  CHECK(times(0.25, 4) == 1);
  CHECK(times(0.25, -4) == -1);
  // Both: 1.25 -> 2.5 -> 3 -> 1.5 -> 2.
  CHECK(times(0.25, 5) == 2);
  CHECK(times(0.25, -5) == -1);  // -2.5 -> -2 -> -1
  CHECK(times(1, 12345) == 12345);
  CHECK(times(1, -12345) == -12345);
  CHECK(times(8, -12345) == -8 * 12345);
  CHECK(times(0, 2147483647) == 0);
}

TEST_CASE("products at the ends of 32 bits") {
  constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t highest = std::numeric_limits<std::int32_t>::max();
  CHECK(times(0.5, lowest) == lowest / 2);
  CHECK(times(0.5, highest) == 1 << 30);
  CHECK(times(1 - std::ldexp(1, -31), lowest) == lowest + 1);
  // A shift of 31 leaves one bit.
  CHECK(times(std::ldexp(1, -32), highest) == 1);
  CHECK(times(std::ldexp(1, -32), (1 << 30) - 1) == 0);
  CHECK(times(std::ldexp(1, -32), lowest) == -1);
  // What is shifted out at the left saturates before it is multiplied.
  CHECK(times(4, highest) == 1 << 30);
  CHECK(times(4, lowest) == lowest / 2);
}

TEST_CASE("products are within one of the real ones") {
  Random random(311);
  for (int i = 0; i < 20000; ++i) {
    const double factor = std::ldexp(1 + static_cast<double>(random.in(0, 1 << 30)) / (1 << 30),
                                     static_cast<int>(random.in(-25, 3)));
    const auto value = static_cast<std::int32_t>(random.in(-(1 << 26), 1 << 26));
    CAPTURE(factor, value);
    const double real = factor * value;
    const double got = times(factor, value);
    REQUIRE(std::abs(got - real) <= 1 + std::abs(real) * std::ldexp(1, -30));
    if (factor < 0.25) REQUIRE(std::abs(got - real) <= 0.5 + factor + std::abs(real) * std::ldexp(1, -30));
  }
}

TEST_CASE("codes are clamped to what type and activation allow") {
  struct Row {
    DType type;
    int zero_point;
    double scale;
    const char* activation;
    int lowest, highest;
  };
  for (const Row& row : {
           Row{DType::int8, 3, 0.5, "none", -128, 127},
           Row{DType::uint8, 3, 0.5, "none", 0, 255},
           Row{DType::int8, -128, 0.5, "relu", -128, 127},
           Row{DType::int8, 3, 0.5, "relu", 3, 127},
           Row{DType::uint8, 0, 0.5, "relu6", 0, 12},
           Row{DType::uint8, 0, 6 / 255.0, "relu6", 0, 255},
           Row{DType::int8, 120, 0.5, "relu6", 120, 127},
           Row{DType::int8, 10, 4, "relu6", 10, 12},  // 1.5, away from zero
           Row{DType::int8, 10, 0.125, "relu_n1_to_1", 2, 18},
           Row{DType::int8, 10, 2, "relu_n1_to_1", 9, 11},
       }) {
    CAPTURE(row.activation, row.zero_point, row.scale);
    Network network = one_value(1, row.type, row.zero_point, row.scale);
    network.layers[0].fused_activation = row.activation;
    const auto found = requantisation(network);
    REQUIRE(found);
    CHECK(found->lowest == row.lowest);
    CHECK(found->highest == row.highest);
    CHECK(found->code(0, 1000000) == row.highest);
    CHECK(found->code(0, -1000000) == row.lowest);
    CHECK(found->code(0, std::numeric_limits<std::int32_t>::max()) == row.highest);
    CHECK(found->code(0, 1) == std::min(row.zero_point + 1, row.highest));
  }
}

TEST_CASE("each filter has its own factor") {
  Network network = one_value(0.5, DType::int8, 0, 1);
  network.layers[0].shape.K = 4;
  network.aux["b"].values.assign(4, 0);
  network.tensors["w"].scale = {1, 2};  // of two filters each
  auto found = requantisation(network);
  REQUIRE(found);
  CHECK(found->code(0, 10) == 5);
  CHECK(found->code(1, 10) == 5);
  CHECK(found->code(2, 10) == 10);
  CHECK(found->code(3, 10) == 10);
  network.layers[0].weight_scales = "s";
  network.aux["s"] = {{1, 2, 4, 8}, false};
  found = requantisation(network);
  REQUIRE(found);
  for (int k = 0; k < 4; ++k)
    CHECK(found->code(k, 10) == 5 << k);
}

TEST_CASE("layers whose codes the trace set doesn't define have no requantisation") {
  const Network intact = one_value(0.5, DType::int8, 0, 1);
  REQUIRE(requantisation(intact));
  const auto without = [&](const std::function<void(Network&)>& change) {
    Network network = intact;
    change(network);
    return !requantisation(network);
  };
  CHECK(without([](Network& n) { n.bits = 16; }));
  CHECK(without([](Network& n) { n.layers[0].output.clear(); }));
  CHECK(without([](Network& n) { n.layers[0].bias.clear(); }));
  CHECK(without([](Network& n) { n.aux["b"].integer = false; }));
  CHECK(without([](Network& n) { n.tensors["x"].scale.clear(); }));
  CHECK(without([](Network& n) { n.tensors["w"].scale.clear(); }));
  CHECK(without([](Network& n) { n.tensors["y"].scale.clear(); }));
  CHECK(without([](Network& n) { n.tensors["y"].scale = {0}; }));
  CHECK(without([](Network& n) { n.layers[0].fused_activation = "tanh"; }));
  CHECK(without([](Network& n) { n.layers[0].fused_activation = "sign_bit"; }));
  for (const LayerOp op :
       {LayerOp::lstm_x, LayerOp::lstm_h, LayerOp::matmul, LayerOp::matmul_qk, LayerOp::matmul_av}) {
    CHECK(without([&](Network& n) { n.layers[0].op = op; }));
  }
  for (const LayerOp op : {LayerOp::conv, LayerOp::dwconv, LayerOp::fc}) {
    CHECK_FALSE(without([&](Network& n) { n.layers[0].op = op; }));
  }
}
