// A clock domain in the time units of the running simulation.
#pragma once

#include <cmath>
#include <cstdint>
#include <systemc>

#include "models/tlm/clock_domain.h"

namespace dpred {

/// One unit of simulation time. Asking makes the resolution final, so not before elaboration has ended.
/// Resolutions are powers of ten from 1 fs: rounding only removes the error of the floating-point number.
inline std::uint64_t femtoseconds_per_unit() {
  return static_cast<std::uint64_t>(std::llround(sc_core::sc_get_time_resolution().to_seconds() * 1e15));
}

/// Array cycles as simulation times, and back. Not to be used before elaboration has ended.
class CycleClock {
 public:
  explicit CycleClock(std::uint64_t clock_mhz) : clock_mhz_(clock_mhz) {}

  sc_core::sc_time time_of(std::uint64_t cycle) const {
    return sc_core::sc_time::from_value(domain().units_from_clocks(cycle));
  }
  /// The first cycle at or after a time.
  std::uint64_t cycle_at(const sc_core::sc_time& time) const {
    return domain().clocks_from_units(time.value());
  }

 private:
  // The platform may set the resolution until elaboration ends, so it is asked for at each use.
  ClockDomain domain() const { return {static_cast<std::uint32_t>(clock_mhz_), femtoseconds_per_unit()}; }

  std::uint64_t clock_mhz_;
};

}  // namespace dpred
