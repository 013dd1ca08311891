// The best way to cut a layer into parts of rows and of sums.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/plan_price.h"

namespace dpred {

/// A split plan with less traffic than `bound`, or, without one, any that fits the buffers with as little
/// traffic as can be found. With a bound, only sums are split over input channels.
std::optional<Plan> split_plan(const PlanCuts& cuts, std::uint64_t burst,
                               const std::optional<PlanPrice>& bound);

}  // namespace dpred
