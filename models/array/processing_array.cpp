#include "models/array/processing_array.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "models/array/job_cycles.h"
#include "workloads/error.h"

namespace dpred {

namespace {

void centre(const std::uint16_t* containers, std::int64_t count, const ValueFormat& format,
            std::int32_t* values) {
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = format.centred(containers[i]);
}

}  // namespace

ProcessingArray::ProcessingArray(const sc_core::sc_module_name& name, const ComputeDesign& design,
                                 const ArrayGeometry& geometry, const BufferBanks& activation_banks,
                                 const BufferBanks& weight_banks)
    : sc_module(name),
      design_(design),
      geometry_(geometry),
      activation_banks_(activation_banks),
      weight_banks_(weight_banks) {
  for (auto* socket : {&activation_buffer, &weight_buffer, &output_buffer})
    socket->bind(no_backward_path_);
}

ProcessingArray::~ProcessingArray() = default;

void ProcessingArray::begin_layer(const ArrayLayer& layer) {
  layer_ = layer;
  schedule_.reset();
  arrived_activations_.reset();
  ArrayGeometry geometry = geometry_;
  geometry.tile_split = layer.tile_split;
  geometry.fold = layer.folded;
  if (layer.folded && !folds(layer.shape, geometry))
    throw InputError("layer descriptor: folded is 1, but this array does not fold such a layer");
  activation_bricks_ = activation_bricks(layer.shape, geometry);
  weight_bricks_ = weight_bricks(layer.shape, geometry);
  if (layer.activation_bricks == nullptr) {
    arrived_activations_ = std::make_unique<BrickMap>(activation_bricks_.shape);
  }
  const BrickMap* activation_widths =
      arrived_activations_ ? arrived_activations_.get() : layer.activation_bricks;
  schedule_ = std::make_unique<LayerSchedule>(design_, geometry, layer.shape, layer.precision,
                                              activation_widths, layer.weight_bricks);
  reads_.reset();
  if (activation_banks_.limited() || weight_banks_.limited()) {
    schedule_->keep_step_times();
    reads_ =
        std::make_unique<OperandReads>(layer.shape, geometry, layer.precision.bits, *layer.activation_layout,
                                       *layer.weight_layout, activation_banks_, weight_banks_);
  }
  arithmetic_.reset();
  computed_ = {};
  // Values that nobody compares or codes aren't computed.
  if (layer.elided || !(layer.checked || layer.requantisation != nullptr)) return;
  ArrayArithmetic::Layer arithmetic;
  arithmetic.shape = computed_shape(layer.shape, geometry);
  arithmetic.precision = layer.precision;
  arithmetic.activation_signed = layer.activation_format.is_signed;
  arithmetic.weight_signed = layer.weight_format.is_signed;
  if (design_.activation == WidthSource::brick) arithmetic.activation_widths = activation_widths;
  if (design_.weight == WidthSource::brick) arithmetic.weight_widths = layer.weight_bricks;
  arithmetic_ = std::make_unique<ArrayArithmetic>(
      layer.checked ? multiplication_of(design_) : Multiplication::whole, geometry_.lanes, arithmetic);
  computed_.accumulators = Accumulators(layer.shape);
  if (layer.requantisation != nullptr) computed_.codes.resize(computed_.accumulators.sums.size());
  biases_.assign(static_cast<std::size_t>(layer.shape.K), 0);
}

/// Calls visit(row, section, part, containers) for each row, in the order of the stream.
template <class Visit>
void ProcessingArray::read_rows(tlm::tlm_initiator_socket<>& buffer, const ArrivedRows& arrived,
                                const StreamLayout& layout, const ValueFormat& format, Visit&& visit) {
  const std::size_t code_bytes = format.bits / 8;
  std::uint64_t address = arrived.buffer_address;
  for (std::size_t i = 0; i < arrived.rows.size(); ++i) {
    const RowRange& range = arrived.rows[i];
    const StreamSection& section = layout.section_of_row(range.begin);
    const RowPart part = arrived.parts.empty()
                             ? RowPart{0, section.row_values / section.channels, 0, section.channels}
                             : arrived.parts[i];
    const auto row_values = static_cast<std::size_t>(part.values());
    bytes_.resize(static_cast<std::size_t>(range.rows()) * row_values * code_bytes);
    access_.transfer(buffer, tlm::TLM_READ_COMMAND, address, bytes_.data(), bytes_.size(), layer_.elided);
    address += bytes_.size();
    if (layer_.elided) continue;
    containers_.resize(row_values);
    const std::uint8_t* in = bytes_.data();
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      for (std::uint16_t& container : containers_) {
        std::int32_t code = *in++;
        if (code_bytes == 2) code |= *in++ << 8;
        container = format.container(code);
      }
      visit(row, section, part, containers_.data());
    }
  }
}

void ProcessingArray::take_activations(const ArrivedRows& arrived) {
  if (reads_) reads_->place_activations(arrived);
  read_rows(activation_buffer, arrived, *layer_.activation_layout, layer_.activation_format,
            [&](std::int64_t row, const StreamSection& section, const RowPart& part,
                const std::uint16_t* containers) {
              const std::int64_t channels_read = part.channel_end - part.channel_begin;
              const std::int64_t plane_row = row - section.first_row;  // n * H + y
              const std::int64_t n = plane_row / layer_.shape.H;
              activation_bricks_.place.visit_row(
                  n, plane_row - n * layer_.shape.H,
                  [&](std::int64_t x, std::int64_t position, std::int64_t first_channel) {
                    if (x < part.place_begin || x >= part.place_end) return;
                    const std::uint16_t* channels = containers + (x - part.place_begin) * channels_read;
                    const std::int64_t channel = first_channel + section.first_channel + part.channel_begin;
                    if (arrived_activations_) {
                      arrived_activations_->absorb(position, channel, channels_read, channels,
                                                   layer_.activation_format);
                    }
                    if (arithmetic_) {
                      centre(channels, channels_read, layer_.activation_format,
                             arithmetic_->activations(position) + channel);
                    }
                  });
            });
}

void ProcessingArray::take_weights(const ArrivedRows& arrived) {
  if (reads_) reads_->place_weights(arrived);
  const LayerShape& shape = layer_.shape;
  const SpaceToDepth& place = weight_bricks_.place;
  const std::int64_t taps = place.shape()[2] * place.shape()[3];
  const bool depthwise = layer_.weight_layout->role() == StreamRole::depthwise_weight;
  const BrickMap* known = layer_.weight_bricks;
  read_rows(weight_buffer, arrived, *layer_.weight_layout, layer_.weight_format,
            [&](std::int64_t row, const StreamSection& section, const RowPart& part,
                const std::uint16_t* containers) {
              if (known == nullptr && !arithmetic_) return;
              const std::int64_t channels_read = part.channel_end - part.channel_begin;
              // Depthwise: a row is a tap of all filters; otherwise all taps of a filter.
              BrickShape bricks = weight_bricks_.shape;
              bricks.positions = depthwise ? section.row_values : taps;
              std::optional<BrickMap> found;
              if (known != nullptr && arrived.parts.empty()) found.emplace(bricks);
              const auto take = [&](std::int64_t position, std::int64_t channel, std::int64_t channels,
                                    const std::uint16_t* values) {
                if (found) found->absorb(position, channel, channels, values, layer_.weight_format);
                if (!arithmetic_) return;
                std::int32_t* const to =
                    depthwise ? arithmetic_->weights(position, row) : arithmetic_->weights(row, position);
                centre(values, channels, layer_.weight_format, to + channel);
              };
              if (depthwise) {
                for (std::int64_t k = part.place_begin; k < part.place_end; ++k)
                  take(k, 0, 1, containers + (k - part.place_begin));
              } else {
                for (std::int64_t r = 0; r < shape.R; ++r) {
                  place.visit_row(0, r, [&](std::int64_t s, std::int64_t position, std::int64_t channel) {
                    const std::int64_t tap = r * shape.S + s;
                    if (tap < part.place_begin || tap >= part.place_end) return;
                    take(position, channel + part.channel_begin, channels_read,
                         containers + (tap - part.place_begin) * channels_read);
                  });
                }
              }
              for (std::int64_t i = 0; found && i < bricks.positions; ++i) {
                const std::uint8_t* expected = known->at(depthwise ? i * taps + row : row * taps + i);
                if (!std::equal(found->at(i), found->at(i) + bricks.bricks(), expected)) {
                  throw std::runtime_error(std::string(name()) + ": weights of row " + std::to_string(row) +
                                           " arrive with other widths than the static ones");
                }
              }
            });
}

void ProcessingArray::take_biases(std::int64_t first_filter, const std::vector<std::int32_t>& biases) {
  if (!arithmetic_) return;
  std::copy(biases.begin(), biases.end(), biases_.begin() + first_filter);
}

/// Where the products of a reduction stand in a window as it is computed.
std::vector<PatchRange> ProcessingArray::patch_ranges(const Reduction& reduction) const {
  std::vector<PatchRange> ranges;
  if (layer_.shape.depthwise()) return {{reduction.tap_begin, reduction.tap_end}};
  const SpaceToDepth& place = weight_bricks_.place;
  const std::int64_t channels = place.shape()[1];
  for (std::int64_t r = 0; r < layer_.shape.R; ++r) {
    place.visit_row(0, r, [&](std::int64_t s, std::int64_t position, std::int64_t channel) {
      const std::int64_t tap = r * layer_.shape.S + s;
      if (tap < reduction.tap_begin || tap >= reduction.tap_end) return;
      const std::int64_t first = position * channels + channel;
      ranges.push_back({first + reduction.channel_begin, first + reduction.channel_end});
    });
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const PatchRange& a, const PatchRange& b) { return a.begin < b.begin; });
  return ranges;
}

/// Calls visit(accumulator) for each of a split job's sums, as they lie in the output buffer.
template <class Visit>
void ProcessingArray::visit_sums(const ArrayJob& job, Visit&& visit) {
  std::vector<std::int64_t> filters;
  for (std::int64_t i = job.set_begin; i < job.set_end; ++i) {
    for (const std::int64_t k : schedule_->sets()[static_cast<std::size_t>(i)].filters())
      if (k >= job.filter_begin && k < job.filter_end) filters.push_back(k);
  }
  for (std::int64_t row = job.split->rows.begin; row < job.split->rows.end; ++row) {
    for (std::int64_t x = job.split->columns.begin; x < job.split->columns.end; ++x) {
      for (const std::int64_t k : filters)
        visit(row * layer_.shape.OW + x, k);
    }
  }
}

void ProcessingArray::take_partials(const ArrayJob& job, std::uint64_t buffer_address) {
  std::size_t sums = 0;
  visit_sums(job, [&](std::int64_t, std::int64_t) { ++sums; });
  bytes_.resize(4 * sums);
  access_.transfer(output_buffer, tlm::TLM_READ_COMMAND, buffer_address, bytes_.data(), bytes_.size(),
                   layer_.elided);
  if (!arithmetic_) return;
  const std::uint8_t* in = bytes_.data();
  visit_sums(job, [&](std::int64_t window, std::int64_t k) {
    std::uint32_t sum = 0;
    for (int i = 0; i < 4; ++i)
      sum |= std::uint32_t{*in++} << (8 * i);
    computed_.accumulators.sums[computed_.accumulators.at(window, k)] = static_cast<std::int32_t>(sum);
  });
}

void ProcessingArray::write_partials(const ArrayJob& job, std::uint64_t buffer_address) {
  bytes_.clear();
  visit_sums(job, [&](std::int64_t window, std::int64_t k) {
    std::uint32_t sum = 0;
    if (arithmetic_) {
      std::int32_t& kept = computed_.accumulators.sums[computed_.accumulators.at(window, k)];
      sum = static_cast<std::uint32_t>(kept);
      kept = 0;  // it leaves the chip
    }
    for (int i = 0; i < 4; ++i)
      bytes_.push_back(static_cast<std::uint8_t>(sum >> (8 * i)));
  });
  access_.transfer(output_buffer, tlm::TLM_WRITE_COMMAND, buffer_address, bytes_.data(), bytes_.size(),
                   layer_.elided);
}

/// The output rows that the job completes, for its filters; of a split job its products.
void ProcessingArray::compute_values(const ArrayJob& job) {
  if (job.split) {
    const SplitJob& split = *job.split;
    const std::vector<PatchRange> products = patch_ranges(split.reduction);
    for (std::int64_t i = job.set_begin; i < job.set_end; ++i) {
      const FilterSet& set = schedule_->sets()[static_cast<std::size_t>(i)];
      arithmetic_->add(split.rows, split.columns, products, set, job.filter_begin, job.filter_end,
                       computed_.accumulators);
      if (layer_.requantisation != nullptr && split.ends_sums)
        requantise(split.rows, split.columns, set, job.filter_begin, job.filter_end);
    }
    return;
  }
  const RowRange rows{schedule_->rows_in_units(job.unit_begin), schedule_->rows_in_units(job.unit_end)};
  const bool one_set = job.set_end - job.set_begin == 1;  // or a part of it
  for (std::int64_t i = job.set_begin; i < job.set_end; ++i) {
    const FilterSet& set = schedule_->sets()[static_cast<std::size_t>(i)];
    const std::int64_t begin = one_set ? job.filter_begin : set.filter_begin;
    const std::int64_t end = one_set ? job.filter_end : set.filter_end;
    arithmetic_->compute(rows, set, begin, end, computed_.accumulators);
    if (layer_.requantisation != nullptr) requantise(rows, {0, layer_.shape.OW}, set, begin, end);
  }
}

void ProcessingArray::requantise(RowRange rows, RowRange columns, const FilterSet& set,
                                 std::int64_t filter_begin, std::int64_t filter_end) {
  Accumulators& accumulators = computed_.accumulators;
  for (std::int64_t window = rows.begin * layer_.shape.OW; window < rows.end * layer_.shape.OW; ++window) {
    const std::int64_t x = window % layer_.shape.OW;
    if (x < columns.begin || x >= columns.end) continue;
    for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step) {
      if (k < filter_begin || k >= filter_end) continue;
      const std::size_t at = accumulators.at(window, k);
      std::int32_t sum = 0;
      if (__builtin_add_overflow(accumulators.sums[at], biases_[static_cast<std::size_t>(k)], &sum))
        accumulators.states[at] |= Accumulators::overflowed;
      computed_.codes[at] = static_cast<std::int16_t>(layer_.requantisation->code(k, sum));
    }
  }
}

std::uint64_t ProcessingArray::compute(const ArrayJob& job) {
  if (arithmetic_) compute_values(job);
  return job_cycles(*schedule_, job);
}

JobBufferUse ProcessingArray::buffer_use(const ArrayJob& job) {
  return {reads_ ? reads_->of_job(*schedule_, job) : OperandsRead{}, step_cycles(*schedule_, job)};
}

void ProcessingArray::write_results(RowRange rows, std::int64_t channel_begin, std::int64_t channel_end,
                                    std::int64_t channel_step, std::uint64_t buffer_address,
                                    RowRange columns) {
  if (layer_.results == nullptr || rows.rows() == 0) return;
  const Tensor& results = *layer_.results;
  const auto [images, channels, height, width] = results.shape;
  const std::int64_t written = (channel_end - channel_begin + channel_step - 1) / channel_step;
  const std::size_t code_bytes = bytes_of(results.dtype);
  if (columns.rows() == 0) columns = {0, width};
  bytes_.resize(static_cast<std::size_t>(rows.rows() * columns.rows() * written) * code_bytes);
  if (bytes_.empty()) return;
  if (!layer_.elided) {
    std::uint8_t* out = bytes_.data();
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t x = columns.begin; x < columns.end; ++x) {
        for (std::int64_t c = channel_begin; c < channel_end; c += channel_step) {
          if (layer_.requantisation != nullptr && layer_.checked) {
            const std::size_t computed = computed_.accumulators.at(row * width + x, c);
            *out++ = static_cast<std::uint8_t>(computed_.codes[computed]);
            continue;
          }
          const std::int64_t at = ((row / height * channels + c) * height + row % height) * width + x;
          const std::uint8_t* code = results.data.data() + static_cast<std::size_t>(at) * code_bytes;
          *out++ = code[0];
          if (code_bytes == 2) *out++ = code[1];
        }
      }
    }
  }
  access_.transfer(output_buffer, tlm::TLM_WRITE_COMMAND, buffer_address, bytes_.data(), bytes_.size(),
                   layer_.elided);
}

}  // namespace dpred
