#include "models/array/utilisation.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "models/array/fold.h"
#include "models/array/step_time.h"
#include "models/array/tap_sums.h"
#include "models/precision/width.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// Bits of values that multiplications need: a value's width, none for a zero, never above `at_most`.
class UsefulWidths {
 public:
  UsefulWidths(const ValueFormat& format, int at_most) : format_(format), at_most_(at_most) {
    if (format.bits != 8) return;
    // Few enough to be looked up, which is four times as fast.
    for (std::size_t i = 0; i < by_code_.size(); ++i) {
      const auto code = static_cast<std::int32_t>(i);
      by_code_[i] = of(format.code_is_signed && code > 127 ? code - 256 : code);
    }
  }

  template <class Code>
  void of(const Code* codes, std::int64_t count, std::uint8_t* widths) const {
    for (std::int64_t i = 0; i < count; ++i)
      widths[i] = sizeof(Code) == 1 ? by_code_[static_cast<std::uint8_t>(codes[i])] : of(codes[i]);
  }

 private:
  std::uint8_t of(std::int32_t code) const {
    const std::int32_t value = code - format_.zero_point;
    const int width = std::min(width_of(value, format_.is_signed), at_most_);
    return static_cast<std::uint8_t>(value == 0 ? 0 : width);
  }

  ValueFormat format_;
  int at_most_;
  std::array<std::uint8_t, 256> by_code_{};
};

/// What a bit of an activation meets in the filters that read it, by input channel, r, then s: the bits of
/// their weights where these are serial too, else one for each filter.
std::vector<std::uint64_t> weight_bits(const ComputeDesign& design, const LayerShape& layer,
                                       const ArrayOperand& weights) {
  const std::int64_t filter = layer.channels_per_group() * layer.R * layer.S;
  if (!design.serial_weights()) {
    return std::vector<std::uint64_t>(static_cast<std::size_t>(filter * layer.groups),
                                      static_cast<std::uint64_t>(layer.filters_per_group()));
  }
  std::vector<std::uint64_t> bits(static_cast<std::size_t>(filter * layer.groups), 0);
  std::vector<std::uint8_t> widths(static_cast<std::size_t>(filter));
  const UsefulWidths useful(weights.format, weights.format.bits + 1);
  weights.values.visit([&](const auto* codes) {
    for (std::int64_t k = 0; k < layer.K; ++k) {
      useful.of(codes + k * filter, filter, widths.data());
      std::uint64_t* sums = bits.data() + k / layer.filters_per_group() * filter;
      for (std::size_t i = 0; i < widths.size(); ++i)
        sums[i] += widths[i];
    }
  });
  return bits;
}

}  // namespace

SlotCount useful_slots(const ComputeDesign& design, const LayerShape& layer, const ArrayOperand& activations,
                       const ArrayOperand& weights) {
  const ValueFormat& format = activations.format;
  // Bit-parallel units have B bits, and are taken to get the ninth of an 8-bit value free.
  const UsefulWidths useful(format, design.serial_activations() ? format.bits + 1 : format.bits);
  const std::vector<std::uint64_t> met = weight_bits(design, layer, weights);
  const std::int64_t taps = layer.R * layer.S;
  const std::int64_t plane = layer.H * layer.W;
  // Channels lie apart, but where the input is a single position.
  const std::int64_t depth = plane == 1 ? layer.C : 1;
  TapSums taps_read(layer, depth);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(taps * depth));
  std::vector<std::uint8_t> widths(static_cast<std::size_t>(plane * depth));
  SlotCount slots = 0;
  activations.values.visit([&](const auto* codes) {
    for (std::int64_t c = 0; c < layer.C; c += depth) {
      for (std::int64_t n = 0; n < layer.N; ++n) {
        useful.of(codes + (n * layer.C + c) * plane, plane * depth, widths.data());
        for (std::int64_t y = 0; y < layer.H; ++y)
          taps_read.add_row(y, widths.data() + y * layer.W * depth);
      }
      taps_read.take(sums.data());
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t d = 0; d < depth; ++d) {
          slots += SlotCount{sums[static_cast<std::size_t>(tap * depth + d)]} *
                   met[static_cast<std::size_t>((c + d) * taps + tap)];
        }
      }
    }
  });
  return slots;
}

namespace {

/// Mean of the bits of values, where at most `at_most` count.
double mean_bits(const std::vector<std::int64_t>& values, int at_most) {
  double bits = 0, count = 0;
  for (std::size_t b = 0; b < values.size(); ++b) {
    bits += static_cast<double>(values[b]) * std::min(static_cast<int>(b), at_most);
    count += static_cast<double>(values[b]);
  }
  return bits / count;
}

/// Output positions of one axis, over all taps, whose tap lies inside the input.
template <class Place>
std::int64_t taps_inside(std::int64_t outputs, std::int64_t taps, std::int64_t size, Place&& place) {
  std::int64_t inside = 0;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t at = place(o, tap);
      inside += at >= 0 && at < size;
    }
  }
  return inside;
}

}  // namespace

SlotCount useful_slots(const ComputeDesign& design, const LayerShape& layer, int bits,
                       const std::vector<std::int64_t>& activations,
                       const std::vector<std::int64_t>& weights) {
  const std::int64_t rows = taps_inside(
      layer.OH, layer.R, layer.H, [&](std::int64_t o, std::int64_t tap) { return layer.input_row(o, tap); });
  const std::int64_t columns = taps_inside(layer.OW, layer.S, layer.W, [&](std::int64_t o, std::int64_t tap) {
    return layer.input_column(o, tap);
  });
  // Padding is zero, and needs no bits.
  const double multiplications = static_cast<double>(layer.N * layer.K * layer.channels_per_group()) *
                                 static_cast<double>(rows) * static_cast<double>(columns);
  const double of_weight = design.serial_weights() ? mean_bits(weights, bits + 1) : 1;
  return static_cast<SlotCount>(multiplications * of_weight *
                                mean_bits(activations, design.serial_activations() ? bits + 1 : bits));
}

namespace {

/// Time that the columns spend in steps of one filter set, over all windows.
struct StepTime {
  std::uint64_t padding = 0;  ///< in bricks outside the input
  std::uint64_t inside = 0;   ///< in the others
  std::uint64_t passes = 0;   ///< the same as if a weight took one cycle
  SlotCount lanes = 0;        ///< `inside`, times the lanes that have a channel
};

/// Lanes that have a channel, by step of a window (r, then s, then brick). A channel of a folded layer has
/// one only at the taps where it meets a weight of the kernel.
std::vector<std::uint64_t> lanes_of_steps(const LayerShape& layer, const ArrayGeometry& geometry) {
  const bool is_folded = folds(layer, geometry);
  const LayerShape computed = is_folded ? folded(layer) : layer;
  const std::int64_t factor = is_folded ? layer.stride[0] : 1;
  const std::int64_t channels = computed.channels_per_group();
  std::vector<std::uint64_t> lanes;
  for (std::int64_t tap = 0; tap < computed.R * computed.S; ++tap) {
    for (std::int64_t first = 0; first < channels; first += geometry.lanes) {
      std::uint64_t count = 0;
      for (std::int64_t c = first; c < std::min(first + geometry.lanes, channels); ++c) {
        const std::int64_t place = is_folded ? c / layer.C : 0;  // in its square of factor x factor positions
        count += tap / computed.S * factor + place / factor < layer.R &&
                 tap % computed.S * factor + place % factor < layer.S;
      }
      lanes.push_back(count);
    }
  }
  return lanes;
}

StepTime step_time(const ActivationTime& activations, const std::vector<std::uint8_t>& weight_time,
                   std::int64_t first_brick, std::int64_t bricks, const std::vector<std::uint64_t>& lanes) {
  StepTime time;
  std::size_t step = 0;
  for (std::size_t tap = 0; tap < activations.padding.size(); ++tap) {
    const std::uint64_t* inside =
        activations.inside.data() + static_cast<std::int64_t>(tap) * activations.bricks + first_brick;
    for (std::int64_t b = 0; b < bricks; ++b, ++step) {
      const std::uint64_t cycles = inside[b] * weight_time[step];
      time.padding += activations.padding[tap] * weight_time[step];
      time.inside += cycles;
      time.passes += inside[b];
      time.lanes += SlotCount{cycles} * lanes[step];
    }
  }
  return time;
}

/// Filters that run together: a filter set, or a tile's of a depthwise layer.
struct Part {
  std::vector<std::int64_t> filters;
  std::int64_t first_brick = 0;                ///< of those that they read
  std::vector<LayerSchedule::TileTime> tiles;  ///< with these filters each, or with a share of them
};

/// The parts of a filter set.
std::vector<Part> parts_of(const ArrayGeometry& geometry, const LayerShape& layer, std::int64_t rows,
                           std::int64_t bricks, LayerSchedule& schedule, std::int64_t set) {
  const FilterSet& filters = schedule.sets()[static_cast<std::size_t>(set)];
  std::vector<LayerSchedule::TileTime> times = schedule.tile_times(set);
  std::vector<Part> parts;
  if (!layer.depthwise()) {
    const std::int64_t group = filters.channel_begin / layer.channels_per_group();
    parts.push_back({filters.filters(), group * bricks, std::move(times)});
    return parts;
  }
  for (ChannelUnit& unit : units_of(layer, filters, geometry.lanes, rows))
    parts.push_back({std::move(unit.filters), unit.brick, {times[parts.size()]}});
  return parts;
}

}  // namespace

ActivationTime activation_time(const ComputeDesign& design, const ArrayGeometry& geometry,
                               const LayerShape& given, const LayerPrecision& precision,
                               const BrickMap* map) {
  const LayerShape layer = computed_shape(given, geometry);
  const std::vector<std::uint8_t> times = activation_times(design, geometry, precision);
  const std::int64_t taps = layer.R * layer.S;
  ActivationTime time;
  time.bricks = activation_bricks(layer, geometry.lanes).bricks();
  time.inside.resize(static_cast<std::size_t>(taps * time.bricks));

  TapSums windows(layer, 1);
  const std::vector<std::uint8_t> ones(static_cast<std::size_t>(layer.W), 1);
  for (std::int64_t y = 0; y < layer.H; ++y)
    windows.add_row(y, ones.data());
  std::vector<std::uint64_t> inside(static_cast<std::size_t>(taps));
  windows.take(inside.data());
  const auto all = static_cast<std::uint64_t>(layer.OH * layer.OW);
  const auto images = static_cast<std::uint64_t>(layer.N);
  for (std::size_t tap = 0; tap < inside.size(); ++tap) {
    time.padding.push_back(images * (all - inside[tap]) * times[1]);
    std::fill_n(time.inside.begin() + static_cast<std::ptrdiff_t>(tap) * time.bricks, time.bricks,
                images * inside[tap] * times[1]);
  }
  if (design.activation != WidthSource::brick) return time;

  TapSums sums(layer, time.bricks);
  std::vector<std::uint8_t> row(static_cast<std::size_t>(layer.W * time.bricks));
  for (std::int64_t y = 0; y < layer.N * layer.H; ++y) {
    const std::uint8_t* widths = map->at(y * layer.W);
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = times[widths[i]];
    sums.add_row(y % layer.H, row.data());
  }
  sums.take(time.inside.data());
  return time;
}

std::string_view to_string(SlotCause cause) {
  switch (cause) {
    case SlotCause::useful:
      return "useful";
    case SlotCause::width_padding:
      return "width_padding";
    case SlotCause::idle_lanes:
      return "idle_lanes";
    case SlotCause::padding_bricks:
      return "padding_bricks";
    case SlotCause::column_wait:
      return "column_wait";
    case SlotCause::partial_pallets:
      return "partial_pallets";
    case SlotCause::tile_wait:
      return "tile_wait";
    case SlotCause::idle_rows:
      break;
  }
  return "idle_rows";
}

ArrayCycles ArraySlots::cycles() const {
  ArrayCycles cycles{};
  std::array<std::uint64_t, slot_causes> remainder{};
  SlotCount left = 0;
  for (std::size_t i = 0; i < slot_causes; ++i) {
    cycles[i] = static_cast<std::uint64_t>(slots_[i] / slots_per_cycle_);
    remainder[i] = static_cast<std::uint64_t>(slots_[i] % slots_per_cycle_);
    left += remainder[i];
  }
  std::array<std::size_t, slot_causes> by_remainder{};
  std::iota(by_remainder.begin(), by_remainder.end(), std::size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
  for (std::size_t i = 0; left > 0; ++i, left -= slots_per_cycle_)
    ++cycles[by_remainder[i]];
  return cycles;
}

ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, const BrickMap* activations, const BrickMap* weights,
                       SlotCount useful) {
  LayerSchedule schedule(design, geometry, layer, precision, activations, weights);
  return array_slots(design, geometry, layer, precision, schedule,
                     activation_time(design, geometry, layer, precision, activations), weights, useful);
}

ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, LayerSchedule& schedule, const ActivationTime& time,
                       const BrickMap* weights, SlotCount useful) {
  const auto tiles = static_cast<std::uint64_t>(geometry.tiles);
  const auto rows = static_cast<std::uint64_t>(geometry.rows_of(design, precision.bits));
  const auto columns = static_cast<std::uint64_t>(geometry.columns_of(design, precision.bits));
  const auto lanes = static_cast<std::uint64_t>(geometry.lanes);
  const auto bits =
      static_cast<std::uint64_t>(design.serial_activations() ? geometry.bits_per_cycle : precision.bits);
  ArraySlots slots(tiles * rows * columns * lanes * bits);

  const LayerShape computed = computed_shape(layer, geometry);
  const std::int64_t windows = layer.windows();
  const bool single_window = layer.single_window();
  // A depthwise filter has one channel, in a brick that others share.
  const std::int64_t channels = computed.channels_per_group();
  const std::int64_t bricks = divide_up(channels, geometry.lanes);
  // Columns without a step: of the last pallet, or of the only window (of each recurrent step).
  const auto w = static_cast<std::int64_t>(columns);
  const auto missing = static_cast<std::uint64_t>(
      single_window ? std::max<std::int64_t>(0, w - computed.R * computed.S * bricks)
                    : divide_up(windows, w) * w - windows);

  const std::vector<std::uint64_t> step_lanes = lanes_of_steps(layer, geometry);
  const SlotCount row_cycle = SlotCount{columns} * lanes * bits;
  SlotCount with_channel = 0;
  std::optional<StepTime> busy;
  std::int64_t busy_brick = 0;
  for (std::int64_t s = 0; s < static_cast<std::int64_t>(schedule.sets().size()); ++s) {
    const std::vector<Part> set =
        parts_of(geometry, computed, static_cast<std::int64_t>(rows), bricks, schedule, s);
    std::uint64_t end = 0;
    std::uint64_t rows_used = 0;
    for (const Part& part : set) {
      for (const LayerSchedule::TileTime& tile : part.tiles)
        end = std::max(end, tile.end);
      rows_used += part.filters.size() * part.tiles.size();
    }
    slots.charge(SlotCause::idle_rows, row_cycle * (tiles * rows - rows_used) * end);
    for (const Part& part : set) {
      // Where all weights take the same time, filters that read the same bricks are alike.
      if (!busy || design.weight == WidthSource::brick || part.first_brick != busy_brick) {
        busy_brick = part.first_brick;
        busy = step_time(time,
                         weight_times(design, geometry, precision, computed, bricks, weights, part.filters),
                         part.first_brick, bricks, step_lanes);
      }

      std::uint64_t tile_cycles = 0, empty = 0, early = 0;
      for (const LayerSchedule::TileTime& tile : part.tiles) {
        tile_cycles += tile.end;
        early += end - tile.end;
        empty += missing * (tile.end - (single_window ? 0 : tile.last_unit));
      }
      const std::uint64_t waiting = columns * tile_cycles - empty - busy->padding - busy->inside;
      const SlotCount row_bits = SlotCount{part.filters.size()} * bits;
      slots.charge(SlotCause::tile_wait, row_bits * columns * lanes * early);
      slots.charge(SlotCause::partial_pallets, row_bits * lanes * empty);
      slots.charge(SlotCause::column_wait, row_bits * lanes * waiting);
      slots.charge(SlotCause::padding_bricks, row_bits * lanes * busy->padding);
      slots.charge(SlotCause::idle_lanes, row_bits * (SlotCount{lanes} * busy->inside - busy->lanes));
      with_channel += row_bits * busy->lanes;
      slots.count_steps(SlotCount{busy->inside} * part.filters.size(),
                        SlotCount{busy->passes} * part.filters.size());
    }
  }
  useful = std::min(useful, with_channel);
  slots.charge(SlotCause::useful, useful);
  slots.charge(SlotCause::width_padding, with_channel - useful);
  return slots;
}

ArraySlots array_slots(const ComputeDesign& design, const ArrayGeometry& geometry, const LayerShape& layer,
                       const LayerPrecision& precision, const ArrayOperand& activations,
                       const ArrayOperand& weights) {
  return array_slots(design, geometry, layer, precision, activations.bricks, weights.bricks,
                     useful_slots(design, layer, activations, weights));
}

}  // namespace dpred
