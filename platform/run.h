// One design point on one network: the result of a simulation, and the function that makes it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/dram/statistics.h"
#include "models/energy/energy_model.h"
#include "models/ledger/ledger.h"
#include "platform/check.h"
#include "platform/layer_timeline.h"
#include "platform/preparation.h"

namespace dpred {

/// Most of each buffer that a layer holds, over what there is: halves, where the operand is filled by halves.
struct BuffersFilled {
  double activation = 0, weight = 0, output = 0;
};

struct LayerResult {
  std::string name, op;
  std::uint64_t macs = 0;
  Ledger ledger;
  ArrayCycles array_cycles{};  ///< where the ledger's compute cycles go
  Traffic traffic;             ///< measured at the memory socket
  Traffic raw_traffic;         ///< closed form of the same plan with every tensor uncompressed
  BuffersUse buffers;
  BuffersFilled filled;
  ActionCounts actions;
  Energy energy;
  OutputStay stay;  ///< whether the output is left on chip for the next layer
  Resource binds = Resource::compute;
  Resource binds_next = Resource::compute;
};

/// What is known of a layer before any time is found; measured bytes are still to come.
LayerResult planned_row(const PreparedLayer& layer, const DesignPoint& point);

struct RunResult {
  std::vector<LayerResult> layers;
  std::uint64_t control_read_bytes = 0;     ///< descriptors
  std::uint64_t fill_cycles = 0;            ///< of a layer, on an ideal memory
  std::optional<dram::Statistics> memory;   ///< what the memory served, where there was one
  std::vector<std::string> mismatches;      ///< tensors in memory that do not decode to their values
  std::optional<CheckCounts> check;         ///< where the computed values were checked
  std::string check_failure;                ///< what the check found first: layer, place, got and want
  std::vector<LayerTimeline> timeline;      ///< by layer, where it was asked for
  std::size_t layers_with_other_codes = 0;  ///< else: layers whose computed codes are not the recorded ones

  std::uint64_t macs() const;
  Ledger ledger() const;
  ArrayCycles array_cycles() const;
  Traffic traffic() const;
  Traffic raw_traffic() const;
  BuffersUse buffers() const;
  ActionCounts actions() const;
  Energy energy() const;
};

/// Called after each layer with the number done.
using Progress = std::function<void(std::size_t)>;

struct SimulationOptions {
  bool find_next = true;  ///< else `binds_next` stays what binds
  /// Values are multiplied bit by bit, as the design's hardware does it; every accumulator is compared with a
  /// plain convolution, and every computed code with the recorded one. InputError if data is elided.
  bool check = false;
  bool timeline = false;  ///< record when jobs did what
};

/// InputError for options that don't go with the network or the design point.
void check(const SimulationOptions& options, const Network& network, const DesignPoint& point);

/// Simulates the network once and, for `binds_next`, each layer again with the resource that binds it ideal.
/// With data carried, every tensor in memory is decoded and compared afterwards. One call a process: SystemC
/// has one simulation. TransportError, StreamError or std::runtime_error if the platform fails. A check that
/// fails ends the run: the result then has its failure, and no more layers than were run before.
RunResult simulate(const Preparation& preparation, const Progress& progress = {},
                   const SimulationOptions& options = {});

}  // namespace dpred
