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

/// A part of each row of a section, as a job needs it that is smaller than a row: places [place_begin,
/// place_end) (columns of an activation, taps of a filter, filters of a depthwise tap), of each of these
/// channels [channel_begin, channel_end), counted in the section.
struct RowPart {
  std::int64_t place_begin = 0, place_end = 0;
  std::int64_t channel_begin = 0, channel_end = 0;

  std::int64_t values() const { return (place_end - place_begin) * (channel_end - channel_begin); }
  friend bool operator==(const RowPart& a, const RowPart& b) {
    return a.place_begin == b.place_begin && a.place_end == b.place_end &&
           a.channel_begin == b.channel_begin && a.channel_end == b.channel_end;
  }
};

/// Consecutive values of one row that are decoded together: whole groups where groups can be decoded alone,
/// else the whole row, or the whole block.
struct RowPiece {
  std::int64_t row = 0;
  std::int64_t value_begin = 0, value_end = 0;  ///< of the row; what is wanted of it
  std::uint64_t begin = 0, end = 0;             ///< bytes of the stream
};

/// What sizes of single groups follow from. Without it, rows are fetched whole.
struct GroupSizes {
  const Codec* codec = nullptr;
  const WidthMap* widths = nullptr;
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
  /// `groups` must outlive it, as layout and plan must.
  StreamDirectory(const StreamLayout& layout, const StreamPlan& plan,
                  const std::vector<std::int64_t>& order = {}, const GroupSizes& groups = {});

  const StreamLayout& layout() const { return *layout_; }
  const StreamPlan& plan() const { return *plan_; }
  const GroupSizes& groups() const { return groups_; }
  std::uint64_t block_offset(std::int64_t block) const { return offsets_[static_cast<std::size_t>(block)]; }

  /// The bytes of these rows; ranges that adjoin in memory are one.
  std::vector<ByteRange> bytes_of(RowRange rows) const;
  /// The pieces of a part of each of these rows, of one section, in stream order. Bytes of consecutive pieces
  /// may overlap: groups are not aligned to bytes, and may hold values of both.
  std::vector<RowPiece> pieces_of(RowRange rows, const RowPart& part) const;
  /// Values of the row [begin, end) that are decoded for these values of it, and the bits where they lie,
  /// counted from the start of the block.
  struct DecodedValues {
    std::int64_t value_begin = 0, value_end = 0;
    std::uint64_t bit_begin = 0, bit_end = 0;
  };
  DecodedValues decoded_values(std::int64_t row, std::int64_t value_begin, std::int64_t value_end) const;
  std::uint64_t stream_bytes() const { return stream_bytes_; }

 private:
  template <class Visit>
  void visit_bytes(RowRange rows, Visit&& visit) const;
  std::uint64_t end_bit(std::int64_t row) const;
  const std::vector<std::uint32_t>& group_ends() const;

  const StreamLayout* layout_;
  const StreamPlan* plan_;
  GroupSizes groups_;
  /// Bits from the start of its row to the end of each group; found when first asked for.
  mutable std::vector<std::uint32_t> group_ends_;
  mutable std::vector<std::size_t> section_groups_;  ///< groups before each section
  std::vector<std::uint64_t> offsets_;
  std::uint64_t stream_bytes_ = 0;
};

/// Calls visit(first piece, end piece, begin byte, end byte) for each run of pieces whose bytes adjoin or
/// overlap.
template <class Visit>
void visit_runs(const std::vector<RowPiece>& pieces, Visit&& visit) {
  for (std::size_t i = 0; i < pieces.size();) {
    const std::size_t first = i;
    const std::uint64_t begin = pieces[first].begin;
    std::uint64_t end = pieces[first].end;
    for (++i; i < pieces.size() && pieces[i].begin >= begin && pieces[i].begin <= end; ++i)
      end = end < pieces[i].end ? pieces[i].end : end;
    visit(first, i, begin, end);
  }
}

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
  std::uint64_t fetch(const StreamDirectory& stream, RowRange rows, const RowPart& part);

 private:
  std::uint64_t burst_;
  std::vector<std::uint64_t> kept_end_;  ///< end of the kept burst by section; 0: none
};

}  // namespace dpred
