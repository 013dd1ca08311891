// Which bytes hold a row, and what fetching rows moves: found byte by byte.
#pragma once

#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "models/codec/stream_directory.h"

namespace dpred::test {

/// A tensor's stream in a codec, without its bytes.
inline StreamPlan plan_of(const Codec& codec, const StreamLayout& layout, const Tensor& tensor,
                          const ValueFormat& format, ZeroVector zero_vector) {
  const WidthMap widths = WidthMap::of(tensor, format, layout);
  CodecOptions options;
  options.zero_vector = zero_vector;
  return codec.plan({layout, format, widths, options, &tensor});
}

/// Bytes [first, second).
using Bytes = std::pair<std::uint64_t, std::uint64_t>;

class NaiveStream {
 public:
  /// Blocks one after another in `order`; block order if that is empty.
  NaiveStream(const StreamLayout& layout, const StreamPlan& plan, std::vector<std::int64_t> order = {})
      : layout_(layout), plan_(plan) {
    if (order.empty()) {
      order.resize(layout.blocks().size());
      std::iota(order.begin(), order.end(), std::int64_t{0});
    }
    std::uint64_t at = 0;
    for (const std::int64_t block : order) {
      offset_[block] = at;
      at += plan.block_bytes[static_cast<std::size_t>(block)];
    }
  }

  /// The bytes with at least one bit of the row, or of the padding behind the last row of its block.
  Bytes row(std::int64_t row) const {
    std::int64_t block = 0;
    while (row >= layout_.blocks()[static_cast<std::size_t>(block)].first_row +
                      layout_.blocks()[static_cast<std::size_t>(block)].rows)
      ++block;
    const StreamBlock& b = layout_.blocks()[static_cast<std::size_t>(block)];
    if (plan_.row_bits.empty()) {  // the bytes of the whole block
      return {offset_.at(block), offset_.at(block) + plan_.block_bytes[static_cast<std::size_t>(block)]};
    }
    const std::uint64_t first_bit = plan_.row_bits[static_cast<std::size_t>(row)];
    const std::uint64_t end_bit = row + 1 < b.first_row + b.rows
                                      ? plan_.row_bits[static_cast<std::size_t>(row + 1)]
                                      : 8 * plan_.block_bytes[static_cast<std::size_t>(block)];
    return {offset_.at(block) + first_bit / 8, offset_.at(block) + (end_bit - 1) / 8 + 1};
  }

  /// Maximal runs of bytes, in the order of the rows.
  std::vector<Bytes> rows(std::int64_t begin, std::int64_t end) const {
    std::vector<Bytes> runs;
    for (std::int64_t r = begin; r < end; ++r) {
      const Bytes next = row(r);
      // Rows may share a byte. The first byte of a block may be one that follows another block's last.
      if (!runs.empty() && next.first <= runs.back().second && next.first >= runs.back().first) {
        runs.back().second = next.second;
      } else {
        runs.push_back(next);
      }
    }
    return runs;
  }

  const StreamLayout& layout() const { return layout_; }

 private:
  const StreamLayout& layout_;
  const StreamPlan& plan_;
  std::map<std::int64_t, std::uint64_t> offset_;
};

/// The bytes that must be there to decode each value of a stream: those of its group where the codec has
/// groups that are decoded alone, else of its row, or block.
class NaiveValues {
 public:
  NaiveValues(const Codec& codec, const StreamLayout& layout, const StreamPlan& plan, const Tensor& tensor)
      : layout_(layout) {
    const NaiveStream stream(layout, plan);
    const int bits = plan.format.values.bits;
    const WidthMap widths = WidthMap::of(tensor, plan.format.values, layout);
    const bool raw = plan.format.mode == TensorMode::raw;
    const bool zero = plan.format.mode == TensorMode::coded_zero;
    const std::string_view name = codec.name();
    const bool grouped = name == "dpred" || name == "zvc" || name == "layer-width";
    std::size_t group = 0;
    std::uint64_t in_block = 0;
    std::int64_t block = -1;
    std::uint64_t block_byte = 0;
    for (std::int64_t row = 0; row < layout.rows(); ++row) {
      if (layout.block_of_row(row) != block) {
        block = layout.block_of_row(row);
        block_byte = stream.row(row).first;
        in_block = 0;
      }
      const StreamSection& section = layout.section_of_row(row);
      std::vector<Bytes>& of_row = bytes_.emplace_back(static_cast<std::size_t>(section.row_values));
      for (std::int64_t v = 0; v < section.row_values;) {
        const std::int64_t in_run = v % section.run;
        const std::int64_t size =
            std::min(layout.options().group - in_run % layout.options().group, section.run - in_run);
        const int w = widths.width[group];
        const int n = widths.non_zeros[group];
        ++group;
        for (std::int64_t i = 0; i < size; ++i) {
          Bytes& bytes = of_row[static_cast<std::size_t>(v + i)];
          if (raw) {
            bytes = {block_byte + in_block / 8,
                     block_byte + (in_block + static_cast<std::uint64_t>(bits)) / 8};
            in_block += static_cast<std::uint64_t>(bits);
          } else {
            bytes = stream.row(row);
          }
        }
        if (!raw && grouped) {
          const std::int64_t length = name == "dpred" ? (bits == 8 ? 3 : 4) + (zero ? size + w * n : w * size)
                                      : name == "zvc" ? size + n * bits
                                                      : size * plan.format.width;
          const std::uint64_t end = in_block + static_cast<std::uint64_t>(length);
          for (std::int64_t i = 0; i < size; ++i)
            of_row[static_cast<std::size_t>(v + i)] = {block_byte + in_block / 8,
                                                       block_byte + (end - 1) / 8 + 1};
          in_block = end;
        }
        v += size;
      }
    }
  }

  const Bytes& at(std::int64_t row, std::int64_t value) const {
    return bytes_[static_cast<std::size_t>(row)][static_cast<std::size_t>(value)];
  }
  /// Runs of bytes for values [first, second) of rows, in their order.
  std::vector<Bytes> runs(const std::set<std::pair<std::int64_t, std::int64_t>>& values) const {
    std::vector<Bytes> runs;
    for (const auto& [row, value] : values) {
      const Bytes next = at(row, value);
      if (!runs.empty() && next.first >= runs.back().first && next.first <= runs.back().second) {
        runs.back().second = std::max(runs.back().second, next.second);
      } else {
        runs.push_back(next);
      }
    }
    return runs;
  }
  const StreamLayout& layout() const { return layout_; }

 private:
  const StreamLayout& layout_;
  std::vector<std::vector<Bytes>> bytes_;  ///< by row and value
};

/// Bytes that fetches move: all bursts with a wanted byte, but the one that the section's last fetch ended
/// in.
class NaiveFetches {
 public:
  explicit NaiveFetches(std::uint64_t burst) : burst_(burst) {}

  std::uint64_t fetch(std::int64_t section, const Bytes& bytes) {
    std::set<std::uint64_t> bursts;
    for (std::uint64_t at = bytes.first; at < bytes.second; ++at)
      bursts.insert(at / burst_);
    const std::uint64_t last = *bursts.rbegin();
    std::optional<std::uint64_t>& kept = kept_[section];
    if (kept && *bursts.begin() == *kept) bursts.erase(bursts.begin());
    kept = last;
    return bursts.size() * burst_;
  }
  /// Values (row, place in it), section by section.
  std::uint64_t fetch(const NaiveValues& stream,
                      const std::set<std::pair<std::int64_t, std::int64_t>>& values) {
    std::map<std::int64_t, std::set<std::pair<std::int64_t, std::int64_t>>> by_section;
    for (const auto& value : values)
      by_section[value.first / stream.layout().sections().front().rows].insert(value);
    std::uint64_t bytes = 0;
    for (const auto& [section, of_section] : by_section) {
      for (const Bytes& run : stream.runs(of_section))
        bytes += fetch(section, run);
    }
    return bytes;
  }
  std::uint64_t fetch(const NaiveStream& stream, const RowRange& rows) {
    const std::int64_t section = rows.begin / stream.layout().sections().front().rows;
    std::uint64_t bytes = 0;
    for (const Bytes& run : stream.rows(rows.begin, rows.end))
      bytes += fetch(section, run);
    return bytes;
  }

 private:
  std::uint64_t burst_;
  std::map<std::int64_t, std::optional<std::uint64_t>> kept_;
};

}  // namespace dpred::test
