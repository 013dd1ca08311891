#include "platform/split_price.h"

#include <algorithm>
#include <functional>

#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// Bytes of a tensor's values in memory on average.
double bytes_per_value(const StreamDirectory& stream) {
  return static_cast<double>(stream.stream_bytes()) / static_cast<double>(stream.layout().values());
}

}  // namespace

SplitPricer::Need SplitPricer::need_of(const StreamDirectory& stream, const WantedParts& wanted) const {
  Need need;
  need.buffer_bytes = wanted.buffer_bytes;
  FetchCursor cursor(burst_);
  for (std::size_t i = 0; i < wanted.rows.size(); ++i) {
    const std::size_t section = stream.layout().section_number(wanted.rows[i].begin);
    if (need.fetches.empty() || need.fetches.back().section != section) need.fetches.push_back({section});
    SectionFetch& fetch = need.fetches.back();
    visit_runs(stream.pieces_of(wanted.rows[i], wanted.parts[i]),
               [&](std::size_t, std::size_t, std::uint64_t begin, std::uint64_t end) {
                 if (fetch.bytes == 0) fetch.first_burst = begin / burst_;
                 fetch.bytes += cursor.fetch(section, begin, end).bytes();
                 fetch.last_burst = (end - 1) / burst_;
               });
  }
  return need;
}

const SplitPricer::Needs& SplitPricer::activation_needs(const SplitChoice& choice, const FilterGroup& group) {
  Needs& needs = activation_needs_[{choice.tiles, choice.reductions, group.channel_begin, group.channel_end}];
  if (!needs.empty()) return needs;
  for (const Tile& tile : *choice.tiles) {
    for (const Reduction& reduction : *choice.reductions)
      needs.push_back(need_of(cuts_.cuts().activations(), cuts_.activations(group, tile, reduction)));
  }
  return needs;
}

const SplitPricer::Needs& SplitPricer::weight_needs(const SplitChoice& choice, const FilterGroup& group) {
  Needs& needs = weight_needs_[{choice.reductions, nullptr, group.filter_begin, group.filter_end}];
  if (!needs.empty()) return needs;
  for (const Reduction& reduction : *choice.reductions)
    needs.push_back(need_of(cuts_.cuts().weights(), cuts_.weights(group, reduction)));
  return needs;
}

/// Goes through a choice's jobs and adds up what is fetched of one operand. Trips of a loop that doesn't
/// change what is needed are alike from the second on: each ends as it began.
class SplitPricer::Walk {
 public:
  struct Place {
    std::size_t group = 0, tile = 0, reduction = 0;
    std::size_t& of(SplitLoop loop) {
      if (loop == SplitLoop::groups) return group;
      return loop == SplitLoop::tiles ? tile : reduction;
    }
  };
  using NeedOf = std::function<const Need&(const Place&)>;
  using Changes = bool (*)(const SplitChoice&, SplitLoop);

  Walk(const SplitChoice& choice, std::uint64_t burst, Changes changes, NeedOf need_of)
      : choice_(choice), burst_(burst), nest_(loops_of(choice)), need_of_(std::move(need_of)) {
    for (std::size_t level = 0; level < 3; ++level)
      changes_[level] = changes(choice, nest_.loops[level]);
  }

  std::uint64_t bytes() {
    Place place;
    return run(0, place);
  }

 private:
  std::uint64_t run(std::size_t level, Place& place) {
    if (level == 3) return fetch(place);
    std::size_t& trip = place.of(nest_.loops[level]);
    const std::size_t trips = trips_of(choice_, nest_.loops[level]);
    std::uint64_t bytes = 0;
    if (changes_[level]) {
      for (trip = 0; trip < trips; ++trip)
        bytes += run(level + 1, place);
    } else {
      trip = 0;
      bytes = run(level + 1, place);
      if (trips > 1) bytes += (trips - 1) * run(level + 1, place);
    }
    trip = 0;
    return bytes;
  }

  std::uint64_t fetch(const Place& place) {
    const Need& need = need_of_(place);
    if (&need == last_) return 0;
    last_ = &need;
    std::uint64_t bytes = 0;
    for (const SectionFetch& wanted : need.fetches) {
      if (wanted.bytes == 0) continue;
      if (wanted.section >= kept_.size()) kept_.resize(wanted.section + 1);
      std::optional<std::uint64_t>& kept = kept_[wanted.section];
      bytes += wanted.bytes - (kept == wanted.first_burst ? burst_ : 0);
      kept = wanted.last_burst;
    }
    return bytes;
  }

  const SplitChoice& choice_;
  std::uint64_t burst_;
  LoopNest nest_;
  bool changes_[3] = {};
  NeedOf need_of_;
  const Need* last_ = nullptr;
  std::vector<std::optional<std::uint64_t>> kept_;
};

std::uint64_t SplitPricer::activation_traffic(const SplitChoice& choice) {
  const PlanCuts& cuts = cuts_.cuts();
  if (cuts.input().input_on_chip) return 0;
  if (choice.activations_resident) {
    FetchCursor cursor(burst_);
    std::uint64_t bytes = 0;
    const std::vector<std::vector<RowRange>> rows = cuts_.new_input(*choice.tiles);
    for (const StreamSection& section : cuts.activations().layout().sections()) {
      for (const std::vector<RowRange>& of_tile : rows) {
        for (const RowRange& range : of_tile) {
          bytes += cursor.fetch(cuts.activations(),
                                RowRange{section.first_row + range.begin, section.first_row + range.end});
        }
      }
    }
    return bytes;
  }
  std::vector<const Needs*> needs;
  for (const FilterGroup& group : *choice.groups)
    needs.push_back(&activation_needs(choice, group));
  return Walk(choice, burst_, changes_activations,
              [&](const Walk::Place& place) -> const Need& {
                return (*needs[place.group])[place.tile * choice.reductions->size() + place.reduction];
              })
      .bytes();
}

std::uint64_t SplitPricer::weight_traffic(const SplitChoice& choice) {
  const PlanCuts& cuts = cuts_.cuts();
  const auto biases = [&](FetchCursor& cursor, const FilterGroup& group) {
    const RowRange range = cuts.biases_of(group);
    if (range.rows() == 0) return std::uint64_t{0};
    return cursor
        .fetch(0, 4 * static_cast<std::uint64_t>(range.begin), 4 * static_cast<std::uint64_t>(range.end))
        .bytes();
  };
  std::uint64_t bytes = 0;
  if (choice.weights_resident) {
    FetchCursor rows(burst_), bias_cursor(burst_);
    const FilterGroup* last = nullptr;
    for (const FilterGroup& group : *choice.groups) {
      if (last != nullptr && same_weights(group, *last)) continue;
      last = &group;
      bytes += rows.fetch(cuts.weights(), group.weight_rows) + biases(bias_cursor, group);
    }
    return bytes;
  }
  std::vector<const Needs*> needs;
  for (const FilterGroup& group : *choice.groups)
    needs.push_back(&weight_needs(choice, group));
  bytes = Walk(choice, burst_, changes_weights, [&](const Walk::Place& place) -> const Need& {
            return (*needs[place.group])[place.reduction];
          }).bytes();
  if (!cuts.input().has_bias) return bytes;
  // Biases come with the weights of a group's first reduction.
  std::vector<Need> with_biases(choice.groups->size());
  for (std::size_t g = 0; g < with_biases.size(); ++g) {
    const RowRange range = cuts.biases_of((*choice.groups)[g]);
    const std::uint64_t begin = 4 * static_cast<std::uint64_t>(range.begin);
    const std::uint64_t end = 4 * static_cast<std::uint64_t>(range.end);
    const BurstRange bursts = round_to_bursts(begin, end, burst_);
    with_biases[g].fetches = {{0, bursts.bytes(), begin / burst_, (end - 1) / burst_}};
  }
  const Need nothing;
  return bytes + Walk(choice, burst_, changes_weights, [&](const Walk::Place& place) -> const Need& {
                   return place.reduction == 0 ? with_biases[place.group] : nothing;
                 }).bytes();
}

bool SplitPricer::fits_output(const SplitChoice& choice) const {
  const std::uint64_t half = cuts_.cuts().buffers().output / 2;
  for (const FilterGroup& group : *choice.groups) {
    // The first tile of a band is the largest, the first band too.
    if (cuts_.output_bytes(group, choice.tiles->front(), choice.reductions->size()) > half) return false;
  }
  return true;
}

bool SplitPricer::fits(const SplitChoice& choice) {
  const PlanCuts& cuts = cuts_.cuts();
  if (cuts.input().shape.recurrent && choice.groups->size() * choice.reductions->size() > 1) {
    if (choice.order == LoopOrder::weights_outer || choice.tiles->front().rows.rows() > 1) return false;
  }
  if (!fits_output(choice)) return false;
  const auto most = [](const Needs& needs) {
    std::uint64_t bytes = 0;
    for (const Need& need : needs)
      bytes = std::max(bytes, need.buffer_bytes);
    return bytes;
  };
  if (choice.weights_resident) {
    if (cuts.tensor_bytes(cuts.weights()) > cuts.buffers().weight) return false;
  } else {
    for (const FilterGroup& group : *choice.groups)
      if (most(weight_needs(choice, group)) > cuts.buffers().weight / 2) return false;
  }
  if (cuts.input().input_on_chip) return choice.activations_resident;
  if (choice.activations_resident) return cuts.tensor_bytes(cuts.activations()) <= cuts.buffers().activation;
  const FilterGroup* last = nullptr;
  for (const FilterGroup& group : *choice.groups) {
    if (last != nullptr && last->channel_begin == group.channel_begin &&
        last->channel_end == group.channel_end)
      continue;
    last = &group;
    if (most(activation_needs(choice, group)) > cuts.buffers().activation / 2) return false;
  }
  return true;
}

std::uint64_t SplitPricer::partial_traffic(const SplitChoice& choice) const {
  if (!choice.partials_spill) return 0;
  std::uint64_t bytes = 0;
  for (const FilterGroup& group : *choice.groups) {
    for (const Tile& tile : *choice.tiles)
      bytes += round_to_bursts(0, cuts_.partial_bytes(group, tile), burst_).end;
  }
  return 2 * (choice.reductions->size() - 1) * bytes;
}

std::uint64_t SplitPricer::first_fills(const SplitChoice& choice) {
  const FilterGroup& group = choice.groups->front();
  const auto bytes_of = [](const Need& need) {
    std::uint64_t bytes = 0;
    for (const SectionFetch& fetch : need.fetches)
      bytes += fetch.bytes;
    return bytes;
  };
  return bytes_of(activation_needs(choice, group).front()) + bytes_of(weight_needs(choice, group).front());
}

std::optional<PlanPrice> SplitPricer::price_of(const SplitChoice& choice) {
  if (!fits(choice)) return std::nullopt;
  const std::uint64_t exposed =
      first_fills(choice) + cuts_.output_bytes(choice.groups->back(), choice.tiles->back(), 1);
  return PlanPrice{activation_traffic(choice) + weight_traffic(choice) + partial_traffic(choice),
                   false,
                   exposed,
                   static_cast<int>(choice.order),
                   choice.jobs(),
                   choice.activations_resident + choice.weights_resident};
}

double SplitPricer::estimate_of(const SplitChoice& choice) const {
  const PlanCuts& cuts = cuts_.cuts();
  const LayerShape& l = cuts.input().shape;
  const LoopNest nest = loops_of(choice);
  // How often an operand is fetched: trips of all loops down to the innermost that changes it.
  const auto fetches = [&](auto&& changes) {
    double count = 1, all = 1;
    for (const SplitLoop loop : nest.loops) {
      const std::size_t trips = trips_of(choice, loop);
      all *= static_cast<double>(trips);
      if (trips > 1 && changes(choice, loop)) count = all;
    }
    return count;
  };
  const auto burst = static_cast<double>(burst_);
  const Reduction& reduction = choice.reductions->front();
  const FilterGroup& group = choice.groups->front();
  const Tile& tile = choice.tiles->front();
  double bytes = 0;
  if (!choice.weights_resident) {
    const WantedParts wanted = cuts_.weights(group, reduction);
    const double values = static_cast<double>(wanted.rows[0].rows() * wanted.parts[0].values());
    const bool whole = wanted.parts[0].channel_end - wanted.parts[0].channel_begin ==
                       cuts.weights().layout().sections()[0].channels;
    const double runs =
        static_cast<double>(wanted.rows[0].rows()) *
        (whole ? 1 : static_cast<double>(wanted.parts[0].place_end - wanted.parts[0].place_begin));
    bytes += fetches(changes_weights) * (values * bytes_per_value(cuts.weights()) + runs * burst / 2);
  } else {
    bytes += static_cast<double>(cuts.weights().stream_bytes());
  }
  if (!choice.activations_resident) {
    const WantedParts wanted = cuts_.activations(group, tile, reduction);
    double values = 0, runs = 0;
    for (std::size_t i = 0; i < wanted.rows.size(); ++i) {
      const RowPart& part = wanted.parts[i];
      values += static_cast<double>(wanted.rows[i].rows() * part.values());
      runs += static_cast<double>(wanted.rows[i].rows());
    }
    bytes += fetches(changes_activations) * (values * bytes_per_value(cuts.activations()) + runs * burst / 2);
  } else {
    bytes += static_cast<double>(cuts.activations().stream_bytes());
  }
  if (choice.partials_spill) {
    bytes += 8.0 * static_cast<double>(choice.reductions->size() - 1) * static_cast<double>(l.K) *
             static_cast<double>(l.windows());
  }
  return bytes;
}

}  // namespace dpred
