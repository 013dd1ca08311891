// Jobs that are parts of rows and of sums: of output columns, input channels, kernel taps. For layers of
// which no job of whole rows fits the buffers, or whose operands move less that way.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/plan_cuts.h"

namespace dpred {

/// Output positions of a job: rows n * OH + oy, and columns.
struct Tile {
  RowRange rows, columns;

  std::int64_t positions() const { return rows.rows() * columns.rows(); }
};

/// What a job needs of an operand.
struct WantedParts {
  std::vector<RowRange> rows;
  std::vector<RowPart> parts;  ///< of each of `rows`
  std::uint64_t buffer_bytes = 0;
};

/// A way to do the layer. A *tile* is a group of filters at some positions; with several reductions its
/// results are added up by as many jobs. These follow one another and keep the sums in the output buffer, or
/// all tiles that share an operand pass between them, and the sums go to memory and come back.
struct SplitChoice {
  LoopOrder order = LoopOrder::weights_outer;
  bool partials_spill = false;
  bool activations_resident = false, weights_resident = false;
  const std::vector<FilterGroup>* groups = nullptr;
  const std::vector<Tile>* tiles = nullptr;
  const std::vector<Reduction>* reductions = nullptr;

  std::size_t jobs() const { return groups->size() * tiles->size() * reductions->size(); }
};

/// A loop of a choice.
enum class SplitLoop : std::uint8_t { groups, tiles, reductions };

/// The loops of a choice from the outermost in.
struct LoopNest {
  SplitLoop loops[3];
};
LoopNest loops_of(const SplitChoice& choice);
std::size_t trips_of(const SplitChoice& choice, SplitLoop loop);

/// Whether the operand that a job needs changes from trip to trip.
bool changes_activations(const SplitChoice& choice, SplitLoop loop);
bool changes_weights(const SplitChoice& choice, SplitLoop loop);

/// Tiles of so many rows and columns, row by row.
std::vector<Tile> tiles_of(const LayerShape& shape, std::int64_t rows, std::int64_t columns);

/// Sums cut into `channels` channels at a time, in these into taps: whole rows of the kernel at a time, or
/// with one row at a time `columns` taps.
std::vector<Reduction> reductions_of(const LayerShape& shape, std::int64_t channels, std::int64_t tap_rows,
                                     std::int64_t tap_columns);

class SplitCuts {
 public:
  /// The cuts must outlive it.
  explicit SplitCuts(const PlanCuts& cuts) : cuts_(cuts) {}

  const PlanCuts& cuts() const { return cuts_; }

  WantedParts activations(const FilterGroup& group, const Tile& tile, const Reduction& reduction) const;
  WantedParts weights(const FilterGroup& group, const Reduction& reduction) const;
  /// Channels of the input that a job reads.
  RowRange channels(const FilterGroup& group, const Reduction& reduction) const;
  /// Input rows n * H + y that a tile reads with all taps from row `r_begin` of the kernel to row `r_end`.
  std::vector<RowRange> input_rows(const RowRange& rows, std::int64_t r_begin, std::int64_t r_end) const;

  /// The same with all taps, by tile: what no tile before needed.
  std::vector<std::vector<RowRange>> new_input(const std::vector<Tile>& tiles) const;

  /// Bytes that a tile's results take in the output buffer, sums of 4 bytes while they are partial.
  std::uint64_t output_bytes(const FilterGroup& group, const Tile& tile, std::size_t reductions) const;
  /// Bytes of a tile's partial sums.
  std::uint64_t partial_bytes(const FilterGroup& group, const Tile& tile) const {
    return static_cast<std::uint64_t>(4 * group.filters * tile.positions());
  }

  /// Groups of so many filters, each in one set.
  std::vector<FilterGroup> parts_of_sets(std::int64_t filters) const;

 private:
  const PlanCuts& cuts_;
};

}  // namespace dpred
