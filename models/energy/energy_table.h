// What each action costs, line by line with unit, technology and source. docs/energy.md has it as a table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

struct EnergyLine {
  std::string action;
  double picojoules = 0;  ///< of one unit; 0 to most_picojoules
  std::string unit;
  std::string technology;
  std::string source;
  bool replaced = false;  ///< by the user: not the program's own
};

/// The most that a line may cost: more than any DRAM access ever published.
inline constexpr double most_picojoules = 1e6;

/// Capacity of the SRAM bank that the lines `sram_read` and `sram_write` are for, in bytes. Others cost the
/// square root of their capacity over this one's times as much.
inline constexpr double sram_reference_bytes = 8192;

class EnergyTable {
 public:
  /// The program's own.
  EnergyTable();

  const std::vector<EnergyLine>& lines() const { return lines_; }
  std::vector<std::string> actions() const;
  /// std::logic_error if there is no such line.
  const EnergyLine& line(std::string_view action) const;
  /// Unit and action stay. std::logic_error if there is no such line.
  void replace(std::string_view action, double picojoules, const std::string& technology,
               const std::string& source);

  std::string name = "built-in";  ///< or the path of the file whose lines were put in
  std::string hash;               ///< FNV-1a 64 of that file's bytes, 16 hex digits; else empty

 private:
  std::size_t index(std::string_view action) const;

  std::vector<EnergyLine> lines_;
};

}  // namespace dpred
