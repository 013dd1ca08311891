#include "platform/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "platform/plan_builder.h"
#include "platform/plan_cuts.h"
#include "platform/plan_price.h"
#include "platform/split_planner.h"
#include "workloads/divide_up.h"
#include "workloads/error.h"

namespace dpred {

namespace {

/// Sizes of parts of `all`: every one, or those that give other numbers of parts, up to `most`.
std::vector<std::int64_t> part_sizes(std::int64_t all, std::int64_t most, bool every) {
  std::set<std::int64_t> sizes;
  for (std::int64_t n = 1; n <= most; ++n)
    sizes.insert(every ? n : divide_up(all, n));
  return {sizes.begin(), sizes.end()};
}

/// The best plan of whole rows.
class RowSearch {
 public:
  RowSearch(const PlanCuts& cuts, std::uint64_t burst) : cuts_(cuts), burst_(burst), pricer_(cuts, burst) {}

  const std::optional<Choice>& best() const { return best_; }
  const std::optional<PlanPrice>& lowest() const { return lowest_; }

  void search() {
    for (const auto& groups : cuts_.groupings()) {
      for (const Bands& bands : cuts_.bands())
        try_all(groups, bands);
    }
    if (lowest_ && std::get<0>(*lowest_) <= pricer_.activation_floor() + pricer_.weight_floor()) return;
    try_other_sizes();
  }

 private:
  void try_all(const std::vector<FilterGroup>& groups, const Bands& bands) {
    for (const LoopOrder order : {LoopOrder::weights_outer, LoopOrder::activations_outer}) {
      // A step of a recurrent layer needs the one before.
      if (cuts_.input().shape.recurrent && order == LoopOrder::weights_outer) continue;
      for (const bool activations_resident : {false, true}) {
        for (const bool weights_resident : {false, true}) {
          const Choice choice{order, activations_resident, weights_resident, &groups, &bands};
          if (lowest_ && least(choice) > std::get<0>(*lowest_)) continue;
          if (!cuts_.fits(choice)) continue;
          const PlanPrice price = pricer_.price_of(choice);
          if (lowest_ && !(price < *lowest_)) continue;
          best_ = choice;
          lowest_ = price;
        }
      }
    }
  }

  /// No choice of this kind moves less; found sooner than its price.
  std::uint64_t least(const Choice& choice) {
    const std::size_t groups = choice.groups->size(), bands = choice.bands->rows.size();
    const auto again = [&](std::uint64_t once, std::uint64_t kept, std::size_t times) {
      return once + (times - 1) * (once > kept ? once - kept : 0);
    };
    const std::uint64_t kept = burst_ * cuts_.activations().layout().sections().size();
    const bool inputs_again = cuts_.input().shape.groups == 1 && !choice.activations_resident && bands > 1 &&
                              choice.order == LoopOrder::weights_outer;
    const bool weights_again = !choice.weights_resident && groups > 1 && !cuts_.input().shape.depthwise() &&
                               choice.order == LoopOrder::activations_outer;
    return again(pricer_.activation_floor(), kept, inputs_again ? groups : 1) +
           again(pricer_.weight_floor(), 2 * burst_, weights_again ? bands : 1);
  }

  /// Sizes of groups and bands that are seldom better: all of them in small layers, else those that give
  /// other numbers of groups and bands.
  void try_other_sizes() {
    const auto sets = static_cast<std::int64_t>(cuts_.input().schedule->sets().size());
    constexpr std::int64_t few = 4096, most_bands = 64;
    const bool every = sets * cuts_.output_rows() <= few;
    for (const std::int64_t size : part_sizes(sets, every ? sets : std::min(sets, most_bands), every)) {
      std::vector<FilterGroup> groups = cuts_.grouping(size);
      if (!groups.empty()) other_groups_.push_back(std::move(groups));
    }
    for (const auto& groups : cuts_.groupings()) {
      if (groups.size() > static_cast<std::size_t>(sets)) other_groups_.push_back(groups);  // parts of sets
    }
    const std::int64_t rows = cuts_.output_rows();
    for (const std::int64_t size : part_sizes(rows, every ? rows : std::min(rows, most_bands), every))
      other_bands_.push_back(cuts_.bands_of(size));
    for (const auto& groups : other_groups_) {
      for (const Bands& bands : other_bands_)
        try_all(groups, bands);
    }
  }

  const PlanCuts& cuts_;
  std::uint64_t burst_;
  PlanPricer pricer_;
  std::optional<Choice> best_;
  std::optional<PlanPrice> lowest_;
  std::deque<std::vector<FilterGroup>> other_groups_;  ///< choices refer to them
  std::deque<Bands> other_bands_;
};

std::optional<Plan> plan_of(const PlanCuts& cuts, std::uint64_t burst) {
  RowSearch rows(cuts, burst);
  rows.search();
  std::optional<Plan> split = split_plan(cuts, burst, rows.lowest());
  if (split || !rows.best()) return split;
  return build_plan(cuts, *rows.best());
}

/// InputError that says which buffer can't hold its part of the smallest job, and how much is needed.
[[noreturn]] void refuse(const PlanCuts& cuts, std::uint64_t burst) {
  const PlannerInput& input = cuts.input();
  constexpr std::uint64_t plenty = std::uint64_t{1} << 40;
  const auto check = [&](const char* key, std::uint64_t BufferSizes::*size, BufferSizes others) {
    const auto serves = [&](std::uint64_t bytes) {
      others.*size = bytes;
      return plan_of(PlanCuts(input, others), burst).has_value();
    };
    const std::uint64_t has = cuts.buffers().*size;
    if (serves(has)) return;
    std::uint64_t too_small = has, enough = std::max<std::uint64_t>(has, 1);
    while (enough < plenty && !serves(enough *= 2))
      too_small = enough;
    while (enough - too_small > 1) {
      const std::uint64_t middle = too_small + (enough - too_small) / 2;
      (serves(middle) ? enough : too_small) = middle;
    }
    throw InputError(fmt::format(
        "layer '{}': {} = {} is too small: {} bytes are needed to hold what the smallest job needs",
        printable(input.name), key, has, enough));
  };
  const BufferSizes most{plenty, plenty, plenty, cuts.buffers().store};
  check("buffer.weight_bytes", &BufferSizes::weight, most);
  check("buffer.activation_bytes", &BufferSizes::activation, most);
  check("buffer.output_bytes", &BufferSizes::output, cuts.buffers());
  throw InputError(fmt::format("layer '{}' has no plan that fits the buffers", printable(input.name)));
}

}  // namespace

std::optional<Plan> find_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst) {
  return plan_of(PlanCuts(input, buffers), burst);
}

Plan make_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst) {
  const PlanCuts cuts(input, buffers);
  std::optional<Plan> plan = plan_of(cuts, burst);
  if (!plan) refuse(cuts, burst);
  return *std::move(plan);
}

}  // namespace dpred
