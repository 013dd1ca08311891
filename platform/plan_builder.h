// From a choice to the jobs of a plan.
#pragma once

#include "platform/plan_cuts.h"

namespace dpred {

/// The choice must fit the buffers.
Plan build_plan(const PlanCuts& cuts, const Choice& choice);

/// Gives each block of the output to the last job that adds results to it.
void assign_drains(const PlanCuts& cuts, Plan& plan);

}  // namespace dpred
