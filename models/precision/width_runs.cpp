#include "models/precision/width_runs.h"

#include <algorithm>
#include <numeric>

#include "models/precision/repeatable_random.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

constexpr int activation_levels = 7;
constexpr int weight_levels = 13;

std::int64_t blocks_of(std::int64_t length, int level) {
  return divide_up(length, std::int64_t{1} << level);
}

}  // namespace

BrickSequences BrickSequences::of_activations(const LayerShape& layer, std::int64_t lanes) {
  // One row or column of windows goes on with the next image.
  const std::int64_t step_y = layer.OH > 1 ? layer.stride[0] : layer.H;
  const std::int64_t step_x = layer.OW > 1 ? layer.stride[1] : layer.W;
  return of_activations(activation_bricks(layer, lanes), layer.input(), std::min(step_y, layer.H),
                        std::min(step_x, layer.W));
}

BrickSequences BrickSequences::of_activations(const BrickShape& bricks, const Shape& tensor,
                                              std::int64_t step_y, std::int64_t step_x) {
  BrickSequences sequences;
  sequences.cells_ = bricks.bricks();
  sequences.outer_ = tensor[0];
  sequences.rows_ = tensor[2];
  sequences.columns_ = tensor[3];
  sequences.step_y_ = step_y;
  sequences.step_x_ = step_x;
  for (std::int64_t y = 0; y < step_y; ++y) {
    for (std::int64_t x = 0; x < step_x; ++x)
      sequences.lengths_.push_back(tensor[0] * divide_up(tensor[2] - y, step_y) *
                                   divide_up(tensor[3] - x, step_x));
  }
  sequences.find_levels(activation_levels);
  return sequences;
}

BrickSequences BrickSequences::of_weights(const BrickShape& bricks, std::int64_t filters) {
  BrickSequences sequences;
  sequences.of_weights_ = true;
  sequences.cells_ = bricks.positions / filters * bricks.bricks();
  sequences.outer_ = filters;
  sequences.lengths_ = {filters};
  sequences.find_levels(weight_levels);
  return sequences;
}

void BrickSequences::find_levels(int most) {
  const std::int64_t longest = *std::max_element(lengths_.begin(), lengths_.end());
  while (levels_ < most && blocks_of(longest, levels_ - 1) > 1)
    ++levels_;
}

std::int64_t BrickSequences::blocks(int level) const {
  std::int64_t blocks = 0;
  for (const std::int64_t length : lengths_)
    blocks += blocks_of(length, level);
  return blocks;
}

WidthRuns runs_of(const BrickMap& map, const BrickSequences& sequences, int widest) {
  WidthRuns runs;
  const std::uint8_t* widths = map.at(0);
  const std::size_t count = static_cast<std::size_t>(widest);
  std::vector<std::uint8_t> bricks;
  for (std::int64_t cell = 0; cell < sequences.cells(); ++cell) {
    bricks.clear();
    sequences.visit(cell, [&](std::int64_t place) { bricks.push_back(widths[place]); });
    CellRuns& of_cell = runs.cells.emplace_back();
    for (int level = 0; level < sequences.levels(); ++level) {
      WidthCounts& blocks = of_cell.blocks.emplace_back(count, 0);
      std::vector<std::uint8_t>& last = of_cell.last.emplace_back();
      // Blocks of this level by pairs of those of the level before, in their place.
      std::size_t from = 0, to = 0;
      for (const std::int64_t length : sequences.lengths()) {
        const std::int64_t single = level == 0 ? length : blocks_of(length, level - 1);
        for (std::int64_t i = 0; i < single; i += level == 0 ? 1 : 2) {
          std::uint8_t width = bricks[from++];
          if (level > 0 && i + 1 < single) width = std::max(width, bricks[from++]);
          bricks[to++] = width;
          ++blocks[width - 1u];
        }
        last.push_back(bricks[to - 1]);
      }
    }
  }
  if (sequences.columns() == 1) return runs;
  runs.columns.assign(static_cast<std::size_t>(sequences.columns()), WidthCounts(count, 0));
  const std::int64_t bricks_of_map = map.shape().positions * map.shape().bricks();
  for (std::int64_t place = 0; place < bricks_of_map; ++place) {
    const auto column = static_cast<std::size_t>(place / map.shape().bricks() % sequences.columns());
    ++runs.columns[column][widths[place] - 1u];
  }
  return runs;
}

namespace {

/// How many wide bricks to expect between two places of a sequence, as far as columns tell.
class ColumnRates {
 public:
  ColumnRates(const std::vector<WidthCounts>& columns, const BrickSequences& sequences) {
    if (columns.empty()) return;
    const std::size_t widest = columns.front().size();
    for (std::int64_t first = 0; first < sequences.step_x(); ++first) {
      std::vector<std::vector<double>>& of_width = by_first_column_.emplace_back(widest);
      for (std::size_t w = 0; w < widest; ++w) {
        std::vector<double>& before = of_width[w];
        before.push_back(0);
        for (std::int64_t x = first; x < sequences.columns(); x += sequences.step_x()) {
          const WidthCounts& counts = columns[static_cast<std::size_t>(x)];
          const auto as_wide =
              std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(w), counts.end(), std::int64_t{0});
          before.push_back(before.back() + static_cast<double>(as_wide));
        }
      }
    }
  }

  /// Whether places [middle, end) have the widest of [begin, end), of this width, at random.
  bool is_behind(std::size_t first_column, int width, std::int64_t begin, std::int64_t middle,
                 std::int64_t end, RepeatableRandom& random) const {
    if (by_first_column_.empty()) return random.below(2) == 1;
    const std::vector<double>& before = by_first_column_[first_column][static_cast<std::size_t>(width - 1)];
    const double front = until(before, middle) - until(before, begin);
    const double back = until(before, end) - until(before, middle);
    if (front + back <= 0) return random.below(2) == 1;
    return random.fraction() * (front + back) >= front;
  }

 private:
  static double until(const std::vector<double>& before, std::int64_t place) {
    const auto row = static_cast<std::int64_t>(before.size()) - 1;
    return static_cast<double>(place / row) * before.back() + before[static_cast<std::size_t>(place % row)];
  }

  /// By first column of the sequence, width and place in a row: bricks as wide as that, in all rows, before.
  std::vector<std::vector<std::vector<double>>> by_first_column_;
};

/// Deals out the widths of one cell's blocks, level by level from the largest.
class Dealer {
 public:
  Dealer(const CellRuns& runs, const BrickSequences& sequences, const ColumnRates& rates, std::uint64_t seed)
      : runs_(runs), sequences_(sequences), rates_(rates), random_(seed) {}

  /// Widths of the bricks, sequence by sequence.
  std::vector<std::uint8_t> bricks() {
    const int top = sequences_.levels() - 1;
    std::vector<std::uint8_t> widths = largest_blocks(top);
    for (int level = top - 1; level >= 0; --level)
      widths = halves(widths, level);
    return widths;
  }

 private:
  /// A level's blocks but for the last ones of the sequences.
  WidthCounts inner_blocks(int level) const {
    WidthCounts counts = runs_.blocks[static_cast<std::size_t>(level)];
    for (const std::uint8_t width : runs_.last[static_cast<std::size_t>(level)])
      --counts[width - 1u];
    return counts;
  }

  std::vector<std::uint8_t> largest_blocks(int level) {
    std::vector<std::uint8_t> inner;
    const WidthCounts counts = inner_blocks(level);
    for (std::size_t w = 0; w < counts.size(); ++w)
      inner.insert(inner.end(), static_cast<std::size_t>(counts[w]), static_cast<std::uint8_t>(w + 1));
    random_.shuffle(inner);
    std::vector<std::uint8_t> widths;
    auto next = inner.begin();
    for (std::size_t s = 0; s < sequences_.lengths().size(); ++s) {
      const auto count = static_cast<std::ptrdiff_t>(blocks_of(sequences_.lengths()[s], level) - 1);
      widths.insert(widths.end(), next, next + count);
      widths.push_back(runs_.last[static_cast<std::size_t>(level)][s]);
      next += count;
    }
    return widths;
  }

  /// Blocks of a level from those of the level above.
  std::vector<std::uint8_t> halves(const std::vector<std::uint8_t>& blocks, int level) {
    WidthCounts left = inner_blocks(level);
    std::vector<std::uint8_t> widths;
    std::vector<std::vector<std::size_t>> smaller(left.size());  // halves to be given a width, by the most
    std::size_t next = 0;
    for (std::size_t s = 0; s < sequences_.lengths().size(); ++s) {
      const std::int64_t length = sequences_.lengths()[s];
      const std::int64_t count = blocks_of(length, level);
      const std::uint8_t last = runs_.last[static_cast<std::size_t>(level)][s];
      for (std::int64_t i = 0; i < count; i += 2) {
        const std::uint8_t width = blocks[next++];
        const std::size_t place = widths.size();
        if (i + 1 == count) {
          widths.push_back(last);
          continue;
        }
        widths.insert(widths.end(), 2, width);
        if (i + 2 < count) {
          const bool behind = rates_.is_behind(static_cast<std::size_t>(sequences_.first_column(s)), width,
                                               i << level, (i + 1) << level, (i + 2) << level, random_);
          smaller[width - 1u].push_back(place + (behind ? 0 : 1));
          --left[width - 1u];
        } else {  // the second one is known
          widths.back() = last;
          if (last == width) {
            smaller[width - 1u].push_back(place);
          } else {
            --left[width - 1u];
          }
        }
      }
    }
    std::vector<std::size_t> open;
    for (std::size_t w = left.size(); w-- > 0;) {
      open.insert(open.end(), smaller[w].begin(), smaller[w].end());
      for (; left[w] > 0 && !open.empty(); --left[w]) {
        std::swap(open[random_.below(open.size())], open.back());
        widths[open.back()] = static_cast<std::uint8_t>(w + 1);
        open.pop_back();
      }
    }
    return widths;
  }

  const CellRuns& runs_;
  const BrickSequences& sequences_;
  const ColumnRates& rates_;
  RepeatableRandom random_;
};

}  // namespace

BrickMap map_with(const WidthRuns& runs, const BrickShape& bricks, const BrickSequences& sequences) {
  BrickMap map(bricks);
  const ColumnRates rates(runs.columns, sequences);
  for (std::int64_t cell = 0; cell < sequences.cells(); ++cell) {
    // Weights of a filter aren't wide together as activations of a position are.
    const auto seed = static_cast<std::uint64_t>(sequences.of_weights() ? cell : 0);
    const std::vector<std::uint8_t> widths =
        Dealer(runs.cells[static_cast<std::size_t>(cell)], sequences, rates, seed).bricks();
    const std::uint8_t* next = widths.data();
    sequences.visit(cell, [&](std::int64_t place) { map.widths()[place] = *next++; });
  }
  return map;
}

}  // namespace dpred
