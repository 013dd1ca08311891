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

}  // namespace dpred
