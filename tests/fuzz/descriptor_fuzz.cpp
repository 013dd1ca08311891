// Layer descriptors.
#include <algorithm>

#include "platform/layer_descriptor.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<std::uint8_t, LayerDescriptor::size> bytes{};
  std::copy_n(data, std::min(size, bytes.size()), bytes.begin());
  fuzz::read_or_refuse<InputError>("layer descriptor: ", [&] {
    const LayerDescriptor d = LayerDescriptor::from_bytes(bytes);
    const LayerShape& s = d.shape;
    fuzz::require(s.macs() >= 1 && s.windows() >= 1, "multiplications fit 63 bits");
    fuzz::require(volume(s.input()) >= 1 && volume(s.weight()) >= 1, "tensors fit 63 bits");
    fuzz::require(d.output_channels == 0 || volume(d.output_shape()) >= 1, "results fit 63 bits");
    const auto again = d.to_bytes();
    fuzz::require(LayerDescriptor::from_bytes(again).to_bytes() == again, "bytes and fields are one to one");
  });
  return 0;
}
