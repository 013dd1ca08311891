// A plan in words, for people.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "platform/planner.h"

namespace dpred {

namespace {

std::string job_line(std::size_t number, const Job& job) {
  const auto bytes = [](const std::optional<Fill>& fill) {
    return fill ? std::to_string(fill->buffer_bytes) : std::string("-");
  };
  std::optional<std::int64_t> after;
  for (const auto* fill : {&job.activations, &job.weights}) {
    if (*fill && (*fill)->after_job) after = std::max(after.value_or(0), *(*fill)->after_job);
  }
  return fmt::format("  {:>5} {:>9} {:>12} {:>13} {:>12} {:>12} {:>10} {:>7}\n", number,
                     fmt::format("{}..{}", job.set_begin, job.set_end - 1),
                     fmt::format("{}..{}", job.filter_begin, job.filter_end - 1),
                     fmt::format("{}..{}", job.band.begin, job.band.end - 1), bytes(job.activations),
                     bytes(job.weights), after ? std::to_string(*after) : "-", job.drained_blocks.size());
}

/// "1 job", "2 jobs"
std::string counted(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
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
      "  order        {}, {}, bands of {}\n"
      "  activations  {:>10} bytes from memory; at most {}\n"
      "  weights      {:>10} bytes from memory; at most {}\n"
      "  output       {:>10} bytes to memory; at most {}\n",
      to_string(plan.order), counted(static_cast<std::int64_t>(plan.jobs.size()), "job"),
      counted(plan.band_rows, "output row"), traffic.activation_read_bytes,
      use(plan.activation_half_used, buffers.activation, plan.activations_resident),
      traffic.weight_read_bytes, use(plan.weight_half_used, buffers.weight, plan.weights_resident),
      traffic.output_write_bytes, use(plan.output_half_used, buffers.output, false));
  text += fmt::format("  {:>5} {:>9} {:>12} {:>13} {:>12} {:>12} {:>10} {:>7}\n", "job", "sets", "filters",
                      "output rows", "fill act B", "fill wgt B", "after job", "drains");
  constexpr std::size_t shown_first = 6;
  constexpr std::size_t shown_last = 2;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    if (!all_jobs && plan.jobs.size() > shown_first + shown_last + 1 && j == shown_first) {
      text += fmt::format("    ... {} more jobs (--jobs shows all)\n",
                          plan.jobs.size() - shown_first - shown_last);
      j = plan.jobs.size() - shown_last;
    }
    text += job_line(j, plan.jobs[j]);
  }
  return text;
}

}  // namespace dpred
