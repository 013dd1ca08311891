// One design point on one network: the result of a simulation, and the function that makes it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/dram/statistics.h"
#include "models/ledger/ledger.h"
#include "platform/preparation.h"

namespace dpred {

struct LayerResult {
  std::string name, op;
  std::uint64_t macs = 0;
  Ledger ledger;
  Traffic traffic;      ///< measured at the memory socket
  Traffic raw_traffic;  ///< closed form of the same plan with every tensor uncompressed
  Resource binds = Resource::compute;
  Resource binds_next = Resource::compute;
};

struct RunResult {
  std::vector<LayerResult> layers;
  std::uint64_t control_read_bytes = 0;  ///< descriptors
  std::uint64_t fill_cycles = 0;         ///< of a layer, on an ideal memory
  dram::Statistics memory;               ///< what the memory served
  std::vector<std::string> mismatches;   ///< tensors in memory that do not decode to their values

  std::uint64_t macs() const;
  Ledger ledger() const;
  Traffic traffic() const;
  Traffic raw_traffic() const;
};

/// Called after each layer with the number done.
using Progress = std::function<void(std::size_t)>;

/// Simulates the network once and, for `binds_next`, each layer again with the resource that binds it ideal.
/// With data carried, every tensor in memory is decoded and compared afterwards. One call a process: SystemC
/// has one simulation. TransportError, StreamError or std::runtime_error if the platform fails.
/// Without `find_next`, `binds_next` stays what binds.
RunResult simulate(const Preparation& preparation, const Progress& progress = {}, bool find_next = true);

}  // namespace dpred
