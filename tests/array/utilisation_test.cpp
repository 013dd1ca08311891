// Where the array's cycles go, against a walk over every slot that was written from docs/contracts.md, "Use
// of the array", and what must hold whatever the values.
#include "models/array/utilisation.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "models/array/design.h"
#include "models/array/fold.h"
#include "tests/platform/random_layers.h"
#include "tests/precision/reference.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

struct Case {
  LayerShape layer;
  ArrayGeometry geometry;
  std::string design;
  int bits = 8;
  Tensor input, weight;
};

Case draw_case(Random& random) {
  Case c;
  c.bits = random.chance(80) ? 8 : 16;
  const bool strided = random.chance(20);
  c.layer = strided ? strided_layer(random, strided_input(random), 12)
                    : random_layer(random, random_input(random, 9, 5), 12);
  if (c.layer.OH * c.layer.OW == 1) c.layer.recurrent = random.chance(30);
  c.input = random_tensor(random, "input", c.layer.input(), c.bits);
  c.weight = random_tensor(random, "weight", c.layer.weight(), c.bits);
  c.design = random.of(compute_design_names());
  ArrayGeometry& g = c.geometry;
  g.lanes = strided ? random.in(2, 16) : random.in(1, 5);
  g.fold = random.chance(70);
  g.tile_split = random.chance(50) ? TileSplit::filters : TileSplit::windows;
  g.rows = random.in(1, 3);
  g.tiles = random.in(1, 3);
  g.columns = random.chance(50) ? 0 : random.in(1, 5);
  g.bits_per_cycle = random.of<std::int64_t>({1, 1, 2, 4});
  g.column_registers = random.chance(50) ? 0 : random.in(1, 4);
  g.widths = random.of<WidthRounding>({WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  return c;
}

std::string describe(const Case& c) {
  const LayerShape& l = c.layer;
  const ArrayGeometry& g = c.geometry;
  std::string text = c.design;
  for (const std::int64_t number : {l.N,
                                    l.C,
                                    l.H,
                                    l.W,
                                    l.K,
                                    l.R,
                                    l.S,
                                    l.OH,
                                    l.OW,
                                    l.groups,
                                    std::int64_t{l.recurrent},
                                    l.stride[0],
                                    l.stride[1],
                                    l.dilation[0],
                                    l.dilation[1],
                                    l.pad_tblr[0],
                                    l.pad_tblr[2],
                                    g.lanes,
                                    g.rows,
                                    g.tiles,
                                    g.columns,
                                    g.bits_per_cycle,
                                    g.column_registers,
                                    static_cast<std::int64_t>(g.widths),
                                    static_cast<std::int64_t>(g.tile_split),
                                    std::int64_t{g.fold},
                                    std::int64_t{c.bits}})
    text += " " + std::to_string(number);
  return text;
}

ArraySlots slots_of(const Case& c) {
  const ComputeDesign& design = find_compute_design(c.design);
  const TensorProfile input = profile_of(c.input);
  const TensorProfile weight = profile_of(c.weight);
  const BrickMap activations = brick_map(c.input, input.format, activation_bricks(c.layer, c.geometry));
  const BrickMap weights = brick_map(c.weight, weight.format, weight_bricks(c.layer, c.geometry));
  return array_slots(
      design, c.geometry, c.layer, {c.bits, input.width, weight.width},
      {c.input, input.format, design.activation == WidthSource::brick ? &activations : nullptr},
      {c.weight, weight.format, design.weight == WidthSource::brick ? &weights : nullptr});
}

std::uint64_t compute_cycles(const Case& c) {
  const TensorProfile input = profile_of(c.input);
  const TensorProfile weight = profile_of(c.weight);
  const BrickMap activations = brick_map(c.input, input.format, activation_bricks(c.layer, c.geometry));
  const BrickMap weights = brick_map(c.weight, weight.format, weight_bricks(c.layer, c.geometry));
  return LayerSchedule(find_compute_design(c.design), c.geometry, c.layer,
                       {c.bits, input.width, weight.width}, &activations, &weights)
      .total();
}

std::uint64_t sum_of(const ArrayCycles& cycles) {
  std::uint64_t sum = 0;
  for (const std::uint64_t part : cycles)
    sum += part;
  return sum;
}

/// The array, slot by slot.
class NaiveArray {
 public:
  explicit NaiveArray(const Case& c)
      : l_(c.layer),
        g_(c.geometry),
        bits_(c.bits),
        serial_(c.design != "bit-parallel"),
        loom_(c.design == "loom" || c.design == "loom-dynamic" || c.design == "dpred-loom"),
        run_time_widths_(c.design == "dpred-stripes" || c.design == "loom-dynamic" ||
                         c.design == "dpred-loom"),
        weight_bricks_(c.design == "dpred-loom"),
        input_(centred_values(c.input)),
        weight_(centred_values(c.weight)),
        input_signed_(any_negative(input_)),
        weight_signed_(any_negative(weight_)) {
    columns_ = g_.columns != 0 ? g_.columns : serial_ ? bits_ / g_.bits_per_cycle : 1;
    rows_ = loom_ ? g_.rows * bits_ : g_.rows;
    slot_bits_ = serial_ ? g_.bits_per_cycle : bits_;
    depthwise_ = l_.groups == l_.C && l_.C > 1;
    for (const std::int32_t v : input_)
      pa_ = std::max(pa_, reference_width(v, input_signed_));
    for (const std::int32_t v : weight_)
      pw_ = std::max(pw_, reference_width(v, weight_signed_));
    if (g_.fold) fold();
    if (depthwise_) {
      walk_depthwise();
    } else {
      walk_groups();
    }
  }

  std::map<std::string, std::uint64_t> slots;
  std::uint64_t cycles = 0;
  std::uint64_t in_steps = 0, passes = 0;  ///< cycles of rows and columns, see ArraySlots
  bool folded = false;

 private:
  struct Step {
    std::int64_t start = 0, end = 0;
    std::int64_t n = 0, y = 0, x = 0, r = 0, s = 0;
    std::int64_t brick_begin = 0, brick_end = 0;  // channels of the input
    std::int64_t factor = 1;                      // of the weights, in its time
  };
  struct Column {
    std::vector<Step> steps;
    std::vector<std::pair<std::int64_t, std::int64_t>> missing;
  };
  /// A tile: the channel brick ranges it steps through, its filters by row, and what it does when.
  struct Tile {
    std::vector<std::int64_t> filters;
    std::vector<Column> columns;
    std::int64_t end = 0;
  };

  std::int64_t rounded(int width) const {
    int up = width;
    if (g_.widths == WidthRounding::even) up = (width + 1) / 2 * 2;
    if (g_.widths == WidthRounding::pow2) {
      up = 1;
      while (up < width)
        up *= 2;
    }
    return std::min(up, bits_ + 1);
  }
  bool inside(std::int64_t y, std::int64_t x) const { return y >= 0 && y < l_.H && x >= 0 && x < l_.W; }
  std::int32_t activation(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) const {
    return input_.at(static_cast<std::size_t>(((n * l_.C + c) * l_.H + y) * l_.W + x));
  }
  std::int32_t weight(std::int64_t k, std::int64_t c, std::int64_t r, std::int64_t s) const {
    const std::int64_t in_group = c % (l_.C / l_.groups);
    return weight_.at(static_cast<std::size_t>(((k * (l_.C / l_.groups) + in_group) * l_.R + r) * l_.S + s));
  }

  std::int64_t weight_factor(const Step& step, const std::vector<std::int64_t>& filters) const {
    if (!loom_) return 1;
    if (!weight_bricks_) return rounded(pw_);
    int widest = 1;
    for (const std::int64_t k : filters) {
      // Of a depthwise filter, whose only channel is its own.
      for (std::int64_t c = step.brick_begin; c < (depthwise_ ? step.brick_begin + 1 : step.brick_end); ++c)
        widest = std::max(widest, reference_width(weight(k, c, step.r, step.s), weight_signed_));
    }
    return rounded(widest);
  }
  std::int64_t time_of(const Step& step, const std::vector<std::int64_t>& filters) const {
    if (!serial_) return 1;
    int width = 1;
    if (run_time_widths_ && inside(step.y, step.x)) {
      for (std::int64_t c = step.brick_begin; c < step.brick_end; ++c)
        width = std::max(width, reference_width(activation(step.n, c, step.y, step.x), input_signed_));
    }
    if (!run_time_widths_) width = pa_;
    return (rounded(width) + g_.bits_per_cycle - 1) / g_.bits_per_cycle * weight_factor(step, filters);
  }

  std::vector<Step> steps_of(std::int64_t window, std::int64_t channel_begin,
                             std::int64_t channel_end) const {
    std::vector<Step> steps;
    for (std::int64_t r = 0; r < l_.R; ++r) {
      for (std::int64_t s = 0; s < l_.S; ++s) {
        for (std::int64_t c = channel_begin; c < channel_end; c += g_.lanes) {
          Step step;
          step.n = window / (l_.OH * l_.OW);
          step.y = window / l_.OW % l_.OH * l_.stride[0] + r * l_.dilation[0] - l_.pad_tblr[0];
          step.x = window % l_.OW * l_.stride[1] + s * l_.dilation[1] - l_.pad_tblr[2];
          step.r = r, step.s = s;
          step.brick_begin = c, step.brick_end = std::min(c + g_.lanes, channel_end);
          steps.push_back(step);
        }
      }
    }
    return steps;
  }

  /// When the columns of a tile do what, for filters that read these channels.
  Tile run(const std::vector<std::int64_t>& filters, std::int64_t channel_begin, std::int64_t channel_end,
           std::int64_t turn = 0, std::int64_t turns = 1) const {
    Tile tile;
    tile.filters = filters;
    tile.columns.resize(static_cast<std::size_t>(columns_));
    const std::int64_t windows = l_.N * l_.OH * l_.OW;
    if (one_window()) {
      for (std::int64_t n = 0; n < windows; ++n) {
        const std::int64_t begin = tile.end;
        std::vector<std::int64_t> busy_until(tile.columns.size(), begin);
        std::int64_t next = begin;
        std::size_t count = 0;
        std::vector<Step> steps = steps_of(n, channel_begin, channel_end);
        for (Step& step : steps) {
          const std::size_t j = count++ % tile.columns.size();
          step.start = std::max(next, busy_until[j]);
          step.end = step.start + time_of(step, filters);
          step.factor = weight_factor(step, filters);
          next = step.start + step.factor;
          busy_until[j] = step.end;
          tile.end = std::max(tile.end, step.end);
          tile.columns[j].steps.push_back(step);
        }
        for (std::size_t j = steps.size(); j < tile.columns.size(); ++j)
          tile.columns[j].missing.emplace_back(begin, tile.end);
      }
      return tile;
    }
    std::vector<std::int64_t> slowest;  // E
    std::vector<std::int64_t> own(tile.columns.size(), 0);
    for (std::int64_t first = 0; first < windows; first += columns_) {
      if (first / columns_ % turns != turn) continue;
      const std::int64_t pallet_begin = tile.end;
      std::vector<std::vector<Step>> steps;
      for (std::int64_t j = 0; j < columns_; ++j)
        steps.push_back(first + j < windows ? steps_of(first + j, channel_begin, channel_end)
                                            : std::vector<Step>{});
      for (std::size_t i = 0; i < steps[0].size(); ++i) {
        const std::int64_t n = static_cast<std::int64_t>(slowest.size());
        const std::int64_t held = n - 1 - g_.column_registers;
        const std::int64_t released = held < 0 ? 0 : slowest[static_cast<std::size_t>(held)];
        for (std::size_t j = 0; j < own.size(); ++j) {
          own[j] = std::max(own[j], released);
          if (steps[j].empty()) continue;
          Step step = steps[j][i];
          step.start = own[j];
          own[j] = step.end = step.start + time_of(step, filters);
          step.factor = weight_factor(step, filters);
          tile.columns[j].steps.push_back(step);
        }
        slowest.push_back(*std::max_element(own.begin(), own.end()));
      }
      tile.end = slowest.back();
      for (std::size_t j = 0; j < own.size(); ++j) {
        if (steps[j].empty()) tile.columns[j].missing.emplace_back(pallet_begin, tile.end);
      }
    }
    return tile;
  }

  /// One set: what each tile does, and then every slot of it.
  void walk(const std::vector<Tile>& tiles) {
    std::int64_t end = 0;
    for (const Tile& tile : tiles)
      end = std::max(end, tile.end);
    cycles += static_cast<std::uint64_t>(end);
    for (std::int64_t t = 0; t < g_.tiles; ++t) {
      for (std::int64_t row = 0; row < rows_; ++row) {
        const bool used = static_cast<std::size_t>(t) < tiles.size() &&
                          static_cast<std::size_t>(row) < tiles[static_cast<std::size_t>(t)].filters.size();
        for (std::int64_t j = 0; j < columns_; ++j) {
          for (std::int64_t cycle = 0; cycle < end; ++cycle) {
            if (!used) {
              slots["idle_rows"] += static_cast<std::uint64_t>(g_.lanes * slot_bits_);
              continue;
            }
            const Tile& tile = tiles[static_cast<std::size_t>(t)];
            walk_lanes(tile, tile.columns[static_cast<std::size_t>(j)],
                       tile.filters[static_cast<std::size_t>(row)], cycle);
          }
        }
      }
    }
  }

  void walk_lanes(const Tile& tile, const Column& column, std::int64_t filter, std::int64_t cycle) {
    const auto covers = [&](std::int64_t begin, std::int64_t end) { return begin <= cycle && cycle < end; };
    const Step* step = nullptr;
    for (const Step& candidate : column.steps)
      if (covers(candidate.start, candidate.end)) step = &candidate;
    if (step != nullptr && inside(step->y, step->x)) {
      ++in_steps;
      passes += (cycle - step->start) % step->factor == 0;
    }
    bool missing = false;
    for (const auto& [begin, end] : column.missing)
      missing = missing || covers(begin, end);
    for (std::int64_t lane = 0; lane < g_.lanes; ++lane) {
      for (std::int64_t bit = 0; bit < slot_bits_; ++bit) {
        if (cycle >= tile.end) {
          ++slots["tile_wait"];
        } else if (step == nullptr) {
          ++slots[missing ? "partial_pallets" : "column_wait"];
        } else if (!inside(step->y, step->x)) {
          ++slots["padding_bricks"];
        } else {
          const std::int64_t c = step->brick_begin + lane;
          const std::size_t folded_weight = static_cast<std::size_t>((c * l_.R + step->r) * l_.S + step->s);
          if (c >= step->brick_end || (!real_.empty() && !real_[folded_weight]) ||
              (depthwise_ && c != filter / (l_.K / l_.C))) {
            ++slots["idle_lanes"];
          } else {
            const std::int32_t a = activation(step->n, c, step->y, step->x);
            const std::int32_t w = weight(filter, c, step->r, step->s);
            std::int64_t needed = a == 0 ? 0 : reference_width(a, input_signed_);
            if (!serial_) needed = std::min<std::int64_t>(needed, bits_);
            if (loom_) needed *= w == 0 ? 0 : reference_width(w, weight_signed_);
            const std::int64_t done = (cycle - step->start) * slot_bits_ + bit;
            ++slots[done < needed ? "useful" : "width_padding"];
          }
        }
      }
    }
  }

  bool one_window() const { return l_.OH * l_.OW == 1 && (l_.N == 1 || l_.recurrent); }

  void fold() {
    const std::int64_t s = l_.stride[0];
    const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
    if (l_.groups != 1 || l_.dilation[0] != 1 || l_.dilation[1] != 1 || l_.stride[1] != s || s < 2 ||
        l_.C >= g_.lanes)
      return;
    if (up(l_.R, s) * up(l_.S, s) * up(l_.C * s * s, g_.lanes) >= l_.R * l_.S * up(l_.C, g_.lanes)) return;
    LayerShape f = l_;
    f.C = l_.C * s * s;
    f.H = up(l_.H + l_.pad_tblr[0] + l_.pad_tblr[1], s), f.W = up(l_.W + l_.pad_tblr[2] + l_.pad_tblr[3], s);
    f.R = up(l_.R, s), f.S = up(l_.S, s);
    f.stride = {1, 1}, f.pad_tblr = {0, 0, 0, 0};
    std::vector<std::int32_t> input, weights;
    for (std::int64_t n = 0; n < f.N; ++n) {
      for (std::int64_t c = 0; c < f.C; ++c) {
        for (std::int64_t i = 0; i < f.H * f.W; ++i) {
          const std::int64_t y = i / f.W * s + c / l_.C / s - l_.pad_tblr[0];
          const std::int64_t x = i % f.W * s + c / l_.C % s - l_.pad_tblr[2];
          input.push_back(inside(y, x) ? activation(n, c % l_.C, y, x) : 0);
        }
      }
    }
    for (std::int64_t k = 0; k < f.K; ++k) {
      for (std::int64_t c = 0; c < f.C; ++c) {
        for (std::int64_t i = 0; i < f.R * f.S; ++i) {
          const std::int64_t r = i / f.S * s + c / l_.C / s, q = i % f.S * s + c / l_.C % s;
          const bool real = r < l_.R && q < l_.S;
          weights.push_back(real ? weight(k, c % l_.C, r, q) : 0);
          if (k == 0) real_.push_back(real);
        }
      }
    }
    l_ = f, input_ = input, weight_ = weights;
    folded = true;
  }

  void walk_windows() {
    const std::int64_t in = l_.C / l_.groups, out = l_.K / l_.groups;
    for (std::int64_t g = 0; g < l_.groups; ++g) {
      for (std::int64_t k = g * out; k < (g + 1) * out; k += rows_) {
        std::vector<std::int64_t> filters;
        for (std::int64_t f = k; f < std::min(k + rows_, (g + 1) * out); ++f)
          filters.push_back(f);
        std::vector<Tile> tiles;
        for (std::int64_t t = 0; t < g_.tiles; ++t)
          tiles.push_back(run(filters, g * in, (g + 1) * in, t, g_.tiles));
        walk(tiles);
      }
    }
  }

  void walk_groups() {
    if (g_.tile_split == TileSplit::windows && !one_window()) return walk_windows();
    const std::int64_t in = l_.C / l_.groups, out = l_.K / l_.groups;
    for (std::int64_t g = 0; g < l_.groups; ++g) {
      for (std::int64_t k = g * out; k < (g + 1) * out; k += rows_ * g_.tiles) {
        std::vector<std::int64_t> filters;
        for (std::int64_t f = k; f < std::min(k + rows_ * g_.tiles, (g + 1) * out); ++f)
          filters.push_back(f);
        const Tile all = run(filters, g * in, (g + 1) * in);
        std::vector<Tile> tiles;
        for (std::size_t f = 0; f < filters.size(); f += static_cast<std::size_t>(rows_)) {
          tiles.push_back(all);
          const auto first = filters.begin() + static_cast<std::ptrdiff_t>(f);
          tiles.back().filters.assign(first, std::min(first + rows_, filters.end()));
        }
        walk(tiles);
      }
    }
  }

  void walk_depthwise() {
    const std::int64_t multiplier = l_.K / l_.C;
    for (std::int64_t pass = 0; pass < multiplier; ++pass) {
      std::vector<Tile> tiles;
      for (std::int64_t brick = 0; brick < l_.C; brick += g_.lanes) {
        const std::int64_t end = std::min(brick + g_.lanes, l_.C);
        for (std::int64_t c = brick; c < end; c += std::min(g_.lanes, rows_)) {
          std::vector<std::int64_t> filters;
          for (std::int64_t i = c; i < std::min(c + std::min(g_.lanes, rows_), end); ++i)
            filters.push_back(i * multiplier + pass);
          tiles.push_back(run(filters, brick, end));
          if (static_cast<std::int64_t>(tiles.size()) == g_.tiles) {
            walk(tiles);
            tiles.clear();
          }
        }
      }
      if (!tiles.empty()) walk(tiles);
    }
  }

  LayerShape l_;
  ArrayGeometry g_;
  int bits_;
  bool serial_, loom_, run_time_widths_, weight_bricks_, depthwise_ = false;
  std::vector<std::int32_t> input_, weight_;
  std::vector<bool> real_;  ///< of a folded filter's weights: not added by folding
  bool input_signed_, weight_signed_;
  int pa_ = 1, pw_ = 1;
  std::int64_t columns_ = 1, rows_ = 1, slot_bits_ = 1;
};

}  // namespace

TEST_CASE("slots are those of a walk over every slot") {
  Random random(41);
  std::map<std::string, int> seen;
  for (int trial = 0; trial < 1000; ++trial) {
    const Case c = draw_case(random);
    // Cycles of this many slots are walked in no time.
    const ArraySlots slots = slots_of(c);
    if (slots.slots_per_cycle() * compute_cycles(c) > 300000) continue;
    INFO(trial << ": " << describe(c));
    const NaiveArray naive(c);
    REQUIRE(naive.cycles == compute_cycles(c));
    REQUIRE(static_cast<std::uint64_t>(slots.in_steps()) == naive.in_steps);
    REQUIRE(static_cast<std::uint64_t>(slots.passes()) == naive.passes);
    for (std::size_t i = 0; i < slot_causes; ++i) {
      const auto cause = static_cast<SlotCause>(i);
      const std::string name(to_string(cause));
      INFO(name);
      const auto found = naive.slots.find(name);
      const std::uint64_t expected = found == naive.slots.end() ? 0 : found->second;
      REQUIRE(static_cast<std::uint64_t>(slots.of(cause)) == expected);
      seen[name] += expected > 0;
    }
    ++seen[c.design];
    const bool depthwise = c.layer.groups == c.layer.C && c.layer.C > 1;
    seen["depthwise"] += depthwise;
    seen["grouped"] += !depthwise && c.layer.groups > 1;
    const bool one_window = c.layer.OH * c.layer.OW == 1 && (c.layer.N == 1 || c.layer.recurrent);
    seen["folded"] += naive.folded;
    seen["windows"] += !depthwise && !one_window && c.geometry.tile_split == TileSplit::windows;
    seen["one window"] += one_window;
    seen["recurrent"] += one_window && c.layer.N > 1;
    seen["registers matter"] += c.geometry.column_registers > 0 && naive.slots.count("column_wait") > 0;
  }
  CHECK(seen.size() == slot_causes + 13);
  for (const auto& [kind, count] : seen) {
    CAPTURE(kind, count);
    CHECK(count >= 10);
  }
}

TEST_CASE("the causes' cycles add up to the compute cycles") {
  Random random(42);
  for (int trial = 0; trial < 600; ++trial) {
    Case c = draw_case(random);
    if (random.chance(50)) {
      c.geometry.lanes = random.in(1, 20);
      c.geometry.rows = random.in(1, 20);
      c.geometry.tiles = random.in(1, 5);
    }
    INFO(trial << ": " << describe(c));
    const ArraySlots slots = slots_of(c);
    SlotCount all = 0;
    for (std::size_t i = 0; i < slot_causes; ++i)
      all += slots.of(static_cast<SlotCause>(i));
    const std::uint64_t cycles = compute_cycles(c);
    REQUIRE(all / slots.slots_per_cycle() == cycles);
    REQUIRE(all % slots.slots_per_cycle() == 0);
    const ArrayCycles parts = slots.cycles();
    REQUIRE(sum_of(parts) == cycles);
    for (std::size_t i = 0; i < slot_causes; ++i) {
      const SlotCount exact = slots.of(static_cast<SlotCause>(i));
      const SlotCount rounded = SlotCount{parts[i]} * slots.slots_per_cycle();
      REQUIRE(rounded < exact + slots.slots_per_cycle());
      REQUIRE(exact < rounded + slots.slots_per_cycle());
    }
  }
}

TEST_CASE("cycles go to the largest remainders") {
  ArraySlots slots(10);  // 4 cycles
  slots.charge(SlotCause::useful, 4);
  slots.charge(SlotCause::width_padding, 15);
  slots.charge(SlotCause::idle_lanes, 6);
  slots.charge(SlotCause::column_wait, 5);
  slots.charge(SlotCause::idle_rows, 10);
  CHECK(slots.cycles() == ArrayCycles{0, 2, 1, 0, 0, 0, 0, 1});
  // 2^70 slots and more: nothing overflows.
  ArraySlots many(std::uint64_t{1} << 40);
  many.charge(SlotCause::useful, SlotCount{1} << 70);
  many.charge(SlotCause::idle_rows, (SlotCount{3} << 70) + (SlotCount{1} << 39));
  many.charge(SlotCause::column_wait, SlotCount{1} << 39);
  CHECK(many.cycles() == ArrayCycles{std::uint64_t{1} << 30, 0, 0, 0, 1, 0, 0, std::uint64_t{3} << 30});
}

TEST_CASE("useful slots are a matter of the layer alone") {
  Random random(43);
  for (int trial = 0; trial < 200; ++trial) {
    Case c = draw_case(random);
    INFO(trial << ": " << describe(c));
    const auto useful = [&](const char* design) {
      Case other = c;
      other.design = design;
      return slots_of(other).of(SlotCause::useful);
    };
    REQUIRE(useful("stripes") == useful("dpred-stripes"));
    REQUIRE(useful("loom") == useful("loom-dynamic"));
    REQUIRE(useful("loom") == useful("dpred-loom"));
    // Bit-parallel gets the bit above B free.
    REQUIRE(useful("bit-parallel") <= useful("stripes"));
    Case other = c;
    other.geometry = draw_case(random).geometry;
    REQUIRE(slots_of(other).of(SlotCause::useful) == slots_of(c).of(SlotCause::useful));
  }
}

TEST_CASE("values of full width have no width padding") {
  Random random(44);
  for (int trial = 0; trial < 200; ++trial) {
    Case c = draw_case(random);
    c.bits = 8;
    c.geometry.fold = false;  // which puts the zeros of the padding beside values
    const auto wide = [&](const Shape& shape) {
      std::vector<std::int32_t> codes;
      for (std::int64_t i = 0; i < volume(shape); ++i)
        codes.push_back(static_cast<std::int32_t>(random.in(128, 255)));
      return make_tensor(shape, DType::uint8, 0, codes);
    };
    c.input = wide(c.layer.input());
    c.weight = wide(c.layer.weight());
    INFO(trial << ": " << describe(c));
    REQUIRE(slots_of(c).of(SlotCause::width_padding) == 0);
    // Zeros need nothing at all.
    c.input = make_tensor(c.layer.input(), DType::uint8, 0,
                          std::vector<std::int32_t>(static_cast<std::size_t>(volume(c.layer.input())), 0));
    REQUIRE(slots_of(c).of(SlotCause::useful) == 0);
  }
}

TEST_CASE("column registers take waiting away and nothing else") {
  Random random(45);
  int fewer = 0;
  for (int trial = 0; trial < 300; ++trial) {
    Case c = draw_case(random);
    c.geometry.column_registers = 0;
    INFO(trial << ": " << describe(c));
    const ArraySlots locked = slots_of(c);
    c.geometry.column_registers = random.in(1, 4);
    const ArraySlots free = slots_of(c);
    for (const SlotCause busy :
         {SlotCause::useful, SlotCause::width_padding, SlotCause::idle_lanes, SlotCause::padding_bricks})
      REQUIRE(locked.of(busy) == free.of(busy));
    const auto waiting = [](const ArraySlots& slots) {
      return slots.of(SlotCause::column_wait) + slots.of(SlotCause::partial_pallets) +
             slots.of(SlotCause::tile_wait) + slots.of(SlotCause::idle_rows);
    };
    REQUIRE(waiting(free) <= waiting(locked));
    fewer += waiting(free) < waiting(locked);
  }
  CHECK(fewer >= 20);
}

TEST_CASE("worked example of the use of the array") {
  // docs/contracts.md, "Use of the array".
  Case c;
  c.design = "dpred-stripes";
  c.geometry.lanes = 2;
  c.geometry.rows = 2;
  c.geometry.tiles = 1;
  c.geometry.columns = 2;
  c.layer.C = c.layer.W = c.layer.OW = 3;
  c.input = make_tensor({1, 3, 1, 3}, DType::uint8, 0, {1, 8, 3, 2, 0, 1, 1, 1, 7});
  c.weight = make_tensor({1, 3, 1, 1}, DType::int8, 0, {1, 1, 1});
  const ArraySlots slots = slots_of(c);
  const auto count = [&](SlotCause cause) { return static_cast<int>(slots.of(cause)); };
  CHECK(compute_cycles(c) == 10);
  CHECK(slots.slots_per_cycle() == 8);
  CHECK(count(SlotCause::idle_rows) == 40);
  CHECK(count(SlotCause::partial_pallets) == 10);
  CHECK(count(SlotCause::column_wait) == 4);
  CHECK(count(SlotCause::idle_lanes) == 5);
  CHECK(count(SlotCause::width_padding) == 6);
  CHECK(count(SlotCause::useful) == 15);
  CHECK(slots.cycles() == ArrayCycles{2, 1, 1, 0, 0, 1, 0, 5});
}

TEST_CASE("the causes' cycles add up on real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  for (const char* name :
       {"mlperf_resnet8_int8", "mlperf_kws_int8", "mnist_lstm_int8", "mlperf_ad01_int8", "use_lite_int8"}) {
    const Network network = read_trace_set(*folder / name);
    for (const std::string& design : compute_design_names()) {
      for (const Layer& layer : network.layers) {
        Case c;
        c.layer = layer.shape;
        c.design = design;
        c.bits = network.bits;
        c.input = network.tensor(layer.input);
        c.weight = network.tensor(layer.weight);
        const std::uint64_t cycles = compute_cycles(c);
        if (sum_of(slots_of(c).cycles()) != cycles) FAIL_CHECK(name << " " << layer.name << " " << design);
      }
    }
  }
}
