#include "platform/first_readings.h"

#include <set>
#include <string>

namespace dpred {

std::vector<TensorReading> first_readings(const Network& network) {
  std::vector<TensorReading> readings;
  std::set<std::string> seen;
  for (const Layer& layer : network.layers) {
    if (seen.insert(layer.input).second) {
      readings.push_back({&network.tensor(layer.input), StreamRole::activation, &layer});
    }
    if (seen.insert(layer.weight).second) {
      readings.push_back({&network.tensor(layer.weight), weight_role(layer.shape), &layer});
    }
  }
  return readings;
}

}  // namespace dpred
