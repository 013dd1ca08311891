// A plan in words, for people.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "platform/planner.h"

namespace dpred {

namespace {

std::string range(std::int64_t begin, std::int64_t end) {
  return fmt::format("{}..{}", begin, end - 1);
}

/// Parts of rows and sums: what a job has beside its filters and rows.
std::string part_of_job(const Job& job) {
  const Reduction& sums = job.reduction;
  return fmt::format(" {:>9} {:>9} {:>11}", range(job.columns.begin, job.columns.end),
                     range(sums.tap_begin, sums.tap_end), range(sums.channel_begin, sums.channel_end));
}

std::string job_line(std::size_t number, const Job& job, bool split) {
  const auto bytes = [](const std::optional<Fill>& fill) {
    return fill ? std::to_string(fill->buffer_bytes) : std::string("-");
  };
  std::optional<std::int64_t> after;
  for (const auto* fill : {&job.activations, &job.weights}) {
    if (*fill && (*fill)->after_job) after = std::max(after.value_or(0), *(*fill)->after_job);
  }
  return fmt::format("  {:>5} {:>9} {:>12} {:>13}{} {:>12} {:>12} {:>10} {:>7}\n", number,
                     range(job.set_begin, job.set_end), range(job.filter_begin, job.filter_end),
                     range(job.band.begin, job.band.end), split ? part_of_job(job) : "",
                     bytes(job.activations), bytes(job.weights), after ? std::to_string(*after) : "-",
                     job.drained_blocks.size());
}

/// "1 job", "2 jobs"
std::string counted(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// How often a stream is read, and for what, where it is more than once.
std::string reread(std::uint64_t moved, const StreamDirectory& stream, const std::string& reason) {
  const std::uint64_t once = stream.stream_bytes() + stream.plan().table_bytes();
  const double times = once == 0 ? 0 : static_cast<double>(moved) / static_cast<double>(once);
  return times < 1.05 ? std::string() : fmt::format(", {:.1f} times the stream{}", times, reason);
}

std::string reread_activations(const Plan& plan, std::uint64_t moved, const PlannerInput& input) {
  std::string reason = ": rows of bands overlap, or bursts do";
  if (plan.activations_resident) {
    reason = ": bursts overlap";
  } else if (plan.order == LoopOrder::weights_outer || (plan.split && !plan.partials_spill)) {
    reason = ": again for each group of filters";
  }
  return reread(moved, *input.streams.activation, reason);
}

std::string reread_weights(const Plan& plan, std::uint64_t moved, const PlannerInput& input) {
  std::string reason = ": biases, and bursts that overlap";
  const bool again = plan.order == LoopOrder::activations_outer || (plan.split && !plan.partials_spill);
  if (!plan.weights_resident && again) reason = ": again for each band of rows";
  return reread(moved, *input.streams.weight, reason);
}

}  // namespace

std::string describe(const Plan& plan, const PlannerInput& input, const BufferSizes& buffers,
                     std::uint64_t burst, bool all_jobs) {
  const Traffic traffic = traffic_of(plan, input.streams, burst);
  const auto capacity = [](std::uint64_t bytes, bool resident) { return resident ? bytes : bytes / 2; };
  const auto use = [&](std::uint64_t used, std::uint64_t bytes, bool resident) {
    return fmt::format("{} of {} bytes of {}", used, capacity(bytes, resident),
                       resident ? "its buffer, resident" : "half its buffer");
  };
  std::string text = fmt::format(
      "  order        {}, {}, bands of {}{}\n"
      "  activations  {:>10} bytes from memory{}; at most {}\n"
      "  weights      {:>10} bytes from memory{}; at most {}\n"
      "  output       {:>10} bytes to memory; at most {}\n",
      to_string(plan.order), counted(static_cast<std::int64_t>(plan.jobs.size()), "job"),
      counted(plan.band_rows, "output row"),
      plan.split ? fmt::format(" x {}", counted(plan.tile_columns, "column")) : "",
      traffic.activation_read_bytes, reread_activations(plan, traffic.activation_read_bytes, input),
      use(plan.activation_half_used, buffers.activation, plan.activations_resident) +
          (plan.input_place ? " since the layer before" : ""),
      traffic.weight_read_bytes, reread_weights(plan, traffic.weight_read_bytes, input),
      use(plan.weight_half_used, buffers.weight, plan.weights_resident), traffic.output_write_bytes,
      use(plan.output_half_used, buffers.output, false));
  if (plan.reductions > 1) {
    text += fmt::format("  sums         in {} parts", plan.reductions);
    text += plan.partials_spill ? fmt::format("; between them {} bytes to memory, {} bytes back\n",
                                              traffic.output_read_bytes, traffic.output_read_bytes)
                                : ", one after another in the output buffer\n";
  }
  text += fmt::format("  {:>5} {:>9} {:>12} {:>13}{} {:>12} {:>12} {:>10} {:>7}\n", "job", "sets", "filters",
                      "output rows",
                      plan.split ? fmt::format(" {:>9} {:>9} {:>11}", "columns", "taps", "channels") : "",
                      "fill act B", "fill wgt B", "after job", "drains");
  constexpr std::size_t shown_first = 6;
  constexpr std::size_t shown_last = 2;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    if (!all_jobs && plan.jobs.size() > shown_first + shown_last + 1 && j == shown_first) {
      text += fmt::format("    ... {} more jobs (--jobs shows all)\n",
                          plan.jobs.size() - shown_first - shown_last);
      j = plan.jobs.size() - shown_last;
    }
    text += job_line(j, plan.jobs[j], plan.split);
  }
  return text;
}

}  // namespace dpred
