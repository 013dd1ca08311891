#include "tests/bench/memory_bench.h"

#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <deque>
#include <memory>
#include <systemc>
#include <tlm>

#include "models/dram/dram.h"
#include "models/dram/request_source.h"
#include "models/dram/traffic.h"
#include "tests/support/fresh_simulation.h"

namespace dpred::bench {

namespace {

using sc_core::sc_time;

constexpr std::uint64_t range = std::uint64_t{1} << 29;

void bookings(Bench& bench) {
  constexpr int bursts = 16384;
  for (const char* name : {"lpddr4-3200", "ddr4-3200"}) {
    const dram::Preset& preset = dram::find_preset(name);
    const std::uint64_t burst = preset.organisation.burst_bytes;
    dram::TimingCore streaming(preset, "", 1);
    std::uint64_t address = 0;
    dram::Clock now = 0;
    bench.rate("dram book_run streaming, " + std::string(name), "M bursts/s", bursts * 1e-6, [&] {
      for (int i = 0; i < bursts / 8; ++i, address += 8 * burst) {
        now = streaming.book_run(address % streaming.map().capacity(), 8 * burst, false, now);
      }
    });
    dram::TimingCore scattered(preset, "", 1);
    Random random(30);
    bench.rate("dram book_run random, " + std::string(name), "M bursts/s", bursts * 1e-6, [&] {
      for (int i = 0; i < bursts; ++i) {
        const std::uint64_t at = random.below(scattered.map().capacity() / burst) * burst;
        now = scattered.book_run(at, burst, (i & 3) == 0, now);
      }
    });
  }
}

/// Patterns through the queues of the controller, at most `outstanding` bursts under way.
void scheduling(Bench& bench, const char* preset_name, const char* pattern_name, std::uint32_t outstanding,
                std::uint64_t requests) {
  const dram::TrafficPattern& pattern = dram::find_traffic_pattern(pattern_name);
  const dram::Preset& preset = dram::find_preset(preset_name);
  const dram::TrafficShape shape{preset.organisation.burst_bytes, range, 1};
  std::string name = std::string("dram schedule ") + pattern_name + ", " + preset_name;
  if (outstanding != 64) name += ", " + std::to_string(outstanding) + " outstanding";
  if (requests != 10000) name += ", " + std::to_string(requests / 1000) + " k at a time";
  bench.rate(name, "M bursts/s", static_cast<double>(requests) * 1e-6, [&] {
    dram::TimingCore core(preset, "", 1);
    dram::RequestSource source(core, outstanding);
    for (std::uint64_t n = 0; n < requests; ++n) {
      const dram::TrafficRequest r = pattern.request(n, shape);
      source.send({r.address, r.is_write, r.stream, 0});
    }
    source.finish();
    keep(core.statistics());
  });
}

/// Payloads of one burst each, of a pattern, used again once they come back.
class Flights : tlm::tlm_mm_interface {
 public:
  Flights(const dram::TrafficPattern& pattern, const dram::TrafficShape& shape)
      : pattern_(pattern), shape_(shape) {}

  /// The n-th request of the pattern, with a reference for the initiator.
  tlm::tlm_generic_payload& take(std::uint64_t n) {
    if (free_.empty()) {
      pool_.push_back(std::make_unique<Flight>());
      Flight& fresh = *pool_.back();
      fresh.set_mm(this);
      fresh.bytes.resize(shape_.burst_bytes);
      fresh.set_data_ptr(fresh.bytes.data());
      fresh.set_data_length(static_cast<unsigned int>(shape_.burst_bytes));
      fresh.set_streaming_width(static_cast<unsigned int>(shape_.burst_bytes));
      free_.push_back(&fresh);
    }
    Flight& flight = *free_.back();
    free_.pop_back();
    const dram::TrafficRequest request = pattern_.request(n, shape_);
    flight.set_command(request.is_write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    flight.set_address(request.address);
    flight.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    flight.acquire();
    return flight;
  }

 private:
  struct Flight : tlm::tlm_generic_payload {
    std::vector<unsigned char> bytes;
  };

  void free(tlm::tlm_generic_payload* payload) override { free_.push_back(static_cast<Flight*>(payload)); }

  const dram::TrafficPattern& pattern_;
  dram::TrafficShape shape_;
  std::vector<std::unique_ptr<Flight>> pool_;
  std::vector<Flight*> free_;
};

/// Sends a pattern over the four phases as fast as it is taken, with a number of requests outstanding: as
/// cheaply as an initiator can, so that the target's own cost shows.
class MethodInitiator : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<MethodInitiator> socket{"socket"};

  MethodInitiator(const sc_core::sc_module_name& name, const dram::TrafficPattern& pattern,
                  const dram::TrafficShape& shape, std::size_t outstanding)
      : sc_module(name), flights_(pattern, shape), outstanding_(outstanding) {
    socket.register_nb_transport_bw(this, &MethodInitiator::nb_transport_bw);
    SC_HAS_PROCESS(MethodInitiator);
    SC_METHOD(send);
    sensitive << send_event_;
    dont_initialize();
    SC_METHOD(end_response);
    sensitive << end_event_;
    dont_initialize();
  }

  /// Sends that many further requests; returns when all are answered.
  void run(std::uint64_t requests) {
    last_ += requests;
    send_event_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start();
  }

 private:
  void send() {
    while (!request_open_ && next_ < last_ && under_way_ < outstanding_) {
      tlm::tlm_generic_payload& flight = flights_.take(next_++);
      ++under_way_;
      request_open_ = true;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_time delay = sc_core::SC_ZERO_TIME;
      if (socket->nb_transport_fw(flight, phase, delay) == tlm::TLM_UPDATED) request_open_ = false;
    }
  }

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_time&) {
    if (phase == tlm::END_REQ) {
      request_open_ = false;
      send_event_.notify(sc_core::SC_ZERO_TIME);
    } else {
      responding_ = &payload;
      end_event_.notify(sc_core::SC_ZERO_TIME);
    }
    return tlm::TLM_ACCEPTED;
  }

  void end_response() {
    tlm::tlm_phase phase = tlm::END_RESP;
    sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_fw(*responding_, phase, delay);
    responding_->release();
    --under_way_;
    if (!request_open_) send();
  }

  Flights flights_;
  std::size_t outstanding_;
  std::uint64_t next_ = 0;
  std::uint64_t last_ = 0;
  std::size_t under_way_ = 0;
  bool request_open_ = false;
  tlm::tlm_generic_payload* responding_ = nullptr;
  sc_core::sc_event send_event_, end_event_;
};

/// The same as text books write it: a thread that sends, and a queue for what comes back.
class ThreadInitiator : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<ThreadInitiator> socket{"socket"};

  ThreadInitiator(const sc_core::sc_module_name& name, const dram::TrafficPattern& pattern,
                  const dram::TrafficShape& shape, std::size_t outstanding)
      : sc_module(name),
        flights_(pattern, shape),
        outstanding_(outstanding),
        queue_(this, &ThreadInitiator::phase_due) {
    socket.register_nb_transport_bw(this, &ThreadInitiator::nb_transport_bw);
    SC_HAS_PROCESS(ThreadInitiator);
    SC_THREAD(send);
  }

  /// Sends that many further requests; returns when all are answered.
  void run(std::uint64_t requests) {
    last_ += requests;
    more_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start();
  }

 private:
  void send() {
    for (;;) {
      while (next_ == last_)
        wait(more_);
      while (under_way_ == outstanding_)
        wait(answered_);
      tlm::tlm_generic_payload& flight = flights_.take(next_++);
      ++under_way_;
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_time delay = sc_core::SC_ZERO_TIME;
      if (socket->nb_transport_fw(flight, phase, delay) == tlm::TLM_ACCEPTED) wait(request_ended_);
    }
  }

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_time& delay) {
    queue_.notify(payload, phase, delay);
    return tlm::TLM_ACCEPTED;
  }

  void phase_due(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    if (phase == tlm::END_REQ) {
      request_ended_.notify();
      return;
    }
    tlm::tlm_phase end = tlm::END_RESP;
    sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_fw(payload, end, delay);
    payload.release();
    --under_way_;
    answered_.notify();
  }

  Flights flights_;
  std::size_t outstanding_;
  std::uint64_t next_ = 0;
  std::uint64_t last_ = 0;
  std::size_t under_way_ = 0;
  tlm_utils::peq_with_cb_and_phase<ThreadInitiator> queue_;
  sc_core::sc_event more_, answered_, request_ended_;
};

/// What the four phases cost alone: takes a request after a clock, answers it after a fixed latency, and does
/// nothing.
class EmptyTarget : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<EmptyTarget> socket{"socket"};

  explicit EmptyTarget(const sc_core::sc_module_name& name)
      : sc_module(name), queue_(this, &EmptyTarget::phase_due) {
    socket.register_nb_transport_fw(this, &EmptyTarget::nb_transport_fw);
  }

 private:
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) payload.acquire();
    queue_.notify(payload, phase, phase == tlm::BEGIN_REQ ? delay + clock_ : delay);
    return tlm::TLM_ACCEPTED;
  }

  void phase_due(tlm::tlm_generic_payload& payload, const tlm::tlm_phase& phase) {
    if (phase == tlm::BEGIN_REQ) {
      tlm::tlm_phase end = tlm::END_REQ;
      sc_time delay = sc_core::SC_ZERO_TIME;
      queue_.notify(payload, tlm::BEGIN_RESP, 16 * clock_);
      socket->nb_transport_bw(payload, end, delay);
    } else if (phase == tlm::BEGIN_RESP) {
      due_.push_back(&payload);
      respond();
    } else {
      responding_ = false;
      payload.release();
      respond();
    }
  }

  void respond() {
    if (responding_ || due_.empty()) return;
    responding_ = true;
    tlm::tlm_generic_payload& payload = *due_.front();
    due_.pop_front();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_time delay = sc_core::SC_ZERO_TIME;
    socket->nb_transport_bw(payload, phase, delay);
  }

  sc_time clock_{625, sc_core::SC_PS};
  tlm_utils::peq_with_cb_and_phase<EmptyTarget> queue_;
  std::deque<tlm::tlm_generic_payload*> due_;
  bool responding_ = false;
};

constexpr std::uint64_t pass = 10000;

template <class Initiator, class Target>
void four_phases(Bench& bench, const std::string& name, const char* pattern, std::size_t outstanding,
                 Target& target) {
  const dram::TrafficShape shape{64, range, 1};
  Initiator initiator("initiator", dram::find_traffic_pattern(pattern), shape, outstanding);
  initiator.socket.bind(target.socket);
  bench.rate(name, "M bursts/s", pass * 1e-6, [&] { initiator.run(pass); });
}

template <class Initiator>
void four_phases(Bench& bench, const std::string& kind) {
  const dram::Preset& preset = dram::find_preset("ddr4-3200");
  for (const std::size_t outstanding : {1, 64}) {
    const std::string suffix = outstanding == 64 ? "" : ", " + std::to_string(outstanding) + " outstanding";
    test::fresh_simulation();
    EmptyTarget empty("empty");
    four_phases<Initiator>(bench, kind + ", empty target" + suffix, "seq", outstanding, empty);
    for (const char* pattern : {"seq", "random", "tiles"}) {
      test::fresh_simulation();
      dram::Dram memory("memory", preset, "", 1);
      const std::string name = kind + ", ddr4-3200 " + pattern + suffix;
      four_phases<Initiator>(bench, name, pattern, outstanding, memory);
    }
  }
}

struct BlockingInitiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<BlockingInitiator> socket{"socket"};
  explicit BlockingInitiator(const sc_core::sc_module_name& name) : sc_module(name) {}
};

/// Transactions of one burst through b_transport.
void blocking(Bench& bench) {
  for (const char* name : {"seq", "random"}) {
    const dram::TrafficPattern& pattern = dram::find_traffic_pattern(name);
    test::fresh_simulation();
    dram::Dram memory("memory", dram::find_preset("ddr4-3200"), "", 1);
    BlockingInitiator initiator("initiator");
    initiator.socket.bind(memory.socket);
    sc_core::sc_start(sc_time(1, sc_core::SC_NS));  // ends elaboration
    std::vector<unsigned char> bytes(64);
    tlm::tlm_generic_payload payload;
    payload.set_data_ptr(bytes.data());
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    const dram::TrafficShape shape{64, std::uint64_t{1} << 24, 1};
    std::uint64_t n = 0;
    bench.rate(std::string("tlm b_transport, ddr4-3200 ") + name, "M bursts/s", pass * 1e-6, [&] {
      for (std::uint64_t i = 0; i < pass; ++i) {
        const dram::TrafficRequest request = pattern.request(n++, shape);
        payload.set_command(request.is_write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
        payload.set_address(request.address);
        payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
        sc_time delay = sc_core::SC_ZERO_TIME;
        initiator.socket->b_transport(payload, delay);
        keep(delay);
      }
    });
  }
}

}  // namespace

void memory(Bench& bench) {
  bookings(bench);
  for (const char* pattern : {"seq", "tiles", "random"})
    scheduling(bench, "ddr4-3200", pattern, 64, 10000);
  for (const std::uint32_t outstanding : {1, 8})
    scheduling(bench, "ddr4-3200", "random", outstanding, 10000);
  scheduling(bench, "ddr4-3200", "random", 64, 1000000);
  scheduling(bench, "lpddr4-3200", "tiles", 64, 10000);
  blocking(bench);
  four_phases<MethodInitiator>(bench, "tlm four phases");
  four_phases<ThreadInitiator>(bench, "tlm four phases, thread");
}

}  // namespace dpred::bench
