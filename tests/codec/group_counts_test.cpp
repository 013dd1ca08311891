// Counts of codec groups, and the sizes that follow from them.
#include "models/codec/group_counts.h"

#include <catch2/catch.hpp>

#include "models/codec/codec.h"
#include "models/precision/value_format.h"
#include "tests/support/split_mix.h"

using namespace dpred;
using namespace dpred::test;

namespace {

Tensor sparse_tensor(const Shape& shape, SplitMix64& random) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.dtype = DType::int8;
  for (std::int64_t i = 0; i < volume(shape); ++i) {
    const std::uint64_t bits = random.below(9);
    tensor.data.push_back(random.below(2) == 0 ? 0 : static_cast<std::uint8_t>(random.below(1u << bits)));
  }
  return tensor;
}

}  // namespace

TEST_CASE("groups are counted, by hand") {
  // One slice of three channels over two columns, groups of four: a row is a run of six values.
  Tensor tensor;
  tensor.shape = {1, 3, 2, 2};
  tensor.dtype = DType::uint8;
  tensor.data = {1, 0, 0, 9, 2, 0, 0, 0, 3, 0, 0, 0};  // rows 1 2 3 0 0 0 and 0 0 0 9 0 0
  StreamOptions options;
  options.group = 4;
  const StreamLayout layout(StreamRole::activation, tensor.shape, options);
  CHECK(groups_by_values(layout) == std::map<std::int64_t, std::int64_t>{{2, 2}, {4, 2}});
  const ValueFormat format = profile_of(tensor).format;
  const auto counts = count_groups(WidthMap::of(tensor, format, layout), layout);
  REQUIRE(counts.size() == 3);
  const auto check = [&](std::size_t i, std::int64_t values, int width, int non_zeros, std::int64_t groups) {
    CHECK(counts[i].values == values);
    CHECK(counts[i].width == width);
    CHECK(counts[i].non_zeros == non_zeros);
    CHECK(counts[i].groups == groups);
  };
  check(0, 2, 1, 0, 2);
  check(1, 4, 2, 3, 1);
  check(2, 4, 4, 1, 1);
}

TEST_CASE("every codec's sizes but for padding follow from counts of groups") {
  SplitMix64 random(41);
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const auto role = static_cast<StreamRole>(random.below(3));
    const auto one_to = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random.below(most)); };
    Shape shape{one_to(5), one_to(70), one_to(6), one_to(6)};
    if (role == StreamRole::depthwise_weight) shape[1] = 1;
    StreamOptions options;
    options.group = one_to(40);
    options.slice_channels = one_to(80);
    const Tensor tensor = sparse_tensor(shape, random);
    const ValueFormat format = profile_of(tensor).format;
    const StreamLayout layout(role, shape, options);
    for (const SignForm sign : {SignForm::twos_complement, SignForm::sign_magnitude}) {
      const WidthMap exact = WidthMap::of(tensor, format, layout, sign);
      const auto counts = count_groups(exact, layout);
      const WidthMap made = width_map_with(counts, layout);
      std::map<std::int64_t, std::int64_t> by_values;
      for (const GroupCount& count : counts)
        by_values[count.values] += count.groups;
      REQUIRE(by_values == groups_by_values(layout));
      for (const std::string& name : codec_names()) {
        const Codec& codec = find_codec(name);
        if (!codec.plans_from_widths()) continue;
        CAPTURE(name);
        for (const auto widths : {WidthRounding::any, WidthRounding::even, WidthRounding::pow2}) {
          for (const auto zeros : {ZeroVector::always, ZeroVector::never}) {
            const CodecOptions coded{zeros, sign, widths};
            const StreamPlan a = codec.plan({layout, format, exact, coded});
            const StreamPlan b = codec.plan({layout, format, made, coded});
            if (a.format.mode != b.format.mode) continue;  // padding may turn the scale
            REQUIRE(a.sizes.metadata_bits == b.sizes.metadata_bits);
            REQUIRE(a.sizes.payload_bits == b.sizes.payload_bits);
            REQUIRE(a.sizes.pointer_bits == b.sizes.pointer_bits);
          }
        }
      }
    }
  }
}
