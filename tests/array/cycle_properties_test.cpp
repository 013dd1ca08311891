// What has to hold of compute cycles whatever the values: closed forms and properties, on random layers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/array/naive_array.h"

using namespace dpred;
using namespace dpred::test;

namespace {

std::uint64_t cycles_of(Case c, const char* design) {
  c.design = design;
  return cycles_of(c);
}

template <class Check>
void for_random_cases(std::uint64_t seed, int count, Check&& check) {
  for (int trial = 0; trial < count / fewer_cases; ++trial) {
    SplitMix64 rng(seed * 1'000'000 + static_cast<std::uint64_t>(trial));
    Case c = draw_case(rng);
    INFO(trial << ": " << describe(c));
    check(c, rng);
  }
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

std::int64_t rounded(const Case& c, std::int64_t width) {
  std::int64_t up = width;
  if (c.geometry.widths == WidthRounding::even) up = 2 * ceil_div(width, 2);
  if (c.geometry.widths == WidthRounding::pow2) {
    for (up = 1; up < width;)
      up *= 2;
  }
  return std::min<std::int64_t>(up, c.bits + 1);
}

int widest(const Tensor& tensor) {
  const std::vector<std::int32_t> values = centred_values(tensor);
  const bool is_signed = any_negative(values);
  int width = 1;
  for (const std::int32_t v : values)
    width = std::max(width, reference_width(v, is_signed));
  return width;
}

/// Cycles of a layer all of whose steps cost the widths given.
std::int64_t constant_cycles(const Case& given, int activation_width, int weight_width) {
  const Case c = is_folded(given) ? folded(given) : given;
  const LayerShape& l = c.layer;
  const ArrayGeometry& g = c.geometry;
  const std::int64_t activation =
      c.design == "bit-parallel" ? 1 : ceil_div(rounded(c, activation_width), g.bits_per_cycle);
  const std::int64_t weight = c.loom_kind() ? rounded(c, weight_width) : 1;
  const std::int64_t columns = c.columns();
  const std::int64_t rows = c.rows();
  const std::int64_t bricks = c.depthwise() ? 1 : ceil_div(l.C / l.groups, g.lanes);
  const std::int64_t steps = l.R * l.S * bricks;
  const std::int64_t pallets = ceil_div(l.N * l.OH * l.OW, columns);

  // Steps of one window begin one interval apart, but for those that find their column at work.
  const std::int64_t last = steps - 1;
  const std::int64_t dealt = last / columns * std::max(columns, activation) + last % columns + activation;
  const std::int64_t set_cycles = (c.one_window() ? l.N * dealt : pallets * steps * activation) * weight;
  if (c.depthwise()) {
    const std::int64_t unit = std::min(g.lanes, rows);
    const std::int64_t units =
        l.C / g.lanes * ceil_div(g.lanes, unit) + ceil_div(l.C % g.lanes, unit);  // the short brick last
    return l.K / l.C * ceil_div(units, g.tiles) * set_cycles;
  }
  const std::int64_t by_filters = l.groups * ceil_div(l.K / l.groups, rows * g.tiles) * set_cycles;
  if (c.one_window() || g.tile_split == TileSplit::filters) return by_filters;
  const std::int64_t by_windows =
      l.groups * ceil_div(l.K / l.groups, rows) * ceil_div(pallets, g.tiles) * steps * activation * weight;
  return g.tile_split == TileSplit::windows ? by_windows : std::min(by_filters, by_windows);
}

/// `c` with all inputs zero.
void clear_input(Case& c) {
  const auto values = static_cast<std::size_t>(c.input.values());
  c.input = make_tensor(c.input.shape, c.input.dtype, c.input.zero_point,
                        std::vector<std::int32_t>(values, c.input.zero_point));
}

/// Every value needs all of B bits, and no window reaches into the padding.
void fill_with_widest(Case& c) {
  LayerShape& l = c.layer;
  l.pad_tblr = {0, 0, 0, 0};
  l.H = (l.OH - 1) * l.stride[0] + l.dilation[0] * (l.R - 1) + 1;
  l.W = (l.OW - 1) * l.stride[1] + l.dilation[1] * (l.S - 1) + 1;
  const auto fill = [](const Shape& shape, DType type) {
    const std::int32_t code = is_signed_type(type) ? range_of(type).low : range_of(type).high;
    return make_tensor(shape, type, 0,
                       std::vector<std::int32_t>(static_cast<std::size_t>(volume(shape)), code));
  };
  c.input = fill(l.input(), c.input.dtype);
  c.weight = fill(l.weight(), c.weight.dtype);
}

/// Filter `order[k]` of the case in the place of filter k.
void permute_filters(Case& c, const std::vector<std::int64_t>& order) {
  const std::vector<std::int32_t> codes = codes_of(c.weight);
  const std::size_t size = codes.size() / order.size();
  std::vector<std::int32_t> permuted;
  for (const std::int64_t k : order) {
    const auto begin = codes.begin() + k * static_cast<std::ptrdiff_t>(size);
    permuted.insert(permuted.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  c.weight = make_tensor(c.weight.shape, c.weight.dtype, c.weight.zero_point, permuted);
}

/// Fisher-Yates on elements begin..end-1.
void shuffle(SplitMix64& rng, std::vector<std::int64_t>& order, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = end - 1; i > begin; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(draw(rng, begin, i))]);
}

std::vector<std::int64_t> numbers_below(std::int64_t end) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < end; ++i)
    numbers.push_back(i);
  return numbers;
}

/// Channel `order[c]` of a tensor (outer, channels, y, x) in the place of channel c.
Tensor permuted_channels(const Tensor& tensor, const std::vector<std::int64_t>& order) {
  const std::vector<std::int32_t> codes = codes_of(tensor);
  const Shape& s = tensor.shape;
  const std::int64_t plane = s[2] * s[3];
  std::vector<std::int32_t> permuted;
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (const std::int64_t c : order) {
      for (std::int64_t i = 0; i < plane; ++i)
        permuted.push_back(codes[static_cast<std::size_t>((n * s[1] + c) * plane + i)]);
    }
  }
  return make_tensor(s, tensor.dtype, tensor.zero_point, permuted);
}

}  // namespace

TEST_CASE("cycles of designs that cost each step the same have a closed form") {
  for_random_cases(31, 1000, [](Case& c, SplitMix64&) {
    for (const char* design : {"bit-parallel", "stripes", "loom"}) {
      c.design = design;
      const std::int64_t expected = constant_cycles(c, widest(c.input), widest(c.weight));
      REQUIRE(static_cast<std::int64_t>(cycles_of(c)) == expected);
    }
  });
}

TEST_CASE("all-zero input costs one bit a step") {
  for_random_cases(32, 1000, [](Case& c, SplitMix64&) {
    clear_input(c);
    for (const char* design : {"dpred-stripes", "loom-dynamic"}) {
      c.design = design;
      REQUIRE(static_cast<std::int64_t>(cycles_of(c)) == constant_cycles(c, 1, widest(c.weight)));
    }
  });
}

TEST_CASE("values of B bits make designs as fast as bit-parallel, but for partial pallets and sets") {
  for_random_cases(33, 1000, [](Case& c, SplitMix64&) {
    c.geometry.columns = 0;
    c.geometry.widths = WidthRounding::any;
    c.geometry.tile_split = TileSplit::filters;
    c.geometry.fold = false;
    fill_with_widest(c);
    if (c.one_window()) return;
    const LayerShape& l = c.layer;
    const std::int64_t windows = l.N * l.OH * l.OW;
    const std::int64_t pallet = c.bits / c.geometry.bits_per_cycle;
    const std::uint64_t parallel = cycles_of(c, "bit-parallel");
    const std::uint64_t window = parallel / static_cast<std::uint64_t>(windows);
    REQUIRE(parallel % static_cast<std::uint64_t>(windows) == 0);
    const auto rounded_windows = static_cast<std::uint64_t>(ceil_div(windows, pallet) * pallet);
    REQUIRE(cycles_of(c, "stripes") == window * rounded_windows);
    REQUIRE(cycles_of(c, "dpred-stripes") == window * rounded_windows);
    const std::uint64_t loom = cycles_of(c, "loom");
    REQUIRE(cycles_of(c, "loom-dynamic") == loom);
    REQUIRE(cycles_of(c, "dpred-loom") == loom);
    if (c.depthwise()) return;
    // B times the filters at a time, at B times the cycles.
    const std::int64_t filters = l.K / l.groups;
    const std::int64_t set = c.geometry.rows * c.geometry.tiles;
    const auto sets = static_cast<std::uint64_t>(ceil_div(filters, set));
    const auto loom_sets = static_cast<std::uint64_t>(ceil_div(filters, set * c.bits) * c.bits);
    REQUIRE(loom * sets == window * rounded_windows * loom_sets);
  });
}

TEST_CASE("widths at run time never cost cycles") {
  for_random_cases(34, 1000, [](Case& c, SplitMix64&) {
    REQUIRE(cycles_of(c, "dpred-stripes") <= cycles_of(c, "stripes"));
    const std::uint64_t dynamic = cycles_of(c, "loom-dynamic");
    REQUIRE(dynamic <= cycles_of(c, "loom"));
    REQUIRE(cycles_of(c, "dpred-loom") <= dynamic);
  });
}

TEST_CASE("more registers never cost cycles") {
  for_random_cases(35, 1000, [](Case& c, SplitMix64&) {
    c.geometry.column_registers = 0;
    std::uint64_t fewer = cycles_of(c);
    for (const std::int64_t registers : {1, 2, 3, 4, 5, 100}) {
      c.geometry.column_registers = registers;
      const std::uint64_t more = cycles_of(c);
      REQUIRE(more <= fewer);
      if (c.one_window()) REQUIRE(more == fewer);
      fewer = more;
    }
  });
}

TEST_CASE("values that are cleared never cost cycles") {
  for_random_cases(36, 1000, [](Case& c, SplitMix64& rng) {
    const std::uint64_t before = cycles_of(c);
    for (Tensor* tensor : {&c.input, &c.weight}) {
      std::vector<std::int32_t> codes = codes_of(*tensor);
      for (std::int32_t& code : codes)
        if (draw(rng, 0, 1) == 1) code = tensor->zero_point;
      *tensor = make_tensor(tensor->shape, tensor->dtype, tensor->zero_point, codes);
    }
    REQUIRE(cycles_of(c) <= before);
  });
}

TEST_CASE("cycles depend on centred values, not on how they are stored") {
  for_random_cases(37, 1000, [](Case& c, SplitMix64&) {
    const std::uint64_t before = cycles_of(c);
    for (Tensor* tensor : {&c.input, &c.weight}) {
      // int8 code -128 and uint8 code 0 are the same distance from shifted zero points.
      const bool was_signed = is_signed_type(tensor->dtype);
      const DType type = c.bits == 8 ? (was_signed ? DType::uint8 : DType::int8)
                                     : (was_signed ? DType::uint16 : DType::int16);
      const std::int32_t shift = range_of(type).low - range_of(tensor->dtype).low;
      std::vector<std::int32_t> codes = codes_of(*tensor);
      for (std::int32_t& code : codes)
        code += shift;
      *tensor = make_tensor(tensor->shape, type, tensor->zero_point + shift, codes);
    }
    REQUIRE(cycles_of(c) == before);
  });
}

TEST_CASE("the order of filters doesn't matter to designs with one weight width") {
  for_random_cases(38, 1000, [](Case& c, SplitMix64& rng) {
    if (c.design == "dpred-loom") c.design = "loom-dynamic";
    const std::uint64_t before = cycles_of(c);
    std::vector<std::int64_t> order = numbers_below(c.layer.K);
    shuffle(rng, order, 0, c.layer.K);
    permute_filters(c, order);
    REQUIRE(cycles_of(c) == before);
  });
}

TEST_CASE("the order of filters inside a filter set doesn't matter to any design") {
  for_random_cases(39, 1000, [](Case& c, SplitMix64& rng) {
    if (c.depthwise()) return;  // filters belong to channels
    c.design = "dpred-loom";
    const std::uint64_t before = cycles_of(c);
    // A set of `windows` lies inside one of `filters`.
    const std::int64_t set = c.rows() * (c.geometry.tile_split == TileSplit::filters ? c.geometry.tiles : 1);
    const std::int64_t group = c.layer.K / c.layer.groups;
    std::vector<std::int64_t> order = numbers_below(c.layer.K);
    for (std::int64_t g = 0; g < c.layer.K; g += group) {
      for (std::int64_t k = 0; k < group; k += set)
        shuffle(rng, order, g + k, g + std::min(k + set, group));
    }
    permute_filters(c, order);
    REQUIRE(cycles_of(c) == before);
  });
}

TEST_CASE("the order of channels inside a brick doesn't matter") {
  for_random_cases(40, 1000, [](Case& c, SplitMix64& rng) {
    // Folded channels make other bricks; a depthwise layer's channels have filters of their own.
    if (c.depthwise() || c.layer.groups > 1) return;
    c.geometry.fold = false;
    const std::uint64_t before = cycles_of(c);
    std::vector<std::int64_t> order = numbers_below(c.layer.C);
    for (std::int64_t brick = 0; brick < c.layer.C; brick += c.geometry.lanes)
      shuffle(rng, order, brick, std::min(brick + c.geometry.lanes, c.layer.C));
    c.input = permuted_channels(c.input, order);
    c.weight = permuted_channels(c.weight, order);
    REQUIRE(cycles_of(c) == before);
  });
}

TEST_CASE("twice the tiles never cost cycles; one tile more may") {
  // Twice the tiles merge sets in pairs, or halve the pallets of each tile.
  for_random_cases(41, 1000, [](Case& c, SplitMix64&) {
    const std::uint64_t before = cycles_of(c);
    c.geometry.tiles *= 2;
    REQUIRE(cycles_of(c) <= before);
  });

  // One tile more deals the pallets anew: the two slow ones of six meet on one tile.
  Case pallets;
  pallets.design = "dpred-stripes";
  pallets.geometry.columns = 1;
  pallets.geometry.tile_split = TileSplit::windows;
  pallets.layer.N = 6;
  pallets.input = make_tensor({6, 1, 1, 1}, DType::uint8, 0, {128, 1, 1, 128, 1, 1});
  pallets.weight = make_tensor({1, 1, 1, 1}, DType::int8, 0, {1});
  pallets.geometry.tiles = 2;
  CHECK(cycles_of(pallets) == 8 + 1 + 1);
  pallets.geometry.tiles = 3;
  CHECK(cycles_of(pallets) == 8 + 8);

  // And it forms other filter sets: of narrow and wide ones, two with a wide one.
  Case filters;
  filters.design = "dpred-loom";
  filters.geometry.rows = 1;
  filters.layer.K = 32;
  filters.input = make_tensor({1, 1, 1, 1}, DType::uint8, 0, {1});
  std::vector<std::int32_t> codes(32, 1);
  std::fill(codes.begin() + 16, codes.end(), 128);
  filters.weight = make_tensor({32, 1, 1, 1}, DType::uint8, 0, codes);
  filters.geometry.tiles = 2;
  CHECK(cycles_of(filters) == 1 + 8);
  filters.geometry.tiles = 3;
  CHECK(cycles_of(filters) == 8 + 8);
}

TEST_CASE("twice the rows never cost cycles, but in depthwise layers") {
  // Three bricks of three channels. One row a tile: each brick is a set of three units. Two rows: each brick
  // is two units, and the second set has units of all but the first. A set takes as long as its slower brick.
  Case depthwise;
  depthwise.design = "dpred-stripes";
  depthwise.geometry.lanes = 3;
  depthwise.geometry.rows = 1;
  depthwise.geometry.tiles = 3;
  LayerShape& l = depthwise.layer;
  l.C = l.K = l.groups = 9;
  depthwise.input = make_tensor({1, 9, 1, 1}, DType::uint8, 0, {1, 1, 1, 128, 1, 1, 1, 1, 1});
  depthwise.weight = make_tensor({9, 1, 1, 1}, DType::int8, 0, std::vector<std::int32_t>(9, 1));
  CHECK(cycles_of(depthwise) == 1 + 8 + 1);
  depthwise.geometry.rows = 2;
  CHECK(cycles_of(depthwise) == 8 + 8);

  for_random_cases(42, 1000, [](Case& c, SplitMix64&) {
    if (c.depthwise()) return;
    const std::uint64_t before = cycles_of(c);
    c.geometry.rows *= 2;
    REQUIRE(cycles_of(c) <= before);
  });
}

TEST_CASE("twice the columns never cost cycles in lock step") {
  for_random_cases(43, 1000, [](Case& c, SplitMix64&) {
    c.geometry.tile_split = TileSplit::filters;
    c.geometry.column_registers = 0;
    c.geometry.columns = c.columns();
    if (c.one_window()) return;
    const std::uint64_t before = cycles_of(c);
    c.geometry.columns *= 2;
    REQUIRE(cycles_of(c) <= before);
  });
}

TEST_CASE("two bits a cycle are at most twice as fast as one, on the same columns") {
  for_random_cases(44, 1000, [](Case& c, SplitMix64&) {
    c.geometry.columns = c.columns();
    std::uint64_t cycles[3];
    for (int i = 0; i < 3; ++i) {
      c.geometry.bits_per_cycle = std::int64_t{1} << i;
      cycles[i] = cycles_of(c);
    }
    for (int i = 0; i < 2; ++i) {
      REQUIRE(cycles[i + 1] <= cycles[i]);
      REQUIRE(cycles[i] <= 2 * cycles[i + 1]);
    }
  });
}

TEST_CASE("widths that are rounded up never save cycles") {
  for_random_cases(45, 1000, [](Case& c, SplitMix64&) {
    c.geometry.widths = WidthRounding::any;
    const std::uint64_t any = cycles_of(c);
    // At most twice the width of each operand that is taken serially.
    const std::uint64_t limit = any * (c.loom_kind() ? 4 : 2);
    for (const WidthRounding widths : {WidthRounding::even, WidthRounding::pow2}) {
      c.geometry.widths = widths;
      const std::uint64_t up = cycles_of(c);
      REQUIRE(any <= up);
      REQUIRE(up <= limit);
    }
  });
}

TEST_CASE("the best split of tiles is the better of the two") {
  for_random_cases(46, 1000, [](Case& c, SplitMix64&) {
    const auto with = [&c](TileSplit split) {
      c.geometry.tile_split = split;
      return cycles_of(c);
    };
    const std::uint64_t filters = with(TileSplit::filters);
    const std::uint64_t windows = with(TileSplit::windows);
    REQUIRE(with(TileSplit::best) == std::min(filters, windows));
    if (c.one_window() || c.depthwise()) REQUIRE(windows == filters);
    const auto tiles = static_cast<std::uint64_t>(c.geometry.tiles);
    c.geometry.tiles = 1;
    const std::uint64_t one_tile = with(TileSplit::filters);
    REQUIRE(with(TileSplit::windows) == one_tile);
    // In lock step pallets take the same time wherever they are.
    c.geometry.column_registers = 0;
    c.geometry.tiles = static_cast<std::int64_t>(tiles);
    if (!c.one_window() && !c.depthwise()) {
      const std::uint64_t shared = with(TileSplit::windows);
      c.geometry.tiles = 1;
      const std::uint64_t alone = with(TileSplit::windows);
      REQUIRE(shared <= alone);
      REQUIRE(alone <= tiles * shared);
    }
  });
}

TEST_CASE("a folded layer costs what the layer of its folded values does") {
  int count = 0;
  for_random_cases(47, 1000, [&count](Case& c, SplitMix64&) {
    c.geometry.fold = true;
    const std::uint64_t with_fold = cycles_of(c);
    if (is_folded(c)) {
      ++count;
      REQUIRE(with_fold == cycles_of(folded(c)));
    } else {
      c.geometry.fold = false;
      REQUIRE(with_fold == cycles_of(c));
    }
  });
  CHECK(count * fewer_cases >= 50);
}
