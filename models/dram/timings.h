// Timing parameters and organisation of a DRAM: plain numbers, no behaviour.
#pragma once

#include <cstdint>

namespace dpred::dram {

/// A count of DRAM clocks (the command clock, half the data rate), or a point in time on that clock from 0.
using Clock = std::uint64_t;

/// Minimum distances between commands. All in DRAM clocks but for the first two members. The names are those
/// of JEDEC without the leading `t`; `_s` is between different bank groups, `_l` within one (equal without
/// groups).
struct Timings {
  std::uint32_t clock_mhz;  ///< command clock; data moves on both edges
  std::uint32_t bl;         ///< burst length in beats, even
  std::uint32_t cl;         ///< read command to first data
  std::uint32_t cwl;        ///< write command to first data
  std::uint32_t rcd;        ///< activate to column command
  std::uint32_t rp;         ///< precharge (one bank or all) to activate or refresh
  std::uint32_t ras;        ///< activate to precharge
  std::uint32_t rc;         ///< activate to activate of the same bank, or to refresh
  std::uint32_t ccd_s;      ///< column command to column command
  std::uint32_t ccd_l;
  std::uint32_t rrd_s;  ///< activate to activate of another bank
  std::uint32_t rrd_l;
  std::uint32_t faw;    ///< window of at most four activates in a rank
  std::uint32_t wtr_s;  ///< end of write data to read command, same rank
  std::uint32_t wtr_l;
  std::uint32_t rtp;         ///< read command to precharge
  std::uint32_t wr;          ///< end of write data to precharge
  std::uint32_t turnaround;  ///< idle clocks on the data bus when its driver changes (direction or rank)
  std::uint32_t rfc;         ///< refresh to activate
  std::uint32_t refi;        ///< average distance of refreshes

  /// Clocks for which one burst occupies the data bus.
  std::uint32_t burst_clocks() const { return bl / 2; }
};

/// How one channel is built. Every count is a power of two.
struct Organisation {
  std::uint32_t burst_bytes;  ///< bus width in bytes times burst length: the unit of access
  std::uint32_t row_bytes;    ///< one open row of a bank over all devices of a rank
  std::uint32_t bank_groups;  ///< 1 when the standard has none
  std::uint32_t banks;        ///< per bank group
  std::uint32_t ranks;
  std::uint32_t rows;  ///< per bank

  /// Columns of a row in units of one burst.
  std::uint32_t columns() const { return row_bytes / burst_bytes; }
  /// Bytes of one channel.
  std::uint64_t capacity() const { return std::uint64_t{row_bytes} * rows * banks * bank_groups * ranks; }
};

/// A number of a preset under the name that files and errors use: that of the member.
template <class Numbers>
struct PresetNumber {
  const char* name;
  const char* unit;  ///< empty for counts
  std::uint32_t Numbers::*member;
  std::uint32_t largest;  ///< the smallest is 1
};

/// Keeps every sum of clocks far from overflow.
constexpr std::uint32_t largest_timing = 1u << 24;

/// In the order of the members.
constexpr PresetNumber<Timings> timing_fields[] = {
    {"clock_mhz", "MHz", &Timings::clock_mhz, 100000},
    {"bl", "beats", &Timings::bl, 1024},
    {"cl", "clocks", &Timings::cl, largest_timing},
    {"cwl", "clocks", &Timings::cwl, largest_timing},
    {"rcd", "clocks", &Timings::rcd, largest_timing},
    {"rp", "clocks", &Timings::rp, largest_timing},
    {"ras", "clocks", &Timings::ras, largest_timing},
    {"rc", "clocks", &Timings::rc, largest_timing},
    {"ccd_s", "clocks", &Timings::ccd_s, largest_timing},
    {"ccd_l", "clocks", &Timings::ccd_l, largest_timing},
    {"rrd_s", "clocks", &Timings::rrd_s, largest_timing},
    {"rrd_l", "clocks", &Timings::rrd_l, largest_timing},
    {"faw", "clocks", &Timings::faw, largest_timing},
    {"wtr_s", "clocks", &Timings::wtr_s, largest_timing},
    {"wtr_l", "clocks", &Timings::wtr_l, largest_timing},
    {"rtp", "clocks", &Timings::rtp, largest_timing},
    {"wr", "clocks", &Timings::wr, largest_timing},
    {"turnaround", "clocks", &Timings::turnaround, largest_timing},
    {"rfc", "clocks", &Timings::rfc, largest_timing},
    {"refi", "clocks", &Timings::refi, largest_timing},
};

/// In the order of the members. Streams start on multiples of 4096 bytes, and have to start on a burst.
constexpr PresetNumber<Organisation> organisation_fields[] = {
    {"burst_bytes", "bytes", &Organisation::burst_bytes, 4096},
    {"row_bytes", "bytes", &Organisation::row_bytes, 1u << 30},
    {"bank_groups", "", &Organisation::bank_groups, 64},
    {"banks", "", &Organisation::banks, 64},
    {"ranks", "", &Organisation::ranks, 64},
    {"rows", "", &Organisation::rows, 1u << 30},
};

static_assert(sizeof timing_fields / sizeof *timing_fields == sizeof(Timings) / sizeof(std::uint32_t));
static_assert(sizeof organisation_fields / sizeof *organisation_fields ==
              sizeof(Organisation) / sizeof(std::uint32_t));

}  // namespace dpred::dram
