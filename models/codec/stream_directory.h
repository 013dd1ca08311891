// Where the rows of a stored stream lie: from rows that are wanted to bytes that are fetched.
#pragma once

#include <cstdint>
#include <vector>

#include "models/codec/codec.h"

namespace dpred {

/// Rows [begin, end) of one section of a layout.
struct RowRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t rows() const { return end - begin; }
};

/// Bytes [begin, end) of a stream that hold whole rows. The first row may start, and the last one end, inside
/// a block: decoding resumes at the bit position that was kept. Where a plan is for whole blocks, the bytes
/// are those of all blocks that these rows touch.
struct ByteRange {
  std::uint64_t begin = 0, end = 0;
  RowRange rows;
};

/// Rounded outward to bursts: what crosses the memory socket for it.
struct BurstRange {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t bytes() const { return end - begin; }
};
BurstRange round_to_bursts(std::uint64_t begin, std::uint64_t end, std::uint64_t burst);

/// A stream's layout and plan with the place of each block. Layout and plan must outlive it.
class StreamDirectory {
 public:
  /// Blocks one after another in `order` (block order if empty): as a plan of jobs finishes them.
  StreamDirectory(const StreamLayout& layout, const StreamPlan& plan,
                  const std::vector<std::int64_t>& order = {});

  const StreamLayout& layout() const { return *layout_; }
  const StreamPlan& plan() const { return *plan_; }
  std::uint64_t block_offset(std::int64_t block) const { return offsets_[static_cast<std::size_t>(block)]; }

  /// The bytes of these rows; ranges that adjoin in memory are one.
  std::vector<ByteRange> bytes_of(RowRange rows) const;
  std::uint64_t stream_bytes() const { return stream_bytes_; }

 private:
  template <class Visit>
  void visit_bytes(RowRange rows, Visit&& visit) const;

  const StreamLayout* layout_;
  const StreamPlan* plan_;
  std::vector<std::uint64_t> offsets_;
  std::uint64_t stream_bytes_ = 0;
};

/// What is fetched of a stream so far, as far as it matters to the next fetch: for each section, the engine
/// keeps the burst in which the last fetch ended, so that a fetch that goes on from there need not read it
/// again. The planner prices fetches with the same rule.
class FetchCursor {
 public:
  explicit FetchCursor(std::uint64_t burst) : burst_(burst) {}

  /// The bursts that bytes [begin, end) of a section still need; empty if the kept burst holds them all.
  BurstRange fetch(std::size_t section, std::uint64_t begin, std::uint64_t end);

  /// Bytes that cross the memory socket for these rows.
  std::uint64_t fetch(const StreamDirectory& stream, RowRange rows);

 private:
  std::uint64_t burst_;
  std::vector<std::uint64_t> kept_end_;  ///< end of the kept burst by section; 0: none
};

}  // namespace dpred
