// Sums over all windows of a layer, found without visiting windows.
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/network.h"

namespace dpred {

/// For each tap (r,s) of the kernel, the sum over all windows of the numbers that stand at the input position
/// which the window reads there. What lies in the padding adds nothing. A row is added to the taps' rows that
/// read it as a whole; only their sums are gone through window by window.
class TapSums {
 public:
  /// `depth` numbers stand at each position. Sums must stay below 2^32 for each column of the input.
  TapSums(const LayerShape& layer, std::int64_t depth);

  /// Row y of any image: `depth` numbers for each x.
  void add_row(std::int64_t y, const std::uint8_t* numbers);

  /// Sums by r, then s, then depth, over the rows since the last call.
  void take(std::uint64_t* sums);

 private:
  LayerShape layer_;
  std::int64_t depth_;
  std::vector<std::uint32_t> columns_;  ///< by r, then x, then depth
};

}  // namespace dpred
