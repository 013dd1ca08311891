// Exact conversion between the clocks of a component and the time units of a simulation.
#pragma once

#include <cstdint>

namespace dpred {

/// Clock n lies at n / clock_mhz microseconds, rounded up to a unit and computed from the count each time: no
/// rounded period is ever summed up, so a clock whose period is no whole number of units does not drift. As
/// long as a unit is no longer than the period, a clock turned into a time and back is the same clock.
class ClockDomain {
 public:
  /// `clock_mhz` and `unit_femtoseconds` (one unit of simulation time) at least 1. Exact as long as neither
  /// the time in femtoseconds nor its product with `clock_mhz` passes 2^128.
  ClockDomain(std::uint32_t clock_mhz, std::uint64_t unit_femtoseconds)
      : clock_mhz_(clock_mhz), unit_femtoseconds_(unit_femtoseconds) {
    const Wide divisor = Wide{clock_mhz} * unit_femtoseconds;
    if (divisor <= femtoseconds_per_microsecond && femtoseconds_per_microsecond % divisor == 0) {
      whole_period_ = static_cast<std::uint64_t>(femtoseconds_per_microsecond / divisor);
    }
  }

  /// The first clock whose time (units_from_clocks) is not before `units`.
  std::uint64_t clocks_from_units(std::uint64_t units) const {
    if (units == 0) return 0;
    if (whole_period_ != 0) return (units - 1) / whole_period_ + 1;
    return static_cast<std::uint64_t>(Wide{units - 1} * unit_femtoseconds_ * clock_mhz_ /
                                      femtoseconds_per_microsecond) +
           1;
  }
  /// The first time unit at or after a clock.
  std::uint64_t units_from_clocks(std::uint64_t clocks) const {
    if (whole_period_ != 0) return clocks * whole_period_;
    const Wide divisor = Wide{clock_mhz_} * unit_femtoseconds_;
    return static_cast<std::uint64_t>((Wide{clocks} * femtoseconds_per_microsecond + divisor - 1) / divisor);
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
  static constexpr std::uint64_t femtoseconds_per_microsecond = 1000000000;

  std::uint32_t clock_mhz_;
  std::uint64_t unit_femtoseconds_;
  std::uint64_t whole_period_ = 0;  ///< units of a clock where that is a whole number, which saves divisions
};

}  // namespace dpred
