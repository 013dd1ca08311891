// Speed of compute schedules.
#pragma once

#include "tests/bench/harness.h"

namespace dpred::bench {

/// Cycles of whole stacks of layers from brick maps that are there: what a design point costs in a sweep.
void schedules(Bench& bench);

}  // namespace dpred::bench
