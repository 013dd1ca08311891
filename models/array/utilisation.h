// Where a layer's array cycles go: the array's counterpart of the ledger of stalls. Exact to
// docs/contracts.md, "Use of the array".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "models/array/layer_schedule.h"
#include "workloads/tensor.h"

namespace dpred {

/// What a slot of the array was used for, or why it was not: a slot is one bit of one lane of one row, column
/// and tile in one cycle. Listed from the inside out; the last that applies is a slot's cause. The one list
/// of them: column = "array_" + name + "_cycles".
enum class SlotCause : std::uint8_t {
  useful,           ///< bits that the multiplications need
  width_padding,    ///< a value that needs fewer bits than its step has time for
  idle_lanes,       ///< no channel for the lane: a short brick; all but one lane of a row in depthwise layers
  padding_bricks,   ///< the step's brick lies outside the input
  column_wait,      ///< the column waits for others, or for its next step
  partial_pallets,  ///< no window (or no step of the only window) for the column
  tile_wait,        ///< the tile is done before the slowest one
  idle_rows         ///< no filter for the row
};
inline constexpr std::size_t slot_causes = 8;

std::string_view to_string(SlotCause cause);

/// Of slots: 2^64 are not out of reach, for the largest arrays that parameters can describe.
__extension__ using SlotCount = unsigned __int128;

/// Whole cycles by cause.
using ArrayCycles = std::array<std::uint64_t, slot_causes>;

/// The slots of a layer by cause: they add up to those of all its compute cycles.
class ArraySlots {
 public:
  explicit ArraySlots(std::uint64_t slots_per_cycle) : slots_per_cycle_(slots_per_cycle) {}

  void charge(SlotCause cause, SlotCount slots) { slots_[static_cast<std::size_t>(cause)] += slots; }
  void count_steps(SlotCount cycles, SlotCount passes) {
    in_steps_ += cycles;
    passes_ += passes;
  }
  SlotCount of(SlotCause cause) const { return slots_[static_cast<std::size_t>(cause)]; }
  std::uint64_t slots_per_cycle() const { return slots_per_cycle_; }

  /// Cycles that rows with a filter spend in steps inside the input, summed over columns: in each, what the
  /// lanes make is added up.
  SlotCount in_steps() const { return in_steps_; }
  /// Of these, one for all bits of a weight: the same where weights are taken in parallel.
  SlotCount passes() const { return passes_; }

  /// As whole cycles, which add up to the compute cycles: each cause's slots over slots_per_cycle(), rounded
  /// down; the cycles that this leaves go to the largest remainders, on a tie to the first in order.
  ArrayCycles cycles() const;

 private:
  std::uint64_t slots_per_cycle_;
  std::array<SlotCount, slot_causes> slots_{};
  SlotCount in_steps_ = 0, passes_ = 0;
};

/// An operand of a layer.
struct ArrayOperand {
  const Tensor& values;
  const ValueFormat& format;
  const BrickMap* bricks;  ///< null where the design has no use for it, as for LayerSchedule
};

/// Time that columns spend in steps, over all windows and before it is multiplied by the weights' factor.
struct ActivationTime {
  std::int64_t bricks = 0;             ///< of a position, all groups
  std::vector<std::uint64_t> inside;   ///< by tap, then brick
  std::vector<std::uint64_t> padding;  ///< by tap: of one brick
};

/// One pass over the bricks, where the design's time depends on them. Of the array, only the lanes, whether
/// the layer folds, and activation_times() (models/array/step_time.h) have a part in it.
ActivationTime activation_time(const ComputeDesign& design, const ArrayGeometry& geometry,
                               const LayerShape& layer, const LayerPrecision& precision,
                               const BrickMap* activations);

/// Takes a schedule of the layer and one more pass over the input (for the loom kind, over the weights too):
/// the number of filters costs nothing else.
ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, const ArrayOperand& activations,
                       const ArrayOperand& weights);

/// The same where the useful slots are known or estimated. What passes the slots that there are for
/// multiplications is cut off.
ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, const BrickMap* activations, const BrickMap* weights,
                       SlotCount useful);

/// The same with what was found before: `schedule` and `time` are those of this layer on this array.
ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, LayerSchedule& schedule, const ActivationTime& time,
                       const BrickMap* weights, SlotCount useful);

/// Sum over the layer's multiplications of the bits that they need.
SlotCount useful_slots(const ComputeDesign& design, const LayerShape& layer, const ArrayOperand& activations,
                       const ArrayOperand& weights);

/// The same where only the values of each operand are known by their bits, zeros having none: [b] values of b
/// bits, up to B + 1. An estimate, as if wide values were anywhere.
SlotCount useful_slots(const ComputeDesign& design, const LayerShape& layer, int bits,
                       const std::vector<std::int64_t>& activations,
                       const std::vector<std::int64_t>& weights);

}  // namespace dpred
