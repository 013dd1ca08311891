// The dpred command on the real trace sets.
#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

const Words sets = {"mlperf_ad01_int8",      "mlperf_kws_int8",           "mlperf_resnet8_int8",
                    "mlperf_resnet8_fix16",  "mnist_lstm_int8",           "use_lite_int8",
                    "mobilenet_v1_075_int8", "squeezenet_pruned_fix16p10"};

std::string layers_of(const fs::path& set, const Words& parameters) {
  Words arguments = {"run", set.string(), "--csv"};
  arguments.insert(arguments.end(), parameters.begin(), parameters.end());
  return quiet_output(arguments);
}

}  // namespace

TEST_CASE("sizes of the real sets", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> total_and_raw_bits = {
      {"mlperf_ad01_int8", {1543064, 2126912}},
      {"mlperf_kws_int8", {417656, 692560}},
      {"mlperf_resnet8_int8", {960024, 1201024}},
      {"mlperf_resnet8_fix16", {1875776, 2402048}},
      {"mnist_lstm_int8", {82144, 90752}},
      {"mobilenet_v1_075_int8", {33672776, 43449984}},
      {"squeezenet_pruned_fix16p10", {20247952, 62630320}},
      {"use_lite_int8", {43838768, 47285536}}};
  REQUIRE(total_and_raw_bits.size() == sets.size());
  for (const auto& [set, expected] : total_and_raw_bits) {
    INFO(set);
    const Table table(quiet_output({"compress", (*traces / set).string(), "--csv", "--codec=dpred,raw"}));
    std::map<std::string, std::uint64_t> total, raw;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      total[table.text(row, "codec")] += table.count(row, "total_bits");
      raw[table.text(row, "codec")] += table.count(row, "raw_bits");
    }
    CHECK(total.at("dpred") == expected.first);
    CHECK(raw.at("dpred") == expected.second);
    CHECK(total.at("raw") == expected.second);
    CHECK(raw.at("raw") == expected.second);
  }
}

TEST_CASE("compute cycles of the real sets", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const auto cycles = [&](const std::string& set, Words parameters) {
    parameters.push_back("--sim.data=elided");  // the same cycles, see below
    return Table(layers_of(*traces / set, parameters)).sum("compute_cycles");
  };
  const Words designs = {"bit-parallel", "stripes", "dpred-stripes", "loom", "loom-dynamic", "dpred-loom"};
  const std::map<std::string, std::vector<std::uint64_t>> by_design = {
      {"mlperf_resnet8_int8", {38404, 35207, 31240, 281656, 249920, 249920}},
      {"mlperf_kws_int8", {11504, 12425, 8345, 99400, 66760, 66760}},
      {"mnist_lstm_int8", {259, 674, 560, 2864, 2408, 2404}},
      {"mlperf_ad01_int8", {266, 435, 429, 1456, 1432, 1384}}};
  for (const auto& [set, expected] : by_design) {
    for (std::size_t i = 0; i < designs.size(); ++i) {
      INFO(set << " " << designs[i]);
      CHECK(cycles(set, {"--array.design=" + designs[i]}) == expected[i]);
    }
  }
  CHECK(cycles("mlperf_resnet8_int8", {"--array.bits_per_cycle=2"}) == 31976);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.widths=even"}) == 32735);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.widths=pow2"}) == 37483);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.column_registers=1"}) == 29458);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.column_registers=2"}) == 29383);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.tile_split=windows"}) == 11730);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.tile_split=best"}) == 11509);
  CHECK(cycles("mlperf_resnet8_int8", {"--array.tile_split=best", "--array.design=dpred-loom"}) == 63688);
  const std::vector<std::uint64_t> folded = {7754, 8105, 6416, 64840, 51328, 51328};
  for (std::size_t i = 0; i < designs.size(); ++i) {
    INFO(designs[i]);
    CHECK(cycles("mlperf_kws_int8", {"--array.fold=auto", "--array.design=" + designs[i]}) == folded[i]);
  }
  CHECK(cycles("mobilenet_v1_075_int8", {}) == 529443);
  CHECK(cycles("mobilenet_v1_075_int8", {"--array.fold=auto"}) == 484461);
}

TEST_CASE("memory ends up right on the real sets at several design points", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const std::map<std::string, Words> points = {
      {"default", {}},
      {"small array", {"--array.rows=8", "--array.tiles=1"}},
      {"large array", {"--array.rows=16", "--array.tiles=16"}},
      {"split and folded", {"--array.tile_split=best", "--array.fold=auto"}},
      {"small buffers",
       {"--buffer.activation_bytes=64KiB", "--buffer.weight_bytes=64KiB", "--buffer.output_bytes=16KiB"}},
      {"raw", {"--codec.name=raw"}}};
  for (const std::string& set : sets) {
    for (const auto& [name, parameters] : points) {
      INFO(set << ", " << name);
      const ProcessResult result = [&] {
        Words arguments = {"run", (*traces / set).string(), "--csv"};
        arguments.insert(arguments.end(), parameters.begin(), parameters.end());
        return run_dpred(arguments);
      }();
      CHECK(result.err == "");
      CHECK(result.status == 0);
      if (name != "default" && name != "split and folded") continue;
      Words elided = parameters;
      elided.push_back("--sim.data=elided");
      CHECK(result.out == layers_of(*traces / set, elided));
    }
  }
}

}  // namespace dpred::test
