// Energy tables from files.
#include "platform/energy_table_file.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iterator>

#include "platform/preparation.h"
#include "tests/platform/random_networks.h"
#include "tests/support/input_error.h"
#include "workloads/fnv_hash.h"

using namespace dpred;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;
using test::error_of;

namespace {

const std::string complete =
    "[multiply_8]            # 1\n"
    "pj = 0.07\n"
    "technology = 16 nm\n"
    "source = \"own layout; typical corner\"\n"
    "[dram_lpddr4_low]       # 5\n"
    "pj = 0\n"
    "technology = LPDDR4X\n"
    "source = data sheet\n";

/// What reading `text` says, without the path that it starts with.
std::string refusal(const std::string& text) {
  const test::FileFolder folder;
  const std::string path = folder.write("my.ini", text);
  const std::string message = error_of([&] { read_energy_table(path); });
  REQUIRE_THAT(message, StartsWith(path + ":"));
  return message.substr(path.size() + 1);
}

}  // namespace

TEST_CASE("a table's file replaces the lines that it has") {
  const test::FileFolder folder;
  const std::string path = folder.write("my.ini", complete);
  const EnergyTable table = read_energy_table(path);
  const EnergyTable own;
  REQUIRE(table.lines().size() == own.lines().size());
  for (std::size_t i = 0; i < own.lines().size(); ++i) {
    const EnergyLine& line = table.lines()[i];
    const bool mine = line.action == "multiply_8" || line.action == "dram_lpddr4_low";
    CHECK(line.action == own.lines()[i].action);
    CHECK(line.unit == own.lines()[i].unit);
    CHECK(line.replaced == mine);
    if (!mine) CHECK(line.picojoules == own.lines()[i].picojoules);
  }
  CHECK(table.line("multiply_8").picojoules == 0.07);
  CHECK(table.line("multiply_8").technology == "16 nm");
  CHECK(table.line("multiply_8").source == "own layout; typical corner");
  CHECK(table.line("dram_lpddr4_low").picojoules == 0);
  CHECK(table.name == path);
  Fnv1a64 hash;
  hash.add(complete.data(), complete.size());
  CHECK(table.hash == hash.hex());
  CHECK(own.hash == "");
  CHECK(read_energy_table(folder.write("empty.ini", "")).line("multiply_8").picojoules == 0.2);
}

TEST_CASE("the page of energy has the program's table") {
  std::ifstream file(std::string(DPRED_SOURCE_DIR) + "/docs/energy.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  std::string rows;
  const EnergyTable own;
  for (const EnergyLine& line : own.lines()) {
    rows += fmt::format("| `{}` | {} | {} | {} | {} |\n", line.action, line.picojoules, line.unit,
                        line.technology, line.source);
  }
  INFO(rows);
  CHECK(page.find(rows) != std::string::npos);
}

TEST_CASE("a bad energy table is refused with file and line") {
  CHECK_THAT(refusal("[multipy_8]\npj = 1\n"),
             StartsWith("2: ") && Contains("'multipy_8'") && Contains("multiply_8"));
  CHECK_THAT(refusal(complete + "[adder_bit]\npj = 1\nsource = x\n"),
             StartsWith("11: ") && Contains("adder_bit") && Contains("technology"));
  CHECK_THAT(refusal(complete + "[adder_bit]\ntechnology = 7 nm\nsource = x\n"), Contains("has no pj"));
  CHECK_THAT(refusal(complete + "[adder_bit]\npj = 1\ntechnology = x\n"),
             StartsWith("11: ") && Contains("has no source"));
  CHECK_THAT(refusal("[adder_bit]\npj = 1\ntechnology = \"\"\nsource = x\n"),
             StartsWith("3: ") && Contains("is empty"));
  CHECK_THAT(refusal("[adder_bit]\npj = 1\ntechnology = x\nsource = \"\"\n"),
             StartsWith("4: ") && Contains("is empty"));
  CHECK_THAT(refusal("[adder_bit]\npicojoule = 1\n"), StartsWith("2: ") && Contains("adder_bit.picojoule"));
  for (const char* number : {"nan", "-0.1", "inf", "1e7", "0.1pJ", "1e999", "x", "0x1"}) {
    CAPTURE(number);
    CHECK_THAT(refusal("[adder_bit]\ntechnology = x\npj = " + std::string(number) + "\nsource = x\n"),
               StartsWith("3: ") && Contains("adder_bit.pj") && Contains("0..1000000"));
  }
  CHECK_THAT(refusal("[adder_bit]\npj = 1\npj = 2\n"), StartsWith("3: "));
  CHECK_THAT(refusal("[array]\nlanes = 8\n"),
             StartsWith("2: ") && Contains("belongs in a file for --config"));
  const test::FileFolder folder;
  CHECK_THAT(error_of([&] { read_energy_table(folder.path("none.ini")); }), Contains("none.ini"));
}

TEST_CASE("energy.table names a table, relative to the file that says so") {
  const test::FileFolder folder;
  folder.write("tables/my.ini", complete);
  Parameters parameters;
  CHECK(DesignPoint(parameters).energy->name == "built-in");
  parameters.load_file(folder.write("point.ini", "[energy]\ntable = tables/my.ini\n"));
  CHECK(DesignPoint(parameters).energy->line("multiply_8").picojoules == 0.07);
  CHECK(parameters.unread_settings().empty());

  Parameters wrong;
  wrong.set("energy.table", "./none.ini", ParameterOrigin::command_line());
  CHECK_THAT(error_of([&] { DesignPoint point(wrong); }),
             StartsWith("--energy.table") && Contains("none.ini"));
  CHECK_THAT(error_of([&] { wrong.set("energy.table", "bult-in", ParameterOrigin::command_line()); }),
             Contains("built-in"));
}
