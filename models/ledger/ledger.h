// Where a layer's time goes: every array cycle is charged once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dpred {

/// What an array cycle was spent on. The one list of causes: from the component that waited to the column
/// that is printed (column = name + "_cycles").
enum class CycleCause : std::uint8_t {
  compute,           ///< the array worked
  stall_activation,  ///< waited for activations from memory
  stall_weight,      ///< waited for weights from memory
  stall_output,      ///< waited for a half of the output buffer to drain to memory
  stall_codec,       ///< waited for an operand whose bytes were already at the engine
  overhead           ///< before a layer's first step and after its last
};
inline constexpr std::size_t cycle_causes = 6;

std::string_view to_string(CycleCause cause);

/// What a layer's time is bound by.
enum class Resource : std::uint8_t { compute, dram, codec, overhead };
inline constexpr std::size_t resources = 4;

std::string_view to_string(Resource resource);
Resource resource_of(CycleCause cause);

class Ledger {
 public:
  void charge(CycleCause cause, std::uint64_t cycles) { cycles_[static_cast<std::size_t>(cause)] += cycles; }
  std::uint64_t of(CycleCause cause) const { return cycles_[static_cast<std::size_t>(cause)]; }
  std::uint64_t of(Resource resource) const;
  /// Sum over all causes.
  std::uint64_t total() const;

  /// The resource with the largest share; on a tie the first in the order of the enumeration.
  Resource binds() const;
  /// The same with one resource left out of account.
  Resource binds_without(Resource ideal) const;

  Ledger& operator+=(const Ledger& other);

 private:
  std::array<std::uint64_t, cycle_causes> cycles_{};
};

}  // namespace dpred
