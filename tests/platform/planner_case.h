// A random layer with everything that a planner is told.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/array/fold.h"
#include "models/codec/codec.h"
#include "platform/planner.h"
#include "tests/platform/naive_streams.h"
#include "tests/platform/random_layers.h"
#include "workloads/error.h"

namespace dpred::test {

struct PlannedStream {
  Tensor tensor;
  TensorProfile profile;
  StreamLayout layout;
  WidthMap widths;
  StreamPlan plan;
  const Codec* codec;

  PlannedStream(Tensor t, StreamRole role, const StreamOptions& options, const Codec& of)
      : tensor(std::move(t)),
        profile(profile_of(tensor)),
        layout(role, tensor.shape, options),
        widths(WidthMap::of(tensor, profile.format, layout)),
        plan(plan_of(of, layout, tensor, profile.format, ZeroVector::automatic)),
        codec(&of) {}
};

/// A random layer with everything that the planner is told.
struct PlannerCase {
  const ComputeDesign* design;
  ArrayGeometry geometry;
  LayerShape shape;
  int bits;
  std::unique_ptr<PlannedStream> activation, weight, output;
  std::unique_ptr<StreamDirectory> activation_directory, weight_directory, output_directory;
  std::unique_ptr<BrickMap> activation_map, weight_map;
  std::unique_ptr<LayerSchedule> schedule;
  PlannerInput input;
  BufferSizes buffers;
  std::uint64_t burst;

  explicit PlannerCase(Random& random) {
    design = &random_design(random);
    geometry = random_geometry(random, *design);
    geometry.tile_split = random.of<TileSplit>({TileSplit::filters, TileSplit::windows});
    geometry.fold = random.chance(50);
    bits = random.of<int>({8, 16});
    const bool strided = random.chance(15);
    const Shape in = strided ? strided_input(random) : random_input(random, random.chance(20) ? 48 : 12, 12);
    shape = strided ? strided_layer(random, in, 24) : random_layer(random, in, random.chance(20) ? 200 : 24);
    std::int64_t output_channels = random.chance(85) ? shape.K : 0;
    if (shape.OH * shape.OW == 1 && shape.R * shape.S == 1 && shape.groups == 1 && random.chance(40)) {
      shape.recurrent = random.chance(70);
      shape.K *= 4;
      output_channels = random.chance(50) ? shape.K / 4 : shape.K;
    }
    const StreamOptions options = random_stream_options(random);
    const Codec& codec = find_codec(random.chance(60) ? "dpred" : random.of(codec_names()));
    activation = std::make_unique<PlannedStream>(random_tensor(random, "a", in, bits), StreamRole::activation,
                                                 options, codec);
    weight = std::make_unique<PlannedStream>(random_tensor(random, "w", shape.weight(), bits),
                                             weight_role(shape), options, codec);
    for (auto [stream, directory] : {std::make_pair(activation.get(), &activation_directory),
                                     std::make_pair(weight.get(), &weight_directory)}) {
      *directory = std::make_unique<StreamDirectory>(
          stream->layout, stream->plan, std::vector<std::int64_t>{}, GroupSizes{&codec, &stream->widths});
    }
    if (output_channels > 0) {
      const Shape out{shape.N, output_channels, shape.OH, shape.OW};
      output = std::make_unique<PlannedStream>(random_tensor(random, "o", out, bits), StreamRole::activation,
                                               options, codec);
      output_directory = std::make_unique<StreamDirectory>(output->layout, output->plan);
    }
    activation_map = std::make_unique<BrickMap>(
        brick_map(activation->tensor, activation->profile.format, activation_bricks(shape, geometry)));
    weight_map = std::make_unique<BrickMap>(
        brick_map(weight->tensor, weight->profile.format, weight_bricks(shape, geometry)));
    schedule = std::make_unique<LayerSchedule>(
        *design, geometry, shape, LayerPrecision{bits, activation->profile.width, weight->profile.width},
        activation_map.get(), weight_map.get());
    input.name = "layer";
    input.shape = shape;
    input.schedule = schedule.get();
    input.streams = {activation_directory.get(), weight_directory.get(), output_directory.get()};
    input.has_bias = random.chance(50);
    input.output_bytes_per_value = bits / 8;
    input.output_channels = output_channels;
    buffers.activation = static_cast<std::uint64_t>(random.log_in(1, 1 << 18));
    buffers.weight = static_cast<std::uint64_t>(random.log_in(1, 1 << 18));
    buffers.output = static_cast<std::uint64_t>(random.log_in(1, 1 << 18));
    burst = random.of<std::uint64_t>({16, 32, 64, 64, 128});
    input.lanes = geometry.lanes;
  }

  std::int64_t output_rows() const { return shape.N * shape.OH; }

  /// Plans with buffers that grow as the refusals ask; counts them.
  Plan plan(int& refusals) {
    for (int i = 0; i < 4; ++i) {
      try {
        return make_plan(input, buffers, burst);
      } catch (const InputError& error) {
        ++refusals;
        grow(error.what());
      }
    }
    throw std::runtime_error("a plan is refused again and again");
  }

  void grow(const std::string& message) {
    INFO(message);
    for (auto [key, size] : {std::make_pair("buffer.activation_bytes = ", &buffers.activation),
                             std::make_pair("buffer.weight_bytes = ", &buffers.weight),
                             std::make_pair("buffer.output_bytes = ", &buffers.output)}) {
      const std::size_t at = message.find(key);
      if (at == std::string::npos) continue;
      const std::uint64_t has = std::stoull(message.substr(at + std::string(key).size()));
      const std::uint64_t needs = std::stoull(message.substr(message.find("too small: ") + 11));
      REQUIRE(message.find('\n') == std::string::npos);
      REQUIRE(message.rfind("layer 'layer': ", 0) == 0);
      REQUIRE(has == *size);
      REQUIRE(needs > has);
      REQUIRE_FALSE(needed(key, needs - 1));
      *size = needs;
      return;
    }
    FAIL("no buffer is named");
  }

  /// Whether a plan exists with so little of one buffer and plenty of the others. Less output buffer serves
  /// where whole sums fit the others: it is asked for with those that there are.
  bool needed(const std::string& key, std::uint64_t bytes) const {
    BufferSizes most{1 << 28, 1 << 28, 1 << 28, buffers.store};
    if (key[7] == 'o') most = buffers;
    (key[7] == 'a' ? most.activation : key[7] == 'w' ? most.weight : most.output) = bytes;
    try {
      // A layer that reads nothing but padding needs no activations.
      const Plan plan = make_plan(input, most, burst);
      return key[7] != 'a' || plan.activation_half_used > 0;
    } catch (const InputError&) {
      return false;
    }
  }
};

inline std::vector<std::int64_t> filters_of(const FilterSet& set) {
  std::vector<std::int64_t> filters;
  for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step)
    filters.push_back(k);
  return filters;
}

/// Filters that a job computes: those of its sets, or part of one.
inline std::set<std::int64_t> filters_of(const PlannerCase& c, const Job& job) {
  std::set<std::int64_t> filters;
  for (std::int64_t set = job.set_begin; set < job.set_end; ++set) {
    for (const std::int64_t k : filters_of(c.schedule->sets()[static_cast<std::size_t>(set)])) {
      if (k >= job.filter_begin && k < job.filter_end) filters.insert(k);
    }
  }
  return filters;
}

}  // namespace dpred::test
