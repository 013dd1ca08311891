// Array cycles as simulation times: computed from counts, never by adding up a rounded period.
#pragma once

#include <cstdint>
#include <systemc>

#include "models/dram/clock_domain.h"

namespace dpred {

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
  // The time resolution may be set until the first sc_time is made, so it is asked for at each use.
  dram::ClockDomain domain() const {
    const auto unit = sc_core::sc_get_time_resolution().to_seconds() * 1e15;
    return {static_cast<std::uint32_t>(clock_mhz_), static_cast<std::uint64_t>(unit + 0.5)};
  }

  std::uint64_t clock_mhz_;
};

}  // namespace dpred
