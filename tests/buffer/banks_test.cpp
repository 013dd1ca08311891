// Banks, words and ports of a buffer: closed forms, and a count access by access.
#include "models/buffer/banks.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/platform/random_layers.h"

using namespace dpred;
using namespace dpred::test;

namespace {

BufferBanks organisation(std::int64_t banks, std::int64_t word_bytes, const char* ports = "1r1w") {
  return {banks, word_bytes, find_sram_ports(ports)};
}

/// Cycles for one byte at each of `count` addresses, `distance` apart.
std::uint64_t strided(const BufferBanks& banks, std::uint64_t count, std::uint64_t distance) {
  BankAccesses accesses(banks);
  for (std::uint64_t i = 0; i < count; ++i)
    accesses.add(i * distance, 1);
  return accesses.serve().cycles;
}

}  // namespace

TEST_CASE("words at a distance share as many banks as distance and banks have no factor in common") {
  // 16 words: over 8 / gcd(distance, 8) banks.
  CHECK(strided(organisation(8, 4), 16, 4) == 2);
  CHECK(strided(organisation(8, 4), 16, 8) == 4);
  CHECK(strided(organisation(8, 4), 16, 12) == 2);
  CHECK(strided(organisation(8, 4), 16, 16) == 8);
  CHECK(strided(organisation(8, 4), 16, 32) == 16);
  CHECK(strided(organisation(7, 4), 16, 32) == 3);  // a prime number of banks: 16 over 7
  CHECK(strided(organisation(8, 4, "1rw"), 16, 32) == 16);
  CHECK(strided(organisation(8, 4, "2rw"), 16, 32) == 8);
  CHECK(strided(organisation(8, 4, "2rw"), 16, 4) == 1);
  // Bytes of one word are one access.
  CHECK(strided(organisation(1, 16), 16, 1) == 1);
  CHECK(strided(organisation(1, 16), 17, 1) == 2);
}

TEST_CASE("words of a run of bytes, and the cycles to serve them") {
  const BufferBanks banks = organisation(3, 8);
  CHECK(banks.words(0, 0) == 0);
  CHECK(banks.words(7, 1) == 1);
  CHECK(banks.words(7, 2) == 2);
  CHECK(banks.words(8, 16) == 2);
  CHECK(banks.words(9, 16) == 3);
  CHECK(banks.run_cycles(0) == 0);
  CHECK(banks.run_cycles(3) == 1);
  CHECK(banks.run_cycles(4) == 2);
  CHECK(organisation(3, 8, "2rw").run_cycles(7) == 2);
  CHECK(BufferBanks{}.run_cycles(1000) == 0);
  CHECK_FALSE(BufferBanks{}.limited());
}

TEST_CASE("what is wanted at a time is served as counted byte by byte") {
  Random random(81);
  for (int round = 0; round < 2000; ++round) {
    CAPTURE(round);
    const BufferBanks banks = organisation(random.in(1, 20), random.of<std::int64_t>({1, 2, 7, 16, 64}),
                                           random.of<const char*>({"1rw", "1r1w", "2rw"}));
    BankAccesses accesses(banks);
    for (int again = 0; again < 2; ++again) {  // nothing is left of what was served
      std::set<std::uint64_t> words;
      for (std::int64_t i = random.in(0, 12); i > 0; --i) {
        const auto address = static_cast<std::uint64_t>(random.in(0, 400));
        const auto bytes = static_cast<std::uint64_t>(random.in(0, 40));
        accesses.add(address, bytes);
        for (std::uint64_t at = address; at < address + bytes; ++at)
          words.insert(at / static_cast<std::uint64_t>(banks.word_bytes));
      }
      std::map<std::uint64_t, std::uint64_t> left;
      for (const std::uint64_t word : words)
        ++left[word % static_cast<std::uint64_t>(banks.banks)];
      std::uint64_t cycles = 0;
      for (bool busy = true; busy; cycles += busy) {
        busy = false;
        for (auto& [bank, waiting] : left) {
          busy = busy || waiting > 0;
          for (std::int64_t port = 0; port < banks.accesses_per_cycle() && waiting > 0; ++port)
            --waiting;
        }
      }
      const ServedWords served = accesses.serve();
      REQUIRE(served.words == words.size());
      REQUIRE(served.cycles == cycles);
    }
  }
}

TEST_CASE("a run of words is served as its words at a time") {
  for (const char* ports : {"1rw", "1r1w", "2rw"}) {
    for (std::int64_t count = 1; count < 6; ++count) {
      const BufferBanks banks = organisation(count, 4, ports);
      for (std::uint64_t bytes = 1; bytes < 120; bytes += 3) {
        for (const std::uint64_t address : {0, 3, 22}) {
          BankAccesses accesses(banks);
          accesses.add(address, bytes);
          const ServedWords served = accesses.serve();
          REQUIRE(served.words == banks.words(address, bytes));
          REQUIRE(served.cycles == banks.run_cycles(served.words));
        }
      }
    }
  }
}

TEST_CASE("ports of an SRAM have a name each") {
  CHECK(sram_port_names() == std::vector<std::string>{"1rw", "1r1w", "2rw"});
  for (const std::string& name : sram_port_names())
    CHECK(to_string(find_sram_ports(name)) == name);
  CHECK(organisation(1, 1, "1rw").shares_ports());
  CHECK_FALSE(organisation(1, 1, "1r1w").shares_ports());
  CHECK(organisation(1, 1, "2rw").shares_ports());
  CHECK_THROWS_AS(find_sram_ports("3rw"), std::logic_error);
}
