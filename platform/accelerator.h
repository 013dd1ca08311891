// Top module of the accelerator: sequencer, compression engine, buffers and array, and one memory socket.
#pragma once

#include <systemc>
#include <tlm>

#include "models/array/processing_array.h"
#include "models/buffer/on_chip_buffer.h"
#include "models/compression/compression_engine.h"
#include "platform/planner.h"
#include "platform/sequencer.h"

namespace dpred {

struct AcceleratorConfig {
  const ComputeDesign* design = nullptr;
  ArrayGeometry geometry;
  BufferSizes buffers;
  EngineConfig engine;
  SequencerConfig sequencer;
};

class Accelerator : public sc_core::sc_module {
 public:
  /// To any TLM-2.0 memory. Blocking accesses, aligned to bursts of the configured length.
  tlm::tlm_initiator_socket<> mem{"mem"};

  Accelerator(const sc_core::sc_module_name& name, const AcceleratorConfig& config);

  /// See Sequencer::run(). To be called from an SC_THREAD of the platform.
  Ledger run(std::uint64_t descriptor_address, const LayerModel& model, const WhatIf& what_if,
             LayerTimeline* timeline = nullptr) {
    return sequencer_.run(descriptor_address, model, what_if, timeline);
  }
  const EngineTraffic& traffic() const { return engine_.traffic(); }
  /// What the array has computed of the layer that was run last; nothing where data was elided.
  const ComputedLayer& computed() const { return array_.computed(); }
  /// What the buffers did in the layer that was run last.
  const BuffersUse& buffers_use() const { return sequencer_.buffers_use(); }

 private:
  OnChipBuffer activation_buffer_, weight_buffer_, output_buffer_;
  CompressionEngine engine_;
  ProcessingArray array_;
  Sequencer sequencer_;
};

}  // namespace dpred
