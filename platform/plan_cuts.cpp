#include "platform/plan_cuts.h"

#include <algorithm>
#include <set>

#include "workloads/divide_up.h"

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

std::uint64_t PlanCuts::buffer_bytes(const StreamDirectory& stream, RowRange rows) const {
  if (buffers_.store == BufferStore::expanded)
    return static_cast<std::uint64_t>(rows.rows() * stream.layout().row_values(rows.begin) * code_bytes_);
  std::uint64_t bytes = 0;
  for (const ByteRange& range : stream.bytes_of(rows))
    bytes += range.end - range.begin;
  return bytes;
}

std::uint64_t PlanCuts::buffer_bytes(const StreamDirectory& stream, RowRange rows,
                                     const RowPart& part) const {
  if (buffers_.store == BufferStore::expanded)
    return static_cast<std::uint64_t>(rows.rows() * part.values() * code_bytes_);
  std::uint64_t bytes = 0;
  visit_runs(stream.pieces_of(rows, part),
             [&](std::size_t, std::size_t, std::uint64_t begin, std::uint64_t end) { bytes += end - begin; });
  return bytes;
}

std::uint64_t PlanCuts::tensor_bytes(const StreamDirectory& stream) const {
  if (buffers_.store == BufferStore::expanded)
    return static_cast<std::uint64_t>(stream.layout().values() * code_bytes_);
  // Rows that are filled apart may both take the byte that they share, or the block.
  if (stream.plan().whole_blocks()) return std::uint64_t{1} << 62;
  return stream.stream_bytes() + static_cast<std::uint64_t>(stream.layout().rows());
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
  set_channels(group, channel_begin, channel_end);
  set_weights(group);
  return group;
}

FilterGroup PlanCuts::part_of_set(std::int64_t set, std::int64_t filter_begin,
                                  std::int64_t filter_end) const {
  const FilterSet& whole = in_.schedule->sets()[static_cast<std::size_t>(set)];
  FilterGroup part;
  part.set_begin = set;
  part.set_end = set + 1;
  part.filter_begin = filter_begin;
  part.filter_end = filter_end;
  part.filters = divide_up(filter_end - filter_begin, whole.filter_step);
  if (in_.shape.depthwise()) {
    set_channels(part, filter_begin / whole.filter_step, (filter_end - 1) / whole.filter_step + 1);
  } else {
    set_channels(part, whole.channel_begin, whole.channel_end);
  }
  set_weights(part);
  return part;
}

void PlanCuts::set_channels(FilterGroup& group, std::int64_t channel_begin, std::int64_t channel_end) const {
  const std::int64_t slice = activations_.layout().options().slice_channels;
  group.channel_begin = channel_begin;
  group.channel_end = channel_end;
  group.section_begin = static_cast<std::size_t>(channel_begin / slice);
  group.section_end = static_cast<std::size_t>(divide_up(channel_end, slice));
}

void PlanCuts::set_weights(FilterGroup& group) const {
  group.weight_rows = in_.shape.depthwise() ? RowRange{0, weights_.layout().rows()}
                                            : RowRange{group.filter_begin, group.filter_end};
  group.weight_bytes = buffer_bytes(weights_, group.weight_rows);
}

std::vector<FilterGroup> PlanCuts::grouping(std::int64_t size) const {
  const auto sets = static_cast<std::int64_t>(in_.schedule->sets().size());
  std::vector<FilterGroup> groups;
  for (std::int64_t set = 0; set < sets; set += size)
    groups.push_back(group_of(set, std::min(set + size, sets)));
  // The results of several sets lie in the output buffer as those of consecutive filters. Passes of a
  // depthwise layer with a channel multiplier are consecutive only all together.
  const bool consecutive = std::all_of(groups.begin(), groups.end(), [](const FilterGroup& group) {
    return group.set_end - group.set_begin == 1 || group.filters == group.filter_end - group.filter_begin;
  });
  if (!consecutive) groups.clear();
  return groups;
}

void PlanCuts::make_groups() {
  const auto sets = static_cast<std::int64_t>(in_.schedule->sets().size());
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 1; size < sets; size *= 2)
    sizes.push_back(size);
  sizes.push_back(sets);
  for (const std::int64_t size : sizes) {
    std::vector<FilterGroup> groups = grouping(size);
    if (!groups.empty()) groupings_.push_back(std::move(groups));
  }
  if (in_.shape.depthwise()) return;
  std::vector<FilterGroup> parts = parts_that_fit();
  if (parts.size() > groupings_.front().size()) groupings_.push_back(std::move(parts));
}

/// Each set in the fewest parts of about equal size, so that each is fetched while another computes, of which
/// half the weight buffer holds the weights and half the output buffer the results of the smallest band.
std::vector<FilterGroup> PlanCuts::parts_that_fit() const {
  const std::int64_t most_finished = bands_of(1).most_finished;
  const auto fits = [&](const FilterGroup& part) {
    return part.weight_bytes <= buffers_.weight / 2 &&
           output_bytes(part, most_finished) <= buffers_.output / 2;
  };
  std::vector<FilterGroup> parts;
  for (const FilterGroup& whole : groupings_.front()) {
    std::vector<FilterGroup> of_set;
    for (std::int64_t count = 1; count <= whole.filters; ++count) {
      const std::int64_t size = divide_up(whole.filters, count);
      if (count > 1 && size == divide_up(whole.filters, count - 1)) continue;
      of_set.clear();
      for (std::int64_t k = whole.filter_begin; k < whole.filter_end; k += size)
        of_set.push_back(part_of_set(whole.set_begin, k, std::min(k + size, whole.filter_end)));
      if (std::all_of(of_set.begin(), of_set.end(), fits)) break;
    }
    parts.insert(parts.end(), of_set.begin(), of_set.end());
  }
  return parts;
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
  std::uint64_t row = 0;  // on average
  for (std::size_t s = 0; s < sections; ++s)
    row += static_cast<std::uint64_t>(activations_.layout().sections()[s].row_values * code_bytes_);
  if (buffers_.store == BufferStore::compressed) {
    const auto all = static_cast<std::uint64_t>(activations_.layout().values() * code_bytes_);
    row = std::max<std::uint64_t>(row * activations_.stream_bytes() / all, 1);
  }
  const auto input_rows = static_cast<std::int64_t>(buffers_.activation / 2 / row);
  const std::int64_t band = (input_rows - in_.schedule->window_rows()) / in_.shape.stride[0] + 1;
  return std::clamp<std::int64_t>(band, 1, output_rows_);
}

Bands PlanCuts::bands_of(std::int64_t size) const {
  const LayerShape& l = in_.shape;
  Bands bands;
  bands.size = size;
  bands.input_bytes.resize(activations_.layout().sections().size());
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
    for (std::size_t s = 0; s < bands.input_bytes.size(); ++s) {
      const std::int64_t first = activations_.layout().sections()[s].first_row;
      std::uint64_t bytes = 0;
      for (const RowRange& range : needed)
        bytes += buffer_bytes(activations_, {first + range.begin, first + range.end});
      bands.input_bytes[s].push_back(bytes);
    }
    bands.input.push_back(std::move(needed));
    bands.new_input.push_back(std::move(fresh));
  }
  return bands;
}

std::uint64_t PlanCuts::most_input_bytes(const Choice& choice) const {
  std::uint64_t most = 0;
  const FilterGroup* last = nullptr;
  for (const FilterGroup& group : *choice.groups) {
    if (last != nullptr && same_activations(group, *last)) continue;
    last = &group;
    for (std::size_t band = 0; band < choice.bands->rows.size(); ++band) {
      std::uint64_t bytes = 0;
      for (std::size_t s = group.section_begin; s < group.section_end; ++s)
        bytes += choice.bands->input_bytes[s][band];
      most = std::max(most, bytes);
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
  if (in_.input_on_chip) return choice.activations_resident;
  if (choice.activations_resident) return tensor_bytes(activations_) <= buffers_.activation;
  return most_input_bytes(choice) <= buffers_.activation / 2;
}

RowRange PlanCuts::biases_of(const FilterGroup& group) const {
  if (!in_.has_bias) return {};
  return in_.shape.depthwise() ? RowRange{0, in_.shape.K} : RowRange{group.filter_begin, group.filter_end};
}

}  // namespace dpred
