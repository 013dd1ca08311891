// The simulation behind simulate(): accelerator and memory, a host that writes the tensors and rings.
#include <exception>
#include <stdexcept>
#include <systemc>

#include "models/codec/offset_table.h"
#include "models/dram/dram.h"
#include "platform/accelerator.h"
#include "platform/check.h"
#include "platform/layer_actions.h"
#include "platform/layer_time.h"
#include "platform/run.h"
#include "platform/width_profile.h"
#include "workloads/error.h"

namespace dpred {

namespace {

AcceleratorConfig accelerator_config(const DesignPoint& point) {
  AcceleratorConfig config;
  config.design = point.design;
  config.geometry = point.geometry;
  config.buffers = point.buffers;
  config.engine.four_phases = point.fidelity == Fidelity::at;
  config.engine.burst_bytes = point.burst_bytes;
  config.engine.request_bytes = point.request_bytes;
  config.engine.outstanding = point.outstanding;
  config.engine.decoders = point.decoders;
  config.engine.encoders = point.encoders;
  config.engine.clock_mhz = point.clock_mhz;
  config.sequencer.clock_mhz = point.clock_mhz;
  config.sequencer.detect_latency = point.detect_latency;
  config.sequencer.banks = point.banks;
  return config;
}

/// Memory as the host sees it: debug accesses, which take no time.
class HostMemory {
 public:
  explicit HostMemory(tlm::tlm_initiator_socket<>& socket) : socket_(socket) {}

  void write(std::uint64_t address, std::vector<std::uint8_t> bytes) {
    transfer(tlm::TLM_WRITE_COMMAND, address, bytes.data(), bytes.size());
  }
  std::vector<std::uint8_t> read(std::uint64_t address, std::uint64_t length) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(length));
    transfer(tlm::TLM_READ_COMMAND, address, bytes.data(), bytes.size());
    return bytes;
  }

 private:
  void transfer(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::size_t length) {
    constexpr std::size_t longest = std::size_t{1} << 30;  // a payload's length has 32 bits
    for (std::size_t at = 0; at < length; at += longest) {
      const std::size_t part = std::min(longest, length - at);
      if (access_.debug_transfer(socket_, command, address + at, data + at, part) != part) {
        throw std::runtime_error("the memory is smaller than it says");
      }
    }
  }

  tlm::tlm_initiator_socket<>& socket_;
  MemoryAccess access_;
};

/// Two initiators, one memory: the accelerator's accesses and the host's debug accesses.
class Testbed : public sc_core::sc_module {
 public:
  Testbed(const sc_core::sc_module_name& name, const Preparation& preparation, const Progress& progress,
          const SimulationOptions& options)
      : sc_module(name),
        preparation_(preparation),
        progress_(progress),
        options_(options),
        accelerator_("accelerator", accelerator_config(preparation.point())),
        memory_("memory", preparation.point().memory.preset, preparation.point().memory.mapping,
                preparation.point().memory.channels, preparation.point().memory.controller),
        host_(accelerator_.mem) {
    SC_HAS_PROCESS(Testbed);
    accelerator_.mem.bind(memory_.socket);
    SC_THREAD(host_process);
  }

  RunResult result;
  std::exception_ptr failure;  ///< what ended the run before its end

 private:
  void host_process() {
    try {
      run_network();
    } catch (const sc_core::sc_unwind_exception&) {
      throw;  // the kernel ends the process
    } catch (...) {
      failure = std::current_exception();  // beyond a process, the kernel would make a report of it
    }
  }

  void run_network() {
    write_memory();
    const bool elided = preparation_.point().elided;
    const EnergyModel energy(*preparation_.point().energy,
                             energy_point(preparation_.point(), preparation_.network().bits));
    if (options_.check) result.check.emplace();
    for (std::size_t i = 0; i < preparation_.layers().size(); ++i) {
      const PreparedLayer& layer = preparation_.layers()[i];
      const EngineTraffic before = accelerator_.traffic();
      WhatIf as_built;
      as_built.elided = elided;
      LayerResult row = planned_row(layer, preparation_.point());
      row.ledger = run_layer(layer, as_built);
      if (!result.check_failure.empty()) return;
      row.array_cycles = layer.compute->slots().cycles();
      row.actions = count_actions(layer, preparation_.point());
      row.energy = energy.of(row.actions);
      const EngineTraffic& after = accelerator_.traffic();
      row.traffic.activation_read_bytes = after.activation_read_bytes - before.activation_read_bytes;
      row.traffic.weight_read_bytes = after.weight_read_bytes - before.weight_read_bytes;
      row.traffic.output_write_bytes = after.output_write_bytes - before.output_write_bytes;
      row.traffic.output_read_bytes = after.output_read_bytes - before.output_read_bytes;
      row.buffers = accelerator_.buffers_use();
      row.stay = layer.stay;
      row.binds = row.binds_next = row.ledger.binds();
      result.layers.push_back(std::move(row));
      if (progress_) progress_(i + 1);
    }
    result.control_read_bytes = accelerator_.traffic().control_read_bytes;
    result.memory = memory_.statistics();
    if (!elided) check_memory();
    if (options_.find_next) find_next_bounds();
  }

  Ledger run_layer(const PreparedLayer& layer, const WhatIf& as_built) {
    Ledger ledger;
    try {
      LayerTimeline* timeline = options_.timeline ? &result.timeline.emplace_back() : nullptr;
      ledger = accelerator_.run(layer.descriptor_address, model_of(layer), as_built, timeline);
    } catch (const sc_core::sc_unwind_exception&) {
      throw;  // the kernel ends the process
    } catch (const std::exception&) {
      // Other codes than the recorded ones need other space: that they are other is the cause.
      if (options_.check) check_values(*layer.layer, false);
      if (result.check_failure.empty()) throw;
      return ledger;
    }
    if (options_.check) {
      check_values(*layer.layer, true);
      count_checked(*layer.layer, accelerator_.computed(), *result.check);
    } else if (find_wrong_code(preparation_.network(), *layer.layer, accelerator_.computed())) {
      ++result.layers_with_other_codes;
    }
    return ledger;
  }

  void check_values(const Layer& layer, bool finished) {
    const Network& network = preparation_.network();
    const ComputedLayer& computed = accelerator_.computed();
    auto wrong = find_wrong_accumulator(network, layer, computed, finished);
    if (!wrong) wrong = find_wrong_code(network, layer, computed);
    if (wrong) result.check_failure = *wrong;
  }

  void write_memory() {
    for (const PreparedLayer& layer : preparation_.layers()) {
      const auto bytes = layer.descriptor.to_bytes();
      host_.write(layer.descriptor_address, {bytes.begin(), bytes.end()});
      if (layer.descriptor.bias_address != 0 && !preparation_.point().elided) {
        host_.write(layer.descriptor.bias_address, preparation_.bias_bytes(*layer.layer));
      }
    }
    if (preparation_.point().elided) return;
    for (const auto& stored : preparation_.stored()) {
      if (!stored->written_by_host) continue;
      const TensorStream& stream = *stored->stream;
      EncodedTensor encoded =
          encode(*preparation_.point().codec, stream.layout, stream.coded, *stream.tensor);
      host_.write(stored->address, std::move(encoded.stream));
      host_.write(stored->table_address, offset_table_bytes(encoded.format.header, encoded.table));
    }
  }

  /// Every tensor in memory must decode to the values that the workload has for it.
  void check_memory() {
    for (const auto& stored : preparation_.stored()) {
      const TensorStream& stream = *stored->stream;
      const std::vector<std::uint8_t> bytes = host_.read(stored->address, stream.coded.stream_bytes());
      const std::vector<std::uint8_t> table_bytes =
          host_.read(stored->table_address, stream.coded.table_bytes());
      const std::vector<std::uint8_t>& header = stream.coded.format.header;
      if (!std::equal(header.begin(), header.end(), table_bytes.begin())) {
        result.mismatches.push_back("tensor '" + stream.tensor->key + "' in memory has another header");
        continue;
      }
      const std::vector<std::uint32_t> table =
          offsets_from_table(table_bytes.data() + header.size(), (table_bytes.size() - header.size()) / 4);
      Tensor decoded = *stream.tensor;
      std::fill(decoded.data.begin(), decoded.data.end(), std::uint8_t{0});
      try {
        decode(*preparation_.point().codec, stream.layout, stream.coded.format, bytes, table, decoded);
        if (decoded.data != stream.tensor->data) {
          result.mismatches.push_back("tensor '" + stream.tensor->key +
                                      "' in memory decodes to other values");
        }
      } catch (const StreamError& error) {
        result.mismatches.push_back("tensor '" + stream.tensor->key + "' in memory: " + error.what());
      }
    }
  }

  /// Runs each layer again with the resource that binds it ideal.
  void find_next_bounds() {
    for (std::size_t i = 0; i < preparation_.layers().size(); ++i) {
      LayerResult& row = result.layers[i];
      WhatIf ideal;
      ideal.elided = true;
      ideal.ideal_compute = row.binds == Resource::compute;
      ideal.ideal_memory = row.binds == Resource::dram;
      ideal.ideal_codec = row.binds == Resource::codec;
      if (row.binds == Resource::overhead) {
        row.binds_next = row.ledger.binds_without(Resource::overhead);
        continue;
      }
      const PreparedLayer& layer = preparation_.layers()[i];
      row.binds_next = accelerator_.run(layer.descriptor_address, model_of(layer), ideal).binds();
    }
  }

  LayerModel model_of(const PreparedLayer& layer) const {
    LayerModel model;
    model.plan = &layer.plan;
    model.streams = layer.streams;
    model.activation_bricks = layer.compute->activation_bricks().get();
    model.weight_bricks = layer.compute->weight_bricks().get();
    model.results = layer.output == nullptr ? nullptr : layer.output->tensor;
    model.requantisation = layer.requantisation ? &*layer.requantisation : nullptr;
    model.checked = options_.check;
    return model;
  }

  const Preparation& preparation_;
  const Progress& progress_;
  SimulationOptions options_;
  Accelerator accelerator_;
  dram::Dram memory_;
  HostMemory host_;
};

}  // namespace

void check(const SimulationOptions& options, const Network& network, const DesignPoint& point) {
  if (options.check && point.fidelity == Fidelity::analytic)
    throw InputError("a check needs a simulation to compute in, and sim.fidelity = analytic is none: use lt");
  if (options.check && network.profile)
    throw InputError("a check needs values to compute with, and " + network.profile->file +
                     " is a width profile without any");
  if (options.check && point.elided)
    throw InputError("a check needs values to compute with, and sim.data = elided copies none: use carried");
}

namespace {

void refuse_banks_of_split_layers(const Preparation& preparation) {
  const BufferOrganisation& banks = preparation.point().banks;
  if (!banks.activation.limited() && !banks.weight.limited() && !banks.output.limited()) return;
  for (const PreparedLayer& layer : preparation.layers()) {
    if (!layer.plan.split) continue;
    throw InputError(
        "layer '" + printable(layer.layer->name) +
        "' is split over parts of its rows, for which there is no model of a number of banks: "
        "leave buffer.activation_banks, buffer.weight_banks and buffer.output_banks at 0, or take "
        "larger buffers");
  }
}

}  // namespace

RunResult simulate(const Preparation& preparation, const Progress& progress,
                   const SimulationOptions& options) {
  check(options, preparation.network(), preparation.point());
  refuse_banks_of_split_layers(preparation);
  Testbed testbed("testbed", preparation, progress, options);
  sc_core::sc_start();
  if (testbed.failure) std::rethrow_exception(testbed.failure);
  if (!testbed.result.check_failure.empty()) return testbed.result;
  if (testbed.result.layers.size() != preparation.layers().size()) {
    throw std::runtime_error("the simulation ended before the last layer: something waits for ever");
  }
  const DesignPoint& point = preparation.point();
  testbed.result.fill_cycles = fill_cycles(point.detect_latency, true);
  return testbed.result;
}

}  // namespace dpred
