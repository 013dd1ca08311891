// The two factors of a step's time, as docs/contracts.md, "Compute cycles", gives them for each design.
#pragma once

#include <cstdint>
#include <vector>

#include "models/array/layer_schedule.h"

namespace dpred {

/// Cycles of an activation brick by its width, 0 to B + 1: ceil(rounded width / b). All are equal where the
/// design doesn't look at the brick's own width. A missing column's 0 cycles are not among them.
std::vector<std::uint8_t> activation_times(const ComputeDesign& design, const ArrayGeometry& geometry,
                                           const LayerPrecision& precision);

/// Width of the widest weight brick at each step of a window (r, then s, then one of `bricks` bricks) over
/// filters that run together; at least 1.
std::vector<std::uint8_t> widest_weights(const BrickMap& weights, std::int64_t taps, std::int64_t bricks,
                                         const std::vector<std::int64_t>& filters);

/// Rounded weight width of each step of a window (r, then s, then one of `bricks` bricks) for filters that
/// run together; 1 where weights are taken in parallel. `weights` is read by designs with brick-wise weights
/// only.
std::vector<std::uint8_t> weight_times(const ComputeDesign& design, const ArrayGeometry& geometry,
                                       const LayerPrecision& precision, const LayerShape& layer,
                                       std::int64_t bricks, const BrickMap* weights,
                                       const std::vector<std::int64_t>& filters);

}  // namespace dpred
