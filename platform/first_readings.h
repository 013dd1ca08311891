// Which layer reads a tensor first: it gives the tensor its role.
#pragma once

#include <vector>

#include "models/codec/stream_layout.h"
#include "workloads/network.h"

namespace dpred {

struct TensorReading {
  const Tensor* tensor = nullptr;
  StreamRole role = StreamRole::activation;
  const Layer* layer = nullptr;
};

/// Each tensor that a layer reads, once, in order of first reading, a layer's input before its weight. Refers
/// to the network.
std::vector<TensorReading> first_readings(const Network& network);

}  // namespace dpred
