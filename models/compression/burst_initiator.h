// The memory side of a component that serves both paths: blocking, non-blocking and debug accesses.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/tlm/elided_payload.h"

namespace dpred {

/// Base protocol, one request open at a time. Takes every legal answer of either path; BEGIN_RESP is answered
/// with TLM_ACCEPTED and END_RESP follows by a call of its own, for there are memories that wait for it.
/// Payloads are memory-managed. Direct memory access is not used.
class BurstInitiator : public sc_core::sc_module,
                       private tlm::tlm_bw_transport_if<>,
                       private tlm::tlm_mm_interface {
 public:
  tlm::tlm_initiator_socket<> socket{"socket"};

  explicit BurstInitiator(const sc_core::sc_module_name& name);

  /// Adds to `delay` what the memory takes; waits if the memory does. With `elided` the bytes need not be
  /// copied (ElidedPayload); `data` must be as valid as without.
  tlm::tlm_response_status transport(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data,
                                     std::uint64_t length, sc_core::sc_time& delay, bool elided = false);
  /// Without time. False unless all bytes were served.
  bool debug(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::uint64_t length);

  using Done = std::function<void(tlm::tlm_response_status, std::uint64_t address)>;
  /// Four phases, in the order of the calls. `done` is called from a process at the time of the response;
  /// `data` has to be valid until then. Doesn't wait.
  void send(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::uint64_t length,
            Done done, bool elided = false);
  /// A request was sent, and the memory has not yet taken it (END_REQ).
  bool is_held_back() const { return open_request_ != nullptr; }

 private:
  struct Request : tlm::tlm_generic_payload {
    ~Request() override { clear_extension(&elided); }
    ElidedPayload elided;
    Done done;
    sc_core::sc_time response;  ///< when it is there
    bool takes_end = false;     ///< END_RESP is owed for it
  };

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override;
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  void free(tlm::tlm_generic_payload* payload) override;

  Request& take(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                bool elided);
  void end_request(const sc_core::sc_time& delay);
  void respond(Request& request, const sc_core::sc_time& delay, bool takes_end);
  void send_next();
  void take_responses();

  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<Request*> free_;
  std::deque<Request*> waiting_;
  Request* open_request_ = nullptr;   ///< its END_REQ is still to come
  sc_core::sc_time request_end_;      ///< no request before
  std::vector<Request*> responding_;  ///< there, or on their way
  sc_core::sc_event send_event_, response_event_;
};

}  // namespace dpred
