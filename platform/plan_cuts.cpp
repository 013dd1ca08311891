#include "platform/plan_cuts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "workloads/divide_up.h"
#include "workloads/error.h"

namespace dpred {

bool same_activations(const FilterGroup& a, const FilterGroup& b) {
  return a.section_begin == b.section_begin && a.section_end == b.section_end;
}
bool same_weights(const FilterGroup& a, const FilterGroup& b) {
  return a.weight_rows.begin == b.weight_rows.begin && a.weight_rows.end == b.weight_rows.end;
}

PlanCuts::PlanCuts(const PlannerInput& input, const BufferSizes& buffers)
    : in_(input),
      buffers_(buffers),
      activations_(*input.streams.activation),
      weights_(*input.streams.weight),
      code_bytes_(activations_.plan().format.values.bits / 8),
      output_rows_(input.shape.N * input.shape.OH) {
  make_groups();
  make_bands();
}

std::uint64_t PlanCuts::row_bytes(const StreamDirectory& stream, std::size_t section) const {
  return static_cast<std::uint64_t>(stream.layout().sections()[section].row_values * code_bytes_);
}

std::uint64_t PlanCuts::tensor_bytes(const StreamDirectory& stream) const {
  return static_cast<std::uint64_t>(stream.layout().values() * code_bytes_);
}

std::int64_t PlanCuts::results_per_position(const FilterGroup& group) const {
  return in_.output_channels == in_.shape.K ? group.filters : in_.output_channels;
}
std::uint64_t PlanCuts::output_bytes(const FilterGroup& group, std::int64_t rows) const {
  return static_cast<std::uint64_t>(results_per_position(group) * rows * in_.shape.OW *
                                    in_.output_bytes_per_value);
}

FilterGroup PlanCuts::group_of(std::int64_t set_begin, std::int64_t set_end) const {
  const auto& sets = in_.schedule->sets();
  FilterGroup group;
  group.set_begin = set_begin;
  group.set_end = set_end;
  group.filter_begin = sets[static_cast<std::size_t>(set_begin)].filter_begin;
  std::int64_t channel_begin = in_.shape.C;
  std::int64_t channel_end = 0;
  for (std::int64_t i = set_begin; i < set_end; ++i) {
    const FilterSet& set = sets[static_cast<std::size_t>(i)];
    group.filter_begin = std::min(group.filter_begin, set.filter_begin);
    group.filter_end = std::max(group.filter_end, set.filter_end);
    group.filters += divide_up(set.filter_end - set.filter_begin, set.filter_step);
    channel_begin = std::min(channel_begin, set.channel_begin);
    channel_end = std::max(channel_end, set.channel_end);
  }
  if (in_.shape.depthwise()) {
    // A set may end within a brick, but it is the whole brick whose width its time depends on.
    channel_begin = channel_begin / in_.lanes * in_.lanes;
    channel_end = std::min(divide_up(channel_end, in_.lanes) * in_.lanes, in_.shape.C);
  }
  const std::int64_t slice = activations_.layout().options().slice_channels;
  group.section_begin = static_cast<std::size_t>(channel_begin / slice);
  group.section_end = static_cast<std::size_t>(divide_up(channel_end, slice));
  set_weights(group);
  return group;
}

void PlanCuts::set_weights(FilterGroup& group) const {
  group.weight_rows = in_.shape.depthwise() ? RowRange{0, weights_.layout().rows()}
                                            : RowRange{group.filter_begin, group.filter_end};
  group.weight_bytes = static_cast<std::uint64_t>(group.weight_rows.rows()) * row_bytes(weights_, 0);
}

/// Ways to group the filter sets: 1, 2, 4, … sets at a time, and all; sets that are too large are split.
void PlanCuts::make_groups() {
  const auto sets = static_cast<std::int64_t>(in_.schedule->sets().size());
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 1; size < sets; size *= 2)
    sizes.push_back(size);
  sizes.push_back(sets);
  for (const std::int64_t size : sizes) {
    std::vector<FilterGroup> groups;
    for (std::int64_t set = 0; set < sets; set += size)
      groups.push_back(group_of(set, std::min(set + size, sets)));
    // The results of several sets lie in the output buffer as those of consecutive filters. Passes of a
    // depthwise layer with a channel multiplier are consecutive only all together.
    const bool consecutive = std::all_of(groups.begin(), groups.end(), [](const FilterGroup& group) {
      return group.set_end - group.set_begin == 1 || group.filters == group.filter_end - group.filter_begin;
    });
    if (consecutive) groupings_.push_back(std::move(groups));
  }
  const std::int64_t most = most_filters();
  if (in_.shape.depthwise() || most < 1) return;
  std::vector<FilterGroup> parts;
  bool split = false;
  for (const FilterGroup& whole : groupings_.front()) {
    // Parts of about equal size, so that each is fetched while another computes.
    const std::int64_t count = divide_up(whole.filters, most);
    const std::int64_t size = divide_up(whole.filters, count);
    for (std::int64_t k = whole.filter_begin; k < whole.filter_end; k += size) {
      FilterGroup part = whole;
      part.filter_begin = k;
      part.filter_end = std::min(k + size, whole.filter_end);
      part.filters = part.filter_end - part.filter_begin;
      set_weights(part);
      split = split || part.filters != whole.filters;
      parts.push_back(part);
    }
  }
  if (split) groupings_.push_back(std::move(parts));
}

/// Filters of which half the weight buffer holds the weights and half the output buffer the results of the
/// smallest band.
std::int64_t PlanCuts::most_filters() const {
  auto most = static_cast<std::int64_t>(buffers_.weight / 2 / row_bytes(weights_, 0));
  if (in_.output_channels == in_.shape.K) {
    const Bands smallest = bands_of(1);
    const auto position =
        static_cast<std::uint64_t>(smallest.most_finished * in_.shape.OW * in_.output_bytes_per_value);
    if (position > 0) most = std::min(most, static_cast<std::int64_t>(buffers_.output / 2 / position));
  }
  return most;
}

/// Sizes of bands worth pricing: about 1 to 16 bands, and those aligned to the input's blocks; and the
/// largest that fit half a buffer.
void PlanCuts::make_bands() {
  std::set<std::int64_t> sizes = {1};
  for (const std::int64_t count : {1, 2, 3, 4, 6, 8, 12, 16})
    sizes.insert(divide_up(output_rows_, count));
  for (const std::size_t sections : {std::size_t{1}, activations_.layout().sections().size()}) {
    sizes.insert(largest_band(sections));
  }
  const std::int64_t block_rows = activations_.layout().sections().front().rows_per_block;
  const std::int64_t aligned = std::max<std::int64_t>(block_rows / in_.shape.stride[0], 1);
  for (const std::int64_t size : std::set<std::int64_t>(sizes)) {
    if (size > aligned) sizes.insert(size / aligned * aligned);
  }
  for (const std::int64_t size : sizes)
    bands_.push_back(bands_of(size));
}

/// Output rows whose input rows, of so many slices, fill half the activation buffer.
std::int64_t PlanCuts::largest_band(std::size_t sections) const {
  std::uint64_t row = 0;
  for (std::size_t s = 0; s < sections; ++s)
    row += row_bytes(activations_, s);
  const auto input_rows = static_cast<std::int64_t>(buffers_.activation / 2 / row);
  const std::int64_t band = (input_rows - in_.schedule->window_rows()) / in_.shape.stride[0] + 1;
  return std::clamp<std::int64_t>(band, 1, output_rows_);
}

Bands PlanCuts::bands_of(std::int64_t size) const {
  const LayerShape& l = in_.shape;
  Bands bands;
  bands.size = size;
  std::int64_t seen = 0;  // input rows before this were needed already
  for (std::int64_t begin = 0; begin < output_rows_; begin += size) {
    const RowRange rows{begin, std::min(begin + size, output_rows_)};
    std::vector<RowRange> needed;
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const std::int64_t n = row / l.OH;
      const std::int64_t end = std::min(rows.end, (n + 1) * l.OH);
      const std::int64_t first = l.input_row(row - n * l.OH, 0);
      const std::int64_t past = l.input_row(end - 1 - n * l.OH, 0) + in_.schedule->window_rows();
      const RowRange input{n * l.H + std::clamp<std::int64_t>(first, 0, l.H),
                           n * l.H + std::clamp<std::int64_t>(past, 0, l.H)};
      if (input.rows() > 0) {
        if (!needed.empty() && needed.back().end == input.begin) {
          needed.back().end = input.end;
        } else {
          needed.push_back(input);
        }
      }
      row = end;
    }
    std::vector<RowRange> fresh;
    for (const RowRange& range : needed) {
      const RowRange rest{std::max(range.begin, seen), range.end};
      if (rest.rows() > 0) fresh.push_back(rest);
      seen = std::max(seen, range.end);
    }
    const auto finished_by = [&](std::int64_t row) {
      return in_.schedule->rows_in_units(in_.schedule->units_in_rows(row));
    };
    const RowRange finished{finished_by(rows.begin), finished_by(rows.end)};
    bands.most_finished = std::max(bands.most_finished, finished.rows());
    bands.rows.push_back(rows);
    bands.finished.push_back(finished);
    bands.input.push_back(std::move(needed));
    bands.new_input.push_back(std::move(fresh));
  }
  return bands;
}

std::uint64_t PlanCuts::input_bytes(const std::vector<RowRange>& rows, std::size_t section_begin,
                                    std::size_t section_end) const {
  std::uint64_t bytes = 0;
  for (const RowRange& range : rows) {
    for (std::size_t s = section_begin; s < section_end; ++s) {
      bytes += static_cast<std::uint64_t>(range.rows()) * row_bytes(activations_, s);
    }
  }
  return bytes;
}

std::uint64_t PlanCuts::most_input_bytes(const Choice& choice) const {
  std::uint64_t most = 0;
  for (const FilterGroup& group : *choice.groups) {
    for (const auto& rows : choice.bands->input) {
      most = std::max(most, input_bytes(rows, group.section_begin, group.section_end));
    }
  }
  return most;
}

bool PlanCuts::fits(const Choice& choice) const {
  const std::vector<FilterGroup>& groups = *choice.groups;
  if (in_.shape.recurrent && groups.size() > 1 && choice.bands->size > 1) return false;
  for (const FilterGroup& group : groups) {
    if (output_bytes(group, choice.bands->most_finished) > buffers_.output / 2) return false;
    if (!choice.weights_resident && group.weight_bytes > buffers_.weight / 2) return false;
  }
  if (choice.weights_resident && tensor_bytes(weights_) > buffers_.weight) return false;
  if (choice.activations_resident) return tensor_bytes(activations_) <= buffers_.activation;
  return most_input_bytes(choice) <= buffers_.activation / 2;
}

RowRange PlanCuts::biases_of(const FilterGroup& group) const {
  if (!in_.has_bias) return {};
  return in_.shape.depthwise() ? RowRange{0, in_.shape.K} : RowRange{group.filter_begin, group.filter_end};
}

void PlanCuts::refuse() const {
  const auto need = [&](const char* key, std::uint64_t has, std::uint64_t needs,
                        const std::string& for_what) {
    if (needs > has) {
      throw InputError(fmt::format("layer '{}': {} = {} is too small: {} bytes are needed for {}",
                                   printable(in_.name), key, has, needs, for_what));
    }
  };
  const Bands smallest = bands_of(1);
  Choice choice;
  choice.groups = &groupings_.front();
  choice.bands = &smallest;
  // A tensor that is no larger than the two halves of its smallest job stays whole.
  const bool depthwise = in_.shape.depthwise();
  const std::uint64_t all_weights = tensor_bytes(weights_);
  const std::uint64_t weights = depthwise ? all_weights : std::min(all_weights, 2 * row_bytes(weights_, 0));
  const std::uint64_t all_inputs = tensor_bytes(activations_);
  const std::uint64_t inputs = std::min(all_inputs, 2 * most_input_bytes(choice));
  std::uint64_t results = 0;
  for (const FilterGroup& group : groupings_.front()) {
    const bool whole = depthwise || in_.output_channels != in_.shape.K;
    const std::uint64_t position = output_bytes(group, smallest.most_finished);
    results = std::max(results, whole ? position : position / static_cast<std::uint64_t>(group.filters));
  }
  need("buffer.weight_bytes", buffers_.weight, weights,
       depthwise                ? "the depthwise weights"
       : weights == all_weights ? "all weights"
                                : "two times the weights of the smallest job");
  need("buffer.activation_bytes", buffers_.activation, inputs,
       inputs == all_inputs ? "the whole input" : "two times the input rows of one output row");
  need("buffer.output_bytes", buffers_.output, 2 * results, "two times the results of the smallest job");
  throw InputError(fmt::format("layer '{}' has no plan that fits the buffers", printable(in_.name)));
}

}  // namespace dpred
