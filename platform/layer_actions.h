// What a layer makes the hardware do, from its plan, its shape and the use of the array: the one place where
// actions are counted. Stated in docs/contracts.md, "Energy".
#pragma once

#include "models/energy/action_counts.h"
#include "models/energy/energy_model.h"
#include "platform/preparation.h"

namespace dpred {

/// Closed form, and so the same however time is found. Of the point it reads the array alone.
ActionCounts count_actions(const PreparedLayer& layer, const DesignPoint& point);

/// What a point's actions cost beside the table; `bits` is B.
EnergyPoint energy_point(const DesignPoint& point, int bits);

}  // namespace dpred
