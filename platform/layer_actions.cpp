#include "platform/layer_actions.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "workloads/divide_up.h"

namespace dpred {

namespace {

constexpr std::uint64_t accumulator_bits = 32;

/// Slots are counted with 128 bits; what no network of this earth needs is cut off.
std::uint64_t narrowed(SlotCount count) {
  constexpr SlotCount most = std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::min(count, most));
}

/// Positions inside the input that windows read: of each window, those of all taps.
class WindowReads {
 public:
  /// A folded layer also reads rows below the kernel and columns beside it: all that its bricks are made of.
  WindowReads(const LayerShape& layer, std::int64_t fold_factor) : OH_(layer.OH), OW_(layer.OW) {
    const auto up = [&](std::int64_t taps) { return divide_up(taps, fold_factor) * fold_factor; };
    rows_.push_back(0);
    for (std::int64_t oy = 0; oy < layer.OH; ++oy) {
      std::int64_t inside = 0;
      for (std::int64_t r = 0; r < up(layer.R); ++r) {
        const std::int64_t y = layer.input_row(oy, r);
        inside += y >= 0 && y < layer.H;
      }
      rows_.push_back(rows_.back() + inside);
    }
    columns_.push_back(0);
    for (std::int64_t ox = 0; ox < layer.OW; ++ox) {
      std::int64_t inside = 0;
      for (std::int64_t s = 0; s < up(layer.S); ++s) {
        const std::int64_t x = layer.input_column(ox, s);
        inside += x >= 0 && x < layer.W;
      }
      columns_.push_back(columns_.back() + inside);
    }
  }

  std::uint64_t of(WindowRange windows) const {
    return static_cast<std::uint64_t>(before(windows.end) - before(windows.begin));
  }

 private:
  /// Of all windows before this one.
  std::int64_t before(std::int64_t window) const {
    const std::int64_t row = window / OW_;
    const auto oy = static_cast<std::size_t>(row % OH_);
    return (row / OH_ * rows_.back() + rows_[oy]) * columns_.back() +
           (rows_[oy + 1] - rows_[oy]) * columns_[static_cast<std::size_t>(window % OW_)];
  }

  std::int64_t OH_, OW_;
  std::vector<std::int64_t> rows_, columns_;  ///< of the output rows, or columns, before each
};

/// Values that the array reads of its operands' buffers.
struct ValuesRead {
  std::uint64_t activations = 0, weights = 0;
};

/// Filters of a set that lie in [begin, end).
std::int64_t filters_in(const FilterSet& set, std::int64_t begin, std::int64_t end) {
  const auto before = [&](std::int64_t k) {
    return divide_up(std::clamp(k, set.filter_begin, set.filter_end) - set.filter_begin, set.filter_step);
  };
  return before(end) - before(begin);
}

/// Taps [begin, end) of one axis, of all outputs in the range, that read inside the input.
template <class At>
std::int64_t inside(const RowRange& outputs, std::int64_t begin, std::int64_t end, std::int64_t size,
                    At&& at) {
  std::int64_t count = 0;
  for (std::int64_t out = outputs.begin; out < outputs.end; ++out) {
    for (std::int64_t tap = begin; tap < end; ++tap) {
      const std::int64_t in = at(out, tap);
      count += in >= 0 && in < size;
    }
  }
  return count;
}

/// A job of a split plan: its products' operands, each filter's once a pallet's worth of positions.
ValuesRead values_read(const PreparedLayer& layer, const Job& job) {
  const LayerShape& shape = layer.layer->shape;
  const LayerSchedule& schedule = layer.compute->schedule();
  const Reduction& sums = job.reduction;
  const std::int64_t r_begin = sums.tap_begin / shape.S, r_end = (sums.tap_end - 1) / shape.S + 1;
  const bool one_row = r_end - r_begin == 1;
  const std::int64_t s_begin = one_row ? sums.tap_begin % shape.S : 0;
  const std::int64_t s_end = one_row ? (sums.tap_end - 1) % shape.S + 1 : shape.S;
  const std::int64_t rows = inside(job.band, r_begin, r_end, shape.H, [&](std::int64_t row, std::int64_t r) {
    return shape.input_row(row % shape.OH, r);
  });
  const std::int64_t columns =
      inside(job.columns, s_begin, s_end, shape.W,
             [&](std::int64_t x, std::int64_t s) { return shape.input_column(x, s); });
  std::int64_t channels = 0, filters = 0;
  for (std::int64_t set = job.set_begin; set < job.set_end; ++set) {
    const std::int64_t in_set =
        filters_in(schedule.sets()[static_cast<std::size_t>(set)], job.filter_begin, job.filter_end);
    filters += in_set;
    channels += shape.depthwise() ? in_set : sums.channel_end - sums.channel_begin;
  }
  const std::int64_t positions = job.band.rows() * job.columns.rows();
  const std::int64_t turns = divide_up(positions, schedule.windows(0).end * schedule.units_at_a_time());
  const std::int64_t of_filter = (sums.tap_end - sums.tap_begin) * (sums.channel_end - sums.channel_begin);
  return {static_cast<std::uint64_t>(rows * columns * channels),
          static_cast<std::uint64_t>(filters * of_filter * turns)};
}

ValuesRead values_read(const PreparedLayer& layer) {
  if (layer.plan.split) {
    ValuesRead read;
    for (const Job& job : layer.plan.jobs) {
      const ValuesRead of_job = values_read(layer, job);
      read.activations += of_job.activations;
      read.weights += of_job.weights;
    }
    return read;
  }
  const LayerShape& shape = layer.layer->shape;
  const LayerSchedule& schedule = layer.compute->schedule();
  const WindowReads reads(shape, layer.plan.folded ? shape.stride[0] : 1);
  // Sums over the sets before each.
  std::vector<std::int64_t> channels{0}, filters{0};
  for (const FilterSet& set : schedule.sets()) {
    channels.push_back(channels.back() + set.channel_end - set.channel_begin);
    filters.push_back(filters.back() + filters_in(set, set.filter_begin, set.filter_end));
  }
  const std::int64_t filter_values = shape.channels_per_group() * shape.R * shape.S;
  const std::int64_t at_a_time = schedule.units_at_a_time();
  ValuesRead read;
  for (const Job& job : layer.plan.jobs) {
    const ArrayJob part = array_job(layer.plan, job, schedule);
    if (part.unit_begin == part.unit_end) continue;
    const auto begin = static_cast<std::size_t>(part.set_begin), end = static_cast<std::size_t>(part.set_end);
    read.activations +=
        static_cast<std::uint64_t>(channels[end] - channels[begin]) *
        reads.of({schedule.windows(part.unit_begin).begin, schedule.windows(part.unit_end - 1).end});
    const std::int64_t of_filters =
        part.set_end - part.set_begin == 1
            ? filters_in(schedule.sets()[begin], part.filter_begin, part.filter_end)
            : filters[end] - filters[begin];
    const std::int64_t turns = divide_up(part.unit_end, at_a_time) - part.unit_begin / at_a_time;
    read.weights +=
        static_cast<std::uint64_t>(of_filters * filter_values) * static_cast<std::uint64_t>(turns);
  }
  return read;
}

/// Values and groups that are decoded for rows that a fill brings.
struct Decoded {
  std::uint64_t values = 0, groups = 0;

  void add(const StreamDirectory& stream, const Fill& fill) {
    if (!stream.plan().has_table()) return;  // raw: the codec is bypassed
    const StreamLayout& layout = stream.layout();
    if (!fill.parts.empty()) return add_parts(stream, fill);
    for (const RowRange& range : fill.rows) {
      if (range.rows() == 0) continue;
      if (!stream.plan().whole_blocks()) {
        add(layout, layout.section_of_row(range.begin), range.rows());
        continue;
      }
      const std::int64_t last = layout.block_of_row(range.end - 1);
      for (std::int64_t block = layout.block_of_row(range.begin); block <= last; ++block) {
        const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
        add(layout, layout.section_of(rows), rows.rows);
      }
    }
  }

  /// Whole groups, rows or blocks, as the codec decodes them.
  void add_parts(const StreamDirectory& stream, const Fill& fill) {
    const StreamLayout& layout = stream.layout();
    for (std::size_t i = 0; i < fill.rows.size(); ++i) {
      for (const RowPiece& piece : stream.pieces_of(fill.rows[i], fill.parts[i])) {
        const StreamSection& section = layout.section_of_row(piece.row);
        if (stream.plan().whole_blocks()) {
          add(layout, section,
              layout.blocks()[static_cast<std::size_t>(layout.block_of_row(piece.row))].rows);
          continue;
        }
        const auto decoded = stream.decoded_values(piece.row, piece.value_begin, piece.value_end);
        const std::int64_t count = decoded.value_end - decoded.value_begin;
        const std::int64_t run = std::min(section.run, count);
        values += static_cast<std::uint64_t>(count);
        groups += static_cast<std::uint64_t>(count / run * divide_up(run, layout.options().group));
      }
    }
  }

  void add(const StreamLayout& layout, const StreamSection& section, std::int64_t rows) {
    values += static_cast<std::uint64_t>(rows * section.row_values);
    groups += static_cast<std::uint64_t>(rows * section.groups_per_row(layout.options().group));
  }
};

/// Bits of an accumulator that takes a bit of a weight at a time: the sum of one bit of all lanes, times what
/// the weight's bits make of it.
std::uint64_t narrow_bits(std::int64_t lanes, std::uint64_t bits) {
  std::uint64_t carry = 0;
  while ((std::int64_t{1} << carry) < lanes)
    ++carry;
  return bits + carry;
}

void count_array(const ComputeDesign& design, std::int64_t lanes, std::uint64_t bits, const ArraySlots& slots,
                 ActionCounts& counts) {
  const SlotCount active = slots.of(SlotCause::useful) + slots.of(SlotCause::width_padding);
  SlotCount accumulated = SlotCount{slots.passes()} * accumulator_bits;
  if (!design.serial_activations()) {
    counts.multiplies = narrowed(active / bits);
    counts.adder_bits = narrowed(active / bits * (2 * bits) + accumulated);
  } else if (!design.serial_weights()) {
    counts.serial_steps = narrowed(active);
    counts.adder_bits = narrowed(accumulated);
  } else {
    counts.bit_products = narrowed(active);
    accumulated += slots.in_steps() * narrow_bits(lanes, bits);
    counts.adder_bits = narrowed(accumulated);
  }
  counts.register_bits += narrowed(accumulated);
}

/// Sums in parts pass the output buffer between the jobs that add to them; those that spill once more each
/// way.
void count_partial_sums(const PreparedLayer& layer, ActionCounts& counts) {
  if (!layer.plan.split) return;
  const std::vector<FilterSet>& sets = layer.compute->schedule().sets();
  for (const Job& job : layer.plan.jobs) {
    std::int64_t filters = 0;
    for (std::int64_t set = job.set_begin; set < job.set_end; ++set)
      filters += filters_in(sets[static_cast<std::size_t>(set)], job.filter_begin, job.filter_end);
    const auto bytes = static_cast<std::uint64_t>(4 * filters * job.band.rows() * job.columns.rows());
    if (!job.begins_sums) counts.output_buffer_read_bytes += bytes;
    if (!job.ends_sums) counts.output_buffer_write_bytes += bytes;
    if (job.partials_in) counts.output_buffer_write_bytes += bytes;
    if (job.partials_out) counts.output_buffer_read_bytes += bytes;
  }
}

}  // namespace

ActionCounts count_actions(const PreparedLayer& layer, const DesignPoint& point) {
  const LayerShape& shape = layer.layer->shape;
  const std::uint64_t bits = layer.descriptor.activation.format.values.bits;
  const std::uint64_t code_bytes = bits / 8;
  ActionCounts counts;
  counts.dram_activation_read_bits = 8 * layer.traffic.activation_read_bytes;
  counts.dram_weight_read_bits = 8 * layer.traffic.weight_read_bytes;
  counts.dram_output_write_bits = 8 * layer.traffic.output_write_bytes;
  counts.dram_output_read_bits = 8 * layer.traffic.output_read_bytes;
  counts.dram_control_read_bits = 8 * LayerDescriptor::size;

  Decoded activations, weights;
  for (const Job& job : layer.plan.jobs) {
    if (job.activations) {
      counts.activation_buffer_write_bytes += job.activations->buffer_bytes;
      activations.add(*layer.streams.activation, *job.activations);
    }
    if (job.weights) {
      counts.weight_buffer_write_bytes += job.weights->buffer_bytes;
      weights.add(*layer.streams.weight, *job.weights);
    }
  }
  const auto results = static_cast<std::uint64_t>(shape.windows() * layer.descriptor.output_channels);
  if (layer.plan.output_place) counts.activation_buffer_write_bytes += results * code_bytes;
  counts.decoded_bits = (activations.values + weights.values) * bits;
  counts.activation_groups = activations.groups;
  counts.weight_groups = weights.groups;
  if (point.design->activation == WidthSource::brick)
    counts.detected_bits = 8 * counts.activation_buffer_write_bytes;

  const ValuesRead read = values_read(layer);
  counts.activation_buffer_read_bytes = read.activations * code_bytes;
  counts.weight_buffer_read_bytes = read.weights * code_bytes;
  counts.register_bits = (read.activations + read.weights) * bits;

  if (layer.output != nullptr) {
    counts.output_buffer_write_bytes = counts.output_buffer_read_bytes = results * code_bytes;
    if (layer.coded_output()) {
      counts.encoded_bits = results * bits;
      counts.detected_bits += results * bits;
      counts.output_groups = static_cast<std::uint64_t>(layer.streams.output->layout().groups());
    }
  }
  count_partial_sums(layer, counts);
  count_array(*point.design, point.geometry.lanes, bits, layer.compute->slots(), counts);
  return counts;
}

EnergyPoint energy_point(const DesignPoint& point, int bits) {
  const ArrayGeometry& array = point.geometry;
  const auto bytes = [&](std::int64_t values) { return static_cast<std::uint64_t>(values * bits / 8); };
  const std::int64_t columns = array.columns_of(*point.design, bits);
  const std::int64_t rows = array.rows_of(*point.design, bits);
  // Tiles have either their own filters or their own windows.
  const bool windows = array.tile_split != TileSplit::filters;
  EnergyPoint energy;
  energy.memory = point.memory.preset.name;
  energy.bits = bits;
  energy.activation_bank = bank_bytes(point.buffers.activation, point.banks.activation.banks,
                                      bytes(columns * array.lanes * (windows ? array.tiles : 1)));
  energy.weight_bank = bank_bytes(point.buffers.weight, point.banks.weight.banks,
                                  bytes(rows * array.lanes * (windows ? 1 : array.tiles)));
  energy.output_bank = bank_bytes(point.buffers.output, point.banks.output.banks, bytes(array.lanes));
  return energy;
}

}  // namespace dpred
