// Widths of bricks as profiles count them: counts by brute force, and maps that are made from counts.
#include "models/precision/width_runs.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/support/split_mix.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// Bricks of a tensor of activations in their windows' order, found by looking at all of them.
struct NaiveActivations {
  Shape tensor;
  std::int64_t bricks, step_y, step_x;

  std::vector<std::vector<int>> sequences(const BrickMap& map, std::int64_t brick) const {
    std::vector<std::vector<int>> all;
    for (std::int64_t fy = 0; fy < step_y; ++fy) {
      for (std::int64_t fx = 0; fx < step_x; ++fx) {
        std::vector<int>& sequence = all.emplace_back();
        for (std::int64_t p = 0; p < tensor[0] * tensor[2] * tensor[3]; ++p) {
          const std::int64_t x = p % tensor[3], y = p / tensor[3] % tensor[2];
          if (x % step_x == fx && y % step_y == fy) sequence.push_back(map.at(p)[brick]);
        }
      }
    }
    return all;
  }
};

void check_cell(const CellRuns& cell, const std::vector<std::vector<int>>& sequences, int widest) {
  for (std::size_t level = 0; level < cell.blocks.size(); ++level) {
    CAPTURE(level);
    const std::size_t length = std::size_t{1} << level;
    WidthCounts counts(static_cast<std::size_t>(widest), 0);
    std::vector<std::uint8_t> last;
    for (const std::vector<int>& sequence : sequences) {
      for (std::size_t begin = 0; begin < sequence.size(); begin += length) {
        int width = 0;
        for (std::size_t i = begin; i < std::min(begin + length, sequence.size()); ++i)
          width = std::max(width, sequence[i]);
        ++counts[static_cast<std::size_t>(width - 1)];
        if (begin + length >= sequence.size()) last.push_back(static_cast<std::uint8_t>(width));
      }
    }
    REQUIRE(cell.blocks[level] == counts);
    REQUIRE(cell.last[level] == last);
  }
}

/// Widths that neighbours share, as those of images do.
void fill(BrickMap& map, SplitMix64& random, int widest) {
  const std::int64_t bricks = map.shape().positions * map.shape().bricks();
  const std::uint64_t change = 1 + random.below(6);
  std::uint8_t width = 1;
  for (std::int64_t i = 0; i < bricks; ++i) {
    if (random.below(change) == 0)
      width = static_cast<std::uint8_t>(1 + random.below(static_cast<std::uint64_t>(widest)));
    map.widths()[i] = width;
  }
}

bool same_blocks(const WidthRuns& a, const WidthRuns& b) {
  if (a.cells.size() != b.cells.size()) return false;
  for (std::size_t i = 0; i < a.cells.size(); ++i) {
    if (a.cells[i].blocks != b.cells[i].blocks || a.cells[i].last != b.cells[i].last) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("runs of activations and weights are those that brute force counts, and survive a new map") {
  SplitMix64 random(31);
  const auto in = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const Shape tensor{in(1, 3), in(1, 40), in(1, 12), in(1, 12)};
    const int widest = static_cast<int>(in(1, 9));
    BrickShape bricks{in(1, 16), 1, tensor[1], tensor[0] * tensor[2] * tensor[3]};
    BrickMap map(bricks);
    fill(map, random, widest);
    if (round % 2 == 0) {
      const NaiveActivations naive{tensor, bricks.bricks(), in(1, std::min<std::int64_t>(3, tensor[2])),
                                   in(1, std::min<std::int64_t>(3, tensor[3]))};
      const BrickSequences sequences =
          BrickSequences::of_activations(bricks, tensor, naive.step_y, naive.step_x);
      const WidthRuns runs = runs_of(map, sequences, widest);
      REQUIRE(runs.cells.size() == static_cast<std::size_t>(bricks.bricks()));
      for (std::int64_t b = 0; b < bricks.bricks(); ++b)
        check_cell(runs.cells[static_cast<std::size_t>(b)], naive.sequences(map, b), widest);
      REQUIRE(runs.columns.size() == (tensor[3] > 1 ? static_cast<std::size_t>(tensor[3]) : 0));
      for (std::size_t x = 0; x < runs.columns.size(); ++x) {
        WidthCounts counts(static_cast<std::size_t>(widest), 0);
        for (std::int64_t p = 0; p < bricks.positions; ++p) {
          if (p % tensor[3] != static_cast<std::int64_t>(x)) continue;
          for (std::int64_t b = 0; b < bricks.bricks(); ++b)
            ++counts[map.at(p)[b] - 1u];
        }
        REQUIRE(runs.columns[x] == counts);
      }
      REQUIRE(same_blocks(runs, runs_of(map_with(runs, bricks, sequences), sequences, widest)));
    } else {
      const BrickSequences sequences = BrickSequences::of_weights(bricks, tensor[0]);
      const WidthRuns runs = runs_of(map, sequences, widest);
      const std::int64_t taps = tensor[2] * tensor[3];
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t b = 0; b < bricks.bricks(); ++b) {
          std::vector<int> filters;
          for (std::int64_t k = 0; k < tensor[0]; ++k)
            filters.push_back(map.at(k * taps + tap)[b]);
          check_cell(runs.cells[static_cast<std::size_t>(tap * bricks.bricks() + b)], {filters}, widest);
        }
      }
      REQUIRE(runs.columns.empty());
      REQUIRE(same_blocks(runs, runs_of(map_with(runs, bricks, sequences), sequences, widest)));
    }
  }
}

TEST_CASE("levels of runs end where one block holds a sequence, at 64 windows and at 4096 filters") {
  const auto windows = [](std::int64_t columns) {
    return BrickSequences::of_activations({16, 1, 1, columns}, {1, 1, 1, columns}, 1, 1).levels();
  };
  CHECK(windows(1) == 1);
  CHECK(windows(2) == 2);
  CHECK(windows(9) == 5);
  CHECK(windows(64) == 7);
  CHECK(windows(1000) == 7);
  CHECK(BrickSequences::of_weights({16, 1, 1, 5000}, 5000).levels() == 13);
}

TEST_CASE("the order of windows follows strides, and goes on with the next image where there is one row") {
  LayerShape layer;
  layer.N = 2, layer.C = 4, layer.H = 9, layer.W = 7, layer.OH = 4, layer.OW = 3;
  layer.stride = {2, 3};
  BrickSequences sequences = BrickSequences::of_activations(layer, 16);
  CHECK(sequences.step_y() == 2);
  CHECK(sequences.step_x() == 3);
  // Rows 0, 2, .. 8 and 1, 3, .. 7; columns 0 3 6, 1 4 and 2 5.
  CHECK(sequences.lengths() == std::vector<std::int64_t>{30, 20, 20, 24, 16, 16});
  layer.OH = 1;
  sequences = BrickSequences::of_activations(layer, 16);
  CHECK(sequences.step_y() == 9);
  CHECK(sequences.lengths().front() == 6);
}

TEST_CASE("columns that are wide stay so") {
  // The first of five columns is 9 bits wide and the others 3, as cepstral coefficients may be.
  const Shape tensor{1, 1, 40, 5};
  const BrickShape bricks{16, 1, 1, 200};
  BrickMap map(bricks);
  for (std::int64_t p = 0; p < 200; ++p)
    map.widths()[p] = p % 5 == 0 ? 9 : 3;
  const BrickSequences sequences = BrickSequences::of_activations(bricks, tensor, 1, 1);
  const BrickMap made = map_with(runs_of(map, sequences, 9), bricks, sequences);
  int wide_in_first = 0;
  for (std::int64_t p = 0; p < 200; p += 5)
    wide_in_first += *made.at(p) == 9;
  CHECK(wide_in_first > 30);  // by chance 8
}

TEST_CASE("the same runs give the same map, and counts that nothing can have give some map") {
  SplitMix64 random(33);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const Shape tensor{1, 20, static_cast<std::int64_t>(1 + random.below(9)),
                       static_cast<std::int64_t>(1 + random.below(9))};
    const BrickShape bricks{16, 1, 20, tensor[2] * tensor[3]};
    const BrickSequences sequences = BrickSequences::of_activations(bricks, tensor, 1, 1);
    WidthRuns runs;
    for (std::int64_t c = 0; c < sequences.cells(); ++c) {
      CellRuns& cell = runs.cells.emplace_back();
      for (int level = 0; level < sequences.levels(); ++level) {
        WidthCounts& blocks = cell.blocks.emplace_back(8, 0);
        std::uint64_t width = 0;
        for (std::int64_t i = 0; i < sequences.blocks(level); ++i)
          ++blocks[width = random.below(8)];
        cell.last.push_back({static_cast<std::uint8_t>(width + 1)});
      }
    }
    const BrickMap a = map_with(runs, bricks, sequences), b = map_with(runs, bricks, sequences);
    for (std::int64_t i = 0; i < bricks.positions * bricks.bricks(); ++i) {
      REQUIRE(a.at(0)[i] == b.at(0)[i]);
      REQUIRE((a.at(0)[i] >= 1 && a.at(0)[i] <= 8));
    }
  }
}
