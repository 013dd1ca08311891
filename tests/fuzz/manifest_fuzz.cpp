// The reader of a trace set's manifest.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"
#include "workloads/trace_set.h"

using namespace dpred;

namespace {

/// What everything behind the reader relies on.
void check(const Manifest& manifest) {
  const Network& network = manifest.network;
  fuzz::require(network.bits == 8 || network.bits == 16, "8 or 16 bits");
  fuzz::require(!network.layers.empty(), "a layer");
  fuzz::require(manifest.tensor_files.size() == network.tensors.size(), "a file a tensor");
  for (const auto& [key, tensor] : network.tensors) {
    for (const std::int64_t n : tensor.shape)
      fuzz::require(n >= 1, "dimensions from 1");
    fuzz::require(tensor.raw_bits() >= 1, "sizes fit 63 bits");
    fuzz::require(8 * bytes_of(tensor.dtype) == static_cast<std::size_t>(network.bits), "types as wide as B");
    const std::string& file = manifest.tensor_files.at(key);
    fuzz::require(!file.empty() && file.find('/') == std::string::npos, "files in the folder");
  }
  for (const Layer& layer : network.layers) {
    const LayerShape& s = layer.shape;
    fuzz::require(network.tensor(layer.input).shape == s.input(), "inputs fit");
    fuzz::require(network.tensor(layer.weight).shape == s.weight(), "weights fit");
    if (!layer.output.empty()) {
      const std::int64_t channels = layer.op == LayerOp::lstm_h ? s.K / 4 : s.K;
      fuzz::require(network.tensor(layer.output).shape == Shape{s.N, channels, s.OH, s.OW}, "outputs fit");
    }
    fuzz::require(s.channels_per_group() * s.groups == s.C && s.filters_per_group() * s.groups == s.K,
                  "groups divide channels and filters");
    fuzz::require(s.macs() >= 1 && s.windows() >= 1, "multiplications fit 63 bits");
    fuzz::require(s.input_row(s.OH - 1, s.R - 1) < s.H + s.pad_tblr[1] &&
                      s.input_column(s.OW - 1, s.S - 1) < s.W + s.pad_tblr[3],
                  "windows lie in the padded input");
    for (const std::string& key : {layer.bias, layer.weight_scales}) {
      if (key.empty()) continue;
      const std::int64_t length = manifest.vectors.at(key).length;
      fuzz::require(length == s.K || length == 1, "vectors fit");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::read_or_refuse<InputError>("manifest.json: ", [&] { check(parse_manifest(bytes, "manifest.json")); });
  return 0;
}
