// DRAM presets from files, and where errors of the DRAM's parameters are told.
#include "platform/preset_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "models/dram/address_map.h"
#include "platform/ini.h"
#include "platform/parameter_text.h"
#include "platform/preparation.h"
#include "tests/support/input_error.h"
#include "workloads/error.h"

using namespace dpred;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;

using test::error_of;

namespace {

const std::string example = std::string(DPRED_SOURCE_DIR) + "/platform/presets/dram/ddr4-2400.ini";

/// A preset with every key; the line of each is in the comment behind it.
const std::string complete =
    "[preset]\n"             // 1
    "name = mine\n"          // 2
    "source = data sheet\n"  // 3
    "mapping = Ro Ba Co\n"   // 4
    "[timings]\n"            // 5
    "clock_mhz = 800\n"      // 6
    "bl = 16\n"              // 7
    "cl = 1\n"               // 8
    "cwl = 2\n"              // 9
    "rcd = 3\n"              // 10
    "rp = 4\n"               // 11
    "ras = 5\n"              // 12
    "rc = 6\n"               // 13
    "ccd_s = 7\n"            // 14
    "ccd_l = 8\n"            // 15
    "rrd_s = 9\n"            // 16
    "rrd_l = 10\n"           // 17
    "faw = 11\n"             // 18
    "wtr_s = 12\n"           // 19
    "wtr_l = 13\n"           // 20
    "rtp = 14\n"             // 21
    "wr = 15\n"              // 22
    "turnaround = 16\n"      // 23
    "rfc = 17\n"             // 24
    "refi = 1800\n"          // 25
    "[organisation]\n"       // 26
    "burst_bytes = 32\n"     // 27
    "row_bytes = 2KiB\n"     // 28
    "bank_groups = 1\n"      // 29
    "banks = 8\n"            // 30
    "ranks = 1\n"            // 31
    "rows = 4096\n";         // 32

/// `text` with the line that starts with `key` replaced, or taken out where `line` is empty.
std::string with_line(std::string text, const std::string& key, const std::string& line) {
  const std::size_t at = text.find("\n" + key + " =") + 1;
  REQUIRE(at != 0);
  const std::size_t end = text.find('\n', at) + 1;
  return text.replace(at, end - at, line.empty() ? "" : line + "\n");
}

/// What reading `text` says, without the path that it starts with.
std::string refusal(const std::string& text) {
  const test::FileFolder folder;
  const std::string path = folder.write("my.ini", text);
  const std::string message = error_of([&] { read_preset_file(path); });
  REQUIRE_THAT(message, StartsWith(path + ":"));
  return message.substr(path.size());
}

std::string refusal(const std::string& key, const std::string& line) {
  return refusal(with_line(complete, key, line));
}

}  // namespace

TEST_CASE("a preset file gives every number its place", "[preset_file]") {
  const test::FileFolder folder;
  const dram::Preset preset = read_preset_file(folder.write("other.ini", complete));
  CHECK(preset.name == "mine");
  CHECK(preset.source == "data sheet");
  CHECK(preset.default_mapping == "Ro Ba Co");
  CHECK_FALSE(preset.ideal);
  const dram::Timings& t = preset.timings;
  CHECK(t.clock_mhz == 800);
  CHECK(t.bl == 16);
  CHECK(t.refi == 1800);
  std::vector<std::uint32_t> rest = {t.cl,    t.cwl,   t.rcd,   t.rp,         t.ras, t.rc,
                                     t.ccd_s, t.ccd_l, t.rrd_s, t.rrd_l,      t.faw, t.wtr_s,
                                     t.wtr_l, t.rtp,   t.wr,    t.turnaround, t.rfc};
  for (std::uint32_t i = 0; i < rest.size(); ++i)
    CHECK(rest[i] == i + 1);
  const dram::Organisation& o = preset.organisation;
  CHECK(std::vector<std::uint32_t>{o.burst_bytes, o.row_bytes, o.bank_groups, o.banks, o.ranks, o.rows} ==
        std::vector<std::uint32_t>{32, 2048, 1, 8, 1, 4096});
}

TEST_CASE("what a preset file leaves out comes from its base", "[preset_file]") {
  const test::FileFolder folder;
  const std::string path = folder.write("slow.ini", "[preset]\nbase = ddr4-3200\n[timings]\ncl = 40\n");
  const dram::Preset preset = read_preset_file(path);
  const dram::Preset& base = dram::find_preset("ddr4-3200");
  CHECK(preset.name == "slow");
  CHECK(preset.source == path);
  CHECK(preset.default_mapping == base.default_mapping);
  CHECK(preset.timings.cl == 40);
  for (const auto& number : dram::timing_fields) {
    if (std::string(number.name) != "cl") CHECK(preset.timings.*number.member == base.timings.*number.member);
  }
  for (const auto& number : dram::organisation_fields)
    CHECK(preset.organisation.*number.member == base.organisation.*number.member);
}

TEST_CASE("the preset file of the program holds 2400R by JESD79-4", "[preset_file]") {
  const dram::Preset preset = read_preset_file(example);
  CHECK(preset.name == "ddr4-2400");
  CHECK_THAT(preset.source, Contains("JESD79-4") && Contains("2400R"));
  CHECK(preset.peak_bandwidth() == 19.2e9);
  CHECK(preset.organisation.capacity() == std::uint64_t{8} << 30);

  // In ps, as the standard has them, and in clocks of 5/6 ns. Its clock is 0.833 ns, by which its times are a
  // little less than those clocks: rounded up but for a thousandth.
  const auto clocks = [](std::uint32_t ps, std::uint32_t at_least) {
    return std::max((ps * 6 + 4995) / 5000, at_least);
  };
  const dram::Timings& t = preset.timings;
  CHECK(t.cl == clocks(13320, 0));
  CHECK(t.cwl == 12);
  CHECK(t.rcd == clocks(13320, 0));
  CHECK(t.rp == clocks(13320, 0));
  CHECK(t.ras == clocks(32000, 0));
  CHECK(t.rc == clocks(45320, 0));
  CHECK(t.ccd_s == 4);
  CHECK(t.ccd_l == clocks(5000, 4));
  CHECK(t.rrd_s == clocks(3300, 4));
  CHECK(t.rrd_l == clocks(4900, 4));
  CHECK(t.faw == clocks(21000, 20));
  CHECK(t.wtr_s == clocks(2500, 2));
  CHECK(t.wtr_l == clocks(7500, 4));
  CHECK(t.rtp == clocks(7500, 4));
  CHECK(t.wr == clocks(15000, 0));
  CHECK(t.rfc == clocks(350000, 0));
  CHECK(t.refi == 7800 * 6 / 5);
}

TEST_CASE("a preset file that is wrong is refused with its line", "[preset_file]") {
  CHECK(refusal("rcd", "rdc = 3") == ":10: unknown parameter 'timings.rdc' (did you mean 'timings.rc'?)");
  CHECK(refusal("[timing]\nclock_mhz = 1\n") ==
        ":2: unknown parameter 'timing.clock_mhz' (did you mean 'timings.clock_mhz'?)");
  CHECK(refusal("[organization]\nrows = 1\n") ==
        ":2: unknown parameter 'organization.rows' (did you mean 'organisation.rows'?)");
  CHECK(refusal("[array]\nrows = 1\n") ==
        ":2: array.rows belongs in a file for --config, this is read as a DRAM preset");
  CHECK(refusal("cl", "cl = fast") ==
        ":8: timings.cl is 'fast', expected a whole number of clocks in 1..16777216");
  CHECK(refusal("cl", "cl = 13.75") ==
        ":8: timings.cl is '13.75', expected a whole number of clocks in 1..16777216");
  CHECK(refusal("cl", "cl = -1") == ":8: timings.cl is '-1', outside 1..16777216 clocks");
  CHECK(refusal("cl", "cl = 0") == ":8: timings.cl is '0', outside 1..16777216 clocks");
  CHECK(refusal("rows", "rows = 99999999999999999999") ==
        ":32: organisation.rows is '99999999999999999999', outside 1..1073741824");
  CHECK(refusal("cl", "cl = 1\ncl = 1") == ":9: 'timings.cl' is already set on line 8");
  CHECK(refusal("cl", "cl") == ":8: expected 'key = value' or '[section]', found 'cl'");
  CHECK(refusal("name", "name = hbm2") == ":2: preset.name is 'hbm2', which is a preset of the program");
  CHECK_THAT(refusal("name", "name = " + std::string(65, 'x')), StartsWith(":2: preset.name is 'xxx"));
  CHECK(refusal("name", "base = ddr4-320") ==
        ":2: preset.base is 'ddr4-320', expected one of none, ddr4-3200, lpddr4-3200, hbm2 (did you mean "
        "'ddr4-3200'?)");
  CHECK_THAT(refusal("name", "base = ideal"), StartsWith(":2: preset.base is 'ideal', expected one of none"));
  CHECK_THAT(refusal(std::string("[preset]\nname = a\0b\n", 20)), StartsWith(":2: control character 0x00"));
  CHECK_THAT(refusal("\x7f"
                     "ELF\x02\x01"),
             StartsWith(":1: control character 0x7f"));
}

TEST_CASE("numbers and mappings that contradict each other are refused at their line", "[preset_file]") {
  CHECK(refusal("rc", "rc = 4") == ":13: timings.rc: tRC must not be below tRAS (4 < 5)");
  CHECK(refusal("burst_bytes", "burst_bytes = 48") == ":27: organisation.burst_bytes: 48 is no power of two");
  CHECK(refusal("bl", "bl = 15") == ":7: timings.bl: the burst length must be even, found 15");
  CHECK(refusal("refi", "refi = 101") ==
        ":25: timings.refi: tREFI leaves no time for data between two refreshes (101, at least 134)");
  CHECK(refusal("mapping", "mapping = Ro Ba") ==
        ":4: preset.mapping 'Ro Ba': no entry takes the upper 6 of 6 bits of 'Co'");
  CHECK(refusal("mapping", "mapping = Ro Ba Bg Co") ==
        ":4: preset.mapping 'Ro Ba Bg Co': entry 'Bg': preset mine has no bank groups to choose from");

  const std::string base = "[preset]\nbase = ddr4-3200\n";
  // The file sets only the other number of the rule.
  CHECK(refusal(base + "[timings]\nras = 75\n") == ":4: timings.ras: tRC must not be below tRAS (74 < 75)");
  CHECK(refusal(base + "[timings]\nrfc = 12480\n") ==
        ":4: timings.rfc: tREFI leaves no time for data between two refreshes (12480, at least 12793)");
  CHECK_THAT(
      refusal(base + "[organisation]\nbank_groups = 1\n"),
      Equals(":2: preset.base: its mapping does not suit this organisation, set preset.mapping: 'Ro Ba Co "
             "Bg': entry 'Bg': preset my has no bank groups to choose from"));
}

TEST_CASE("a preset file without a key or a name of its own is refused", "[preset_file]") {
  for (const auto& number : dram::timing_fields) {
    CHECK(refusal(number.name, "") == std::string(": timings.") + number.name +
                                          " is missing (or name a preset that has it, as preset.base)");
  }
  for (const auto& number : dram::organisation_fields) {
    CHECK(refusal(number.name, "") == std::string(": organisation.") + number.name +
                                          " is missing (or name a preset that has it, as preset.base)");
  }
  CHECK(refusal("mapping", "") == ": preset.mapping is missing, such as: mapping = Ro Ba Co Bg");
  CHECK_THAT(refusal(""), StartsWith(": timings.clock_mhz is missing"));

  const test::FileFolder folder;
  const std::string path = folder.write("hbm2.ini", "[preset]\nbase = hbm2\n");
  CHECK(error_of([&] { read_preset_file(path); }) ==
        path + ": 'hbm2' is a preset of the program: give the file's another name, as preset.name");

  std::string comments;
  while (comments.size() <= ini_longest_file)
    comments += std::string(1023, '#') + '\n';
  CHECK(refusal(comments + complete) == ": an INI file may have at most 16777216 bytes");
}

TEST_CASE("dram.preset is a name or a file", "[preset_file]") {
  for (const std::string file : {"a.ini", "./a", "/a/b", "a/", ".ini", "ddr4-3200.ini"})
    CHECK(names_file(file));
  for (const std::string name : {"ddr4-3200", "", "ini", "a.in", "a.ini2"})
    CHECK_FALSE(names_file(name));

  Parameters p;
  const auto error = [&](const std::string& value) {
    return error_of([&] { p.set("dram.preset", value, ParameterOrigin::command_line()); });
  };
  CHECK(error("ddr4-320") ==
        "--dram.preset is 'ddr4-320', expected one of ddr4-3200, lpddr4-3200, hbm2, ideal, or FILE.ini (did "
        "you mean 'ddr4-3200'?)");
  CHECK(error("") == "--dram.preset has no value");
  CHECK_THAT(error("a/b\nc"), Contains("'a/b\\x0ac'") && Contains("control character"));
  CHECK_THAT(error("a/\"b"), Contains("double quotes"));
  p.set("dram.preset", "gr\xc3\xbc\xc3\x9f/e.ini", {});
  CHECK(p.text("dram.preset") == "gr\xc3\xbc\xc3\x9f/e.ini");
  CHECK(std::string(to_string(registry().find("dram.preset")->type)) == "choice or file");

  p.set("dram.preset", "hbm2", {});
  CHECK(chosen_preset(p).name == "hbm2");
  p.set("dram.preset", example, {});
  CHECK(chosen_preset(p).name == "ddr4-2400");
  CHECK(p.path("dram.preset") == example);
  for (const ParameterEcho& echo : p.echo()) {
    if (echo.spec->key == "dram.preset") CHECK(echo.value == example);
  }
  CHECK(DesignPoint(p).memory.preset.timings.clock_mhz == 1200);
}

TEST_CASE("a file's preset is found beside the configuration that names it", "[preset_file]") {
  const test::FileFolder folder;
  folder.write("conf/dram/mine.ini", complete);
  const std::string config = folder.write("conf/run.ini", "[dram]\npreset = dram/mine.ini\n");
  Parameters p;
  p.load_file(config);
  CHECK(p.text("dram.preset") == "dram/mine.ini");  // as given
  CHECK(DesignPoint(p).memory.preset.name == "mine");
  CHECK(DesignPoint(p).burst_bytes == 32);

  const std::string absolute =
      folder.write("abs.ini", "[dram]\npreset = " + folder.path("conf/dram/mine.ini") + "\n");
  p.load_file(absolute);
  CHECK(chosen_preset(p).name == "mine");

  // On the command line, relative to the current folder: there is no such file.
  p.set("dram.preset", "dram/mine.ini", ParameterOrigin::command_line());
  CHECK(error_of([&] { DesignPoint point(p); }) == "--dram.preset: dram/mine.ini: no such file");
}

TEST_CASE("errors of the DRAM's parameters name the file and line that set them", "[preset_file]") {
  const test::FileFolder folder;
  const auto refused = [&](const std::string& text) {
    const std::string config = folder.write("run.ini", text);
    Parameters p;
    p.load_file(config);
    const std::string message = error_of([&] { DesignPoint point(p); });
    REQUIRE_THAT(message, StartsWith(config));
    return message.substr(config.size());
  };
  CHECK(refused("[dram]\n\nmapping = Ro Ba\n") ==
        ":3: dram.mapping 'Ro Ba': no entry takes the upper 6 of 6 bits of 'Co'");
  CHECK(refused("[dram]\nchannels = 3\n") == ":2: dram.channels: 3 is not a power of two from 1 to 64");
  CHECK(refused("[dram]\nmapping = Ro Ba\nchannels = 3\n") ==
        ":3: dram.channels: 3 is not a power of two from 1 to 64");
  CHECK(refused("[dram]\npreset = none.ini\n") ==
        ":2: dram.preset: " + folder.path("none.ini") + ": no such file");
  CHECK(refused("[dram]\npreset = ./\n") ==
        ":2: dram.preset: " + folder.path("./") + ": a folder, not a file");
  REQUIRE(mkfifo(folder.path("pipe.ini").c_str(), 0600) == 0);
  CHECK_THAT(refused("[dram]\npreset = pipe.ini\n"), Contains("pipe.ini: not a regular file"));

  // What is wrong in the preset's own file is told there.
  const std::string preset = folder.write("bad.ini", with_line(complete, "rc", "rc = 4"));
  Parameters p;
  p.load_file(folder.write("run.ini", "[dram]\npreset = bad.ini\n"));
  CHECK(error_of([&] { DesignPoint point(p); }) ==
        preset + ":13: timings.rc: tRC must not be below tRAS (4 < 5)");

  Parameters line;
  line.set("dram.mapping", "Ro Ba", ParameterOrigin::command_line());
  CHECK_THAT(error_of([&] { DesignPoint point(line); }), StartsWith("--dram.mapping 'Ro Ba': no entry"));
  line.set("dram.channels", "6", ParameterOrigin::command_line());
  CHECK_THAT(error_of([&] { DesignPoint point(line); }), StartsWith("--dram.channels: 6 is not"));
  line.set("dram.preset", "ideal", ParameterOrigin::command_line());
  CHECK_NOTHROW(DesignPoint(line));  // which has no mapping and no channels
}

TEST_CASE("any bytes are either a preset or an InputError with the file's name", "[preset_file]") {
  const test::FileFolder folder;
  std::mt19937 random(20250211);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  int accepted = 0, refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text = complete;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.insert(at, 1, "0123456789=\n ["[below(14)]);
          break;
        default:
          text.erase(at, 1 + below(4));
          break;
      }
    }
    const std::string path = folder.write("my.ini", text);
    try {
      const dram::Preset preset = read_preset_file(path);
      dram::AddressMap(preset, "", 64);
      ++accepted;
    } catch (const InputError& error) {
      const std::string message = error.what();
      if (message.rfind(path + ":", 0) != 0 || message.find_first_of("\r\n") != std::string::npos)
        FAIL(message);
      ++refused;
    }
  }
  CHECK(accepted > 50);
  CHECK(refused > 500);
}
