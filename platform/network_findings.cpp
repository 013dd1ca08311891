#include "platform/network_findings.h"

#include <utility>

namespace dpred {

NetworkFindings::NetworkFindings(const Network& network)
    : network_(network), widths_(NetworkWidths::of(network)) {
  for (const Layer& layer : network.layers)
    layers_.push_back(std::make_unique<LayerValues>(*widths_, network, layer));
}

std::shared_ptr<const NetworkTensors> NetworkFindings::tensors(const StreamPoint& point) {
  return tensors_.get(point, [&] { return find_tensors(point); });
}

std::shared_ptr<const NetworkCompute> NetworkFindings::compute(const ArrayPoint& point) {
  return compute_.get(point, [&] { return find_compute(point); });
}

std::shared_ptr<const NetworkTensors> NetworkFindings::find_tensors(const StreamPoint& point) {
  const std::shared_ptr<UncodedStreams> uncoded =
      uncoded_.get(point.stream, [] { return std::make_shared<UncodedStreams>(); });
  std::map<const UncodedStream*, std::shared_ptr<const TensorStream>> coded;
  const auto stream_of = [&](const std::string& key, StreamRole role) {
    const Tensor& tensor = network_.tensor(key);
    std::shared_ptr<const UncodedStream>& stream = (*uncoded)[{&tensor, role}];
    if (!stream) stream = std::make_shared<UncodedStream>(*widths_, tensor, role, point.stream);
    std::shared_ptr<const TensorStream>& with_codec = coded[stream.get()];
    if (!with_codec) with_codec = std::make_shared<TensorStream>(stream, *point.codec, point.codec_options);
    return with_codec;
  };
  auto tensors = std::make_shared<NetworkTensors>();
  for (const Layer& layer : network_.layers) {
    LayerTensors& of_layer = tensors->emplace_back();
    of_layer.input = stream_of(layer.input, StreamRole::activation);
    of_layer.weight = stream_of(layer.weight, weight_role(layer.shape));
    if (!layer.output.empty()) of_layer.output = stream_of(layer.output, StreamRole::activation);
  }
  return tensors;
}

std::shared_ptr<const NetworkCompute> NetworkFindings::find_compute(const ArrayPoint& point) {
  auto compute = std::make_shared<NetworkCompute>();
  for (const std::unique_ptr<LayerValues>& layer : layers_)
    compute->push_back(std::make_unique<LayerCompute>(point, *layer));
  return compute;
}

}  // namespace dpred
