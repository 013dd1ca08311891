#include "models/array/operand_reads.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "models/array/fold.h"

namespace dpred {

OperandReads::OperandReads(const LayerShape& layer, const ArrayGeometry& geometry, int bits,
                           const StreamLayout& activations, const StreamLayout& weights,
                           const BufferBanks& activation_banks, const BufferBanks& weight_banks)
    : layer_(layer),
      computed_(computed_shape(layer, geometry)),
      lanes_(geometry.lanes),
      factor_(folds(layer, geometry) ? layer.stride[0] : 1),
      steps_(steps_of_window(computed_, geometry.lanes)),
      code_bytes_(static_cast<std::uint64_t>(bits) / 8),
      activations_(activations, activation_banks),
      weights_(weights, weight_banks) {}

OperandReads::Source::Source(const StreamLayout& stream, const BufferBanks& organisation) : layout(stream) {
  if (!organisation.limited()) return;
  banks.emplace(organisation);
  row_address.resize(static_cast<std::size_t>(stream.rows()));
}

void OperandReads::Source::place(const ArrivedRows& arrived, std::uint64_t code_bytes) {
  if (!banks) return;
  std::uint64_t address = arrived.buffer_address;
  for (const RowRange& range : arrived.rows) {
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      row_address[static_cast<std::size_t>(row)] = address;
      address += static_cast<std::uint64_t>(layout.row_values(row)) * code_bytes;
    }
  }
}

void OperandReads::Source::read(std::int64_t row, std::int64_t first_value, std::int64_t values,
                                std::uint64_t code_bytes) {
  const std::optional<std::uint64_t>& address = row_address[static_cast<std::size_t>(row)];
  if (!address) throw std::logic_error("row " + std::to_string(row) + " is read before it has arrived");
  banks->add(*address + static_cast<std::uint64_t>(first_value) * code_bytes,
             static_cast<std::uint64_t>(values) * code_bytes);
}

void OperandReads::place_activations(const ArrivedRows& arrived) {
  activations_.place(arrived, code_bytes_);
}

void OperandReads::place_weights(const ArrivedRows& arrived) {
  weights_.place(arrived, code_bytes_);
}

/// One for each tap of the unfolded kernel whose channels lie in the step's brick. All channels of all tiles
/// in a depthwise layer. Taps of a folded kernel may lie outside the unfolded one: activations are read there
/// too.
std::vector<OperandReads::TapChannels> OperandReads::parts_of_step(const FilterSet& set,
                                                                   std::int64_t step) const {
  const std::int64_t bricks = steps_ / (computed_.R * computed_.S);
  const std::int64_t r = step / bricks / computed_.S, s = step / bricks % computed_.S;
  if (layer_.depthwise()) return {{r, s, {set.channel_begin, set.channel_end}}};
  const std::int64_t begin = step % bricks * lanes_;
  const std::int64_t end = std::min(begin + lanes_, computed_.channels_per_group());
  if (factor_ == 1) return {{r, s, {set.channel_begin + begin, set.channel_begin + end}}};
  std::vector<TapChannels> parts;
  for (std::int64_t c = begin; c < end;) {
    const std::int64_t position = c / layer_.C;  // in the square that became one position
    const std::int64_t next = std::min(end, (position + 1) * layer_.C);
    parts.push_back({r * factor_ + position / factor_,
                     s * factor_ + position % factor_,
                     {c - position * layer_.C, next - position * layer_.C}});
    c = next;
  }
  return parts;
}

void OperandReads::read_window(std::int64_t window, const TapChannels& part) {
  const std::int64_t n = window / (layer_.OH * layer_.OW);
  const std::int64_t y = layer_.input_row(window / layer_.OW % layer_.OH, part.r);
  const std::int64_t x = layer_.input_column(window % layer_.OW, part.s);
  if (y < 0 || y >= layer_.H || x < 0 || x >= layer_.W) return;  // padding is not stored
  const std::int64_t slice = activations_.layout.options().slice_channels;
  const auto& sections = activations_.layout.sections();
  for (std::int64_t c = part.channels.begin; c < part.channels.end;) {  // a brick may lie in two slices
    const StreamSection& section = sections[static_cast<std::size_t>(c / slice)];
    const std::int64_t end = std::min(part.channels.end, section.first_channel + section.channels);
    activations_.read(section.first_row + n * layer_.H + y, x * section.channels + c - section.first_channel,
                      end - c, code_bytes_);
    c = end;
  }
}

/// By step, of windows that are read at one time.
std::vector<ServedWords> OperandReads::activation_steps(const FilterSet& set, WindowRange windows) {
  std::vector<ServedWords> served(static_cast<std::size_t>(steps_));
  if (!activations_.banks) return served;
  for (std::int64_t step = 0; step < steps_; ++step) {
    for (const TapChannels& part : parts_of_step(set, step)) {
      for (std::int64_t window = windows.begin; window < windows.end; ++window)
        read_window(window, part);
    }
    served[static_cast<std::size_t>(step)] = activations_.banks->serve();
  }
  return served;
}

std::vector<ServedWords> OperandReads::weight_steps(const FilterSet& set, const ArrayJob& job) {
  std::vector<ServedWords> served(static_cast<std::size_t>(steps_));
  if (!weights_.banks) return served;
  const bool cut = job.set_end - job.set_begin == 1;
  const std::int64_t end = cut ? std::min(set.filter_end, job.filter_end) : set.filter_end;
  for (std::int64_t step = 0; step < steps_; ++step) {
    for (const TapChannels& part : parts_of_step(set, step)) {
      if (part.r >= layer_.R || part.s >= layer_.S) continue;  // zeros that folding adds
      const std::int64_t tap = part.r * layer_.S + part.s;
      for (std::int64_t k = set.filter_begin; k < end; k += set.filter_step) {
        if (cut && k < job.filter_begin) continue;
        if (layer_.depthwise()) {
          weights_.read(tap, k, 1, code_bytes_);
        } else {
          weights_.read(k, tap * layer_.channels_per_group() + part.channels.begin - set.channel_begin,
                        part.channels.rows(), code_bytes_);
        }
      }
    }
    served[static_cast<std::size_t>(step)] = weights_.banks->serve();
  }
  return served;
}

OperandsRead OperandReads::of_job(LayerSchedule& schedule, const ArrayJob& job) {
  OperandsRead reads;
  // Units that are run at one time: of those that tiles run side by side the job's.
  std::vector<RowRange> turns;
  const std::int64_t at_a_time = schedule.units_at_a_time();
  for (std::int64_t unit = job.unit_begin; unit < job.unit_end; unit = turns.back().end)
    turns.push_back({unit, std::min((unit / at_a_time + 1) * at_a_time, job.unit_end)});
  std::vector<std::vector<ServedWords>> activations;  // by turn
  std::optional<RowRange> channels;                   // that these are of
  for (std::int64_t s = job.set_begin; s < job.set_end; ++s) {
    const FilterSet& set = schedule.sets()[static_cast<std::size_t>(s)];
    if (!channels || channels->begin != set.channel_begin || channels->end != set.channel_end) {
      activations.clear();
      for (const RowRange& units : turns)
        activations.push_back(activation_steps(
            set, {schedule.windows(units.begin).begin, schedule.windows(units.end - 1).end}));
      channels = RowRange{set.channel_begin, set.channel_end};
    }
    const std::vector<ServedWords> weights = weight_steps(set, job);
    for (std::size_t turn = 0; turn < turns.size(); ++turn) {
      const std::vector<std::uint64_t> times = schedule.step_times(s, turns[turn].begin, turns[turn].end);
      for (std::size_t step = 0; step < times.size(); ++step) {
        const ServedWords& a = activations[turn][step];
        const ServedWords& w = weights[step];
        reads.activation.words += a.words;
        reads.activation.port_cycles += a.cycles;
        reads.weight.words += w.words;
        reads.weight.port_cycles += w.cycles;
        const std::uint64_t served = std::max(a.cycles, w.cycles);
        const std::uint64_t time =
            std::max<std::uint64_t>(times[step], 1);  // one access a bank costs nothing
        if (served <= time) continue;
        (a.cycles > w.cycles ? reads.activation : reads.weight).conflict_cycles += served - time;
      }
    }
  }
  return reads;
}

}  // namespace dpred
