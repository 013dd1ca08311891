// Parts of a layer, as the sequencer hands them to the array.
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/stream_directory.h"

namespace dpred {

/// Rows of an operand that have arrived in its buffer, one after another from `buffer_address`.
struct ArrivedRows {
  std::vector<RowRange> rows;
  std::uint64_t buffer_address = 0;
};

/// Filter sets [set_begin, set_end), or filters [filter_begin, filter_end) of one set, over units of output.
struct ArrayJob {
  std::int64_t set_begin = 0, set_end = 0;
  std::int64_t filter_begin = 0, filter_end = 0;
  std::int64_t unit_begin = 0, unit_end = 0;
};

}  // namespace dpred
