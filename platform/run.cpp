#include "platform/run.h"

namespace dpred {

LayerResult planned_row(const PreparedLayer& layer, const DesignPoint& point) {
  const auto share = [](std::uint64_t used, std::uint64_t capacity, bool resident) {
    return static_cast<double>(used) / static_cast<double>(resident ? capacity : capacity / 2);
  };
  const Plan& plan = layer.plan;
  LayerResult row;
  row.name = layer.layer->name;
  row.op = to_string(layer.layer->op);
  row.macs = static_cast<std::uint64_t>(layer.layer->shape.macs());
  row.raw_traffic = layer.raw_traffic;
  row.filled.activation =
      share(plan.activation_half_used, point.buffers.activation, plan.activations_resident);
  row.filled.weight = share(plan.weight_half_used, point.buffers.weight, plan.weights_resident);
  row.filled.output = share(plan.output_half_used, point.buffers.output, false);
  return row;
}

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
