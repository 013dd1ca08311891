#include "models/array/layer_schedule.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "models/array/column_clock.h"
#include "models/array/fold.h"
#include "models/array/pallet_widths.h"
#include "models/array/step_time.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// Sum of a[i] * b[i]. Times of steps are small; blocks keep the sum of products in 32 bits, which
/// vectorises.
std::uint64_t sum_of_products(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  constexpr std::size_t block = std::size_t{1} << 16;
  std::uint64_t sum = 0;
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(begin + block, count);
    std::uint32_t part = 0;
    for (std::size_t i = begin; i < end; ++i)
      part += std::uint32_t{a[i]} * b[i];
    sum += part;
  }
  return sum;
}

std::uint64_t sum_of(const std::vector<std::uint8_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

/// Raises ends[i] to the end of step i: of consecutive steps from `begin` that take a[i] * b[i].
void raise_to_ends(std::vector<std::uint64_t>& ends, std::uint64_t begin, const std::uint8_t* a,
                   const std::uint8_t* b) {
  for (std::uint64_t& end : ends) {
    begin += std::uint64_t{*a++} * *b++;
    end = std::max(end, begin);
  }
}

void check_map(const BrickMap* map, const BrickShape& shape) {
  if (map != nullptr && map->shape() != shape) throw std::invalid_argument("a brick map of another layer");
}

}  // namespace

/// What runs on clockworks of its own: the array with one filter set, or one tile of a depthwise layer.
struct LayerSchedule::Tile {
  std::size_t member = 0;                 ///< of the times: which filter set
  std::vector<std::uint8_t> weight_time;  ///< of each step of a window
  std::vector<std::uint64_t> turn_end;    ///< of each of those that take pallets in turns
  std::vector<ColumnClock> clocks;        ///< likewise; none in lock step
  std::uint64_t end = 0;                  ///< of all units so far
  std::uint64_t last_start = 0;           ///< of the last unit, after those of its own turn
};

/// The bricks that some tiles read at each position.
struct LayerSchedule::BrickRange {
  std::int64_t brick = 0, bricks = 1;
  std::optional<PalletWidths> widths;  ///< in lock step
  std::vector<Tile> tiles;
};

/// Filter sets that read the same bricks advance together, so that each pallet is looked at once.
struct LayerSchedule::Times {
  std::vector<BrickRange> ranges;
  std::vector<std::vector<std::uint64_t>> unit_end;  ///< by member, then by unit
  std::vector<std::uint8_t> step_time;
  /// By member, unit and step: its end in the slowest tile. Empty where it is not kept.
  std::vector<std::vector<std::vector<std::uint64_t>>> step_end;

  /// Those of the last unit; null where they are not kept.
  std::vector<std::uint64_t>* last_step_end(std::size_t member) {
    return step_end.empty() ? nullptr : &step_end[member].back();
  }
};

std::int64_t steps_of_window(const LayerShape& layer, std::int64_t lanes) {
  const std::int64_t taps = layer.R * layer.S;
  return layer.depthwise() ? taps : taps * divide_up(layer.channels_per_group(), lanes);
}

LayerSchedule::LayerSchedule(const ComputeDesign& design, const ArrayGeometry& geometry,
                             const LayerShape& layer, const LayerPrecision& precision,
                             const BrickMap* activations, const BrickMap* weights)
    : design_(design),
      geometry_(geometry),
      layer_(computed_shape(layer, geometry)),
      precision_(precision),
      activations_(design.activation == WidthSource::brick ? activations : nullptr),
      weights_(design.weight == WidthSource::brick ? weights : nullptr),
      columns_(geometry.columns_of(design, precision.bits)),
      rows_(geometry.rows_of(design, precision.bits)),
      is_folded_(folds(layer, geometry)),
      window_rows_(is_folded_ ? layer_.R * layer.stride[0] : (layer.R - 1) * layer.dilation[0] + 1),
      single_window_(layer.single_window()),
      units_(single_window_ ? layer.N : divide_up(layer.windows(), columns_)),
      activation_time_(activation_times(design, geometry, precision)) {
  if (geometry.tile_split == TileSplit::best)
    throw std::invalid_argument("the split of tiles is not decided");
  check_map(activations_, activation_bricks(layer, geometry).shape);
  check_map(weights_, weight_bricks(layer, geometry).shape);
  const bool in_turns = geometry.tile_split == TileSplit::windows && !layer.depthwise() && !single_window_;
  turns_ = in_turns ? geometry.tiles : 1;
  sets_ = layer.depthwise() ? depthwise_sets(layer, geometry.lanes, rows_, geometry.tiles)
                            : filter_sets(layer, in_turns ? rows_ : rows_ * geometry.tiles);
  times_.resize(sets_.size());
}

LayerSchedule::~LayerSchedule() = default;

LayerSchedule::Place LayerSchedule::place_of(std::int64_t set) const {
  const auto s = static_cast<std::size_t>(set);
  const bool weights_differ = design_.weight == WidthSource::brick;
  if (layer_.depthwise()) {
    // The passes over the channels differ only in the weights.
    const std::size_t pass = sets_.size() / static_cast<std::size_t>(layer_.K / layer_.C);
    return {weights_differ ? s : s % pass, 0};
  }
  const std::size_t group = sets_.size() / static_cast<std::size_t>(layer_.groups);
  return {s / group, weights_differ ? s % group : 0};
}

LayerSchedule::BrickRange LayerSchedule::make_range(std::int64_t brick, std::int64_t bricks) const {
  BrickRange range;
  range.brick = brick;
  range.bricks = bricks;
  if (activations_ != nullptr && geometry_.column_registers == 0 && !single_window_)
    range.widths.emplace(layer_, columns_, *activations_, brick, bricks);
  return range;
}

LayerSchedule::Tile LayerSchedule::make_tile(std::int64_t bricks,
                                             const std::vector<std::int64_t>& filters) const {
  Tile tile;
  if (activations_ != nullptr && !single_window_) {
    tile.turn_end.resize(static_cast<std::size_t>(std::min(turns_, units_)), 0);
    if (geometry_.column_registers > 0)
      tile.clocks.resize(tile.turn_end.size(), ColumnClock(columns_, geometry_.column_registers));
  }
  tile.weight_time = weight_times(design_, geometry_, precision_, layer_, bricks, weights_, filters);
  return tile;
}

/// The times of the set and of all that are kept with it.
std::unique_ptr<LayerSchedule::Times> LayerSchedule::make_times(std::int64_t set) const {
  auto times = std::make_unique<Times>();
  if (layer_.depthwise()) {
    for (const ChannelUnit& unit :
         units_of(layer_, sets_[static_cast<std::size_t>(set)], geometry_.lanes, rows_)) {
      const bool same_brick = !times->ranges.empty() && times->ranges.back().brick == unit.brick;
      if (!same_brick) times->ranges.push_back(make_range(unit.brick, 1));
      // Tiles that take the same brick at the same weight times run alike: one stands for them.
      if (same_brick && design_.weight != WidthSource::brick) continue;
      times->ranges.back().tiles.push_back(make_tile(1, unit.filters));
    }
    times->unit_end.resize(1);
    return times;
  }
  const std::int64_t bricks = divide_up(layer_.channels_per_group(), geometry_.lanes);
  const std::size_t index = place_of(set).times;
  times->ranges.push_back(make_range(static_cast<std::int64_t>(index) * bricks, bricks));
  const std::size_t group = sets_.size() / static_cast<std::size_t>(layer_.groups);
  for (std::size_t s = index * group; s < (index + 1) * group; ++s) {
    const Place place = place_of(static_cast<std::int64_t>(s));
    if (place.member < times->unit_end.size()) break;  // all take the same time
    Tile tile = make_tile(bricks, sets_[s].filters());
    tile.member = place.member;
    times->ranges.back().tiles.push_back(std::move(tile));
    times->unit_end.emplace_back();
  }
  return times;
}

std::int64_t LayerSchedule::units_in_rows(std::int64_t rows) const {
  if (single_window_) return rows;
  const std::int64_t windows = rows * layer_.OW;
  return windows == layer_.windows() ? units_ : windows / columns_;
}

std::int64_t LayerSchedule::rows_in_units(std::int64_t units) const {
  if (single_window_) return units;
  return units == units_ ? layer_.N * layer_.OH : units * columns_ / layer_.OW;
}

std::uint64_t LayerSchedule::end(std::int64_t set, std::int64_t units) {
  if (units == 0) return 0;
  const Place place = place_of(set);
  std::unique_ptr<Times>& times = times_[place.times];
  if (!times) times = make_times(set);
  if (design_.activation != WidthSource::brick) return equal_units(*times, place.member, units);
  advance(*times, units);
  return times->unit_end[place.member][static_cast<std::size_t>(units - 1)];
}

std::vector<LayerSchedule::TileTime> LayerSchedule::tile_times(std::int64_t set) {
  const std::uint64_t slowest = end(set, units_);
  if (layer_.depthwise()) return depthwise_tile_times(set);
  if (turns_ == 1) return {{slowest, end(set, units_ - 1)}};
  std::vector<TileTime> times(static_cast<std::size_t>(turns_));
  const std::int64_t last = (units_ - 1) % turns_;
  const Place place = place_of(set);
  for (std::int64_t t = 0; t < std::min(turns_, units_); ++t) {
    TileTime& time = times[static_cast<std::size_t>(t)];
    if (design_.activation != WidthSource::brick) {
      // All units take the same time.
      const std::uint64_t unit = end(set, 1);
      time.end = unit * static_cast<std::uint64_t>((units_ - 1 - t) / turns_ + 1);
      time.last_unit = t == last ? time.end - unit : time.end;
      continue;
    }
    for (const Tile& tile : times_[place.times]->ranges.front().tiles) {
      if (tile.member != place.member) continue;
      time.end = tile.turn_end[static_cast<std::size_t>(t)];
      time.last_unit = t == last ? tile.last_start : time.end;
    }
  }
  return times;
}

std::vector<LayerSchedule::TileTime> LayerSchedule::depthwise_tile_times(std::int64_t set) const {
  const Times& times = *times_[place_of(set).times];
  std::vector<TileTime> tiles;
  auto range = times.ranges.begin();
  std::size_t in_brick = 0;
  for (const ChannelUnit& unit :
       units_of(layer_, sets_[static_cast<std::size_t>(set)], geometry_.lanes, rows_)) {
    if (unit.brick != range->brick) {
      ++range;
      in_brick = 0;
    }
    // One may stand for all of its brick.
    const Tile& tile = range->tiles[std::min(in_brick++, range->tiles.size() - 1)];
    if (design_.activation == WidthSource::brick) {
      tiles.push_back({tile.end, tile.last_start});
    } else {
      const std::uint64_t cycles = equal_unit(*range, tile);
      tiles.push_back(
          {cycles * static_cast<std::uint64_t>(units_), cycles * static_cast<std::uint64_t>(units_ - 1)});
    }
  }
  return tiles;
}

WindowRange LayerSchedule::windows(std::int64_t unit) const {
  if (single_window_) return {unit, unit + 1};
  return {unit * columns_, std::min((unit + 1) * columns_, layer_.windows())};
}

std::vector<std::uint64_t> LayerSchedule::step_times(std::int64_t set, std::int64_t unit_begin,
                                                     std::int64_t unit_end) {
  const std::uint64_t before = end(set, unit_begin);
  end(set, unit_end);
  const Place place = place_of(set);
  const Times& times = *times_[place.times];
  std::vector<std::uint64_t> cycles(static_cast<std::size_t>(steps()), before);
  for (std::int64_t unit = unit_begin; unit < unit_end; ++unit) {
    const std::vector<std::uint64_t>& ends =
        design_.activation == WidthSource::brick
            ? times.step_end[place.member][static_cast<std::size_t>(unit)]
            : equal_step_ends(times, place.member, unit);
    for (std::size_t i = 0; i < cycles.size(); ++i)
      cycles[i] = std::max(cycles[i], ends[i]);
  }
  std::adjacent_difference(cycles.begin(), cycles.end(), cycles.begin());
  cycles.front() -= before;
  return cycles;
}

std::uint64_t LayerSchedule::total() {
  std::uint64_t cycles = 0;
  for (std::size_t set = 0; set < sets_.size(); ++set)
    cycles += end(static_cast<std::int64_t>(set), units_);
  return cycles;
}

std::uint64_t LayerSchedule::equal_unit(const BrickRange& range, const Tile& tile) const {
  return single_window_ ? deal(range, tile, 0) : sum_of(tile.weight_time) * activation_time_.front();
}

/// Where no width is found at run time, all units take the same time, and columns have nothing to wait for.
std::uint64_t LayerSchedule::equal_units(const Times& times, std::size_t member, std::int64_t units) const {
  std::uint64_t slowest = 0;
  for (const BrickRange& range : times.ranges) {
    for (const Tile& tile : range.tiles) {
      if (tile.member != member) continue;
      slowest = std::max(slowest, equal_unit(range, tile));
    }
  }
  return slowest * static_cast<std::uint64_t>(divide_up(units, turns_));
}

/// When the steps of one of these units are over.
std::vector<std::uint64_t> LayerSchedule::equal_step_ends(const Times& times, std::size_t member,
                                                          std::int64_t unit) const {
  std::vector<std::uint64_t> ends(static_cast<std::size_t>(steps()), 0);
  const std::vector<std::uint8_t> activation_time(ends.size(), activation_time_.front());
  for (const BrickRange& range : times.ranges) {
    for (const Tile& tile : range.tiles) {
      if (tile.member != member) continue;
      const auto before = static_cast<std::uint64_t>(unit / turns_);
      if (single_window_) {
        deal_keeping(ends, range, tile, 0, deal(range, tile, 0) * before);
      } else {
        raise_to_ends(ends, sum_of(tile.weight_time) * activation_time_.front() * before,
                      activation_time.data(), tile.weight_time.data());
      }
    }
  }
  return ends;
}

void LayerSchedule::advance(Times& times, std::int64_t units) const {
  if (keeps_steps_) times.step_end.resize(times.unit_end.size());
  for (auto unit = static_cast<std::int64_t>(times.unit_end.front().size()); unit < units; ++unit) {
    for (std::vector<std::uint64_t>& ends : times.unit_end)
      ends.push_back(0);
    for (auto& ends : times.step_end)
      ends.emplace_back(static_cast<std::size_t>(steps()), 0);
    for (BrickRange& range : times.ranges) {
      if (!single_window_) run_pallet(times, range, unit);
      for (Tile& tile : range.tiles) {
        if (single_window_) {
          std::vector<std::uint64_t>* step_end = times.last_step_end(tile.member);
          tile.end += step_end != nullptr ? deal_keeping(*step_end, range, tile, unit, tile.end)
                                          : deal(range, tile, unit);
        }
        std::uint64_t& end = times.unit_end[tile.member].back();
        end = std::max(end, tile.end);
      }
    }
  }
}

void LayerSchedule::run_pallet(Times& times, BrickRange& range, std::int64_t pallet) const {
  std::vector<std::uint8_t>& step_time = times.step_time;
  if (range.widths) {
    const std::vector<std::uint8_t>& widths = range.widths->of(pallet);
    step_time.resize(widths.size());
    for (std::size_t i = 0; i < widths.size(); ++i)
      step_time[i] = activation_time_[widths[i]];
  }
  for (Tile& tile : range.tiles) {
    const std::size_t turn = static_cast<std::size_t>(pallet) % tile.turn_end.size();
    tile.last_start = tile.turn_end[turn];
    std::vector<std::uint64_t>* step_end = times.last_step_end(tile.member);
    if (range.widths) {
      if (step_end != nullptr)
        raise_to_ends(*step_end, tile.turn_end[turn], step_time.data(), tile.weight_time.data());
      tile.turn_end[turn] += sum_of_products(step_time.data(), tile.weight_time.data(), step_time.size());
    } else {
      run_with_registers(range, tile, tile.clocks[turn], pallet, step_end);
      tile.turn_end[turn] = tile.clocks[turn].end();
    }
    tile.end = std::max(tile.end, tile.turn_end[turn]);
  }
}

void LayerSchedule::run_with_registers(const BrickRange& range, const Tile& tile, ColumnClock& clock,
                                       std::int64_t pallet, std::vector<std::uint64_t>* step_end) const {
  struct Window {
    std::int64_t plane, y, x;  ///< of the window's first tap; y and x may lie in the padding
  };
  const std::int64_t first = pallet * columns_;
  const std::int64_t present = std::min(columns_, layer_.windows() - first);
  std::vector<Window> windows(static_cast<std::size_t>(present));
  for (std::int64_t j = 0; j < present; ++j) {
    const std::int64_t index = first + j;
    const std::int64_t n = index / (layer_.OH * layer_.OW);
    const std::int64_t oy = index / layer_.OW % layer_.OH;
    const std::int64_t ox = index % layer_.OW;
    windows[static_cast<std::size_t>(j)] = {n * layer_.H, layer_.input_row(oy, 0),
                                            layer_.input_column(ox, 0)};
  }
  const std::vector<std::uint8_t> padding(static_cast<std::size_t>(range.bricks), 1);
  std::vector<const std::uint8_t*> widths(windows.size());
  const std::uint8_t* weight_time = tile.weight_time.data();
  std::uint64_t* latest = step_end != nullptr ? step_end->data() : nullptr;
  const std::uint8_t* map = activations_->at(0) + range.brick;
  const std::int64_t bricks_per_position = activations_->shape().bricks();  // divides: not for every window
  for (std::int64_t r = 0; r < layer_.R; ++r) {
    for (std::int64_t s = 0; s < layer_.S; ++s, weight_time += range.bricks) {
      for (std::size_t j = 0; j < widths.size(); ++j) {
        const std::int64_t y = windows[j].y + r * layer_.dilation[0];
        const std::int64_t x = windows[j].x + s * layer_.dilation[1];
        const bool inside = y >= 0 && y < layer_.H && x >= 0 && x < layer_.W;
        widths[j] =
            inside ? map + ((windows[j].plane + y) * layer_.W + x) * bricks_per_position : padding.data();
      }
      clock.run(widths, range.bricks, activation_time_.data(), weight_time, latest);
      if (latest != nullptr) latest += range.bricks;
    }
  }
}

/// Cycles of step n of a recurrent layer, or of the one window: the columns start empty. Calls started(cycle)
/// for each of its steps.
template <class Started>
std::uint64_t LayerSchedule::deal(const BrickRange& range, const Tile& tile, std::int64_t n,
                                  Started&& started) const {
  const std::vector<std::uint8_t> padding(static_cast<std::size_t>(range.bricks), 1);
  const std::uint8_t* weight_time = tile.weight_time.data();
  DealtSteps steps(columns_);
  for (std::int64_t r = 0; r < layer_.R; ++r) {
    for (std::int64_t s = 0; s < layer_.S; ++s) {
      const std::int64_t y = layer_.input_row(0, r);
      const std::int64_t x = layer_.input_column(0, s);
      const bool inside = y >= 0 && y < layer_.H && x >= 0 && x < layer_.W;
      // Without a map the widths are not part of the time: any row serves.
      const std::uint8_t* widths = inside && activations_ != nullptr
                                       ? activations_->at((n * layer_.H + y) * layer_.W + x) + range.brick
                                       : padding.data();
      for (std::int64_t b = 0; b < range.bricks; ++b)
        started(steps.step(activation_time_[widths[b]], *weight_time++));
    }
  }
  return steps.end();
}

std::uint64_t LayerSchedule::deal(const BrickRange& range, const Tile& tile, std::int64_t n) const {
  return deal(range, tile, n, [](std::uint64_t) {});
}

/// The same from `begin` on, and raises step_end[i] to the start of step i + 1, that of the last step to the
/// end.
std::uint64_t LayerSchedule::deal_keeping(std::vector<std::uint64_t>& step_end, const BrickRange& range,
                                          const Tile& tile, std::int64_t n, std::uint64_t begin) const {
  std::vector<std::uint64_t> starts;
  const std::uint64_t cycles = deal(range, tile, n, [&](std::uint64_t start) { starts.push_back(start); });
  starts.push_back(cycles);
  for (std::size_t i = 0; i < step_end.size(); ++i)
    step_end[i] = std::max(step_end[i], begin + starts[i + 1]);
  return cycles;
}

TileSplit best_tile_split(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                          const LayerPrecision& precision, const BrickMap* activations,
                          const BrickMap* weights) {
  const auto cycles = [&](TileSplit split) {
    ArrayGeometry decided = geometry;
    decided.tile_split = split;
    return LayerSchedule(design, decided, layer, precision, activations, weights).total();
  };
  return cycles(TileSplit::windows) < cycles(TileSplit::filters) ? TileSplit::windows : TileSplit::filters;
}

}  // namespace dpred
