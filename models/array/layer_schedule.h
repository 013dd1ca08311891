// Compute cycles of a layer, exact to docs/contracts.md, "Compute cycles".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/array/design.h"
#include "models/precision/brick_map.h"
#include "workloads/network.h"

namespace dpred {

enum class WidthRounding : std::uint8_t { any, even, pow2 };

/// Size of the array. `rows` is F, the bit-parallel-equal filter rows of a tile.
struct ArrayGeometry {
  std::int64_t lanes = 16;            ///< L: channels of a brick
  std::int64_t rows = 16;             ///< F
  std::int64_t tiles = 4;             ///< T
  std::int64_t columns = 0;           ///< W; 0: as many as make the peak equal to bit-parallel's
  std::int64_t bits_per_cycle = 1;    ///< b: 1, 2 or 4 activation bits
  std::int64_t column_registers = 0;  ///< k: steps a column may run ahead of the slowest
  WidthRounding widths = WidthRounding::any;

  std::int64_t columns_of(const ComputeDesign& design, int bits) const;
  std::int64_t rows_of(const ComputeDesign& design, int bits) const;  ///< F, or F * B for the loom kind
};

/// Profiled widths of a layer's operands: of the true centred values of the whole tensors.
struct LayerPrecision {
  int bits = 8;              ///< B
  int activation_width = 8;  ///< Pa, 1..B+1
  int weight_width = 8;      ///< Pw, 1..B+1
};

/// Filters that the array computes at one time, over all output positions of the layer.
struct FilterSet {
  std::int64_t filter_begin = 0, filter_end = 0;    ///< filters, every `filter_step`-th
  std::int64_t filter_step = 1;                     ///< depthwise: the channel multiplier
  std::int64_t channel_begin = 0, channel_end = 0;  ///< input channels that they read
  std::int64_t schedule = 0;                        ///< sets with equal numbers have equal times
};

/// The uncut layer's schedule: when each filter set finishes each *unit* of its output, a unit being a
/// pallet, or a step of a recurrent layer. Times are found as they are asked for, in order of units, so the
/// widths of rows that have not arrived are not needed yet.
class LayerSchedule {
 public:
  /// The maps must outlive the schedule. `weights` is read only by designs with brick-wise weights and may be
  /// null for the others.
  LayerSchedule(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                const LayerPrecision& precision, const BrickMap* activations, const BrickMap* weights);
  ~LayerSchedule();
  LayerSchedule(const LayerSchedule&) = delete;
  LayerSchedule& operator=(const LayerSchedule&) = delete;

  const std::vector<FilterSet>& sets() const { return sets_; }
  std::int64_t units() const { return units_; }

  /// Units that are complete once the first `rows` output rows' inputs have arrived (row = n * OH + oy). A
  /// pallet that straddles two rows belongs to the later one.
  std::int64_t units_in_rows(std::int64_t rows) const;

  /// Output rows that are complete once `units` units are.
  std::int64_t rows_in_units(std::int64_t units) const;

  /// Cycles from the start of a filter set until its first `units` units are done; 0 for none.
  std::uint64_t end(std::int64_t set, std::int64_t units);

  /// Compute cycles of the layer: the sum over filter sets.
  std::uint64_t total();

 private:
  struct Tile;
  struct SetTimes;

  std::vector<FilterSet> make_sets(const LayerShape& layer) const;
  std::unique_ptr<SetTimes> make_times(const FilterSet& set) const;
  Tile make_tile(std::int64_t brick, std::int64_t bricks, const std::vector<std::int64_t>& filters) const;
  void advance(SetTimes& times, std::int64_t units);
  void run_pallet(Tile& tile, std::int64_t pallet);
  void run_single_window(Tile& tile, std::int64_t n);
  int rounded(int width) const;

  const ComputeDesign& design_;
  ArrayGeometry geometry_;
  LayerShape layer_;
  LayerPrecision precision_;
  const BrickMap* activations_;
  const BrickMap* weights_;
  std::int64_t columns_;
  std::int64_t rows_;
  bool single_window_;
  std::int64_t units_;
  std::vector<std::uint16_t> activation_time_;  ///< by width
  std::vector<FilterSet> sets_;
  std::vector<std::unique_ptr<SetTimes>> times_;
};

}  // namespace dpred
