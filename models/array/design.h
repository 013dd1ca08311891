// The compute designs: what a step of an array costs. docs/array.md describes each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// Which width an operand costs in a step's time.
enum class WidthSource : std::uint8_t {
  none,    ///< the operand is taken in parallel
  tensor,  ///< the profiled width of the whole tensor: Pa or Pw
  brick    ///< activations: the brick's own width; weights: the widest brick over the filter set
};

/// A compute design. Time of a step = ceil(activation width / bits per cycle) * weight width, where a factor
/// with source `none` is 1.
struct ComputeDesign {
  std::string_view name;
  WidthSource activation = WidthSource::none;
  WidthSource weight = WidthSource::none;

  /// Activation bits are taken serially: `array.columns = 0` means B / bits_per_cycle columns, else 1.
  bool serial_activations() const { return activation != WidthSource::none; }
  /// Weight bits are taken serially too (the loom kind): B times the rows, so that the peak is the same.
  bool serial_weights() const { return weight != WidthSource::none; }
};

/// The registered designs, in the order in which they are listed.
const std::vector<const ComputeDesign*>& compute_designs();
std::vector<std::string> compute_design_names();
/// InputError with the nearest name if there is none.
const ComputeDesign& find_compute_design(std::string_view name);

}  // namespace dpred
