// A layer with values on an array, and random ones: small enough for brute force, and of every kind.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/array/design.h"
#include "models/array/layer_cycles.h"
#include "models/array/layer_schedule.h"
#include "tests/precision/reference.h"
#include "tests/support/split_mix.h"

namespace dpred::test {

/// Those that the reference knows: a random case doesn't change with a new design.
inline const std::array<const char*, 6> design_names = {"bit-parallel", "stripes",      "dpred-stripes",
                                                        "loom",         "loom-dynamic", "dpred-loom"};

/// By what random tests divide their number of cases: each takes ten times as long with sanitizers.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int fewer_cases = 4;
#else
inline constexpr int fewer_cases = 1;
#endif

struct Case {
  LayerShape layer;
  ArrayGeometry geometry;
  std::string design;
  int bits = 8;
  Tensor input, weight;

  bool depthwise() const { return layer.groups == layer.C && layer.C > 1; }
  bool loom_kind() const { return design.find("loom") != std::string::npos; }
  std::int64_t columns() const {
    if (geometry.columns > 0) return geometry.columns;
    return design == "bit-parallel" ? 1 : bits / geometry.bits_per_cycle;
  }
  /// Rows of a tile.
  std::int64_t rows() const { return geometry.rows * (loom_kind() ? bits : 1); }
  /// The layer has one window at a time: its steps are dealt over the columns.
  bool one_window() const { return layer.OH * layer.OW == 1 && (layer.N == 1 || layer.recurrent); }
};

inline std::string describe(const Case& c) {
  const LayerShape& l = c.layer;
  const ArrayGeometry& g = c.geometry;
  std::string text = c.design;
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"N", l.N},
      {"C", l.C},
      {"H", l.H},
      {"W", l.W},
      {"K", l.K},
      {"R", l.R},
      {"S", l.S},
      {"OH", l.OH},
      {"OW", l.OW},
      {"stride", l.stride[0]},
      {",", l.stride[1]},
      {"dilation", l.dilation[0]},
      {",", l.dilation[1]},
      {"pads", l.pad_tblr[0]},
      {",", l.pad_tblr[1]},
      {",", l.pad_tblr[2]},
      {",", l.pad_tblr[3]},
      {"groups", l.groups},
      {"recurrent", l.recurrent},
      {"lanes", g.lanes},
      {"rows", g.rows},
      {"tiles", g.tiles},
      {"columns", g.columns},
      {"bits per cycle", g.bits_per_cycle},
      {"registers", g.column_registers},
      {"widths", static_cast<int>(g.widths)},
      {"tile split", static_cast<int>(g.tile_split)},
      {"fold", g.fold},
      {"B", c.bits},
  };
  for (const auto& [name, value] : numbers)
    text += std::string(" ") + name + " " + std::to_string(value);
  return text;
}

/// Output positions of one axis, counted.
inline std::int64_t positions(std::int64_t padded_size, std::int64_t kernel, std::int64_t dilation,
                              std::int64_t stride) {
  std::int64_t count = 0;
  while (count * stride + dilation * (kernel - 1) < padded_size)
    ++count;
  return count;
}

inline ArrayGeometry draw_geometry(SplitMix64& rng) {
  ArrayGeometry g;
  g.lanes = pick<std::int64_t>(rng, {1, 2, 3, 4, 8, 16, 20, 40});
  g.rows = pick<std::int64_t>(rng, {1, 1, 2, 3, 4, 16});
  g.tiles = draw(rng, 1, 4);
  g.columns = pick<std::int64_t>(rng, {0, 0, 1, 2, 3, 5, 8});
  g.bits_per_cycle = pick<std::int64_t>(rng, {1, 1, 2, 4});
  g.column_registers = pick<std::int64_t>(rng, {0, 0, 1, 2, 3, 4});
  g.widths = pick<WidthRounding>(rng, {WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  g.tile_split = pick<TileSplit>(rng, {TileSplit::filters, TileSplit::windows, TileSplit::best});
  g.fold = draw(rng, 0, 1) == 1;
  return g;
}

/// May have no output position at all.
inline LayerShape draw_layer(SplitMix64& rng) {
  LayerShape l;
  l.N = draw(rng, 1, 2);
  l.R = draw(rng, 1, 3);
  l.S = draw(rng, 1, 3);
  l.stride = {draw(rng, 1, 3), draw(rng, 1, 3)};
  l.dilation = {draw(rng, 1, 2), draw(rng, 1, 2)};
  const std::int64_t most_padding = draw(rng, 0, 9) == 0 ? 5 : 2;
  for (std::int64_t& pad : l.pad_tblr)
    pad = draw(rng, 0, most_padding);
  const auto pointwise = [&l] {
    l.R = l.S = 1;
    l.stride = l.dilation = {1, 1};
    l.pad_tblr = {0, 0, 0, 0};
  };
  switch (draw(rng, 0, 9)) {
    case 0:
    case 1:  // one window, or a recurrent layer: of one tap or of several
      l.recurrent = draw(rng, 0, 1) == 1;
      l.N = l.recurrent ? draw(rng, 1, 4) : 1;
      switch (draw(rng, 0, 2)) {
        case 0:
          pointwise();
          break;
        case 1:  // of a kernel that may be worth folding
          l.dilation = {1, 1};
          l.stride[0] = l.stride[1] = draw(rng, 2, 3);
          l.R = draw(rng, 1, 5);
          l.S = draw(rng, 1, 5);
          l.H = std::max<std::int64_t>(l.R + draw(rng, 0, 1) - l.pad_tblr[0] - l.pad_tblr[1], 1);
          l.W = std::max<std::int64_t>(l.S + draw(rng, 0, 1) - l.pad_tblr[2] - l.pad_tblr[3], 1);
          break;
        default:
          l.H = draw(rng, 1, 3);
          l.W = draw(rng, 1, 3);
          l.stride = {13, 13 + draw(rng, 0, 1)};
      }
      break;
    case 2:  // fully connected: windows are tokens
      l.N = draw(rng, 1, 20);
      pointwise();
      break;
    case 3:
    case 4:
    case 5:  // strided with a larger kernel: often worth folding
      l.R = draw(rng, 1, 5);
      l.S = draw(rng, 1, 5);
      l.stride[0] = l.stride[1] = draw(rng, 2, 3);
      l.dilation = {1, 1};
      l.H = draw(rng, 1, 9);
      l.W = draw(rng, 1, 9);
      break;
    default:
      l.H = draw(rng, 1, 7);
      l.W = draw(rng, 1, 7);
      l.recurrent = draw(rng, 0, 9) == 0;
  }
  l.OH = positions(l.H + l.pad_tblr[0] + l.pad_tblr[1], l.R, l.dilation[0], l.stride[0]);
  l.OW = positions(l.W + l.pad_tblr[2] + l.pad_tblr[3], l.S, l.dilation[1], l.stride[1]);
  switch (draw(rng, 0, 4)) {
    case 0:  // depthwise
      l.C = draw(rng, 2, draw(rng, 0, 1) == 1 ? 50 : 12);
      l.groups = l.C;
      l.K = l.C * draw(rng, 1, 3);
      break;
    case 1:  // grouped
      l.groups = draw(rng, 2, 3);
      l.C = l.groups * draw(rng, 2, 8);
      l.K = l.groups * draw(rng, 1, 8);
      break;
    case 2:
    case 3:
      l.C = draw(rng, 1, 5);
      l.K = draw(rng, 1, draw(rng, 0, 1) == 1 ? 60 : 12);
      break;
    default:
      l.C = draw(rng, 1, 20);
      l.K = draw(rng, 1, 20);
  }
  return l;
}

inline Case draw_case(SplitMix64& rng) {
  Case c;
  do {
    c.layer = draw_layer(rng);
    c.geometry = draw_geometry(rng);
  } while (c.layer.OH == 0 || c.layer.OW == 0 || c.layer.macs() > 20000);
  c.design = pick<std::string>(rng, {design_names.begin(), design_names.end()});
  c.bits = draw(rng, 0, 3) == 0 ? 16 : 8;
  const std::vector<DType> types = c.bits == 16 ? std::vector<DType>{DType::int16, DType::uint16}
                                                : std::vector<DType>{DType::int8, DType::uint8};
  c.input = draw_tensor(rng, c.layer.input(), pick(rng, types));
  c.weight = draw_tensor(rng, c.layer.weight(), pick(rng, types));
  return c;
}

/// Compute cycles as the library finds them.
inline std::uint64_t cycles_of(const Case& c) {
  return layer_cycles(find_compute_design(c.design), c.geometry, c.layer, c.bits, c.input, c.weight);
}

}  // namespace dpred::test
