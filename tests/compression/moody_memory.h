// A memory that answers in every way the base protocol allows, or not at all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <systemc>
#include <tlm>
#include <utility>
#include <vector>

#include "tests/platform/random_layers.h"

namespace dpred::test {

/// Each request gets one of the legal answers at random, with a random latency; of the responses that are
/// due, any goes first.
class MoodyMemory : public sc_core::sc_module, private tlm::tlm_fw_transport_if<> {
 public:
  using Range = std::pair<std::uint64_t, std::uint64_t>;  ///< addresses [first, second)

  tlm::tlm_target_socket<> socket{"socket"};
  std::vector<std::uint8_t> bytes;
  sc_core::sc_time least{1, sc_core::SC_NS}, most{100, sc_core::SC_NS};  ///< latencies
  bool waits = false;                                                    ///< blocking calls, else annotates
  Range broken{0, 0};                                                    ///< answers with an error
  Range silent{0, 0};                                                    ///< takes the request, never answers
  Range deaf{0, 0};                                                      ///< never takes the request
  std::size_t most_pending[2] = {0, 0};  ///< of reads, writes with four phases
  std::uint64_t longest = 0, odd = 0;    ///< of all accesses: bytes, those that aren't whole and aligned

  MoodyMemory(const sc_core::sc_module_name& name, std::size_t capacity, std::uint64_t seed)
      : sc_module(name), bytes(capacity), random_(seed) {
    socket.bind(*this);
    SC_HAS_PROCESS(MoodyMemory);
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

  static bool hits(const tlm::tlm_generic_payload& payload, const Range& range) {
    return payload.get_address() < range.second &&
           range.first < payload.get_address() + payload.get_data_length();
  }

  void note(const tlm::tlm_generic_payload& payload) {
    const std::uint64_t length = payload.get_data_length();
    longest = std::max(longest, length);
    odd += (length & (length - 1)) != 0 || payload.get_address() % length != 0;
  }

  void serve(tlm::tlm_generic_payload& payload) {
    if (payload.get_address() + payload.get_data_length() > bytes.size() || hits(payload, broken)) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    std::uint8_t* const at = bytes.data() + payload.get_address();
    if (payload.is_write()) std::memcpy(at, payload.get_data_ptr(), payload.get_data_length());
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), at, payload.get_data_length());
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  sc_core::sc_time latency() {
    return sc_core::sc_time::from_value(static_cast<std::uint64_t>(
        random_.in(static_cast<std::int64_t>(least.value()), static_cast<std::int64_t>(most.value()))));
  }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override {
    note(payload);
    if (hits(payload, silent) || hits(payload, deaf)) sc_core::wait(never_);
    if (waits) {
      sc_core::wait(delay + latency());
      delay = sc_core::SC_ZERO_TIME;
    } else {
      delay += latency();
    }
    serve(payload);
  }

  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    if (phase == tlm::END_RESP) {
      is_responding_ = false;
      payload.release();
      event_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_COMPLETED;
    }
    note(payload);
    const bool never = hits(payload, silent) || hits(payload, deaf);
    const auto manner = never ? 9 : random_.in(0, 9);
    if (manner == 0) {
      serve(payload);
      delay += latency();
      return tlm::TLM_COMPLETED;
    }
    payload.acquire();
    if (manner == 1 && !is_responding_) {
      serve(payload);
      is_responding_ = true;
      phase = tlm::BEGIN_RESP;
      delay += latency();
      return tlm::TLM_UPDATED;
    }
    const bool is_accepted = manner >= 5 && !hits(payload, deaf);
    if (is_accepted && manner >= 8) delay += sc_core::sc_time(2, sc_core::SC_NS);
    const sc_core::sc_time response = never ? sc_core::sc_max_time() : now + delay + latency();
    sc_core::sc_time accept = now;
    if (!is_accepted) accept = manner == 2 ? response : now + delay + latency() / 4;
    if (hits(payload, deaf)) accept = sc_core::sc_max_time();
    pending_.push_back({&payload, accept, std::max(accept, response), is_accepted});
    std::size_t same = 0;
    for (const Pending& one : pending_)
      same += one.payload->is_write() == payload.is_write();
    most_pending[payload.is_write()] = std::max(most_pending[payload.is_write()], same);
    event_.notify(sc_core::SC_ZERO_TIME);
    if (!is_accepted) return tlm::TLM_ACCEPTED;
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }

  void work() {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    // The open request is the last one. Where its response is due as well, END_REQ may be left out.
    if (!pending_.empty() && !pending_.back().is_accepted && pending_.back().accept <= now &&
        pending_.back().response > now) {
      pending_.back().is_accepted = true;
      tlm::tlm_phase phase = tlm::END_REQ;
      socket->nb_transport_bw(*pending_.back().payload, phase, delay);
    }
    std::vector<std::size_t> due;
    for (std::size_t i = 0; i < pending_.size(); ++i)
      if (pending_[i].response <= now) due.push_back(i);
    if (!is_responding_ && !due.empty()) {
      const std::size_t chosen =
          due[static_cast<std::size_t>(random_.in(0, static_cast<std::int64_t>(due.size()) - 1))];
      tlm::tlm_generic_payload& payload = *pending_[chosen].payload;
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
      is_responding_ = true;
      serve(payload);
      tlm::tlm_phase phase = tlm::BEGIN_RESP;
      socket->nb_transport_bw(payload, phase, delay);
    }
    sc_core::sc_time next = sc_core::sc_max_time();
    if (!pending_.empty() && !pending_.back().is_accepted) next = pending_.back().accept;
    for (const Pending& one : pending_)
      if (!is_responding_) next = std::min(next, one.response);
    if (next != sc_core::sc_max_time()) event_.notify(std::max(next, now) - now);
  }

  unsigned int transport_dbg(tlm::tlm_generic_payload& payload) override {
    serve(payload);
    return payload.is_response_ok() ? payload.get_data_length() : 0;
  }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }

  Random random_;
  std::vector<Pending> pending_;
  bool is_responding_ = false;
  sc_core::sc_event event_, never_;
};

}  // namespace dpred::test
