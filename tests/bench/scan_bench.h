// Speed of what lies between files and schedules: reading values, and finding widths.
#pragma once

#include "tests/bench/harness.h"

namespace dpred::bench {

void scans(Bench& bench);
void alexnet_files(Bench& bench);

}  // namespace dpred::bench
