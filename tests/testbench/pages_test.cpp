// What the pages show of the command's output is what it prints now.
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/testbench/command.h"

namespace dpred::test {
namespace {

/// As pages show it: indented by four columns, without spaces at the ends of lines.
std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string block;
  for (std::string line; std::getline(lines, line);) {
    line = "    " + line;
    block += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return block;
}

/// Whether a page shows the output, or the end of it that begins with `from`.
bool shows(const std::string& page, const std::vector<std::string>& arguments, const std::string& from = "") {
  const fs::path root = DPRED_SOURCE_DIR;
  const std::string output = quiet_output(arguments, root);
  REQUIRE(output.find(from) != std::string::npos);
  const std::string block = indented(output.substr(output.find(from)));
  const std::string whole = block.substr(0, block.find_last_not_of('\n') + 1);
  INFO(block);
  return read_file(root / page).find(whole) != std::string::npos;
}

TEST_CASE("pages show what the command prints", "[command]") {
  CHECK(shows("README.md", {"run", "workloads/digits/digits_cnn_fix16", "--baseline"}));
  CHECK(shows("docs/array.md", {"explain", "workloads/digits/digits_cnn_fix16"}, "array: "));
  CHECK(shows("docs/dram.md", {"memory", "all", "--dram.preset=ddr4-3200"}));
  CHECK(shows("docs/memory-system.md", {"explain", "workloads/digits/digits_cnn_fix16", "--layer", "conv4"}));
}

}  // namespace
}  // namespace dpred::test
