// The TLM-2.0 target of the DRAM.
#include <tlm_utils/simple_initiator_socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "models/dram/dram.h"
#include "models/tlm/elided_payload.h"
#include "tests/support/fresh_simulation.h"

using namespace dpred;
using namespace dpred::dram;
using sc_core::sc_time;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> socket{"socket"};
  std::function<void()> body;

  SC_HAS_PROCESS(Initiator);
  explicit Initiator(const sc_core::sc_module_name& name) : sc_module(name) { SC_THREAD(run); }
  void run() { body(); }
};

struct Payload : tlm::tlm_generic_payload {
  Payload(tlm::tlm_command command, std::uint64_t address, Bytes& data) {
    set_command(command);
    set_address(address);
    set_data_ptr(data.data());
    set_data_length(static_cast<unsigned int>(data.size()));
    set_streaming_width(static_cast<unsigned int>(data.size()));
  }
};

/// A DRAM with an initiator that runs `body` in a process.
struct Bench {
  explicit Bench(const std::string& preset, int channels = 1) {
    test::fresh_simulation();
    dram = std::make_unique<Dram>("dram", find_preset(preset), "", channels);
    initiator = std::make_unique<Initiator>("initiator");
    initiator->socket.bind(dram->socket);
  }

  void run(std::function<void()> body) {
    initiator->body = std::move(body);
    sc_core::sc_start();
  }

  /// Sends a payload with no delay; returns the annotated one.
  sc_time send(tlm::tlm_generic_payload& p) {
    sc_time delay;
    initiator->socket->b_transport(p, delay);
    return delay;
  }

  sc_time transfer(tlm::tlm_command command, std::uint64_t address, Bytes& data) {
    Payload p(command, address, data);
    const sc_time delay = send(p);
    all_ok = all_ok && p.is_response_ok();
    return delay;
  }

  std::unique_ptr<Dram> dram;
  std::unique_ptr<Initiator> initiator;
  bool all_ok = true;
};

Bytes pattern(std::size_t bytes) {
  Bytes data(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    data[i] = static_cast<std::uint8_t>(i * 7 + i / 256 + 1);
  return data;
}

sc_time picoseconds(double n) {
  return sc_time(n, sc_core::SC_PS);
}

constexpr auto read_command = tlm::TLM_READ_COMMAND;
constexpr auto write_command = tlm::TLM_WRITE_COMMAND;

}  // namespace

TEST_CASE("DRAM returns what was written, at any address and length") {
  for (const std::string preset : {"ddr4-3200", "lpddr4-3200", "ideal"}) {
    INFO(preset);
    Bench bench(preset, 2);
    int differing = 0;
    Bytes untouched(3, 0xff);
    bench.run([&] {
      for (const std::size_t length :
           {std::size_t{1}, std::size_t{63}, std::size_t{200}, std::size_t{70000}}) {
        for (const std::uint64_t address : {std::uint64_t{5}, bench.dram->capacity() - length}) {
          Bytes written = pattern(length);
          Bytes back(length);
          bench.transfer(write_command, address, written);
          bench.transfer(read_command, address, back);
          differing += back != written;
        }
      }
      bench.transfer(read_command, 1 << 20, untouched);
    });
    CHECK(bench.all_ok);
    CHECK(differing == 0);
    CHECK(untouched == Bytes(3, 0));
  }
}

TEST_CASE("byte enables select bytes and repeat") {
  Bench bench("ddr4-3200");
  Bytes old = pattern(100);
  Bytes fresh(100, 0xaa);
  Bytes back(100);
  Bytes masked(100, 0x55);
  Bytes enables = {0xff, 0x00, 0xff, 0xff, 0x00};
  std::vector<sc_time> delays;
  bench.run([&] {
    bench.transfer(write_command, 30, old);
    sc_core::wait(picoseconds(1e6));
    for (int round = 0; round < 2; ++round) {
      Payload p(round == 0 ? write_command : read_command, 30, round == 0 ? fresh : masked);
      p.set_byte_enable_ptr(enables.data());
      p.set_byte_enable_length(static_cast<unsigned int>(enables.size()));
      delays.push_back(bench.send(p));
      bench.all_ok = bench.all_ok && p.is_response_ok();
      sc_core::wait(picoseconds(1e6));
    }
    bench.transfer(read_command, 30, back);
  });
  CHECK(bench.all_ok);
  for (std::size_t i = 0; i < 100; ++i) {
    const bool enabled = enables[i % 5] != 0;
    REQUIRE(back[i] == (enabled ? 0xaa : old[i]));
    REQUIRE(masked[i] == (enabled ? 0xaa : 0x55));
  }
  // Three bursts in three bank groups whose rows are open.
  CHECK(delays.at(0) == picoseconds(625 * (16 + 3 * 4)));
  CHECK(delays.at(1) == picoseconds(625 * (22 + 3 * 4)));
}

TEST_CASE("a payload that cannot be served is refused without any effect") {
  Bench bench("ddr4-3200");
  Bytes data = pattern(16);
  std::vector<std::pair<int, int>> responses;  // got, expected
  bool no_delay = true;
  const auto attempt = [&](tlm::tlm_response_status expected,
                           const std::function<void(tlm::tlm_generic_payload&)>& spoil) {
    for (const tlm::tlm_command command : {read_command, write_command}) {
      Payload p(command, 64, data);
      spoil(p);
      sc_time delay = picoseconds(3);
      bench.initiator->socket->b_transport(p, delay);
      responses.emplace_back(p.get_response_status(), expected);
      no_delay = no_delay && delay == picoseconds(3);
    }
  };
  std::uint8_t enable = 0xff;
  Bytes back(16, 0xff);
  bench.run([&] {
    const std::uint64_t capacity = bench.dram->capacity();
    attempt(tlm::TLM_ADDRESS_ERROR_RESPONSE, [&](auto& p) { p.set_address(capacity); });
    attempt(tlm::TLM_ADDRESS_ERROR_RESPONSE, [&](auto& p) { p.set_address(capacity - 15); });
    attempt(tlm::TLM_ADDRESS_ERROR_RESPONSE, [&](auto& p) { p.set_address(~std::uint64_t{0} - 7); });
    attempt(tlm::TLM_BURST_ERROR_RESPONSE, [&](auto& p) { p.set_data_length(0); });
    attempt(tlm::TLM_BURST_ERROR_RESPONSE, [&](auto& p) { p.set_streaming_width(15); });
    attempt(tlm::TLM_BURST_ERROR_RESPONSE, [&](auto& p) { p.set_streaming_width(0); });
    attempt(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE, [&](auto& p) { p.set_byte_enable_ptr(&enable); });
    attempt(tlm::TLM_OK_RESPONSE, [&](auto& p) { p.set_command(tlm::TLM_IGNORE_COMMAND); });
  });
  for (const auto& [got, expected] : responses)
    CHECK(got == expected);
  CHECK(responses.size() == 16);
  CHECK(no_delay);
  CHECK(data == pattern(16));
  CHECK(bench.dram->statistics().read.bursts == 0);
  CHECK(bench.dram->statistics().write.bursts == 0);
  Payload p(read_command, 64, back);
  CHECK(bench.initiator->socket->transport_dbg(p) == 16);
  CHECK(back == Bytes(16, 0));
}

TEST_CASE("debug transport leaves later timing and counts alone") {
  const auto delays = [](bool debug) {
    Bench bench("ddr4-3200");
    std::vector<sc_time> result;
    std::vector<unsigned int> lengths;
    Bytes seen(64);
    bench.run([&] {
      Bytes data = pattern(64);
      for (int i = 0; i < 20; ++i) {
        if (debug) {
          Payload p(i % 2 == 0 ? write_command : read_command, std::uint64_t{1} << (20 + i / 2),
                    i % 2 == 0 ? data : seen);
          lengths.push_back(bench.initiator->socket->transport_dbg(p));
        }
        result.push_back(bench.transfer(read_command, static_cast<std::uint64_t>(i) << 19, data));
        data = pattern(64);
        sc_core::wait(picoseconds(50000));
      }
      if (debug) {
        Payload p(read_command, bench.dram->capacity() - 10, data);
        lengths.push_back(bench.initiator->socket->transport_dbg(p));
        p.set_address(bench.dram->capacity());
        lengths.push_back(bench.initiator->socket->transport_dbg(p));
        p.set_address(0);
        p.set_command(tlm::TLM_IGNORE_COMMAND);
        lengths.push_back(bench.initiator->socket->transport_dbg(p));
      }
    });
    CHECK(bench.all_ok);
    CHECK(bench.dram->statistics().read.bursts == 20);
    CHECK(bench.dram->statistics().write.bursts == 0);
    if (debug) {
      std::vector<unsigned int> expected(20, 64);
      expected.insert(expected.end(), {10, 0, 0});
      CHECK(lengths == expected);
      CHECK(seen == pattern(64));
    }
    return result;
  };
  CHECK(delays(true) == delays(false));
}

TEST_CASE("the annotated delay is that of the timing core, rounded up, and nothing waits") {
  Bench bench("lpddr4-3200", 2);
  TimingCore core(find_preset("lpddr4-3200"), "", 2);
  int differing = 0;
  bool waited = false;
  bench.run([&] {
    Bytes data(5000);
    for (int i = 0; i < 500; ++i) {
      const bool is_write = i % 3 == 0;
      const std::uint64_t address = static_cast<std::uint64_t>(i) * 77777;
      const sc_time now = sc_core::sc_time_stamp();
      const sc_time local = picoseconds(i * 311 % 2000);
      Payload p(is_write ? write_command : read_command, address, data);
      sc_time delay = local;
      bench.initiator->socket->b_transport(p, delay);
      waited = waited || sc_core::sc_time_stamp() != now;
      bench.all_ok = bench.all_ok && p.is_response_ok();
      const Clock arrival = ((now + local).value() + 624) / 625;  // a clock of 625 ps, resolution 1 ps
      differing += (now + delay).value() != 625 * core.book_run(address, 5000, is_write, arrival);
      sc_core::wait(picoseconds(i * 7919 % 1000000));
    }
  });
  CHECK(bench.all_ok);
  CHECK_FALSE(waited);
  CHECK(differing == 0);
  CHECK(bench.dram->statistics().read.bytes == core.statistics().read.bytes);
  CHECK(bench.dram->statistics().write.row_hits == core.statistics().write.row_hits);
  CHECK(bench.dram->statistics().row_hit_rate() > 0.5);
}

TEST_CASE("the time resolution of the simulation is respected") {
  for (const double resolution : {1.0, 1e3, 1e5, 1e6}) {  // fs: 1 fs to 1 ns
    INFO(resolution);
    test::fresh_simulation();
    Dram dram("dram", find_preset("ddr4-3200"), "", 1);
    Initiator initiator("initiator");
    sc_core::sc_set_time_resolution(resolution, sc_core::SC_FS);
    initiator.socket.bind(dram.socket);
    Bytes data(64);
    sc_time delay;
    initiator.body = [&] {
      Payload p(read_command, 0, data);
      initiator.socket->b_transport(p, delay);
    };
    sc_core::sc_start();
    const double exact = 48 * 625e3 / resolution;  // 30 ns
    CHECK(static_cast<double>(delay.value()) == exact);
  }
}

TEST_CASE("an elided payload takes the same time and counts the same, but its bytes stay") {
  const auto run = [](bool elided) {
    Bench bench("ddr4-3200");
    std::vector<sc_time> delays;
    Bytes data = pattern(1000);
    bench.run([&] {
      ElidedPayload mark;
      for (const tlm::tlm_command command : {write_command, read_command}) {
        Payload p(command, 100, data);
        if (elided) p.set_extension(&mark);
        delays.push_back(bench.send(p));
        bench.all_ok = bench.all_ok && p.is_response_ok();
        if (elided) p.clear_extension(&mark);
        std::fill(data.begin(), data.end(), std::uint8_t{9});
      }
    });
    CHECK(bench.all_ok);
    const Statistics s = bench.dram->statistics();
    CHECK(s.write.bytes == 17 * 64);
    CHECK(s.read.bytes == 17 * 64);
    Bytes contents(1000, 0xff);
    Payload p(read_command, 100, contents);
    bench.initiator->socket->transport_dbg(p);
    CHECK(contents == (elided ? Bytes(1000, 0) : pattern(1000)));
    return delays;
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("an ideal memory leaves the delay as it is and counts all the same") {
  Bench bench("ideal");
  sc_time delay = picoseconds(1);
  Bytes data = pattern(65);
  bench.run([&] {
    Payload p(write_command, 0, data);
    bench.initiator->socket->b_transport(p, delay);
  });
  CHECK(delay == picoseconds(1));
  CHECK(bench.dram->statistics().write.bytes == 128);
}

TEST_CASE("direct memory access is refused") {
  for (const std::string preset : {"ddr4-3200", "ideal"}) {
    Bench bench(preset);
    bool granted = true;
    bool hinted = true;
    bench.run([&] {
      Bytes data(64);
      Payload p(read_command, 0, data);
      p.set_dmi_allowed(true);
      bench.send(p);
      hinted = p.is_dmi_allowed();
      tlm::tlm_dmi dmi;
      granted = bench.initiator->socket->get_direct_mem_ptr(p, dmi);
    });
    CHECK_FALSE(granted);
    CHECK_FALSE(hinted);
  }
}
