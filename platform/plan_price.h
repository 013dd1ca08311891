// What a way to cut a layer costs: traffic first, then what cannot overlap.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "platform/plan_cuts.h"

namespace dpred {

/// Compared in this order: the least is the plan.
using PlanPrice =
    std::tuple<std::uint64_t /*traffic*/, bool /*bands are needlessly short*/,
               std::uint64_t /*cannot overlap*/, int /*order*/, std::size_t /*jobs*/, int /*residents*/>;

/// Prices choices without building their jobs; the traffic is what traffic_of() gives for the built plan, but
/// for tables and output, which are the same for all.
class PlanPricer {
 public:
  PlanPricer(const PlanCuts& cuts, std::uint64_t burst) : cuts_(cuts), burst_(burst) {}

  PlanPrice price_of(const Choice& choice);

  /// What fetching each row that is needed once moves: no plan of whole rows moves less.
  std::uint64_t activation_floor();
  std::uint64_t weight_floor();

 private:
  /// A band's rows of a slice: what fetching them moves if no burst is kept, and where that begins and ends.
  struct BandFetch {
    std::uint64_t bytes = 0, first_burst = 0, last_burst = 0;
  };
  class ActivationPricer;

  std::uint64_t weight_traffic(const Choice& choice) const;
  std::uint64_t weight_pass(const std::vector<FilterGroup>& groups, std::size_t count) const;
  std::uint64_t activation_traffic(const Choice& choice);
  const std::vector<std::vector<BandFetch>>& fetches_of(const Choice& choice);

  const PlanCuts& cuts_;
  std::uint64_t burst_;
  std::optional<std::uint64_t> activation_floor_, weight_floor_;
  /// By size of bands and residency.
  std::map<std::pair<std::int64_t, bool>, std::vector<std::vector<BandFetch>>> fetches_;
};

}  // namespace dpred
