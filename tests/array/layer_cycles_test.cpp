// Compute cycles of whole layers against the array that is simulated cycle by cycle, worked examples, and
// numbers of real sets that others computed.
#include "models/array/layer_cycles.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "tests/array/naive_array.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// What the cases of the comparison have to cover.
std::vector<std::string> kinds_of(const Case& c) {
  const LayerShape& l = c.layer;
  const ArrayGeometry& g = c.geometry;
  const std::int64_t columns = c.columns();
  const std::int64_t windows = l.N * l.OH * l.OW;
  const bool padded = l.pad_tblr != decltype(l.pad_tblr){0, 0, 0, 0};
  const auto is_signed = [](const Tensor& tensor) { return any_negative(centred_values(tensor)); };
  const std::vector<std::int32_t> inputs = centred_values(c.input);
  const auto zeros = std::count(inputs.begin(), inputs.end(), 0);
  const std::vector<std::pair<const char*, bool>> kinds = {
      {"depthwise", c.depthwise()},
      {"depthwise with a multiplier", c.depthwise() && l.K > l.C},
      {"depthwise, several units of dpred-loom a brick",
       c.depthwise() && c.design == "dpred-loom" && std::min(g.lanes, l.C) > c.rows()},
      {"depthwise, one window", c.depthwise() && c.one_window()},
      {"loom, several sets", c.loom_kind() && !c.depthwise() && l.K / l.groups > c.rows() * g.tiles},
      {"grouped", !c.depthwise() && l.groups > 1},
      {"one window", c.one_window() && l.N == 1},
      {"recurrent steps", c.one_window() && l.N > 1},
      {"recurrent, many windows", l.recurrent && !c.one_window()},
      {"partial pallet", !c.one_window() && windows % columns != 0},
      {"dilated", l.dilation[0] * l.dilation[1] > 1},
      {"strides differ", l.stride[0] != l.stride[1]},
      {"pads differ", l.pad_tblr[0] != l.pad_tblr[1] && l.pad_tblr[2] != l.pad_tblr[3]},
      {"padding above the kernel", l.pad_tblr[0] > l.R || l.pad_tblr[3] > l.S},
      {"folded", is_folded(c)},
      {"folded, one window", is_folded(c) && c.one_window()},
      {"folded and padded", is_folded(c) && padded},
      {"windows over tiles", g.tile_split == TileSplit::windows && g.tiles > 1 && windows > 2 * columns},
      {"best", g.tile_split == TileSplit::best && g.tiles > 1 && windows > columns},
      {"run ahead", g.column_registers > 0 && columns > 1 && !c.one_window()},
      {"16 bits", c.bits == 16},
      {"signed input", is_signed(c.input)},
      {"unsigned input", !is_signed(c.input)},
      {"signed weights", is_signed(c.weight)},
      {"unsigned weights", !is_signed(c.weight)},
      {"zero point", c.input.zero_point != 0 && c.weight.zero_point != 0},
      {"all zero", zeros == static_cast<std::ptrdiff_t>(inputs.size())},
      {"short last brick", l.C / l.groups > g.lanes && l.C / l.groups % g.lanes != 0},
      {"several bits a cycle", g.bits_per_cycle > 1},
  };
  std::vector<std::string> names = {c.design};
  for (const auto& [name, applies] : kinds) {
    if (applies) names.push_back(name);
  }
  return names;
}

}  // namespace

TEST_CASE("cycles are those of an array that is simulated cycle by cycle") {
  const std::uint64_t layers = 10000 / fewer_cases;
  std::map<std::string, std::uint64_t> kinds;
  for (std::uint64_t trial = 0; trial < layers; ++trial) {
    SplitMix64 rng(20'000'000 + trial);
    const Case c = draw_case(rng);
    for (const std::string& kind : kinds_of(c))
      ++kinds[kind];
    const std::uint64_t expected = NaiveArray(c).total();
    const std::uint64_t found = cycles_of(c);
    if (found != expected) {
      INFO(trial << ": " << describe(c));
      REQUIRE(found == expected);
    }
  }
  for (const auto& [kind, count] : kinds) {
    CAPTURE(kind);
    CHECK(count * 400 >= layers);
  }
  CHECK(kinds.size() == 6 + 29);
}

TEST_CASE("worked examples of compute cycles") {
  // docs/contracts.md, "Compute cycles": two columns, four steps a window with widths 1 3 1 1 and 4 1 1 2.
  Case c;
  c.design = "dpred-stripes";
  c.geometry.lanes = 1;
  c.geometry.rows = 1;
  c.geometry.tiles = 1;
  c.geometry.columns = 2;
  c.layer.C = 4;
  c.layer.W = c.layer.OW = 2;
  c.input = make_tensor({1, 4, 1, 2}, DType::uint8, 0, {1, 8, 4, 1, 1, 1, 1, 2});
  c.weight = make_tensor({1, 4, 1, 1}, DType::int8, 0, {1, 1, 1, 1});
  const auto check = [&c](std::uint64_t cycles) {
    CHECK(NaiveArray(c).total() == cycles);
    CHECK(cycles_of(c) == cycles);
  };
  check(10);
  c.geometry.column_registers = 1;
  check(8);
  c.geometry.column_registers = 0;
  // The first window alone: its steps start at 0, 1, 2 and 4.
  c.layer.W = c.layer.OW = 1;
  c.input = make_tensor({1, 4, 1, 1}, DType::uint8, 0, {1, 4, 1, 1});
  check(5);
}

namespace {

/// Cycles of a whole network, as `cycles` (of a case) finds them.
template <class Cycles>
std::uint64_t network_cycles(const Network& network, const std::string& design, const ArrayGeometry& geometry,
                             Cycles&& cycles) {
  std::uint64_t sum = 0;
  for (const Layer& layer : network.layers) {
    Case c;
    c.layer = layer.shape;
    c.geometry = geometry;
    c.design = design;
    c.bits = network.bits;
    c.input = network.tensor(layer.input);
    c.weight = network.tensor(layer.weight);
    sum += cycles(c);
  }
  return sum;
}

/// Checks both the library and the reference.
void check_network(const Network& network, const std::string& design, const ArrayGeometry& geometry,
                   std::uint64_t expected) {
  CAPTURE(network.name, design);
  CHECK(network_cycles(network, design, geometry, cycles_of) == expected);
  CHECK(network_cycles(network, design, geometry, [](const Case& c) { return NaiveArray(c).total(); }) ==
        expected);
}

}  // namespace

TEST_CASE("compute cycles of the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    bool fold;
    std::uint64_t cycles[6];
  };
  const Expected sets[] = {
      {"mlperf_resnet8_int8", false, {38404, 35207, 31240, 281656, 249920, 249920}},
      {"mlperf_kws_int8", false, {11504, 12425, 8345, 99400, 66760, 66760}},
      {"mlperf_kws_int8", true, {7754, 8105, 6416, 64840, 51328, 51328}},
      {"mnist_lstm_int8", false, {259, 674, 560, 2864, 2408, 2404}},
      {"mlperf_ad01_int8", false, {266, 435, 429, 1456, 1432, 1384}},
  };
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    ArrayGeometry geometry;
    geometry.fold = expected.fold;
    for (std::size_t d = 0; d < 6; ++d)
      check_network(network, design_names[d], geometry, expected.cycles[d]);
  }
}

TEST_CASE("compute cycles of a real set by option of the array", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  const Network resnet = read_trace_set(*folder / "mlperf_resnet8_int8");
  const auto check = [&](const char* design, std::uint64_t expected, auto&& change) {
    ArrayGeometry geometry;
    change(geometry);
    check_network(resnet, design, geometry, expected);
  };
  check("dpred-stripes", 31976, [](ArrayGeometry& g) { g.bits_per_cycle = 2; });
  check("dpred-stripes", 32735, [](ArrayGeometry& g) { g.widths = WidthRounding::even; });
  check("dpred-stripes", 37483, [](ArrayGeometry& g) { g.widths = WidthRounding::pow2; });
  check("dpred-stripes", 29458, [](ArrayGeometry& g) { g.column_registers = 1; });
  check("dpred-stripes", 29383, [](ArrayGeometry& g) { g.column_registers = 2; });
  check("dpred-stripes", 11730, [](ArrayGeometry& g) { g.tile_split = TileSplit::windows; });
  check("dpred-stripes", 11509, [](ArrayGeometry& g) { g.tile_split = TileSplit::best; });
  check("dpred-loom", 63688, [](ArrayGeometry& g) { g.tile_split = TileSplit::best; });
}

TEST_CASE("compute cycles of a large real set", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  // Of the library alone: the reference gives these too, but takes longer than all other tests of cycles.
  const Network mobilenet = read_trace_set(*folder / "mobilenet_v1_075_int8");
  ArrayGeometry geometry;
  CHECK(network_cycles(mobilenet, "dpred-stripes", geometry, cycles_of) == 529443);
  geometry.fold = true;
  CHECK(network_cycles(mobilenet, "dpred-stripes", geometry, cycles_of) == 484461);
}
