#include "platform/layer_time.h"

#include <algorithm>

#include "models/buffer/banks.h"

namespace dpred {

std::uint64_t charge_wait(const JobReadiness& job, std::uint64_t from, bool first_job, Ledger& ledger) {
  const Readiness* last = &job.weight;
  CycleCause stall = CycleCause::stall_weight;
  if (job.activation.ready > last->ready) {
    last = &job.activation;
    stall = CycleCause::stall_activation;
  }
  if (job.output.ready > last->ready) {
    last = &job.output;
    stall = CycleCause::stall_output;
  }
  const std::uint64_t begin = std::max(from, last->ready);
  if (first_job) return begin;
  const std::uint64_t passed = std::clamp(last->at_engine, from, begin);
  // Operands come to the engine first and are decoded then; results are encoded first and written then.
  const bool is_output = stall == CycleCause::stall_output;
  ledger.charge(is_output ? CycleCause::stall_codec : stall, passed - from);
  ledger.charge(is_output ? stall : CycleCause::stall_codec, begin - passed);
  return begin;
}

std::uint64_t first_step_latency() {
  return 2 * buffer_access_cycles;
}

std::uint64_t fill_cycles(std::uint64_t detect_latency, bool coded_output) {
  return first_step_latency() + (coded_output ? detect_latency : 0);
}

}  // namespace dpred
