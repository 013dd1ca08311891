#include "models/array/filter_sets.h"

#include <algorithm>

namespace dpred {

std::vector<std::int64_t> FilterSet::filters() const {
  std::vector<std::int64_t> all;
  for (std::int64_t k = filter_begin; k < filter_end; k += filter_step)
    all.push_back(k);
  return all;
}

std::vector<FilterSet> filter_sets(const LayerShape& layer, std::int64_t size) {
  std::vector<FilterSet> sets;
  for (std::int64_t g = 0; g < layer.groups; ++g) {
    const std::int64_t end = (g + 1) * layer.filters_per_group();
    for (std::int64_t k = g * layer.filters_per_group(); k < end; k += size) {
      FilterSet set;
      set.filter_begin = k;
      set.filter_end = std::min(k + size, end);
      set.channel_begin = g * layer.channels_per_group();
      set.channel_end = set.channel_begin + layer.channels_per_group();
      sets.push_back(set);
    }
  }
  return sets;
}

std::vector<FilterSet> depthwise_sets(const LayerShape& layer, std::int64_t lanes, std::int64_t rows,
                                      std::int64_t tiles) {
  // Units of channels, brick by brick, then dealt over the tiles in order.
  const std::int64_t unit = std::min(lanes, rows);
  std::vector<std::int64_t> unit_begin;
  for (std::int64_t brick = 0; brick < layer.C; brick += lanes) {
    const std::int64_t brick_end = std::min(brick + lanes, layer.C);
    for (std::int64_t c = brick; c < brick_end; c += unit)
      unit_begin.push_back(c);
  }
  unit_begin.push_back(layer.C);
  const auto units = static_cast<std::int64_t>(unit_begin.size()) - 1;
  const std::int64_t multiplier = layer.K / layer.C;
  std::vector<FilterSet> sets;
  for (std::int64_t pass = 0; pass < multiplier; ++pass) {
    for (std::int64_t u = 0; u < units; u += tiles) {
      FilterSet set;
      set.channel_begin = unit_begin[static_cast<std::size_t>(u)];
      set.channel_end = unit_begin[static_cast<std::size_t>(std::min(u + tiles, units))];
      set.filter_begin = set.channel_begin * multiplier + pass;
      set.filter_end = (set.channel_end - 1) * multiplier + pass + 1;
      set.filter_step = multiplier;
      sets.push_back(set);
    }
  }
  return sets;
}

std::vector<ChannelUnit> units_of(const LayerShape& layer, const FilterSet& set, std::int64_t lanes,
                                  std::int64_t rows) {
  const std::int64_t unit = std::min(lanes, rows);
  const std::int64_t pass = set.filter_begin % set.filter_step;
  std::vector<ChannelUnit> units;
  for (std::int64_t c = set.channel_begin; c < set.channel_end;) {
    ChannelUnit next;
    next.brick = c / lanes;
    const std::int64_t end = std::min({c + unit, (next.brick + 1) * lanes, layer.C});
    for (; c < end; ++c)
      next.filters.push_back(c * set.filter_step + pass);
    units.push_back(std::move(next));
  }
  return units;
}

}  // namespace dpred
