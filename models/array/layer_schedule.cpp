#include "models/array/layer_schedule.h"

#include <algorithm>

#include "workloads/divide_up.h"

namespace dpred {

std::int64_t ArrayGeometry::columns_of(const ComputeDesign& design, int bits) const {
  if (columns != 0) return columns;
  return design.serial_activations() ? bits / bits_per_cycle : 1;
}

std::int64_t ArrayGeometry::rows_of(const ComputeDesign& design, int bits) const {
  return design.serial_weights() ? rows * bits : rows;
}

/// What runs on its own clockwork: the whole array, or one tile of a depthwise layer.
struct LayerSchedule::Tile {
  std::int64_t brick = 0;                  ///< first brick of a position that it reads
  std::int64_t bricks = 1;                 ///< consecutive bricks: a step each
  std::vector<std::uint16_t> weight_time;  ///< of each step of a window
  std::vector<std::uint64_t> column_end;   ///< end of each column's last step
  std::vector<std::uint64_t> step_end;     ///< ring of E for the last k + 1 steps
  std::uint64_t steps = 0;
  std::uint64_t end = 0;  ///< E of the last step: the end of the last unit
};

struct LayerSchedule::SetTimes {
  std::vector<Tile> tiles;
  std::vector<std::uint64_t> unit_end;
};

LayerSchedule::LayerSchedule(const ComputeDesign& design, const ArrayGeometry& geometry,
                             const LayerShape& layer, const LayerPrecision& precision,
                             const BrickMap* activations, const BrickMap* weights)
    : design_(design),
      geometry_(geometry),
      layer_(layer),
      precision_(precision),
      activations_(activations),
      weights_(weights),
      columns_(geometry.columns_of(design, precision.bits)),
      rows_(geometry.rows_of(design, precision.bits)),
      single_window_(layer.OH * layer.OW == 1 && (layer.recurrent || layer.N == 1)),
      units_(single_window_ ? layer.N : divide_up(layer.N * layer.OH * layer.OW, columns_)) {
  for (int width = 0; width <= precision.bits + 1; ++width) {
    const std::int64_t bits = design.activation == WidthSource::none     ? 1
                              : design.activation == WidthSource::tensor ? rounded(precision.activation_width)
                                                                         : rounded(std::max(width, 1));
    const std::int64_t per_cycle = design.serial_activations() ? geometry.bits_per_cycle : 1;
    activation_time_.push_back(static_cast<std::uint16_t>(divide_up(bits, per_cycle)));
  }
  sets_ = make_sets(layer);
  std::int64_t schedules = 0;
  for (const FilterSet& set : sets_)
    schedules = std::max(schedules, set.schedule + 1);
  times_.resize(static_cast<std::size_t>(schedules));
}

LayerSchedule::~LayerSchedule() = default;

int LayerSchedule::rounded(int width) const {
  int up = width;
  if (geometry_.widths == WidthRounding::even) {
    up += up % 2;
  } else if (geometry_.widths == WidthRounding::pow2) {
    for (up = 1; up < width;)
      up *= 2;
  }
  return std::min(up, precision_.bits + 1);
}

std::vector<FilterSet> LayerSchedule::make_sets(const LayerShape& layer) const {
  std::vector<FilterSet> sets;
  const bool weights_differ = design_.weight == WidthSource::brick;
  if (!layer.depthwise()) {
    const std::int64_t size = rows_ * geometry_.tiles;
    for (std::int64_t g = 0; g < layer.groups; ++g) {
      const std::int64_t end = (g + 1) * layer.filters_per_group();
      for (std::int64_t k = g * layer.filters_per_group(); k < end; k += size) {
        FilterSet set;
        set.filter_begin = k;
        set.filter_end = std::min(k + size, end);
        set.channel_begin = g * layer.channels_per_group();
        set.channel_end = set.channel_begin + layer.channels_per_group();
        set.schedule = weights_differ ? static_cast<std::int64_t>(sets.size()) : g;
        sets.push_back(set);
      }
    }
    return sets;
  }
  // Units of channels, brick by brick, then dealt over the tiles in order.
  const std::int64_t unit = std::min(geometry_.lanes, rows_);
  std::vector<std::int64_t> unit_begin;
  for (std::int64_t brick = 0; brick < layer.C; brick += geometry_.lanes) {
    const std::int64_t brick_end = std::min(brick + geometry_.lanes, layer.C);
    for (std::int64_t c = brick; c < brick_end; c += unit)
      unit_begin.push_back(c);
  }
  unit_begin.push_back(layer.C);
  const auto units = static_cast<std::int64_t>(unit_begin.size()) - 1;
  const std::int64_t multiplier = layer.K / layer.C;
  for (std::int64_t pass = 0; pass < multiplier; ++pass) {
    for (std::int64_t u = 0; u < units; u += geometry_.tiles) {
      FilterSet set;
      set.channel_begin = unit_begin[static_cast<std::size_t>(u)];
      set.channel_end = unit_begin[static_cast<std::size_t>(std::min(u + geometry_.tiles, units))];
      set.filter_begin = set.channel_begin * multiplier + pass;
      set.filter_end = (set.channel_end - 1) * multiplier + pass + 1;
      set.filter_step = multiplier;
      set.schedule = weights_differ ? static_cast<std::int64_t>(sets.size()) : u / geometry_.tiles;
      sets.push_back(set);
    }
  }
  return sets;
}

LayerSchedule::Tile LayerSchedule::make_tile(std::int64_t brick, std::int64_t bricks,
                                             const std::vector<std::int64_t>& filters) const {
  Tile tile;
  tile.brick = brick;
  tile.bricks = bricks;
  tile.column_end.assign(static_cast<std::size_t>(columns_), 0);
  tile.step_end.assign(static_cast<std::size_t>(geometry_.column_registers + 1), 0);
  const std::int64_t taps = layer_.R * layer_.S;
  const int tensor_factor = design_.weight == WidthSource::tensor ? rounded(precision_.weight_width) : 1;
  tile.weight_time.assign(static_cast<std::size_t>(taps * bricks), static_cast<std::uint16_t>(tensor_factor));
  if (design_.weight == WidthSource::brick) {
    std::vector<std::uint8_t> widest(static_cast<std::size_t>(taps * bricks), 1);
    for (const std::int64_t k : filters) {
      const std::uint8_t* widths = weights_->at(k * taps);  // a filter's taps and bricks are consecutive
      for (std::size_t i = 0; i < widest.size(); ++i)
        widest[i] = std::max(widest[i], widths[i]);
    }
    for (std::size_t i = 0; i < widest.size(); ++i) {
      tile.weight_time[i] = static_cast<std::uint16_t>(rounded(widest[i]));
    }
  }
  return tile;
}

std::unique_ptr<LayerSchedule::SetTimes> LayerSchedule::make_times(const FilterSet& set) const {
  auto times = std::make_unique<SetTimes>();
  std::vector<std::int64_t> filters;
  if (!layer_.depthwise()) {
    for (std::int64_t k = set.filter_begin; k < set.filter_end; ++k)
      filters.push_back(k);
    const std::int64_t bricks = divide_up(layer_.channels_per_group(), geometry_.lanes);
    const std::int64_t group = set.channel_begin / layer_.channels_per_group();
    times->tiles.push_back(make_tile(group * bricks, bricks, filters));
    return times;
  }
  const std::int64_t unit = std::min(geometry_.lanes, rows_);
  for (std::int64_t c = set.channel_begin; c < set.channel_end;) {
    const std::int64_t brick = c / geometry_.lanes;
    const std::int64_t end = std::min({c + unit, (brick + 1) * geometry_.lanes, layer_.C});
    filters.clear();
    const std::int64_t pass = set.filter_begin % set.filter_step;
    for (std::int64_t channel = c; channel < end; ++channel)
      filters.push_back(channel * set.filter_step + pass);
    // Tiles that take the same brick at the same weight times run alike: one stands for them.
    const bool alike =
        !times->tiles.empty() && design_.weight != WidthSource::brick && times->tiles.back().brick == brick;
    if (!alike) times->tiles.push_back(make_tile(brick, 1, filters));
    c = end;
  }
  return times;
}

std::int64_t LayerSchedule::units_in_rows(std::int64_t rows) const {
  if (single_window_) return rows;
  const std::int64_t windows = rows * layer_.OW;
  return windows == layer_.N * layer_.OH * layer_.OW ? units_ : windows / columns_;
}

std::int64_t LayerSchedule::rows_in_units(std::int64_t units) const {
  if (single_window_) return units;
  return units == units_ ? layer_.N * layer_.OH : units * columns_ / layer_.OW;
}

std::uint64_t LayerSchedule::end(std::int64_t set, std::int64_t units) {
  if (units == 0) return 0;
  const FilterSet& filters = sets_[static_cast<std::size_t>(set)];
  std::unique_ptr<SetTimes>& times = times_[static_cast<std::size_t>(filters.schedule)];
  if (!times) times = make_times(filters);
  advance(*times, units);
  return times->unit_end[static_cast<std::size_t>(units - 1)];
}

std::uint64_t LayerSchedule::total() {
  std::uint64_t cycles = 0;
  for (std::size_t set = 0; set < sets_.size(); ++set)
    cycles += end(static_cast<std::int64_t>(set), units_);
  return cycles;
}

void LayerSchedule::advance(SetTimes& times, std::int64_t units) {
  for (auto unit = static_cast<std::int64_t>(times.unit_end.size()); unit < units; ++unit) {
    std::uint64_t slowest = 0;
    for (Tile& tile : times.tiles) {
      if (single_window_) {
        run_single_window(tile, unit);
      } else {
        run_pallet(tile, unit);
      }
      slowest = std::max(slowest, tile.end);
    }
    times.unit_end.push_back(slowest);
  }
}

void LayerSchedule::run_pallet(Tile& tile, std::int64_t pallet) {
  const std::int64_t windows = layer_.N * layer_.OH * layer_.OW;
  const std::int64_t first = pallet * columns_;
  const std::int64_t present = std::min(columns_, windows - first);
  if (design_.activation != WidthSource::brick) {
    // All columns take the same time, so synchronisation costs nothing, whatever the registers.
    std::uint64_t cycles = 0;
    for (const std::uint16_t factor : tile.weight_time)
      cycles += factor;
    tile.end += cycles * activation_time_.front();
    return;
  }

  struct Window {
    std::int64_t plane, y, x;  ///< of the window's first tap; y and x may lie in the padding
  };
  std::vector<Window> window(static_cast<std::size_t>(present));
  for (std::int64_t j = 0; j < present; ++j) {
    const std::int64_t index = first + j;
    const std::int64_t n = index / (layer_.OH * layer_.OW);
    const std::int64_t oy = index / layer_.OW % layer_.OH;
    const std::int64_t ox = index % layer_.OW;
    window[static_cast<std::size_t>(j)] = {n * layer_.H, oy * layer_.stride[0] - layer_.pad_tblr[0],
                                           ox * layer_.stride[1] - layer_.pad_tblr[2]};
  }
  const std::vector<std::uint8_t> padding(static_cast<std::size_t>(tile.bricks), 1);
  std::vector<const std::uint8_t*> widths(static_cast<std::size_t>(present));
  const auto k = static_cast<std::uint64_t>(geometry_.column_registers);
  const std::uint16_t* weight_time = tile.weight_time.data();
  const std::uint8_t* map = activations_->at(0) + tile.brick;
  const std::int64_t bricks_per_position = activations_->shape().bricks();  // divides: not for every window

  for (std::int64_t r = 0; r < layer_.R; ++r) {
    for (std::int64_t s = 0; s < layer_.S; ++s, weight_time += tile.bricks) {
      for (std::size_t j = 0; j < widths.size(); ++j) {
        const std::int64_t y = window[j].y + r * layer_.dilation[0];
        const std::int64_t x = window[j].x + s * layer_.dilation[1];
        const bool inside = y >= 0 && y < layer_.H && x >= 0 && x < layer_.W;
        widths[j] =
            inside ? map + ((window[j].plane + y) * layer_.W + x) * bricks_per_position : padding.data();
      }
      if (k == 0) {
        // Lock step: a step takes the time of its widest column.
        for (std::int64_t b = 0; b < tile.bricks; ++b) {
          std::uint8_t width = 1;
          for (const std::uint8_t* column : widths)
            width = std::max(width, column[b]);
          tile.end += std::uint64_t{activation_time_[width]} * weight_time[b];
        }
        continue;
      }
      for (std::int64_t b = 0; b < tile.bricks; ++b, ++tile.steps) {
        // E[n-1-k] stands where E[n] will be written: the ring holds k + 1 steps.
        std::uint64_t& step_end = tile.step_end[tile.steps % (k + 1)];
        std::uint64_t slowest = tile.end;
        for (std::size_t j = 0; j < widths.size(); ++j) {
          const std::uint64_t time = std::uint64_t{activation_time_[widths[j][b]]} * weight_time[b];
          tile.column_end[j] = std::max(tile.column_end[j], step_end) + time;
          slowest = std::max(slowest, tile.column_end[j]);
        }
        step_end = slowest;
        tile.end = slowest;
      }
    }
  }
}

/// One output position: its steps are dealt over the columns, one started each II cycles.
void LayerSchedule::run_single_window(Tile& tile, std::int64_t n) {
  const std::vector<std::uint8_t> padding(static_cast<std::size_t>(tile.bricks), 1);
  std::fill(tile.column_end.begin(), tile.column_end.end(), 0);
  std::uint64_t start = 0;
  std::uint64_t interval = 0;
  std::uint64_t last = 0;
  std::size_t step = 0;
  for (std::int64_t r = 0; r < layer_.R; ++r) {
    for (std::int64_t s = 0; s < layer_.S; ++s) {
      const std::int64_t y = r * layer_.dilation[0] - layer_.pad_tblr[0];
      const std::int64_t x = s * layer_.dilation[1] - layer_.pad_tblr[2];
      const bool inside = y >= 0 && y < layer_.H && x >= 0 && x < layer_.W;
      // Without a map the widths are not part of the time: any row serves.
      const std::uint8_t* widths = inside && activations_ != nullptr
                                       ? activations_->at((n * layer_.H + y) * layer_.W + x) + tile.brick
                                       : padding.data();
      for (std::int64_t b = 0; b < tile.bricks; ++b, ++step) {
        std::uint64_t& column = tile.column_end[step % tile.column_end.size()];
        start = std::max(start + interval, column);
        column = start + std::uint64_t{activation_time_[widths[b]]} * tile.weight_time[step];
        interval = tile.weight_time[step];
        last = std::max(last, column);
      }
    }
  }
  tile.end += last;
}

}  // namespace dpred
