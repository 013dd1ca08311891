// Speed of further design points on a network, each kind of change alone.
#pragma once

#include <filesystem>

#include "tests/bench/harness.h"

namespace dpred::bench {

/// Metrics of a trace set: the first point, and further ones that change one thing.
void explorations(Bench& bench, const std::filesystem::path& folder);

}  // namespace dpred::bench
