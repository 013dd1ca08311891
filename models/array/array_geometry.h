// Size and options of the processing array, as far as compute cycles depend on them.
#pragma once

#include <cstdint>

#include "models/array/design.h"
#include "models/precision/width.h"

namespace dpred {

/// What the tiles of an array share out among themselves.
enum class TileSplit : std::uint8_t {
  filters,  ///< a filter set is spread over all tiles
  windows,  ///< every tile has the filters of a set; pallets go to the tiles in turns
  best      ///< layer by layer the one with fewer compute cycles; see best_tile_split()
};

/// Size of the array. `rows` is F, the bit-parallel-equal filter rows of a tile.
struct ArrayGeometry {
  std::int64_t lanes = 16;            ///< L: channels of a brick
  std::int64_t rows = 16;             ///< F
  std::int64_t tiles = 4;             ///< T
  std::int64_t columns = 0;           ///< W; 0: as many as make the peak equal to bit-parallel's
  std::int64_t bits_per_cycle = 1;    ///< b: 1, 2 or 4 activation bits
  std::int64_t column_registers = 0;  ///< k: steps a column may run ahead of the slowest
  WidthRounding widths = WidthRounding::any;
  TileSplit tile_split = TileSplit::filters;
  bool fold = false;  ///< layers that fold (models/array/fold.h) are computed folded

  std::int64_t columns_of(const ComputeDesign& design, int bits) const;
  std::int64_t rows_of(const ComputeDesign& design, int bits) const;  ///< F, or F * B for the loom kind

  /// A width as the array can process it: rounded up, never above bits + 1.
  int rounded(int width, int bits) const;

  friend bool operator==(const ArrayGeometry& a, const ArrayGeometry& b) {
    return a.lanes == b.lanes && a.rows == b.rows && a.tiles == b.tiles && a.columns == b.columns &&
           a.bits_per_cycle == b.bits_per_cycle && a.column_registers == b.column_registers &&
           a.widths == b.widths && a.tile_split == b.tile_split && a.fold == b.fold;
  }
};

}  // namespace dpred
