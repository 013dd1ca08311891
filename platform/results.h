// A run's results as files and as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/parameters.h"
#include "platform/run.h"

namespace dpred {

/// layers.csv: one row a layer, header first. Columns: docs/contracts.md, "Results".
std::string layers_csv(const RunResult& result, const DesignPoint& point);

/// How the run was made: of it, only the part named `run` differs between two runs of the same design point.
struct RunRecord {
  std::string version;
  std::string host;
  double wall_seconds = 0;
};

/// The same workload and memory on other hardware, for comparison.
struct Baselines {
  RunResult uncompressed;               ///< this array, codec raw
  RunResult bit_parallel_uncompressed;  ///< bit-parallel, codec raw
};

std::string summary_json(const RunResult& result, const Network& network, const DesignPoint& point,
                         const Parameters& parameters, const RunRecord& record, const Baselines* baselines);

/// The table that a person reads, at most 100 columns, and the totals below it.
std::string terminal_table(const RunResult& result, const Network& network, const DesignPoint& point,
                           const Baselines* baselines);

/// The same design point at each fidelity.
struct Fidelities {
  const RunResult& analytic;
  const RunResult& lt;
  const RunResult& at;
};

/// For people: the cycles of each layer at the three, and how far two of them are from `at`.
std::string cross_check_table(const Fidelities& results);

/// What has to be equal at each fidelity and isn't: multiplications, compute cycles or bytes of a layer.
/// Empty if all is.
std::string find_contradiction(const Fidelities& results);

/// A name as a column of a table: control characters escaped, the part before a ';' (importers join the names
/// of fused operations with it), and of that the last `width` characters.
std::string short_name(std::string_view name, std::size_t width);

}  // namespace dpred
