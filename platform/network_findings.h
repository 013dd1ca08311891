// What design points on one network have in common, each thing found once.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "platform/layer_compute.h"
#include "platform/network_widths.h"
#include "platform/recently_used.h"
#include "platform/tensor_stream.h"
#include "workloads/network.h"

namespace dpred {

struct DesignPoint;

/// How tensors are coded at a design point.
struct StreamPoint {
  const Codec* codec = nullptr;
  CodecOptions codec_options;
  StreamOptions stream;

  friend bool operator==(const StreamPoint& a, const StreamPoint& b) {
    return a.codec == b.codec && a.codec_options == b.codec_options && a.stream == b.stream;
  }
};

/// A layer's tensors in memory. Layers that read a tensor in the same role share it.
struct LayerTensors {
  std::shared_ptr<const TensorStream> input, weight;
  std::shared_ptr<const TensorStream> output;  ///< null where the result does not leave the chip
};

/// By layer.
using NetworkTensors = std::vector<LayerTensors>;
using NetworkCompute = std::vector<std::unique_ptr<LayerCompute>>;

/// Widths are found in the values once; streams once for each codec setting; compute cycles once for each
/// array. Of the latter two those are kept that were asked for last. Not for several threads at a time.
class NetworkFindings {
 public:
  /// The network must outlive it.
  explicit NetworkFindings(const Network& network);

  const Network& network() const { return network_; }
  /// InputError for a design point that needs values that the network doesn't have.
  void check(const DesignPoint& point) const { widths_->check(point); }

  /// InputError for options that a width profile doesn't know.
  std::shared_ptr<const NetworkTensors> tensors(const StreamPoint& point);
  std::shared_ptr<const NetworkCompute> compute(const ArrayPoint& point);

 private:
  using UncodedStreams = std::map<std::pair<const Tensor*, StreamRole>, std::shared_ptr<const UncodedStream>>;

  std::shared_ptr<const NetworkTensors> find_tensors(const StreamPoint& point);
  std::shared_ptr<const NetworkCompute> find_compute(const ArrayPoint& point);

  const Network& network_;
  std::unique_ptr<NetworkWidths> widths_;
  std::vector<std::unique_ptr<LayerValues>> layers_;
  RecentlyUsed<StreamOptions, UncodedStreams> uncoded_{4};
  RecentlyUsed<StreamPoint, const NetworkTensors> tensors_{8};
  RecentlyUsed<ArrayPoint, const NetworkCompute> compute_{16};
};

}  // namespace dpred
