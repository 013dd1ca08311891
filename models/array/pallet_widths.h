// What a pallet takes in lock step: of each step the widest column.
#pragma once

#include <cstdint>
#include <vector>

#include "models/precision/brick_map.h"
#include "workloads/network.h"

namespace dpred {

/// For each step of a pallet, the widest brick over its windows. Along a row of the input it keeps maxima
/// over 1, 2, 4, ... windows: two of them cover a pallet's windows in that row, for all bricks and taps of a
/// row of the kernel at once.
///
/// An input row is read from the map when the first pallet that needs it is asked for, and not again while
/// the pallets are asked for in order.
class PalletWidths {
 public:
  /// Reads bricks [brick, brick + bricks) of every position. The map must outlive it.
  PalletWidths(const LayerShape& layer, std::int64_t columns, const BrickMap& map, std::int64_t brick,
               std::int64_t bricks);

  /// Widths in order of steps: r, then s, then the brick. Valid until the next call.
  const std::vector<std::uint8_t>& of(std::int64_t pallet);

 private:
  const std::uint8_t* maxima_of(std::int64_t map_row);

  LayerShape layer_;
  std::int64_t columns_;
  const BrickMap& map_;
  std::int64_t brick_, bricks_;
  std::int64_t row_bytes_;            ///< of the part of a padded input row that windows read
  std::int64_t levels_ = 1;           ///< maxima over 2^0, 2^1, ... windows
  std::vector<std::int64_t> held_;    ///< which row of the map each slot has, -1: none
  std::vector<std::uint8_t> maxima_;  ///< of the held rows, level by level
  std::vector<std::uint8_t> widths_;
};

}  // namespace dpred
