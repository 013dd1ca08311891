// Splitting tiles and folding: closed forms, brute force and the worked examples of docs/contracts.md,
// "Compute cycles".
#include <catch2/catch.hpp>
#include <numeric>
#include <string>

#include "models/array/brick_maps.h"
#include "models/array/layer_cycles.h"
#include "models/array/layer_schedule.h"
#include "tests/precision/reference.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

std::int64_t up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

LayerShape convolution(std::int64_t C, std::int64_t H, std::int64_t W, std::int64_t K, std::int64_t R,
                       std::int64_t S, std::int64_t stride) {
  LayerShape l;
  l.C = C, l.H = H, l.W = W, l.K = K, l.R = R, l.S = S;
  l.stride = {stride, stride};
  l.OH = (H - R) / stride + 1;
  l.OW = (W - S) / stride + 1;
  return l;
}

/// A small layer without groups, with its tensors.
struct Case {
  LayerShape layer;
  ArrayGeometry geometry;
  const ComputeDesign* design = nullptr;
  Tensor input, weight;

  std::uint64_t cycles() const { return layer_cycles(*design, geometry, layer, input.bits, input, weight); }
  std::uint64_t with(TileSplit split) const {
    Case c = *this;
    c.geometry.tile_split = split;
    return c.cycles();
  }
};

Case draw_case(Rng& rng) {
  Case c;
  LayerShape& l = c.layer;
  do {
    l.N = draw(rng, 1, 2);
    l.C = draw(rng, 1, 7);
    l.K = draw(rng, 1, 40);
    l.H = draw(rng, 1, 13), l.W = draw(rng, 1, 13);
    l.R = draw(rng, 1, 7), l.S = draw(rng, 1, 7);
    l.stride[0] = l.stride[1] = draw(rng, 1, 4);
    for (std::int64_t& pad : l.pad_tblr)
      pad = draw(rng, 0, 3);
    l.OH = l.H + l.pad_tblr[0] + l.pad_tblr[1] - l.R;
    l.OW = l.W + l.pad_tblr[2] + l.pad_tblr[3] - l.S;
  } while (l.OH < 0 || l.OW < 0);
  l.OH = l.OH / l.stride[0] + 1;
  l.OW = l.OW / l.stride[1] + 1;
  c.design = pick(rng, compute_designs());
  ArrayGeometry& g = c.geometry;
  g.lanes = pick<std::int64_t>(rng, {1, 4, 8, 16});
  g.rows = pick<std::int64_t>(rng, {1, 2, 4});
  g.tiles = pick<std::int64_t>(rng, {1, 2, 3, 4, 50});
  g.columns = pick<std::int64_t>(rng, {0, 1, 2, 3, 7});
  g.column_registers = pick<std::int64_t>(rng, {0, 0, 1, 3});
  g.bits_per_cycle = pick<std::int64_t>(rng, {1, 1, 2});
  g.widths = pick<WidthRounding>(rng, {WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  const bool wide = draw(rng, 0, 3) == 0;
  const std::vector<DType> types =
      wide ? std::vector<DType>{DType::int16, DType::uint16} : std::vector<DType>{DType::int8, DType::uint8};
  c.input = draw_tensor(rng, {l.N, l.C, l.H, l.W}, pick(rng, types));
  c.weight = draw_tensor(rng, {l.K, l.C, l.R, l.S}, pick(rng, types));
  return c;
}

/// Space-to-depth by its definition, value by value of the result.
Tensor naive_fold(const Tensor& tensor, std::int64_t s, const std::array<std::int64_t, 4>& pads) {
  const std::vector<std::int32_t> codes = codes_of(tensor);
  const auto [outer, channels, height, width] = tensor.shape;
  const Shape shape{outer, channels * s * s, up(height + pads[0] + pads[1], s),
                    up(width + pads[2] + pads[3], s)};
  std::vector<std::int32_t> made;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      for (std::int64_t y = 0; y < shape[2]; ++y) {
        for (std::int64_t x = 0; x < shape[3]; ++x) {
          const std::int64_t from_y = y * s + c / channels / s - pads[0];
          const std::int64_t from_x = x * s + c / channels % s - pads[2];
          std::int32_t code = tensor.zero_point;
          if (from_y >= 0 && from_y < height && from_x >= 0 && from_x < width) {
            const std::int64_t i = ((n * channels + c % channels) * height + from_y) * width + from_x;
            code = codes[static_cast<std::size_t>(i)];
          }
          made.push_back(code);
        }
      }
    }
  }
  return make_tensor(shape, tensor.dtype, tensor.zero_point, made);
}

/// One value of the widest width in front, as a tensor's profile needs them.
bool same_profile(const Tensor& a, const Tensor& b) {
  const TensorProfile p = profile_of(a);
  const TensorProfile q = profile_of(b);
  return p.width == q.width && p.format.is_signed == q.format.is_signed;
}

}  // namespace

TEST_CASE("the split of tiles where all steps take the same time") {
  Rng rng(31);
  for (int trial = 0; trial < 400; ++trial) {
    Case c = draw_case(rng);
    c.design = &find_compute_design(pick<std::string>(rng, {"bit-parallel", "stripes", "loom"}));
    CAPTURE(trial, c.design->name);
    const LayerShape& l = c.layer;
    const ArrayGeometry& g = c.geometry;
    if (l.N * l.OH * l.OW == 1) continue;
    const std::int64_t pallets = up(l.N * l.OH * l.OW, g.columns_of(*c.design, c.input.bits));
    const std::int64_t rows = g.rows_of(*c.design, c.input.bits);
    // A pallet's cycles, from an array with room for everything.
    Case one = c;
    one.geometry.rows = 64, one.geometry.columns = 1 << 10;
    const auto pallet = static_cast<std::int64_t>(one.with(TileSplit::filters));
    const std::int64_t filters = up(l.K, rows * g.tiles) * pallets * pallet;
    const std::int64_t windows = up(l.K, rows) * up(pallets, g.tiles) * pallet;
    CHECK(static_cast<std::int64_t>(c.with(TileSplit::filters)) == filters);
    CHECK(static_cast<std::int64_t>(c.with(TileSplit::windows)) == windows);
    CHECK(static_cast<std::int64_t>(c.with(TileSplit::best)) == std::min(filters, windows));
  }
}

TEST_CASE("tiles that share windows each run their pallets alone") {
  Rng rng(32);
  int many = 0;
  for (int trial = 0; trial < 300; ++trial) {
    Case c = draw_case(rng);
    c.layer.K = draw(rng, 1, c.geometry.rows);  // one set
    const LayerShape& l = c.layer;
    c.weight = draw_tensor(rng, {l.K, l.C, l.R, l.S}, c.weight.dtype);
    if (l.N * l.OH * l.OW == 1) continue;
    CAPTURE(trial, c.design->name);
    c.geometry.column_registers = 0;  // then a pallet takes the same time wherever it runs
    const TensorProfile input = profile_of(c.input);
    const TensorProfile weight = profile_of(c.weight);
    BrickMaps maps;
    const auto a = maps.of(c.input, input.format, activation_bricks(l, c.geometry));
    const auto w = maps.of(c.weight, weight.format, weight_bricks(l, c.geometry));
    const LayerPrecision precision{c.input.bits, input.width, weight.width};
    LayerSchedule together(*c.design, c.geometry, l, precision, a.get(), w.get());
    REQUIRE(together.sets().size() == 1);
    c.geometry.tile_split = TileSplit::windows;
    LayerSchedule shared(*c.design, c.geometry, l, precision, a.get(), w.get());
    std::vector<std::uint64_t> tiles(static_cast<std::size_t>(c.geometry.tiles), 0);
    for (std::int64_t p = 0; p < together.units(); ++p) {
      tiles[static_cast<std::size_t>(p % c.geometry.tiles)] += together.end(0, p + 1) - together.end(0, p);
      REQUIRE(shared.end(0, p + 1) == *std::max_element(tiles.begin(), tiles.end()));
    }
    many += together.units() > c.geometry.tiles && c.geometry.tiles > 1;
  }
  CHECK(many > 50);
}

TEST_CASE("with registers a tile's columns run on from one of its pallets to its next") {
  // Two tiles, two columns, one register, one step a window. Pallets 0 and 2 are tile 0's.
  Case c;
  c.design = &find_compute_design("dpred-stripes");
  c.geometry.lanes = c.geometry.rows = 1;
  c.geometry.tiles = 2;
  c.geometry.columns = 2;
  c.geometry.column_registers = 1;
  c.geometry.tile_split = TileSplit::windows;
  c.layer = convolution(1, 1, 8, 1, 1, 1, 1);
  // Widths 1 4 | 8 8 | 3 1 | 1 1: tile 0 ends its steps at 1 4 and 4 5, tile 1 at 8 8 and 9 9.
  c.input = make_tensor({1, 1, 1, 8}, DType::uint8, 0, {1, 8, 128, 128, 4, 1, 1, 1});
  c.weight = make_tensor({1, 1, 1, 1}, DType::int8, 0, {1});
  CHECK(c.cycles() == 9);
  // Without the last pallet tile 1 ends at 8; a tile of 1 4 | 3 1 | 3 1 alone ends at 4 5 and then at 7 6.
  c.layer = convolution(1, 1, 10, 1, 1, 1, 1);
  c.input = make_tensor({1, 1, 1, 10}, DType::uint8, 0, {1, 8, 1, 1, 4, 1, 1, 1, 4, 1});
  CHECK(c.cycles() == 7);
  c.geometry.column_registers = 0;
  CHECK(c.cycles() == 10);
}

TEST_CASE("one tile, one window, recurrent steps and depthwise layers have nothing to split") {
  Rng rng(33);
  for (int trial = 0; trial < 300; ++trial) {
    Case c = draw_case(rng);
    CAPTURE(trial, c.design->name);
    LayerShape& l = c.layer;
    switch (draw(rng, 0, 3)) {
      case 0:
        c.geometry.tiles = 1;
        break;
      case 1:
      case 2:
        l = LayerShape();
        l.recurrent = draw(rng, 0, 1) == 1;
        l.N = l.recurrent ? draw(rng, 1, 5) : 1;
        l.C = draw(rng, 1, 40), l.K = draw(rng, 1, 40);
        break;
      default:
        l.C = draw(rng, 2, 30);
        l.groups = l.C;
        l.K = l.C * draw(rng, 1, 2);
    }
    c.input = draw_tensor(rng, {l.N, l.C, l.H, l.W}, c.input.dtype);
    c.weight = draw_tensor(rng, {l.K, l.C / l.groups, l.R, l.S}, c.weight.dtype);
    const std::uint64_t cycles = c.with(TileSplit::filters);
    CHECK(c.with(TileSplit::windows) == cycles);
    CHECK(c.with(TileSplit::best) == cycles);
  }
}

TEST_CASE("a folded layer takes what the layer takes that is made of folded tensors") {
  Rng rng(34);
  int folded = 0, not_folded = 0, padded = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    Case c = draw_case(rng);
    CAPTURE(trial, c.design->name);
    const LayerShape& l = c.layer;
    const std::int64_t s = l.stride[0];
    c.geometry.tile_split = pick<TileSplit>(rng, {TileSplit::filters, TileSplit::windows, TileSplit::best});
    Case on = c;
    on.geometry.fold = true;
    const std::int64_t steps = up(l.R, s) * up(l.S, s) * up(l.C * s * s, c.geometry.lanes);
    if (s == 1 || l.C >= c.geometry.lanes || steps >= l.R * l.S) {
      REQUIRE(on.cycles() == c.cycles());
      ++not_folded;
      continue;
    }
    Case made = c;
    made.input = naive_fold(c.input, s, l.pad_tblr);
    made.weight = naive_fold(c.weight, s, {0, 0, 0, 0});
    // Padding adds zeros, which no profile depends on.
    REQUIRE(same_profile(made.input, c.input));
    REQUIRE(same_profile(made.weight, c.weight));
    LayerShape& m = made.layer;
    m.C = made.input.shape[1], m.H = made.input.shape[2], m.W = made.input.shape[3];
    m.R = made.weight.shape[2], m.S = made.weight.shape[3];
    m.stride = {1, 1};
    m.pad_tblr = {0, 0, 0, 0};
    REQUIRE(on.cycles() == made.cycles());
    ++folded;
    padded += l.R % s != 0;
  }
  CHECK(folded > 200);
  CHECK(not_folded > 200);
  CHECK(padded > 100);
}

TEST_CASE("layers that don't fold") {
  LayerShape good = convolution(3, 20, 20, 8, 5, 5, 2);
  CHECK(folds(good, 16));
  CHECK_FALSE(folds(good, 3));  // no lane is idle
  CHECK_FALSE(folds(good, 4));  // 9 taps of 3 bricks are more steps than 25
  CHECK(folds(good, 6));        // 9 taps of 2 are fewer
  const auto without = [&](auto&& change) {
    LayerShape l = good;
    change(l);
    return !folds(l, 16);
  };
  CHECK(without([](LayerShape& l) { l.groups = 3, l.K = 9; }));
  CHECK(without([](LayerShape& l) { l.dilation = {1, 2}; }));
  CHECK(without([](LayerShape& l) { l.dilation = {2, 1}; }));
  CHECK(without([](LayerShape& l) { l.stride = {1, 1}; }));
  CHECK(without([](LayerShape& l) { l.stride = {2, 3}; }));
  CHECK(without([](LayerShape& l) { l.C = 16; }));
  CHECK(without([](LayerShape& l) { l.R = l.S = 1; }));  // one step either way
  CHECK(without([](LayerShape& l) { l.stride = {1 << 30, 1 << 30}; }));
}

TEST_CASE("worked examples of tile_split and fold") {
  // Pallets of one window that take 4, 3 and 2 cycles.
  Case c;
  c.design = &find_compute_design("dpred-stripes");
  c.geometry.rows = c.geometry.tiles = 2;
  c.geometry.columns = 1;
  c.layer = convolution(1, 1, 3, 2, 1, 1, 1);
  c.input = make_tensor({1, 1, 1, 3}, DType::uint8, 0, {8, 4, 2});
  c.weight = make_tensor({2, 1, 1, 1}, DType::int8, 0, {1, 1});
  CHECK(c.with(TileSplit::filters) == 9);
  CHECK(c.with(TileSplit::windows) == 6);
  CHECK(c.with(TileSplit::best) == 6);
  c.layer.K = 4;
  c.weight = make_tensor({4, 1, 1, 1}, DType::int8, 0, {1, 1, 1, 1});
  CHECK(c.with(TileSplit::filters) == 9);
  CHECK(c.with(TileSplit::windows) == 12);
  CHECK(c.with(TileSplit::best) == 9);

  // A row of five values, two windows: bricks 1 2, 3 4 and 5.
  c.layer = convolution(1, 1, 5, 1, 1, 3, 2);
  c.geometry.lanes = 4;
  c.input = make_tensor({1, 1, 1, 5}, DType::uint8, 0, {1, 2, 3, 4, 5});
  c.weight = make_tensor({1, 1, 1, 3}, DType::int8, 0, {1, 1, 1});
  CHECK(c.cycles() == (1 + 2 + 2) + (2 + 3 + 3));
  c.geometry.fold = true;
  CHECK(c.cycles() == (2 + 3) + (3 + 3));

  const LayerShape alexnet = convolution(3, 227, 227, 96, 11, 11, 4);
  REQUIRE(folds(alexnet, 16));
  const LayerShape f = folded(alexnet);
  CHECK(f.R * f.S * up(f.C, 16) == 27);
  CHECK(f.H == 57);
}

TEST_CASE("one map serves a tensor's readers that cut it alike") {
  Rng rng(35);
  const Tensor tensor = draw_tensor(rng, {1, 12, 9, 9}, DType::int8);
  const ValueFormat format = profile_of(tensor).format;
  LayerShape l = convolution(12, 9, 9, 4, 3, 3, 2);
  ArrayGeometry g;
  BrickMaps maps;
  const auto of = [&] { return maps.of(tensor, format, activation_bricks(l, g)); };
  const auto first = of();
  l.R = l.S = 1, l.OH = l.OW = 5;
  g.rows = 3, g.tiles = 16, g.columns = 4;
  CHECK(of() == first);
  l.groups = 2;
  CHECK(of() != first);
  l.groups = 1;
  g.lanes = 8;
  CHECK(of() != first);
  CHECK(maps.size() == 3);
  g.lanes = 64, g.fold = true;
  const auto unfolded = of();
  l.R = l.S = 3, l.OH = l.OW = 4;
  const auto folded_map = of();
  CHECK(folded_map != unfolded);
  l.pad_tblr = {1, 0, 0, 0};
  CHECK(of() != folded_map);
  CHECK(maps.size() == 6);
}

TEST_CASE("a schedule refuses what is not decided, and maps of other layers") {
  Rng rng(36);
  Case c = draw_case(rng);
  c.layer = convolution(3, 9, 9, 4, 3, 3, 2);
  c.input = draw_tensor(rng, {1, 3, 9, 9}, DType::int8);
  const ComputeDesign& design = find_compute_design("dpred-stripes");
  const BrickMap map =
      brick_map(c.input, profile_of(c.input).format, activation_bricks(c.layer, ArrayGeometry()));
  const auto schedule = [&](const ArrayGeometry& g) {
    LayerSchedule(design, g, c.layer, {8, 8, 8}, &map, nullptr);
  };
  CHECK_NOTHROW(schedule({}));
  ArrayGeometry g;
  g.tile_split = TileSplit::best;
  CHECK_THROWS_AS(schedule(g), std::invalid_argument);
  g = {};
  g.fold = true;
  CHECK_THROWS_AS(schedule(g), std::invalid_argument);
  g = {};
  g.lanes = 2;
  CHECK_THROWS_AS(schedule(g), std::invalid_argument);
}

TEST_CASE("compute cycles of the real sets with split tiles and folded layers", "[traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const auto cycles = [](const Network& network, const char* design, const ArrayGeometry& geometry) {
    std::uint64_t sum = 0;
    for (const Layer& layer : network.layers) {
      sum += layer_cycles(find_compute_design(design), geometry, layer.shape, network.bits,
                          network.tensor(layer.input), network.tensor(layer.weight));
    }
    return sum;
  };
  ArrayGeometry windows, best, fold;
  windows.tile_split = TileSplit::windows;
  best.tile_split = TileSplit::best;
  fold.fold = true;
  const Network resnet = read_trace_set(*traces / "mlperf_resnet8_int8");
  CHECK(cycles(resnet, "dpred-stripes", windows) == 11730);
  CHECK(cycles(resnet, "dpred-stripes", best) == 11509);
  CHECK(cycles(resnet, "dpred-loom", best) == 63688);
  const Network kws = read_trace_set(*traces / "mlperf_kws_int8");
  CHECK(cycles(kws, "bit-parallel", fold) == 7754);
  CHECK(cycles(kws, "stripes", fold) == 8105);
  CHECK(cycles(kws, "dpred-stripes", fold) == 6416);
  CHECK(cycles(kws, "loom", fold) == 64840);
  CHECK(cycles(kws, "loom-dynamic", fold) == 51328);
  CHECK(cycles(kws, "dpred-loom", fold) == 51328);
  CHECK(cycles(read_trace_set(*traces / "mobilenet_v1_075_int8"), "dpred-stripes", fold) == 484461);
}
