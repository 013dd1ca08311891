#include "platform/plan_price.h"

#include <optional>

#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// More bands would start a little earlier, but leave jobs so short that each waits for its drain's latency.
constexpr std::int64_t most_bands = 16;

}  // namespace

PlanPrice PlanPricer::price_of(const Choice& choice) {
  const std::vector<FilterGroup>& groups = *choice.groups;
  std::uint64_t first_fills = weight_pass(groups, 1);
  if (!cuts_.input().input_on_chip) {
    for (std::size_t s = groups.front().section_begin; s < groups.front().section_end; ++s)
      first_fills += fetches_of(choice)[s].front().bytes;
  }
  const std::uint64_t exposed =
      first_fills + cuts_.output_bytes(groups.back(), choice.bands->finished.back().rows());
  const bool short_bands = choice.bands->size < divide_up(cuts_.output_rows(), most_bands);
  return {activation_traffic(choice) + weight_traffic(choice),
          short_bands,
          exposed,
          static_cast<int>(choice.order),
          groups.size() * choice.bands->rows.size(),
          choice.activations_resident + choice.weights_resident};
}

std::uint64_t PlanPricer::weight_traffic(const Choice& choice) const {
  const std::size_t bands = choice.bands->rows.size();
  const bool once = choice.weights_resident || choice.order == LoopOrder::weights_outer;
  if (once || bands == 1) return weight_pass(*choice.groups, choice.groups->size());
  // From the second pass on, all of them start with the burst that the last fetch kept.
  const std::uint64_t first = weight_pass(*choice.groups, choice.groups->size());
  const std::uint64_t two = weight_pass(*choice.groups, 2 * choice.groups->size());
  return first + (two - first) * (bands - 1);
}

/// Bytes of the weights and biases of so many groups, starting again after the last one.
std::uint64_t PlanPricer::weight_pass(const std::vector<FilterGroup>& groups, std::size_t count) const {
  FetchCursor rows(burst_);
  FetchCursor biases(burst_);
  std::uint64_t bytes = 0;
  const FilterGroup* last = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    const FilterGroup& group = groups[i % groups.size()];
    if (last != nullptr && same_weights(group, *last)) continue;
    last = &group;
    bytes += rows.fetch(cuts_.weights(), group.weight_rows);
    const RowRange range = cuts_.biases_of(group);
    if (range.rows() > 0) {
      bytes += biases
                   .fetch(0, 4 * static_cast<std::uint64_t>(range.begin),
                          4 * static_cast<std::uint64_t>(range.end))
                   .bytes();
    }
  }
  return bytes;
}

/// Follows the bursts that are kept, as FetchCursor does.
class PlanPricer::ActivationPricer {
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

std::uint64_t PlanPricer::activation_floor() {
  if (!activation_floor_) {
    activation_floor_ = 0;
    FetchCursor cursor(burst_);
    for (const StreamSection& section : cuts_.activations().layout().sections()) {
      RowRange adjoining;  // in one go: blocks that are only fetched whole are fetched once
      const auto fetch = [&] {
        if (adjoining.rows() == 0) return;
        *activation_floor_ += cursor.fetch(cuts_.activations(), RowRange{section.first_row + adjoining.begin,
                                                                         section.first_row + adjoining.end});
      };
      for (const std::vector<RowRange>& of_band : cuts_.bands().front().new_input) {
        for (const RowRange& rows : of_band) {
          if (rows.begin != adjoining.end) {
            fetch();
            adjoining.begin = rows.begin;
          }
          adjoining.end = rows.end;
        }
      }
      fetch();
    }
    if (cuts_.input().input_on_chip) activation_floor_ = 0;
  }
  return *activation_floor_;
}

std::uint64_t PlanPricer::weight_floor() {
  if (!weight_floor_) {
    FetchCursor rows(burst_);
    weight_floor_ = rows.fetch(cuts_.weights(), RowRange{0, cuts_.weights().layout().rows()});
    if (cuts_.input().has_bias)
      *weight_floor_ += round_to_bursts(0, 4 * static_cast<std::uint64_t>(cuts_.input().shape.K), burst_).end;
  }
  return *weight_floor_;
}

std::uint64_t PlanPricer::activation_traffic(const Choice& choice) {
  if (cuts_.input().input_on_chip) return 0;
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
const std::vector<std::vector<PlanPricer::BandFetch>>& PlanPricer::fetches_of(const Choice& choice) {
  auto& fetches = fetches_[{choice.bands->size, choice.activations_resident}];
  if (!fetches.empty()) return fetches;
  for (const StreamSection& section : cuts_.activations().layout().sections()) {
    std::vector<BandFetch> bands;
    for (const auto& rows : choice.activations_resident ? choice.bands->new_input : choice.bands->input) {
      BandFetch band;
      FetchCursor cursor(burst_);
      for (const RowRange& range : rows) {
        for (const ByteRange& part :
             cuts_.activations().bytes_of({section.first_row + range.begin, section.first_row + range.end})) {
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

}  // namespace dpred
