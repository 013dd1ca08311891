// Ways to cut a layer into jobs: what the planner chooses between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/plan.h"
#include "platform/planner.h"

namespace dpred {

/// Filters that are computed together in a job.
struct FilterGroup {
  std::int64_t set_begin = 0, set_end = 0;
  std::int64_t filter_begin = 0, filter_end = 0;    ///< biases and rows of weights
  std::int64_t filters = 0;                         ///< how many results an output position gets
  std::int64_t channel_begin = 0, channel_end = 0;  ///< of the input, that its filters read
  std::size_t section_begin = 0, section_end = 0;   ///< slices of the input that hold them
  RowRange weight_rows;
  std::uint64_t weight_bytes = 0;  ///< in the buffer
};

/// Output rows cut into bands, and the input rows that each needs.
struct Bands {
  std::int64_t size = 0;
  std::vector<RowRange> rows;                           ///< output rows
  std::vector<RowRange> finished;                       ///< output rows that its pallets complete
  std::vector<std::vector<RowRange>> input;             ///< (n*H + y), for a slice
  std::vector<std::vector<RowRange>> new_input;         ///< what no earlier band needed
  std::vector<std::vector<std::uint64_t>> input_bytes;  ///< by slice: of `input` in the buffer
  std::int64_t most_finished = 0;
};

/// A way to do the layer.
struct Choice {
  LoopOrder order = LoopOrder::weights_outer;
  bool activations_resident = false, weights_resident = false;
  const std::vector<FilterGroup>* groups = nullptr;
  const Bands* bands = nullptr;
};

/// The groups of filters and bands of rows of one layer, and what they take in the buffers.
class PlanCuts {
 public:
  /// Input and buffers must outlive it.
  PlanCuts(const PlannerInput& input, const BufferSizes& buffers);

  const PlannerInput& input() const { return in_; }
  const BufferSizes& buffers() const { return buffers_; }
  const StreamDirectory& activations() const { return activations_; }
  const StreamDirectory& weights() const { return weights_; }
  std::int64_t output_rows() const { return output_rows_; }

  /// Ways to group the filter sets, and sizes of bands, that are worth pricing first: 1, 2, 4, … sets at a
  /// time and all, or parts of sets where one is too large; about 1 to 16 bands, and those that fit best.
  const std::vector<std::vector<FilterGroup>>& groupings() const { return groupings_; }
  const std::vector<Bands>& bands() const { return bands_; }
  /// Groups of so many sets; empty where the results of some would not be those of consecutive filters.
  std::vector<FilterGroup> grouping(std::int64_t sets) const;
  Bands bands_of(std::int64_t size) const;

  /// Whether the choice obeys the buffers, and the steps of a recurrent layer.
  bool fits(const Choice& choice) const;

  /// Bytes that these rows of one section, or a part of each, take in their buffer.
  std::uint64_t buffer_bytes(const StreamDirectory& stream, RowRange rows) const;
  std::uint64_t buffer_bytes(const StreamDirectory& stream, RowRange rows, const RowPart& part) const;
  /// The same of a whole tensor that is filled part by part; without end where parts hold whole blocks.
  std::uint64_t tensor_bytes(const StreamDirectory& stream) const;
  /// Results that a group has at an output position, and what those over so many rows take in their buffer.
  std::int64_t results_per_position(const FilterGroup& group) const;
  std::uint64_t output_bytes(const FilterGroup& group, std::int64_t rows) const;
  /// Every `filter_step`-th filter of [filter_begin, filter_end) of one set.
  FilterGroup part_of_set(std::int64_t set, std::int64_t filter_begin, std::int64_t filter_end) const;
  /// Filters whose biases come with a group's weights.
  RowRange biases_of(const FilterGroup& group) const;

 private:
  FilterGroup group_of(std::int64_t set_begin, std::int64_t set_end) const;
  void set_channels(FilterGroup& group, std::int64_t channel_begin, std::int64_t channel_end) const;
  void set_weights(FilterGroup& group) const;
  void make_groups();
  std::vector<FilterGroup> parts_that_fit() const;
  void make_bands();
  std::int64_t largest_band(std::size_t sections) const;
  std::uint64_t most_input_bytes(const Choice& choice) const;

  const PlannerInput& in_;
  const BufferSizes& buffers_;
  const StreamDirectory& activations_;
  const StreamDirectory& weights_;
  std::int64_t code_bytes_;
  std::int64_t output_rows_;
  std::vector<std::vector<FilterGroup>> groupings_;
  std::vector<Bands> bands_;
};

/// Whether what one group reads is what another one left in the buffer.
bool same_activations(const FilterGroup& a, const FilterGroup& b);
bool same_weights(const FilterGroup& a, const FilterGroup& b);

}  // namespace dpred
