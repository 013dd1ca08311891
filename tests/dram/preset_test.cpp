// The presets of the program, and the rules that refuse numbers that contradict each other.
#include "models/dram/preset.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "models/dram/timing_core.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::dram;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

std::string key_of_broken_rule(const Preset& preset) {
  const std::optional<BrokenRule> broken = broken_rule(preset);
  return broken ? broken->keys.front() : "";
}

}  // namespace

TEST_CASE("every DRAM preset is sound and has the bandwidth and capacity of its name") {
  for (const std::string& name : preset_names()) {
    INFO(name);
    CHECK_NOTHROW(check(find_preset(name)));
    for (const int channels : {1, 8, 64})
      CHECK_NOTHROW(AddressMap(find_preset(name), "", channels));
    CHECK_FALSE(find_preset(name).source.empty());
  }
  CHECK(find_preset("ddr4-3200").peak_bandwidth() == 25.6e9);
  CHECK(find_preset("lpddr4-3200").peak_bandwidth() == 6.4e9);
  CHECK(find_preset("hbm2").peak_bandwidth() == 32e9);
  CHECK(AddressMap(find_preset("ddr4-3200"), "", 2).capacity() == std::uint64_t{16} << 30);
  CHECK(AddressMap(find_preset("lpddr4-3200"), "", 1).capacity() == std::uint64_t{1} << 30);
  CHECK(AddressMap(find_preset("hbm2"), "", 8).capacity() == std::uint64_t{8} << 30);  // a stack
  CHECK(AddressMap(find_preset("ideal"), "", 1).capacity() == std::uint64_t{1} << 40);
  CHECK_THROWS_WITH(find_preset("ddr4-320"),
                    Contains("dram.preset") && Contains("did you mean 'ddr4-3200'?"));
}

TEST_CASE("where bursts may follow sooner than the bus can carry them, the bus spaces them") {
  const Preset& preset = find_preset("hbm2");
  REQUIRE(preset.timings.ccd_s < preset.timings.burst_clocks());
  TimingCore core(preset, "", 1);
  Clock free = 0;
  for (std::uint64_t address = 0; address < 64 * 64; address += 64) {
    const Booking booking = core.book(address, false, 0);
    CHECK(booking.data_start >= free);
    CHECK(booking.data_end == booking.data_start + 2);
    free = booking.data_end;
  }
}

TEST_CASE("a preset that contradicts itself is refused") {
  const auto refused = [](auto spoil, const std::string& key, const std::string& rule) {
    Preset preset = find_preset("ddr4-3200");
    spoil(preset);
    INFO(key);
    const std::optional<BrokenRule> broken = broken_rule(preset);
    REQUIRE(broken);
    CHECK(broken->keys.front() == key);
    CHECK_THAT(broken->rule, Contains(rule));
    CHECK_THROWS_WITH(check(preset), "DRAM preset 'ddr4-3200': " + key + ": " + broken->rule);
    CHECK_THROWS_AS(check(preset), InputError);
  };
  refused([](Preset& p) { p.organisation.burst_bytes = 0; }, "organisation.burst_bytes",
          "0 is outside 1..4096");
  refused([](Preset& p) { p.organisation.burst_bytes = 8192; }, "organisation.burst_bytes", "1..4096");
  refused([](Preset& p) { p.organisation.burst_bytes = 48; }, "organisation.burst_bytes",
          "48 is no power of two");
  refused([](Preset& p) { p.organisation.row_bytes = 32; }, "organisation.row_bytes",
          "hold at least one burst (32 < 64)");
  refused([](Preset& p) { p.organisation.rows = 65535; }, "organisation.rows", "no power of two");
  refused([](Preset& p) { p.organisation.banks = 0; }, "organisation.banks", "1..64");
  refused([](Preset& p) { p.organisation.bank_groups = 3; }, "organisation.bank_groups", "power of two");
  refused([](Preset& p) { p.organisation.ranks = 128; }, "organisation.ranks", "1..64");
  refused([](Preset& p) { p.organisation = {64, 1u << 30, 4, 4, 1, 1u << 24}; }, "organisation.rows",
          "more than 2^57 bytes, here 2^58");
  refused([](Preset& p) { p.timings.clock_mhz = 0; }, "timings.clock_mhz", "0 is outside");
  refused([](Preset& p) { p.timings.bl = 7; }, "timings.bl", "even");
  refused([](Preset& p) { p.timings.bl = 24; }, "timings.bl", "64 bytes in 24 beats");
  refused([](Preset& p) { p.timings.rc = p.timings.ras - 1; }, "timings.rc",
          "tRC must not be below tRAS (51 < 52)");
  refused([](Preset& p) { p.timings.ras = 21; }, "timings.ras", "tRAS must not be below tRCD (21 < 22)");
  refused([](Preset& p) { p.timings.ccd_l = 3; }, "timings.ccd_l", "tCCD_L must not be below tCCD_S");
  refused([](Preset& p) { p.timings.rrd_l = 3; }, "timings.rrd_l", "tRRD_L must not be below tRRD_S");
  refused([](Preset& p) { p.timings.faw = 3; }, "timings.faw", "tFAW must not be below tRRD_S");
  refused([](Preset& p) { p.timings.wtr_l = 3; }, "timings.wtr_l", "tWTR_L must not be below tWTR_S");
  refused([](Preset& p) { p.timings.refi = p.timings.rfc + 100; }, "timings.refi",
          "no time for data between two refreshes (660, at least 873)");
  // Each refresh would close the row that the activate before it opened.
  refused([](Preset& p) { p.timings.rrd_l = p.timings.refi; }, "timings.refi", "no time for data");
  for (const PresetNumber<Timings>& number : timing_fields) {
    const std::string key = std::string("timings.") + number.name;
    refused([&](Preset& p) { p.timings.*number.member = 0; }, key, "0 is outside 1..");
    refused([&](Preset& p) { p.timings.*number.member = number.largest + 1; }, key, "is outside 1..");
  }
}

TEST_CASE("numbers at the border of a rule are accepted") {
  Preset preset = find_preset("ddr4-3200");
  const auto accepted = [](const Preset& p) { return key_of_broken_rule(p) == ""; };
  preset.timings.rc = preset.timings.ras = preset.timings.rcd;
  CHECK(accepted(preset));
  preset.timings.ccd_s = 1;
  preset.timings.ccd_l = 1;
  CHECK(accepted(preset));
  preset = find_preset("ddr4-3200");
  preset.timings.refi = 873;
  CHECK(accepted(preset));
  preset.timings.refi = 872;
  CHECK(key_of_broken_rule(preset) == "timings.refi");
  preset = find_preset("ddr4-3200");
  preset.organisation = {64, 1u << 30, 4, 4, 1, 1u << 23};
  CHECK(accepted(preset));
  CHECK(AddressMap(preset, "", 64).capacity() == std::uint64_t{1} << 63);
}

TEST_CASE("an ideal memory needs a shape, a clock and a burst, but no timings") {
  Preset preset = find_preset("ideal");
  CHECK(key_of_broken_rule(preset).empty());
  preset.timings.clock_mhz = 0;
  CHECK(key_of_broken_rule(preset) == "timings.clock_mhz");
  preset = find_preset("ideal");
  preset.organisation.rows = 3;
  CHECK(key_of_broken_rule(preset) == "organisation.rows");
}
