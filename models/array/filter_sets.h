// How a layer's filters are dealt to the array: filter sets, and what each tile of one does.
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/network.h"

namespace dpred {

/// Filters that the array computes at one time, over all output positions of the layer.
struct FilterSet {
  std::int64_t filter_begin = 0, filter_end = 0;    ///< filters, every `filter_step`-th
  std::int64_t filter_step = 1;                     ///< depthwise: the channel multiplier
  std::int64_t channel_begin = 0, channel_end = 0;  ///< input channels that they read

  std::vector<std::int64_t> filters() const;
};

/// Consecutive filters, `size` at a time, never across two conv groups. Not for depthwise layers.
std::vector<FilterSet> filter_sets(const LayerShape& layer, std::int64_t size);

/// Depthwise layers: units of channels, which lie in one brick each, `tiles` of them a set. One pass over all
/// sets for each filter of a channel.
std::vector<FilterSet> depthwise_sets(const LayerShape& layer, std::int64_t lanes, std::int64_t rows,
                                      std::int64_t tiles);

/// The channels of a depthwise set that one tile takes.
struct ChannelUnit {
  std::int64_t brick = 0;
  std::vector<std::int64_t> filters;
};
std::vector<ChannelUnit> units_of(const LayerShape& layer, const FilterSet& set, std::int64_t lanes,
                                  std::int64_t rows);

}  // namespace dpred
