// sim.fidelity and --cross-check of dpred run.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

const std::string digits = DPRED_SOURCE_DIR "/workloads/digits/digits_cnn_int8";

}  // namespace

TEST_CASE("all fidelities have the same columns, bytes and compute cycles", "[command]") {
  const Table lt(quiet_output({"run", digits, "--csv"}));
  for (const char* fidelity : {"analytic", "at"}) {
    const Table other(quiet_output({"run", digits, "--csv", std::string("--sim.fidelity=") + fidelity}));
    REQUIRE(other.header() == lt.header());
    REQUIRE(other.rows() == lt.rows());
    for (const std::string& column : other.header()) {
      const bool same = column == "layer" || column == "macs" || column == "compute_cycles" ||
                        column.find("_bytes") != std::string::npos || column.rfind("array_", 0) == 0;
      for (std::size_t row = 0; same && row < other.rows(); ++row) {
        INFO(column);
        CHECK(other.text(row, column) == lt.text(row, column));
      }
    }
    CHECK(other.sum("total_cycles") != lt.sum("total_cycles"));
  }
}

TEST_CASE("at `at`, data carried or elided give the same cycles, and a check passes", "[command]") {
  const Words at = {"run", digits, "--csv", "--sim.fidelity=at"};
  const auto with = [&](const std::string& option) {
    Words words = at;
    words.push_back(option);
    return quiet_output(words);
  };
  const std::string carried = quiet_output(at);
  CHECK(with("--sim.data=elided") == carried);
  CHECK(with("--check") == carried);
}

TEST_CASE("results in closed form say that they are, and have no memory that served", "[command]") {
  const WorkFolder work;
  const std::string table =
      quiet_output({"run", digits, "--sim.fidelity=analytic", "--baseline", "-o", "out"}, work.path());
  CHECK_THAT(table, Catch::Contains("lpddr4-3200 x1, analytic"));
  const auto summary = nlohmann::json::parse(read_file(work.path() / "out/summary.json"));
  CHECK(summary.at("parameters").at("sim.fidelity").at("value") == "analytic");
  CHECK(summary.at("memory").at("channels") == 1);
  CHECK(summary.at("memory").count("bursts_read") == 0);
  CHECK(summary.at("baselines").at("bit_parallel_uncompressed").at("speedup") > 1);
}

TEST_CASE("a cross-check names each layer's gaps, whatever the run's own fidelity", "[command]") {
  std::vector<std::string> tables;
  for (const char* fidelity : {"lt", "analytic", "at"}) {
    const std::string setting = std::string("--sim.fidelity=") + fidelity;
    const std::string plain = quiet_output({"run", digits, setting});
    const std::string checked = quiet_output({"run", digits, setting, "--cross-check"});
    REQUIRE(checked.rfind(plain, 0) == 0);
    tables.push_back(checked.substr(plain.size()));
  }
  CHECK_THAT(tables[0], Catch::Contains("analytic%") && Catch::Contains("lt%") &&
                            Catch::Contains("mean gap of a layer to at"));
  const std::string csv = quiet_output({"run", digits, "--csv", "--sim.fidelity=at"});
  CHECK(std::count(tables[0].begin(), tables[0].end(), '\n') ==
        static_cast<std::ptrdiff_t>(Table(csv).rows()) + 4);
  CHECK_THAT(tables[0], Catch::Contains(" " + std::to_string(Table(csv).sum("total_cycles")) + " "));
  CHECK(tables[1] == tables[0]);
  CHECK(tables[2] == tables[0]);
}

TEST_CASE("what the closed form has no model of is refused", "[command]") {
  const auto refused = [&](Words arguments, const std::string& reason) {
    arguments.insert(arguments.begin(), {"run", digits});
    const ProcessResult result = run_dpred(arguments);
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK_THAT(result.err, Catch::Contains(reason));
  };
  refused({"--sim.fidelity=analytic", "--buffer.weight_banks=2"}, "banks");
  refused({"--sim.fidelity=analytic", "--engine.decoders=1"}, "engine.decoders");
  refused({"--sim.fidelity=analytic", "--check"}, "use lt");
  refused({"--cross-check", "--csv"}, "--csv");
  refused({"--cross-check", "--engine.encoders=1"}, "engine.encoders");
}

TEST_CASE("settings of the controller's queues count at `at`", "[command]") {
  const auto note = [&](const std::string& fidelity, const Words& more = {}) {
    Words words = {"run", digits, "--csv", "--dram.write_high=100", "--sim.fidelity=" + fidelity};
    words.insert(words.end(), more.begin(), more.end());
    return run_dpred(words).err;
  };
  CHECK_THAT(note("lt"), Catch::Contains("dram.write_high"));
  CHECK(note("at") == "");
}

TEST_CASE("the closed form is near the simulation on real sets", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const char* preset : {"lpddr4-3200", "ddr4-3200", "hbm2"}) {
    INFO(preset);
    double sum = 0;
    std::size_t layers = 0;
    for (const char* set : {"mlperf_kws_int8", "mlperf_resnet8_int8", "mlperf_resnet8_fix16",
                            "mlperf_ad01_int8", "mnist_lstm_int8"}) {
      const auto run = [&](const std::string& fidelity) {
        return Table(quiet_output({"run", (*traces / set).string(), "--csv", "--sim.data=elided",
                                   std::string("--dram.preset=") + preset, "--sim.fidelity=" + fidelity}));
      };
      const Table simulated = run("lt"), analytic = run("analytic");
      for (std::size_t row = 0; row < simulated.rows(); ++row) {
        const auto cycles = static_cast<double>(simulated.count(row, "total_cycles"));
        sum += std::abs(static_cast<double>(analytic.count(row, "total_cycles")) / cycles - 1);
        ++layers;
      }
    }
    CHECK(sum / static_cast<double>(layers) < 0.15);
  }
}

}  // namespace dpred::test
