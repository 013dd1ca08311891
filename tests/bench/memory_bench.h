// Speed of the DRAM model, with and without SystemC.
#pragma once

#include "tests/bench/harness.h"

namespace dpred::bench {

void memory(Bench& bench);

}  // namespace dpred::bench
