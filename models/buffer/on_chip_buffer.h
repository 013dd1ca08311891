// On-chip SRAM as a TLM-2.0 target.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <systemc>
#include <tlm>
#include <vector>

namespace dpred {

/// A buffer of `capacity` bytes, at least 1, from address 0, with one socket for who fills it and one for who
/// reads it; both serve reads and writes of any length.
///
/// Accesses are pipelined: b_transport adds no delay, and the access latency shows once a layer, as part of
/// the fill (docs/contracts.md, "Memory system and ledger"). What banks and ports cost is found job by job
/// (banks.h), not access by access: a transaction moves rows at a time, the array's steps read words.
///
/// Responses: command error for none of the three commands; burst error for no data or a streaming width
/// below the length; generic error for a null data pointer; byte enable error for any byte enables; address
/// error outside the capacity. Payloads with an ElidedPayload are counted, not copied. Debug accesses and
/// direct memory access, which is granted over the whole capacity, are not counted.
class OnChipBuffer : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket_optional<OnChipBuffer> write_port{"write_port"};
  tlm_utils::simple_target_socket_optional<OnChipBuffer> read_port{"read_port"};

  OnChipBuffer(const sc_core::sc_module_name& name, std::uint64_t capacity);

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned int transport_dbg(tlm::tlm_generic_payload& payload);
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload) const;

  std::vector<std::uint8_t> bytes_;
  std::uint64_t bytes_read_ = 0, bytes_written_ = 0;
};

}  // namespace dpred
