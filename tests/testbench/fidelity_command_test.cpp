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

TEST_CASE("the closed form has the simulation's columns, bytes and compute cycles", "[command]") {
  const Table simulated(quiet_output({"run", digits, "--csv"}));
  const Table analytic(quiet_output({"run", digits, "--csv", "--sim.fidelity=analytic"}));
  REQUIRE(analytic.header() == simulated.header());
  REQUIRE(analytic.rows() == simulated.rows());
  for (const std::string& column : analytic.header()) {
    const bool same = column == "layer" || column == "macs" || column == "compute_cycles" ||
                      column.find("_bytes") != std::string::npos || column.rfind("array_", 0) == 0;
    for (std::size_t row = 0; same && row < analytic.rows(); ++row) {
      INFO(column);
      CHECK(analytic.text(row, column) == simulated.text(row, column));
    }
  }
  CHECK(analytic.sum("total_cycles") != simulated.sum("total_cycles"));
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

TEST_CASE("a cross-check names each layer's gap", "[command]") {
  const std::string plain = quiet_output({"run", digits});
  const std::string checked = quiet_output({"run", digits, "--cross-check"});
  REQUIRE(checked.rfind(plain, 0) == 0);
  const std::string table = checked.substr(plain.size());
  CHECK_THAT(table, Catch::Contains("analytic") && Catch::Contains("mean gap of a layer"));
  CHECK(std::count(table.begin(), table.end(), '\n') ==
        static_cast<std::ptrdiff_t>(Table(quiet_output({"run", digits, "--csv"})).rows()) + 4);
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
  refused({"--sim.fidelity=analytic", "--cross-check"}, "use lt");
  refused({"--cross-check", "--csv"}, "--csv");
  refused({"--cross-check", "--engine.encoders=1"}, "engine.encoders");
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
