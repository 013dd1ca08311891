// What stands around an InlineCompressionEngine in its tests: initiators, memories, tensors.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/compression/inline_engine.h"
#include "tests/platform/naive_streams.h"
#include "tests/platform/random_layers.h"
#include "tests/support/base_protocol_checker.h"
#include "tests/support/fresh_simulation.h"

namespace dpred::test {

using ByteVector = std::vector<std::uint8_t>;

/// A memory that answers every access after the same time, as many at a time as one likes.
class LatencyMemory : public sc_core::sc_module {
 public:
  /// How the non-blocking path answers BEGIN_REQ.
  enum class Manner { end_request, end_request_later, begin_response, completed };

  tlm_utils::simple_target_socket<LatencyMemory> socket{"socket"};
  ByteVector bytes;
  Manner manner = Manner::end_request;
  bool waits = false;                                    ///< in b_transport, instead of annotating
  std::pair<std::uint64_t, std::uint64_t> broken{0, 0};  ///< addresses that answer with an error
  std::pair<std::uint64_t, std::uint64_t> unwritable{0, 0};
  std::uint64_t odd_accesses = 0;  ///< that aren't whole bursts

  LatencyMemory(const sc_core::sc_module_name& name, std::size_t capacity, const sc_core::sc_time& latency,
                std::uint64_t burst = 64)
      : sc_module(name), bytes(capacity), latency_(latency), burst_(burst) {
    socket.register_b_transport(this, &LatencyMemory::b_transport);
    socket.register_nb_transport_fw(this, &LatencyMemory::nb_transport_fw);
    socket.register_transport_dbg(this, &LatencyMemory::transport_dbg);
    SC_HAS_PROCESS(LatencyMemory);
    SC_METHOD(work);
    sensitive << event_;
    dont_initialize();
  }

 private:
  struct Pending {
    tlm::tlm_generic_payload* payload;
    sc_core::sc_time accept, response;
    bool is_accepted;
  };

  tlm::tlm_response_status access(tlm::tlm_generic_payload& payload) {
    const std::uint64_t address = payload.get_address();
    const std::uint64_t length = payload.get_data_length();
    if (address % burst_ != 0 || length % burst_ != 0 || payload.get_streaming_width() != length)
      ++odd_accesses;
    if (address + length > bytes.size()) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    const auto hits = [&](const std::pair<std::uint64_t, std::uint64_t>& range) {
      return address < range.second && range.first < address + length;
    };
    if (hits(broken) || (payload.is_write() && hits(unwritable))) return tlm::TLM_COMMAND_ERROR_RESPONSE;
    std::uint8_t* const at = bytes.data() + address;
    if (payload.is_write()) {
      std::copy_n(payload.get_data_ptr(), length, at);
    } else {
      std::copy_n(at, length, payload.get_data_ptr());
    }
    return tlm::TLM_OK_RESPONSE;
  }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    if (waits) {
      wait(delay + latency_);
      delay = sc_core::SC_ZERO_TIME;
    } else {
      delay += latency_;
    }
    payload.set_response_status(access(payload));
  }

  unsigned int transport_dbg(tlm::tlm_generic_payload& payload) {
    return access(payload) == tlm::TLM_OK_RESPONSE ? payload.get_data_length() : 0;
  }

  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    if (phase == tlm::END_RESP) {
      is_responding_ = false;
      payload.release();
      event_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_COMPLETED;
    }
    const bool is_idle = pending_.empty() && !is_responding_;
    if (manner == Manner::completed && is_idle) {
      payload.set_response_status(access(payload));
      delay += latency_;
      return tlm::TLM_COMPLETED;
    }
    payload.acquire();
    if (manner == Manner::begin_response && is_idle) {
      payload.set_response_status(access(payload));
      is_responding_ = true;
      phase = tlm::BEGIN_RESP;
      delay += latency_;
      return tlm::TLM_UPDATED;
    }
    const bool is_accepted = manner != Manner::end_request_later;
    const sc_core::sc_time accept = now + delay + (is_accepted ? sc_core::SC_ZERO_TIME : latency_ / 4);
    pending_.push_back({&payload, accept, now + delay + latency_, is_accepted});
    event_.notify(sc_core::SC_ZERO_TIME);
    if (!is_accepted) return tlm::TLM_ACCEPTED;
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }

  void work() {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    if (!pending_.empty() && !pending_.back().is_accepted && pending_.back().accept <= now) {
      pending_.back().is_accepted = true;
      tlm::tlm_phase phase = tlm::END_REQ;
      socket->nb_transport_bw(*pending_.back().payload, phase, delay);
    }
    if (!pending_.empty() && !is_responding_ && pending_.front().response <= now) {
      tlm::tlm_generic_payload& payload = *pending_.front().payload;
      pending_.pop_front();
      is_responding_ = true;
      payload.set_response_status(access(payload));
      tlm::tlm_phase phase = tlm::BEGIN_RESP;
      socket->nb_transport_bw(payload, phase, delay);
    }
    sc_core::sc_time next = sc_core::sc_max_time();
    if (!pending_.empty() && !pending_.back().is_accepted) next = pending_.back().accept;
    if (!pending_.empty() && !is_responding_) next = std::min(next, pending_.front().response);
    if (next != sc_core::sc_max_time()) event_.notify(std::max(next, now) - now);
  }

  sc_core::sc_time latency_;
  std::uint64_t burst_;
  std::deque<Pending> pending_;
  bool is_responding_ = false;
  sc_core::sc_event event_;
};

/// One access of an initiator, and what became of it.
struct Order {
  bool is_write = false;
  std::uint64_t address = 0;
  ByteVector data;
  ByteVector enables{};
  unsigned int streaming_width = 0;                    ///< 0: the length
  tlm::tlm_command command = tlm::TLM_IGNORE_COMMAND;  ///< otherwise as is_write has it
  bool odd_command = false;                            ///< `command` counts
  bool no_data = false;
  bool no_enables = false;               ///< byte enables of length 0
  std::function<void(Order&)> before{};  ///< called when it is sent, in order
  tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
  sc_core::sc_time begun, ended;  ///< local times
};

/// Sends orders one after another: blocking with a local time that runs ahead, or non-blocking and pipelined.
class OrderInitiator : public sc_core::sc_module, tlm::tlm_mm_interface {
 public:
  tlm_utils::simple_initiator_socket<OrderInitiator> socket{"socket"};
  std::vector<Order>& orders;
  bool non_blocking;
  std::size_t outstanding = 4;
  bool is_mixed = false;  ///< every eighth order goes over the blocking path
  std::size_t answered = 0;
  std::function<void()> setup;     ///< called before the first order
  std::function<void()> teardown;  ///< called when all are answered. With SystemC's threads, AddressSanitizer
                                   ///< forgets the main stack: what throws belongs here, not behind sc_start

  OrderInitiator(const sc_core::sc_module_name& name, std::vector<Order>& all, bool is_non_blocking)
      : sc_module(name), orders(all), non_blocking(is_non_blocking) {
    socket.register_nb_transport_bw(this, &OrderInitiator::nb_transport_bw);
    SC_HAS_PROCESS(OrderInitiator);
    SC_THREAD(send);
    SC_METHOD(end_response);
    sensitive << end_event_;
    dont_initialize();
  }

 private:
  struct Flight : tlm::tlm_generic_payload {
    Order* order = nullptr;
    std::size_t number = 0;
  };

  void free(tlm::tlm_generic_payload* payload) override {
    payload->reset();
    free_.push_back(static_cast<Flight*>(payload));
  }

  Flight& take(Order& order) {
    if (free_.empty()) {
      flights_.push_back(std::make_unique<Flight>());
      flights_.back()->set_mm(this);
      free_.push_back(flights_.back().get());
    }
    Flight& flight = *free_.back();
    free_.pop_back();
    flight.acquire();
    flight.order = &order;
    flight.number = sent_++;
    flight.set_command(order.odd_command ? order.command
                       : order.is_write  ? tlm::TLM_WRITE_COMMAND
                                         : tlm::TLM_READ_COMMAND);
    flight.set_address(order.address);
    flight.set_data_ptr(order.no_data ? nullptr : order.data.data());
    const auto length = static_cast<unsigned int>(order.data.size());
    flight.set_data_length(length);
    flight.set_streaming_width(order.streaming_width == 0 ? length : order.streaming_width);
    flight.set_byte_enable_ptr(order.enables.empty() ? nullptr : order.enables.data());
    if (order.no_enables) flight.set_byte_enable_ptr(order.data.data());
    flight.set_byte_enable_length(static_cast<unsigned int>(order.enables.size()));
    flight.set_dmi_allowed(false);
    flight.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return flight;
  }

  void finish(Flight& flight, const sc_core::sc_time& at) {
    flight.order->status = flight.get_response_status();
    flight.order->ended = at;
    ++answered;
    --under_way_;
    flight.release();
    event_.notify(sc_core::SC_ZERO_TIME);
  }

  void send() {
    if (setup) setup();
    sc_core::sc_time local = sc_core::SC_ZERO_TIME;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      Order& order = orders[i];
      if (!non_blocking || (is_mixed && i % 8 == 0)) {
        while (under_way_ > 0)
          wait(event_);
        if (order.before) order.before(order);
        Flight& flight = take(order);
        ++under_way_;
        order.begun = sc_core::sc_time_stamp() + local;
        socket->b_transport(flight, local);
        finish(flight, sc_core::sc_time_stamp() + local);
        if (non_blocking || local > sc_core::sc_time(1, sc_core::SC_US)) {
          wait(local);
          local = sc_core::SC_ZERO_TIME;
        }
        continue;
      }
      while (request_open_ || under_way_ == outstanding)
        wait(event_);
      if (order.before) order.before(order);
      Flight& flight = take(order);
      ++under_way_;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = sc_core::sc_time(i % 16 == 5 ? 3 : 0, sc_core::SC_NS);
      const sc_core::sc_time ahead = delay;
      order.begun = sc_core::sc_time_stamp() + delay;
      request_open_ = true;
      switch (socket->nb_transport_fw(flight, phase, delay)) {
        case tlm::TLM_ACCEPTED:
          break;
        case tlm::TLM_UPDATED:
          request_open_ = false;
          if (phase == tlm::BEGIN_RESP) respond(flight);
          break;
        default:
          request_open_ = false;
          finish(flight, sc_core::sc_time_stamp() + delay);
          wait(ahead);  // the request has ended at its start, no sooner
      }
    }
    while (under_way_ > 0)
      wait(event_);
    if (teardown) teardown();
  }

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) {
    auto& flight = static_cast<Flight&>(payload);
    if (phase == tlm::END_REQ) {
      request_open_ = false;
      event_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_ACCEPTED;
    }
    if (flight.number % 3 == 0) {
      finish(flight, sc_core::sc_time_stamp());
      return tlm::TLM_COMPLETED;
    }
    if (flight.number % 3 == 1) {
      phase = tlm::END_RESP;
      delay += sc_core::sc_time(1, sc_core::SC_NS);
      finish(flight, sc_core::sc_time_stamp());
      return tlm::TLM_UPDATED;
    }
    respond(flight);
    return tlm::TLM_ACCEPTED;
  }

  void respond(Flight& flight) {
    ending_ = &flight;
    response_at_ = sc_core::sc_time_stamp();
    end_event_.notify(sc_core::sc_time(static_cast<double>(flight.number % 4), sc_core::SC_NS));
  }

  void end_response() {
    Flight& flight = *ending_;
    tlm::tlm_phase phase = tlm::END_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_fw(flight, phase, delay);
    finish(flight, response_at_);
  }

  std::vector<std::unique_ptr<Flight>> flights_;
  std::vector<Flight*> free_;
  std::size_t sent_ = 0;
  std::size_t under_way_ = 0;
  bool request_open_ = false;
  Flight* ending_ = nullptr;
  sc_core::sc_time response_at_;
  sc_core::sc_event event_, end_event_;
};

/// Initiator, checker, engine, checker; the memory is bound by the case.
struct InlineBench {
  std::vector<Order> orders;
  std::unique_ptr<OrderInitiator> initiator;
  std::unique_ptr<BaseProtocolChecker> front, back;
  std::unique_ptr<InlineCompressionEngine> engine;

  InlineBench(const InlineEngineConfig& config, bool non_blocking, bool malformed = false) {
    fresh_simulation();
    initiator = std::make_unique<OrderInitiator>("initiator", orders, non_blocking);
    BaseProtocolOptions front_options;
    front_options.malformed_payloads = malformed;
    BaseProtocolOptions back_options;
    back_options.end_resp_by_call = true;
    front = std::make_unique<BaseProtocolChecker>("front", front_options);
    back = std::make_unique<BaseProtocolChecker>("back", back_options);
    engine = std::make_unique<InlineCompressionEngine>("engine", config);
    initiator->socket.bind(front->target_socket);
    front->initiator_socket.bind(engine->socket);
    engine->mem.bind(back->target_socket);
  }

  unsigned int debug(tlm::tlm_command command, std::uint64_t address, ByteVector& data) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(static_cast<unsigned int>(data.size()));
    payload.set_streaming_width(static_cast<unsigned int>(data.size()));
    return initiator->socket->transport_dbg(payload);
  }
  ByteVector peek(std::uint64_t address, std::size_t length) {
    ByteVector data(length);
    data.resize(debug(tlm::TLM_READ_COMMAND, address, data));
    return data;
  }
  bool poke(std::uint64_t address, ByteVector data) {
    return debug(tlm::TLM_WRITE_COMMAND, address, data) == data.size();
  }

  Order& read(std::uint64_t address, std::size_t length) { return add(false, address, ByteVector(length)); }
  Order& write(std::uint64_t address, const ByteVector& data) { return add(true, address, data); }

 private:
  Order& add(bool is_write, std::uint64_t address, const ByteVector& data) {
    orders.emplace_back();
    orders.back().is_write = is_write;
    orders.back().address = address;
    orders.back().data = data;
    return orders.back();
  }
};

}  // namespace dpred::test
