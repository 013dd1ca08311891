// What a part of a layer takes: exact to docs/contracts.md, "Parts of a layer".
#pragma once

#include <cstdint>

#include "models/array/array_job.h"
#include "models/array/layer_schedule.h"

namespace dpred {

/// Cycles in which the array goes through the job's steps: of whole filter sets, also where it is part of
/// one.
std::uint64_t step_cycles(LayerSchedule& schedule, const ArrayJob& job);

/// The job's compute cycles. They add up to the layer's: a set that is cut takes what the uncut one takes, in
/// proportion to the filters done so far, and a layer whose sums are cut in proportion to the work.
std::uint64_t job_cycles(LayerSchedule& schedule, const ArrayJob& job);

}  // namespace dpred
