// Compute cycles of a layer, exact to docs/contracts.md, "Compute cycles".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/array/array_geometry.h"
#include "models/array/design.h"
#include "models/array/filter_sets.h"
#include "models/precision/brick_map.h"
#include "workloads/network.h"

namespace dpred {

/// Profiled widths of a layer's operands: of the true centred values of the whole tensors.
struct LayerPrecision {
  int bits = 8;              ///< B
  int activation_width = 8;  ///< Pa, 1..B+1
  int weight_width = 8;      ///< Pw, 1..B+1
};

class ColumnClock;

/// Steps of a window on lanes of this number, of a layer as it is computed: one brick of one tap each; in a
/// depthwise layer a tap.
std::int64_t steps_of_window(const LayerShape& layer, std::int64_t lanes);

/// Windows [begin, end), in row-major order of (n,oy,ox).
struct WindowRange {
  std::int64_t begin = 0, end = 0;
};

/// The uncut layer's schedule: when each filter set finishes each *unit* of its output, a unit being a
/// pallet, or a step of a recurrent layer. Times are found as they are asked for, in order of units, so the
/// widths of rows that have not arrived are not needed yet.
class LayerSchedule {
 public:
  /// The maps are those of brick_map() (models/array/fold.h) and must outlive the schedule. Each is read only
  /// where the design's time depends on that operand's bricks, and may be null otherwise; without them sets,
  /// units and rows can be asked for, but no times.
  ///
  /// The split of tiles must be decided: std::invalid_argument if it is `best`, or if a map is that of
  /// another layer.
  LayerSchedule(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                const LayerPrecision& precision, const BrickMap* activations, const BrickMap* weights);
  ~LayerSchedule();
  LayerSchedule(const LayerSchedule&) = delete;
  LayerSchedule& operator=(const LayerSchedule&) = delete;

  const std::vector<FilterSet>& sets() const { return sets_; }
  std::int64_t units() const { return units_; }

  TileSplit tile_split() const { return geometry_.tile_split; }
  /// Whether the layer is computed folded.
  bool is_folded() const { return is_folded_; }

  /// Rows of the (unfolded) input from the first to the last that a window reads, in the padding or not.
  std::int64_t window_rows() const { return window_rows_; }

  /// Units that are complete once the first `rows` output rows' inputs have arrived (row = n * OH + oy). A
  /// pallet that straddles two rows belongs to the later one.
  std::int64_t units_in_rows(std::int64_t rows) const;

  /// Output rows that are complete once `units` units are.
  std::int64_t rows_in_units(std::int64_t units) const;

  /// Cycles from the start of a filter set until its first `units` units are done; 0 for none.
  std::uint64_t end(std::int64_t set, std::int64_t units);

  /// What keeps its own time within a filter set: a tile that takes pallets in turns; in depthwise layers a
  /// tile, in the order of units_of(); else the whole set.
  struct TileTime {
    std::uint64_t end = 0;        ///< from the start of the set; 0 without a pallet
    std::uint64_t last_unit = 0;  ///< the set's last unit, if it is this one's: when it starts; else end
  };
  std::vector<TileTime> tile_times(std::int64_t set);

  /// Steps of a unit.
  std::int64_t steps() const { return steps_of_window(layer_, geometry_.lanes); }
  /// The windows of a unit.
  WindowRange windows(std::int64_t unit) const;
  /// Units that tiles run side by side: [n * T, (n + 1) * T) where they take pallets in turns, else one.
  std::int64_t units_at_a_time() const { return turns_; }

  /// Keeps the times of steps, which step_times() gives. To be called before the first call of end().
  void keep_step_times() { keeps_steps_ = true; }
  /// Cycles of each step of units that run side by side, [unit_begin, unit_end) being all of them or some:
  /// E[n] - E[n-1] of the slowest tile, E being at first when all units before are over; with one window only
  /// from the step's start to the next one's, of the last to the end. They add up to the units'. A step takes
  /// 0 only where another tile is later anyway, or where columns are missing and others may run ahead.
  std::vector<std::uint64_t> step_times(std::int64_t set, std::int64_t unit_begin, std::int64_t unit_end);

  /// Compute cycles of the layer: the sum over filter sets.
  std::uint64_t total();

 private:
  struct Tile;
  struct BrickRange;
  struct Times;
  /// Where a filter set's times are kept.
  struct Place {
    std::size_t times, member;
  };

  Place place_of(std::int64_t set) const;
  std::unique_ptr<Times> make_times(std::int64_t set) const;
  BrickRange make_range(std::int64_t brick, std::int64_t bricks) const;
  Tile make_tile(std::int64_t bricks, const std::vector<std::int64_t>& filters) const;
  std::uint64_t equal_unit(const BrickRange& range, const Tile& tile) const;
  std::uint64_t equal_units(const Times& times, std::size_t member, std::int64_t units) const;
  std::vector<TileTime> depthwise_tile_times(std::int64_t set) const;
  std::vector<std::uint64_t> equal_step_ends(const Times& times, std::size_t member, std::int64_t unit) const;
  void advance(Times& times, std::int64_t units) const;
  void run_pallet(Times& times, BrickRange& range, std::int64_t pallet) const;
  void run_with_registers(const BrickRange& range, const Tile& tile, ColumnClock& clock, std::int64_t pallet,
                          std::vector<std::uint64_t>* step_end) const;
  template <class Started>
  std::uint64_t deal(const BrickRange& range, const Tile& tile, std::int64_t step, Started&& started) const;
  std::uint64_t deal(const BrickRange& range, const Tile& tile, std::int64_t step) const;
  std::uint64_t deal_keeping(std::vector<std::uint64_t>& step_end, const BrickRange& range, const Tile& tile,
                             std::int64_t step, std::uint64_t begin) const;

  const ComputeDesign& design_;
  ArrayGeometry geometry_;
  LayerShape layer_;  ///< as it is computed: folded, where it is
  LayerPrecision precision_;
  const BrickMap* activations_;
  const BrickMap* weights_;
  std::int64_t columns_, rows_;
  bool is_folded_;
  std::int64_t window_rows_;
  bool single_window_;
  std::int64_t turns_;  ///< tiles that take pallets in turns; 1: all have the same windows
  bool keeps_steps_ = false;
  std::int64_t units_;
  std::vector<std::uint8_t> activation_time_;  ///< by width
  std::vector<FilterSet> sets_;
  std::vector<std::unique_ptr<Times>> times_;
};

/// The split of tiles, `filters` or `windows`, at which the layer takes fewer compute cycles; `filters` on a
/// tie. The maps must be complete. What `geometry` says of the split is not read.
TileSplit best_tile_split(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                          const LayerPrecision& precision, const BrickMap* activations,
                          const BrickMap* weights);

}  // namespace dpred
