// How a job's wait is charged, and what a layer takes beside waiting: the same at every fidelity.
#pragma once

#include <array>
#include <cstdint>

#include "models/ledger/ledger.h"

namespace dpred {

/// Array cycles. Of an operand: when its bytes are at the engine, and when the array may use them. Of the
/// output: when the results that held its half of the buffer are encoded, and when they are in memory.
struct Readiness {
  std::uint64_t at_engine = 0, ready = 0;
};

struct JobReadiness {
  Readiness weight, activation, output;
};

/// Cycles that are charged to one cause.
struct Charge {
  CycleCause cause = CycleCause::overhead;
  std::uint64_t begin = 0, cycles = 0;
};

/// A job's wait: what it is charged to, in order of time, and the first cycle in which the job can start.
struct JobWait {
  std::array<Charge, 2> charges;
  std::uint64_t begin = 0;
};

JobWait job_wait(const JobReadiness& job, std::uint64_t from, bool first_job);

/// The first cycle in which a job can start. Waiting from `from` on is charged to what arrives last, on a tie
/// to the first of weight, activation, output; before a layer's first step it is overhead and not charged.
std::uint64_t charge_wait(const JobReadiness& job, std::uint64_t from, bool first_job, Ledger& ledger);

/// Cycles between an operand's arrival and the first step: it is written into a buffer and read from it.
std::uint64_t first_step_latency();

/// Cycles of a layer's total beyond compute with an ideal memory and default engine: the pipeline's length.
std::uint64_t fill_cycles(std::uint64_t detect_latency, bool coded_output);

}  // namespace dpred
