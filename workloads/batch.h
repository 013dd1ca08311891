// A batch: a network's recorded inputs, repeated.
#pragma once

#include <cstdint>

#include "workloads/network.h"

namespace dpred {

/// The network with every activation tensor repeated `times` times along N, and each layer's N to match:
/// n·N images or tokens, or n·N steps of a recurrent layer. Tensors in the weight role stay, also those that
/// are made at run time (weight_is_activation).
///
/// InputError where a layer's dimensions or a tensor's size get too large, for a tensor that is read as a
/// weight by one layer and as an activation by another, and for a width profile, which has the widths of what
/// was recorded. `times` is at least 1.
Network repeat_inputs(Network network, std::int64_t times);

}  // namespace dpred
