// Widths, value formats and brick maps against docs/contracts.md, "Values and widths".
#include <algorithm>
#include <catch2/catch.hpp>

#include "models/precision/brick_map.h"
#include "models/precision/value_format.h"
#include "models/precision/width.h"
#include "tests/precision/reference.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// Channels of a brick, cut as the contract says: bricks never leave their conv group.
struct ChannelRange {
  std::int64_t begin, end;
};

std::vector<ChannelRange> reference_bricks(std::int64_t channels, std::int64_t groups, std::int64_t lanes) {
  std::vector<ChannelRange> bricks;
  const std::int64_t size = channels / groups;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t c = 0; c < size; c += lanes)
      bricks.push_back({g * size + c, g * size + std::min(c + lanes, size)});
  }
  return bricks;
}

/// Widths of all bricks, position (n,y,x) outermost.
std::vector<int> reference_map(const Tensor& tensor, const std::vector<ChannelRange>& bricks) {
  const std::vector<std::int32_t> values = centred_values(tensor);
  const bool is_signed = any_negative(values);
  const auto [outer, channels, height, width] = tensor.shape;
  std::vector<int> widths;
  for (std::int64_t n = 0; n < outer; ++n) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        for (const ChannelRange& brick : bricks) {
          int widest = 1;
          for (std::int64_t c = brick.begin; c < brick.end; ++c) {
            const std::int64_t i = ((n * channels + c) * height + y) * width + x;
            widest = std::max(widest, reference_width(values[static_cast<std::size_t>(i)], is_signed));
          }
          widths.push_back(widest);
        }
      }
    }
  }
  return widths;
}

std::vector<int> widths_in(const BrickMap& map) {
  std::vector<int> widths;
  for (std::int64_t position = 0; position < map.shape().positions; ++position) {
    for (std::int64_t brick = 0; brick < map.shape().bricks(); ++brick)
      widths.push_back(map.at(position)[brick]);
  }
  return widths;
}

/// Feeds a map with container codes, a position's channels in pieces and in any order, as streams bring them.
void absorb_in_pieces(Rng& rng, BrickMap& map, const Tensor& tensor) {
  const std::vector<std::int32_t> values = centred_values(tensor);
  const ValueFormat format = profile_of(tensor).format;
  const auto [outer, channels, height, width] = tensor.shape;
  const std::int64_t piece = draw(rng, 1, channels);
  const std::int64_t inner = height * width;
  for (std::int64_t begin = (channels - 1) / piece * piece; begin >= 0; begin -= piece) {
    const std::int64_t count = std::min(piece, channels - begin);
    for (std::int64_t position = 0; position < outer * inner; ++position) {
      std::vector<std::uint16_t> containers;
      for (std::int64_t c = begin; c < begin + count; ++c) {
        const std::int64_t i = (position / inner * channels + c) * inner + position % inner;
        containers.push_back(static_cast<std::uint16_t>(
            packed_reference(values[static_cast<std::size_t>(i)], tensor.bits, false)));
      }
      map.absorb(position, begin, count, containers.data(), format);
    }
  }
}

}  // namespace

TEST_CASE("the width of a value is the fewest bits whose range holds it") {
  std::int64_t wrong = 0;
  for (std::int32_t v = -65536; v <= 65535; ++v) {
    wrong += width_of(v, true) != reference_width(v, true);
    if (v >= 0) wrong += width_of(v, false) != reference_width(v, false);
  }
  CHECK(wrong == 0);
  CHECK(width_of(0, false) == 1);
  CHECK(width_of(0, true) == 1);
  CHECK(width_of(-1, true) == 1);
  CHECK(width_of(1, true) == 2);
  CHECK(width_of(-128, true) == 8);
  CHECK(width_of(127, true) == 8);
  CHECK(width_of(128, true) == 9);
  CHECK(width_of(255, false) == 8);
}

TEST_CASE("the width of a group is that of its widest value") {
  Rng rng(1);
  std::int64_t wrong = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const bool is_signed = draw(rng, 0, 1) == 1;
    const std::int64_t magnitude = std::int64_t{1} << draw(rng, 0, 16);
    std::uint32_t ored = 0;
    int widest = 1;
    for (std::int64_t i = draw(rng, 1, 20); i > 0; --i) {
      const auto v = static_cast<std::int32_t>(draw(rng, is_signed ? -magnitude : 0, magnitude - 1));
      ored |= folded(v);
      widest = std::max(widest, reference_width(v, is_signed));
    }
    wrong += width_of_folded(ored, is_signed) != widest;
  }
  CHECK(wrong == 0);
}

TEST_CASE("profile_of gives signedness and width of the centred values of the whole tensor") {
  Rng rng(2);
  for (int trial = 0; trial < 600; ++trial) {
    const Shape shape{draw(rng, 1, 3), draw(rng, 1, 5), draw(rng, 1, 3), draw(rng, 1, 3)};
    const Tensor tensor = draw_tensor(rng, shape, draw_type(rng));
    const std::vector<std::int32_t> values = centred_values(tensor);
    const bool is_signed = any_negative(values);
    int widest = 1;
    for (const std::int32_t v : values)
      widest = std::max(widest, reference_width(v, is_signed));
    const TensorProfile profile = profile_of(tensor);
    CAPTURE(trial, tensor.zero_point, tensor.bits);
    REQUIRE(profile.width == widest);
    REQUIRE(profile.format.is_signed == is_signed);
    REQUIRE(profile.format.code_is_signed == (tensor.dtype == DType::int8 || tensor.dtype == DType::int16));
    REQUIRE(profile.format.bits == tensor.bits);
    REQUIRE(profile.format.zero_point == tensor.zero_point);
  }
}

TEST_CASE("container codes give every code back, whatever the zero point") {
  for (const DType type : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
    const CodeRange range = range_of(type);
    const int bits = bits_of(type);
    // All codes at all zero points where that is 8 bits; a grid with both ends else.
    const std::int32_t stride = bits == 8 ? 1 : 251;
    std::int64_t wrong = 0;
    for (std::int32_t z = range.low; z <= range.high;
         z = z == range.high ? z + 1 : std::min(z + stride, range.high)) {
      for (const bool is_signed : {false, true}) {
        ValueFormat format;
        format.bits = static_cast<std::uint8_t>(bits);
        format.is_signed = is_signed;
        format.code_is_signed = range.low < 0;
        format.zero_point = z;
        for (std::int32_t code = range.low; code <= range.high; code += stride) {
          const std::uint16_t container = format.container(code);
          wrong += container != packed_reference(code - z, bits, false);
          wrong += format.packed_value(container) != packed_reference(code - z, bits, is_signed);
          wrong += format.code(container) != code;
          wrong += format.centred(container) != code - z;
        }
      }
    }
    CAPTURE(to_string(type));
    CHECK(wrong == 0);
  }
}

TEST_CASE("a centred value may need one bit more than its container") {
  const Tensor tensor = make_tensor({1, 3, 1, 1}, DType::int8, 100, {-128, 0, 127});
  const TensorProfile profile = profile_of(tensor);
  CHECK(profile.width == 9);
  CHECK(profile.format.is_signed);
  CHECK(profile.format.container(-128) == 28);  // -228 modulo 256
  CHECK(profile.format.centred(28) == -228);
}

TEST_CASE("brick maps hold the width of every brick") {
  Rng rng(3);
  for (int trial = 0; trial < 400; ++trial) {
    LayerShape layer;
    layer.groups = pick<std::int64_t>(rng, {1, 1, 2, 3});
    layer.C = layer.groups * draw(rng, 1, 20);
    layer.K = layer.groups * draw(rng, 1, 3);
    if (draw(rng, 0, 4) == 0) {
      layer.groups = layer.C;
      layer.K = layer.C * draw(rng, 1, 2);
    }
    layer.N = draw(rng, 1, 2);
    layer.H = draw(rng, 1, 4);
    layer.W = draw(rng, 1, 4);
    layer.R = draw(rng, 1, 3);
    layer.S = draw(rng, 1, 3);
    const std::int64_t lanes = draw(rng, 1, 18);
    const bool depthwise = layer.groups == layer.C && layer.C > 1;
    CAPTURE(trial, layer.C, layer.groups, lanes);

    const Tensor input = draw_tensor(rng, {layer.N, layer.C, layer.H, layer.W}, draw_type(rng));
    const ValueFormat input_format = profile_of(input).format;
    const std::vector<int> expected =
        reference_map(input, reference_bricks(layer.C, depthwise ? 1 : layer.groups, lanes));
    BrickMap at_once(activation_bricks(layer, lanes));
    REQUIRE(widths_in(at_once) == std::vector<int>(expected.size(), 1));  // before its values have arrived
    at_once.absorb(input, input_format);
    REQUIRE(widths_in(at_once) == expected);
    BrickMap in_pieces(activation_bricks(layer, lanes));
    absorb_in_pieces(rng, in_pieces, input);
    REQUIRE(widths_in(in_pieces) == expected);

    const Tensor weight =
        draw_tensor(rng, {layer.K, layer.C / layer.groups, layer.R, layer.S}, draw_type(rng));
    BrickMap weights(weight_bricks(layer, lanes));
    weights.absorb(weight, profile_of(weight).format);
    REQUIRE(widths_in(weights) == reference_map(weight, reference_bricks(layer.C / layer.groups, 1, lanes)));
  }
}
