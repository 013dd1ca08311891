// Which outputs stay on chip: against every way to choose them, and who else needs them.
#include "platform/inter_layer.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <set>

#include "platform/preparation.h"
#include "platform/width_profile.h"
#include "tests/platform/random_networks.h"
#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"
#include "workloads/batch.h"
#include "workloads/error.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

struct Prepared {
  std::unique_ptr<DesignPoint> point;
  std::unique_ptr<Preparation> preparation;

  Prepared(const Network& network, const Settings& settings)
      : point(std::make_unique<DesignPoint>(parameters_of(settings), network)),
        preparation(std::make_unique<Preparation>(network, *point)) {}

  const std::vector<PreparedLayer>& layers() const { return preparation->layers(); }
  std::uint64_t traffic() const {
    std::uint64_t bytes = 0;
    for (const PreparedLayer& layer : layers())
      bytes += layer.traffic.total();
    return bytes;
  }
  std::string stays() const {
    std::string text;
    for (const PreparedLayer& layer : layers()) {
      const bool kept = layer.plan.output_place.has_value();
      text += !kept ? '.' : layer.plan.output_in_memory ? 'b' : 'k';
    }
    return text;
  }
};

Settings with(Settings settings, const Settings& changes) {
  for (const auto& [key, value] : changes)
    settings[key] = value;
  return settings;
}

/// Whether a tensor that stays is needed in memory too, with what the host reads known.
bool needed_in_memory(const Network& network, std::size_t index) {
  const std::string& key = network.layers[index].output;
  int reads = 0, writes = 0;
  for (const Layer& layer : network.layers) {
    reads += (layer.input == key) + (layer.weight == key);
    writes += layer.output == key;
  }
  return reads > 1 || writes > 1 || network.host_tensors->count(key) != 0;
}

/// The traffic of one choice, or nothing where it doesn't fit: tensors of a run of layers lie at the end of
/// the buffer and at its beginning in turn.
std::optional<std::uint64_t> traffic_of_choice(const Network& network, const Prepared& off_chip,
                                               unsigned kept) {
  const std::uint64_t capacity = off_chip.point->buffers.activation;
  const auto bytes_of = [&](std::size_t i) {
    return static_cast<std::uint64_t>(network.tensor(network.layers[i].output).data.size());
  };
  std::uint64_t total = 0;
  std::vector<std::shared_ptr<const StreamDirectory>> written(network.layers.size());
  bool input_at_end = false;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const PreparedLayer& layer = off_chip.layers()[i];
    const bool input_kept = i > 0 && (kept >> (i - 1) & 1) != 0;
    const bool output_kept = (kept >> i & 1) != 0;
    if (output_kept && (i + 1 == network.layers.size() || network.layers[i].output.empty() ||
                        network.layers[i].output != network.layers[i + 1].input || bytes_of(i) > capacity))
      return std::nullopt;
    PlannerInput input = layer.planner_input;
    input.input_on_chip = input_kept;
    for (std::size_t j = 0; j < i && !input_kept; ++j)
      if (written[j] && network.layers[j].output == network.layers[i].input)
        input.streams.activation = written[j].get();
    BufferSizes buffers = off_chip.point->buffers;
    const bool output_at_end = !(input_kept && input_at_end);
    if (output_kept) {
      const std::uint64_t at_end = output_at_end ? bytes_of(i) : bytes_of(i - 1);
      const std::uint64_t others = output_at_end ? (input_kept ? bytes_of(i - 1) : 1) : bytes_of(i);
      const std::uint64_t free = (capacity - at_end) / 64 * 64;
      if (others > free) return std::nullopt;
      if (!input_kept) buffers.activation = free;
    }
    Plan plan;
    try {
      plan = make_plan(input, buffers, off_chip.point->burst_bytes);
    } catch (const InputError&) {
      return std::nullopt;
    }
    Traffic traffic = traffic_of(plan, input.streams, off_chip.point->burst_bytes);
    if (input_kept) traffic.activation_read_bytes = 0;
    if (output_kept && !needed_in_memory(network, i)) {
      traffic.output_write_bytes = 0;
      const std::uint64_t burst = off_chip.point->burst_bytes;
      for (const Job& job : plan.jobs)
        if (job.partials_out)
          traffic.output_write_bytes += (job.partials_out->bytes + burst - 1) / burst * burst;
    }
    total += traffic.total();
    if (input.streams.output != nullptr) {
      const StreamDirectory& output = *input.streams.output;
      written[i] = std::make_shared<StreamDirectory>(
          output.layout(), output.plan(),
          output.plan().has_table() ? plan.output_order() : std::vector<std::int64_t>{}, output.groups());
    }
    input_at_end = output_at_end;
  }
  return total;
}

/// Tensors on chip, and what is filled beside them, don't overlap and are where the next layer reads them.
void check_places(const Network& network, const Prepared& prepared) {
  const std::uint64_t capacity = prepared.point->buffers.activation;
  std::optional<std::uint64_t> left;
  for (std::size_t i = 0; i < prepared.layers().size(); ++i) {
    CAPTURE(i);
    const PreparedLayer& layer = prepared.layers()[i];
    const Plan& plan = layer.plan;
    REQUIRE(plan.input_place == left);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> used;  // begin, end
    if (plan.input_place) {
      const std::uint64_t bytes = network.tensor(network.layers[i].input).data.size();
      used.push_back({*plan.input_place, *plan.input_place + bytes});
      REQUIRE(layer.traffic.activation_read_bytes == 0);
      REQUIRE(layer.raw_traffic.activation_read_bytes == 0);
      for (const Job& job : plan.jobs)
        REQUIRE_FALSE(job.activations);
    }
    std::uint64_t filled = 0;
    for (const Job& job : plan.jobs)
      if (job.activations)
        filled = std::max(filled, job.activations->buffer_address + job.activations->buffer_bytes);
    used.push_back({0, filled});
    if (plan.output_place) {
      const std::uint64_t bytes = network.tensor(network.layers[i].output).data.size();
      used.push_back({*plan.output_place, *plan.output_place + bytes});
      REQUIRE(plan.output_in_memory == needed_in_memory(network, i));
      if (!plan.partials_spill) {
        REQUIRE((layer.traffic.output_write_bytes > 0) == plan.output_in_memory);
        REQUIRE((layer.raw_traffic.output_write_bytes > 0) == plan.output_in_memory);
      }
    } else {
      REQUIRE(plan.output_in_memory);
    }
    for (std::size_t a = 0; a < used.size(); ++a) {
      REQUIRE(used[a].second <= capacity);
      for (std::size_t b = 0; b < a; ++b)
        REQUIRE((used[a].second <= used[b].first || used[b].second <= used[a].first ||
                 used[a].first == used[a].second || used[b].first == used[b].second));
    }
    left = plan.output_place;
  }
  REQUIRE_FALSE(left);
}

/// Grows buffers as refusals ask.
Settings settings_that_fit(const Network& network, Settings settings) {
  for (;;) {
    try {
      Prepared(network, settings);
      return settings;
    } catch (const InputError& error) {
      const std::string what = error.what();
      const std::size_t key = what.find("buffer.");
      REQUIRE(key != std::string::npos);
      settings[what.substr(key, what.find(' ', key) - key)] =
          std::to_string(std::stoull(what.substr(what.find("too small: ") + 11)));
    }
  }
}

}  // namespace

TEST_CASE("what stays on chip moves the fewest bytes of all choices") {
  Random random(301);
  int kept = 0, written_too = 0, as_few = 0, choices_that_pay = 0, coded = 0;
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const Network network = random_chain(random);
    Settings settings = random_settings(random);
    const bool raw = random.chance(50);
    settings["codec.name"] = raw ? "raw" : "dpred";
    settings["buffer.activation_bytes"] = std::to_string(random.log_in(64, 1 << 13));
    settings["buffer.inter_layer"] = "off-chip";
    settings = settings_that_fit(network, settings);
    const Prepared off_chip(network, settings);
    const Prepared automatic(network, with(settings, {{"buffer.inter_layer", "auto"}}));
    check_places(network, automatic);
    std::uint64_t fewest = off_chip.traffic();
    for (unsigned choice = 0; choice < 1u << (network.layers.size() - 1); ++choice) {
      const auto bytes = traffic_of_choice(network, off_chip, choice);
      if (choice == 0) REQUIRE(bytes == off_chip.traffic());
      if (bytes) fewest = std::min(fewest, *bytes);
    }
    // Coded blocks lie as the plan finishes them, and plans are compared one layer at a time.
    REQUIRE(automatic.traffic() <= off_chip.traffic());
    REQUIRE(automatic.traffic() >= fewest);
    if (raw) REQUIRE(automatic.traffic() == fewest);
    coded += !raw;
    as_few += !raw && automatic.traffic() == fewest;
    choices_that_pay += automatic.traffic() < off_chip.traffic();
    for (const char stay : automatic.stays()) {
      kept += stay == 'k';
      written_too += stay == 'b';
    }
  }
  CHECK(choices_that_pay > 30);
  CHECK(as_few > coded * 9 / 10);
  CHECK(kept > 60);
  CHECK(written_too > 8);
}

namespace {

/// Pointwise layers of so many channels over a plane, each of which reads what the one before wrote.
Network plane_chain(const std::vector<std::int64_t>& channels, std::int64_t rows) {
  Random random(302);
  Network network;
  const auto add = [&](const std::string& key, const Shape& shape) {
    network.tensors[key] = random_tensor(random, key, shape, 8);
    return key;
  };
  for (std::size_t i = 0; i + 1 < channels.size(); ++i) {
    Layer layer;
    layer.name = "layer" + std::to_string(i);
    LayerShape& s = layer.shape;
    s.C = channels[i], s.K = channels[i + 1], s.H = s.OH = rows;
    layer.input = i == 0 ? add("t0", s.input()) : "t" + std::to_string(i);
    layer.weight = add("w" + std::to_string(i), s.weight());
    layer.output = add("t" + std::to_string(i + 1), {1, s.K, s.OH, 1});
    network.layers.push_back(layer);
  }
  network.host_tensors.emplace();
  return network;
}

const Settings automatic = {{"buffer.inter_layer", "auto"}, {"codec.name", "raw"}};

std::string stays(const Network& network, const std::string& activation_bytes) {
  return Prepared(network, with(automatic, {{"buffer.activation_bytes", activation_bytes}})).stays();
}

}  // namespace

TEST_CASE("a tensor stays if it fits beside the input's share, or beside the tensor that is the input") {
  // Of 640, 1280 and 1920 bytes.
  const Network network = plane_chain({10, 20, 30, 1}, 64);
  CHECK(stays(network, "262144") == "kk.");
  CHECK(stays(network, "3200") == "kk.");  // 1280 + 1920
  CHECK(stays(network, "3199") == ".k.");  // the larger one saves more
  CHECK(stays(network, "1984") == ".k.");
  CHECK(stays(network, "1983") == "k..");  // no multiple of 64 above 0 leaves 1920
  CHECK(stays(network, "1344") == "k..");
  CHECK(stays(network, "1343") == "...");  // nor 1280
  const Prepared prepared(network, with(automatic, {{"buffer.activation_bytes", "1343"}}));
  CHECK(prepared.layers()[0].stay.stay == Stay::no_room);
  CHECK(prepared.layers()[1].stay.stay == Stay::too_large);
  CHECK(describe(prepared.layers()[1].stay, network.layers[1], prepared.point->buffers) ==
        "'t2' has 1920 bytes, 577 more than the activation buffer");
  CHECK(prepared.layers()[2].stay.stay == Stay::no_output);
}

TEST_CASE("a tensor that another reader needs is written too") {
  Network network = plane_chain({8, 8, 8, 8, 8}, 16);
  CHECK(stays(network, "262144") == "kkk.");
  network.host_tensors = std::set<std::string>{"t2"};
  CHECK(stays(network, "262144") == "kbk.");
  CHECK(other_reader(network, 1) == "the host");
  network.host_tensors->clear();
  network.layers[3].input = "t1";  // a later layer reads it again
  CHECK(stays(network, "262144") == "bk..");
  CHECK(other_reader(network, 0) == "layer 4");
  const Prepared prepared(network, automatic);
  CHECK(prepared.layers()[2].stay.stay == Stay::other_input);

  Network transposed = plane_chain({8, 8, 8, 8}, 1);
  transposed.layers[2].weight = "t1";
  transposed.tensors["t1"].shape = {8, 8, 1, 1};
  transposed.tensors["t1"].data.assign(64, 1);
  transposed.layers[0].shape.N = transposed.layers[1].shape.N = 8;
  transposed.tensors["t0"].shape = transposed.tensors["t2"].shape = {8, 8, 1, 1};
  transposed.tensors["t0"].data.assign(64, 1);
  transposed.tensors["t2"].data.assign(64, 1);
  transposed.layers[2].shape.N = 8;
  transposed.tensors["t3"].shape = {8, 8, 1, 1};
  transposed.tensors["t3"].data.assign(64, 1);
  CHECK(stays(transposed, "262144") == "bk.");
  CHECK(other_reader(transposed, 0) == "layer 3, as its weights");
}

TEST_CASE("where the manifest doesn't say what the host does, it may add what has the same extent") {
  // t0 -> t1 -> t2, then an input that nobody writes, of as many rows; then one of other rows.
  Network network = plane_chain({8, 8, 8, 8, 8}, 16);
  network.host_tensors.reset();
  CHECK(stays(network, "262144") == "kkk.");
  network.tensors["sum"] = network.tensors["t2"];
  network.layers[2].input = "sum";
  CHECK(stays(network, "262144") == "b.k.");
  CHECK(other_reader(network, 0) == "what the host may make for layer 3");
  network.host_tensors.emplace();
  CHECK(stays(network, "262144") == "k.k.");
  network.host_tensors.reset();
  network.layers[3].input = "sum";  // the network's input by then
  network.layers[0].input = "sum";
  CHECK(stays(network, "262144") == "k...");
  network.layers[0].input = "t0";
  network.layers[2].input = "t2";
  network.layers[3].input = "pooled";
  network.layers[3].shape.H = network.layers[3].shape.OH = 1;
  network.tensors["pooled"] = network.tensors["sum"];
  network.tensors["pooled"].shape[2] = network.tensors["t4"].shape[2] = 1;
  for (const char* key : {"pooled", "t4"})
    network.tensors[key].data.resize(8);
  CHECK(stays(network, "262144") == "kk..");
}

TEST_CASE("what the host reads is in the manifest's graph, and in a width profile") {
  TraceBuilder set;
  const std::vector<int> codes = {1, 2, 3, 4, 5, 6, 7, 8};
  for (const char* key : {"a0", "a1", "a2", "a3"})
    set.tensor(key, "act", {1, 2, 2, 2}, DType::int8, 0, codes);
  set.tensor("w", "wgt", {2, 2, 1, 1}, DType::int8, 0, {1, 0, 0, 1});
  LayerShape shape;
  shape.C = shape.K = shape.H = shape.W = 2;
  for (int i = 0; i < 3; ++i)
    set.layer("layer" + std::to_string(i), LayerOp::conv, with_output_size(shape), "a" + std::to_string(i),
              "w", "a" + std::to_string(i + 1));
  const auto read = [&] {
    const TempDir folder;
    set.write(folder.path());
    return read_trace_set(folder.path());
  };
  CHECK_FALSE(read().host_tensors);
  CHECK(stays(read(), "262144") == "kk.");
  set.manifest["graph"] = nlohmann::json::array(
      {{{"op", "add"}, {"inputs", {"a1", "a3"}}, {"output", "sum"}, {"after", "layer2"}}});
  const Network network = read();
  CHECK(network.host_tensors == std::set<std::string>{"a1", "a3"});
  CHECK(stays(network, "262144") == "bk.");
  CHECK(stays(repeat_inputs(network, 3), "262144") == "bk.");

  const TempDir folder;
  write_width_profile(folder.path() / "widths.json", network, StreamOptions{}, 16);
  const Network profile = read_width_profile(folder.path() / "widths.json");
  CHECK(profile.host_tensors == network.host_tensors);
  CHECK(stays(profile, "262144") == "bk.");
}
