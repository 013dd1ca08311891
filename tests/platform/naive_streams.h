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
