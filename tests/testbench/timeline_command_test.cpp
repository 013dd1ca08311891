// dpred run --timeline, read as a viewer reads it.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;
using nlohmann::json;

const std::string digits = DPRED_SOURCE_DIR "/workloads/digits/digits_cnn_int8";
const Words causes = {"compute",      "stall_activation", "stall_weight",
                      "stall_output", "stall_codec",      "overhead"};

/// Times in ps: the file has microseconds with up to six decimals.
std::int64_t picoseconds(const json& event, const char* key) {
  return std::llround(event.at(key).get<double>() * 1e6);
}

struct Slice {
  std::int64_t begin, end;
};

struct Timeline {
  std::string text;
  std::map<std::string, std::vector<Slice>> tracks;                     ///< by name
  std::map<std::string, std::map<std::int64_t, double>> counters;       ///< by name, value from a time on
  std::map<std::pair<std::size_t, std::string>, std::uint64_t> cycles;  ///< of the array, by layer and cause
  std::map<std::size_t, std::int64_t> layer_time;

  explicit Timeline(const std::string& content) : text(content) {
    const json document = json::parse(content);
    std::map<int, std::string> names;
    for (const json& event : document.at("traceEvents")) {
      REQUIRE(event.at("pid") == 1);
      const std::string phase = event.at("ph"), name = event.at("name");
      if (phase == "M") {
        if (name == "thread_name") names[event.at("tid")] = event.at("args").at("name");
      } else if (phase == "X") {
        const std::int64_t begin = picoseconds(event, "ts");
        const std::string& track = names.at(event.at("tid"));
        const json& args = event.at("args");
        tracks[track].push_back({begin, begin + picoseconds(event, "dur")});
        if (track == "array")
          cycles[{args.at("layer"), args.at("cause")}] += args.at("cycles").get<std::uint64_t>();
        if (track == "layers") layer_time[args.at("layer")] = picoseconds(event, "dur");
      } else {
        REQUIRE(phase == "C");
        counters[name][picoseconds(event, "ts")] = event.at("args").at("value");
      }
    }
  }

  /// On each track, slices nest or don't overlap.
  void check_nesting() const {
    for (const auto& [name, all] : tracks) {
      INFO(name);
      std::vector<Slice> slices = all;
      std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
      });
      std::vector<std::int64_t> open;
      for (const Slice& slice : slices) {
        REQUIRE(slice.end >= slice.begin);
        while (!open.empty() && open.back() <= slice.begin)
          open.pop_back();
        REQUIRE((open.empty() || slice.end <= open.back()));
        open.push_back(slice.end);
      }
    }
  }

  /// Every cycle of the ledger is in a slice of the array; slices follow one another without a gap.
  void check_ledger(const Table& layers) const {
    REQUIRE(layer_time.size() == layers.rows());
    for (std::size_t row = 0; row < layers.rows(); ++row) {
      for (const std::string& cause : causes) {
        INFO("layer " << row + 1 << " " << cause);
        const auto found = cycles.find({row + 1, cause});
        REQUIRE((found == cycles.end() ? 0 : found->second) == layers.count(row, cause + "_cycles"));
      }
    }
    std::vector<Slice> array = tracks.at("array");
    std::sort(array.begin(), array.end(), [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
    REQUIRE(array.front().begin == 0);
    for (std::size_t i = 1; i < array.size(); ++i)
      REQUIRE(array[i].begin == array[i - 1].end);
    REQUIRE(array.back().end == tracks.at("layers").back().end);
  }

  /// Bytes under a counter of GB/s.
  double bytes(const std::string& counter) const {
    double sum = 0;
    const auto& values = counters.at(counter);
    for (auto at = values.begin(); std::next(at) != values.end(); ++at)
      sum += at->second * 1e-3 * static_cast<double>(std::next(at)->first - at->first);
    REQUIRE(values.rbegin()->second == 0);
    return sum;
  }

  double most(const std::string& counter) const {
    double most = 0;
    for (const auto& [at, value] : counters.at(counter))
      most = std::max(most, value);
    return most;
  }
};

/// Runs with and without a timeline, and checks what holds for any.
Timeline timeline_of(const std::string& workload, const Words& arguments) {
  const WorkFolder work;
  Words all = {"run", workload, "--csv"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const std::string plain = quiet_output(all, work.path());
  all.insert(all.end(), {"--timeline", "trace.json"});
  REQUIRE(quiet_output(all, work.path()) == plain);
  const Table layers(plain);
  Timeline timeline(read_file(work.path() / "trace.json"));
  timeline.check_nesting();
  timeline.check_ledger(layers);
  const double reads = static_cast<double>(layers.sum("activation_read_bytes") +
                                           layers.sum("weight_read_bytes") + layers.sum("output_read_bytes"));
  CHECK(timeline.bytes("DRAM reads, GB/s") == Approx(reads).epsilon(1e-3));
  CHECK(timeline.bytes("DRAM writes, GB/s") ==
        Approx(static_cast<double>(layers.sum("output_write_bytes"))).epsilon(1e-3));
  return timeline;
}

}  // namespace

TEST_CASE("a timeline has every cycle of the ledger, at every fidelity", "[command]") {
  for (const char* fidelity : {"--sim.fidelity=analytic", "--sim.fidelity=lt", "--sim.fidelity=at"}) {
    INFO(fidelity);
    const Timeline timeline = timeline_of(digits, {fidelity});
    CHECK(timeline.tracks.size() >= 6);
    CHECK(timeline.most("DRAM reads, GB/s") < 6.5);  // LPDDR4-3200's peak is 6.4
    CHECK(timeline.most("DRAM reads, GB/s") > 4);
    CHECK(timeline.most("activation buffer, bytes") > 1000);
    CHECK(timeline.most("activation buffer, bytes") <= 262144);
    CHECK(timeline.most("weight buffer, bytes") <= 262144);
    CHECK(timeline.most("output buffer, bytes") > 1000);
    CHECK(timeline.most("output buffer, bytes") <= 65536);
  }
}

TEST_CASE("a timeline has stalls of every kind, and any clock", "[command]") {
  const Words small = {"--buffer.activation_bytes=8KiB", "--buffer.weight_bytes=32KiB",
                       "--buffer.output_bytes=2KiB"};
  const auto with = [&](Words more) {
    more.insert(more.end(), small.begin(), small.end());
    return more;
  };
  // 777 MHz: no cycle begins at a whole number of ps.
  const Timeline conflicts = timeline_of(
      digits, with({"--array.clock_mhz=777", "--buffer.activation_banks=2", "--buffer.weight_banks=2",
                    "--buffer.output_banks=1", "--engine.decoders=1", "--engine.encoders=1"}));
  const Timeline analytic = timeline_of(digits, with({"--array.clock_mhz=3000", "--sim.fidelity=analytic"}));
  for (const std::string& cause : causes) {
    std::uint64_t sum = 0;
    for (const auto& [place, cycles] : conflicts.cycles)
      sum += place.second == cause ? cycles : 0;
    INFO(cause);
    CHECK(sum > 0);
  }
  CHECK(conflicts.tracks.count("fills: weight buffer, half 1") == 1);
  CHECK(conflicts.tracks.count("drains: output buffer, half 1") == 1);
  // A job takes some 1.5 kB, however many there are.
  CHECK(analytic.text.size() < 2000 * analytic.tracks.at("array").size());
  timeline_of(digits, with({"--dram.preset=ideal"}));
}

TEST_CASE("a timeline has partial sums that go to memory and come back", "[command]") {
  for (const char* fidelity : {"--sim.fidelity=analytic", "--sim.fidelity=lt"}) {
    const Words tiny = {fidelity, "--buffer.activation_bytes=2KiB", "--buffer.weight_bytes=16KiB",
                        "--buffer.output_bytes=4KiB"};
    Words csv = {"run", digits, "--csv"};
    csv.insert(csv.end(), tiny.begin(), tiny.end());
    REQUIRE(Table(quiet_output(csv)).sum("output_read_bytes") > 0);
    timeline_of(digits, tiny);
  }
}

TEST_CASE("a timeline that can't be written is refused, and one of a failed run isn't written", "[command]") {
  const WorkFolder work;
  fs::create_directory(work.path() / "folder");
  const auto refused = [&](const std::string& file) {
    const ProcessResult result =
        run_dpred({"run", digits, "--sim.fidelity=analytic", "--timeline", file}, work.path());
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  };
  const auto before = snapshot(work.path());
  refused("folder");
  refused("new/");
  refused("/proc/trace.json");
  CHECK(snapshot(work.path()) == before);
  // An earlier one is replaced, and no other file is left.
  work.write("trace.json", "old");
  quiet_output({"run", digits, "--sim.fidelity=analytic", "--timeline", "trace.json"}, work.path());
  CHECK(json::accept(read_file(work.path() / "trace.json")));
  CHECK(snapshot(work.path()).size() == before.size() + 1);
}

TEST_CASE("a timeline of a long network stays small", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const Timeline timeline = timeline_of((*traces / "mobilenet_v1_075_int8").string(),
                                        {"--sim.data=elided", "--buffer.output_bytes=8KiB"});
  CHECK(timeline.text.size() < 20'000'000);
  CHECK(timeline.layer_time.size() == 28);
}

}  // namespace dpred::test
