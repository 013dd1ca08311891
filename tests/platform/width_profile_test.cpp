// Width profiles: written and read back, hostile files, and how near estimates are to what is exact.
#include "platform/width_profile.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "platform/preparation.h"
#include "tests/platform/random_networks.h"
#include "tests/support/input_error.h"
#include "tests/support/trace_builder.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;
using Catch::Contains;
using nlohmann::json;

namespace {

StreamOptions options_of(std::int64_t group, std::int64_t slice_channels) {
  StreamOptions options;
  options.group = group;
  options.slice_channels = slice_channels;
  return options;
}

/// The network that is read from a profile of this one.
Network profiled(const Network& network, const StreamOptions& options = {}, std::int64_t lanes = 16) {
  FileFolder folder;
  write_width_profile(folder.path("a.json"), network, options, lanes);
  return read_width_profile(folder.path("a.json"));
}

bool same(const WidthRuns& a, const WidthRuns& b) {
  if (a.columns != b.columns || a.cells.size() != b.cells.size()) return false;
  for (std::size_t i = 0; i < a.cells.size(); ++i) {
    if (a.cells[i].blocks != b.cells[i].blocks || a.cells[i].last != b.cells[i].last) return false;
  }
  return true;
}

void check_same(const TensorWidths& a, const TensorWidths& b) {
  REQUIRE(a.profile.format == b.profile.format);
  REQUIRE(a.profile.width == b.profile.width);
  // Widths above the widest aren't read.
  REQUIRE(std::vector<std::int64_t>(a.value_bits.begin(), a.value_bits.begin() + a.profile.width + 1) ==
          b.value_bits);
  REQUIRE(a.groups.size() == b.groups.size());
  for (const auto& [of, counts] : a.groups) {
    const std::vector<GroupCount>& others = b.groups.at(of);
    REQUIRE(counts.size() == others.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      REQUIRE(counts[i].values == others[i].values);
      REQUIRE(counts[i].width == others[i].width);
      REQUIRE(counts[i].non_zeros == others[i].non_zeros);
      REQUIRE(counts[i].groups == others[i].groups);
    }
  }
  REQUIRE(a.bricks.size() == b.bricks.size());
  for (const auto& [order, runs] : a.bricks)
    REQUIRE(same(runs, b.bricks.at(order)));
}

/// A strided convolution, a depthwise layer and a fully connected one.
TraceBuilder small_set() {
  TraceBuilder set;
  const auto codes = [](std::size_t count, int step) {
    std::vector<int> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back(static_cast<int>(i * static_cast<std::size_t>(step) % 13) - 5);
    return all;
  };
  set.tensor("a0", "act", {1, 3, 5, 5}, DType::int8, -5, codes(75, 3));
  set.tensor("a1", "act", {1, 4, 3, 3}, DType::int8, 0, codes(36, 5));
  set.tensor("a2", "act", {1, 4, 3, 3}, DType::int8, 0, codes(36, 7));
  set.tensor("w0", "wgt", {4, 3, 3, 3}, DType::int8, 0, codes(108, 2));
  set.tensor("w1", "wgt", {4, 1, 1, 1}, DType::int8, 0, codes(4, 4));
  set.aux_int32("b0", {1, -2, 3, -4});
  LayerShape first{1, 3, 5, 5, 4, 3, 3};
  first.pad_tblr = {1, 1, 1, 1};
  first.stride = {2, 2};
  set.layer("conv", LayerOp::conv, with_output_size(first), "a0", "w0", "a1", "b0");
  LayerShape second{1, 4, 3, 3, 4, 1, 1};
  second.groups = 4;
  set.layer("dw", LayerOp::dwconv, with_output_size(second), "a1", "w1", "a2");
  return set;
}

Network small_network() {
  TempDir folder;
  small_set().write(folder.path());
  return read_trace_set(folder.path());
}

json small_profile() {
  const Network network = small_network();
  return json::parse(width_profile_json(network, profile_widths(network, options_of(4, 2), 2)));
}

/// One that a file can describe: the gates of an LSTM make one value.
Network random_valid_network(Random& random) {
  Network network = random_network(random);
  for (Layer& layer : network.layers) {
    const bool fits = layer.output.empty() ? layer.shape.K % 4 == 0
                                           : network.tensor(layer.output).shape[1] * 4 == layer.shape.K;
    if (layer.op == LayerOp::lstm_h && !fits) layer.op = LayerOp::conv;
  }
  return network;
}

/// What reading this file raises.
std::string read_error(const FileFolder& folder, const std::string& content) {
  folder.write("p.json", content);
  const std::string message = error_of([&] { read_width_profile(folder.path("p.json")); });
  CHECK_THAT(message, Contains(folder.path("p.json")));
  return message;
}

std::uint64_t cycles_of(const Preparation& preparation, const PreparedLayer& layer) {
  ArrayGeometry geometry = preparation.point().geometry;
  geometry.tile_split = layer.descriptor.tile_split;
  return LayerSchedule(
             *preparation.point().design, geometry, layer.layer->shape,
             {preparation.network().bits, layer.descriptor.activation.width, layer.descriptor.weight.width},
             layer.compute->activation_bricks().get(), layer.compute->weight_bricks().get())
      .total();
}

double error_of_estimate(std::uint64_t estimate, std::uint64_t exact) {
  return std::abs(static_cast<double>(estimate) / static_cast<double>(exact) - 1);
}

/// Of the whole network and of each layer, in what this design point takes.
struct Limits {
  double network, layer;
};

void check_cycles(const Network& exact, const Network& estimated, Settings settings, Limits limits) {
  settings["sim.data"] = "elided";
  const DesignPoint point(parameters_of(settings));
  const Preparation a(exact, point), b(estimated, point);
  std::uint64_t sum_a = 0, sum_b = 0;
  for (std::size_t i = 0; i < a.layers().size(); ++i) {
    CAPTURE(exact.layers[i].name);
    const std::uint64_t cycles_a = cycles_of(a, a.layers()[i]), cycles_b = cycles_of(b, b.layers()[i]);
    CHECK(error_of_estimate(cycles_b, cycles_a) <= limits.layer);
    sum_a += cycles_a;
    sum_b += cycles_b;
  }
  CHECK(error_of_estimate(sum_b, sum_a) <= limits.network);
}

/// Sizes: 2 % of a network, 5 % of a tensor above 10 kB. Traffic likewise.
void check_sizes(const Network& exact, const Network& estimated, Settings settings) {
  settings["sim.data"] = "elided";
  const DesignPoint point(parameters_of(settings));
  const Preparation a(exact, point), b(estimated, point);
  std::uint64_t sum_a = 0, sum_b = 0;
  REQUIRE(a.stored().size() == b.stored().size());
  for (std::size_t i = 0; i < a.stored().size(); ++i) {
    CAPTURE(a.stored()[i]->stream->tensor->key);
    const std::uint64_t bits_a = a.stored()[i]->stream->coded.sizes.total_bits();
    const std::uint64_t bits_b = b.stored()[i]->stream->coded.sizes.total_bits();
    if (bits_a > 8 * 10000) CHECK(error_of_estimate(bits_b, bits_a) <= 0.05);
    sum_a += bits_a;
    sum_b += bits_b;
  }
  CHECK(error_of_estimate(sum_b, sum_a) <= 0.02);
  Traffic traffic_a, traffic_b;
  for (std::size_t i = 0; i < a.layers().size(); ++i) {
    traffic_a += a.layers()[i].traffic;
    traffic_b += b.layers()[i].traffic;
  }
  CHECK(error_of_estimate(traffic_b.total(), traffic_a.total()) <= 0.02);
}

void check_accuracy(const std::filesystem::path& set) {
  INFO(set.string());
  const Network exact = read_trace_set(set);
  const Network estimated = profiled(exact);
  CHECK(estimated.provenance == Provenance::profiled);
  for (const char* codec : {"dpred", "layer-width", "zvc"}) {
    INFO(codec);
    check_sizes(exact, estimated, {{"codec.name", codec}});
  }
  check_sizes(exact, estimated, {{"codec.zero_vector", "never"}, {"codec.sign", "sign-magnitude"}});
  check_sizes(exact, estimated, {{"codec.zero_vector", "always"}, {"codec.widths", "even"}});
  for (const char* design : {"bit-parallel", "stripes", "loom"}) {
    INFO(design);
    check_cycles(exact, estimated, {{"array.design", design}}, {0, 0});
  }
  for (const char* design : {"dpred-stripes", "loom-dynamic", "dpred-loom"}) {
    INFO(design);
    check_cycles(exact, estimated, {{"array.design", design}}, {0.05, 0.1});
  }
}

}  // namespace

TEST_CASE("a width profile that is written and read back is the same") {
  Random random(51);
  for (int round = 0; round < 25; ++round) {
    CAPTURE(round);
    Network network = random_valid_network(random);
    network.source = "somewhere";
    const StreamOptions options = options_of(random.in(1, 40), random.in(1, 80));
    const std::int64_t lanes = random.in(1, 20);
    const WidthProfile profile = profile_widths(network, options, lanes);
    const Network read = profiled(network, options, lanes);
    REQUIRE(read.profile->group == options.group);
    REQUIRE(read.profile->slice_channels == options.slice_channels);
    REQUIRE(read.profile->lanes == lanes);
    REQUIRE(read.bits == network.bits);
    REQUIRE(read.provenance == Provenance::profiled);
    REQUIRE_THAT(read.source, Contains("of real values") && Contains("somewhere"));
    REQUIRE(read.profile->tensors.size() == profile.tensors.size());
    for (const auto& [key, widths] : profile.tensors) {
      CAPTURE(key);
      REQUIRE(read.tensor(key).data.empty());
      check_same(widths, read.profile->tensors.at(key));
    }
    REQUIRE(read.layers.size() == network.layers.size());
    for (std::size_t i = 0; i < read.layers.size(); ++i) {
      const Layer &a = network.layers[i], &b = read.layers[i];
      REQUIRE(a.name == b.name);
      REQUIRE(a.op == b.op);
      REQUIRE((a.input == b.input && a.weight == b.weight && a.output == b.output && a.bias == b.bias));
      REQUIRE((a.shape.macs() == b.shape.macs() && a.shape.input() == b.shape.input()));
      REQUIRE((a.shape.stride == b.shape.stride && a.shape.dilation == b.shape.dilation));
      REQUIRE((a.shape.pad_tblr == b.shape.pad_tblr && a.shape.recurrent == b.shape.recurrent));
      REQUIRE(a.weight_is_activation == b.weight_is_activation);
    }
  }
}

TEST_CASE("what a profile knows exactly is exact on random networks") {
  Random random(52);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    const Network network = random_valid_network(random);
    const Network estimated = profiled(network);
    for (const char* design : {"bit-parallel", "stripes", "loom"})
      check_cycles(network, estimated, {{"array.design", design}}, {0, 0});
    const DesignPoint point(parameters_of({{"sim.data", "elided"}, {"codec.zero_vector", "never"}}));
    const Preparation a(network, point), b(estimated, point);
    REQUIRE(a.stored().size() == b.stored().size());
    for (std::size_t i = 0; i < a.stored().size(); ++i) {
      const TensorStream &exact = *a.stored()[i]->stream, &made = *b.stored()[i]->stream;
      REQUIRE(exact.coded.sizes.payload_bits == made.coded.sizes.payload_bits);
      REQUIRE(exact.coded.sizes.metadata_bits == made.coded.sizes.metadata_bits);
      REQUIRE(exact.raw.sizes.total_bits() == made.raw.sizes.total_bits());
    }
    for (std::size_t i = 0; i < a.layers().size(); ++i) {
      // Its causes add up to the estimated cycles.
      std::uint64_t cycles = 0;
      for (const std::uint64_t cause : b.layers()[i].compute->slots().cycles())
        cycles += cause;
      REQUIRE(cycles == cycles_of(b, b.layers()[i]));
      REQUIRE(a.layers()[i].raw_traffic.total() > 0);
    }
  }
}

TEST_CASE("pallets of layers without a kernel are exact in lock step") {
  // One tap without padding reads aligned blocks of windows, which the profile has.
  Random random(53);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    Network network;
    network.name = "pointwise";
    Layer layer;
    layer.name = "layer";
    LayerShape& s = layer.shape;
    s.C = random.in(1, 50), s.H = s.OH = random.in(1, 12), s.W = s.OW = random.in(2, 12),
    s.K = random.in(1, 90);
    layer.input = "in", layer.weight = "w", layer.output = "out";
    network.tensors["in"] = random_tensor(random, "in", s.input(), 8);
    network.tensors["w"] = random_tensor(random, "w", s.weight(), 8);
    network.tensors["out"] = random_tensor(random, "out", {1, s.K, s.OH, s.OW}, 8);
    network.layers.push_back(layer);
    const Network estimated = profiled(network);
    for (const char* rounding : {"any", "even", "pow2"}) {
      for (const char* bits : {"1", "2", "4"}) {
        check_cycles(network, estimated, {{"array.bits_per_cycle", bits}, {"array.widths", rounding}},
                     {0, 0});
      }
    }
  }
}

TEST_CASE("estimates of the bundled networks are within the limits") {
  for (const char* name : {"digits_cnn_int8", "digits_cnn_fix16"})
    check_accuracy(std::filesystem::path(DPRED_SOURCE_DIR) / "workloads/digits" / name);
}

TEST_CASE("estimates of the real sets are within the limits", "[traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const char* name :
       {"mlperf_ad01_int8", "mlperf_kws_int8", "mlperf_resnet8_int8", "mlperf_resnet8_fix16",
        "mnist_lstm_int8", "use_lite_int8", "mobilenet_v1_075_int8", "squeezenet_pruned_fix16p10"})
    check_accuracy(*traces / name);
}

TEST_CASE("what a profile cannot serve is refused with what it has") {
  const Network network = profiled(small_network(), options_of(4, 2), 2);
  const auto error = [&](Settings settings) {
    settings.emplace("codec.group", "4");
    settings.emplace("codec.slice_channels", "2");
    settings.emplace("array.lanes", "2");
    return error_of([&] {
      const DesignPoint point(parameters_of(settings), network);
      Preparation preparation(network, point);
    });
  };
  CHECK_THAT(error({{"codec.group", "8"}}), Contains("codec.group = 8") && Contains("groups of 4"));
  CHECK_THAT(error({{"codec.slice_channels", "64"}}), Contains("slices of 2 channels"));
  CHECK_THAT(error({{"array.lanes", "16"}}), Contains("array.lanes = 16") && Contains("bricks of 2 lanes"));
  CHECK_THAT(error({{"sim.data", "carried"}}), Contains("sim.data") && Contains("without values"));
  for (const std::string& name : codec_names()) {
    if (!find_codec(name).plans_from_widths()) CHECK_THAT(error({{"codec.name", name}}), Contains("dpred"));
  }
  CHECK_THAT(error_of([&] { profile_widths(network, {}, 16); }), Contains("without the values"));

  // Neither bricks nor groups are needed here.
  const DesignPoint other(parameters_of({{"array.design", "stripes"}, {"codec.name", "raw"}}), network);
  CHECK(other.elided);
  CHECK_NOTHROW(Preparation(network, other));
  // Only a layer that folds lacks its widths.
  const Network wide = profiled(small_network());
  const DesignPoint folding(parameters_of({{"array.fold", "auto"}}), wide);
  CHECK_THAT(error_of([&] { Preparation preparation(wide, folding); }),
             Contains("array.fold") && Contains("'conv'"));
}

TEST_CASE("a profile without sign and magnitude serves two's complement") {
  json document = small_profile();
  for (json& tensor : document["tensors"]) {
    json kept = json::array();
    for (const json& groups : tensor["groups"]) {
      if (groups["sign"] == "twos-complement") kept.push_back(groups);
    }
    tensor["groups"] = kept;
  }
  FileFolder folder;
  const Network network = read_width_profile(folder.write("a.json", document.dump()));
  Settings settings = {{"codec.group", "4"}, {"codec.slice_channels", "2"}, {"array.lanes", "2"}};
  const DesignPoint point(parameters_of(settings), network);
  CHECK_NOTHROW(Preparation(network, point));
  settings["codec.sign"] = "sign-magnitude";
  const DesignPoint other(parameters_of(settings), network);
  CHECK_THAT(error_of([&] { Preparation preparation(network, other); }),
             Contains("codec.sign = sign-magnitude") && Contains("twos-complement"));
}

TEST_CASE("a profile that doesn't fit itself is refused with its file and key") {
  const json good = small_profile();
  FileFolder folder;
  folder.write("p.json", good.dump());
  REQUIRE_NOTHROW(read_width_profile(folder.path("p.json")));
  struct Change {
    const char* pointer;
    json value;
    const char* wanted;
  };
  const json huge = std::int64_t{1} << 62;
  const std::vector<Change> changes = {
      {"/width_profile", 2, "width_profile: 2, but this reader knows version 1"},
      {"/network", 3, "network: must be a string"},
      {"/bits", 12, "bits: must be 8 or 16"},
      {"/bits", 16, "dtype: int8 does not have the network's 16 bits"},
      {"/values", "guessed", "values: 'guessed' is unknown"},
      {"/group", 0, "group: must be within 1 to 256"},
      {"/group", 8, "counts[0][0]: no group has 1 values"},
      {"/slice_channels", 3, "tensors.a0.groups[0].counts"},
      {"/lanes", -1, "lanes: must be within 1 to 1024"},
      {"/lanes", 16, "tensors.a0.bricks[0].cells: must have 1 elements, not 2"},
      {"/tensors/a0/shape", {1, 3, 5, 6}, "tensors.a0.value_bits: counts add up to 75, there are 90"},
      {"/tensors/a0/shape", {1, 3, 65536, 1048576}, "groups and bricks"},
      {"/tensors/a0/shape", {2147483647, 2147483647, 2147483647, 2147483647}, "too many values"},
      {"/tensors/a0/signed", 1, "tensors.a0.signed: must be true or false"},
      {"/tensors/a0/width", 10, "tensors.a0.width: must be within 1 to 9"},
      {"/tensors/a0/width", 9, "tensors.a0.width: 9, but no value has so many bits"},
      {"/tensors/a0/value_bits/0", -1, "tensors.a0.value_bits[0]: must be within 0 to 75"},
      {"/tensors/a0/value_bits/0", huge, "tensors.a0.value_bits[0]: must be within 0 to 75"},
      {"/tensors/a0/value_bits/0", 0.5, "tensors.a0.value_bits[0]: must be an integer"},
      {"/tensors/a0/value_bits", json::array(), "tensors.a0.value_bits: counts add up to 0"},
      {"/tensors/a0/groups", json::array(), "tensors.a0.groups: no counts in role activation"},
      {"/tensors/w1/groups", json::array(), "no counts in role depthwise-weight"},
      {"/tensors/a0/groups/0/role", "input", "tensors.a0.groups[0].role: 'input' is unknown"},
      {"/tensors/a0/groups/0/sign", "none", "tensors.a0.groups[0].sign: 'none' is unknown"},
      {"/tensors/a0/groups/0/counts/0", {1, 1, 1}, "counts[0]: must have 4 elements, not 3"},
      {"/tensors/a0/groups/0/counts/0/0", 3, "counts[0][0]: no group has 3 values"},
      {"/tensors/a0/groups/0/counts/0/1", 9, "counts[0][1]: must be within 1 to 8"},
      {"/tensors/a0/groups/0/counts/0/2", 5, "counts[0][2]: must be within 0 to"},
      {"/tensors/a0/groups/0/counts/0/3", 0, "counts[0][3]: must be within 1 to"},
      {"/tensors/a0/groups/0/counts/0/3", huge, "counts[0][3]: must be within 1 to"},
      {"/tensors/a0/groups/0/counts/0/3", 30, "counts[0][3]: "},
      {"/tensors/a0/bricks", json::array(),
       "tensors.a0.bricks: no counts of operand activation, groups 1, step [2,2]"},
      {"/tensors/w0/bricks", json::array(), "tensors.w0.bricks: no counts of operand weight"},
      {"/tensors/a0/bricks/0/operand", "output", "bricks[0].operand: 'output' is unknown"},
      {"/tensors/a0/bricks/0/groups", 2, "bricks[0].groups: 2 does not divide 3 channels"},
      {"/tensors/a0/bricks/0/step", {6, 1}, "bricks[0].step: must be at most [5,5]"},
      {"/tensors/a0/bricks/0/step", {0, 1}, "bricks[0].step[0]: must be within 1 to"},
      {"/tensors/a0/bricks/0/cells", json::array(), "bricks[0].cells: must have 2 elements, not 0"},
      {"/tensors/a0/bricks/0/cells/1/blocks", json::array(), "cells[1].blocks: must have"},
      {"/tensors/a0/bricks/0/cells/1/blocks/0", {25}, "a0.bricks[0]."},
      {"/tensors/a0/bricks/0/cells/1/blocks/0",
       {24},
       "cells[1].blocks[0]: counts add up to 24, there are 25"},
      {"/tensors/a0/bricks/0/cells/1/blocks/1", {15}, "cells[1].blocks[1]"},
      {"/tensors/a0/bricks/0/cells/0/last/0", {1}, "cells[0].last[0]: must have 4 elements, not 1"},
      {"/tensors/a0/bricks/0/cells/0/last/0/0", 9, "cells[0].last[0][0]: must be within 1 to"},
      {"/tensors/a0/bricks/0/columns", json::array(), "bricks[0].columns: must have 5 elements, not 0"},
      {"/tensors/a0/bricks/0/columns/0", {1}, "bricks[0].columns[0]: counts add up to 1, there are 10"},
      {"/tensors/a0/bricks/0/columns/0", {10}, "bricks[0].columns"},
      {"/aux/b0/shape", {3}, "vector 'b0' has 3 values"},
      {"/layers", json::array(), "layers: must have at least one layer"},
      {"/layers/0/input", "a9", "layers[0].input: no tensor 'a9'"},
      {"/layers/0/OH", 4, "layers[0].OH: 4, but the other dimensions give 3"},
      {"/layers/0/stride", {1, 1}, "layers[0].OH"},
  };
  for (const Change& change : changes) {
    CAPTURE(change.pointer, change.value.dump());
    json bad = good;
    bad[json::json_pointer(change.pointer)] = change.value;
    CHECK_THAT(read_error(folder, bad.dump()), Contains(change.wanted));
  }
  json unused = good;
  unused["tensors"]["a9"] = good["tensors"]["a0"];
  CHECK_THAT(read_error(folder, unused.dump()), Contains("tensors.a9: no layer reads or writes"));
  json twice = good;
  twice["tensors"]["a0"]["groups"].push_back(twice["tensors"]["a0"]["groups"][0]);
  CHECK_THAT(read_error(folder, twice.dump()), Contains("the same role and sign a second time"));
  twice = good;
  twice["tensors"]["a0"]["bricks"].push_back(twice["tensors"]["a0"]["bricks"][0]);
  CHECK_THAT(read_error(folder, twice.dump()), Contains("the same order a second time"));

  const std::string text = good.dump();
  for (const std::string& bad :
       {std::string(), text.substr(0, text.size() / 2), std::string("[]"),
        std::string("{\"width_profile\": NaN}"), std::string("{\"width_profile\": 1e999}"),
        std::string(100000, '['), std::string("\0\xff\n", 3)})
    read_error(folder, bad);
  CHECK_THAT(error_of([&] { read_width_profile(folder.path("none.json")); }), Contains("no such file"));
}

TEST_CASE("no change of a single value in a profile does harm") {
  // Each is refused, or means another profile that can be run.
  const json good = small_profile();
  const json flat = good.flatten();
  const std::vector<json> values = {nullptr,
                                    -1,
                                    0,
                                    1,
                                    2,
                                    7,
                                    300,
                                    1e300,
                                    -0.5,
                                    std::int64_t{1} << 40,
                                    std::uint64_t{1} << 63,
                                    "x",
                                    true,
                                    json::array(),
                                    json::object()};
  FileFolder folder;
  Random random(54);
  int refused = 0, read = 0;
  for (const auto& item : flat.items()) {
    // The value, or something that it lies in.
    json::json_pointer place(item.key());
    while (random.chance(30) && !place.parent_pointer().empty())
      place = place.parent_pointer();
    json changed = good;
    if (random.chance(20)) {
      json& parent = changed[place.parent_pointer()];
      if (parent.is_object()) {
        parent.erase(place.back());
      } else {
        parent.erase(static_cast<std::size_t>(std::stoul(place.back())));
      }
    } else {
      changed[place] = random.of(values);
    }
    CAPTURE(place.to_string(), changed.dump());
    folder.write("p.json", changed.dump());
    try {
      const Network network = read_width_profile(folder.path("p.json"));
      ++read;
      const DesignPoint point(
          parameters_of({{"array.design", "dpred-loom"},
                         {"codec.group", std::to_string(network.profile->group)},
                         {"codec.slice_channels", std::to_string(network.profile->slice_channels)},
                         {"array.lanes", std::to_string(network.profile->lanes)}}),
          network);
      const Preparation preparation(network, point);
      for (const PreparedLayer& layer : preparation.layers())
        layer.compute->slots().cycles();
    } catch (const InputError&) {
      ++refused;
    }
  }
  CHECK(refused > 400);
  CHECK(read > 5);
}

TEST_CASE("a width profile is written whole or not at all") {
  const Network network = small_network();
  FileFolder folder;
  folder.write("old.json", "of an earlier run");
  CHECK_THAT(error_of([&] { write_width_profile(folder.path("a.txt"), network, {}, 16); }),
             Contains("ends in .json"));
  std::filesystem::create_directory(folder.path("d.json"));
  CHECK_THAT(error_of([&] { write_width_profile(folder.path("d.json"), network, {}, 16); }),
             Contains("not a regular file"));
  CHECK_THAT(error_of([&] { write_width_profile(folder.path("old.json/a.json"), network, {}, 16); }),
             Contains("cannot write"));
  const Network estimated = profiled(network);
  error_of([&] { write_width_profile(folder.path("old.json"), estimated, {}, 16); });
  std::ifstream old(folder.path("old.json"));
  CHECK(std::string(std::istreambuf_iterator<char>(old), {}) == "of an earlier run");
  CHECK_FALSE(std::filesystem::exists(folder.path("a.txt")));
  write_width_profile(folder.path("old.json"), network, {}, 16);
  CHECK_NOTHROW(read_width_profile(folder.path("old.json")));
}
