#include "models/array/job_cycles.h"

namespace dpred {

namespace {

__extension__ typedef unsigned __int128 Wide;  // a product of cycles and work

/// The uncut layer's cycles are shared in proportion to the work that is done so far.
std::uint64_t share_of_layer(LayerSchedule& schedule, const SplitJob& job) {
  const std::uint64_t total = schedule.total();
  const auto by = [&](std::uint64_t work) {
    return static_cast<std::uint64_t>(Wide{total} * work / job.work);
  };
  return by(job.work_end) - by(job.work_begin);
}

}  // namespace

std::uint64_t step_cycles(LayerSchedule& schedule, const ArrayJob& job) {
  if (job.split) return share_of_layer(schedule, *job.split);
  std::uint64_t cycles = 0;
  for (std::int64_t set = job.set_begin; set < job.set_end; ++set) {
    cycles += schedule.end(set, job.unit_end) - schedule.end(set, job.unit_begin);
  }
  return cycles;
}

std::uint64_t job_cycles(LayerSchedule& schedule, const ArrayJob& job) {
  if (job.split) return share_of_layer(schedule, *job.split);
  const std::uint64_t cycles = step_cycles(schedule, job);
  const FilterSet& first = schedule.sets()[static_cast<std::size_t>(job.set_begin)];
  const auto filters = static_cast<std::uint64_t>(first.filter_end - first.filter_begin);
  const auto wanted = static_cast<std::uint64_t>(job.filter_end - job.filter_begin);
  if (job.set_end - job.set_begin != 1 || wanted == filters) return cycles;
  const auto before = static_cast<std::uint64_t>(job.filter_begin - first.filter_begin);
  const auto share = [&](std::uint64_t part) {
    return cycles / filters * part + cycles % filters * part / filters;
  };
  return share(before + wanted) - share(before);
}

}  // namespace dpred
