#include "platform/planner.h"

#include <optional>

#include "platform/plan_builder.h"
#include "platform/plan_cuts.h"
#include "platform/plan_price.h"

namespace dpred {

namespace {

/// Calls visit(choice) for all that fit.
template <class Visit>
void visit_choices(const PlanCuts& cuts, Visit&& visit) {
  const bool recurrent = cuts.input().shape.recurrent;  // a step needs the one before
  for (const auto& groups : cuts.groupings()) {
    for (const Bands& bands : cuts.bands()) {
      for (const LoopOrder order : {LoopOrder::weights_outer, LoopOrder::activations_outer}) {
        if (recurrent && order == LoopOrder::weights_outer) continue;
        for (const bool activations_resident : {false, true}) {
          for (const bool weights_resident : {false, true}) {
            const Choice choice{order, activations_resident, weights_resident, &groups, &bands};
            if (cuts.fits(choice)) visit(choice);
          }
        }
      }
    }
  }
}

}  // namespace

Plan make_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst) {
  const PlanCuts cuts(input, buffers);
  PlanPricer pricer(cuts, burst);
  std::optional<Choice> best;
  PlanPrice lowest{};
  visit_choices(cuts, [&](const Choice& choice) {
    const PlanPrice price = pricer.price_of(choice);
    if (best && !(price < lowest)) return;
    best = choice;
    lowest = price;
  });
  if (!best) cuts.refuse();
  return build_plan(cuts, *best);
}

}  // namespace dpred
