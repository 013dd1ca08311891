#include "platform/run.h"

namespace dpred {

std::uint64_t RunResult::macs() const {
  std::uint64_t sum = 0;
  for (const LayerResult& layer : layers)
    sum += layer.macs;
  return sum;
}

Ledger RunResult::ledger() const {
  Ledger sum;
  for (const LayerResult& layer : layers)
    sum += layer.ledger;
  return sum;
}

ArrayCycles RunResult::array_cycles() const {
  ArrayCycles sum{};
  for (const LayerResult& layer : layers) {
    for (std::size_t i = 0; i < slot_causes; ++i)
      sum[i] += layer.array_cycles[i];
  }
  return sum;
}

Traffic RunResult::traffic() const {
  Traffic sum;
  for (const LayerResult& layer : layers)
    sum += layer.traffic;
  return sum;
}

Traffic RunResult::raw_traffic() const {
  Traffic sum;
  for (const LayerResult& layer : layers)
    sum += layer.raw_traffic;
  return sum;
}

BuffersUse RunResult::buffers() const {
  BuffersUse sum;
  for (const LayerResult& layer : layers)
    sum += layer.buffers;
  return sum;
}

ActionCounts RunResult::actions() const {
  ActionCounts sum;
  for (const LayerResult& layer : layers)
    sum += layer.actions;
  return sum;
}

Energy RunResult::energy() const {
  Energy sum;
  for (const LayerResult& layer : layers)
    sum += layer.energy;
  return sum;
}

}  // namespace dpred
