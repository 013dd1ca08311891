// Named DRAM presets: one table entry each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/dram/timings.h"

namespace dpred::dram {

struct Preset {
  std::string name;
  std::string source;  ///< where the numbers come from, for reports
  Timings timings;
  Organisation organisation;
  std::string default_mapping;  ///< see AddressMap for the language
  bool ideal;                   ///< no latency and unlimited bandwidth: of `timings` nothing is used

  /// Bytes per second of one channel when the data bus never idles. Without meaning for an ideal memory.
  double peak_bandwidth() const {
    return 1e6 * timings.clock_mhz * organisation.burst_bytes / timings.burst_clocks();
  }
};

/// The preset of that name; throws InputError naming the nearest one (key `dram.preset`).
const Preset& find_preset(std::string_view name);

/// All names, in the order of the table.
std::vector<std::string> preset_names();

/// Throws InputError when the numbers contradict each other (tRC below tRAS, a burst of zero bytes, a count
/// that is no power of two, a refresh interval too short to serve a burst). For presets from outside the
/// table.
void check(const Preset& preset);

}  // namespace dpred::dram
