// What a memory controller decides: plain numbers.
#pragma once

#include <cstdint>

#include "models/dram/channel.h"

namespace dpred::dram {

/// Queues are those of one channel. The defaults come closest to what two cycle-accurate simulators give on
/// the average (docs/dram.md).
struct ControllerSettings {
  PagePolicy page_policy = PagePolicy::open;
  bool refreshes = true;
  std::uint32_t queue_entries = 8;  ///< reads, and as many writes, of a bank among which to choose; from 1
  std::uint32_t entry_queue = 8;    ///< bursts that may wait for a place among those of their bank
  std::uint32_t write_high = 40;    ///< waiting writes at which a drain begins; from 1
  std::uint32_t write_low = 4;      ///< at which it ends if reads wait; below write_high
  std::uint32_t starvation_cap = 1024;  ///< younger bursts that may be served before an older one; from 1
  std::uint32_t port_entries = 64;      ///< bursts that a four-phase port holds for those queues
};

/// InputError, starting with the key of the parameter, for settings that don't go together.
void check(const ControllerSettings& settings);

}  // namespace dpred::dram
