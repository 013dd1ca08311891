// Parts of a layer, as the sequencer hands them to the array.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/codec/stream_directory.h"

namespace dpred {

/// Rows of an operand, or parts of them, that have arrived in its buffer, one after another from
/// `buffer_address`.
struct ArrivedRows {
  std::vector<RowRange> rows;
  std::uint64_t buffer_address = 0;
  std::vector<RowPart> parts{};  ///< of each of `rows`; none: all of it
};

/// Products of an output value that one job of a split plan adds up: taps r * S + s of channels counted in
/// the conv group. Taps are whole rows of the kernel, or a part of one row.
struct Reduction {
  std::int64_t tap_begin = 0, tap_end = 0;
  std::int64_t channel_begin = 0, channel_end = 0;
};

/// What a job of a split plan computes of its filters, instead of whole units.
struct SplitJob {
  RowRange rows, columns;  ///< of the output: n * OH + oy, and ox
  Reduction reduction;
  bool begins_sums = true, ends_sums = true;  ///< its products are the first, the last of its results
  /// Its share of the layer's cycles: from `work_begin` to `work_end` of `work`.
  std::uint64_t work_begin = 0, work_end = 0, work = 1;
};

/// Filter sets [set_begin, set_end), or filters [filter_begin, filter_end) of one set, over units of output.
struct ArrayJob {
  std::int64_t set_begin = 0, set_end = 0;
  std::int64_t filter_begin = 0, filter_end = 0;
  std::int64_t unit_begin = 0, unit_end = 0;
  std::optional<SplitJob> split = std::nullopt;  ///< then units don't count
};

}  // namespace dpred
