// From a choice to the jobs of a plan.
#pragma once

#include "platform/plan_cuts.h"

namespace dpred {

/// The choice must fit the buffers.
Plan build_plan(const PlanCuts& cuts, const Choice& choice);

}  // namespace dpred
