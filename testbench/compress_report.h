// What `dpred compress` prints, as CSV (RFC 4180) and for a terminal of 100 columns.
#pragma once

#include <string>
#include <vector>

#include "platform/tensor_sizes.h"

namespace dpred {

/// A line for each row. Columns: docs/contracts.md, "Results".
std::string sizes_csv(const std::vector<TensorSizes>& rows);
/// Ratios, a line a tensor, and sums, a line a codec. All rows have the same group.
std::string sizes_table(const Network& network, const std::vector<TensorSizes>& rows);

/// Sums for each codec and group: a line for inputs, for weights and for all.
std::string sweep_csv(const std::vector<TensorSizes>& rows);
/// A line for each codec and group.
std::string sweep_table(const Network& network, const std::vector<TensorSizes>& rows);

}  // namespace dpred
