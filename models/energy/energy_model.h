// Counts x table = energy, by part. Stated in docs/contracts.md, "Energy".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/energy/action_counts.h"
#include "models/energy/energy_table.h"

namespace dpred {

/// What an action's cost depends on beside the table.
struct EnergyPoint {
  std::string memory;  ///< name of the DRAM preset, whose first part is its family
  int bits = 8;        ///< B
  /// Bytes of a bank of each buffer.
  double activation_bank = sram_reference_bytes;
  double weight_bank = sram_reference_bytes;
  double output_bank = sram_reference_bytes;
};

/// Picojoules by part: of the off-chip memory a low and a high figure.
struct Energy {
  double dram_low = 0, dram_high = 0;
  double buffers = 0;
  double compute = 0;
  double codec = 0;
  double registers = 0;

  double on_chip() const { return buffers + compute + codec + registers; }
  double total_low() const { return dram_low + on_chip(); }
  double total_high() const { return dram_high + on_chip(); }
  Energy& operator+=(const Energy& other);
};

/// A part and its name in results: "energy_" + name + "_pj".
struct EnergyField {
  const char* name;
  double (*of)(const Energy&);
};
inline constexpr std::array<EnergyField, 8> energy_fields = {{
    {"dram_low", [](const Energy& e) { return e.dram_low; }},
    {"dram_high", [](const Energy& e) { return e.dram_high; }},
    {"buffers", [](const Energy& e) { return e.buffers; }},
    {"compute", [](const Energy& e) { return e.compute; }},
    {"codec", [](const Energy& e) { return e.codec; }},
    {"registers", [](const Energy& e) { return e.registers; }},
    {"total_low", [](const Energy& e) { return e.total_low(); }},
    {"total_high", [](const Energy& e) { return e.total_high(); }},
}};

/// Bytes of a bank of a buffer of `capacity` bytes. A buffer without a number of banks (0) has as many as it
/// takes to read `at_once` bytes in words of `energy_word_bytes`; no bank is smaller than such a word.
double bank_bytes(std::uint64_t capacity, std::int64_t banks, std::uint64_t at_once);
inline constexpr std::uint64_t energy_word_bytes = 16;

/// The lines of a table as one design point uses them.
class EnergyModel {
 public:
  EnergyModel(const EnergyTable& table, const EnergyPoint& point);

  Energy of(const ActionCounts& counts) const;

  /// Names of the lines that it reads, in the table's order.
  static std::vector<std::string> lines_read(const EnergyTable& table, const EnergyPoint& point);

 private:
  double dram_low_, dram_high_;
  /// Of a byte.
  double activation_read_, activation_write_, weight_read_, weight_write_, output_read_, output_write_;
  double multiply_, serial_step_, bit_product_, adder_bit_, register_bit_;
  double decode_bit_, encode_bit_, detect_bit_, codec_group_;
};

}  // namespace dpred
