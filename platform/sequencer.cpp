#include "platform/sequencer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "workloads/error.h"

namespace dpred {

Sequencer::Sequencer(const sc_core::sc_module_name& name, const SequencerConfig& config)
    : sc_module(name), config_(config), clock_(config.clock_mhz) {
  SC_HAS_PROCESS(Sequencer);
  SC_THREAD(fill_process);
  SC_THREAD(drain_process);
}

void Sequencer::wait_until(const std::size_t& progress, std::size_t jobs) {
  for (;;) {
    if (failure_) std::rethrow_exception(failure_);
    if (progress >= jobs) return;
    wait(progress_);
  }
}

void Sequencer::advance(std::size_t& progress, std::size_t jobs) {
  progress = jobs;
  progress_.notify(sc_core::SC_ZERO_TIME);
}

void Sequencer::fail(std::exception_ptr failure) {
  if (!failure_) failure_ = std::move(failure);
  progress_.notify(sc_core::SC_ZERO_TIME);
}

/// The model knows layouts, sizes and results beside the descriptor; both must speak of the same layer.
void Sequencer::check_descriptor() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds)
      throw InputError(std::string("layer descriptor: ") + what + " is not that of the layer in memory");
  };
  const auto check = [&](const OperandDescriptor& operand, const StreamDirectory& stream,
                         const Shape& shape) {
    const StreamPlan& plan = stream.plan();
    require(stream.layout().shape() == shape, "a tensor's shape");
    require(operand.format.mode == plan.format.mode, "a stream's mode");
    require(operand.format.values == plan.format.values, "a tensor's format");
    require(operand.format.sign == plan.format.sign, "the form of a stream's signs");
    require(operand.format.widths == plan.format.widths, "the rounding of a stream's widths");
    require(operand.format.width == plan.format.width, "a stream's width");
    require(layer_.stream == stream.layout().options(), "the cut into groups, slices and blocks");
  };
  const auto check_table = [&](const OperandDescriptor& operand, const StreamDirectory& stream) {
    require(operand.table_bytes >= stream.plan().table_bytes(), "a table's size");
  };
  check(layer_.activation, *model_->streams.activation, layer_.shape.input());
  check(layer_.weight, *model_->streams.weight, layer_.shape.weight());
  const Plan& plan = *model_->plan;
  require(layer_.is(LayerDescriptor::input_stays) == plan.input_place.has_value(),
          "whether the input is on chip");
  if (plan.input_place) {
    require(layer_.activation.address == *plan.input_place, "the input's place on chip");
  } else {
    check_table(layer_.activation, *model_->streams.activation);
    require(layer_.activation.bytes == model_->streams.activation->stream_bytes(), "a stream's size");
  }
  check_table(layer_.weight, *model_->streams.weight);
  require(layer_.weight.bytes == model_->streams.weight->stream_bytes(), "a stream's size");
  require(layer_.tile_split == model_->plan->tile_split, "the split of tiles");
  require(layer_.folded == model_->plan->folded, "folding");
  require((layer_.output_channels > 0) == (model_->streams.output != nullptr), "whether there is an output");
  if (model_->streams.output != nullptr) {
    check(layer_.output, *model_->streams.output, layer_.output_shape());
    require(layer_.is(LayerDescriptor::output_stays) == plan.output_place.has_value() &&
                layer_.output_place == plan.output_place.value_or(0),
            "the output's place on chip");
    require(layer_.is(LayerDescriptor::not_written) == !plan.output_in_memory,
            "whether the output is written");
    if (plan.output_in_memory) check_table(layer_.output, *model_->streams.output);
    require(model_->results != nullptr && model_->results->shape == layer_.output_shape(),
            "the results' shape");
  }
}

void Sequencer::begin_layer(const LayerDescriptor& layer) {
  const std::vector<std::string> codecs = codec_names();
  const auto stream = [&](const OperandDescriptor& operand, const StreamDirectory* directory) {
    return EngineStream{&find_codec(codecs[operand.codec]), directory, operand.address, operand.table_address,
                        operand.bytes};
  };
  EngineLayer streams;
  streams.activation = stream(layer.activation, model_->streams.activation);
  streams.weight = stream(layer.weight, model_->streams.weight);
  streams.output = stream(layer.output, layer.output_channels > 0 ? model_->streams.output : nullptr);
  if (layer.is(LayerDescriptor::output_stays)) streams.output_place = layer.output_place;
  streams.output_in_memory = !layer.is(LayerDescriptor::not_written);
  streams.bias_address = layer.bias_address;
  streams.partial_address = layer.partial_address;
  streams.elided = what_if_.elided;
  streams.ideal_memory = what_if_.ideal_memory;
  streams.ideal_codec = what_if_.ideal_codec;
  engine->begin_layer(streams);

  ArrayLayer values;
  values.shape = layer.shape;
  values.precision = {layer.activation.format.values.bits, layer.activation.width, layer.weight.width};
  values.activation_format = layer.activation.format.values;
  values.weight_format = layer.weight.format.values;
  values.tile_split = layer.tile_split;
  values.folded = layer.folded;
  values.activation_layout = &model_->streams.activation->layout();
  values.weight_layout = &model_->streams.weight->layout();
  values.results = layer.output_channels > 0 ? model_->results : nullptr;
  values.requantisation = layer.output_channels > 0 ? model_->requantisation : nullptr;
  values.checked = model_->checked;
  values.elided = what_if_.elided;
  values.weight_bricks = model_->weight_bricks;
  // Shares of a split layer's cycles are known once all of its widths are.
  if (what_if_.elided || model_->plan->split) values.activation_bricks = model_->activation_bricks;
  array->begin_layer(values);
}

Ledger Sequencer::run(std::uint64_t descriptor_address, const LayerModel& model, const WhatIf& what_if,
                      LayerTimeline* timeline) {
  const std::uint64_t start_cycle = clock_.cycle_at(sc_core::sc_time_stamp());
  std::array<std::uint8_t, LayerDescriptor::size> bytes{};
  engine->read_memory(descriptor_address, bytes.data(), bytes.size(), what_if.ideal_memory);
  layer_ = LayerDescriptor::from_bytes(bytes);
  model_ = &model;
  what_if_ = what_if;
  check_descriptor();
  ledger_ = Ledger{};
  buffers_use_ = BuffersUse{};
  states_.assign(model.plan->jobs.size(), JobState{});
  filled_ = computed_ = drained_ = awaited_ = 0;
  awaiting_ = false;
  output_done_ = sc_core::SC_ZERO_TIME;
  failure_ = nullptr;
  start_cycle_ = start_cycle;
  timeline_ = timeline;
  if (timeline_ != nullptr) timeline_->jobs.assign(model.plan->jobs.size(), JobTimeline{});
  begin_layer(layer_);
  running_ = 2;
  start_.notify(sc_core::SC_ZERO_TIME);

  std::uint64_t end = start_cycle;
  try {
    end = compute_layer(start_cycle);
  } catch (const sc_core::sc_unwind_exception&) {
    throw;  // the kernel ends the process
  } catch (...) {
    fail(std::current_exception());
  }
  // A failed layer too leaves no process behind that would disturb the next one.
  while (running_ > 0)
    wait(progress_);
  if (failure_) std::rethrow_exception(failure_);

  end = std::max(end, clock_.cycle_at(output_done_));
  const bool coded_output = model.streams.output != nullptr && model.plan->output_in_memory &&
                            model.streams.output->plan().has_table();
  if (coded_output) end += config_.detect_latency;
  ledger_.charge(CycleCause::overhead, end - start_cycle - ledger_.total());
  if (timeline_ != nullptr) timeline_->total = ledger_.total();
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  if (clock_.time_of(end) > now) wait(clock_.time_of(end) - now);
  return ledger_;
}

/// Returns the cycle in which the last job's last step ends.
std::uint64_t Sequencer::compute_layer(std::uint64_t start_cycle) {
  const std::vector<Job>& jobs = model_->plan->jobs;
  std::uint64_t end = start_cycle;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const Job& job = jobs[j];
    wait_until(filled_, j + 1);
    const JobReadiness operands = await_operands(j);
    std::uint64_t begin = charge_wait(operands, end, j == 0, ledger_);
    if (j == 0) begin += first_step_latency();
    JobTimeline* record = recorded(j);
    if (record != nullptr) {
      record->ready = {in_layer(operands.weight), in_layer(operands.activation), in_layer(operands.output)};
      record->wait_from = end - start_cycle;
      record->compute_begin = begin - start_cycle;
    }
    const LayerSchedule& schedule = array->schedule();
    const ArrayJob part = array_job(*model_->plan, job, schedule);
    if (job.partials_in) array->take_partials(part, job.output_address);
    std::uint64_t cycles = array->compute(part);
    if (what_if_.ideal_compute) cycles = 0;
    ledger_.charge(CycleCause::compute, cycles);
    if (record != nullptr) record->compute_cycles = cycles;
    end = begin + cycles + charge_conflicts(j, array->buffer_use(part));
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    if (clock_.time_of(end) > now) wait(clock_.time_of(end) - now);
    if (job.partials_out) {
      array->write_partials(part, job.output_address);
    } else {
      const JobResults results = results_of(j);
      array->write_results(results.rows, results.channel_begin, results.channel_end, results.channel_step,
                           results.buffer_address, results.columns);
    }
    advance(computed_, j + 1);
  }
  return end;
}

/// The whole input, as the layer before has left it.
ArrivedRows Sequencer::input_on_chip() const {
  ArrivedRows all;
  for (const StreamSection& section : model_->streams.activation->layout().sections())
    all.rows.push_back({section.first_row, section.end_row()});
  all.buffer_address = layer_.activation.address;
  return all;
}

/// Cycles from the start of the layer.
std::uint64_t Sequencer::layer_cycle(const sc_core::sc_time& time) const {
  return std::max(clock_.cycle_at(time), start_cycle_) - start_cycle_;
}

Readiness Sequencer::in_layer(const Readiness& times) const {
  return {std::max(times.at_engine, start_cycle_) - start_cycle_,
          std::max(times.ready, start_cycle_) - start_cycle_};
}

/// Waits until the memory has answered all that the job needs, gives its operands to the array and returns
/// since when they are there; likewise its half of the output buffer.
JobReadiness Sequencer::await_operands(std::size_t job) {
  JobState& state = states_[job];
  const Job& planned = model_->plan->jobs[job];
  const auto readiness = [&](const sc_core::sc_time& at_engine, const sc_core::sc_time& ready) {
    return Readiness{clock_.cycle_at(at_engine), clock_.cycle_at(ready)};
  };
  JobReadiness operands;
  if (state.weights) {
    FetchTimes times;
    if (state.biases) {
      const FetchedBiases biases = state.biases();
      array->take_biases(planned.weights->biases.begin, biases.values);
      times = {biases.at_engine, biases.at_engine};
    }
    const FetchTimes weights = state.weights();
    operands.weight =
        readiness(std::max(times.at_engine, weights.at_engine), std::max(times.in_buffer, weights.in_buffer));
  }
  if (job == 0 && model_->plan->input_place) array->take_activations(input_on_chip());
  if (state.activations) {
    const FetchTimes times = state.activations();
    operands.activation = readiness(times.at_engine, times.in_buffer);
    array->take_activations(
        {planned.activations->rows, planned.activations->buffer_address, planned.activations->parts});
  }
  if (state.weights) {
    array->take_weights({planned.weights->rows, planned.weights->buffer_address, planned.weights->parts});
  }
  if (planned.output_after) {
    const auto drain = await_drain(static_cast<std::size_t>(*planned.output_after));
    if (drain) operands.output = readiness(drain->encoded, drain->written);
  }
  if (state.partials) {
    const std::uint64_t there = clock_.cycle_at(state.partials());
    operands.output.ready = std::max(operands.output.ready, there);
    if (JobTimeline* record = recorded(job)) record->partials_ready = in_layer({there, there}).ready;
  }
  return operands;
}

/// When a job's results were in memory, or will be: nothing if it had none. Drains complete in their order;
/// both the array's process and that of the fills may wait for one.
std::optional<DrainTimes> Sequencer::await_drain(std::size_t job) {
  wait_until(drained_, job + 1);
  while (awaited_ <= job) {
    if (failure_) std::rethrow_exception(failure_);
    if (awaiting_) {
      wait(progress_);
      continue;
    }
    awaiting_ = true;
    JobState& next = states_[awaited_];
    if (next.drain) next.drained = next.drain();
    awaiting_ = false;
    advance(awaited_, awaited_ + 1);
  }
  return states_[job].drained;
}

/// Words of the buffer that a fill writes; 0 where its banks are not limited.
std::uint64_t Sequencer::fill_words(const std::optional<Fill>& fill, const BufferBanks& banks) const {
  return fill && banks.limited() ? banks.words(fill->buffer_address, fill->buffer_bytes) : 0;
}

/// Words of the output buffer that a job's results take; 0 where its banks are not limited.
std::uint64_t Sequencer::result_words(std::size_t job) const {
  if (layer_.output_channels == 0 || !config_.banks.output.limited()) return 0;
  const JobResults results = results_of(job);
  const std::int64_t values = results.rows.rows() * layer_.shape.OW * results.channels();
  return config_.banks.output.words(
      results.buffer_address, static_cast<std::uint64_t>(values) * layer_.output.format.values.bits / 8);
}

/// Words of the activation buffer that a job's results take where they stay on chip; 0 where its banks are
/// not limited.
std::uint64_t Sequencer::stay_words(std::size_t job) const {
  const BufferBanks& banks = config_.banks.activation;
  if (!layer_.is(LayerDescriptor::output_stays) || !banks.limited()) return 0;
  const StreamLayout& layout = model_->streams.output->layout();
  const std::uint64_t code_bytes = layer_.output.format.values.bits / 8;
  std::uint64_t words = 0;
  for (const std::int64_t block : model_->plan->jobs[job].drained_blocks) {
    const std::int64_t first_row = layout.blocks()[static_cast<std::size_t>(block)].first_row;
    words += banks.words(
        layer_.output_place + static_cast<std::uint64_t>(layout.values_before(first_row)) * code_bytes,
        static_cast<std::uint64_t>(layout.block_values(block)) * code_bytes);
  }
  return words;
}

/// Charges what a job takes beyond its compute cycles because banks are busy, and counts the buffers' words.
/// Returns the cycles charged.
std::uint64_t Sequencer::charge_conflicts(std::size_t job, const JobBufferUse& use) {
  const std::vector<Job>& jobs = model_->plan->jobs;
  const BufferOrganisation& banks = config_.banks;
  const OperandsRead& reads = use.reads;
  buffers_use_.activation.words_read += reads.activation.words;
  buffers_use_.activation.words_written +=
      fill_words(jobs[job].activations, banks.activation) + stay_words(job);
  buffers_use_.weight.words_read += reads.weight.words;
  buffers_use_.weight.words_written += fill_words(jobs[job].weights, banks.weight);
  buffers_use_.output.words_written += result_words(job);
  buffers_use_.output.words_read += result_words(job);  // drained

  // While this job computes, the next one's fills are written and the last one's results read. Reads that
  // have a port of their own take what their steps' conflicts say, no more.
  const auto with_fill = [](const BufferBanks& organisation, std::uint64_t read, std::uint64_t filled) {
    return organisation.shares_ports() ? read + organisation.run_cycles(filled) : 0;
  };
  const std::uint64_t left = banks.activation.shares_ports() && job > 0 ? stay_words(job - 1) : 0;
  const std::uint64_t drained = banks.output.shares_ports() && job > 0 ? result_words(job - 1) : 0;
  const std::optional<Fill> none;
  const bool last = job + 1 == jobs.size();
  struct Operand {
    CycleCause stall;
    BufferUse& use_of_buffer;
    std::uint64_t conflict_cycles, busy_cycles;
  };
  // On a tie the first of these is charged.
  std::array<Operand, 3> operands = {
      Operand{CycleCause::stall_weight, buffers_use_.weight, reads.weight.conflict_cycles,
              with_fill(banks.weight, reads.weight.port_cycles,
                        fill_words(last ? none : jobs[job + 1].weights, banks.weight))},
      Operand{CycleCause::stall_activation, buffers_use_.activation, reads.activation.conflict_cycles,
              with_fill(banks.activation, reads.activation.port_cycles,
                        fill_words(last ? none : jobs[job + 1].activations, banks.activation)) +
                  banks.activation.run_cycles(left)},
      Operand{CycleCause::stall_output, buffers_use_.output, 0,
              banks.output.run_cycles(result_words(job)) + banks.output.run_cycles(drained)}};
  std::uint64_t cycles = use.step_cycles + reads.weight.conflict_cycles + reads.activation.conflict_cycles;
  Operand* busiest = &operands[0];
  for (Operand& operand : operands) {
    if (operand.busy_cycles > busiest->busy_cycles) busiest = &operand;
  }
  if (busiest->busy_cycles > cycles) {
    busiest->conflict_cycles += busiest->busy_cycles - cycles;
    cycles = busiest->busy_cycles;
  }
  if (JobTimeline* record = recorded(job)) {
    record->weight_conflicts = operands[0].conflict_cycles;
    record->activation_conflicts = operands[1].conflict_cycles;
    record->output_conflicts = operands[2].conflict_cycles;
  }
  for (const Operand& operand : operands) {
    ledger_.charge(operand.stall, operand.conflict_cycles);
    operand.use_of_buffer.conflict_cycles += operand.conflict_cycles;
  }
  return cycles - use.step_cycles;
}

JobResults Sequencer::results_of(std::size_t index) const {
  const Job& job = model_->plan->jobs[index];
  JobResults results;
  results.rows = job.finished;
  results.columns = job.columns;
  results.buffer_address = job.output_address;
  if (layer_.output_channels == layer_.shape.K) {
    results.channel_begin = job.filter_begin;
    results.channel_end = job.filter_end;
    // One set of a depthwise layer with a channel multiplier holds every so-manieth filter.
    if (job.set_end - job.set_begin == 1) {
      results.channel_step = array->schedule().sets()[static_cast<std::size_t>(job.set_begin)].filter_step;
    }
  } else if (job.filter_end == layer_.shape.K) {
    // Gates: the step's result is there when all of them are.
    results.channel_end = layer_.output_channels;
  } else {
    results.rows.end = results.rows.begin;
  }
  return results;
}

/// A failure in one process ends the layer in all of them; run() reports it.
template <class Work>
void Sequencer::serve(Work&& work) {
  for (;;) {
    wait(start_);
    try {
      work();
    } catch (const sc_core::sc_unwind_exception&) {
      throw;  // the kernel ends the process
    } catch (...) {
      fail(std::current_exception());
    }
    --running_;
    progress_.notify(sc_core::SC_ZERO_TIME);
  }
}

void Sequencer::fill_process() {
  serve([this] { fill_layer(); });
}

void Sequencer::drain_process() {
  serve([this] { drain_layer(); });
}

void Sequencer::fill_layer() {
  const auto weight_table = engine->fetch_table(dpred::Operand::weight);
  const auto activation_table = layer_.is(LayerDescriptor::input_stays)
                                    ? Pending<sc_core::sc_time>()
                                    : engine->fetch_table(dpred::Operand::activation);
  for (const auto* table : {&weight_table, &activation_table}) {
    const sc_core::sc_time there = *table ? (*table)() : sc_core::SC_ZERO_TIME;
    if (there > sc_core::sc_time_stamp()) wait(there - sc_core::sc_time_stamp());
  }
  const std::vector<Job>& jobs = model_->plan->jobs;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    if (failure_) return;  // the layer is over
    JobState& state = states_[j];
    const auto place_is_free = [&](const Fill& fill) {
      if (fill.after_job) wait_until(computed_, static_cast<std::size_t>(*fill.after_job) + 1);
    };
    if (jobs[j].weights) {
      const Fill& fill = *jobs[j].weights;
      place_is_free(fill);
      if (JobTimeline* record = recorded(j)) record->weights_issued = layer_cycle(sc_core::sc_time_stamp());
      if (layer_.bias_address != 0 && fill.biases.rows() > 0) {
        state.biases = engine->fetch_biases(fill.biases);
      }
      state.weights = engine->fetch(dpred::Operand::weight, fill.rows, fill.buffer_address, fill.parts);
    }
    if (jobs[j].activations) {
      const Fill& fill = *jobs[j].activations;
      place_is_free(fill);
      if (JobTimeline* record = recorded(j))
        record->activations_issued = layer_cycle(sc_core::sc_time_stamp());
      state.activations =
          engine->fetch(dpred::Operand::activation, fill.rows, fill.buffer_address, fill.parts);
    }
    if (jobs[j].partials_in) fetch_partials(j);
    advance(filled_, j + 1);
  }
}

/// Once the job before has written them, and their place in the output buffer is free.
void Sequencer::fetch_partials(std::size_t job) {
  const Job& planned = model_->plan->jobs[job];
  for (const std::optional<std::int64_t>& before : {planned.output_after, planned.partials_after}) {
    if (!before) continue;
    const auto drain = await_drain(static_cast<std::size_t>(*before));
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    if (drain && drain->written > now) wait(drain->written - now);
  }
  if (JobTimeline* record = recorded(job)) record->partials_issued = layer_cycle(sc_core::sc_time_stamp());
  states_[job].partials =
      engine->fetch_partials(planned.partials_in->offset, planned.partials_in->bytes, planned.output_address);
}

void Sequencer::drain_layer() {
  const std::vector<Job>& jobs = model_->plan->jobs;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    wait_until(computed_, j + 1);
    if (JobTimeline* record = recorded(j)) record->drain_begin = layer_cycle(sc_core::sc_time_stamp());
    const auto& partials = jobs[j].partials_out;
    states_[j].drain = partials
                           ? engine->drain_partials(partials->offset, partials->bytes, jobs[j].output_address)
                           : engine->drain(results_of(j), jobs[j].drained_blocks);
    advance(drained_, j + 1);
  }
  const auto output = engine->finish_output();
  if (output) output_done_ = output();
  if (timeline_ == nullptr) return;
  for (std::size_t j = 0; j < jobs.size(); ++j) {  // all is in memory now
    const auto drained = await_drain(j);
    if (drained) timeline_->jobs[j].drained = {layer_cycle(drained->encoded), layer_cycle(drained->written)};
  }
}

}  // namespace dpred
