// Address mapping, clock conversion and contents.
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "models/dram/address_map.h"
#include "models/dram/preset.h"
#include "models/dram/sparse_memory.h"
#include "models/tlm/clock_domain.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::dram;
using Catch::Matchers::Contains;

namespace {

bool same(const Location& a, const Location& b) {
  return std::tie(a.channel, a.rank, a.bank_group, a.bank, a.row, a.column) ==
         std::tie(b.channel, b.rank, b.bank_group, b.bank, b.row, b.column);
}

/// ddr4-3200 cut down to 2 ranks of 4 rows, so that all addresses can be tried.
Preset tiny() {
  Preset preset = find_preset("ddr4-3200");
  preset.name = "tiny";
  preset.organisation = {64, 512, 2, 4, 2, 4};
  return preset;
}

void check_error(const Preset& preset, const std::string& mapping, const std::string& part) {
  INFO(mapping);
  CHECK_THROWS_WITH(AddressMap(preset, mapping, 1),
                    Contains("dram.mapping '" + mapping + "'") && Contains(part));
  CHECK_THROWS_AS(AddressMap(preset, mapping, 1), InputError);
}

}  // namespace

TEST_CASE("an address mapping places its fields from the top down") {
  const Preset& ddr4 = find_preset("ddr4-3200");  // burst 6 bits, Co 7, Bg 2, Ba 2, Ro 16
  const auto at = [](const AddressMap& map, int bit) { return map.decode(std::uint64_t{1} << bit); };

  const AddressMap interleaved(ddr4, "Ro Ba Co Bg", 1);
  CHECK(same(at(interleaved, 5), Location{}));
  CHECK(at(interleaved, 6).bank_group == 1);
  CHECK(at(interleaved, 7).bank_group == 2);
  CHECK(at(interleaved, 8).column == 1);
  CHECK(at(interleaved, 14).column == 64);
  CHECK(at(interleaved, 15).bank == 1);
  CHECK(at(interleaved, 17).row == 1);
  CHECK(at(interleaved, 32).row == 32768);

  const AddressMap split(ddr4, "Ro\tBa  Co Bg Co:3", 1);
  CHECK(at(split, 6).column == 1);
  CHECK(at(split, 8).column == 4);
  CHECK(at(split, 9).bank_group == 1);
  CHECK(at(split, 11).column == 8);
  CHECK(at(split, 14).column == 64);
  CHECK(at(split, 15).bank == 1);

  const AddressMap channels(ddr4, "Ro Ba Co Bg", 4);
  CHECK(at(channels, 6).channel == 1);
  CHECK(at(channels, 7).channel == 2);
  CHECK(at(channels, 8).bank_group == 1);
  CHECK(at(AddressMap(ddr4, "Ch Ro Ba Co Bg", 4), 33).channel == 1);

  const AddressMap ranks(tiny(), "Ro Ba Co Bg", 1);
  CHECK(ranks.capacity() == 1 << 15);
  CHECK(at(ranks, 14).rank == 1);
}

TEST_CASE("an address mapping is a bijection") {
  for (const std::string mapping :
       {"Ro Ba Co Bg", "Bg Ba Co Ro Ra", "Ro Ra Co Ro:1 Ch Ba Co:1 Bg Ba:1 Ch:1 Co:1",
        "Co Ch Ro Ba:1 Bg Ba:1 Ch:1 Ra"}) {
    INFO(mapping);
    const AddressMap map(tiny(), mapping, 4);
    std::set<std::tuple<int, int, int, int, int, int>> seen;
    bool inverse = true;
    for (std::uint64_t address = 0; address < map.capacity(); address += 64) {
      const Location l = map.decode(address + 63);
      seen.emplace(l.channel, l.rank, l.bank_group, l.bank, l.row, l.column);
      inverse = inverse && map.encode(l) == address;
    }
    CHECK(inverse);
    CHECK(seen.size() == map.capacity() / 64);
    const auto largest = *seen.rbegin();
    CHECK(std::get<0>(largest) == 3);
  }
  for (const std::string& name : preset_names()) {
    const AddressMap map(find_preset(name), "", 8);
    std::mt19937_64 random(7);
    bool inverse = true;
    for (int i = 0; i < 10000; ++i) {
      const std::uint64_t address = random() % map.capacity() / 64 * 64;
      inverse = inverse && map.encode(map.decode(address)) == address;
    }
    CHECK(inverse);
  }
}

TEST_CASE("a mapping that is no bijection is refused with its text and entry") {
  const Preset& ddr4 = find_preset("ddr4-3200");
  check_error(ddr4, "Ro Ba Xo Bg", "'Xo'");
  check_error(ddr4, "Ro Ba co Bg", "did you mean 'Co'?");
  check_error(ddr4, "Ro Ba Co:8 Bg", "entry 'Co:8' takes 8 bits where 7");
  check_error(ddr4, "Ro Ba Co Co Bg", "entry 'Co'");
  check_error(ddr4, "Ro Ba Co:1 Co Bg", "entry 'Co:1'");
  check_error(ddr4, "Ro Ba Co:3 Bg", "upper 4 of 7 bits of 'Co'");
  check_error(ddr4, "Ro Ba Co", "2 bits of 'Bg'");
  check_error(ddr4, "Ra Ro Ba Co Bg", "entry 'Ra': preset ddr4-3200 has no ranks");
  check_error(ddr4, "Ro Ba Co Bg Ch:1", "entry 'Ch:1'");
  check_error(ddr4, "Ch Ro Ba Co Bg Ch", "entry 'Ch'");
  check_error(find_preset("lpddr4-3200"), "Ro Ba Bg Co", "entry 'Bg': preset lpddr4-3200 has no bank groups");
  for (const std::string entry : {"Co:", "Co:0", "Co:-1", "Co:1x", "Co:100", "Co:1:1"}) {
    check_error(ddr4, "Ro Ba Co Bg " + entry, "entry '" + entry + "' needs a number");
  }
  check_error(tiny(), "Ra:1 Ra Ro Ba Co Bg", "entry 'Ra:1'");
  CHECK_THROWS_WITH(AddressMap(ddr4, "Ro\n\x01 Ba", 1),
                    Contains("\\x0a") && Contains("\\x01") && !Contains("\n"));
  CHECK_NOTHROW(AddressMap(ddr4, "Ro Ba Ch Co Bg", 1));
  CHECK(AddressMap(ddr4, "", 1).text() == "Ro Ba Co Bg");
  for (const int channels : {0, -2, 3, 6, 2048}) {
    CHECK_THROWS_WITH(AddressMap(ddr4, "", channels),
                      Contains("dram.channels") && Contains(std::to_string(channels)));
  }
}

TEST_CASE("clocks are converted exactly and rounded up") {
  const ClockDomain ddr4(1600, 1000);  // 625 ps in units of 1 ps
  CHECK(ddr4.clocks_from_units(0) == 0);
  CHECK(ddr4.clocks_from_units(1) == 1);
  CHECK(ddr4.clocks_from_units(625) == 1);
  CHECK(ddr4.clocks_from_units(626) == 2);
  CHECK(ddr4.units_from_clocks(26) == 16250);

  const ClockDomain thirds(1500, 1000);  // 666.6... ps: a rounded period would drift
  CHECK(thirds.units_from_clocks(1) == 667);
  CHECK(thirds.units_from_clocks(3) == 2000);
  CHECK(thirds.units_from_clocks(3000000000) == 2000000000000);
  CHECK(thirds.clocks_from_units(2000000000000) == 3000000000);

  const ClockDomain coarse(1600, 1000000);  // units of 1 ns
  CHECK(coarse.units_from_clocks(26) == 17);
  CHECK(coarse.clocks_from_units(17) == 26);
  const ClockDomain fine(1600, 1);  // 2^63 fs is beyond 64 bits in the product
  CHECK(fine.clocks_from_units(std::uint64_t{1} << 63) == 14757395258968);
  for (std::uint64_t n = 0; n < 5000; ++n) {
    REQUIRE(ddr4.clocks_from_units(ddr4.units_from_clocks(n)) == n);
    REQUIRE(thirds.clocks_from_units(thirds.units_from_clocks(n)) == n);
    REQUIRE(thirds.clocks_from_units(thirds.units_from_clocks(n) + 1) == n + 1);
  }
}

TEST_CASE("untouched memory reads as zero and costs nothing") {
  SparseMemory memory;
  std::vector<std::uint8_t> bytes(200000, 0xff);
  memory.read((std::uint64_t{1} << 40) - 5, bytes.data(), bytes.size());
  CHECK(std::set<std::uint8_t>(bytes.begin(), bytes.end()) == std::set<std::uint8_t>{0});
  CHECK(memory.allocated_bytes() == 0);

  std::mt19937 random(3);
  for (std::uint8_t& byte : bytes)
    byte = static_cast<std::uint8_t>(random());
  const std::uint64_t address = (std::uint64_t{1} << 45) - 1000;
  memory.write(address, bytes.data(), bytes.size());
  CHECK(memory.allocated_bytes() == 5 * SparseMemory::page_bytes);
  memory.write(address + 10, bytes.data() + 10, 1);  // leaves the rest of its page
  std::vector<std::uint8_t> back(bytes.size() + 2, 0xff);
  memory.read(address - 1, back.data(), back.size());
  CHECK(back.front() == 0);
  CHECK(back.back() == 0);
  CHECK(std::equal(bytes.begin(), bytes.end(), back.begin() + 1));
}
