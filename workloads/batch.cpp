#include "workloads/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "workloads/error.h"
#include "workloads/manifest.h"

namespace dpred {

namespace {

/// What an offset table's 32 bits reach, so that no tensor is made which no stream could hold.
constexpr std::uint64_t most_bytes = std::numeric_limits<std::uint32_t>::max();

class Repeater {
 public:
  Repeater(Network& network, std::int64_t times) : network_(network), times_(times) {}

  void run() {
    if (network_.profile) fail("a width profile has the widths of the recorded inputs only");
    const std::set<std::string> activations = activation_keys();
    for (const Layer& layer : network_.layers) {
      if (activations.count(layer.weight) != 0)
        fail(fmt::format("tensor '{}' is an activation, and the weight of layer '{}'",
                         printable(layer.weight), printable(layer.name)));
      check(layer);
    }
    for (const std::string& key : activations)
      check(network_.tensor(key));
    for (const std::string& key : activations)
      repeat(network_.tensors.at(key));
    for (Layer& layer : network_.layers)
      layer.shape.N *= times_;
    network_.batch *= times_;
  }

 private:
  std::set<std::string> activation_keys() const {
    std::set<std::string> keys;
    for (const Layer& layer : network_.layers) {
      keys.insert(layer.input);
      if (!layer.output.empty()) keys.insert(layer.output);
    }
    return keys;
  }

  void check(const Layer& layer) const {
    std::int64_t macs = 0;
    if (layer.shape.N > largest_dimension / times_ ||
        __builtin_mul_overflow(layer.shape.macs(), times_, &macs))
      fail(fmt::format("layer '{}' gets too large", printable(layer.name)));
  }

  void check(const Tensor& tensor) const {
    const auto repeats = static_cast<std::uint64_t>(times_);
    if (tensor.data.size() > most_bytes / repeats)
      fail(fmt::format("tensor '{}' gets {} bytes, more than 4 GiB", printable(tensor.key),
                       tensor.data.size() * repeats));
  }

  void repeat(Tensor& tensor) const {
    const std::size_t size = tensor.data.size();
    std::vector<std::uint8_t> data(size * static_cast<std::size_t>(times_));
    for (std::size_t at = 0; at < data.size(); at += size)
      std::copy(tensor.data.begin(), tensor.data.end(), data.begin() + static_cast<std::ptrdiff_t>(at));
    tensor.data = std::move(data);
    tensor.shape[0] *= times_;
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw InputError(fmt::format("workload.batch = {}: {}", times_, why));
  }

  Network& network_;
  std::int64_t times_;
};

}  // namespace

Network repeat_inputs(Network network, std::int64_t times) {
  if (times > 1) Repeater(network, times).run();
  return network;
}

}  // namespace dpred
