// What a DRAM did: counts as data.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/dram/latency_histogram.h"
#include "models/dram/timings.h"

namespace dpred::dram {

/// Why a clock of the data bus carried no data: the first cause of this order that applies. Clocks before any
/// burst was waiting, and the latency of a read or write after that, are idle in any case.
enum class Loss {
  refresh,     ///< the rank had to refresh
  turnaround,  ///< the bus changed its direction or its driver (tWTR, read to write, rank to rank)
  bank_group,  ///< column commands of one bank group (tCCD_L), or of any (tCCD_S where it exceeds a burst)
  activate,    ///< a row had to be closed or opened (tRCD, tRP, tRAS, tRC, tRRD, tFAW, tRTP, tWR)
  idle         ///< no request was waiting, or it was on its way (CL, CWL, a command bus that was taken)
};
inline constexpr std::size_t loss_count = 5;
/// `refresh`, `turnaround`, `bank_group`, `activate`, `idle`.
const char* to_string(Loss loss);

/// Clocks of one channel's data bus. Every clock is data or has one cause.
struct BusClocks {
  Clock data = 0;
  std::array<Clock, loss_count> lost{};

  Clock& operator[](Loss loss) { return lost[static_cast<std::size_t>(loss)]; }
  Clock operator[](Loss loss) const { return lost[static_cast<std::size_t>(loss)]; }
  Clock total() const {
    Clock sum = data;
    for (const Clock clocks : lost)
      sum += clocks;
    return sum;
  }
  BusClocks& operator+=(const BusClocks& other) {
    data += other.data;
    for (std::size_t i = 0; i < loss_count; ++i)
      lost[i] += other.lost[i];
    return *this;
  }
};

/// What was served in one direction.
struct Traffic {
  std::uint64_t bursts = 0;
  std::uint64_t row_hits = 0;     ///< bursts that needed no activate of their own
  std::uint64_t bytes = 0;        ///< whole bursts, whatever part of them was asked for
  std::uint64_t busy_clocks = 0;  ///< clocks of data, summed over the channels
};

/// Bursts of the requests that carry the same stream number.
struct StreamTraffic {
  std::uint64_t bursts[2] = {};          ///< read, write
  std::uint64_t latency_clocks[2] = {};  ///< sums, from arrival to the end of data
};

struct Statistics {
  Traffic read;
  Traffic write;
  /// Clocks from arrival to the end of data, of every burst.
  LatencyHistogram read_latency;
  LatencyHistogram write_latency;
  /// By channel, over the same span for all: from the first arrival to the end of the last data, on any
  /// channel. Empty for an ideal memory.
  std::vector<BusClocks> channels;
  /// By stream number; as long as the largest number seen and one. Empty for an ideal memory, like the
  /// latencies.
  std::vector<StreamTraffic> streams;

  /// Row hits over bursts in both directions; 0 without bursts.
  double row_hit_rate() const {
    const std::uint64_t bursts = read.bursts + write.bursts;
    return bursts == 0 ? 0.0
                       : static_cast<double>(read.row_hits + write.row_hits) / static_cast<double>(bursts);
  }
  /// Of all channels together.
  BusClocks bus() const {
    BusClocks sum;
    for (const BusClocks& channel : channels)
      sum += channel;
    return sum;
  }
};

}  // namespace dpred::dram
