#include "models/codec/stream_directory.h"

#include <algorithm>

namespace dpred {

BurstRange round_to_bursts(std::uint64_t begin, std::uint64_t end, std::uint64_t burst) {
  return {begin / burst * burst, (end + burst - 1) / burst * burst};
}

StreamDirectory::StreamDirectory(const StreamLayout& layout, const StreamPlan& plan,
                                 const std::vector<std::int64_t>& order)
    : layout_(&layout), plan_(&plan), offsets_(plan.block_bytes.size()) {
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    const std::size_t block = order.empty() ? i : static_cast<std::size_t>(order[i]);
    offsets_[block] = stream_bytes_;
    stream_bytes_ += plan.block_bytes[block];
  }
}

/// Calls visit(ByteRange) for the part of each block, in order of rows.
template <class Visit>
void StreamDirectory::visit_bytes(RowRange rows, Visit&& visit) const {
  const bool whole = plan_->whole_blocks();
  const auto row_bits = [&](std::int64_t row) { return plan_->row_bits[static_cast<std::size_t>(row)]; };
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const auto index = static_cast<std::size_t>(layout_->block_of_row(row));
    const StreamBlock& block = layout_->blocks()[index];
    const std::int64_t block_end = block.first_row + block.rows;
    const std::int64_t end = std::min(rows.end, block_end);
    const std::uint64_t first_byte = offsets_[index] + (whole ? 0 : row_bits(row) / 8);
    const std::uint64_t end_byte = whole || end == block_end ? offsets_[index] + plan_->block_bytes[index]
                                                             : offsets_[index] + (row_bits(end) + 7) / 8;
    visit(ByteRange{first_byte, end_byte, {row, end}});
    row = end;
  }
}

std::vector<ByteRange> StreamDirectory::bytes_of(RowRange rows) const {
  std::vector<ByteRange> ranges;
  visit_bytes(rows, [&](const ByteRange& part) {
    if (!ranges.empty() && ranges.back().end == part.begin) {
      ranges.back().end = part.end;
      ranges.back().rows.end = part.rows.end;
    } else {
      ranges.push_back(part);
    }
  });
  return ranges;
}

BurstRange FetchCursor::fetch(std::size_t section, std::uint64_t begin, std::uint64_t end) {
  if (section >= kept_end_.size()) kept_end_.resize(section + 1, 0);
  BurstRange bursts = round_to_bursts(begin, end, burst_);
  std::uint64_t& kept_end = kept_end_[section];
  if (kept_end == bursts.begin + burst_) bursts.begin = kept_end;
  kept_end = bursts.end;
  return bursts;
}

std::uint64_t FetchCursor::fetch(const StreamDirectory& stream, RowRange rows) {
  const auto section = stream.layout().section_number(rows.begin);
  std::uint64_t bytes = 0;
  for (const ByteRange& range : stream.bytes_of(rows))
    bytes += fetch(section, range.begin, range.end).bytes();
  return bytes;
}

}  // namespace dpred
