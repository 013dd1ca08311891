// Timing of a whole DRAM: address map, channels and counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dram/address_map.h"
#include "models/dram/channel.h"

namespace dpred::dram {

/// What was booked in one direction.
struct Traffic {
  std::uint64_t bursts = 0;
  std::uint64_t row_hits = 0;     ///< bursts that found their row open
  std::uint64_t bytes = 0;        ///< whole bursts, whatever part of them was asked for
  std::uint64_t busy_clocks = 0;  ///< clocks of data, summed over the channels
};

struct Statistics {
  Traffic read;
  Traffic write;

  /// Row hits over bursts in both directions; 0 without bursts.
  double row_hit_rate() const {
    const std::uint64_t bursts = read.bursts + write.bursts;
    return bursts == 0 ? 0.0
                       : static_cast<double>(read.row_hits + write.row_hits) / static_cast<double>(bursts);
  }
};

/// Books bursts in the order of the calls (see Channel). Needs no SystemC; all times are DRAM clocks from 0.
/// An ideal preset books every burst at its arrival, as a row hit that takes no time.
class TimingCore {
 public:
  /// Arguments and errors as for AddressMap.
  TimingCore(const Preset& preset, const std::string& mapping, int channels);

  /// Books the burst that holds the byte at `address`. Throws std::out_of_range at or above map().capacity().
  Booking book(std::uint64_t address, bool is_write, Clock arrival);

  /// Books every burst that the `bytes` bytes from `address` touch, in ascending order, all with the same
  /// arrival. Returns the end of the last data on any channel; the arrival when `bytes` is 0.
  Clock book_run(std::uint64_t address, std::uint64_t bytes, bool is_write, Clock arrival);

  Statistics statistics() const;
  const Preset& preset() const { return preset_; }
  const AddressMap& map() const { return map_; }

  /// Calls `observer` for every command that later bookings imply: in the order of booking, not of time.
  void observe(const CommandObserver& observer);

 private:
  struct Count {
    std::uint64_t bursts = 0;
    std::uint64_t row_hits = 0;
  };

  void check_range(std::uint64_t address, std::uint64_t bytes) const;
  Booking book_burst(std::uint64_t address, bool is_write, Clock arrival);
  Traffic traffic(const Count& count) const;

  Preset preset_;
  AddressMap map_;
  std::vector<Channel> channels_;  ///< none for an ideal preset
  Count counts_[2];                ///< read, write
};

}  // namespace dpred::dram
