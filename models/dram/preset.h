// Named DRAM presets, one table entry each, and the rules that the numbers of any preset obey.
#pragma once

#include <optional>
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

/// A rule that the numbers of a preset break.
struct BrokenRule {
  std::vector<std::string> keys;  ///< numbers it speaks of, such as `timings.rc`: first the one to mend
  std::string rule;               ///< with the values: `tRC must not be below tRAS (40 < 52)`
};

/// The first rule that is broken, if any: a number out of its range, a count that is no power of two, tRC
/// below tRAS, a refresh interval too short to serve a burst and the like. Published tables round each number
/// on its own, so that sums (tRC = tRAS + tRP) are not compared, and tCCD_S may be below the clocks of a
/// burst: the bus then spaces the bursts. The default mapping is left to AddressMap.
std::optional<BrokenRule> broken_rule(const Preset& preset);

/// Throws InputError for the first broken rule. For presets from outside the table.
void check(const Preset& preset);

}  // namespace dpred::dram
