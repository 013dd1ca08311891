// The order in which a tensor's values stand in a stream, and how that order is cut into rows, runs, groups
// and blocks. Stated in docs/contracts.md, "Order, runs and blocks".
#pragma once

#include <cstdint>
#include <vector>

#include "models/precision/value_format.h"
#include "workloads/network.h"

namespace dpred {

/// The role a tensor plays for the layer that reads it first; it decides the order.
enum class StreamRole : std::uint8_t { activation, weight, depthwise_weight };

struct StreamOptions {
  std::int64_t group = 16;           ///< G, 1..256
  std::int64_t slice_channels = 64;  ///< activations: channels of a slice
  std::int64_t block_values = 1024;  ///< activations: a block has at least so many values
  std::int64_t block_filters = 16;   ///< weights: filters of a block

  friend bool operator==(const StreamOptions& a, const StreamOptions& b) {
    return a.group == b.group && a.slice_channels == b.slice_channels && a.block_values == b.block_values &&
           a.block_filters == b.block_filters;
  }
};

/// A block: whole rows, decodable on its own.
struct StreamBlock {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::size_t section = 0;  ///< number of the section that it lies in
};

/// Where a value stands in a stream.
struct StreamPlace {
  std::int64_t block = 0;
  std::int64_t value = 0;  ///< in the block
};

/// Rows that have the same length and runs: an activation slice, or a whole weight tensor.
struct StreamSection {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t row_values = 0;     ///< values of a row
  std::int64_t run = 0;            ///< values of a run; divides row_values
  std::int64_t first_channel = 0;  ///< activations: the slice's channels
  std::int64_t channels = 0;
  std::int64_t first_block = 0;
  std::int64_t rows_per_block = 1;  ///< the last block of a section may have fewer

  std::int64_t end_row() const { return first_row + rows; }
  std::int64_t groups_per_row(std::int64_t group) const {
    return row_values / run * ((run + group - 1) / group);
  }
};

/// Rows are the units in which fetches and drains are asked for: of activations, one (n,y) of one slice (row
/// number = slice * N*H + n*H + y); of weights, a filter; of depthwise weights, one (r,s) of all filters.
class StreamLayout {
 public:
  StreamLayout(StreamRole role, const Shape& shape, const StreamOptions& options);

  StreamRole role() const { return role_; }
  const Shape& shape() const { return shape_; }
  const StreamOptions& options() const { return options_; }
  std::int64_t values() const { return volume(shape_); }

  const std::vector<StreamSection>& sections() const { return sections_; }
  std::size_t section_number(std::int64_t row) const;
  const StreamSection& section_of_row(std::int64_t row) const { return sections_[section_number(row)]; }
  std::int64_t rows() const { return sections_.back().end_row(); }
  std::int64_t row_values(std::int64_t row) const { return section_of_row(row).row_values; }
  /// Values of the rows before this one.
  std::int64_t values_before(std::int64_t row) const;

  const std::vector<StreamBlock>& blocks() const { return blocks_; }
  const StreamSection& section_of(const StreamBlock& block) const { return sections_[block.section]; }
  std::int64_t block_of_row(std::int64_t row) const;
  std::int64_t block_values(std::int64_t block) const;

  /// The place of value number `index` in the tensor's own order.
  StreamPlace place_of(std::int64_t index) const;

  /// Number of the group that a row starts with, and of all groups.
  std::int64_t first_group(std::int64_t row) const;
  std::int64_t groups() const;

  /// Writes the container codes of `rows` rows from `first_row` on, all of one section, in stream order: B /
  /// 8 bytes each, little-endian; 16-bit ones to an address that is a multiple of 2.
  void gather(const Tensor& tensor, const ValueFormat& format, std::int64_t first_row, std::int64_t rows,
              std::uint8_t* containers) const;
  /// The inverse: stores the codes of such rows in the tensor's own order.
  void scatter(const std::uint8_t* containers, const ValueFormat& format, std::int64_t first_row,
               std::int64_t rows, Tensor& tensor) const;

 private:
  template <class Visit>
  void walk(std::int64_t first_row, std::int64_t rows, Visit&& visit) const;

  StreamRole role_;
  Shape shape_;
  StreamOptions options_;
  std::vector<StreamSection> sections_;
  std::vector<StreamBlock> blocks_;
};

/// Layout of a layer's input, weight and output tensors.
StreamRole weight_role(const LayerShape& layer);

}  // namespace dpred
