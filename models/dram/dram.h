// DRAM as a TLM-2.0 target.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/dram/sparse_memory.h"
#include "models/dram/timing_core.h"
#include "models/tlm/clock_domain.h"

namespace dpred::dram {

/// Memory of `channels` times the preset's capacity from address 0.
///
/// b_transport never waits: it books the bursts that the payload touches, arriving at the local time (the
/// current time plus the delay) rounded up to a clock, and sets the delay to the end of the last data,
/// rounded up to a time unit. Calls are served in the order in which they are made (Channel).
///
/// nb_transport puts the bursts into the ports of their channels, each of ControllerSettings::port_entries,
/// from which the queues of a reordering controller (Scheduler) take one a clock, in order, as they have
/// room. END_REQ says that all of them found a place: as the answer to BEGIN_REQ (TLM_UPDATED, so that an
/// initiator can send several requests at a time) or, where the annotated start has to be waited for or a
/// port is full, later. Latencies count from the entry into the queues. BEGIN_RESP comes at the end of the
/// last data, one payload at a time; payloads overtake each other unless they share a burst that one of them
/// writes. Data is read or written burst by burst as they are served. TLM_COMPLETED answers a BEGIN_REQ that
/// the memory refuses, ignores or, when ideal, serves at once.
///
/// Both may be used at the same time; b_transport then goes before those commands of what is queued that are
/// not in the past.
///
/// Any address and length in range is served, with or without byte enables; bursts count whole, even when no
/// byte of one is enabled. Responses: address error beyond the capacity; burst error for no data, and for a
/// streaming width below the data length; byte enable error for byte enables of length 0; generic error
/// for data that is not there. Such a payload
/// takes no time and no effect. TLM_IGNORE_COMMAND succeeds without one. Payloads with an ElidedPayload are
/// timed and counted but not copied; those with a StreamId are counted by its number. An ideal preset leaves
/// the delay as it is.
///
/// transport_dbg reads or writes the part in range and returns its length: neither time nor counts change.
/// Direct memory access is refused, for the ideal memory too.
class Dram : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Dram> socket{"socket"};

  /// Arguments and errors as for TimingCore.
  Dram(const sc_core::sc_module_name& name, const Preset& preset, const std::string& mapping, int channels,
       const ControllerSettings& settings = {});

  std::uint64_t capacity() const { return core_.map().capacity(); }
  Statistics statistics() const { return core_.statistics(); }

 private:
  /// A payload between BEGIN_REQ and BEGIN_RESP.
  struct InFlight {
    tlm::tlm_generic_payload* payload = nullptr;  ///< none: the slot is free
    std::uint64_t first_burst = 0;
    std::uint64_t bursts = 0;
    std::uint64_t queued = 0;  ///< of the bursts, in ports too
    std::uint64_t served = 0;
    Clock data_end = 0;
    std::uint8_t stream = 0;
    bool copied = true;                    ///< not elided
    std::uint32_t waits_for = 0;           ///< older payloads whose response has to go first
    std::vector<std::uint32_t> followers;  ///< slots that wait for this one
  };
  /// A burst on its way into the queues of its channel.
  struct PortBurst {
    Location at;
    bool is_write;
    std::uint8_t stream;
    Clock arrival;
    std::uint64_t tag;
  };
  struct Port {
    std::deque<PortBurst> waiting;
    Clock free = 0;  ///< when the queues take the next burst, if they have room
  };
  struct Response {
    Clock clock;
    std::uint64_t order;  ///< among those of the same clock
    tlm::tlm_generic_payload* payload;
    bool operator<(const Response& other) const {  // the first in time on top of a priority queue
      return clock != other.clock ? clock > other.clock : order > other.order;
    }
  };

  // To ask for the time resolution fixes it, so that a constructor must not.
  void end_of_elaboration() override;

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay);
  unsigned int transport_dbg(tlm::tlm_generic_payload& payload);

  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload) const;
  void book(const tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);

  tlm::tlm_sync_enum begin_request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                   const sc_core::sc_time& delay);
  std::uint32_t take_slot(tlm::tlm_generic_payload& payload);
  void keep_order(std::uint32_t slot);
  void complete(std::uint32_t slot);
  bool queue_bursts(std::uint32_t slot, Clock arrival);
  bool queue_burst(const PortBurst& burst);
  void enter(const PortBurst& burst, Clock clock);
  void advance(std::uint32_t channel, Clock until);
  void serve(const ServedBurst& burst);
  void settle();
  void wake();
  void continue_request();
  void end_response(const sc_core::sc_time& delay);
  void send_responses();
  Clock next_entry(std::uint32_t channel);
  void plan_next_wake();

  Clock clock_now() const;
  Clock clock_after(const sc_core::sc_time& delay) const;
  void copy(const tlm::tlm_generic_payload& payload, std::uint64_t begin, std::uint64_t end);
  void copy(std::uint64_t address, std::uint8_t* data, std::size_t bytes, bool is_write);

  static constexpr std::uint32_t no_slot = ~std::uint32_t{0};

  TimingCore core_;
  SparseMemory memory_;
  ClockDomain clock_;
  Clock shortest_latency_;  ///< from a column command to the end of its data

  std::vector<Port> ports_;  ///< of each channel
  std::vector<InFlight> in_flight_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t long_payloads_ = 0;       ///< in flight, of more than one burst
  std::uint32_t open_request_ = no_slot;  ///< its END_REQ is still to come
  Clock open_request_start_ = 0;
  PortBurst full_ = {};  ///< of the open request, once it found its port full
  std::priority_queue<Response> responses_;
  std::uint64_t response_count_ = 0;
  tlm::tlm_generic_payload* open_response_ = nullptr;  ///< its END_RESP is still to come
  Clock response_free_ = 0;                            ///< when the next BEGIN_RESP may go out
  sc_core::sc_event wake_;
  Clock next_wake_ = Channel::never;
};

}  // namespace dpred::dram
