// For initiators that make blocking accesses only.
#pragma once

#include <tlm>

namespace dpred {

/// Nothing calls back to an initiator that uses neither the non-blocking path nor direct memory access.
struct NoBackwardPath : tlm::tlm_bw_transport_if<> {
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) override {
    return tlm::TLM_ACCEPTED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

}  // namespace dpred
