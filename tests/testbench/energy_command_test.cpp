// Energy in the results of dpred run.
#include <nlohmann/json.hpp>

#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;
using nlohmann::json;

const std::string digits = DPRED_SOURCE_DIR "/workloads/digits/digits_cnn_int8";
const Words parts = {"dram_low", "dram_high", "buffers",   "compute",
                     "codec",    "registers", "total_low", "total_high"};

std::string column_of(const std::string& part) {
  return "energy_" + part + "_pj";
}

double sum_of(const Table& table, const std::string& part) {
  double sum = 0;
  for (std::size_t row = 0; row < table.rows(); ++row)
    sum += std::stod(table.text(row, column_of(part)));
  return sum;
}

Table layers_of(const Words& arguments) {
  Words all = {"run", digits, "--csv", "--sim.fidelity=analytic"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Table(quiet_output(all));
}

}  // namespace

TEST_CASE("energy columns add up, in rows and to the totals", "[command]") {
  const WorkFolder work;
  quiet_output({"run", digits, "--sim.fidelity=analytic", "-o", "out"}, work.path());
  const Table table(read_file(work.path() / "out/layers.csv"));
  const json energy = json::parse(read_file(work.path() / "out/summary.json")).at("energy");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto value = [&](const char* part) { return std::stod(table.text(row, column_of(part))); };
    const double on_chip = value("buffers") + value("compute") + value("codec") + value("registers");
    CHECK(value("compute") > 0);
    CHECK(value("codec") > 0);
    CHECK(value("total_low") == Approx(value("dram_low") + on_chip).margin(0.3));
    CHECK(value("total_high") == Approx(value("dram_high") + on_chip).margin(0.3));
    // 4 and 14 pJ a bit, descriptors included.
    const double bytes = static_cast<double>(table.count(row, "activation_read_bytes") +
                                             table.count(row, "weight_read_bytes") +
                                             table.count(row, "output_write_bytes") + 256);
    CHECK(value("dram_low") == Approx(bytes * 8 * 4));
    CHECK(value("dram_high") == Approx(bytes * 8 * 14));
  }
  for (const std::string& part : parts)
    CHECK(energy.at(part + "_pj").get<double>() == Approx(sum_of(table, part)));
  CHECK(energy.at("actions").at("dram_control_read_bits") == 8 * 256 * table.rows());
  CHECK(energy.at("actions").at("multiplies") == 0);
  CHECK(energy.at("table").at("name") == "built-in");
  for (const auto& [action, line] : energy.at("table").at("lines").items()) {
    CAPTURE(action);
    CHECK(line.at("origin") == "built-in");
    for (const char* key : {"unit", "technology", "source"})
      CHECK_FALSE(line.at(key).get<std::string>().empty());
  }
}

TEST_CASE("energy is the same at every fidelity", "[command]") {
  const Table analytic = layers_of({});
  for (const char* fidelity : {"--sim.fidelity=lt", "--sim.fidelity=at"}) {
    const Table simulated(quiet_output({"run", digits, "--csv", fidelity}));
    for (const std::string& part : parts) {
      for (std::size_t row = 0; row < analytic.rows(); ++row)
        CHECK(analytic.text(row, column_of(part)) == simulated.text(row, column_of(part)));
    }
  }
}

TEST_CASE("efficiency is the baselines' energy over the run's", "[command]") {
  for (const char* fidelity : {"--sim.fidelity=analytic", "--sim.fidelity=lt"}) {
    const WorkFolder work;
    const std::string text = quiet_output({"run", digits, fidelity, "--baseline", "-o", "out"}, work.path());
    const json energy = json::parse(read_file(work.path() / "out/summary.json")).at("energy");
    const Table own = layers_of({});
    const Table raw = layers_of({"--codec.name=raw"});
    const Table parallel = layers_of({"--codec.name=raw", "--array.design=bit-parallel"});
    for (const auto& [name, table] :
         {std::make_pair("uncompressed", &raw), std::make_pair("bit_parallel_uncompressed", &parallel)}) {
      const json& ratio = energy.at("efficiency").at(name);
      CHECK(ratio.at("low").get<double>() == Approx(sum_of(*table, "total_low") / sum_of(own, "total_low")));
      CHECK(ratio.at("high").get<double>() ==
            Approx(sum_of(*table, "total_high") / sum_of(own, "total_high")));
    }
    CHECK_THAT(text, Catch::Contains("as efficient as bit-parallel uncompressed"));
  }
  CHECK_THAT(quiet_output({"run", digits, "--sim.fidelity=analytic"}), !Catch::Contains("as efficient"));
}

TEST_CASE("a table of the user's changes what it has lines for, and is named", "[command]") {
  const WorkFolder work;
  work.write("my.ini",
             "[adder_bit]\npj = 0\ntechnology = none\nsource = a test\n"
             "[serial_step_8]\npj = 1\ntechnology = none\nsource = a test\n");
  quiet_output({"run", digits, "--sim.fidelity=analytic", "--energy.table=./my.ini", "-o", "out"},
               work.path());
  const json energy = json::parse(read_file(work.path() / "out/summary.json")).at("energy");
  CHECK(energy.at("compute_pj") == energy.at("actions").at("serial_steps"));
  CHECK(energy.at("table").at("name") == "./my.ini");
  CHECK(energy.at("table").at("hash").get<std::string>().size() == 16);
  const json& lines = energy.at("table").at("lines");
  CHECK(lines.at("serial_step_8").at("origin") == "file");
  CHECK(lines.at("serial_step_8").at("source") == "a test");
  CHECK(lines.at("register_bit").at("origin") == "built-in");

  work.write("bad.ini", "[adder_bit]\npj = nan\n");
  const ProcessResult bad = run_dpred({"run", digits, "--energy.table=bad.ini", "-o", "none"}, work.path());
  CHECK(bad.status == 2);
  CHECK(bad.out == "");
  CHECK_THAT(bad.err, Catch::Contains("bad.ini:2:") && Catch::Contains("adder_bit.pj"));
  CHECK_FALSE(fs::exists(work.path() / "none"));
}

}  // namespace dpred::test
