// What a way to cut a layer into parts of rows costs, and whether it fits the buffers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "platform/plan_price.h"
#include "platform/split_cuts.h"

namespace dpred {

/// Prices choices without building their jobs; the traffic is what traffic_of() gives for the built plan, but
/// for tables and output, which are the same for all.
class SplitPricer {
 public:
  SplitPricer(const SplitCuts& cuts, std::uint64_t burst) : cuts_(cuts), burst_(burst) {}

  /// Nothing if the choice doesn't obey the buffers, or the steps of a recurrent layer. Tiles and reductions
  /// of all choices that are priced must outlive the pricer: what their parts move is found once.
  std::optional<PlanPrice> price_of(const SplitChoice& choice);
  /// A guess at the traffic, without looking at where parts lie; much sooner.
  double estimate_of(const SplitChoice& choice) const;
  /// Bytes that partial sums move.
  std::uint64_t partial_traffic(const SplitChoice& choice) const;
  bool fits_output(const SplitChoice& choice) const;

 private:
  /// What fetching a part of a section moves if no burst is kept, and where that begins and ends.
  struct SectionFetch {
    std::size_t section = 0;
    std::uint64_t bytes = 0, first_burst = 0, last_burst = 0;
  };
  /// What a job needs of an operand.
  struct Need {
    std::vector<SectionFetch> fetches;
    std::uint64_t buffer_bytes = 0;
  };
  using Needs = std::vector<Need>;  ///< by tile, then reduction; of weights by reduction

  class Walk;

  Need need_of(const StreamDirectory& stream, const WantedParts& wanted) const;
  const Needs& activation_needs(const SplitChoice& choice, const FilterGroup& group);
  const Needs& weight_needs(const SplitChoice& choice, const FilterGroup& group);
  std::uint64_t activation_traffic(const SplitChoice& choice);
  std::uint64_t weight_traffic(const SplitChoice& choice);
  std::uint64_t first_fills(const SplitChoice& choice);
  bool fits(const SplitChoice& choice);

  const SplitCuts& cuts_;
  std::uint64_t burst_;
  using Key = std::tuple<const void*, const void*, std::int64_t, std::int64_t>;
  std::map<Key, Needs> activation_needs_, weight_needs_;
};

}  // namespace dpred
