#include "models/energy/energy_table.h"

#include <algorithm>
#include <stdexcept>

namespace dpred {

namespace {

constexpr const char* horowitz =
    "M. Horowitz, Computing's Energy Problem, ISSCC 2014; widely quoted, not checked against the paper";
constexpr const char* logic = "45 nm, 0.9 V";
constexpr const char* aladdin_node = "40 nm";

/// "what it is there; source"
std::string from(const char* what, const char* source) {
  return std::string(what) + ": " + source;
}

std::string aladdin(const char* what) {
  return std::string(what) +
         ": Aladdin (Shao et al., ISCA 2014), common/power_func.h of its public repository, 1 ns";
}

std::vector<EnergyLine> own_lines() {
  return {
      // Off-chip memory: the least and the most that is in print for a family.
      {"dram_lpddr4_low", 4, "bit", "LPDDR4",
       "low end of what is in print; widely quoted, not checked against a paper"},
      {"dram_lpddr4_high", 14, "bit", "LPDDR4-3200",
       "H. Ha, Understanding and Improving the Energy Efficiency of DRAM, Stanford 2018: 13 to 14, "
       "simulated; as "
       "quoted by others, not checked against the thesis"},
      {"dram_ddr4_low", 4.5, "bit", "DDR4, 45 nm, projected",
       "T. Vogelsang, Understanding the Energy Consumption of DRAMs, MICRO 2010; as quoted by others, not "
       "checked "
       "against the paper"},
      {"dram_ddr4_high", 20, "bit", "DRAM of 2014",
       from("1.3 nJ for 64 bits, the lower of its two figures", horowitz)},
      {"dram_hbm2_low", 3.9, "bit", "HBM2",
       "M. O'Connor et al., Fine-Grained DRAM, MICRO 2017; widely quoted, not checked against the paper"},
      {"dram_hbm2_high", 7, "bit", "HBM",
       "M. Yan et al., HyGCN, HPCA 2020; as quoted by others, not checked against the paper"},
      {"dram_other_low", 3.9, "bit", "any", "the least of the lines above"},
      {"dram_other_high", 20, "bit", "any", "the most of the lines above"},

      {"sram_read", 1.25, "byte of an 8 KiB bank", logic,
       from("10 pJ for 64 bits of 8 KB (20 of 32 KB and 100 of 1 MB: a square root within 14 %)", horowitz)},
      {"sram_write", 1.25, "byte of an 8 KiB bank", logic, "assumed: as sram_read"},

      {"multiply_8", 0.2, "multiplication", logic, from("8-bit multiplication", horowitz)},
      {"multiply_16", 0.8, "multiplication", logic,
       "derived: 4 multiply_8 (a quarter of the 32-bit multiplication's 3.1 pJ would be 0.78)"},
      {"serial_step_8", 0.025, "activation bit and weight", logic,
       "assumed: a row of an array multiplier, multiply_8 / 8"},
      {"serial_step_16", 0.05, "activation bit and weight", logic,
       "assumed: a row of an array multiplier, multiply_16 / 16"},
      {"bit_product", 0.003125, "activation bit and weight bit", logic,
       "assumed: a cell of an array multiplier (AND gate and full adder), multiply_8 / 64"},
      {"adder_bit", 0.003125, "bit of an addition", logic, from("32-bit addition, 0.1 pJ / 32", horowitz)},

      {"register_bit", 0.009, "bit written", aladdin_node, aladdin("1-bit register with its clock pin")},

      {"decode_bit", 0.025, "bit of a value", aladdin_node,
       "assumed: shifted into place once; " + aladdin("32-bit shifter, 0.80 pJ / 32")},
      {"encode_bit", 0.025, "bit of a value", aladdin_node, "assumed: as decode_bit"},
      {"detect_bit", 0.0011, "bit of a value", aladdin_node,
       "assumed: two gates, for the sign and in the OR tree; " +
           aladdin("32-bit logic operation, 0.018 pJ / 32")},
      {"codec_group", 0.1, "group", logic,
       from("assumed: a 32-bit addition, which finds where the next group begins", horowitz)},
  };
}

}  // namespace

EnergyTable::EnergyTable() : lines_(own_lines()) {}

std::vector<std::string> EnergyTable::actions() const {
  std::vector<std::string> names;
  for (const EnergyLine& line : lines_)
    names.push_back(line.action);
  return names;
}

std::size_t EnergyTable::index(std::string_view action) const {
  const auto found = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const EnergyLine& line) { return line.action == action; });
  if (found == lines_.end())
    throw std::logic_error("no action '" + std::string(action) + "' in an energy table");
  return static_cast<std::size_t>(found - lines_.begin());
}

const EnergyLine& EnergyTable::line(std::string_view action) const {
  return lines_[index(action)];
}

void EnergyTable::replace(std::string_view action, double picojoules, const std::string& technology,
                          const std::string& source) {
  EnergyLine& line = lines_[index(action)];
  line.picojoules = picojoules;
  line.technology = technology;
  line.source = source;
  line.replaced = true;
}

}  // namespace dpred
