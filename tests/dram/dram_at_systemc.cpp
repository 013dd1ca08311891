// The DRAM's four-phase path, under the base-protocol checker.
#include <tlm_utils/simple_initiator_socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/dram/dram.h"
#include "models/dram/request_source.h"
#include "models/dram/traffic.h"
#include "models/tlm/elided_payload.h"
#include "models/tlm/stream_id.h"
#include "tests/support/base_protocol_checker.h"
#include "tests/support/fresh_simulation.h"

using namespace dpred;
using namespace dpred::dram;
using sc_core::sc_time;
using Bytes = std::vector<std::uint8_t>;

namespace {

/// What an initiator sends, and what became of it.
struct Order {
  std::uint64_t address = 0;
  bool is_write = false;
  Bytes data;
  Bytes enables = {};
  Clock earliest = 0;
  std::uint8_t stream = 0;
  tlm::tlm_command command = tlm::TLM_READ_COMMAND;  ///< ignored unless `odd`
  bool odd = false;                                  ///< `command` and `width` count
  unsigned int width = 0;
  sc_time begun, accepted, answered;
  tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
};

/// How an initiator behaves within what the protocol allows.
struct Manner {
  std::size_t outstanding = 64;
  bool completes = false;      ///< answers BEGIN_RESP with TLM_COMPLETED
  bool updates = false;        ///< answers BEGIN_RESP with TLM_UPDATED and END_RESP
  Clock think = 0;             ///< clocks until END_RESP, by call otherwise
  bool calls_at_once = false;  ///< END_RESP within the call with BEGIN_RESP
  Clock annotated = 0;         ///< BEGIN_REQ comes with a delay of that many clocks
  bool one_a_clock = false;    ///< begins at most one request a clock
  bool elided = false;
};

/// Sends orders as a pipelined initiator: in their order, at most one request open, a number outstanding.
class AtInitiator : public sc_core::sc_module, tlm::tlm_bw_transport_if<>, tlm::tlm_mm_interface {
 public:
  tlm::tlm_initiator_socket<> socket{"socket"};

  AtInitiator(const sc_core::sc_module_name& name, std::vector<Order>& orders, const Manner& manner,
              std::uint64_t clock_ps)
      : sc_module(name), orders_(orders), manner_(manner), clock_(clock_ps) {
    socket.bind(*this);
    SC_HAS_PROCESS(AtInitiator);
    SC_METHOD(send);
    sensitive << send_event_;
    SC_METHOD(end_responses);
    sensitive << end_event_;
    dont_initialize();
  }

  std::size_t answered = 0;

 private:
  struct Flight : tlm::tlm_generic_payload {
    std::size_t order = 0;
    StreamId stream;
    ElidedPayload elided;
  };

  sc_time clocks(std::uint64_t n) const { return sc_time::from_value(n * clock_); }

  void send() {
    while (!request_open_ && next_ < orders_.size() && under_way_ < manner_.outstanding) {
      Order& order = orders_[next_];
      const sc_time earliest = std::max(clocks(order.earliest), next_clock_);
      if (earliest > sc_core::sc_time_stamp()) {
        send_event_.notify(earliest - sc_core::sc_time_stamp());
        return;
      }
      Flight& flight = take(next_++);
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_time delay = clocks(manner_.annotated);
      order.begun = sc_core::sc_time_stamp() + delay;
      if (manner_.one_a_clock) next_clock_ = sc_core::sc_time_stamp() + clocks(1);
      request_open_ = true;
      ++under_way_;
      flight.acquire();
      switch (socket->nb_transport_fw(flight, phase, delay)) {
        case tlm::TLM_ACCEPTED:
          return;
        case tlm::TLM_UPDATED:
          order.accepted = sc_core::sc_time_stamp() + delay;
          request_open_ = false;
          break;
        default:
          request_open_ = false;
          order.accepted = order.begun;
          finish(flight, delay);
      }
    }
  }

  Flight& take(std::size_t index) {
    if (free_.empty()) {
      pool_.push_back(std::make_unique<Flight>());
      pool_.back()->set_mm(this);
      free_.push_back(pool_.back().get());
    }
    Flight& f = *free_.back();
    free_.pop_back();
    Order& order = orders_[index];
    f.order = index;
    f.set_command(order.odd        ? order.command
                  : order.is_write ? tlm::TLM_WRITE_COMMAND
                                   : tlm::TLM_READ_COMMAND);
    f.set_address(order.address);
    f.set_data_ptr(order.data.data());
    f.set_data_length(static_cast<unsigned int>(order.data.size()));
    f.set_streaming_width(order.odd ? order.width : static_cast<unsigned int>(order.data.size()));
    f.set_byte_enable_ptr(order.enables.empty() ? nullptr : order.enables.data());
    f.set_byte_enable_length(static_cast<unsigned int>(order.enables.size()));
    f.set_dmi_allowed(false);
    f.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    f.stream.value = order.stream;
    f.set_extension(&f.stream);
    if (manner_.elided) f.set_extension(&f.elided);
    return f;
  }

  void free(tlm::tlm_generic_payload* payload) override {
    auto* flight = static_cast<Flight*>(payload);
    flight->clear_extension(&flight->stream);
    flight->clear_extension(&flight->elided);
    free_.push_back(flight);
  }

  void finish(Flight& flight, const sc_time& delay) {
    Order& order = orders_[flight.order];
    order.answered = sc_core::sc_time_stamp() + delay;
    order.status = flight.get_response_status();
    ++answered;
    --under_way_;
    flight.release();
    send_event_.notify(sc_core::SC_ZERO_TIME);
  }

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_time& delay) override {
    auto& flight = static_cast<Flight&>(payload);
    if (phase == tlm::END_REQ) {
      orders_[flight.order].accepted = sc_core::sc_time_stamp() + delay;
      request_open_ = false;
      if (manner_.one_a_clock) next_clock_ = sc_core::sc_time_stamp() + clocks(1);
      send_event_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_ACCEPTED;
    }
    if (manner_.completes || manner_.updates) {
      finish(flight, delay);
      phase = manner_.updates ? tlm::tlm_phase(tlm::END_RESP) : phase;
      delay += clocks(manner_.think);
      return manner_.updates ? tlm::TLM_UPDATED : tlm::TLM_COMPLETED;
    }
    if (manner_.calls_at_once) {
      end_response(flight);
      return tlm::TLM_ACCEPTED;
    }
    responding_ = &flight;
    end_event_.notify(clocks(manner_.think));
    return tlm::TLM_ACCEPTED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

  void end_responses() { end_response(*responding_); }
  void end_response(Flight& flight) {
    flight.acquire();
    tlm::tlm_phase phase = tlm::END_RESP;
    sc_time delay = sc_core::SC_ZERO_TIME;
    finish(flight, sc_core::SC_ZERO_TIME);
    socket->nb_transport_fw(flight, phase, delay);
    flight.release();
  }

  std::vector<Order>& orders_;
  Manner manner_;
  std::uint64_t clock_;
  std::vector<std::unique_ptr<Flight>> pool_;
  std::vector<Flight*> free_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  bool request_open_ = false;
  Flight* responding_ = nullptr;
  sc_time next_clock_ = sc_core::SC_ZERO_TIME;
  sc_core::sc_event send_event_, end_event_;
};

/// The period of a preset in picoseconds, a whole number for all of them.
std::uint64_t period(const Preset& preset) {
  return 1000000 / preset.timings.clock_mhz;
}

/// An initiator, the checker and a DRAM.
struct AtBench {
  AtBench(const Preset& preset, std::vector<Order>& orders, const Manner& manner = {}, int channels = 1,
          const std::string& mapping = "", const ControllerSettings& settings = {},
          const test::BaseProtocolOptions& options = {}) {
    test::fresh_simulation();
    dram = std::make_unique<Dram>("dram", preset, mapping, channels, settings);
    checker = std::make_unique<test::BaseProtocolChecker>("checker", options);
    initiator = std::make_unique<AtInitiator>("initiator", orders, manner, period(preset));
    initiator->socket.bind(checker->target_socket);
    checker->initiator_socket.bind(dram->socket);
  }
  void run() { sc_core::sc_start(); }

  std::unique_ptr<Dram> dram;
  std::unique_ptr<test::BaseProtocolChecker> checker;
  std::unique_ptr<AtInitiator> initiator;
};

const std::vector<std::string> none;

/// Requests of all habits over a small part of the memory, so that they meet.
std::vector<Order> random_orders(std::size_t count, std::uint64_t range, std::size_t longest, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Order> orders(count);
  Clock earliest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Order& order = orders[i];
    order.data.resize(1 + random() % longest);
    order.address = random() % (range - longest);
    if (random() % 4 == 0 && i > 0) order.address = orders[i - 1].address;
    order.is_write = random() % 2 == 0;
    for (std::uint8_t& byte : order.data)
      byte = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) {
      order.enables.resize(1 + random() % 7);
      for (std::uint8_t& enable : order.enables)
        enable = random() % 2 == 0 ? 0xff : 0x00;
    }
    if (random() % 16 == 0) earliest += random() % 400;
    order.earliest = earliest;
  }
  return orders;
}

/// Replays orders as if each was served at once; counts reads that returned other bytes.
int wrong_reads(const std::vector<Order>& sent, const std::vector<Order>& done, std::uint64_t range) {
  Bytes memory(range);
  int wrong = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const Order& order = sent[i];
    Bytes seen = order.data;
    for (std::size_t b = 0; b < order.data.size(); ++b) {
      if (!order.enables.empty() && order.enables[b % order.enables.size()] == 0) continue;
      if (order.is_write) {
        memory[order.address + b] = order.data[b];
      } else {
        seen[b] = memory[order.address + b];
      }
    }
    if (!order.is_write) wrong += seen != done[i].data;
  }
  return wrong;
}

}  // namespace

TEST_CASE("one request over the four phases takes the idle latency") {
  std::vector<Order> orders(3);
  for (Order& order : orders)
    order.data.resize(64);
  orders[1].earliest = 1000;
  orders[1].address = 256;  // the row is open
  orders[2].earliest = 2000;
  orders[2].address = std::uint64_t{1} << 20;  // another row of the bank
  AtBench bench(find_preset("ddr4-3200"), orders);
  bench.run();
  CHECK(bench.checker->finish() == none);
  CHECK(orders[0].answered - orders[0].begun == sc_time(30, sc_core::SC_NS));
  CHECK(orders[1].answered - orders[1].begun == sc_time(16250, sc_core::SC_PS));
  CHECK(orders[2].answered - orders[2].begun == sc_time(43750, sc_core::SC_PS));
  for (const Order& order : orders) {
    CHECK(order.status == tlm::TLM_OK_RESPONSE);
    CHECK(order.accepted == order.begun);
  }
}

TEST_CASE("any traffic keeps the base protocol, its bytes and the order at an address") {
  constexpr std::uint64_t range = 1 << 16;
  const auto manners = {Manner{64, false, false, 0, false, 0}, Manner{1, false, false, 3, false, 0},
                        Manner{16, true, false, 0, false, 0},  Manner{16, true, false, 5, false, 0},
                        Manner{64, false, true, 2, false, 0},  Manner{64, false, false, 0, true, 0},
                        Manner{200, false, false, 0, true, 7}, Manner{8, false, true, 0, false, 30}};
  unsigned seed = 0;
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    for (const Manner& manner : manners) {
      for (const std::size_t longest : {std::size_t{32}, std::size_t{3000}}) {
        INFO(name << " manner " << seed << " longest " << longest);
        const std::vector<Order> sent = random_orders(longest > 1000 ? 300 : 2000, range, longest, ++seed);
        std::vector<Order> orders = sent;
        const int channels = seed % 2 == 0 ? 1 : 2;
        ControllerSettings settings;
        if (seed % 3 == 0) settings = {PagePolicy::closed, true, 1, 0, 2, 1, 4, seed % 4};
        AtBench bench(find_preset(name), orders, manner, channels, "", settings);
        bench.run();
        CHECK(bench.checker->finish() == none);
        CHECK(bench.initiator->answered == orders.size());
        CHECK(std::all_of(orders.begin(), orders.end(),
                          [](const Order& o) { return o.status == tlm::TLM_OK_RESPONSE; }));
        CHECK(wrong_reads(sent, orders, range) == 0);
        CHECK(bench.checker->most_in_flight() <= manner.outstanding);
        if (manner.outstanding >= 64 && longest < 1000) CHECK(bench.checker->reordered_responses() > 0);
      }
    }
  }
}

TEST_CASE("the four-phase path serves a pattern in the time of the timing core") {
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    for (const TrafficPattern& pattern : traffic_patterns()) {
      INFO(name << ' ' << pattern.name);
      const Preset& preset = find_preset(name);
      const std::uint64_t burst = preset.organisation.burst_bytes;
      const TrafficShape shape{burst, std::uint64_t{1} << 29, 1};
      constexpr std::uint64_t count = 2000;
      std::vector<Order> orders(count);
      TimingCore core(preset, "", 1);
      RequestSource source(core, 64);
      for (std::uint64_t n = 0; n < count; ++n) {
        const TrafficRequest request = pattern.request(n, shape);
        source.send({request.address, request.is_write, request.stream, 0});
        orders[n].address = request.address;
        orders[n].is_write = request.is_write;
        orders[n].stream = request.stream;
        orders[n].data.resize(burst);
      }
      source.finish();
      Manner manner;
      manner.calls_at_once = manner.one_a_clock = true;
      AtBench bench(preset, orders, manner);
      bench.run();
      CHECK(bench.checker->finish() == none);
      const BusClocks expected = core.statistics().bus();
      const Statistics statistics = bench.dram->statistics();
      CHECK(statistics.bus().data == expected.data);
      CHECK(statistics.bus().lost == expected.lost);
      CHECK(statistics.streams.size() == pattern.streams.size());
    }
  }
}

TEST_CASE("elided payloads take the same four phases without their bytes") {
  const auto run = [](bool elided) {
    std::vector<Order> orders = random_orders(300, 1 << 14, 500, 7);
    const std::vector<Order> sent = orders;
    Manner manner;
    manner.elided = elided;
    AtBench bench(find_preset("lpddr4-3200"), orders, manner);
    bench.run();
    CHECK(bench.checker->finish() == none);
    int changed = 0;
    std::vector<sc_time> answers;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      changed += orders[i].data != sent[i].data;
      answers.push_back(orders[i].answered);
    }
    CHECK((changed == 0) == elided);
    return answers;
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("a full port holds back the end of a request") {
  for (const std::uint32_t port_entries : {0u, 5u}) {
    INFO(port_entries);
    // All to one bank, each to another row.
    std::vector<Order> orders(100);
    for (std::size_t i = 0; i < orders.size(); ++i) {
      orders[i].address = i << 20;
      orders[i].data.resize(64);
    }
    ControllerSettings settings;
    settings.queue_entries = 4;
    settings.entry_queue = 2;
    settings.port_entries = port_entries;
    Manner manner{1000, false, false, 0, true, 0};
    manner.one_a_clock = true;
    AtBench bench(find_preset("ddr4-3200"), orders, manner, 1, "", settings);
    bench.run();
    CHECK(bench.checker->finish() == none);
    std::size_t at_once = 0;
    std::size_t most_held = 0;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      at_once += orders[i].accepted == orders[i].begun;
      std::size_t held = 1;
      for (std::size_t j = 0; j < i; ++j)
        held += orders[j].answered > orders[i].accepted;
      most_held = std::max(most_held, held);
    }
    CHECK(at_once == 6 + port_entries);
    CHECK(most_held == 7 + port_entries);  // one more is being served
  }
}

TEST_CASE("a port gives its bursts to the queues in order and at most one a clock") {
  // Two requests of the same clock: the second enters the queues a clock later.
  std::vector<Order> orders(2);
  for (Order& order : orders)
    order.data.resize(64);
  orders[1].address = std::uint64_t{1} << 20;  // another row of the bank
  AtBench bench(find_preset("ddr4-3200"), orders);
  std::vector<Order> one_a_clock = orders;
  bench.run();
  const Statistics together = bench.dram->statistics();
  const sc_time last = orders[1].answered;
  CHECK(orders[1].accepted == sc_core::SC_ZERO_TIME);

  Manner manner;
  manner.one_a_clock = true;
  AtBench apart(find_preset("ddr4-3200"), one_a_clock, manner);
  apart.run();
  CHECK(one_a_clock[1].accepted == sc_time(625, sc_core::SC_PS));
  CHECK(one_a_clock[1].answered == last);
  CHECK(apart.dram->statistics().read_latency.mean() == together.read_latency.mean());
}

TEST_CASE("several requests are taken in one clock") {
  std::vector<Order> orders(32);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    orders[i].address = 64 * i;
    orders[i].data.resize(64);
  }
  AtBench bench(find_preset("ddr4-3200"), orders);
  bench.run();
  CHECK(bench.checker->finish() == none);
  for (const Order& order : orders)
    CHECK(order.accepted == sc_core::SC_ZERO_TIME);
}

TEST_CASE("what the four-phase path can't serve is refused at once and without effect") {
  const Preset& preset = find_preset("ddr4-3200");
  const std::uint64_t capacity = AddressMap(preset, "", 1).capacity();
  const auto order = [](std::uint64_t address, tlm::tlm_command command, unsigned int width,
                        std::size_t bytes, Bytes enables = {}) {
    Order o;
    o.address = address;
    o.odd = true;
    o.command = command;
    o.width = width;
    o.data = Bytes(bytes, 0x5a);
    o.enables = std::move(enables);
    return o;
  };
  const auto write = tlm::TLM_WRITE_COMMAND;
  std::vector<Order> orders = {order(capacity, write, 16, 16),
                               order(capacity - 15, write, 16, 16),
                               order(~std::uint64_t{0} - 7, write, 16, 16),
                               order(64, write, 15, 16),
                               order(64, write, 0, 16),
                               order(64, write, 0, 0),
                               order(64, tlm::TLM_IGNORE_COMMAND, 16, 16)};
  const std::vector<tlm::tlm_response_status> expected = {tlm::TLM_ADDRESS_ERROR_RESPONSE,
                                                          tlm::TLM_ADDRESS_ERROR_RESPONSE,
                                                          tlm::TLM_ADDRESS_ERROR_RESPONSE,
                                                          tlm::TLM_BURST_ERROR_RESPONSE,
                                                          tlm::TLM_BURST_ERROR_RESPONSE,
                                                          tlm::TLM_BURST_ERROR_RESPONSE,
                                                          tlm::TLM_OK_RESPONSE};
  test::BaseProtocolOptions options;
  options.malformed_payloads = true;
  AtBench bench(preset, orders, {}, 1, "", {}, options);
  bench.run();
  CHECK(bench.checker->finish() == none);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    INFO(i);
    CHECK(orders[i].status == expected[i]);
    CHECK(orders[i].answered == sc_core::SC_ZERO_TIME);
  }
  CHECK(bench.dram->statistics().write.bursts == 0);
}

TEST_CASE("a payload without a memory manager is served all the same") {
  struct Simple : sc_core::sc_module, tlm::tlm_bw_transport_if<> {
    tlm::tlm_initiator_socket<> socket{"socket"};
    int responses = 0;
    explicit Simple(const sc_core::sc_module_name& name) : sc_module(name) { socket.bind(*this); }
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase& phase, sc_time&) override {
      responses += phase == tlm::BEGIN_RESP;
      return phase == tlm::BEGIN_RESP ? tlm::TLM_COMPLETED : tlm::TLM_ACCEPTED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  };
  test::fresh_simulation();
  Dram dram("dram", find_preset("ddr4-3200"), "", 1);
  Simple simple("simple");
  simple.socket.bind(dram.socket);
  sc_core::sc_start(sc_time(1, sc_core::SC_NS));
  Bytes data(64);
  tlm::tlm_generic_payload payload;
  payload.set_command(tlm::TLM_READ_COMMAND);
  payload.set_address(0);
  payload.set_data_ptr(data.data());
  payload.set_data_length(64);
  payload.set_streaming_width(64);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_time delay = sc_core::SC_ZERO_TIME;
  CHECK(simple.socket->nb_transport_fw(payload, phase, delay) == tlm::TLM_UPDATED);
  sc_core::sc_start(sc_time(1, sc_core::SC_US));
  CHECK(simple.responses == 1);
  CHECK(payload.is_response_ok());
}

TEST_CASE("a blocking access changes nothing that went before it") {
  std::vector<Order> orders(1);
  orders[0].data.resize(64);
  AtBench bench(find_preset("ddr4-3200"), orders);
  tlm::tlm_generic_payload payload;
  Bytes data(64);
  bench.run();  // 30 ns later: the row is open
  sc_time delay = sc_core::SC_ZERO_TIME;
  struct Late : sc_core::sc_module {
    std::function<void()> act;
    SC_HAS_PROCESS(Late);
    Late(const sc_core::sc_module_name& name, const sc_time& when) : sc_module(name) {
      SC_METHOD(run);
      sensitive << event;
      dont_initialize();
      event.notify(when);
    }
    void run() { act(); }
    sc_core::sc_event event;
  };
  const sc_time alone = orders[0].answered;
  std::vector<Order> again(1);
  again[0].data.resize(64);
  AtBench mixed(find_preset("ddr4-3200"), again);
  Late late("late", sc_time(20, sc_core::SC_NS));  // the read command went out at 13.75 ns
  late.act = [&] {
    payload.set_command(tlm::TLM_READ_COMMAND);
    payload.set_address(64);
    payload.set_data_ptr(data.data());
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    mixed.dram->socket.get_base_export().operator->()->b_transport(payload, delay);
  };
  mixed.run();
  CHECK(mixed.checker->finish() == none);
  CHECK(again[0].answered == alone);
  CHECK(sc_time(20, sc_core::SC_NS) + delay > alone);
}

TEST_CASE("data that is not there is refused") {
  test::fresh_simulation();
  Dram dram("dram", find_preset("ddr4-3200"), "", 1);
  struct Stub : sc_core::sc_module {
    tlm_utils::simple_initiator_socket<Stub> socket{"socket"};
    explicit Stub(const sc_core::sc_module_name& name) : sc_module(name) {}
  } stub("stub");
  stub.socket.bind(dram.socket);
  sc_core::sc_start(sc_time(1, sc_core::SC_NS));
  tlm::tlm_generic_payload payload;
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  payload.set_address(0);
  payload.set_data_length(64);
  payload.set_streaming_width(64);
  sc_time delay = sc_core::SC_ZERO_TIME;
  stub.socket->b_transport(payload, delay);
  CHECK(payload.get_response_status() == tlm::TLM_GENERIC_ERROR_RESPONSE);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  CHECK(stub.socket->nb_transport_fw(payload, phase, delay) == tlm::TLM_COMPLETED);
  CHECK(payload.get_response_status() == tlm::TLM_GENERIC_ERROR_RESPONSE);
  CHECK(stub.socket->transport_dbg(payload) == 0);
  CHECK(delay == sc_core::SC_ZERO_TIME);
}

TEST_CASE("the ideal memory answers a request at once") {
  std::vector<Order> orders = random_orders(500, 1 << 16, 3000, 5);
  const std::vector<Order> sent = orders;
  AtBench bench(find_preset("ideal"), orders);
  bench.run();
  CHECK(bench.checker->finish() == none);
  CHECK(wrong_reads(sent, orders, 1 << 16) == 0);
  for (const Order& order : orders)
    REQUIRE(order.answered == order.begun);
}

TEST_CASE("both transports may be used at the same time") {
  std::vector<Order> orders = random_orders(500, 1 << 16, 200, 6);
  const std::vector<Order> sent = orders;
  AtBench bench(find_preset("ddr4-3200"), orders);
  struct Blocking : sc_core::sc_module {
    tlm::tlm_fw_transport_if<>* target = nullptr;
    tlm::tlm_generic_payload payload;
    Bytes data = Bytes(64);
    int left = 300;
    sc_core::sc_event next;
    SC_HAS_PROCESS(Blocking);
    explicit Blocking(const sc_core::sc_module_name& name) : sc_module(name) {
      SC_METHOD(access);
      sensitive << next;
    }
    void access() {
      payload.set_command(left % 2 == 0 ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
      payload.set_address((std::uint64_t{1} << 20) + static_cast<std::uint64_t>(left) * 4096);
      payload.set_data_ptr(data.data());
      payload.set_data_length(64);
      payload.set_streaming_width(64);
      payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
      sc_time delay = sc_core::SC_ZERO_TIME;
      target->b_transport(payload, delay);
      if (--left > 0) next.notify(delay);
    }
  } blocking("blocking");
  blocking.target = bench.dram->socket.get_base_export().operator->();
  bench.run();
  CHECK(blocking.left == 0);
  CHECK(bench.checker->finish() == none);
  CHECK(wrong_reads(sent, orders, 1 << 16) == 0);
  const Statistics s = bench.dram->statistics();
  CHECK(s.bus().total() > 0);
  CHECK(s.bus().data == s.read.busy_clocks + s.write.busy_clocks);
}

TEST_CASE("a coarse time resolution only rounds the four-phase path") {
  for (const double resolution : {1.0, 1e3, 1e6}) {  // fs: 1 fs to 1 ns
    INFO(resolution);
    std::vector<Order> orders(200);
    for (std::size_t i = 0; i < orders.size(); ++i) {
      orders[i].address = i * 4096;
      orders[i].data.resize(64);
    }
    AtBench bench(find_preset("ddr4-3200"), orders);
    sc_core::sc_set_time_resolution(resolution, sc_core::SC_FS);
    bench.run();
    CHECK(bench.checker->finish() == none);
    const double nanoseconds = sc_core::sc_time_stamp().to_seconds() * 1e9;
    CHECK(nanoseconds == Approx(200 * 5.0 + 45).epsilon(0.15));  // tCCD_L each
  }
}
