// The sequencer: reads a layer's descriptor and obeys its plan.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <systemc>
#include <vector>

#include "models/array/array_control.h"
#include "models/buffer/banks.h"
#include "models/compression/engine_control.h"
#include "models/ledger/ledger.h"
#include "models/tlm/cycle_clock.h"
#include "platform/layer_descriptor.h"
#include "platform/layer_time.h"
#include "platform/layer_timeline.h"
#include "platform/plan.h"

namespace dpred {

/// What the model knows of a layer beside its descriptor.
struct LayerModel {
  const Plan* plan = nullptr;
  LayerStreams streams;
  const BrickMap* activation_bricks = nullptr;     ///< used where data is elided
  const BrickMap* weight_bricks = nullptr;         ///< static; only for designs with brick-wise weights
  const Tensor* results = nullptr;                 ///< the recorded output; null: stays on chip
  const Requantisation* requantisation = nullptr;  ///< null: results are the recorded ones
  bool checked = false;                            ///< see ArrayLayer
};

/// Parts that are taken to cost nothing, to see what binds next.
struct WhatIf {
  bool elided = false;  ///< no bytes are copied: always with an ideal memory
  bool ideal_memory = false;
  bool ideal_codec = false;
  bool ideal_compute = false;
};

struct SequencerConfig {
  std::uint64_t clock_mhz = 1000;
  std::uint64_t detect_latency = 2;  ///< array cycles through OR trees and leading-one detector
  BufferOrganisation banks;
};

class Sequencer : public sc_core::sc_module {
 public:
  sc_core::sc_port<EngineControl> engine{"engine"};
  sc_core::sc_port<ArrayControl> array{"array"};

  Sequencer(const sc_core::sc_module_name& name, const SequencerConfig& config);

  /// Runs one layer from its descriptor in memory to its last result in memory; returns where the array
  /// cycles went. To be called from an SC_THREAD. InputError if the descriptor is none, or not that of the
  /// model; TransportError, StreamError and std::runtime_error as memory, streams and array give cause. The
  /// next layer may be run after a failure. Records when jobs did what, if there is where to.
  Ledger run(std::uint64_t descriptor_address, const LayerModel& model, const WhatIf& what_if,
             LayerTimeline* timeline = nullptr);

  /// What the buffers did in the layer that was run last.
  const BuffersUse& buffers_use() const { return buffers_use_; }

 private:
  /// What the compute process has to know of a job's fills and drains.
  struct JobState {
    Pending<FetchedBiases> biases;
    Pending<FetchTimes> weights, activations;
    Pending<sc_core::sc_time> partials;
    Pending<DrainTimes> drain;
    std::optional<DrainTimes> drained;  ///< once `drain` has completed
  };

  void fill_process();
  void drain_process();
  template <class Work>
  void serve(Work&& work);
  void fill_layer();
  void drain_layer();
  void check_descriptor() const;
  void begin_layer(const LayerDescriptor& layer);
  std::uint64_t compute_layer(std::uint64_t start_cycle);
  void fail(std::exception_ptr failure);
  void wait_until(const std::size_t& progress, std::size_t jobs);
  void advance(std::size_t& progress, std::size_t jobs);
  JobTimeline* recorded(std::size_t job) const {
    return timeline_ == nullptr ? nullptr : &timeline_->jobs[job];
  }
  std::uint64_t layer_cycle(const sc_core::sc_time& time) const;
  Readiness in_layer(const Readiness& times) const;
  JobReadiness await_operands(std::size_t job);
  std::optional<DrainTimes> await_drain(std::size_t job);
  void fetch_partials(std::size_t job);
  std::uint64_t charge_conflicts(std::size_t job, const JobBufferUse& use);
  std::uint64_t fill_words(const std::optional<Fill>& fill, const BufferBanks& banks) const;
  std::uint64_t result_words(std::size_t job) const;
  std::uint64_t stay_words(std::size_t job) const;
  JobResults results_of(std::size_t index) const;
  ArrivedRows input_on_chip() const;

  SequencerConfig config_;
  CycleClock clock_;
  LayerDescriptor layer_;
  const LayerModel* model_ = nullptr;
  WhatIf what_if_;
  LayerTimeline* timeline_ = nullptr;
  std::uint64_t start_cycle_ = 0;
  Ledger ledger_;
  BuffersUse buffers_use_;
  std::vector<JobState> states_;
  sc_core::sc_time output_done_;
  // Jobs whose fills are issued, whose last step is over, whose results are drained.
  std::size_t filled_ = 0, computed_ = 0, drained_ = 0;
  std::size_t awaited_ = 0;     ///< jobs whose drains have completed
  bool awaiting_ = false;       ///< a process waits for the next of them
  int running_ = 0;             ///< of the fill and the drain process
  std::exception_ptr failure_;  ///< what ended the layer in one of the processes
  sc_core::sc_event start_, progress_;
};

}  // namespace dpred
