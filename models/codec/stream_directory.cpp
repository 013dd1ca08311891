#include "models/codec/stream_directory.h"

#include <algorithm>

#include "models/codec/groups.h"

namespace dpred {

BurstRange round_to_bursts(std::uint64_t begin, std::uint64_t end, std::uint64_t burst) {
  return {begin / burst * burst, (end + burst - 1) / burst * burst};
}

StreamDirectory::StreamDirectory(const StreamLayout& layout, const StreamPlan& plan,
                                 const std::vector<std::int64_t>& order, const GroupSizes& groups)
    : layout_(&layout), plan_(&plan), groups_(groups), offsets_(plan.block_bytes.size()) {
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

/// The bit behind the last one of a row, counted from the start of its block, without padding.
std::uint64_t StreamDirectory::end_bit(std::int64_t row) const {
  const StreamBlock& block = layout_->blocks()[static_cast<std::size_t>(layout_->block_of_row(row))];
  if (row + 1 < block.first_row + block.rows) return plan_->row_bits[static_cast<std::size_t>(row) + 1];
  return 8 * plan_->block_bytes[static_cast<std::size_t>(layout_->block_of_row(row))];
}

const std::vector<std::uint32_t>& StreamDirectory::group_ends() const {
  if (!group_ends_.empty()) return group_ends_;
  const std::int64_t size = layout_->options().group;
  group_ends_.reserve(static_cast<std::size_t>(layout_->groups()));
  for (const StreamSection& section : layout_->sections()) {
    section_groups_.push_back(group_ends_.size());
    for (std::int64_t row = 0; row < section.rows; ++row) {
      std::uint64_t bits = 0;
      visit_groups({section, 1, size}, [&](std::int64_t, std::int64_t values) {
        const std::size_t g = group_ends_.size();
        bits += *groups_.codec->group_bits(plan_->format, values, groups_.widths->width[g],
                                           groups_.widths->non_zeros[g]);
        group_ends_.push_back(static_cast<std::uint32_t>(bits));
      });
    }
  }
  return group_ends_;
}

StreamDirectory::DecodedValues StreamDirectory::decoded_values(std::int64_t row, std::int64_t value_begin,
                                                               std::int64_t value_end) const {
  const StreamSection& section = layout_->section_of_row(row);
  if (plan_->whole_blocks()) return {0, section.row_values, 0, 0};
  const std::uint64_t row_bit = plan_->row_bits[static_cast<std::size_t>(row)];
  if (plan_->format.mode == TensorMode::raw) {
    const auto bit_of = [&](std::int64_t value) {
      return row_bit + static_cast<std::uint64_t>(value) * plan_->format.values.bits;
    };
    return {value_begin, value_end, bit_of(value_begin), bit_of(value_end)};
  }
  if (groups_.codec == nullptr || !groups_.codec->group_bits(plan_->format, 1, 1, 1))
    return {0, section.row_values, row_bit, end_bit(row)};
  const std::int64_t size = layout_->options().group;
  const std::int64_t groups_per_run = (section.run + size - 1) / size;
  const auto group_of = [&](std::int64_t value) {
    return value / section.run * groups_per_run + value % section.run / size;
  };
  const std::int64_t first = group_of(value_begin);
  const std::int64_t last = group_of(value_end - 1);
  const std::vector<std::uint32_t>& all_ends = group_ends();
  const std::uint32_t* ends = all_ends.data() + section_groups_[layout_->section_number(row)] +
                              (row - section.first_row) * section.groups_per_row(size);
  const auto first_value = [&](std::int64_t group) {
    return group / groups_per_run * section.run + group % groups_per_run * size;
  };
  const std::int64_t run_end = (last / groups_per_run + 1) * section.run;
  return {first_value(first), std::min(first_value(last) + size, run_end),
          row_bit + (first == 0 ? 0 : ends[first - 1]), row_bit + ends[last]};
}

std::vector<RowPiece> StreamDirectory::pieces_of(RowRange rows, const RowPart& part) const {
  const StreamSection& section = layout_->section_of_row(rows.begin);
  const bool all_channels = part.channel_begin == 0 && part.channel_end == section.channels;
  std::vector<RowPiece> pieces;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const auto index = static_cast<std::size_t>(layout_->block_of_row(row));
    const auto add = [&](std::int64_t value_begin, std::int64_t value_end) {
      RowPiece piece{row, value_begin, value_end, offsets_[index], offsets_[index]};
      if (plan_->whole_blocks()) {
        piece.end += plan_->block_bytes[index];
      } else {
        const DecodedValues decoded = decoded_values(row, value_begin, value_end);
        piece.begin += decoded.bit_begin / 8;
        piece.end += (decoded.bit_end + 7) / 8;
      }
      pieces.push_back(piece);
    };
    if (all_channels) {
      add(part.place_begin * section.channels, part.place_end * section.channels);
      continue;
    }
    for (std::int64_t place = part.place_begin; place < part.place_end; ++place)
      add(place * section.channels + part.channel_begin, place * section.channels + part.channel_end);
  }
  return pieces;
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

std::uint64_t FetchCursor::fetch(const StreamDirectory& stream, RowRange rows, const RowPart& part) {
  const auto section = stream.layout().section_number(rows.begin);
  std::uint64_t bytes = 0;
  visit_runs(stream.pieces_of(rows, part),
             [&](std::size_t, std::size_t, std::uint64_t begin, std::uint64_t end) {
               bytes += fetch(section, begin, end).bytes();
             });
  return bytes;
}

}  // namespace dpred
