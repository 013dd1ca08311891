// Compute cycles against a simulation that takes every step of every column, written from docs/contracts.md,
// "Compute cycles".
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "models/array/design.h"
#include "models/array/layer_schedule.h"
#include "tests/precision/reference.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

const char* const design_names[] = {"bit-parallel", "stripes",      "dpred-stripes",
                                    "loom",         "loom-dynamic", "dpred-loom"};

/// A layer with its values, and what a test of it needs to know.
struct Case {
  LayerShape layer;
  ArrayGeometry geometry;
  std::string design;
  int bits = 8;
  Tensor input, weight;
};

std::string describe(const Case& c) {
  const LayerShape& l = c.layer;
  const ArrayGeometry& g = c.geometry;
  std::string text = c.design;
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"N", l.N},
      {"C", l.C},
      {"H", l.H},
      {"W", l.W},
      {"K", l.K},
      {"R", l.R},
      {"S", l.S},
      {"OH", l.OH},
      {"OW", l.OW},
      {"stride", l.stride[0]},
      {",", l.stride[1]},
      {"dilation", l.dilation[0]},
      {",", l.dilation[1]},
      {"pads", l.pad_tblr[0]},
      {",", l.pad_tblr[1]},
      {",", l.pad_tblr[2]},
      {",", l.pad_tblr[3]},
      {"groups", l.groups},
      {"recurrent", l.recurrent},
      {"lanes", g.lanes},
      {"rows", g.rows},
      {"tiles", g.tiles},
      {"columns", g.columns},
      {"bits per cycle", g.bits_per_cycle},
      {"registers", g.column_registers},
      {"widths", static_cast<int>(g.widths)},
      {"B", c.bits},
  };
  for (const auto& [name, value] : numbers)
    text += std::string(" ") + name + " " + std::to_string(value);
  return text;
}

/// The simulation. Times of a filter set are kept for every unit of output: a pallet, or a recurrent step.
class NaiveArray {
 public:
  explicit NaiveArray(const Case& c)
      : layer_(c.layer),
        geometry_(c.geometry),
        bits_(c.bits),
        parallel_(c.design == "bit-parallel"),
        activation_bricks_(c.design == "dpred-stripes" || c.design == "loom-dynamic" ||
                           c.design == "dpred-loom"),
        loom_(c.design.find("loom") != std::string::npos),
        weight_bricks_(c.design == "dpred-loom"),
        input_(centred_values(c.input)),
        weight_(centred_values(c.weight)),
        input_signed_(any_negative(input_)),
        weight_signed_(any_negative(weight_)) {
    for (const std::int32_t v : input_)
      input_width_ = std::max(input_width_, reference_width(v, input_signed_));
    for (const std::int32_t v : weight_)
      weight_width_ = std::max(weight_width_, reference_width(v, weight_signed_));
    columns_ = geometry_.columns;
    if (columns_ == 0) columns_ = parallel_ ? 1 : bits_ / geometry_.bits_per_cycle;
    rows_ = geometry_.rows * (loom_ ? bits_ : 1);
    if (layer_.groups == layer_.C && layer_.C > 1) {
      run_depthwise();
    } else {
      run_groups();
    }
  }

  struct Set {
    std::vector<std::int64_t> filters;
    std::vector<std::int64_t> channels;
    std::vector<std::uint64_t> unit_end;
  };

  const std::vector<Set>& sets() const { return sets_; }
  int input_width() const { return input_width_; }
  int weight_width() const { return weight_width_; }

  std::uint64_t total() const {
    std::uint64_t cycles = 0;
    for (const Set& set : sets_)
      cycles += set.unit_end.back();
    return cycles;
  }

  /// Units whose last window lies in the first `rows` output rows.
  std::int64_t units_in_rows(std::int64_t rows) const {
    if (one_window()) return rows;
    const std::int64_t windows = layer_.N * layer_.OH * layer_.OW;
    std::int64_t units = 0;
    for (std::int64_t begin = 0; begin < windows; begin += columns_)
      units += std::min(begin + columns_, windows) <= rows * layer_.OW;
    return units;
  }

 private:
  struct StepTime {
    std::uint64_t time;
    std::uint64_t interval;  ///< II of a layer with one window
  };

  bool one_window() const { return layer_.OH == 1 && layer_.OW == 1 && (layer_.recurrent || layer_.N == 1); }

  std::uint64_t rounded(int width) const {
    int up = width;
    while (geometry_.widths == WidthRounding::even && up % 2 != 0)
      ++up;
    while (geometry_.widths == WidthRounding::pow2 && (up & (up - 1)) != 0)
      ++up;
    return static_cast<std::uint64_t>(std::min(up, bits_ + 1));
  }

  int input_brick(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t begin,
                  std::int64_t end) const {
    int widest = 1;
    if (y < 0 || y >= layer_.H || x < 0 || x >= layer_.W) return widest;
    for (std::int64_t c = begin; c < end; ++c) {
      const std::int64_t i = ((n * layer_.C + c) * layer_.H + y) * layer_.W + x;
      widest = std::max(widest, reference_width(input_[static_cast<std::size_t>(i)], input_signed_));
    }
    return widest;
  }

  /// Widest weight at one (r,s) over some filters and channels of their group.
  int weight_brick(const std::vector<std::int64_t>& filters, std::int64_t r, std::int64_t s,
                   std::int64_t begin, std::int64_t end) const {
    int widest = 1;
    for (const std::int64_t k : filters) {
      for (std::int64_t c = begin; c < end; ++c) {
        const std::int64_t i = ((k * (layer_.C / layer_.groups) + c) * layer_.R + r) * layer_.S + s;
        widest = std::max(widest, reference_width(weight_[static_cast<std::size_t>(i)], weight_signed_));
      }
    }
    return widest;
  }

  StepTime step_time(int brick_width, int weight_width) const {
    std::uint64_t activation = 1;
    if (!parallel_) {
      const std::uint64_t width = rounded(activation_bricks_ ? brick_width : input_width_);
      const auto b = static_cast<std::uint64_t>(geometry_.bits_per_cycle);
      activation = (width + b - 1) / b;
    }
    const std::uint64_t weight = loom_ ? rounded(weight_bricks_ ? weight_width : weight_width_) : 1;
    return {activation * weight, weight};
  }

  /// Steps of one window: r, then s, then bricks of the channels given by begin and end.
  struct Bricks {
    std::vector<std::pair<std::int64_t, std::int64_t>> input;   ///< channels of the tensor
    std::vector<std::pair<std::int64_t, std::int64_t>> weight;  ///< the same channels in a filter
  };

  std::vector<StepTime> window_steps(std::int64_t window, const Bricks& bricks,
                                     const std::vector<std::int64_t>& filters) const {
    const std::int64_t n = window / (layer_.OH * layer_.OW);
    const std::int64_t oy = window / layer_.OW % layer_.OH;
    const std::int64_t ox = window % layer_.OW;
    std::vector<StepTime> steps;
    for (std::int64_t r = 0; r < layer_.R; ++r) {
      for (std::int64_t s = 0; s < layer_.S; ++s) {
        const std::int64_t y = oy * layer_.stride[0] + r * layer_.dilation[0] - layer_.pad_tblr[0];
        const std::int64_t x = ox * layer_.stride[1] + s * layer_.dilation[1] - layer_.pad_tblr[2];
        for (std::size_t b = 0; b < bricks.input.size(); ++b) {
          const int wa = input_brick(n, y, x, bricks.input[b].first, bricks.input[b].second);
          const int ww = weight_brick(filters, r, s, bricks.weight[b].first, bricks.weight[b].second);
          steps.push_back(step_time(wa, ww));
        }
      }
    }
    return steps;
  }

  /// Ends of the units on one clockwork: the array, or one tile of a depthwise layer.
  std::vector<std::uint64_t> run(const Bricks& bricks, const std::vector<std::int64_t>& filters) const {
    return one_window() ? deal(bricks, filters) : run_pallets(bricks, filters);
  }

  std::vector<std::uint64_t> run_pallets(const Bricks& bricks,
                                         const std::vector<std::int64_t>& filters) const {
    const std::int64_t windows = layer_.N * layer_.OH * layer_.OW;
    const auto columns = static_cast<std::size_t>(columns_);
    std::vector<std::vector<std::uint64_t>> end;  // of step n in column j
    std::vector<std::uint64_t> slowest;           // E[n]
    std::vector<std::uint64_t> unit_end;
    for (std::int64_t first = 0; first < windows; first += columns_) {
      std::vector<std::vector<StepTime>> steps(columns);
      std::size_t count = 0;
      for (std::size_t j = 0; j < columns; ++j) {
        const std::int64_t window = first + static_cast<std::int64_t>(j);
        if (window < windows) steps[j] = window_steps(window, bricks, filters);
        count = std::max(count, steps[j].size());
      }
      for (std::size_t i = 0; i < count; ++i) {
        const auto n = static_cast<std::int64_t>(end.size());
        const std::int64_t released = n - 1 - geometry_.column_registers;
        std::vector<std::uint64_t> ends;
        for (std::size_t j = 0; j < columns; ++j) {
          const std::uint64_t own = n > 0 ? end.back()[j] : 0;
          const std::uint64_t others = released >= 0 ? slowest[static_cast<std::size_t>(released)] : 0;
          const std::uint64_t time = steps[j].empty() ? 0 : steps[j][i].time;
          ends.push_back(std::max(own, others) + time);
        }
        slowest.push_back(*std::max_element(ends.begin(), ends.end()));
        end.push_back(ends);
      }
      unit_end.push_back(slowest.back());
    }
    return unit_end;
  }

  std::vector<std::uint64_t> deal(const Bricks& bricks, const std::vector<std::int64_t>& filters) const {
    std::vector<std::uint64_t> unit_end;
    std::uint64_t begin = 0;
    for (std::int64_t window = 0; window < layer_.N; ++window) {
      std::vector<std::uint64_t> column_end(static_cast<std::size_t>(columns_), 0);
      const std::vector<StepTime> steps = window_steps(window, bricks, filters);
      std::uint64_t start = 0;
      for (std::size_t n = 0; n < steps.size(); ++n) {
        std::uint64_t& column = column_end[n % column_end.size()];
        start = std::max(n > 0 ? start + steps[n - 1].interval : 0, column);
        column = start + steps[n].time;
      }
      begin += *std::max_element(column_end.begin(), column_end.end());
      unit_end.push_back(begin);
    }
    return unit_end;
  }

  void run_groups() {
    const std::int64_t in = layer_.C / layer_.groups;
    const std::int64_t out = layer_.K / layer_.groups;
    for (std::int64_t g = 0; g < layer_.groups; ++g) {
      Bricks bricks;
      for (std::int64_t c = 0; c < in; c += geometry_.lanes) {
        const std::int64_t end = std::min(c + geometry_.lanes, in);
        bricks.input.emplace_back(g * in + c, g * in + end);
        bricks.weight.emplace_back(c, end);
      }
      for (std::int64_t k = 0; k < out; k += rows_ * geometry_.tiles) {
        Set set;
        for (std::int64_t f = k; f < std::min(k + rows_ * geometry_.tiles, out); ++f)
          set.filters.push_back(g * out + f);
        for (std::int64_t c = 0; c < in; ++c)
          set.channels.push_back(g * in + c);
        set.unit_end = run(bricks, set.filters);
        sets_.push_back(set);
      }
    }
  }

  void run_depthwise() {
    struct Unit {
      std::vector<std::int64_t> channels;
      std::pair<std::int64_t, std::int64_t> brick;
    };
    std::vector<Unit> units;
    for (std::int64_t brick = 0; brick < layer_.C; brick += geometry_.lanes) {
      const std::int64_t brick_end = std::min(brick + geometry_.lanes, layer_.C);
      for (std::int64_t c = brick; c < brick_end; ++c) {
        if ((c - brick) % std::min(geometry_.lanes, rows_) == 0) units.push_back({{}, {brick, brick_end}});
        units.back().channels.push_back(c);
      }
    }
    const std::int64_t multiplier = layer_.K / layer_.C;
    const auto tiles = static_cast<std::size_t>(geometry_.tiles);
    for (std::int64_t pass = 0; pass < multiplier; ++pass) {
      for (std::size_t first = 0; first < units.size(); first += tiles) {
        Set set;
        for (std::size_t u = first; u < std::min(first + tiles, units.size()); ++u) {
          std::vector<std::int64_t> filters;
          for (const std::int64_t c : units[u].channels)
            filters.push_back(c * multiplier + pass);
          const std::vector<std::uint64_t> ends = run({{units[u].brick}, {{0, 1}}}, filters);
          set.unit_end.resize(ends.size(), 0);
          for (std::size_t i = 0; i < ends.size(); ++i)
            set.unit_end[i] = std::max(set.unit_end[i], ends[i]);
          set.filters.insert(set.filters.end(), filters.begin(), filters.end());
          set.channels.insert(set.channels.end(), units[u].channels.begin(), units[u].channels.end());
        }
        sets_.push_back(set);
      }
    }
  }

  LayerShape layer_;
  ArrayGeometry geometry_;
  int bits_;
  bool parallel_, activation_bricks_, loom_, weight_bricks_;
  std::vector<std::int32_t> input_, weight_;
  bool input_signed_, weight_signed_;
  int input_width_ = 1, weight_width_ = 1;
  std::int64_t columns_ = 1, rows_ = 1;
  std::vector<Set> sets_;
};

/// The library's schedule of a case, with what it must be kept together with.
class Scheduled {
 public:
  Scheduled(const Case& c, const LayerPrecision& precision)
      : activations_(activation_bricks(c.layer, c.geometry.lanes)),
        weights_(weight_bricks(c.layer, c.geometry.lanes)),
        schedule_(find_compute_design(c.design), c.geometry, c.layer, precision, &activations_,
                  c.design == "dpred-loom" ? &weights_ : nullptr) {
    activations_.absorb(c.input, profile_of(c.input).format);
    weights_.absorb(c.weight, profile_of(c.weight).format);
  }
  LayerSchedule& operator*() { return schedule_; }
  LayerSchedule* operator->() { return &schedule_; }

 private:
  BrickMap activations_, weights_;
  LayerSchedule schedule_;
};

LayerPrecision precision_of(const Case& c) {
  return {c.bits, profile_of(c.input).width, profile_of(c.weight).width};
}

std::uint64_t cycles_of(const Case& c) {
  return Scheduled(c, precision_of(c))->total();
}

LayerShape draw_layer(Rng& rng) {
  LayerShape l;
  l.N = draw(rng, 1, 2);
  l.R = draw(rng, 1, 3);
  l.S = draw(rng, 1, 3);
  l.stride = {draw(rng, 1, 3), draw(rng, 1, 3)};
  l.dilation = {draw(rng, 1, 2), draw(rng, 1, 2)};
  for (std::int64_t& pad : l.pad_tblr)
    pad = draw(rng, 0, 2);
  switch (draw(rng, 0, 5)) {
    case 0:  // one window, or a recurrent layer: of one tap or of several
      l.recurrent = draw(rng, 0, 1) == 1;
      l.N = l.recurrent ? draw(rng, 1, 4) : 1;
      if (draw(rng, 0, 1) == 1) {
        l.R = l.S = 1;
        l.stride = l.dilation = {1, 1};
        l.pad_tblr = {0, 0, 0, 0};
      }
      l.stride = {7, 7};
      l.H = draw(rng, 1, 3);
      l.W = draw(rng, 1, 3);
      break;
    case 1:  // fully connected: windows are tokens
      l.N = draw(rng, 1, 20);
      l.R = l.S = 1;
      l.stride = l.dilation = {1, 1};
      l.pad_tblr = {0, 0, 0, 0};
      break;
    default:
      l.H = draw(rng, 1, 8);
      l.W = draw(rng, 1, 8);
      l.recurrent = draw(rng, 0, 9) == 0;
  }
  const auto extent = [&](std::size_t axis, std::int64_t size, std::int64_t kernel) {
    const std::int64_t reach = size + l.pad_tblr[2 * axis] + l.pad_tblr[2 * axis + 1];
    std::int64_t positions = 0;
    while (positions * l.stride[axis] + l.dilation[axis] * (kernel - 1) < reach)
      ++positions;
    return positions;
  };
  l.OH = extent(0, l.H, l.R);
  l.OW = extent(1, l.W, l.S);
  switch (draw(rng, 0, 3)) {
    case 0:  // depthwise
      l.C = draw(rng, 2, 30);
      l.groups = l.C;
      l.K = l.C * draw(rng, 1, 3);
      break;
    case 1:  // grouped
      l.groups = draw(rng, 2, 3);
      l.C = l.groups * draw(rng, 2, 12);
      l.K = l.groups * draw(rng, 1, 10);
      break;
    default:
      l.C = draw(rng, 1, 30);
      l.K = draw(rng, 1, 30);
  }
  return l;
}

Case draw_case(Rng& rng) {
  Case c;
  do {
    c.layer = draw_layer(rng);
  } while (c.layer.OH == 0 || c.layer.OW == 0);
  c.design = pick<std::string>(rng, {std::begin(design_names), std::end(design_names)});
  const bool wide = draw(rng, 0, 3) == 0;
  c.bits = wide ? 16 : 8;
  ArrayGeometry& g = c.geometry;
  g.lanes = pick<std::int64_t>(rng, {1, 2, 4, 5, 8, 16});
  g.rows = pick<std::int64_t>(rng, {1, 2, 3, 4, 16});
  g.tiles = pick<std::int64_t>(rng, {1, 2, 3, 4});
  g.columns = pick<std::int64_t>(rng, {0, 0, 1, 2, 3, 5, 8});
  g.bits_per_cycle = pick<std::int64_t>(rng, {1, 1, 2, 4});
  g.column_registers = pick<std::int64_t>(rng, {0, 0, 1, 2, 3, 7});
  g.widths = pick<WidthRounding>(rng, {WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  const std::vector<DType> types =
      wide ? std::vector<DType>{DType::int16, DType::uint16} : std::vector<DType>{DType::int8, DType::uint8};
  const LayerShape& l = c.layer;
  c.input = draw_tensor(rng, {l.N, l.C, l.H, l.W}, pick(rng, types));
  c.weight = draw_tensor(rng, {l.K, l.C / l.groups, l.R, l.S}, pick(rng, types));
  return c;
}

std::vector<std::int64_t> filters_in(const FilterSet& set) {
  std::vector<std::int64_t> filters;
  for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step)
    filters.push_back(k);
  return filters;
}

}  // namespace

TEST_CASE("cycles are those of a simulation of every step and column") {
  Rng rng(21);
  std::map<std::string, int> kinds;
  for (int trial = 0; trial < 3000; ++trial) {
    const Case c = draw_case(rng);
    const LayerShape& l = c.layer;
    INFO(trial << ": " << describe(c));
    const NaiveArray naive(c);
    Scheduled schedule(c, {c.bits, naive.input_width(), naive.weight_width()});

    REQUIRE(schedule->sets().size() == naive.sets().size());
    REQUIRE(schedule->units() == static_cast<std::int64_t>(naive.sets().front().unit_end.size()));
    std::int64_t wrong = 0;
    for (std::size_t s = 0; s < naive.sets().size(); ++s) {
      const NaiveArray::Set& expected = naive.sets()[s];
      const auto set = static_cast<std::int64_t>(s);
      wrong += filters_in(schedule->sets()[s]) != expected.filters;
      wrong += schedule->sets()[s].channel_begin != expected.channels.front();
      wrong += schedule->sets()[s].channel_end != expected.channels.back() + 1;
      wrong += schedule->end(set, 0) != 0;
      for (std::size_t u = 0; u < expected.unit_end.size(); ++u)
        wrong += schedule->end(set, static_cast<std::int64_t>(u) + 1) != expected.unit_end[u];
    }
    REQUIRE(wrong == 0);
    REQUIRE(schedule->total() == naive.total());
    for (std::int64_t rows = 0; rows <= l.N * l.OH; ++rows)
      wrong += schedule->units_in_rows(rows) != naive.units_in_rows(rows);
    REQUIRE(wrong == 0);

    ++kinds[c.design];
    const bool depthwise = l.groups == l.C && l.C > 1;
    kinds["depthwise"] += depthwise;
    kinds["grouped"] += !depthwise && l.groups > 1;
    kinds["one window"] += l.OH * l.OW == 1 && l.N == 1;
    kinds["recurrent steps"] += l.OH * l.OW == 1 && l.N > 1 && l.recurrent;
    kinds["many sets"] += naive.sets().size() > 1;
    kinds["many units"] += naive.sets().front().unit_end.size() > 1;
  }
  for (const auto& [kind, count] : kinds) {
    CAPTURE(kind);
    CHECK(count >= 60);
  }
  CHECK(kinds.size() == 12);
}

TEST_CASE("times of jobs add up to the layer, whatever the order in which they are asked for") {
  Rng rng(22);
  for (int trial = 0; trial < 300; ++trial) {
    const Case c = draw_case(rng);
    INFO(trial << ": " << describe(c));
    const std::uint64_t expected = cycles_of(c);
    Scheduled schedule(c, precision_of(c));
    const std::int64_t rows = c.layer.N * c.layer.OH;
    const std::int64_t band = draw(rng, 1, rows);
    std::uint64_t sum = 0;
    std::int64_t backward = 0;
    for (std::int64_t first = 0; first < rows; first += band) {
      const std::int64_t before = schedule->units_in_rows(first);
      const std::int64_t after = schedule->units_in_rows(std::min(first + band, rows));
      for (std::size_t set = schedule->sets().size(); set-- > 0;) {
        const auto s = static_cast<std::int64_t>(set);
        const std::uint64_t begin = schedule->end(s, before);
        const std::uint64_t end = schedule->end(s, after);
        backward += end < begin;
        sum += end - begin;
      }
    }
    REQUIRE(backward == 0);
    REQUIRE(sum == expected);
    REQUIRE(schedule->total() == expected);
  }
}

TEST_CASE("widths at run time and more registers never cost cycles") {
  Rng rng(23);
  for (int trial = 0; trial < 400; ++trial) {
    Case c = draw_case(rng);
    INFO(trial << ": " << describe(c));
    const auto with = [&](const char* design) {
      c.design = design;
      return cycles_of(c);
    };
    REQUIRE(with("dpred-stripes") <= with("stripes"));
    REQUIRE(with("loom-dynamic") <= with("loom"));
    for (const char* design : design_names) {
      c.design = design;
      c.geometry.column_registers = 0;
      std::uint64_t fewer = cycles_of(c);
      for (const std::int64_t registers : {1, 2, 3, 5, 100}) {
        c.geometry.column_registers = registers;
        const std::uint64_t more = cycles_of(c);
        REQUIRE(more <= fewer);
        fewer = more;
      }
    }
  }
}

TEST_CASE("all-zero input costs one bit a step") {
  Rng rng(24);
  for (int trial = 0; trial < 200; ++trial) {
    Case c = draw_case(rng);
    c.design = "dpred-stripes";
    c.geometry.column_registers = draw(rng, 0, 2);
    const LayerShape& l = c.layer;
    c.input = make_tensor(
        c.input.shape, c.input.dtype, c.input.zero_point,
        std::vector<std::int32_t>(static_cast<std::size_t>(c.input.values()), c.input.zero_point));
    INFO(trial << ": " << describe(c));
    if (l.OH * l.OW == 1 && (l.N == 1 || l.recurrent)) continue;
    Scheduled schedule(c, precision_of(c));
    const bool depthwise = l.groups == l.C && l.C > 1;
    const std::int64_t bricks = depthwise ? 1 : (l.C / l.groups + c.geometry.lanes - 1) / c.geometry.lanes;
    // Rounded up to an even width that is two bits.
    const std::int64_t step =
        c.geometry.widths == WidthRounding::even && c.geometry.bits_per_cycle == 1 ? 2 : 1;
    const auto sets = static_cast<std::int64_t>(schedule->sets().size());
    REQUIRE(static_cast<std::int64_t>(schedule->total()) ==
            sets * schedule->units() * l.R * l.S * bricks * step);
  }
}

TEST_CASE("the order of filters doesn't matter to designs with weights in parallel") {
  Rng rng(25);
  for (int trial = 0; trial < 200; ++trial) {
    Case c = draw_case(rng);
    c.design = pick<std::string>(rng, {"bit-parallel", "stripes", "dpred-stripes", "loom", "loom-dynamic"});
    const std::uint64_t cycles = cycles_of(c);
    const auto filter = static_cast<std::ptrdiff_t>(c.weight.data.size()) / c.layer.K;
    std::rotate(c.weight.data.begin(), c.weight.data.begin() + filter * draw(rng, 0, c.layer.K - 1),
                c.weight.data.end());
    INFO(trial << ": " << describe(c));
    REQUIRE(cycles_of(c) == cycles);
  }
}

TEST_CASE("columns and rows that make peaks equal") {
  ArrayGeometry g;
  CHECK(g.columns_of(find_compute_design("bit-parallel"), 16) == 1);
  CHECK(g.columns_of(find_compute_design("stripes"), 16) == 16);
  CHECK(g.rows_of(find_compute_design("dpred-stripes"), 8) == 16);
  CHECK(g.rows_of(find_compute_design("loom"), 8) == 128);
  g.bits_per_cycle = 4;
  CHECK(g.columns_of(find_compute_design("dpred-loom"), 8) == 2);
  g.columns = 5;
  CHECK(g.columns_of(find_compute_design("bit-parallel"), 8) == 5);
  CHECK(g.columns_of(find_compute_design("loom"), 8) == 5);
  CHECK(g.rows_of(find_compute_design("loom"), 8) == 128);
}

TEST_CASE("designs are found by name") {
  // Each has a reference here.
  CHECK(compute_design_names() == std::vector<std::string>(std::begin(design_names), std::end(design_names)));
  for (const char* name : design_names)
    CHECK(find_compute_design(name).name == name);
  CHECK_THROWS_WITH(find_compute_design("loom-dinamic"), Catch::Contains("'loom-dynamic'"));
}

TEST_CASE("worked examples of compute cycles") {
  // docs/contracts.md, "Compute cycles": two columns, four steps a window with widths 1 3 1 1 and 4 1 1 2.
  Case c;
  c.design = "dpred-stripes";
  c.geometry.lanes = 1;
  c.geometry.rows = 1;
  c.geometry.tiles = 1;
  c.geometry.columns = 2;
  c.layer.C = 4;
  c.layer.W = c.layer.OW = 2;
  c.input = make_tensor({1, 4, 1, 2}, DType::uint8, 0, {1, 8, 4, 1, 1, 1, 1, 2});
  c.weight = make_tensor({1, 4, 1, 1}, DType::int8, 0, {1, 1, 1, 1});
  CHECK(cycles_of(c) == 10);
  c.geometry.column_registers = 1;
  CHECK(cycles_of(c) == 8);
  c.geometry.column_registers = 0;
  // The first window alone: its steps start at 0, 1, 2 and 4.
  c.layer.W = c.layer.OW = 1;
  c.input = make_tensor({1, 4, 1, 1}, DType::uint8, 0, {1, 4, 1, 1});
  CHECK(cycles_of(c) == 5);
}

namespace {

/// Cycles of a whole network on the default array but for what `geometry` says.
std::uint64_t network_cycles(const Network& network, const std::string& design,
                             const ArrayGeometry& geometry) {
  std::uint64_t cycles = 0;
  for (const Layer& layer : network.layers) {
    Case c;
    c.layer = layer.shape;
    c.geometry = geometry;
    c.design = design;
    c.bits = network.bits;
    c.input = network.tensor(layer.input);
    c.weight = network.tensor(layer.weight);
    cycles += cycles_of(c);
  }
  return cycles;
}

}  // namespace

TEST_CASE("compute cycles of the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    std::uint64_t cycles[6];
  };
  const Expected sets[] = {
      {"mlperf_resnet8_int8", {38404, 35207, 31240, 281656, 249920, 249920}},
      {"mlperf_kws_int8", {11504, 12425, 8345, 99400, 66760, 66760}},
      {"mnist_lstm_int8", {259, 674, 560, 2864, 2408, 2404}},
      {"mlperf_ad01_int8", {266, 435, 429, 1456, 1432, 1384}},
  };
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    for (std::size_t d = 0; d < 6; ++d) {
      CAPTURE(expected.name, design_names[d]);
      CHECK(network_cycles(network, design_names[d], {}) == expected.cycles[d]);
    }
  }
  const Network resnet = read_trace_set(*folder / "mlperf_resnet8_int8");
  const auto with = [&](auto&& change) {
    ArrayGeometry geometry;
    change(geometry);
    return network_cycles(resnet, "dpred-stripes", geometry);
  };
  CHECK(with([](ArrayGeometry& g) { g.bits_per_cycle = 2; }) == 31976);
  CHECK(with([](ArrayGeometry& g) { g.widths = WidthRounding::even; }) == 32735);
  CHECK(with([](ArrayGeometry& g) { g.widths = WidthRounding::pow2; }) == 37483);
  CHECK(with([](ArrayGeometry& g) { g.column_registers = 1; }) == 29458);
  CHECK(with([](ArrayGeometry& g) { g.column_registers = 2; }) == 29383);
  const Network mobilenet = read_trace_set(*folder / "mobilenet_v1_075_int8");
  CHECK(network_cycles(mobilenet, "dpred-stripes", {}) == 529443);
}
