// From a choice of parts of rows to the jobs of a plan.
#pragma once

#include "platform/split_cuts.h"

namespace dpred {

/// The choice must fit the buffers.
Plan build_split_plan(const SplitCuts& cuts, const SplitChoice& choice, std::uint64_t burst);

}  // namespace dpred
