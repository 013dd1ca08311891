// The array's multiplications against sums of products that are written out.
#include "models/array/array_arithmetic.h"

#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "models/array/plain_convolution.h"
#include "tests/platform/random_layers.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// A layer with values and what an array makes of it.
struct Case {
  LayerShape shape;
  ArrayGeometry geometry;
  Tensor input, weight;
  TensorProfile input_profile, weight_profile;
  BrickMap input_widths, weight_widths;

  Case(const LayerShape& s, const ArrayGeometry& g, Tensor x, Tensor w)
      : shape(s),
        geometry(g),
        input(std::move(x)),
        weight(std::move(w)),
        input_profile(profile_of(input)),
        weight_profile(profile_of(weight)),
        input_widths(activation_bricks(shape, geometry.lanes)),
        weight_widths(weight_bricks(shape, geometry.lanes)) {
    input_widths.absorb(input, input_profile.format);
    weight_widths.absorb(weight, weight_profile.format);
  }

  std::int32_t x(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t column) const {
    return input.code(((n * shape.C + c) * shape.H + y) * shape.W + column) - input.zero_point;
  }
  std::int32_t w(std::int64_t k, std::int64_t c, std::int64_t r, std::int64_t s) const {
    return weight.code(((k * shape.channels_per_group() + c) * shape.R + r) * shape.S + s) -
           weight.zero_point;
  }

  ArrayArithmetic::Layer layer(const ComputeDesign& design) const {
    ArrayArithmetic::Layer l;
    l.shape = shape;
    l.precision = {input.bits, input_profile.width, weight_profile.width};
    l.activation_signed = input_profile.format.is_signed;
    l.weight_signed = weight_profile.format.is_signed;
    if (design.activation == WidthSource::brick) l.activation_widths = &input_widths;
    if (design.weight == WidthSource::brick) l.weight_widths = &weight_widths;
    return l;
  }

  void fill(ArrayArithmetic& arithmetic) const {
    for (std::int64_t n = 0; n < shape.N; ++n)
      for (std::int64_t y = 0; y < shape.H; ++y)
        for (std::int64_t column = 0; column < shape.W; ++column)
          for (std::int64_t c = 0; c < shape.C; ++c)
            arithmetic.activations((n * shape.H + y) * shape.W + column)[c] = x(n, c, y, column);
    for (std::int64_t k = 0; k < shape.K; ++k)
      for (std::int64_t r = 0; r < shape.R; ++r)
        for (std::int64_t s = 0; s < shape.S; ++s)
          for (std::int64_t c = 0; c < shape.channels_per_group(); ++c)
            arithmetic.weights(k, r * shape.S + s)[c] = w(k, c, r, s);
  }

  /// All accumulators, as the filter sets of the design's schedule compute them.
  Accumulators compute(const ComputeDesign& design, const ArrayArithmetic::Layer& l) const {
    ArrayArithmetic arithmetic(multiplication_of(design), geometry.lanes, l);
    fill(arithmetic);
    const LayerSchedule schedule(design, geometry, shape, l.precision, &input_widths, &weight_widths);
    Accumulators accumulators(shape);
    for (const FilterSet& set : schedule.sets())
      arithmetic.compute({0, shape.N * shape.OH}, set, 0, shape.K, accumulators);
    return accumulators;
  }
  Accumulators compute(const ComputeDesign& design) const { return compute(design, layer(design)); }
};

using Value = std::function<std::int32_t(std::int32_t)>;

/// Steps in the order of docs/contracts.md, a 32-bit accumulator; `taken` is what is multiplied of an
/// activation.
Accumulators written_out(
    const Case& c, const Value& taken = [](std::int32_t v) { return v; }) {
  const LayerShape& shape = c.shape;
  Accumulators all(shape);
  const std::int64_t channels = shape.channels_per_group();
  std::size_t at = 0;
  for (std::int64_t n = 0; n < shape.N; ++n)
    for (std::int64_t oy = 0; oy < shape.OH; ++oy)
      for (std::int64_t ox = 0; ox < shape.OW; ++ox)
        for (std::int64_t k = 0; k < shape.K; ++k, ++at) {
          all.states[at] = Accumulators::computed;
          const std::int64_t first = k / (shape.K / shape.groups) * channels;
          std::int64_t sum = 0;
          for (std::int64_t r = 0; r < shape.R; ++r)
            for (std::int64_t s = 0; s < shape.S; ++s)
              for (std::int64_t brick = 0; brick < channels; brick += c.geometry.lanes) {
                for (std::int64_t i = brick; i < std::min(channels, brick + c.geometry.lanes); ++i) {
                  const std::int64_t y = oy * shape.stride[0] + r * shape.dilation[0] - shape.pad_tblr[0];
                  const std::int64_t x = ox * shape.stride[1] + s * shape.dilation[1] - shape.pad_tblr[2];
                  if (y < 0 || y >= shape.H || x < 0 || x >= shape.W) continue;
                  sum += std::int64_t{taken(c.x(n, first + i, y, x))} * c.w(k, i, r, s);
                }
                if (sum < -0x80000000ll || sum > 0x7fffffffll) all.states[at] |= Accumulators::overflowed;
                sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum)));
              }
          all.sums[at] = static_cast<std::int32_t>(sum);
        }
  return all;
}

Tensor tensor_of(const Shape& shape, int bits, const std::function<std::int64_t(std::int64_t)>& code) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.bits = bits;
  tensor.dtype = bits == 8 ? DType::int8 : DType::int16;
  for (std::int64_t i = 0; i < tensor.values(); ++i) {
    const std::int64_t value = code(i);
    tensor.data.push_back(static_cast<std::uint8_t>(value));
    if (bits == 16) tensor.data.push_back(static_cast<std::uint8_t>(value >> 8));
  }
  return tensor;
}

}  // namespace

TEST_CASE("every design multiplies random layers of all kinds rightly") {
  Random random(301);
  std::set<std::string> kinds;
  int overflows = 0;
  for (int round = 0; round < 400; ++round) {
    const int bits = random.of<int>({8, 8, 16});
    const ComputeDesign& design = random_design(random);
    ArrayGeometry geometry = random_geometry(random, design);
    if (random.chance(10)) geometry.lanes = random.in(60, 140);
    const LayerShape shape = random_layer(random, random_input(random, 40, 8), 40);
    // Values of 16 bits that are all large make accumulators overflow.
    const bool large = bits == 16 && random.chance(30);
    const auto values = [&](const char* key, const Shape& s) {
      return large ? tensor_of(s, 16, [&](std::int64_t) { return random.in(-3000, 32767); })
                   : random_tensor(random, key, s, bits);
    };
    const Case c(shape, geometry, values("x", shape.input()), values("w", shape.weight()));
    CAPTURE(round, design.name, bits, geometry.lanes, c.input_profile.width, c.weight_profile.width);
    const Accumulators want = written_out(c);
    const Accumulators got = c.compute(design);
    REQUIRE(got.sums == want.sums);
    REQUIRE(got.states == want.states);

    const std::vector<std::int64_t> plain = plain_convolution(shape, c.input, c.weight);
    REQUIRE(plain.size() == want.sums.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      overflows += (want.states[i] & Accumulators::overflowed) != 0;
      if ((want.states[i] & Accumulators::overflowed) == 0) REQUIRE(plain[i] == want.sums[i]);
    }
    if (c.input_profile.width > bits) kinds.insert("activations of B + 1 bits");
    if (c.weight_profile.width > bits) kinds.insert("weights of B + 1 bits");
    kinds.insert(shape.depthwise() ? "depthwise" : shape.groups > 1 ? "grouped" : "dense");
    if (shape.depthwise() && shape.K > shape.C) kinds.insert("channel multiplier");
    if (shape.dilation[0] * shape.dilation[1] > 1) kinds.insert("dilated");
    if (shape.stride[0] * shape.stride[1] > 1) kinds.insert("strided");
    if (shape.pad_tblr[0] != shape.pad_tblr[1]) kinds.insert("padded unevenly");
    if (shape.H * shape.W == 1 && shape.N > 1) kinds.insert("tokens");
  }
  CHECK(kinds.size() == 10);
  CHECK(overflows > 100);
}

TEST_CASE("no bit beyond a brick's width is taken") {
  // Two bricks of four channels; the second needs five bits and is said to need four.
  LayerShape shape;
  shape.C = 8, shape.K = 3;
  ArrayGeometry geometry;
  geometry.lanes = 4;
  const Case c(shape, geometry, tensor_of(shape.input(), 8, [](std::int64_t i) { return i < 4 ? -100 : 9; }),
               tensor_of(shape.weight(), 8, [](std::int64_t i) { return static_cast<int>(i) - 11; }));
  BrickMap narrower(activation_bricks(shape, 4));
  const std::uint16_t values[8] = {156, 156, 156, 156, 7, 7, 7, 7};  // containers of -100 and 7
  narrower.absorb(0, 0, 8, values, c.input_profile.format);
  REQUIRE(narrower.at(0)[1] == c.input_widths.at(0)[1] - 1);
  // 9 = 01001 in five bits is -7 = 1001 in four.
  const Accumulators want = written_out(c, [](std::int32_t v) { return v == 9 ? -7 : v; });
  for (const char* name : {"dpred-stripes", "loom-dynamic", "dpred-loom"}) {
    CAPTURE(name);
    const ComputeDesign& design = find_compute_design(name);
    ArrayArithmetic::Layer layer = c.layer(design);
    layer.activation_widths = &narrower;
    REQUIRE(c.compute(design, layer).sums == want.sums);
    REQUIRE(want.sums != written_out(c).sums);
  }
}

TEST_CASE("the profiled widths are what designs without widths of bricks take") {
  LayerShape shape;
  shape.C = 5, shape.H = shape.W = shape.OH = shape.OW = 2, shape.K = 4;
  const Case c(shape, {},
               tensor_of(shape.input(), 8, [](std::int64_t i) { return 60 - static_cast<int>(i); }),
               tensor_of(shape.weight(), 8, [](std::int64_t i) { return 3 * static_cast<int>(i) - 31; }));
  const Accumulators right = written_out(c);
  for (const ComputeDesign* design : compute_designs()) {
    CAPTURE(design->name);
    ArrayArithmetic::Layer activations = c.layer(*design), weights = c.layer(*design);
    --activations.precision.activation_width;
    --weights.precision.weight_width;
    CHECK((c.compute(*design, activations).sums != right.sums) ==
          (design->activation == WidthSource::tensor));
    CHECK((c.compute(*design, weights).sums != right.sums) == (design->weight == WidthSource::tensor));
  }
}

TEST_CASE("centred values of 17 bits are multiplied in full") {
  LayerShape shape;
  shape.C = 20, shape.K = 3;
  for (const int zero_point : {-32768, 32767}) {
    Tensor input =
        tensor_of(shape.input(), 16, [&](std::int64_t i) { return -zero_point - (zero_point > 0) - i; });
    input.zero_point = zero_point;
    const Case c(shape, {}, input, tensor_of(shape.weight(), 16, [](std::int64_t i) { return i % 7 - 3; }));
    for (const ComputeDesign* design : compute_designs()) {
      CAPTURE(design->name, zero_point);
      CHECK(c.compute(*design).sums == written_out(c).sums);
    }
  }
}

TEST_CASE("an accumulator that leaves 32 bits is marked, also where it comes back") {
  ArrayGeometry geometry;
  geometry.lanes = 16;
  for (const ComputeDesign* design : compute_designs()) {
    CAPTURE(design->name);
    // 2^30 a product: two fit, three don't, and -2^30 more make it fit again.
    LayerShape shape;
    shape.R = shape.H = 4;
    const auto sums = [&](const std::vector<int>& signs) {
      const Case c(shape, geometry, tensor_of(shape.input(), 16, [](std::int64_t) { return -32768; }),
                   tensor_of(shape.weight(), 16,
                             [&](std::int64_t i) { return 32767 * signs[static_cast<std::size_t>(i)]; }));
      const Accumulators got = c.compute(*design);
      REQUIRE(got.sums == written_out(c).sums);
      return got.states[0];
    };
    CHECK(sums({1, 1, 0, 0}) == Accumulators::computed);
    CHECK(sums({-1, -1, 0, 0}) == Accumulators::computed);
    CHECK(sums({1, 1, 1, 1}) == (Accumulators::computed | Accumulators::overflowed));
    CHECK(sums({-1, -1, -1, 1}) == (Accumulators::computed | Accumulators::overflowed));
    CHECK(sums({1, -1, 1, -1}) == Accumulators::computed);

    // Within a step nothing overflows, however many lanes it has.
    LayerShape one_step;
    one_step.C = 100;
    ArrayGeometry many_lanes;
    many_lanes.lanes = 100;
    const Case step(one_step, many_lanes,
                    tensor_of(one_step.input(), 16, [](std::int64_t) { return -32768; }),
                    tensor_of(one_step.weight(), 16, [](std::int64_t i) { return i < 50 ? 32767 : -32768; }));
    const Accumulators summed = step.compute(*design);
    REQUIRE(summed.sums == written_out(step).sums);
    CHECK(summed.states[0] == Accumulators::computed);

    // 8 bits: 127 * 127 * 133144 is the last multiple that fits.
    for (const bool fits : {true, false}) {
      LayerShape wide;
      wide.C = fits ? 133144 : 133145;
      const Case c(wide, geometry, tensor_of(wide.input(), 8, [](std::int64_t) { return 127; }),
                   tensor_of(wide.weight(), 8, [](std::int64_t) { return 127; }));
      CHECK((c.compute(*design).states[0] == Accumulators::computed) == fits);
    }
  }
}

TEST_CASE("rows and filters computed by parts are those of the whole, and no others") {
  Random random(302);
  for (int round = 0; round < 60; ++round) {
    const ComputeDesign& design = random_design(random);
    const LayerShape shape = random_layer(random, random_input(random, 20, 8), 30);
    const Case c(shape, random_geometry(random, design), random_tensor(random, "x", shape.input(), 8),
                 random_tensor(random, "w", shape.weight(), 8));
    CAPTURE(round, design.name);
    const Accumulators whole = c.compute(design);
    const ArrayArithmetic::Layer layer = c.layer(design);
    ArrayArithmetic arithmetic(multiplication_of(design), c.geometry.lanes, layer);
    c.fill(arithmetic);
    const LayerSchedule schedule(design, c.geometry, shape, layer.precision, &c.input_widths,
                                 &c.weight_widths);
    const std::int64_t rows = shape.N * shape.OH;
    const std::int64_t row = random.in(0, rows - 1), end = random.in(row, rows);
    const std::int64_t filter = random.in(0, shape.K - 1), filter_end = random.in(filter, shape.K);
    Accumulators part(shape);
    for (const FilterSet& set : schedule.sets())
      arithmetic.compute({row, end}, set, filter, filter_end, part);
    for (std::int64_t window = 0; window < rows * shape.OW; ++window) {
      for (std::int64_t k = 0; k < shape.K; ++k) {
        const bool wanted =
            window >= row * shape.OW && window < end * shape.OW && k >= filter && k < filter_end;
        const std::size_t at = part.at(window, k);
        REQUIRE(part.states[at] == (wanted ? whole.states[at] : 0));
        REQUIRE(part.sums[at] == (wanted ? whole.sums[at] : 0));
      }
    }
  }
}
