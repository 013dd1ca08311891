// When a layer's jobs did what: recorded by a simulation, or by the closed form, for those who ask.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/layer_time.h"

namespace dpred {

/// Array cycles from the start of the layer. Of what a job doesn't have, times are 0.
struct JobTimeline {
  std::uint64_t weights_issued = 0, activations_issued = 0;  ///< when its fills were asked for
  std::uint64_t partials_issued = 0, partials_ready = 0;     ///< partial sums that came back
  JobReadiness ready;           ///< its operands, and its place in the output buffer
  std::uint64_t wait_from = 0;  ///< end of the job before
  std::uint64_t compute_begin = 0, compute_cycles = 0;
  /// What banks of the buffers took beyond that, by the operand that is charged.
  std::uint64_t weight_conflicts = 0, activation_conflicts = 0, output_conflicts = 0;
  std::uint64_t drain_begin = 0;
  Readiness drained;  ///< results encoded, and in memory

  std::uint64_t end() const {
    return compute_begin + compute_cycles + weight_conflicts + activation_conflicts + output_conflicts;
  }
};

struct LayerTimeline {
  std::uint64_t total = 0;
  std::vector<JobTimeline> jobs;
};

}  // namespace dpred
