#include "platform/split_builder.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "platform/fill_places.h"
#include "platform/plan_builder.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// The job's filters in their set, counted from 0, of how many.
struct ShareOfSet {
  std::int64_t begin = 0, end = 0, of = 1;
};

ShareOfSet share_of_set(const FilterGroup& group, const FilterSet& set) {
  return {(group.filter_begin - set.filter_begin) / set.filter_step,
          divide_up(group.filter_end - set.filter_begin, set.filter_step),
          divide_up(set.filter_end - set.filter_begin, set.filter_step)};
}

/// How much a job computes: in proportion to its steps, those of a brick or of a filter set that is cut in
/// proportion to its channels or filters.
class WorkOf {
 public:
  explicit WorkOf(const PlannerInput& input) : input_(input) {
    const FilterSet& first = input.schedule->sets().front();
    set_ = divide_up(first.filter_end - first.filter_begin, first.filter_step);
  }

  std::uint64_t operator()(const FilterGroup& group, const Tile& tile, const Reduction& reduction) const {
    const std::int64_t taps = reduction.tap_end - reduction.tap_begin;
    const std::int64_t channels =
        input_.shape.depthwise() ? 1 : up_to(reduction.channel_end) - up_to(reduction.channel_begin);
    return static_cast<std::uint64_t>(tile.positions() * taps * channels * of_sets(group));
  }

 private:
  /// Channels, those of a short brick counted as a whole one's.
  std::int64_t up_to(std::int64_t channel) const {
    const std::int64_t all = input_.shape.channels_per_group();
    const std::int64_t brick = channel / input_.lanes * input_.lanes;
    const std::int64_t size = std::min(input_.lanes, all - brick);
    return size == 0 ? brick : brick + (channel - brick) * input_.lanes / size;
  }
  std::int64_t of_sets(const FilterGroup& group) const {
    if (group.set_end - group.set_begin > 1) return (group.set_end - group.set_begin) * set_;
    const ShareOfSet share =
        share_of_set(group, input_.schedule->sets()[static_cast<std::size_t>(group.set_begin)]);
    return set_ * share.end / share.of - set_ * share.begin / share.of;
  }

  const PlannerInput& input_;
  std::int64_t set_ = 1;  ///< what a whole set counts
};

class SplitBuilder {
 public:
  SplitBuilder(const SplitCuts& cuts, const SplitChoice& choice, std::uint64_t burst)
      : cuts_(cuts),
        choice_(choice),
        burst_(burst),
        work_of_(cuts.cuts().input()),
        fresh_(cuts.new_input(*choice.tiles)),
        activations_(cuts.cuts().buffers().activation),
        weights_(cuts.cuts().buffers().weight) {}

  Plan build() {
    const PlannerInput& input = cuts_.cuts().input();
    plan_.order = choice_.order;
    plan_.activations_resident = choice_.activations_resident;
    plan_.weights_resident = choice_.weights_resident;
    plan_.tile_split = input.schedule->tile_split();
    plan_.folded = input.schedule->is_folded();
    plan_.split = true;
    plan_.band_rows = choice_.tiles->front().rows.rows();
    plan_.tile_columns = choice_.tiles->front().columns.rows();
    plan_.reductions = choice_.reductions->size();
    plan_.partials_spill = choice_.partials_spill;
    plan_.jobs.reserve(choice_.jobs());
    const LoopNest nest = loops_of(choice_);
    std::size_t at[3] = {};  // by loop
    std::size_t& outer = at[static_cast<std::size_t>(nest.loops[0])];
    std::size_t& middle = at[static_cast<std::size_t>(nest.loops[1])];
    std::size_t& inner = at[static_cast<std::size_t>(nest.loops[2])];
    for (outer = 0; outer < trips_of(choice_, nest.loops[0]); ++outer) {
      for (middle = 0; middle < trips_of(choice_, nest.loops[1]); ++middle) {
        for (inner = 0; inner < trips_of(choice_, nest.loops[2]); ++inner)
          add_job(at[0], at[1], at[2]);
      }
    }
    plan_.activation_half_used = activations_.most_used();
    plan_.weight_half_used = weights_.most_used();
    if (input.streams.output != nullptr) assign_drains(cuts_.cuts(), plan_);
    return std::move(plan_);
  }

 private:
  void add_job(std::size_t g, std::size_t t, std::size_t r) {
    const FilterGroup& group = (*choice_.groups)[g];
    const Tile& tile = (*choice_.tiles)[t];
    Job job;
    job.set_begin = group.set_begin;
    job.set_end = group.set_end;
    job.filter_begin = group.filter_begin;
    job.filter_end = group.filter_end;
    job.band = tile.rows;
    job.columns = tile.columns;
    job.reduction = (*choice_.reductions)[r];
    job.begins_sums = r == 0;
    job.ends_sums = r + 1 == choice_.reductions->size();
    if (job.ends_sums) {
      job.finished = tile.rows;
    } else {
      job.finished = {tile.rows.begin, tile.rows.begin};
    }
    job.activations = fill_activations(g, t, r);
    job.weights = fill_weights(g, r);
    place_results(job, g, t);
    job.work_begin = plan_.work;
    plan_.work += work_of_(group, tile, job.reduction);
    job.work_end = plan_.work;
    plan_.jobs.push_back(std::move(job));
  }

  std::optional<Fill> fill_activations(std::size_t g, std::size_t t, std::size_t r) {
    if (cuts_.cuts().input().input_on_chip) return std::nullopt;
    const FilterGroup& group = (*choice_.groups)[g];
    const Reduction& reduction = (*choice_.reductions)[r];
    const StreamDirectory& stream = cuts_.cuts().activations();
    Fill fill;
    if (choice_.activations_resident) {
      const RowRange channels = cuts_.channels(group, reduction);
      const auto& sections = stream.layout().sections();
      for (std::size_t s = 0; s < sections.size(); ++s) {
        if (sections[s].first_channel >= channels.end ||
            sections[s].first_channel + sections[s].channels <= channels.begin ||
            !loaded_.emplace(s, t).second)
          continue;
        for (const RowRange& range : fresh_[t]) {
          fill.rows.push_back({sections[s].first_row + range.begin, sections[s].first_row + range.end});
          fill.buffer_bytes += cuts_.cuts().buffer_bytes(stream, fill.rows.back());
        }
      }
    } else {
      WantedParts wanted = cuts_.activations(group, (*choice_.tiles)[t], reduction);
      fill.rows = std::move(wanted.rows);
      fill.parts = std::move(wanted.parts);
      fill.buffer_bytes = wanted.buffer_bytes;
    }
    const std::int64_t reductions = static_cast<std::int64_t>(choice_.reductions->size());
    const FillPlaces::Key key{static_cast<std::int64_t>(t) * reductions + static_cast<std::int64_t>(r),
                              group.channel_begin, group.channel_end};
    return activations_.place(std::move(fill), key, choice_.activations_resident, plan_.jobs.size());
  }

  std::optional<Fill> fill_weights(std::size_t g, std::size_t r) {
    const FilterGroup& group = (*choice_.groups)[g];
    Fill fill;
    if (choice_.weights_resident) {
      if (weights_loaded_.insert(group.weight_rows.begin).second) {
        fill.rows = {group.weight_rows};
        fill.buffer_bytes = group.weight_bytes;
        fill.biases = cuts_.cuts().biases_of(group);
      }
    } else {
      WantedParts wanted = cuts_.weights(group, (*choice_.reductions)[r]);
      fill.rows = std::move(wanted.rows);
      fill.parts = std::move(wanted.parts);
      fill.buffer_bytes = wanted.buffer_bytes;
      if (r == 0) fill.biases = cuts_.cuts().biases_of(group);
    }
    return weights_.place(std::move(fill),
                          {group.filter_begin, group.filter_end, static_cast<std::int64_t>(r)},
                          choice_.weights_resident, plan_.jobs.size());
  }

  /// Jobs that add up the same results, one after another, have one half of the output buffer for all; else
  /// they take turns.
  void place_results(Job& job, std::size_t g, std::size_t t) {
    const auto index = static_cast<std::int64_t>(plan_.jobs.size());
    const FilterGroup& group = (*choice_.groups)[g];
    const Tile& tile = (*choice_.tiles)[t];
    if (choice_.partials_spill || job.begins_sums) {
      turn_ = 1 - turn_;
      job.output_after = last_[turn_];
    }
    job.output_address = static_cast<std::uint64_t>(turn_) * (cuts_.cuts().buffers().output / 2);
    last_[turn_] = index;
    plan_.output_half_used =
        std::max(plan_.output_half_used, cuts_.output_bytes(group, tile, choice_.reductions->size()));
    if (!choice_.partials_spill) return;
    const auto [place, is_new] = partials_.try_emplace({g, t});
    Spill& spill = place->second;
    if (is_new) {
      spill.sums = {plan_.partial_bytes, cuts_.partial_bytes(group, tile)};
      plan_.partial_bytes += round_to_bursts(0, spill.sums.bytes, burst_).end;
    }
    if (!job.begins_sums) {
      job.partials_in = spill.sums;
      job.partials_after = spill.written_by;
    }
    if (!job.ends_sums) job.partials_out = spill.sums;
    spill.written_by = index;
  }

  struct Spill {
    PartialSums sums;
    std::int64_t written_by = 0;
  };

  const SplitCuts& cuts_;
  const SplitChoice& choice_;
  std::uint64_t burst_;
  WorkOf work_of_;
  std::vector<std::vector<RowRange>> fresh_;
  FillPlaces activations_, weights_;
  std::set<std::pair<std::size_t, std::size_t>> loaded_;  ///< slice, tile
  std::set<std::int64_t> weights_loaded_;
  std::size_t turn_ = 1;
  std::optional<std::int64_t> last_[2];  ///< jobs that had the half last
  std::map<std::pair<std::size_t, std::size_t>, Spill> partials_;
  Plan plan_;
};

}  // namespace

Plan build_split_plan(const SplitCuts& cuts, const SplitChoice& choice, std::uint64_t burst) {
  return SplitBuilder(cuts, choice, burst).build();
}

}  // namespace dpred
