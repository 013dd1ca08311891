// Plans, replayed by a checker that knows convolutions and buffers but not how plans are made.
#include "platform/planner.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <optional>
#include <set>

#include "tests/platform/planner_case.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// Rows of the input from a window's first on that count for it: those of its taps, and when the layer is
/// folded all rows of the folded kernel's.
std::set<std::int64_t> rows_of_window(const PlannerCase& c) {
  const LayerShape& s = c.shape;
  const std::int64_t f = s.stride[0];
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  std::set<std::int64_t> rows;
  if (c.geometry.fold && s.groups == 1 && s.dilation[0] * s.dilation[1] == 1 && f > 1 && s.stride[1] == f &&
      s.C < c.geometry.lanes && up(s.R, f) * up(s.S, f) * up(s.C * f * f, c.geometry.lanes) < s.R * s.S) {
    for (std::int64_t r = 0; r < up(s.R, f) * f; ++r)
      rows.insert(r);
  } else {
    for (std::int64_t r = 0; r < s.R; ++r)
      rows.insert(r * s.dilation[0]);
  }
  return rows;
}

/// Rows of the input's stream that a job's windows and filters read, by the definition of a convolution. All
/// output rows of the band count, though a pallet may start some of them later.
std::set<std::int64_t> input_rows(const PlannerCase& c, const Job& job) {
  const LayerShape& s = c.shape;
  std::set<std::int64_t> channels;
  for (const std::int64_t k : filters_of(c, job)) {
    const std::int64_t group = k / s.filters_per_group();
    for (std::int64_t i = 0; i < s.channels_per_group(); ++i)
      channels.insert(group * s.channels_per_group() + i);
  }
  if (s.depthwise()) {  // the detector looks at whole bricks
    std::set<std::int64_t> whole;
    for (const std::int64_t channel : channels) {
      const std::int64_t brick = channel / c.geometry.lanes * c.geometry.lanes;
      for (std::int64_t i = brick; i < std::min(brick + c.geometry.lanes, s.C); ++i)
        whole.insert(i);
    }
    channels = whole;
  }
  const std::set<std::int64_t> taps = rows_of_window(c);
  std::set<std::int64_t> planes;  // n*H + y
  for (std::int64_t row = job.band.begin; row < job.band.end; ++row) {
    for (const std::int64_t r : taps) {
      const std::int64_t y = row % s.OH * s.stride[0] + r - s.pad_tblr[0];
      if (y >= 0 && y < s.H) planes.insert(row / s.OH * s.H + y);
    }
  }
  std::set<std::int64_t> rows;
  for (const StreamSection& section : c.activation->layout.sections()) {
    for (const std::int64_t channel : channels) {
      if (channel < section.first_channel || channel >= section.first_channel + section.channels) continue;
      for (const std::int64_t plane : planes)
        rows.insert(section.first_row + plane);
      break;
    }
  }
  return rows;
}

std::set<std::int64_t> weight_rows(const PlannerCase& c, const Job& job) {
  if (!c.shape.depthwise()) return filters_of(c, job);
  std::set<std::int64_t> taps;
  for (std::int64_t tap = 0; tap < c.shape.R * c.shape.S; ++tap)
    taps.insert(tap);
  return taps;
}

/// The contents of a buffer while a plan is executed with as much overlap as it allows.
class BufferReplay {
 public:
  BufferReplay(const StreamLayout& layout, int bits, std::uint64_t capacity, bool halves)
      : layout_(layout), bits_(bits), capacity_(capacity), halves_(halves) {}

  /// `needs` are the rows of all jobs.
  void fill(const Fill& fill, std::int64_t job, const std::vector<std::set<std::int64_t>>& needs) {
    std::uint64_t at = fill.buffer_address;
    const std::uint64_t half = capacity_ / 2;
    REQUIRE(at <= capacity_);
    REQUIRE(fill.buffer_bytes <= capacity_ - at);
    if (halves_) {
      REQUIRE((at == 0 || at == half));
      REQUIRE(fill.buffer_bytes <= half);
    }
    const std::int64_t after = fill.after_job.value_or(-1);
    REQUIRE(after < job);
    REQUIRE(fill.buffer_bytes > 0);
    std::uint64_t bytes = 0;
    for (const RowRange& range : fill.rows) {
      REQUIRE(range.rows() > 0);
      REQUIRE(&layout_.section_of_row(range.begin) == &layout_.section_of_row(range.end - 1));
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        bytes += static_cast<std::uint64_t>(layout_.row_values(row) * bits_ / 8);
      }
    }
    REQUIRE(bytes == fill.buffer_bytes);
    for (auto held = rows_.begin(); held != rows_.end();) {
      const auto [begin, end] = held->second;
      if (end <= at || begin >= at + bytes) {
        ++held;
        continue;
      }
      REQUIRE(fill.after_job);  // otherwise the place was never used
      for (std::int64_t other = after + 1; other < job; ++other)
        REQUIRE(needs[static_cast<std::size_t>(other)].count(held->first) == 0);
      held = rows_.erase(held);
    }
    for (const RowRange& range : fill.rows) {
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        const auto length = static_cast<std::uint64_t>(layout_.row_values(row) * bits_ / 8);
        rows_[row] = {at, at + length};
        at += length;
      }
    }
  }

  bool has(const std::set<std::int64_t>& rows) const {
    return std::all_of(rows.begin(), rows.end(), [&](std::int64_t row) { return rows_.count(row) == 1; });
  }

 private:
  const StreamLayout& layout_;
  int bits_;
  std::uint64_t capacity_;
  bool halves_;
  std::map<std::int64_t, Bytes> rows_;
};

void check_buffers(const PlannerCase& c, const Plan& plan) {
  std::vector<std::set<std::int64_t>> inputs, weights;
  for (const Job& job : plan.jobs) {
    inputs.push_back(input_rows(c, job));
    weights.push_back(weight_rows(c, job));
  }
  BufferReplay activation(c.activation->layout, c.bits, c.buffers.activation, !plan.activations_resident);
  BufferReplay weight(c.weight->layout, c.bits, c.buffers.weight, !plan.weights_resident);
  std::set<std::int64_t> biases;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    CAPTURE(j);
    const Job& job = plan.jobs[j];
    if (job.weights) {
      weight.fill(*job.weights, static_cast<std::int64_t>(j), weights);
      for (std::int64_t k = job.weights->biases.begin; k < job.weights->biases.end; ++k)
        biases.insert(k);
    }
    if (job.activations) {
      activation.fill(*job.activations, static_cast<std::int64_t>(j), inputs);
      REQUIRE(job.activations->biases.rows() == 0);
    }
    REQUIRE(activation.has(inputs[j]));
    REQUIRE(weight.has(weights[j]));
    for (const std::int64_t k : filters_of(c, job))
      REQUIRE(biases.count(k) == (c.input.has_bias ? 1 : 0));
  }
}

/// Every filter at every output row and unit once; together the time of the uncut layer.
void check_work(PlannerCase& c, const Plan& plan) {
  std::set<std::pair<std::int64_t, std::int64_t>> rows, units, finished;
  std::set<std::pair<std::int64_t, std::int64_t>> timed;  // set, unit
  std::uint64_t cycles = 0;
  std::size_t finished_rows = 0;
  for (const Job& job : plan.jobs) {
    const std::int64_t unit_begin = c.schedule->units_in_rows(job.band.begin);
    const std::int64_t unit_end = c.schedule->units_in_rows(job.band.end);
    REQUIRE(job.finished.begin == c.schedule->rows_in_units(unit_begin));
    REQUIRE(job.finished.end == c.schedule->rows_in_units(unit_end));
    for (const std::int64_t k : filters_of(c, job)) {
      for (std::int64_t row = job.band.begin; row < job.band.end; ++row)
        REQUIRE(rows.emplace(k, row).second);
      for (std::int64_t unit = unit_begin; unit < unit_end; ++unit)
        REQUIRE(units.emplace(k, unit).second);
      for (std::int64_t row = job.finished.begin; row < job.finished.end; ++row)
        REQUIRE(finished.emplace(k, row).second);
    }
    finished_rows += static_cast<std::size_t>(job.finished.rows());
    for (std::int64_t set = job.set_begin; set < job.set_end; ++set) {
      if (timed.emplace(set, job.band.begin).second)
        cycles += c.schedule->end(set, unit_end) - c.schedule->end(set, unit_begin);
    }
    if (c.shape.recurrent) REQUIRE(job.band.begin <= unit_end);
  }
  const auto filters = static_cast<std::size_t>(c.shape.K);
  REQUIRE(rows.size() == filters * static_cast<std::size_t>(c.output_rows()));
  REQUIRE(units.size() == filters * static_cast<std::size_t>(c.schedule->units()));
  REQUIRE(finished.size() == rows.size());
  REQUIRE(cycles == c.schedule->total());
  if (c.shape.recurrent) {
    // All filters of a step come before any of the next.
    for (std::size_t j = 1; j < plan.jobs.size(); ++j)
      REQUIRE(plan.jobs[j].band.begin >= plan.jobs[j - 1].band.begin);
  }
}

/// Results as the array writes them: filters [begin, end), every `step`-th of a depthwise set.
void check_outputs(const PlannerCase& c, const Plan& plan) {
  const bool by_filter = c.input.output_channels == c.shape.K;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    const Job& job = plan.jobs[j];
    REQUIRE(job.output_address == j % 2 * (c.buffers.output / 2));
    if (!by_filter) continue;
    const std::int64_t step = job.set_end - job.set_begin == 1
                                  ? c.schedule->sets()[static_cast<std::size_t>(job.set_begin)].filter_step
                                  : 1;
    std::set<std::int64_t> written;
    for (std::int64_t k = job.filter_begin; k < job.filter_end; k += step)
      written.insert(k);
    REQUIRE(written == filters_of(c, job));
    const auto bytes = static_cast<std::uint64_t>(static_cast<std::int64_t>(written.size()) *
                                                  job.finished.rows() * c.shape.OW * c.bits / 8);
    REQUIRE(bytes <= c.buffers.output / 2);
  }
  std::map<std::int64_t, std::size_t> drained;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    for (const std::int64_t block : plan.jobs[j].drained_blocks)
      REQUIRE(drained.emplace(block, j).second);
  }
  if (!c.output) {
    REQUIRE(drained.empty());
    return;
  }
  const StreamLayout& layout = c.output->layout;
  REQUIRE(drained.size() == layout.blocks().size());
  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    const StreamBlock& block = layout.blocks()[b];
    const StreamSection& section = layout.section_of_row(block.first_row);
    std::size_t last = 0;
    for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
      const Job& job = plan.jobs[j];
      const std::int64_t first_row = block.first_row - section.first_row;
      if (job.finished.end <= first_row || job.finished.begin >= first_row + block.rows ||
          job.finished.rows() == 0)
        continue;
      const std::set<std::int64_t> filters = filters_of(c, job);
      const auto next = filters.lower_bound(section.first_channel);
      const bool adds = by_filter ? next != filters.end() && *next < section.first_channel + section.channels
                                  : job.filter_end == c.shape.K;
      if (adds) last = j;
    }
    CAPTURE(b);
    REQUIRE(drained[static_cast<std::int64_t>(b)] == last);
  }
}

std::uint64_t bursts_of(std::uint64_t bytes, std::uint64_t burst) {
  return (bytes + burst - 1) / burst * burst;
}

/// Bytes that a plan's fills move.
Traffic naive_traffic(const PlannerCase& c, const Plan& plan) {
  Traffic traffic;
  traffic.activation_read_bytes = bursts_of(c.activation->plan.table_bytes(), c.burst);
  traffic.weight_read_bytes = bursts_of(c.weight->plan.table_bytes(), c.burst);
  const NaiveStream activations(c.activation->layout, c.activation->plan);
  const NaiveStream weights(c.weight->layout, c.weight->plan);
  NaiveFetches activation_fetches(c.burst), weight_fetches(c.burst), bias_fetches(c.burst);
  for (const Job& job : plan.jobs) {
    if (job.activations) {
      for (const RowRange& rows : job.activations->rows)
        traffic.activation_read_bytes += activation_fetches.fetch(activations, rows);
    }
    if (!job.weights) continue;
    for (const RowRange& rows : job.weights->rows)
      traffic.weight_read_bytes += weight_fetches.fetch(weights, rows);
    const RowRange& biases = job.weights->biases;
    if (biases.rows() > 0) {
      traffic.weight_read_bytes += bias_fetches.fetch(
          0, {4 * static_cast<std::uint64_t>(biases.begin), 4 * static_cast<std::uint64_t>(biases.end)});
    }
  }
  if (c.output) {
    traffic.output_write_bytes =
        bursts_of(c.output->plan.stream_bytes(), c.burst) + bursts_of(c.output->plan.table_bytes(), c.burst);
  }
  return traffic;
}

}  // namespace

TEST_CASE("plans keep their promises") {
  Random random(31);
  int refusals = 0;
  int split = 0;
  int resident[4] = {};
  int orders[2] = {};
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    PlannerCase c(random);
    const auto enough = [&](std::uint64_t size) { return random.chance(15) ? size : size + 4096; };
    c.buffers = {enough(c.buffers.activation), enough(c.buffers.weight), enough(c.buffers.output),
                 c.buffers.store};
    const Plan plan = c.plan(refusals);
    if (plan.split) continue;  // split_plan_test.cpp
    CAPTURE(describe(plan, c.input, c.buffers, c.burst, true));
    check_buffers(c, plan);
    check_work(c, plan);
    check_outputs(c, plan);
    REQUIRE(traffic_of(plan, c.input.streams, c.burst) == naive_traffic(c, plan));
    std::vector<std::int64_t> order = plan.output_order();
    std::sort(order.begin(), order.end());
    REQUIRE(order.size() == (c.output ? c.output->layout.blocks().size() : 0));
    for (std::size_t b = 0; b < order.size(); ++b)
      REQUIRE(order[b] == static_cast<std::int64_t>(b));

    ++resident[(plan.activations_resident ? 1 : 0) + (plan.weights_resident ? 2 : 0)];
    ++orders[static_cast<int>(plan.order)];
    const Job& first = plan.jobs.front();
    split += first.set_end - first.set_begin == 1 &&
             filters_of(c, first).size() < filters_of(c.schedule->sets().front()).size();
  }
  // The cases reach all kinds of plans.
  CHECK(split > 10);
  CHECK(std::min({resident[0], resident[1], resident[2], resident[3]}) > 1);
  CHECK(std::min(orders[0], orders[1]) > 10);
}
