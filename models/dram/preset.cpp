#include "models/dram/preset.h"

#include <algorithm>

#include "workloads/error.h"

namespace dpred::dram {

namespace {

const std::vector<Preset>& table() {
  static const std::vector<Preset> presets = {
      {"ddr4-3200",
       "JESD79-4, speed bin DDR4-3200AA, 8 Gb x8 devices",
       {
           1600,       // MHz: 3200 MT/s
           8,          // BL8
           22,    16,  // CL 22 (AA: 13.75 ns); CWL 16 (first set at 3200)
           22,    22,  // tRCD, tRP 13.75 ns
           52,    74,  // tRAS 32 ns, tRC 45.75 ns
           4,     8,   // tCCD_S 4 nCK, tCCD_L 5 ns
           4,     8,   // tRRD_S 2.5 ns, tRRD_L 4.9 ns (1 KiB page)
           34,         // tFAW 21 ns (1 KiB page)
           4,     12,  // tWTR_S 2.5 ns, tWTR_L 7.5 ns
           12,    24,  // tRTP 7.5 ns, tWR 15 ns
           2,          // usual bus turn-around: preamble of the next driver and a clock of margin
           560,        // tRFC1 350 ns (8 Gb)
           12480,      // tREFI 7.8 us
       },
       {
           64,     // 64-bit channel, BL8
           8192,   // 1 KiB page of each of 8 devices
           4, 4,   // 4 bank groups of 4 banks
           1,      // rank
           65536,  // rows (8 Gb x8): 8 GiB a channel
       },
       "Ro Ba Co Bg",
       false},
      {"lpddr4-3200",
       "JESD209-4, LPDDR4-3200, x16 channel of 8 Gb",
       {
           1600,      // MHz: 3200 MT/s
           16,        // BL16
           28,   14,  // RL 28 (no DBI), WL 14 (set A)
           29,   29,  // tRCD 18 ns, tRPpb 18 ns
           68,   97,  // tRAS 42 ns, tRC = tRAS + tRPpb
           8,    8,   // tCCD 8 nCK at BL16; no bank groups
           16,   16,  // tRRD 10 ns
           64,        // tFAW 40 ns
           16,   16,  // tWTR 10 ns
           12,   29,  // tRTP 7.5 ns, tWR 18 ns
           2,         // as for DDR4
           448,       // tRFCab 280 ns (8 Gb channel)
           6246,      // tREFI 3.904 us, rounded down
       },
       {
           32,     // 16-bit channel, BL16
           2048,   // page of an x16 channel
           1, 8,   // 8 banks, no groups
           1,      // rank
           65536,  // rows (8 Gb channel): 1 GiB
       },
       // 256 bytes a bank: streams as well as `Ro Ba Co`, but reads and writes that alternate in small pieces
       // meet in the same bank less often (measured, docs/dram.md).
       "Ro Co Ba Co:3",
       false},
      {"ideal",
       "no memory: zero latency, unlimited bandwidth",
       {1000, 8, 0, 0, 0, 0, 0, 0, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
       // The shape of ddr4-3200, so that its mappings are accepted, with rows for 2^40 bytes.
       {64, 8192, 4, 4, 1, 1u << 23},
       "Ro Ba Co Bg",
       true},
  };
  return presets;
}

bool power_of_two(std::uint64_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

/// Largest timing accepted: keeps every sum of clocks far from overflow.
constexpr std::uint32_t largest_timing = 1u << 24;

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : table())
    names.push_back(preset.name);
  return names;
}

const Preset& find_preset(std::string_view name) {
  const std::vector<Preset>& presets = table();
  const auto found =
      std::find_if(presets.begin(), presets.end(), [&](const Preset& p) { return p.name == name; });
  if (found != presets.end()) return *found;
  std::string known;
  for (const Preset& preset : presets)
    known += (known.empty() ? "" : ", ") + preset.name;
  throw InputError("dram.preset: unknown preset '" + printable(name) + "'" +
                   suggestion(name, preset_names()) + "; known are " + known);
}

void check(const Preset& preset) {
  const auto require = [&](bool holds, const char* rule) {
    if (!holds) throw InputError("DRAM preset '" + printable(preset.name) + "': " + rule);
  };

  const Organisation& o = preset.organisation;
  require(power_of_two(o.burst_bytes), "the bytes of a burst must be a power of two");
  require(power_of_two(o.row_bytes), "the bytes of a row must be a power of two");
  require(o.row_bytes >= o.burst_bytes, "a row must hold at least one burst");
  require(power_of_two(o.bank_groups), "the bank groups must be a power of two");
  require(power_of_two(o.banks), "the banks of a group must be a power of two");
  require(power_of_two(o.ranks), "the ranks must be a power of two");
  require(power_of_two(o.rows), "the rows of a bank must be a power of two");
  require(o.bank_groups <= 64 && o.banks <= 64 && o.ranks <= 64,
          "at most 64 bank groups, banks a group and ranks");

  const Timings& t = preset.timings;
  require(t.clock_mhz > 0, "the clock must not be zero");
  require(t.bl >= 2 && t.bl % 2 == 0, "the burst length must be even and not zero");
  if (preset.ideal) return;
  for (const std::uint32_t value :
       {t.clock_mhz, t.bl,    t.cl,  t.cwl,   t.rcd,   t.rp,  t.ras, t.rc,         t.ccd_s, t.ccd_l,
        t.rrd_s,     t.rrd_l, t.faw, t.wtr_s, t.wtr_l, t.rtp, t.wr,  t.turnaround, t.rfc,   t.refi}) {
    require(value > 0 && value <= largest_timing, "every timing must lie in 1..2^24");
  }
  require(t.rc >= t.ras, "tRC must not be below tRAS");
  require(t.ras >= t.rcd, "tRAS must not be below tRCD");
  require(t.ccd_s >= t.burst_clocks(), "tCCD_S must not be below the clocks of a burst");
  require(t.ccd_l >= t.ccd_s, "tCCD_L must not be below tCCD_S");
  require(t.rrd_l >= t.rrd_s, "tRRD_L must not be below tRRD_S");
  require(t.faw >= t.rrd_s, "tFAW must not be below tRRD_S");
  require(t.wtr_l >= t.wtr_s, "tWTR_L must not be below tWTR_S");
  // The longest way from a refresh that falls due to the first column command after it.
  const std::uint64_t around_refresh = std::uint64_t{t.cwl} + t.burst_clocks() + t.wr + t.rc + t.ras + t.rp +
                                       t.rfc + t.rcd + t.cl + t.turnaround + t.wtr_l + t.faw;
  require(t.refi > around_refresh, "tREFI leaves no time for data between two refreshes");
}

}  // namespace dpred::dram
