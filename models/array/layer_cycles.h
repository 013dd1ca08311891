// Compute cycles of a layer from its two tensors, in one call.
#pragma once

#include <cstdint>

#include "models/array/array_geometry.h"
#include "models/array/design.h"
#include "workloads/network.h"

namespace dpred {

/// Compute cycles of a layer with input (N,C,H,W) and weights (K,C/groups,R,S), everything that
/// docs/contracts.md says in "Compute cycles" included: finds profiles and brick maps, folds and decides the
/// split of tiles as `geometry` says. `bits` is B. Who asks for several design points keeps the maps and uses
/// LayerSchedule.
std::uint64_t layer_cycles(const ComputeDesign& design, const ArrayGeometry& geometry,
                           const LayerShape& layer, int bits, const Tensor& input, const Tensor& weight);

}  // namespace dpred
