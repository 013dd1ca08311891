#include "platform/split_cuts.h"

#include <algorithm>

#include "workloads/divide_up.h"

namespace dpred {

LoopNest loops_of(const SplitChoice& choice) {
  constexpr SplitLoop groups = SplitLoop::groups, tiles = SplitLoop::tiles, sums = SplitLoop::reductions;
  if (choice.order == LoopOrder::weights_outer)
    return choice.partials_spill ? LoopNest{{groups, sums, tiles}} : LoopNest{{groups, tiles, sums}};
  return choice.partials_spill ? LoopNest{{tiles, sums, groups}} : LoopNest{{tiles, groups, sums}};
}

std::size_t trips_of(const SplitChoice& choice, SplitLoop loop) {
  if (loop == SplitLoop::groups) return choice.groups->size();
  return loop == SplitLoop::tiles ? choice.tiles->size() : choice.reductions->size();
}

bool changes_activations(const SplitChoice& choice, SplitLoop loop) {
  if (loop != SplitLoop::groups) return true;
  const FilterGroup& first = choice.groups->front();
  return std::any_of(choice.groups->begin(), choice.groups->end(), [&](const FilterGroup& group) {
    return group.channel_begin != first.channel_begin || group.channel_end != first.channel_end;
  });
}

bool changes_weights(const SplitChoice&, SplitLoop loop) {
  return loop != SplitLoop::tiles;
}

std::vector<Tile> tiles_of(const LayerShape& shape, std::int64_t rows, std::int64_t columns) {
  std::vector<Tile> tiles;
  const std::int64_t all = shape.N * shape.OH;
  for (std::int64_t row = 0; row < all; row += rows) {
    for (std::int64_t x = 0; x < shape.OW; x += columns)
      tiles.push_back({{row, std::min(row + rows, all)}, {x, std::min(x + columns, shape.OW)}});
  }
  return tiles;
}

std::vector<Reduction> reductions_of(const LayerShape& shape, std::int64_t channels, std::int64_t tap_rows,
                                     std::int64_t tap_columns) {
  std::vector<Reduction> reductions;
  for (std::int64_t c = 0; c < shape.channels_per_group(); c += channels) {
    const std::int64_t c_end = std::min(c + channels, shape.channels_per_group());
    for (std::int64_t r = 0; r < shape.R; r += tap_rows) {
      const std::int64_t row_taps = (std::min(r + tap_rows, shape.R) - r) * shape.S;
      const std::int64_t taps = tap_rows == 1 ? tap_columns : row_taps;
      for (std::int64_t tap = 0; tap < row_taps; tap += taps) {
        reductions.push_back({r * shape.S + tap, r * shape.S + std::min(tap + taps, row_taps), c, c_end});
      }
    }
  }
  return reductions;
}

std::vector<RowRange> SplitCuts::input_rows(const RowRange& rows, std::int64_t r_begin,
                                            std::int64_t r_end) const {
  const LayerShape& l = cuts_.input().shape;
  std::vector<RowRange> needed;
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const std::int64_t n = row / l.OH;
    const std::int64_t end = std::min(rows.end, (n + 1) * l.OH);
    const std::int64_t first = l.input_row(row - n * l.OH, r_begin);
    const std::int64_t past = l.input_row(end - 1 - n * l.OH, r_end - 1) + 1;
    const RowRange input{n * l.H + std::clamp<std::int64_t>(first, 0, l.H),
                         n * l.H + std::clamp<std::int64_t>(past, 0, l.H)};
    if (input.rows() > 0) {
      if (!needed.empty() && needed.back().end == input.begin) {
        needed.back().end = input.end;
      } else {
        needed.push_back(input);
      }
    }
    row = end;
  }
  return needed;
}

std::vector<std::vector<RowRange>> SplitCuts::new_input(const std::vector<Tile>& tiles) const {
  std::vector<std::vector<RowRange>> fresh(tiles.size());
  std::int64_t seen = 0;
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    for (const RowRange& range : input_rows(tiles[t].rows, 0, cuts_.input().shape.R)) {
      const RowRange rest{std::max(range.begin, seen), range.end};
      if (rest.rows() > 0) fresh[t].push_back(rest);
      seen = std::max(seen, range.end);
    }
  }
  return fresh;
}

RowRange SplitCuts::channels(const FilterGroup& group, const Reduction& reduction) const {
  if (cuts_.input().shape.depthwise()) return {group.channel_begin, group.channel_end};
  // A group that reads several conv groups is reduced over whole ones.
  if (reduction.channel_end - reduction.channel_begin == cuts_.input().shape.channels_per_group())
    return {group.channel_begin, group.channel_end};
  return {group.channel_begin + reduction.channel_begin, group.channel_begin + reduction.channel_end};
}

WantedParts SplitCuts::activations(const FilterGroup& group, const Tile& tile,
                                   const Reduction& reduction) const {
  const LayerShape& l = cuts_.input().shape;
  const std::int64_t r_begin = reduction.tap_begin / l.S;
  const std::int64_t r_end = (reduction.tap_end - 1) / l.S + 1;
  const bool one_row = r_end - r_begin == 1;
  const std::int64_t s_begin = one_row ? reduction.tap_begin % l.S : 0;
  const std::int64_t s_end = one_row ? (reduction.tap_end - 1) % l.S + 1 : l.S;
  WantedParts wanted;
  RowPart part;
  part.place_begin = std::clamp<std::int64_t>(l.input_column(tile.columns.begin, s_begin), 0, l.W);
  part.place_end = std::clamp<std::int64_t>(l.input_column(tile.columns.end - 1, s_end - 1) + 1, 0, l.W);
  if (part.place_begin >= part.place_end) return wanted;
  const RowRange read = channels(group, reduction);
  const std::vector<RowRange> rows = input_rows(tile.rows, r_begin, r_end);
  const StreamDirectory& stream = cuts_.activations();
  for (const StreamSection& section : stream.layout().sections()) {
    part.channel_begin = std::max(read.begin - section.first_channel, std::int64_t{0});
    part.channel_end = std::min(read.end - section.first_channel, section.channels);
    if (part.channel_begin >= part.channel_end) continue;
    for (const RowRange& range : rows) {
      wanted.rows.push_back({section.first_row + range.begin, section.first_row + range.end});
      wanted.parts.push_back(part);
      wanted.buffer_bytes += cuts_.buffer_bytes(stream, wanted.rows.back(), part);
    }
  }
  return wanted;
}

WantedParts SplitCuts::weights(const FilterGroup& group, const Reduction& reduction) const {
  WantedParts wanted;
  if (cuts_.input().shape.depthwise()) {
    wanted.rows = {{reduction.tap_begin, reduction.tap_end}};
    wanted.parts = {{group.filter_begin, group.filter_end, 0, 1}};
  } else {
    wanted.rows = {{group.filter_begin, group.filter_end}};
    wanted.parts = {{reduction.tap_begin, reduction.tap_end, reduction.channel_begin, reduction.channel_end}};
  }
  wanted.buffer_bytes = cuts_.buffer_bytes(cuts_.weights(), wanted.rows[0], wanted.parts[0]);
  return wanted;
}

std::uint64_t SplitCuts::output_bytes(const FilterGroup& group, const Tile& tile,
                                      std::size_t reductions) const {
  const auto results = static_cast<std::uint64_t>(cuts_.results_per_position(group) * tile.positions()) *
                       static_cast<std::uint64_t>(cuts_.input().output_bytes_per_value);
  return reductions > 1 ? std::max(results, partial_bytes(group, tile)) : results;
}

std::vector<FilterGroup> SplitCuts::parts_of_sets(std::int64_t filters) const {
  std::vector<FilterGroup> parts;
  const std::vector<FilterSet>& sets = cuts_.input().schedule->sets();
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto set = static_cast<std::int64_t>(i);
    const std::int64_t step = sets[i].filter_step;
    const std::int64_t all = divide_up(sets[i].filter_end - sets[i].filter_begin, step);
    const std::int64_t size = divide_up(all, divide_up(all, filters));
    for (std::int64_t f = 0; f < all; f += size) {
      const std::int64_t end = std::min(f + size, all);
      parts.push_back(cuts_.part_of_set(set, sets[i].filter_begin + f * step,
                                        sets[i].filter_begin + (end - 1) * step + 1));
    }
  }
  return parts;
}

}  // namespace dpred
