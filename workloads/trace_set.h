// Reader of a trace set: a folder with manifest.json (format 1) and .npy files.
#pragma once

#include <filesystem>

#include "workloads/network.h"

namespace dpred {

/// Reads and checks a whole trace set. Every tensor that is returned was found complete, of the declared
/// shape and type, and every layer fits its tensors. Raises InputError that names the file and the key
/// otherwise; memory use is bounded by the files that are really there.
Network read_trace_set(const std::filesystem::path& folder);

}  // namespace dpred
