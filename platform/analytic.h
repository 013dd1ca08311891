// The fidelity `analytic`: a layer's time in closed form from its plan, without a simulation.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/run.h"

namespace dpred {

/// What the memory costs, in array cycles. All 0 for the ideal memory.
struct MemoryCost {
  double per_byte = 0;      ///< of a long stream
  double read_latency = 0;  ///< from a request to its first burst, in a closed row
  double write_latency = 0;
  double turnaround = 0;  ///< lost where the data bus goes from reads to writes and back
  std::uint64_t request_bytes = 1, outstanding = 0;  ///< of the engine
};

/// From the preset's numbers: peak bandwidth of all channels less refreshes, or what `engine.outstanding`
/// requests of `engine.request_bytes` can keep under way, if that is less.
MemoryCost memory_cost(const DesignPoint& point);

/// All layers of the network. Bytes, compute cycles and what the array's cycles are used for are those of a
/// simulation. Times follow job by job from one recurrence, in which more bandwidth never makes anything
/// later: reads and writes share one bus, a fill waits for its place in the buffer and for the fills before
/// it, a job for its operands and for its half of the output buffer. docs/fidelity.md has it, and how far it
/// is from `lt`.
///
/// With a timeline, when jobs did what is recorded. InputError for what it has no model of: numbers of banks,
/// decoders and encoders.
RunResult analyse(const Preparation& preparation, bool find_next = true, bool timeline = false);

/// The same for many points: what does not depend on the memory's speed is found once.
class AnalyticModel {
 public:
  /// The preparation must outlive it.
  explicit AnalyticModel(const Preparation& preparation);
  ~AnalyticModel();

  /// For a point that differs from the preparation's in what plans do not depend on.
  RunResult run(const DesignPoint& point, bool find_next = true, bool timeline = false) const;

 private:
  class LayerTimes;

  static Resource binds_next(const LayerTimes& times, const DesignPoint& point, const MemoryCost& memory,
                             const Ledger& ledger);

  const Preparation& preparation_;
  std::vector<LayerTimes> layers_;
};

}  // namespace dpred
