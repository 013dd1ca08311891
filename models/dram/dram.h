// DRAM as a TLM-2.0 target.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <string>
#include <systemc>
#include <tlm>

#include "models/dram/sparse_memory.h"
#include "models/dram/timing_core.h"
#include "models/tlm/clock_domain.h"

namespace dpred::dram {

/// Memory of `channels` times the preset's capacity from address 0.
///
/// b_transport never waits: it books the bursts that the payload touches, arriving at the local time (the
/// current time plus the delay) rounded up to a clock, and sets the delay to the end of the last data,
/// rounded up to a time unit. Calls are served in the order in which they are made. An ideal preset leaves
/// the delay as it is.
///
/// Any address and length in range is served, with or without byte enables; bursts count whole, even when no
/// byte of one is enabled. Responses: address error beyond the capacity; burst error for no data, and for a
/// streaming width below the data length; byte enable error for byte enables of length 0. Such a payload
/// takes no time and no effect. TLM_IGNORE_COMMAND succeeds without one. Payloads with an ElidedPayload are
/// timed and counted but not copied.
///
/// transport_dbg reads or writes the part in range and returns its length: neither time nor counts change.
/// Direct memory access is refused, for the ideal memory too.
class Dram : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Dram> socket{"socket"};

  /// Arguments and errors as for AddressMap.
  Dram(const sc_core::sc_module_name& name, const Preset& preset, const std::string& mapping, int channels);

  std::uint64_t capacity() const { return core_.map().capacity(); }
  Statistics statistics() const { return core_.statistics(); }

 private:
  // To ask for the time resolution fixes it, so that a constructor must not.
  void end_of_elaboration() override;

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned int transport_dbg(tlm::tlm_generic_payload& payload);

  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload) const;
  void book(const tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void copy(const tlm::tlm_generic_payload& payload);
  void copy(std::uint64_t address, std::uint8_t* data, std::size_t bytes, bool is_write);

  TimingCore core_;
  SparseMemory memory_;
  ClockDomain clock_;
};

}  // namespace dpred::dram
