// Plans of parts of rows and sums, replayed value by value; and a search that knows nothing of how plans are
// made.
#include <array>
#include <catch2/catch.hpp>
#include <map>

#include "tests/platform/planner_case.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// A value of a stream: row, and place in it.
using Value = std::pair<std::int64_t, std::int64_t>;
using Values = std::set<Value>;

/// Filters of a group of sets, or of part of one.
Values weights_of(const PlannerCase& c, const std::set<std::int64_t>& filters, const Reduction& sums) {
  const std::int64_t channels = c.shape.channels_per_group();
  Values values;
  for (const std::int64_t k : filters) {
    for (std::int64_t tap = sums.tap_begin; tap < sums.tap_end; ++tap) {
      for (std::int64_t i = sums.channel_begin; i < sums.channel_end; ++i)
        values.insert(c.shape.depthwise() ? Value{tap, k} : Value{k, tap * channels + i});
    }
  }
  return values;
}

/// Inputs of the products, and of what lies between them in the rows from the first to the last.
Values inputs_of(const PlannerCase& c, const std::set<std::int64_t>& filters, const RowRange& rows,
                 const RowRange& columns, const Reduction& sums, bool whole_rows = false) {
  const LayerShape& s = c.shape;
  std::set<std::int64_t> channels;
  for (const std::int64_t k : filters) {
    const std::int64_t first = k / s.filters_per_group() * s.channels_per_group();
    for (std::int64_t i = sums.channel_begin; i < sums.channel_end; ++i)
      channels.insert(first + i);
  }
  // By image: first and last row that is needed.
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> planes;
  std::int64_t first_column = s.W, last_column = -1;
  for (std::int64_t tap = sums.tap_begin; tap < sums.tap_end; ++tap) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t y = s.input_row(row % s.OH, tap / s.S);
      auto& [low, high] = planes.try_emplace(row / s.OH, s.H, -1).first->second;
      low = std::min(low, y), high = std::max(high, y);
    }
    for (std::int64_t x = columns.begin; x < columns.end; ++x) {
      first_column = std::min(first_column, s.input_column(x, tap % s.S));
      last_column = std::max(last_column, s.input_column(x, tap % s.S));
    }
  }
  if (whole_rows) first_column = 0, last_column = s.W - 1;
  Values values;
  for (const auto& [n, range] : planes) {
    for (std::int64_t y = std::max<std::int64_t>(range.first, 0); y <= std::min(range.second, s.H - 1); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(first_column, 0); x <= std::min(last_column, s.W - 1);
           ++x) {
        for (const std::int64_t channel : channels) {
          for (const StreamSection& section : c.activation->layout.sections()) {
            const std::int64_t at = channel - section.first_channel;
            if (at >= 0 && at < section.channels)
              values.insert({section.first_row + n * s.H + y, x * section.channels + at});
          }
        }
      }
    }
  }
  return values;
}

std::set<std::int64_t> filters_of_sets(const PlannerCase& c, std::int64_t begin, std::int64_t end) {
  std::set<std::int64_t> filters;
  for (std::int64_t set = begin; set < end; ++set) {
    for (const std::int64_t k : filters_of(c.schedule->sets()[static_cast<std::size_t>(set)]))
      filters.insert(k);
  }
  return filters;
}

Values all_of(const StreamLayout& layout, const Fill& fill) {
  Values values;
  bool twice = false;
  for (std::size_t i = 0; i < fill.rows.size(); ++i) {
    const StreamSection& section = layout.section_of_row(fill.rows[i].begin);
    const RowPart part = fill.parts.empty()
                             ? RowPart{0, section.row_values / section.channels, 0, section.channels}
                             : fill.parts[i];
    for (std::int64_t row = fill.rows[i].begin; row < fill.rows[i].end; ++row) {
      for (std::int64_t place = part.place_begin; place < part.place_end; ++place) {
        for (std::int64_t channel = part.channel_begin; channel < part.channel_end; ++channel)
          twice = !values.insert({row, place * section.channels + channel}).second || twice;
      }
    }
  }
  REQUIRE_FALSE(twice);
  return values;
}

bool includes(const Values& all, const Values& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

/// What an operand's buffer holds while a plan is executed with as much overlap as it allows.
class Replay {
 public:
  Replay(const PlannerCase& c, const PlannedStream& stream, std::uint64_t capacity, bool resident)
      : c_(c),
        stream_(stream),
        capacity_(capacity),
        resident_(resident),
        values_(*stream.codec, stream.layout, stream.plan, stream.tensor) {}

  void fill(const Fill& fill, std::size_t job, const std::vector<Values>& needs) {
    const Values values = all_of(stream_.layout, fill);
    REQUIRE_FALSE(values.empty());
    std::uint64_t bytes = values.size() * static_cast<std::uint64_t>(c_.bits) / 8;
    if (c_.buffers.store == BufferStore::compressed) {
      bytes = 0;
      for (const auto& [section, of_section] : by_section(values)) {
        (void)section;
        for (const Bytes& run : values_.runs(of_section))
          bytes += run.second - run.first;
      }
    }
    REQUIRE(fill.buffer_bytes >= bytes);
    if (c_.buffers.store == BufferStore::expanded) REQUIRE(fill.buffer_bytes == bytes);
    if (resident_) {
      REQUIRE_FALSE(fill.after_job);
      REQUIRE(fill.buffer_address == used_);
      used_ += fill.buffer_bytes;
      REQUIRE(used_ <= capacity_);
      held_[0].insert(values.begin(), values.end());
      return;
    }
    REQUIRE(fill.buffer_bytes <= capacity_ / 2);
    const std::size_t half = fill.buffer_address == 0 ? 0 : 1;
    if (half == 1 && capacity_ >= 2) REQUIRE(fill.buffer_address == capacity_ / 2);
    REQUIRE(fill.after_job.value_or(-1) < static_cast<std::int64_t>(job));
    if (!held_[half].empty()) REQUIRE(fill.after_job);
    for (auto other = static_cast<std::size_t>(fill.after_job.value_or(-1) + 1); other < job; ++other)
      REQUIRE(includes(held_[1 - half], needs[other]));
    held_[half] = values;
  }
  bool has(const Values& values) const { return includes(held_[0], values) || includes(held_[1], values); }

  static std::map<std::int64_t, Values> by_section(const Values& values, std::int64_t rows) {
    std::map<std::int64_t, Values> sections;
    for (const Value& value : values)
      sections[value.first / rows].insert(value);
    return sections;
  }
  std::map<std::int64_t, Values> by_section(const Values& values) const {
    return by_section(values, stream_.layout.sections().front().rows);
  }

 private:
  const PlannerCase& c_;
  const PlannedStream& stream_;
  std::uint64_t capacity_;
  bool resident_;
  NaiveValues values_;
  std::uint64_t used_ = 0;
  Values held_[2];
};

void check_operands(const PlannerCase& c, const Plan& plan) {
  std::vector<Values> inputs, weights;
  std::map<std::array<std::int64_t, 4>, int> products;
  bool twice = false;
  for (const Job& job : plan.jobs) {
    const std::set<std::int64_t> filters = filters_of(c, job);
    inputs.push_back(inputs_of(c, filters, job.band, job.columns, job.reduction));
    weights.push_back(weights_of(c, filters, job.reduction));
    for (const std::int64_t k : filters) {
      for (std::int64_t row = job.band.begin; row < job.band.end; ++row) {
        for (std::int64_t x = job.columns.begin; x < job.columns.end; ++x) {
          for (std::int64_t tap = job.reduction.tap_begin; tap < job.reduction.tap_end; ++tap) {
            for (std::int64_t i = job.reduction.channel_begin; i < job.reduction.channel_end; ++i)
              twice = twice || ++products[{k, row * c.shape.OW + x, tap, i}] > 1;
          }
        }
      }
    }
  }
  REQUIRE_FALSE(twice);
  REQUIRE(static_cast<std::int64_t>(products.size()) == c.shape.macs());
  Replay activation(c, *c.activation, c.buffers.activation, plan.activations_resident);
  Replay weight(c, *c.weight, c.buffers.weight, plan.weights_resident);
  std::set<std::int64_t> biases;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    CAPTURE(j);
    const Job& job = plan.jobs[j];
    if (job.weights) {
      weight.fill(*job.weights, j, weights);
      for (std::int64_t k = job.weights->biases.begin; k < job.weights->biases.end; ++k)
        biases.insert(k);
    }
    if (job.activations) activation.fill(*job.activations, j, inputs);
    REQUIRE(activation.has(inputs[j]));
    REQUIRE(weight.has(weights[j]));
    for (const std::int64_t k : filters_of(c, job))
      REQUIRE(biases.count(k) == (c.input.has_bias ? 1 : 0));
  }
}

/// Results are begun, added to and ended, in one place of the output buffer or by way of memory.
void check_results(const PlannerCase& c, const Plan& plan) {
  struct Sums {
    std::size_t jobs = 0;
    std::size_t last = 0;
    std::uint64_t address = 0;
    PartialSums partials;
  };
  std::map<std::pair<std::int64_t, std::int64_t>, Sums> tiles;  // first filter, first position
  std::map<std::uint64_t, std::uint64_t> regions;
  std::map<std::uint64_t, std::size_t> last_in_half;
  std::uint64_t work = 0;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    CAPTURE(j);
    const Job& job = plan.jobs[j];
    const auto key = std::make_pair(job.filter_begin, job.band.begin * c.shape.OW + job.columns.begin);
    const bool is_new = tiles.count(key) == 0;
    Sums& sums = tiles[key];
    REQUIRE(job.begins_sums == is_new);
    ++sums.jobs;
    REQUIRE(job.ends_sums == (sums.jobs == plan.reductions));
    const std::size_t positions = static_cast<std::size_t>(job.band.rows() * job.columns.rows());
    const std::size_t filters = filters_of(c, job).size();
    const std::uint64_t half = c.buffers.output / 2;
    REQUIRE((job.output_address == 0 || job.output_address == half));
    if (plan.reductions > 1) REQUIRE(4 * positions * filters <= half);
    if (c.input.output_channels == c.shape.K)
      REQUIRE(positions * filters * static_cast<std::size_t>(c.bits) / 8 <= half);
    const auto before = last_in_half.find(job.output_address);
    if (plan.partials_spill || job.begins_sums) {
      if (before != last_in_half.end()) {
        REQUIRE(job.output_after);
        REQUIRE(static_cast<std::size_t>(*job.output_after) == before->second);
      } else {
        REQUIRE_FALSE(job.output_after);
      }
    } else {
      REQUIRE(before->second == sums.last);  // the place still holds them
      REQUIRE(job.output_address == sums.address);
      REQUIRE_FALSE(job.output_after);
    }
    if (plan.partials_spill) {
      REQUIRE(job.partials_in.has_value() == !job.begins_sums);
      REQUIRE(job.partials_out.has_value() == !job.ends_sums);
      for (const auto& partials : {job.partials_in, job.partials_out}) {
        if (!partials) continue;
        REQUIRE(partials->bytes == 4 * positions * filters);
        REQUIRE(partials->offset % c.burst == 0);
        REQUIRE(partials->offset + partials->bytes <= plan.partial_bytes);
      }
      if (job.partials_in) {
        REQUIRE(job.partials_in->offset == sums.partials.offset);
        REQUIRE(static_cast<std::size_t>(*job.partials_after) == sums.last);
      } else if (job.partials_out) {
        REQUIRE(regions.emplace(job.partials_out->offset, job.partials_out->bytes).second);
      }
      if (job.partials_out) sums.partials = *job.partials_out;
    } else {
      REQUIRE_FALSE(job.partials_in.has_value());
      REQUIRE_FALSE(job.partials_out.has_value());
    }
    REQUIRE(job.finished.rows() == (job.ends_sums ? job.band.rows() : 0));
    REQUIRE(job.work_begin == work);
    REQUIRE(job.work_end >= work);
    work = job.work_end;
    sums.last = j;
    sums.address = job.output_address;
    last_in_half[job.output_address] = j;
    if (c.shape.recurrent && j > 0 && plan.jobs.size() > static_cast<std::size_t>(c.shape.N))
      REQUIRE(job.band.begin >= plan.jobs[j - 1].band.begin);
  }
  REQUIRE(work == plan.work);
  std::uint64_t end = 0;
  for (const auto& [offset, bytes] : regions) {
    REQUIRE(offset >= end);
    end = offset + bytes;
  }
  std::map<std::int64_t, std::size_t> drained;
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    for (const std::int64_t block : plan.jobs[j].drained_blocks)
      REQUIRE(drained.emplace(block, j).second);
  }
  REQUIRE(drained.size() == (c.output ? c.output->layout.blocks().size() : 0));
}

std::uint64_t up(std::uint64_t bytes, std::uint64_t burst) {
  return (bytes + burst - 1) / burst * burst;
}

Traffic naive_split_traffic(const PlannerCase& c, const Plan& plan) {
  Traffic traffic;
  traffic.activation_read_bytes = up(c.activation->plan.table_bytes(), c.burst);
  traffic.weight_read_bytes = up(c.weight->plan.table_bytes(), c.burst);
  const NaiveStream activation_rows(c.activation->layout, c.activation->plan);
  const NaiveStream weight_rows(c.weight->layout, c.weight->plan);
  const NaiveValues activations(*c.activation->codec, c.activation->layout, c.activation->plan,
                                c.activation->tensor);
  const NaiveValues weights(*c.weight->codec, c.weight->layout, c.weight->plan, c.weight->tensor);
  NaiveFetches activation_fetches(c.burst), weight_fetches(c.burst), bias_fetches(c.burst);
  for (const Job& job : plan.jobs) {
    for (const auto& [fill, rows, values, fetches, bytes, layout] :
         {std::make_tuple(&job.activations, &activation_rows, &activations, &activation_fetches,
                          &traffic.activation_read_bytes, &c.activation->layout),
          std::make_tuple(&job.weights, &weight_rows, &weights, &weight_fetches, &traffic.weight_read_bytes,
                          &c.weight->layout)}) {
      if (!*fill) continue;
      for (std::size_t i = 0; i < (*fill)->rows.size(); ++i) {
        if ((*fill)->parts.empty()) {
          *bytes += fetches->fetch(*rows, (*fill)->rows[i]);
          continue;
        }
        Fill one;
        one.rows = {(*fill)->rows[i]};
        one.parts = {(*fill)->parts[i]};
        *bytes += fetches->fetch(*values, all_of(*layout, one));
      }
    }
    if (job.weights && job.weights->biases.rows() > 0) {
      traffic.weight_read_bytes +=
          bias_fetches.fetch(0, {4 * static_cast<std::uint64_t>(job.weights->biases.begin),
                                 4 * static_cast<std::uint64_t>(job.weights->biases.end)});
    }
    if (job.partials_in) traffic.output_read_bytes += up(job.partials_in->bytes, c.burst);
    if (job.partials_out) traffic.output_write_bytes += up(job.partials_out->bytes, c.burst);
  }
  if (c.output) {
    traffic.output_write_bytes +=
        up(c.output->plan.stream_bytes(), c.burst) + up(c.output->plan.table_bytes(), c.burst);
  }
  return traffic;
}

/// What one way to do the layer moves: order, filter sets a job, rows a band, channels at a time, whether
/// sums stay on chip between the parts of a result or go to memory, and what is resident. Nothing if it
/// doesn't fit.
std::optional<std::uint64_t> moved(const PlannerCase& c, const NaiveValues& activations,
                                   const NaiveValues& weights, bool weights_outer,
                                   std::int64_t sets_at_a_time, std::int64_t band, std::int64_t channels,
                                   bool spill, bool activations_resident, bool weights_resident) {
  const LayerShape& s = c.shape;
  const auto sets = static_cast<std::int64_t>(c.schedule->sets().size());
  const std::int64_t groups = (sets + sets_at_a_time - 1) / sets_at_a_time;
  const std::int64_t bands = (c.output_rows() + band - 1) / band;
  const std::int64_t parts = (s.channels_per_group() + channels - 1) / channels;
  const auto code_bytes = static_cast<std::uint64_t>(c.bits) / 8;
  const std::int64_t loops[4][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}};  // group, band, part
  const std::int64_t* loop = loops[(weights_outer ? 0 : 2) + (spill ? 1 : 0)];
  const std::int64_t trips[3] = {groups, bands, parts};
  if (activations_resident &&
      static_cast<std::uint64_t>(c.activation->layout.values()) * code_bytes > c.buffers.activation)
    return {};
  if (weights_resident &&
      static_cast<std::uint64_t>(c.weight->layout.values()) * code_bytes > c.buffers.weight)
    return {};
  NaiveFetches activation_fetches(c.burst), weight_fetches(c.burst), bias_fetches(c.burst);
  Values activations_there, weights_there;
  std::array<std::int64_t, 3> last_input{-1, -1, -1};
  std::array<std::int64_t, 2> last_weight{-1, -1};
  std::uint64_t bytes = 0;
  std::int64_t at[3];
  for (at[loop[0]] = 0; at[loop[0]] < trips[loop[0]]; ++at[loop[0]]) {
    for (at[loop[1]] = 0; at[loop[1]] < trips[loop[1]]; ++at[loop[1]]) {
      for (at[loop[2]] = 0; at[loop[2]] < trips[loop[2]]; ++at[loop[2]]) {
        const std::int64_t set_begin = at[0] * sets_at_a_time;
        const std::set<std::int64_t> filters =
            filters_of_sets(c, set_begin, std::min(set_begin + sets_at_a_time, sets));
        const RowRange rows{at[1] * band, std::min(at[1] * band + band, c.output_rows())};
        const RowRange columns{0, s.OW};
        const Reduction sums{0, s.R * s.S, at[2] * channels,
                             std::min(at[2] * channels + channels, s.channels_per_group())};
        const std::uint64_t results =
            filters.size() * static_cast<std::uint64_t>(rows.rows() * s.OW) * (parts > 1 ? 4 : code_bytes);
        if (results > c.buffers.output / 2) return {};
        Values inputs = inputs_of(c, filters, rows, columns, sums, true);
        if (activations_resident) {
          // Whole slices come in.
          Values slices;
          for (const auto& [row, value] : inputs) {
            (void)value;
            for (std::int64_t v = 0; v < c.activation->layout.row_values(row); ++v)
              slices.insert({row, v});
          }
          Values missing;
          std::set_difference(slices.begin(), slices.end(), activations_there.begin(),
                              activations_there.end(), std::inserter(missing, missing.end()));
          activations_there.insert(missing.begin(), missing.end());
          if (!missing.empty()) bytes += activation_fetches.fetch(activations, missing);
        } else {
          if (inputs.size() * code_bytes > c.buffers.activation / 2) return {};
          const std::array<std::int64_t, 3> key{at[1], at[2], *filters.begin() / s.filters_per_group()};
          if (key != last_input && !inputs.empty()) bytes += activation_fetches.fetch(activations, inputs);
          last_input = key;
        }
        const Values needed = weights_of(c, filters, sums);
        const auto biases = [&] {
          if (!c.input.has_bias) return std::uint64_t{0};
          return bias_fetches.fetch(0, {4 * static_cast<std::uint64_t>(*filters.begin()),
                                        4 * static_cast<std::uint64_t>(*filters.rbegin() + 1)});
        };
        if (weights_resident) {
          if (weights_there.count(*needed.begin()) == 0) {
            const Values all = weights_of(c, filters, {0, s.R * s.S, 0, s.channels_per_group()});
            weights_there.insert(all.begin(), all.end());
            bytes += weight_fetches.fetch(weights, all) + biases();
          }
        } else {
          if (needed.size() * code_bytes > c.buffers.weight / 2) return {};
          const std::array<std::int64_t, 2> key{at[0], at[2]};
          if (key != last_weight) {
            bytes += weight_fetches.fetch(weights, needed);
            if (at[2] == 0) bytes += biases();
          }
          last_weight = key;
        }
        if (spill) {
          const std::uint64_t partials =
              up(4 * filters.size() * static_cast<std::uint64_t>(rows.rows() * s.OW), c.burst);
          bytes += (at[2] > 0 ? partials : 0) + (at[2] + 1 < parts ? partials : 0);
        }
      }
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("split plans compute every product once within the buffers") {
  Random random(77);
  int refusals = 0, split = 0, spilled = 0, stayed = 0, columns = 0, taps = 0, channels = 0, depthwise = 0,
      compressed = 0;
  for (int round = 0; round < 250; ++round) {
    CAPTURE(round);
    PlannerCase c(random);
    if (c.shape.macs() > 20000) continue;
    const auto small = [&] { return static_cast<std::uint64_t>(random.log_in(16, 400)); };
    c.buffers = {small(), small(), small(),
                 random.chance(30) ? BufferStore::compressed : BufferStore::expanded};
    const Plan plan = c.plan(refusals);
    if (!plan.split) continue;
    ++split;
    CAPTURE(describe(plan, c.input, c.buffers, c.burst, true));
    check_operands(c, plan);
    check_results(c, plan);
    REQUIRE(traffic_of(plan, c.input.streams, c.burst) == naive_split_traffic(c, plan));
    spilled += plan.partials_spill;
    stayed += plan.reductions > 1 && !plan.partials_spill;
    const Job& first = plan.jobs.front();
    columns += first.columns.rows() < c.shape.OW;
    taps += first.reduction.tap_end < c.shape.R * c.shape.S;
    channels += first.reduction.channel_end < c.shape.channels_per_group();
    depthwise += c.shape.depthwise();
    compressed += c.buffers.store == BufferStore::compressed;
  }
  CHECK(refusals > 20);
  CHECK(split > 50);
  for (const int count : {spilled, stayed, columns, taps, channels, depthwise, compressed})
    CHECK(count > 2);
}

TEST_CASE("no order, grouping, banding, channel split or residence moves less than the plan") {
  Random random(501);
  int layers = 0, split = 0;
  std::int64_t compared = 0;
  while (layers < 500) {
    CAPTURE(layers);
    PlannerCase c(random);
    if (c.shape.recurrent || c.shape.depthwise() || c.shape.macs() > 4000 || c.geometry.fold) continue;
    if (c.input.output_channels != 0 && c.input.output_channels != c.shape.K) continue;
    const auto size = [&] { return static_cast<std::uint64_t>(random.log_in(64, 8192)); };
    c.buffers = {size(), size(), size(), BufferStore::expanded};
    const auto sets = static_cast<std::int64_t>(c.schedule->sets().size());
    const std::int64_t chunks = (c.shape.channels_per_group() + c.input.lanes - 1) / c.input.lanes;
    if (sets * c.output_rows() * chunks > 60 || sets * c.output_rows() * chunks < 8) continue;
    int refusals = 0;
    const Plan plan = c.plan(refusals);
    ++layers;
    split += plan.split;
    const Traffic traffic = traffic_of(plan, c.input.streams, c.burst);
    const Traffic apart = naive_split_traffic(c, Plan{});  // tables and output
    const std::uint64_t planned = traffic.total() - apart.total();
    const NaiveValues activations(*c.activation->codec, c.activation->layout, c.activation->plan,
                                  c.activation->tensor);
    const NaiveValues weights(*c.weight->codec, c.weight->layout, c.weight->plan, c.weight->tensor);
    for (std::int64_t group = 1; group <= sets; ++group) {
      for (std::int64_t band = 1; band <= c.output_rows(); ++band) {
        for (std::int64_t chunk = 1; chunk <= chunks; ++chunk) {
          const std::int64_t channels = std::min(chunk * c.input.lanes, c.shape.channels_per_group());
          const bool one_conv_group = c.shape.groups == 1 || group == 1;
          if (chunk < chunks && !one_conv_group) continue;
          for (int way = 0; way < 16; ++way) {
            const bool spill = way / 2 % 2 != 0;
            if (spill && channels == c.shape.channels_per_group()) continue;
            const auto other = moved(c, activations, weights, way % 2 != 0, group, band, channels, spill,
                                     way / 4 % 2 != 0, way / 8 != 0);
            if (!other) continue;
            ++compared;
            if (*other < planned) {
              INFO(describe(plan, c.input, c.buffers, c.burst, true));
              FAIL_CHECK(group << " sets, bands of " << band << ", " << channels << " channels, way " << way
                               << ": " << *other << " bytes, the plan " << planned);
            }
          }
        }
      }
    }
  }
  CHECK(compared > 10000);
  CAPTURE(compared);
  CHECK(split > 20);
}
