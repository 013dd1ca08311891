// The engine's port against a memory that answers in every way the base protocol allows.
#include "models/compression/memory_port.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "models/tlm/memory_access.h"
#include "tests/compression/moody_memory.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/base_protocol_checker.h"
#include "tests/support/fresh_simulation.h"

using namespace dpred;
using namespace dpred::test;

namespace {

constexpr std::size_t capacity = 0x4000;

/// The module around a port.
class Owner : public sc_core::sc_module {
 public:
  tlm::tlm_initiator_socket<> mem{"mem"};
  MemoryPort port;

  Owner(const sc_core::sc_module_name& name, const MemoryPortConfig& config)
      : sc_module(name), port("port", mem, config) {}
};

struct PortBench {
  std::unique_ptr<Owner> owner;
  std::unique_ptr<BaseProtocolChecker> checker;
  std::unique_ptr<MoodyMemory> memory;
  std::vector<std::unique_ptr<Driver>> drivers;

  PortBench(const MemoryPortConfig& config, std::uint64_t seed) {
    fresh_simulation();
    owner = std::make_unique<Owner>("owner", config);
    BaseProtocolOptions options;
    options.end_resp_by_call = true;
    checker = std::make_unique<BaseProtocolChecker>("checker", options);
    memory = std::make_unique<MoodyMemory>("memory", capacity, seed);
    owner->mem.bind(checker->target_socket);
    checker->initiator_socket.bind(memory->socket);
  }
  MemoryPort& port() { return owner->port; }
  void add(std::function<void()> body) {
    drivers.push_back(
        std::make_unique<Driver>(sc_core::sc_module_name(sc_core::sc_gen_unique_name("driver"))));
    drivers.back()->body = std::move(body);
  }
  /// Whether all came to their end, by the protocol.
  bool run() {
    sc_core::sc_start();
    for (const auto& driver : drivers)
      if (!driver->finished) return false;
    REQUIRE(checker->finish() == std::vector<std::string>{});
    return true;
  }
};

std::shared_ptr<MemoryTransfer> transfer(std::vector<std::uint8_t> bytes) {
  const auto made = std::make_shared<MemoryTransfer>();
  made->bytes = std::move(bytes);
  return made;
}

MemoryPortConfig random_config(Random& random) {
  MemoryPortConfig config;
  config.four_phases = random.chance(70);
  config.request_bytes = random.of<std::uint64_t>({16, 32, 64});
  config.outstanding = random.of<std::uint64_t>({1, 2, 5, 100});
  return config;
}

}  // namespace

TEST_CASE("what two processes write and read by a port is what memory holds, in their order") {
  Random random(61);
  bool reordered = false;
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const MemoryPortConfig config = random_config(random);
    PortBench bench(config, static_cast<std::uint64_t>(round));
    bench.memory->waits = random.chance(50);
    if (random.chance(30)) bench.memory->most = bench.memory->least;
    // A half of the memory each, so that the order of the two doesn't matter.
    std::vector<std::uint8_t> expected(capacity);
    int wrong = 0;
    for (std::uint64_t half = 0; half < 2; ++half) {
      bench.add([&, half, seed = random.in(0, 1 << 20)] {
        Random own(static_cast<std::uint64_t>(seed));
        struct Read {
          std::shared_ptr<MemoryTransfer> transfer;
          std::vector<std::uint8_t> expected;
        };
        std::vector<Read> reads;
        for (int i = 0; i < 30; ++i) {
          const auto length = static_cast<std::size_t>(own.in(0, 10)) * config.request_bytes;
          const auto address =
              half * capacity / 2 + static_cast<std::size_t>(own.in(0, 20)) * config.request_bytes;
          std::uint8_t* const now = expected.data() + address;
          if (own.chance(50)) {
            std::vector<std::uint8_t> bytes(length + 3);
            for (std::uint8_t& byte : bytes)
              byte = static_cast<std::uint8_t>(own.in(0, 255));
            std::copy_n(bytes.begin() + 3, length, now);
            bench.port().access(transfer(bytes), tlm::TLM_WRITE_COMMAND, address, 3, length, false);
          } else {
            Read read{transfer(std::vector<std::uint8_t>(length + 5)), {now, now + length}};
            bench.port().access(read.transfer, tlm::TLM_READ_COMMAND, address, 5, length, false);
            if (length > 0) reads.push_back(read);
          }
          if (own.chance(20)) wait(static_cast<double>(own.in(1, 200)), sc_core::SC_NS);
        }
        for (const Read& read : reads) {
          bench.port().await(*read.transfer);
          if (!config.four_phases && read.transfer->completed == sc_core::SC_ZERO_TIME) ++wrong;
          if (read.transfer->completed > sc_core::sc_time_stamp() && config.four_phases) ++wrong;
          if (!std::equal(read.expected.begin(), read.expected.end(), read.transfer->bytes.begin() + 5))
            ++wrong;
        }
      });
    }
    REQUIRE(bench.run());
    REQUIRE(wrong == 0);
    REQUIRE(bench.memory->bytes == expected);
    REQUIRE(bench.memory->longest <= config.request_bytes);
    REQUIRE(bench.memory->odd == 0);
    for (const std::size_t most : bench.memory->most_pending)
      REQUIRE(most <= config.outstanding);
    reordered = reordered || bench.checker->reordered_responses() > 0;
  }
  CHECK(reordered);
}

TEST_CASE("a port keeps as many requests under way as it may") {
  PortBench bench({true, 32, 7}, 1);
  bench.memory->least = bench.memory->most;
  bench.add([&] {
    const auto read = transfer(std::vector<std::uint8_t>(0x1000));
    bench.port().access(read, tlm::TLM_READ_COMMAND, 0, 0, 0x1000, false);
    bench.port().await(*read);
  });
  REQUIRE(bench.run());
  CHECK(bench.memory->most_pending[0] <= 7);
  CHECK(bench.memory->most_pending[0] > 4);
}

TEST_CASE("an error response is an error of the transfer, and the port goes on") {
  for (const bool four_phases : {false, true}) {
    CAPTURE(four_phases);
    PortBench bench({four_phases, 64, 4}, 2);
    bench.memory->broken = {0x200, 0x240};
    std::string error;
    bool later_is_fine = false;
    bench.add([&] {
      const auto bad = transfer(std::vector<std::uint8_t>(0x400));
      try {
        bench.port().access(bad, tlm::TLM_READ_COMMAND, 0, 0, 0x400, false);
        bench.port().await(*bad);
      } catch (const TransportError& caught) {
        error = caught.what();
      }
      const auto good = transfer(std::vector<std::uint8_t>(0x200));
      bench.port().access(good, tlm::TLM_READ_COMMAND, 0x400, 0, 0x200, false);
      bench.port().await(*good);
      later_is_fine = true;
    });
    REQUIRE(bench.run());
    CHECK(error == "owner.mem: TLM_ADDRESS_ERROR_RESPONSE at address 512");
    CHECK(later_is_fine);
  }
}
