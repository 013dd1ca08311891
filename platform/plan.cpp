#include "platform/plan.h"

namespace dpred {

std::string to_string(LoopOrder order) {
  return order == LoopOrder::weights_outer ? "weights outer" : "activations outer";
}

ArrayJob array_job(const Plan& plan, const Job& job, const LayerSchedule& schedule) {
  ArrayJob part{job.set_begin, job.set_end, job.filter_begin, job.filter_end};
  if (plan.split) {
    part.split = SplitJob{job.band,      job.columns,    job.reduction, job.begins_sums,
                          job.ends_sums, job.work_begin, job.work_end,  plan.work};
  } else {
    part.unit_begin = schedule.units_in_rows(job.band.begin);
    part.unit_end = schedule.units_in_rows(job.band.end);
  }
  return part;
}

std::vector<std::int64_t> Plan::output_order() const {
  std::vector<std::int64_t> order;
  for (const Job& job : jobs) {
    order.insert(order.end(), job.drained_blocks.begin(), job.drained_blocks.end());
  }
  return order;
}

Traffic& Traffic::operator+=(const Traffic& other) {
  activation_read_bytes += other.activation_read_bytes;
  weight_read_bytes += other.weight_read_bytes;
  output_write_bytes += other.output_write_bytes;
  output_read_bytes += other.output_read_bytes;
  return *this;
}

namespace {

std::uint64_t rounded(std::uint64_t bytes, std::uint64_t burst) {
  return round_to_bursts(0, bytes, burst).end;
}

/// Fetches of one operand in the order of the jobs.
struct OperandFetches {
  const StreamDirectory& stream;
  FetchCursor rows, biases;

  OperandFetches(const StreamDirectory& directory, std::uint64_t burst)
      : stream(directory), rows(burst), biases(burst) {}

  std::uint64_t bytes(const Fill& fill) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < fill.rows.size(); ++i) {
      sum += fill.parts.empty() ? rows.fetch(stream, fill.rows[i])
                                : rows.fetch(stream, fill.rows[i], fill.parts[i]);
    }
    if (fill.biases.rows() > 0) {
      sum += biases
                 .fetch(0, 4 * static_cast<std::uint64_t>(fill.biases.begin),
                        4 * static_cast<std::uint64_t>(fill.biases.end))
                 .bytes();
    }
    return sum;
  }
};

}  // namespace

Traffic PlanTraffic::total() const {
  Traffic sum = tables;
  for (const Traffic& job : jobs)
    sum += job;
  return sum;
}

PlanTraffic traffic_by_job(const Plan& plan, const LayerStreams& streams, std::uint64_t burst) {
  PlanTraffic traffic;
  const StreamDirectory* written = plan.output_in_memory ? streams.output : nullptr;
  if (!plan.input_place)
    traffic.tables.activation_read_bytes = rounded(streams.activation->plan().table_bytes(), burst);
  traffic.tables.weight_read_bytes = rounded(streams.weight->plan().table_bytes(), burst);
  OperandFetches activations(*streams.activation, burst);
  OperandFetches weights(*streams.weight, burst);
  std::uint64_t finished = 0, written_bytes = 0;
  for (const Job& job : plan.jobs) {
    Traffic& bytes = traffic.jobs.emplace_back();
    if (job.activations) bytes.activation_read_bytes = activations.bytes(*job.activations);
    if (job.weights) bytes.weight_read_bytes = weights.bytes(*job.weights);
    if (job.partials_in) bytes.output_read_bytes = rounded(job.partials_in->bytes, burst);
    if (job.partials_out) bytes.output_write_bytes = rounded(job.partials_out->bytes, burst);
    if (written == nullptr) continue;
    for (const std::int64_t block : job.drained_blocks)
      finished += written->plan().block_bytes[static_cast<std::size_t>(block)];
    // The writer keeps the burst that is not full yet, so the stream is written once.
    const std::uint64_t full = finished / burst * burst - written_bytes;
    bytes.output_write_bytes += full;
    written_bytes += full;
  }
  if (written != nullptr) {
    traffic.tables.output_write_bytes = rounded(written->stream_bytes(), burst) - written_bytes +
                                        rounded(written->plan().table_bytes(), burst);
  }
  return traffic;
}

Traffic traffic_of(const Plan& plan, const LayerStreams& streams, std::uint64_t burst) {
  return traffic_by_job(plan, streams, burst).total();
}

}  // namespace dpred
