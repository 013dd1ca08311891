// SystemC has one simulation a process; tests need one a case.
#pragma once

#include <systemc>

namespace dpred::test {

/// Replaces the current simulation context by an empty one. The old one is leaked: the kernel offers no other
/// way.
inline void fresh_simulation() {
  sc_core::sc_curr_simcontext = new sc_core::sc_simcontext;
  sc_core::sc_default_global_context = sc_core::sc_curr_simcontext;
}

}  // namespace dpred::test
