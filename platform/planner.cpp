#include "platform/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "workloads/error.h"

namespace dpred {

namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Filters that are computed together in a job.
struct FilterGroup {
  std::int64_t set_begin = 0, set_end = 0;
  std::int64_t filter_begin = 0, filter_end = 0;   ///< biases and rows of weights
  std::int64_t filters = 0;                        ///< how many results an output position gets
  std::size_t section_begin = 0, section_end = 0;  ///< slices of the input that are read
  RowRange weight_rows;
  std::uint64_t weight_bytes = 0;  ///< in the buffer
};

/// Output rows cut into bands, and the input rows that each needs.
struct Bands {
  std::int64_t size = 0;
  std::vector<RowRange> rows;                    ///< output rows
  std::vector<RowRange> finished;                ///< output rows that its pallets complete
  std::vector<std::vector<RowRange>> input;      ///< (n*H + y), for a slice
  std::vector<std::vector<RowRange>> new_input;  ///< what no earlier band needed
  std::int64_t most_finished = 0;
};

struct Choice {
  LoopOrder order = LoopOrder::weights_outer;
  bool activations_resident = false, weights_resident = false;
  const std::vector<FilterGroup>* groups = nullptr;
  const Bands* bands = nullptr;
};

class Planner {
 public:
  Planner(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst)
      : in_(input),
        buffers_(buffers),
        burst_(burst),
        activations_(*input.streams.activation),
        weights_(*input.streams.weight),
        code_bytes_(activations_.plan().format.values.bits / 8),
        output_rows_(input.shape.N * input.shape.OH) {}

  Plan plan() {
    make_groups();
    make_bands();
    std::optional<Choice> best;
    Price lowest{};
    for (const auto& groups : groupings_) {
      for (const Bands& bands : bands_) {
        for (const LoopOrder order : {LoopOrder::weights_outer, LoopOrder::activations_outer}) {
          if (in_.shape.recurrent && order == LoopOrder::weights_outer)
            continue;  // a step needs the last one
          for (const bool activations_resident : {false, true}) {
            for (const bool weights_resident : {false, true}) {
              const Choice choice{order, activations_resident, weights_resident, &groups, &bands};
              if (!fits(choice)) continue;
              const Price price = price_of(choice);
              if (!best || price < lowest) {
                best = choice;
                lowest = price;
              }
            }
          }
        }
      }
    }
    if (!best) refuse();
    return build(*best);
  }

 private:
  static constexpr std::int64_t bands_wanted = 16;

  /// Compared in this order.
  using Price =
      std::tuple<std::uint64_t /*traffic*/, bool /*bands are needlessly short*/,
                 std::uint64_t /*cannot overlap*/, int /*order*/, std::size_t /*jobs*/, int /*residents*/>;

  std::uint64_t row_bytes(const StreamDirectory& stream, std::size_t section) const {
    return static_cast<std::uint64_t>(stream.layout().sections()[section].row_values * code_bytes_);
  }

  std::uint64_t tensor_bytes(const StreamDirectory& stream) const {
    return static_cast<std::uint64_t>(stream.layout().values() * code_bytes_);
  }

  std::int64_t results_per_position(const FilterGroup& group) const {
    return in_.output_channels == in_.shape.K ? group.filters : in_.output_channels;
  }
  std::uint64_t output_bytes(const FilterGroup& group, std::int64_t rows) const {
    return static_cast<std::uint64_t>(results_per_position(group) * rows * in_.shape.OW *
                                      in_.output_bytes_per_value);
  }

  FilterGroup group_of(std::int64_t set_begin, std::int64_t set_end) const {
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

  void set_weights(FilterGroup& group) const {
    group.weight_rows = in_.shape.depthwise() ? RowRange{0, weights_.layout().rows()}
                                              : RowRange{group.filter_begin, group.filter_end};
    group.weight_bytes = static_cast<std::uint64_t>(group.weight_rows.rows()) * row_bytes(weights_, 0);
  }

  /// Ways to group the filter sets: 1, 2, 4, … sets at a time, and all; sets that are too large are split.
  void make_groups() {
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
  std::int64_t most_filters() const {
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
  void make_bands() {
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
  std::int64_t largest_band(std::size_t sections) const {
    std::uint64_t row = 0;
    for (std::size_t s = 0; s < sections; ++s)
      row += row_bytes(activations_, s);
    const auto input_rows = static_cast<std::int64_t>(buffers_.activation / 2 / row);
    const std::int64_t kernel = (in_.shape.R - 1) * in_.shape.dilation[0] + 1;
    const std::int64_t band = (input_rows - kernel) / in_.shape.stride[0] + 1;
    return std::clamp<std::int64_t>(band, 1, output_rows_);
  }

  Bands bands_of(std::int64_t size) const {
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
        const std::int64_t first = (row - n * l.OH) * l.stride[0] - l.pad_tblr[0];
        const std::int64_t last =
            (end - 1 - n * l.OH) * l.stride[0] - l.pad_tblr[0] + (l.R - 1) * l.dilation[0];
        const RowRange input{n * l.H + std::clamp<std::int64_t>(first, 0, l.H),
                             n * l.H + std::clamp<std::int64_t>(last + 1, 0, l.H)};
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

  std::uint64_t input_bytes(const std::vector<RowRange>& rows, std::size_t section_begin,
                            std::size_t section_end) const {
    std::uint64_t bytes = 0;
    for (const RowRange& range : rows) {
      for (std::size_t s = section_begin; s < section_end; ++s) {
        bytes += static_cast<std::uint64_t>(range.rows()) * row_bytes(activations_, s);
      }
    }
    return bytes;
  }

  std::uint64_t most_input_bytes(const Choice& choice) const {
    std::uint64_t most = 0;
    for (const FilterGroup& group : *choice.groups) {
      for (const auto& rows : choice.bands->input) {
        most = std::max(most, input_bytes(rows, group.section_begin, group.section_end));
      }
    }
    return most;
  }

  bool fits(const Choice& choice) const {
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

  Price price_of(const Choice& choice) {
    const std::vector<FilterGroup>& groups = *choice.groups;
    std::uint64_t first_fills = weight_pass(groups, 1);
    for (std::size_t s = groups.front().section_begin; s < groups.front().section_end; ++s)
      first_fills += fetches_of(choice)[s].front().bytes;
    const std::uint64_t exposed =
        first_fills + output_bytes(groups.back(), choice.bands->finished.back().rows());
    const bool short_bands = choice.bands->size < divide_up(output_rows_, bands_wanted);
    return {activation_traffic(choice) + weight_traffic(choice),
            short_bands,
            exposed,
            static_cast<int>(choice.order),
            groups.size() * choice.bands->rows.size(),
            choice.activations_resident + choice.weights_resident};
  }

  static bool same_activations(const FilterGroup& a, const FilterGroup& b) {
    return a.section_begin == b.section_begin && a.section_end == b.section_end;
  }
  static bool same_weights(const FilterGroup& a, const FilterGroup& b) {
    return a.weight_rows.begin == b.weight_rows.begin && a.weight_rows.end == b.weight_rows.end;
  }

  RowRange biases_of(const FilterGroup& group) const {
    if (!in_.has_bias) return {};
    return in_.shape.depthwise() ? RowRange{0, in_.shape.K} : RowRange{group.filter_begin, group.filter_end};
  }

  std::uint64_t weight_traffic(const Choice& choice) {
    const std::size_t bands = choice.bands->rows.size();
    const bool once = choice.weights_resident || choice.order == LoopOrder::weights_outer;
    if (once || bands == 1) return weight_pass(*choice.groups, choice.groups->size());
    // From the second pass on, all of them start with the burst that the last fetch kept.
    const std::uint64_t first = weight_pass(*choice.groups, choice.groups->size());
    const std::uint64_t two = weight_pass(*choice.groups, 2 * choice.groups->size());
    return first + (two - first) * (bands - 1);
  }

  /// Bytes of the weights and biases of so many groups, starting again after the last one.
  std::uint64_t weight_pass(const std::vector<FilterGroup>& groups, std::size_t count) const {
    FetchCursor rows(burst_);
    FetchCursor biases(burst_);
    std::uint64_t bytes = 0;
    const FilterGroup* last = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
      const FilterGroup& group = groups[i % groups.size()];
      if (last != nullptr && same_weights(group, *last)) continue;
      last = &group;
      bytes += rows.fetch(weights_, group.weight_rows);
      const RowRange range = biases_of(group);
      if (range.rows() > 0) {
        bytes += biases
                     .fetch(0, 4 * static_cast<std::uint64_t>(range.begin),
                            4 * static_cast<std::uint64_t>(range.end))
                     .bytes();
      }
    }
    return bytes;
  }

  /// A band's rows of a slice: what fetching them moves if no burst is kept, and where that begins and ends.
  struct BandFetch {
    std::uint64_t bytes = 0, first_burst = 0, last_burst = 0;
  };

  /// Follows the bursts that are kept, as FetchCursor does.
  class ActivationPricer {
   public:
    ActivationPricer(const std::vector<std::vector<BandFetch>>& fetches, std::uint64_t burst)
        : fetches_(fetches), burst_(burst), kept_(fetches.size()) {}

    std::uint64_t fetch(std::size_t band, std::size_t section) {
      const BandFetch& wanted = fetches_[section][band];
      if (wanted.bytes == 0) return 0;
      std::optional<std::uint64_t>& kept = kept_[section];
      const bool saves = kept == wanted.first_burst;
      kept = wanted.last_burst;
      return wanted.bytes - (saves ? burst_ : 0);
    }
    std::uint64_t fetch(std::size_t band, const FilterGroup& group) {
      std::uint64_t bytes = 0;
      for (std::size_t s = group.section_begin; s < group.section_end; ++s)
        bytes += fetch(band, s);
      return bytes;
    }

   private:
    const std::vector<std::vector<BandFetch>>& fetches_;
    std::uint64_t burst_;
    std::vector<std::optional<std::uint64_t>> kept_;
  };

  std::uint64_t activation_traffic(const Choice& choice) {
    const std::vector<FilterGroup>& groups = *choice.groups;
    const std::size_t bands = choice.bands->rows.size();
    const auto& fetches = fetches_of(choice);
    ActivationPricer pricer(fetches, burst_);
    std::uint64_t bytes = 0;
    if (choice.activations_resident) {
      std::vector<bool> loaded(fetches.size(), false);
      for (const FilterGroup& group : groups) {
        for (std::size_t s = group.section_begin; s < group.section_end; ++s) {
          if (loaded[s]) continue;
          loaded[s] = true;
          for (std::size_t b = 0; b < bands; ++b)
            bytes += pricer.fetch(b, s);
        }
      }
      return bytes;
    }
    const auto again = [&](std::size_t g) { return g > 0 && same_activations(groups[g], groups[g - 1]); };
    if (choice.order == LoopOrder::activations_outer) {
      for (std::size_t b = 0; b < bands; ++b) {
        for (std::size_t g = 0; g < groups.size(); ++g) {
          if (!again(g)) bytes += pricer.fetch(b, groups[g]);
        }
      }
      return bytes;
    }
    std::uint64_t pass = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (bands == 1 && again(g)) continue;
      // The third pass over the same rows starts as the second did.
      if (!(g > 1 && again(g) && again(g - 1))) {
        pass = 0;
        for (std::size_t b = 0; b < bands; ++b)
          pass += pricer.fetch(b, groups[g]);
      }
      bytes += pass;
    }
    return bytes;
  }

  /// By slice, then by band.
  const std::vector<std::vector<BandFetch>>& fetches_of(const Choice& choice) {
    auto& fetches = fetches_[{choice.bands->size, choice.activations_resident}];
    if (!fetches.empty()) return fetches;
    for (const StreamSection& section : activations_.layout().sections()) {
      std::vector<BandFetch> bands;
      for (const auto& rows : choice.activations_resident ? choice.bands->new_input : choice.bands->input) {
        BandFetch band;
        FetchCursor cursor(burst_);
        for (const RowRange& range : rows) {
          for (const ByteRange& part :
               activations_.bytes_of({section.first_row + range.begin, section.first_row + range.end})) {
            if (band.bytes == 0) band.first_burst = part.begin / burst_;
            band.bytes += cursor.fetch(0, part.begin, part.end).bytes();
            band.last_burst = (part.end - 1) / burst_;
          }
        }
        bands.push_back(band);
      }
      fetches.push_back(std::move(bands));
    }
    return fetches;
  }

  Plan build(const Choice& choice) {
    Plan plan;
    plan.order = choice.order;
    plan.activations_resident = choice.activations_resident;
    plan.weights_resident = choice.weights_resident;
    plan.band_rows = choice.bands->size;
    const auto groups = choice.groups->size();
    const auto bands = choice.bands->rows.size();
    Place activations(buffers_.activation);
    Place weights(buffers_.weight);
    std::vector<std::vector<bool>> loaded(activations_.layout().sections().size(),
                                          std::vector<bool>(bands, false));
    std::set<std::int64_t> weights_loaded;
    for (std::size_t i = 0; i < groups * bands; ++i) {
      const bool weights_outer = choice.order == LoopOrder::weights_outer;
      const std::size_t g = weights_outer ? i / bands : i % groups;
      const std::size_t b = weights_outer ? i % bands : i / groups;
      const FilterGroup& group = (*choice.groups)[g];
      Job job;
      job.set_begin = group.set_begin;
      job.set_end = group.set_end;
      job.filter_begin = group.filter_begin;
      job.filter_end = group.filter_end;
      job.band = choice.bands->rows[b];
      job.finished = choice.bands->finished[b];

      Fill input;
      const auto& rows = choice.activations_resident ? choice.bands->new_input[b] : choice.bands->input[b];
      for (std::size_t s = group.section_begin; s < group.section_end; ++s) {
        if (choice.activations_resident && loaded[s][b]) continue;
        loaded[s][b] = true;
        const std::int64_t first = activations_.layout().sections()[s].first_row;
        for (const RowRange& range : rows) {
          input.rows.push_back({first + range.begin, first + range.end});
          input.buffer_bytes += static_cast<std::uint64_t>(range.rows()) * row_bytes(activations_, s);
        }
      }
      const std::tuple<std::int64_t, std::int64_t, std::int64_t> input_key{
          static_cast<std::int64_t>(b), static_cast<std::int64_t>(group.section_begin),
          static_cast<std::int64_t>(group.section_end)};
      job.activations = activations.place(std::move(input), input_key, choice.activations_resident, i);
      plan.activation_half_used = activations.most_used();

      Fill filters;
      if (!choice.weights_resident || weights_loaded.insert(group.weight_rows.begin).second) {
        filters.rows = {group.weight_rows};
        filters.buffer_bytes = group.weight_bytes;
        filters.biases = biases_of(group);
      }
      const std::tuple<std::int64_t, std::int64_t, std::int64_t> weight_key{group.weight_rows.begin,
                                                                            group.weight_rows.end, 0};
      job.weights = weights.place(std::move(filters), weight_key, choice.weights_resident, i);
      plan.weight_half_used = weights.most_used();

      job.output_address = i % 2 * (buffers_.output / 2);
      plan.output_half_used = std::max(plan.output_half_used, output_bytes(group, job.finished.rows()));
      plan.jobs.push_back(std::move(job));
    }
    if (in_.streams.output != nullptr) assign_drains(plan);
    return plan;
  }

  /// Where fills of one operand go: turn by turn into the halves, or one behind the other if all stays.
  class Place {
   public:
    using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
    explicit Place(std::uint64_t capacity) : half_(capacity / 2) {}

    std::optional<Fill> place(Fill fill, const Key& key, bool resident, std::size_t job) {
      if (resident) {
        if (fill.rows.empty()) return std::nullopt;
        fill.buffer_address = used_;
        used_ += fill.buffer_bytes;
        most_used_ = used_;
        return fill;
      }
      if (key == key_) {
        last_job_[turn_] = static_cast<std::int64_t>(job);
        return std::nullopt;
      }
      key_ = key;
      turn_ = 1 - turn_;
      fill.buffer_address = turn_ * half_;
      fill.after_job = last_job_[turn_];
      last_job_[turn_] = static_cast<std::int64_t>(job);
      most_used_ = std::max(most_used_, fill.buffer_bytes);
      if (fill.rows.empty()) return std::nullopt;  // a band of padding alone
      return fill;
    }
    std::uint64_t most_used() const { return most_used_; }

   private:
    std::uint64_t half_;
    std::uint64_t used_ = 0, most_used_ = 0;
    std::optional<Key> key_;
    std::size_t turn_ = 1;
    std::optional<std::int64_t> last_job_[2];
  };

  /// A block is drained by the last job that adds to it.
  void assign_drains(Plan& plan) const {
    const StreamLayout& layout = in_.streams.output->layout();
    const bool by_filter = in_.output_channels == in_.shape.K;
    std::vector<std::int64_t> last_job(layout.blocks().size(), 0);
    for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
      const Job& job = plan.jobs[j];
      if (job.finished.rows() == 0) continue;
      const FilterSet& set = in_.schedule->sets()[static_cast<std::size_t>(job.set_begin)];
      const std::int64_t step = job.set_end - job.set_begin == 1 ? set.filter_step : 1;
      for (const StreamSection& section : layout.sections()) {
        const std::int64_t before = std::max<std::int64_t>(section.first_channel - job.filter_begin, 0);
        const std::int64_t filter = job.filter_begin + divide_up(before, step) * step;
        const std::int64_t end = std::min(job.filter_end, section.first_channel + section.channels);
        const bool touched = !by_filter || filter < end;
        if (!touched) continue;
        const std::int64_t first = layout.block_of_row(section.first_row + job.finished.begin);
        const std::int64_t last = layout.block_of_row(section.first_row + job.finished.end - 1);
        for (std::int64_t block = first; block <= last; ++block) {
          last_job[static_cast<std::size_t>(block)] = static_cast<std::int64_t>(j);
        }
      }
    }
    for (std::size_t block = 0; block < last_job.size(); ++block) {
      plan.jobs[static_cast<std::size_t>(last_job[block])].drained_blocks.push_back(
          static_cast<std::int64_t>(block));
    }
  }

  [[noreturn]] void refuse() const {
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

  const PlannerInput& in_;
  const BufferSizes& buffers_;
  std::uint64_t burst_;
  const StreamDirectory& activations_;
  const StreamDirectory& weights_;
  std::int64_t code_bytes_;
  std::int64_t output_rows_;
  std::vector<std::vector<FilterGroup>> groupings_;
  std::vector<Bands> bands_;
  std::map<std::pair<std::int64_t, bool>, std::vector<std::vector<BandFetch>>> fetches_;
};

}  // namespace

Plan make_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst) {
  return Planner(input, buffers, burst).plan();
}

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

}  // namespace

std::string describe(const Plan& plan, const PlannerInput& input, const BufferSizes& buffers,
                     std::uint64_t burst, bool all_jobs) {
  const Traffic traffic = traffic_of(plan, input.streams, burst);
  const auto capacity = [](std::uint64_t bytes, bool resident) { return resident ? bytes : bytes / 2; };
  const auto use = [&](std::uint64_t used, std::uint64_t bytes, bool resident) {
    return fmt::format("{} of {} bytes of {}", used, capacity(bytes, resident),
                       resident ? "its buffer, where it stays" : "half its buffer");
  };
  std::string text = fmt::format(
      "  order        {}, {} jobs, bands of {} output rows\n"
      "  activations  {:>10} bytes from memory; at most {}\n"
      "  weights      {:>10} bytes from memory; at most {}\n"
      "  output       {:>10} bytes to memory; at most {}\n",
      to_string(plan.order), plan.jobs.size(), plan.band_rows, traffic.activation_read_bytes,
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
