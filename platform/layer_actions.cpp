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

ValuesRead values_read(const PreparedLayer& layer) {
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
    const ArrayJob part = array_job(job, schedule);
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

}  // namespace

ActionCounts count_actions(const PreparedLayer& layer, const DesignPoint& point) {
  const LayerShape& shape = layer.layer->shape;
  const std::uint64_t bits = layer.descriptor.activation.format.values.bits;
  const std::uint64_t code_bytes = bits / 8;
  ActionCounts counts;
  counts.dram_activation_read_bits = 8 * layer.traffic.activation_read_bytes;
  counts.dram_weight_read_bits = 8 * layer.traffic.weight_read_bytes;
  counts.dram_output_write_bits = 8 * layer.traffic.output_write_bytes;
  counts.dram_control_read_bits = 8 * LayerDescriptor::size;

  Decoded decoded;
  for (const Job& job : layer.plan.jobs) {
    if (job.activations) {
      counts.activation_buffer_write_bytes += job.activations->buffer_bytes;
      decoded.add(*layer.streams.activation, *job.activations);
    }
    if (job.weights) {
      counts.weight_buffer_write_bytes += job.weights->buffer_bytes;
      decoded.add(*layer.streams.weight, *job.weights);
    }
  }
  counts.decoded_bits = decoded.values * bits;
  counts.codec_groups = decoded.groups;
  if (point.design->activation == WidthSource::brick)
    counts.detected_bits = 8 * counts.activation_buffer_write_bytes;

  const ValuesRead read = values_read(layer);
  counts.activation_buffer_read_bytes = read.activations * code_bytes;
  counts.weight_buffer_read_bytes = read.weights * code_bytes;
  counts.register_bits = (read.activations + read.weights) * bits;

  if (layer.output != nullptr) {
    const auto values = static_cast<std::uint64_t>(shape.windows() * layer.descriptor.output_channels);
    counts.output_buffer_write_bytes = counts.output_buffer_read_bytes = values * code_bytes;
    if (layer.coded_output()) {
      counts.encoded_bits = values * bits;
      counts.detected_bits += values * bits;
      counts.codec_groups += static_cast<std::uint64_t>(layer.streams.output->layout().groups());
    }
  }
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
