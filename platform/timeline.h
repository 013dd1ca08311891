// A run as a trace for Perfetto or chrome://tracing. docs/timeline.md says what is in it.
#pragma once

#include <string>

#include "platform/preparation.h"
#include "platform/run.h"

namespace dpred {

/// The recorded layers one after another, as JSON in Chrome's trace format with `ts` and `dur` in us.
/// `result` is that of the preparation, with its timeline.
std::string timeline_json(const Preparation& preparation, const RunResult& result);

}  // namespace dpred
