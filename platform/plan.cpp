#include "platform/plan.h"

namespace dpred {

std::string to_string(LoopOrder order) {
  return order == LoopOrder::weights_outer ? "weights outer" : "activations outer";
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
    for (const RowRange& range : fill.rows)
      sum += rows.fetch(stream, range);
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

Traffic traffic_of(const Plan& plan, const LayerStreams& streams, std::uint64_t burst) {
  Traffic traffic;
  traffic.activation_read_bytes = rounded(streams.activation->plan().table_bytes(), burst);
  traffic.weight_read_bytes = rounded(streams.weight->plan().table_bytes(), burst);
  OperandFetches activations(*streams.activation, burst);
  OperandFetches weights(*streams.weight, burst);
  for (const Job& job : plan.jobs) {
    if (job.activations) traffic.activation_read_bytes += activations.bytes(*job.activations);
    if (job.weights) traffic.weight_read_bytes += weights.bytes(*job.weights);
  }
  if (streams.output != nullptr) {
    // The writer keeps the burst that is not full yet, so the stream is written once.
    traffic.output_write_bytes =
        rounded(streams.output->stream_bytes(), burst) + rounded(streams.output->plan().table_bytes(), burst);
  }
  return traffic;
}

}  // namespace dpred
