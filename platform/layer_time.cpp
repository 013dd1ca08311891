#include "platform/layer_time.h"

#include <algorithm>

#include "models/buffer/banks.h"

namespace dpred {

JobWait job_wait(const JobReadiness& job, std::uint64_t from, bool first_job) {
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
  JobWait wait;
  wait.begin = std::max(from, last->ready);
  if (first_job) return wait;
  const std::uint64_t passed = std::clamp(last->at_engine, from, wait.begin);
  // Operands come to the engine first and are decoded then; results are encoded first and written then.
  const bool is_output = stall == CycleCause::stall_output;
  wait.charges[0] = {is_output ? CycleCause::stall_codec : stall, from, passed - from};
  wait.charges[1] = {is_output ? stall : CycleCause::stall_codec, passed, wait.begin - passed};
  return wait;
}

std::uint64_t charge_wait(const JobReadiness& job, std::uint64_t from, bool first_job, Ledger& ledger) {
  const JobWait wait = job_wait(job, from, first_job);
  for (const Charge& charge : wait.charges)
    ledger.charge(charge.cause, charge.cycles);
  return wait.begin;
}

std::uint64_t first_step_latency() {
  return 2 * buffer_access_cycles;
}

std::uint64_t fill_cycles(std::uint64_t detect_latency, bool coded_output) {
  return first_step_latency() + (coded_output ? detect_latency : 0);
}

}  // namespace dpred
