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
      {"hbm2",
       "a legacy-mode channel of JESD235 HBM2 at 2 Gb/s a pin, 8 channels of 8 Gb in a stack of 8 GiB; core "
       "timings, which the standard leaves to vendors, as in DRAMsim3's HBM2_8Gb_x128",
       {
           1000,      // MHz: 2 Gb/s a pin, 1 clock = 1 ns
           4,         // BL4
           14,   4,   // RL 14, WL 4
           14,   14,  // tRCDRD and tRCDWR, tRP
           34,   48,  // tRAS, tRC = tRAS + tRP
           1,    2,   // tCCD_S, tCCD_L: a burst holds the bus for 2 clocks, so that 1 never shows
           4,    6,   // tRRD_S, tRRD_L
           30,        // tFAW
           6,    8,   // tWTR_S, tWTR_L
           6,    16,  // tRTP_L, of the bank's own group (tRTP_S is 4); tWR
           2,         // as for DDR4
           260,       // tRFCab 260 ns (8 Gb channel)
           3900,      // tREFI 3.9 us
       },
       {
           64,     // 128-bit channel, BL4
           2048,   // page of legacy mode
           4, 4,   // 4 bank groups of 4 banks
           1,      // rank
           32768,  // rows (8 Gb channel): 1 GiB
       },
       "Ro Ba Co Bg",
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

/// Address bits of one channel at most, so that 64 channels stay below 2^63 bytes.
constexpr int largest_address_bits = 57;

template <class Numbers>
std::optional<BrokenRule> out_of_range(const Numbers& numbers, const PresetNumber<Numbers>& field,
                                       const char* section) {
  const std::uint32_t value = numbers.*field.member;
  if (value >= 1 && value <= field.largest) return std::nullopt;
  return BrokenRule{{std::string(section) + "." + field.name},
                    std::to_string(value) + " is outside 1.." + std::to_string(field.largest)};
}

int bits_of(std::uint32_t power_of_two) {
  int bits = 0;
  while (power_of_two >> bits > 1)
    ++bits;
  return bits;
}

std::optional<BrokenRule> broken_shape(const Organisation& o) {
  for (const PresetNumber<Organisation>& field : organisation_fields) {
    if (auto broken = out_of_range(o, field, "organisation")) return broken;
    const std::uint32_t value = o.*field.member;
    if ((value & (value - 1)) != 0) {
      return BrokenRule{{std::string("organisation.") + field.name},
                        std::to_string(value) + " is no power of two"};
    }
  }
  if (o.row_bytes < o.burst_bytes) {
    return BrokenRule{{"organisation.row_bytes", "organisation.burst_bytes"},
                      "a row must hold at least one burst (" + std::to_string(o.row_bytes) + " < " +
                          std::to_string(o.burst_bytes) + ")"};
  }
  int address_bits = 0;
  for (const std::uint32_t count : {o.row_bytes, o.bank_groups, o.banks, o.ranks, o.rows})
    address_bits += bits_of(count);
  if (address_bits > largest_address_bits) {
    return BrokenRule{{"organisation.rows", "organisation.row_bytes", "organisation.ranks",
                       "organisation.banks", "organisation.bank_groups"},
                      "a channel must not hold more than 2^" + std::to_string(largest_address_bits) +
                          " bytes, here 2^" + std::to_string(address_bits)};
  }
  return std::nullopt;
}

/// Two timings of which the first must not be below the second.
struct Order {
  const char* upper;
  std::uint32_t Timings::*upper_member;
  const char* lower;
  std::uint32_t Timings::*lower_member;
};
constexpr Order orders[] = {
    {"rc", &Timings::rc, "ras", &Timings::ras},
    {"ras", &Timings::ras, "rcd", &Timings::rcd},
    {"ccd_l", &Timings::ccd_l, "ccd_s", &Timings::ccd_s},
    {"rrd_l", &Timings::rrd_l, "rrd_s", &Timings::rrd_s},
    {"faw", &Timings::faw, "rrd_s", &Timings::rrd_s},
    {"wtr_l", &Timings::wtr_l, "wtr_s", &Timings::wtr_s},
};

std::string timing_key(const char* name) {
  return std::string("timings.") + name;
}

/// As JEDEC writes it: tCCD_L.
std::string symbol(const char* name) {
  std::string text = "t";
  for (; *name != '\0'; ++name)
    text += static_cast<char>(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
  return text;
}

std::optional<BrokenRule> broken_range(const Timings& t, bool ideal) {
  for (const PresetNumber<Timings>& field : timing_fields) {
    const bool used = !ideal || field.member == &Timings::clock_mhz || field.member == &Timings::bl;
    if (!used) continue;
    if (auto broken = out_of_range(t, field, "timings")) return broken;
  }
  return std::nullopt;
}

std::optional<BrokenRule> broken_burst(const Timings& t, const Organisation& o) {
  if (t.bl % 2 != 0) {
    return BrokenRule{{"timings.bl"}, "the burst length must be even, found " + std::to_string(t.bl)};
  }
  if (8 * o.burst_bytes % t.bl != 0) {
    return BrokenRule{{"timings.bl", "organisation.burst_bytes"},
                      "a burst of " + std::to_string(o.burst_bytes) + " bytes in " + std::to_string(t.bl) +
                          " beats is no whole number of bits a beat"};
  }
  return std::nullopt;
}

std::optional<BrokenRule> broken_relation(const Timings& t) {
  for (const Order& order : orders) {
    const std::uint32_t upper = t.*order.upper_member, lower = t.*order.lower_member;
    if (upper >= lower) continue;
    return BrokenRule{{timing_key(order.upper), timing_key(order.lower)},
                      symbol(order.upper) + " must not be below " + symbol(order.lower) + " (" +
                          std::to_string(upper) + " < " + std::to_string(lower) + ")"};
  }
  // The longest way from a refresh that falls due to the first column command after it.
  const std::uint64_t around_refresh = std::uint64_t{t.cwl} + t.burst_clocks() + t.wr + t.rc + t.ras + t.rp +
                                       t.rfc + t.rcd + t.cl + t.turnaround + t.wtr_l + t.faw + t.rrd_l +
                                       t.rtp + t.ccd_l;
  if (t.refi <= around_refresh) {
    return BrokenRule{
        {"timings.refi", "timings.rfc", "timings.rc", "timings.ras", "timings.rp", "timings.rcd",
         "timings.faw", "timings.cl", "timings.cwl", "timings.wr", "timings.wtr_l", "timings.rrd_l",
         "timings.rtp", "timings.ccd_l", "timings.turnaround", "timings.bl"},
        "tREFI leaves no time for data between two refreshes (" + std::to_string(t.refi) + ", at least " +
            std::to_string(around_refresh + 1) + ")"};
  }
  return std::nullopt;
}

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

std::optional<BrokenRule> broken_rule(const Preset& preset) {
  if (auto broken = broken_shape(preset.organisation)) return broken;
  if (auto broken = broken_range(preset.timings, preset.ideal)) return broken;
  if (auto broken = broken_burst(preset.timings, preset.organisation)) return broken;
  return preset.ideal ? std::nullopt : broken_relation(preset.timings);
}

void check(const Preset& preset) {
  if (const std::optional<BrokenRule> broken = broken_rule(preset)) {
    throw InputError("DRAM preset '" + printable(preset.name) + "': " + broken->keys.front() + ": " +
                     broken->rule);
  }
}

}  // namespace dpred::dram
