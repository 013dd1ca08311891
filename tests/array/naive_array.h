// The processing array, cycle by cycle, written from docs/contracts.md, "Compute cycles", as simply as can
// be. It shares no code with the library, and works with the library's formulas nowhere: columns count down
// the cycles of the step that they are at, and wait for each other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/array/array_case.h"
#include "tests/precision/reference.h"

namespace dpred::test {

/// Cycles that the steps of some windows take, by step and column.
struct Work {
  std::size_t columns = 1;
  std::vector<std::uint64_t> cycles;

  std::size_t steps() const { return cycles.size() / columns; }
  std::uint64_t at(std::size_t step, std::size_t column) const { return cycles[step * columns + column]; }
};

/// Lets columns work side by side; none begins a step before all have finished the one that lies `registers`
/// steps before the step ahead of it. The cycle after which each step is finished in every column.
inline std::vector<std::uint64_t> simulate_columns(const Work& work, std::size_t registers) {
  struct Column {
    std::size_t finished = 0;  // steps
    std::uint64_t left = 0;    // cycles of the step that it is at; 0: it waits
  };
  std::vector<Column> columns(work.columns);
  std::vector<std::uint64_t> finished_by_all;
  for (std::uint64_t cycle = 0;; ++cycle) {
    // Steps without work take no cycle: others may go on at once.
    for (bool moved = true; moved;) {
      moved = false;
      std::size_t slowest = work.steps();
      for (const Column& column : columns)
        slowest = std::min(slowest, column.finished);
      finished_by_all.resize(slowest, cycle);
      for (std::size_t j = 0; j < columns.size(); ++j) {
        Column& column = columns[j];
        if (column.left > 0 || column.finished == work.steps()) continue;
        if (column.finished > slowest + registers) continue;
        column.left = work.at(column.finished, j);
        if (column.left == 0) {
          ++column.finished;
          moved = true;
        }
      }
    }
    if (finished_by_all.size() == work.steps()) return finished_by_all;
    for (Column& column : columns) {
      if (column.left > 0 && --column.left == 0) ++column.finished;
    }
  }
}

struct DealtStep {
  std::uint64_t cycles;
  std::uint64_t interval;  ///< before the next step may begin
};

/// Deals the steps of one window over the columns in turn: one at a time, to a column that is idle. The cycle
/// after which all are finished.
inline std::uint64_t simulate_dealing(const std::vector<DealtStep>& steps, std::size_t columns) {
  std::vector<std::uint64_t> left(columns, 0);
  std::uint64_t pause = 0;
  std::size_t dealt = 0;
  for (std::uint64_t cycle = 0;; ++cycle) {
    if (dealt < steps.size() && pause == 0 && left[dealt % columns] == 0) {
      left[dealt % columns] = steps[dealt].cycles;
      pause = steps[dealt].interval;
      ++dealt;
    }
    const bool idle = std::all_of(left.begin(), left.end(), [](std::uint64_t l) { return l == 0; });
    if (dealt == steps.size() && idle) return cycle;
    for (std::uint64_t& l : left)
      l -= l > 0;
    pause -= pause > 0;
  }
}

/// `array.fold = auto`: whether it applies to the case.
inline bool is_folded(const Case& c) {
  const LayerShape& l = c.layer;
  const std::int64_t s = l.stride[0];
  if (!c.geometry.fold || l.groups != 1 || l.dilation[0] != 1 || l.dilation[1] != 1) return false;
  if (l.stride[1] != s || s == 1 || l.C >= c.geometry.lanes) return false;
  const auto ceil = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  return ceil(l.R, s) * ceil(l.S, s) * ceil(l.C * s * s, c.geometry.lanes) < l.R * l.S;
}

/// Space to depth of one tensor of shape (outer, channels, y, x): `top` and `left` zeros first, then zeros at
/// the bottom and right until it has `height` times `width` blocks of s times s.
inline Tensor space_to_depth(const Tensor& from, std::int64_t s, std::int64_t top, std::int64_t left,
                             std::int64_t height, std::int64_t width) {
  const std::vector<std::int32_t> codes = codes_of(from);
  const Shape& shape = from.shape;
  std::vector<std::int32_t> result;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t channel = 0; channel < shape[1] * s * s; ++channel) {
      const std::int64_t c = channel % shape[1];
      const std::int64_t dx = channel / shape[1] % s;
      const std::int64_t dy = channel / shape[1] / s;
      for (std::int64_t i = 0; i < height; ++i) {
        for (std::int64_t j = 0; j < width; ++j) {
          const std::int64_t y = i * s + dy - top;
          const std::int64_t x = j * s + dx - left;
          const bool inside = y >= 0 && y < shape[2] && x >= 0 && x < shape[3];
          const std::int64_t place = ((n * shape[1] + c) * shape[2] + y) * shape[3] + x;
          result.push_back(inside ? codes[static_cast<std::size_t>(place)] : from.zero_point);
        }
      }
    }
  }
  return make_tensor({shape[0], shape[1] * s * s, height, width}, from.dtype, from.zero_point, result);
}

/// The ordinary layer that a layer is folded into, with its values.
inline Case folded(const Case& c) {
  const LayerShape& l = c.layer;
  const std::int64_t s = l.stride[0];
  Case f = c;
  f.geometry.fold = false;
  f.layer.C = l.C * s * s;
  f.layer.H = (l.pad_tblr[0] + l.H + l.pad_tblr[1] + s - 1) / s;
  f.layer.W = (l.pad_tblr[2] + l.W + l.pad_tblr[3] + s - 1) / s;
  f.layer.R = (l.R + s - 1) / s;
  f.layer.S = (l.S + s - 1) / s;
  f.layer.stride = {1, 1};
  f.layer.pad_tblr = {0, 0, 0, 0};
  f.input = space_to_depth(c.input, s, l.pad_tblr[0], l.pad_tblr[2], f.layer.H, f.layer.W);
  f.weight = space_to_depth(c.weight, s, 0, 0, f.layer.R, f.layer.S);
  return f;
}

class NaiveArray {
 public:
  explicit NaiveArray(const Case& c)
      : case_(is_folded(c) ? folded(c) : c),
        layer_(case_.layer),
        geometry_(case_.geometry),
        input_(case_.input),
        weight_(case_.weight),
        columns_(case_.columns()),
        rows_(case_.rows()) {
    if (case_.depthwise()) {
      sets_ = run_depthwise();
      return;
    }
    const bool may_split = !case_.one_window();
    sets_ = run_sets(may_split && geometry_.tile_split == TileSplit::windows);
    if (may_split && geometry_.tile_split == TileSplit::best) {
      const std::vector<Set> other = run_sets(true);
      if (total_of(other) < total_of(sets_)) sets_ = other;
    }
  }
  NaiveArray(const NaiveArray&) = delete;
  NaiveArray& operator=(const NaiveArray&) = delete;

  struct Set {
    std::vector<std::int64_t> filters;
    std::vector<std::int64_t> channels;
    /// Cycles until all units up to each are finished, a unit being a pallet or a recurrent step.
    std::vector<std::uint64_t> unit_end;
  };

  const std::vector<Set>& sets() const { return sets_; }
  int input_width() const { return input_.width; }
  int weight_width() const { return weight_.width; }
  std::uint64_t total() const { return total_of(sets_); }

  /// Units whose last window lies in the first `rows` output rows.
  std::int64_t units_in_rows(std::int64_t rows) const {
    if (case_.one_window()) return rows;
    std::int64_t units = 0;
    for (std::int64_t begin = 0; begin < windows(); begin += columns_)
      units += std::min(begin + columns_, windows()) <= rows * layer_.OW;
    return units;
  }

  /// Output rows whose last window lies in the first `units` units.
  std::int64_t rows_in_units(std::int64_t units) const {
    std::int64_t rows = 0;
    for (std::int64_t row = 0; row < layer_.N * layer_.OH; ++row)
      rows += (row + 1) * layer_.OW <= units * (case_.one_window() ? 1 : columns_);
    return rows;
  }

 private:
  /// Widths of a tensor's values.
  struct Operand {
    explicit Operand(const Tensor& tensor) : shape(tensor.shape) {
      const std::vector<std::int32_t> values = centred_values(tensor);
      const bool is_signed = any_negative(values);
      for (const std::int32_t v : values) {
        widths.push_back(static_cast<std::uint8_t>(reference_width(v, is_signed)));
        width = std::max<int>(width, widths.back());
      }
    }
    int at(std::int64_t a, std::int64_t b, std::int64_t y, std::int64_t x) const {
      return widths[static_cast<std::size_t>(((a * shape[1] + b) * shape[2] + y) * shape[3] + x)];
    }
    Shape shape;
    std::vector<std::uint8_t> widths;
    int width = 1;
  };

  /// What one tile computes, or all of them in step: filters, and the bricks of input channels that they
  /// read.
  struct Share {
    std::vector<std::int64_t> filters;
    std::vector<std::pair<std::int64_t, std::int64_t>> bricks;  ///< begin and end of each
    std::int64_t filter_channel = 0;  ///< input channel that is channel 0 of the filters
    std::int64_t first_pallet = 0, pallet_step = 1;
  };

  static std::uint64_t total_of(const std::vector<Set>& sets) {
    std::uint64_t cycles = 0;
    for (const Set& set : sets)
      cycles += set.unit_end.back();
    return cycles;
  }

  std::int64_t windows() const { return layer_.N * layer_.OH * layer_.OW; }

  std::uint64_t rounded(int width) const {
    int up = width;
    while (geometry_.widths == WidthRounding::even && up % 2 != 0)
      ++up;
    while (geometry_.widths == WidthRounding::pow2 && (up & (up - 1)) != 0)
      ++up;
    return static_cast<std::uint64_t>(std::min(up, case_.bits + 1));
  }

  std::uint64_t activation_factor(std::int64_t n, std::int64_t y, std::int64_t x,
                                  const std::pair<std::int64_t, std::int64_t>& brick) const {
    if (case_.design == "bit-parallel") return 1;
    int width = input_.width;
    if (case_.design != "stripes" && case_.design != "loom") {
      width = 1;
      const bool inside = y >= 0 && y < layer_.H && x >= 0 && x < layer_.W;
      for (std::int64_t c = brick.first; inside && c < brick.second; ++c)
        width = std::max(width, input_.at(n, c, y, x));
    }
    const auto b = static_cast<std::uint64_t>(geometry_.bits_per_cycle);
    return (rounded(width) + b - 1) / b;
  }

  std::uint64_t weight_factor(const Share& share, std::int64_t r, std::int64_t s,
                              const std::pair<std::int64_t, std::int64_t>& brick) const {
    if (!case_.loom_kind()) return 1;
    int width = weight_.width;
    if (case_.design == "dpred-loom") {
      width = 1;
      for (const std::int64_t k : share.filters) {
        for (std::int64_t c = brick.first; c < brick.second; ++c)
          width = std::max(width, weight_.at(k, c - share.filter_channel, r, s));
      }
    }
    return rounded(width);
  }

  /// Weight factors of a window's steps: r, then s, then brick. They are those of all windows.
  std::vector<std::uint64_t> weight_factors(const Share& share) const {
    std::vector<std::uint64_t> factors;
    for (std::int64_t r = 0; r < layer_.R; ++r) {
      for (std::int64_t s = 0; s < layer_.S; ++s) {
        for (const auto& brick : share.bricks) {
          // A depthwise unit shares its brick with others; its filters have one channel.
          factors.push_back(case_.depthwise() ? weight_factor(share, r, s, {0, 1})
                                              : weight_factor(share, r, s, brick));
        }
      }
    }
    return factors;
  }

  std::vector<std::uint64_t> activation_factors(const Share& share, std::int64_t window) const {
    const std::int64_t n = window / (layer_.OH * layer_.OW);
    const std::int64_t oy = window / layer_.OW % layer_.OH;
    const std::int64_t ox = window % layer_.OW;
    std::vector<std::uint64_t> factors;
    for (std::int64_t r = 0; r < layer_.R; ++r) {
      for (std::int64_t s = 0; s < layer_.S; ++s) {
        const std::int64_t y = oy * layer_.stride[0] + r * layer_.dilation[0] - layer_.pad_tblr[0];
        const std::int64_t x = ox * layer_.stride[1] + s * layer_.dilation[1] - layer_.pad_tblr[2];
        for (const auto& brick : share.bricks)
          factors.push_back(activation_factor(n, y, x, brick));
      }
    }
    return factors;
  }

  /// Runs a share and takes it into the set: a unit is finished when it is in all tiles that compute it.
  void run(Set& set, const Share& share) const {
    const std::vector<std::uint64_t> weights = weight_factors(share);
    if (case_.one_window()) {
      run_steps_of_windows(set, share, weights);
    } else {
      run_pallets(set, share, weights);
    }
  }

  void run_steps_of_windows(Set& set, const Share& share, const std::vector<std::uint64_t>& weights) const {
    std::uint64_t end = 0;
    set.unit_end.resize(static_cast<std::size_t>(layer_.N), 0);
    for (std::int64_t n = 0; n < layer_.N; ++n) {
      const std::vector<std::uint64_t> activations = activation_factors(share, n);
      std::vector<DealtStep> steps;
      for (std::size_t i = 0; i < weights.size(); ++i)
        steps.push_back({activations[i] * weights[i], weights[i]});
      end += simulate_dealing(steps, static_cast<std::size_t>(columns_));
      std::uint64_t& unit = set.unit_end[static_cast<std::size_t>(n)];
      unit = std::max(unit, end);
    }
  }

  void run_pallets(Set& set, const Share& share, const std::vector<std::uint64_t>& weights) const {
    std::vector<std::size_t> pallets;
    for (std::int64_t first = 0; first < windows(); first += columns_)
      pallets.push_back(pallets.size());
    set.unit_end.resize(pallets.size(), 0);

    Work work;
    work.columns = static_cast<std::size_t>(columns_);
    std::vector<std::size_t> mine;
    for (const std::size_t pallet : pallets) {
      const auto p = static_cast<std::int64_t>(pallet);
      if (p % share.pallet_step != share.first_pallet) continue;
      mine.push_back(pallet);
      std::vector<std::vector<std::uint64_t>> activations;  // a missing column has none
      for (std::int64_t w = p * columns_; w < std::min((p + 1) * columns_, windows()); ++w)
        activations.push_back(activation_factors(share, w));
      for (std::size_t i = 0; i < weights.size(); ++i) {
        for (std::size_t j = 0; j < work.columns; ++j)
          work.cycles.push_back(j < activations.size() ? activations[j][i] * weights[i] : 0);
      }
    }
    const std::vector<std::uint64_t> finished =
        simulate_columns(work, static_cast<std::size_t>(geometry_.column_registers));
    for (std::size_t i = 0; i < mine.size(); ++i) {
      std::uint64_t& unit = set.unit_end[mine[i]];
      unit = std::max(unit, finished[(i + 1) * weights.size() - 1]);
    }
  }

  /// All layers but depthwise ones. `by_windows`: tiles have the same filters and share the pallets.
  std::vector<Set> run_sets(bool by_windows) const {
    const std::int64_t in = layer_.C / layer_.groups;
    const std::int64_t out = layer_.K / layer_.groups;
    const std::int64_t set_filters = by_windows ? rows_ : rows_ * geometry_.tiles;
    std::vector<Set> sets;
    for (std::int64_t group = 0; group < layer_.groups; ++group) {
      Share share;
      share.filter_channel = group * in;
      for (std::int64_t c = 0; c < in; c += geometry_.lanes)
        share.bricks.emplace_back(group * in + c, group * in + std::min(c + geometry_.lanes, in));
      for (std::int64_t k = 0; k < out; k += set_filters) {
        Set set;
        for (std::int64_t f = k; f < std::min(k + set_filters, out); ++f)
          set.filters.push_back(group * out + f);
        for (std::int64_t c = 0; c < in; ++c)
          set.channels.push_back(group * in + c);
        share.filters = set.filters;
        share.pallet_step = by_windows ? geometry_.tiles : 1;
        for (share.first_pallet = 0; share.first_pallet < share.pallet_step; ++share.first_pallet)
          run(set, share);
        // A tile may be past a pallet that comes after one at which another still is.
        for (std::size_t u = 1; u < set.unit_end.size(); ++u)
          set.unit_end[u] = std::max(set.unit_end[u], set.unit_end[u - 1]);
        sets.push_back(set);
      }
    }
    return sets;
  }

  std::vector<Set> run_depthwise() const {
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
    std::vector<Set> sets;
    for (std::int64_t pass = 0; pass < multiplier; ++pass) {
      for (std::size_t first = 0; first < units.size(); first += tiles) {
        Set set;
        for (std::size_t u = first; u < std::min(first + tiles, units.size()); ++u) {
          Share share;
          share.bricks = {units[u].brick};
          for (const std::int64_t c : units[u].channels)
            share.filters.push_back(c * multiplier + pass);
          run(set, share);
          set.filters.insert(set.filters.end(), share.filters.begin(), share.filters.end());
          set.channels.insert(set.channels.end(), units[u].channels.begin(), units[u].channels.end());
        }
        sets.push_back(set);
      }
    }
    return sets;
  }

  Case case_;
  const LayerShape& layer_;
  const ArrayGeometry& geometry_;
  Operand input_, weight_;
  std::int64_t columns_, rows_;
  std::vector<Set> sets_;
};

}  // namespace dpred::test
