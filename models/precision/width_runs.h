// Widths of bricks as a profile has them: how many, and how wide neighbours are together, but not where.
#pragma once

#include <cstdint>
#include <vector>

#include "models/precision/brick_map.h"

namespace dpred {

/// Bricks in the order in which they meet in the array. Of activations, in the order of windows: a brick's
/// positions in row-major order (n,y,x), every step-th row and column, which makes step_y * step_x
/// *sequences* of each brick. Of weights, in the order of filters: a sequence for each tap and brick.
///
/// The sequences that are counted together are a *cell*: all those of a brick, or the one of a tap and brick.
class BrickSequences {
 public:
  /// As a layer's windows meet its input, not folded.
  static BrickSequences of_activations(const LayerShape& layer, std::int64_t lanes);
  /// The same for a tensor of shape (N,C,H,W), whose steps are at least 1 and at most H and W.
  static BrickSequences of_activations(const BrickShape& bricks, const Shape& tensor, std::int64_t step_y,
                                       std::int64_t step_x);
  static BrickSequences of_weights(const BrickShape& bricks, std::int64_t filters);

  bool of_weights() const { return of_weights_; }
  std::int64_t step_y() const { return step_y_; }
  std::int64_t step_x() const { return step_x_; }
  std::int64_t cells() const { return cells_; }
  /// Length of each sequence of a cell.
  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  /// Levels 0, 1, ... that are counted: until one block of 2^level bricks holds the longest sequence, and not
  /// above 64 windows or 4096 filters.
  int levels() const { return levels_; }
  /// Blocks of 2^level bricks in a cell; each sequence has its own, the last of which may be short.
  std::int64_t blocks(int level) const;
  /// W of activations; 1 of weights, whose filters have no columns.
  std::int64_t columns() const { return columns_; }
  /// Column of a sequence's first brick, and bricks until the next row.
  std::int64_t first_column(std::size_t sequence) const {
    return static_cast<std::int64_t>(sequence) % step_x_;
  }
  std::int64_t row_length(std::size_t sequence) const {
    return (columns_ - first_column(sequence) + step_x_ - 1) / step_x_;
  }

  /// Calls visit(place) for the bricks of a cell's sequences, one sequence after another. `place` counts as
  /// in the map: position * bricks + brick.
  template <class Visit>
  void visit(std::int64_t cell, Visit&& visit) const {
    if (of_weights_) {
      for (std::int64_t k = 0; k < outer_; ++k)
        visit(k * cells_ + cell);
      return;
    }
    for (std::int64_t first_y = 0; first_y < step_y_; ++first_y) {
      for (std::int64_t first_x = 0; first_x < step_x_; ++first_x) {
        for (std::int64_t n = 0; n < outer_; ++n) {
          for (std::int64_t y = first_y; y < rows_; y += step_y_) {
            for (std::int64_t x = first_x; x < columns_; x += step_x_)
              visit(((n * rows_ + y) * columns_ + x) * cells_ + cell);
          }
        }
      }
    }
  }

 private:
  void find_levels(int most);

  bool of_weights_ = false;
  int levels_ = 1;
  std::int64_t cells_ = 1;
  std::int64_t outer_ = 1, rows_ = 1, columns_ = 1;  ///< outer: images, or filters
  std::int64_t step_y_ = 1, step_x_ = 1;
  std::vector<std::int64_t> lengths_;
};

/// Counts by width: [w - 1] of width w.
using WidthCounts = std::vector<std::int64_t>;

/// What is known of a cell: for each level its blocks by the width of their widest brick, those at the end of
/// a sequence among them, and the width of each of the latter by sequence.
struct CellRuns {
  std::vector<WidthCounts> blocks;
  std::vector<std::vector<std::uint8_t>> last;
};

/// What is known of a brick map.
struct WidthRuns {
  std::vector<CellRuns> cells;
  /// Bricks by column, of all cells; empty where there is but one column.
  std::vector<WidthCounts> columns;
};

/// Counts widths of 1 to `widest`.
WidthRuns runs_of(const BrickMap& map, const BrickSequences& sequences, int widest);

/// A map that has these runs, with bricks in other places: each level's blocks are halved, the larger half
/// is as wide as the block, and the others are dealt out at random. Which half is the larger one is as likely
/// as the columns make it. Bricks of a position are wide together: all cells of activations are dealt alike.
/// The same map for the same runs. `runs` must have as many blocks of each level as `sequences`; where no
/// widths can have them, the map has others.
BrickMap map_with(const WidthRuns& runs, const BrickShape& bricks, const BrickSequences& sequences);

}  // namespace dpred
