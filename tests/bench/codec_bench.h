// Speed of codecs on the values of real networks, beside memcpy and two general compressors.
#pragma once

#include <filesystem>

#include "tests/bench/harness.h"

namespace dpred::bench {

/// Metrics of all tensors of a trace set that layers read. Values are taken in stream order: putting them
/// into the tensor's own order is measured by itself.
void codecs(Bench& bench, const std::filesystem::path& folder);

}  // namespace dpred::bench
