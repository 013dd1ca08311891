#include "tests/bench/generated_network.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/bench/generated.h"
#include "tests/support/trace_builder.h"

namespace dpred::bench {

namespace {

namespace fs = std::filesystem;

/// How values are spread.
struct Spread {
  int bits = 10;  ///< of the widest magnitudes; each bit less is half as frequent
  int zeros = 0;  ///< of 256 values
  bool negative = false;
};

constexpr Spread image{8, 0, true};
constexpr Spread weights{10, 12, true};
constexpr Spread fc_weights{9, 12, true};

/// After a ReLU.
Spread rectified(int bits) {
  return {bits, 112, false};
}

Shape output_of(const LayerShape& shape) {
  return {shape.N, shape.K, shape.OH, shape.OW};
}

/// A trace set that is written tensor by tensor: its values are never all in memory.
class TraceFolder {
 public:
  TraceFolder(fs::path folder, const std::string& network) : folder_(std::move(folder)), set_(16, network) {}

  void tensor(const std::string& key, const std::string& kind, const Shape& shape, const Spread& spread) {
    Random random(++seed_);
    std::string data(static_cast<std::size_t>(2 * volume(shape)), '\0');
    for (std::size_t i = 0; i < data.size(); i += 2) {
      const std::uint64_t bits = random();
      std::uint32_t value = 0;
      if (static_cast<int>(bits & 255) >= spread.zeros) {
        const int short_of = __builtin_ctzll(bits >> 8 | 1ull << (spread.bits - 1));
        value = static_cast<std::uint32_t>(bits >> 24) & ((1u << (spread.bits - short_of)) - 1);
        if (spread.negative && (bits >> 63) != 0) value = 0u - value;
      }
      data[i] = static_cast<char>(value);
      data[i + 1] = static_cast<char>(value >> 8);
    }
    set_.manifest["tensors"][key] = {{"file", key + ".npy"}, {"shape", shape}, {"dtype", "int16"},
                                     {"kind", kind},         {"bits", 16},     {"signed", true},
                                     {"zero_point", 0},      {"frac_bits", 8}};
    test::write_file(folder_ / (key + ".npy"), test::npy_bytes("<i2", {shape.begin(), shape.end()}, data));
  }

  /// A layer with weights of its own.
  void layer(const std::string& name, LayerOp op, const LayerShape& shape, const std::string& input,
             const std::string& output, const Spread& spread) {
    tensor(name + "_w", "wgt", shape.weight(), spread);
    set_.layer(name, op, shape, input, name + "_w", output);
  }

  void finish() const { set_.write(folder_); }

 private:
  fs::path folder_;
  test::TraceBuilder set_;
  std::uint64_t seed_ = 0;
};

}  // namespace

void write_alexnet(const fs::path& folder) {
  TraceFolder set(folder, "alexnet_shapes");
  const std::vector<LayerShape> convolutions = alexnet_convolutions();
  const std::vector<LayerShape> connected = alexnet_fully_connected();
  // Behind the first two convolutions and the last one values are pooled: other tensors.
  set.tensor("image", "act", convolutions[0].input(), image);
  set.tensor("a1", "act", output_of(convolutions[0]), rectified(9));
  set.layer("conv1", LayerOp::conv, convolutions[0], "image", "a1", weights);
  set.tensor("p1", "act", convolutions[1].input(), rectified(8));
  set.tensor("a2", "act", output_of(convolutions[1]), rectified(8));
  set.layer("conv2", LayerOp::conv, convolutions[1], "p1", "a2", weights);
  set.tensor("p2", "act", convolutions[2].input(), rectified(8));
  set.tensor("a3", "act", output_of(convolutions[2]), rectified(7));
  set.layer("conv3", LayerOp::conv, convolutions[2], "p2", "a3", weights);
  set.tensor("a4", "act", output_of(convolutions[3]), rectified(7));
  set.layer("conv4", LayerOp::conv, convolutions[3], "a3", "a4", weights);
  set.tensor("a5", "act", output_of(convolutions[4]), rectified(7));
  set.layer("conv5", LayerOp::conv, convolutions[4], "a4", "a5", weights);
  set.tensor("p5", "act", connected[0].input(), rectified(7));
  set.tensor("a6", "act", output_of(connected[0]), rectified(7));
  set.layer("fc6", LayerOp::fc, connected[0], "p5", "a6", fc_weights);
  set.tensor("a7", "act", output_of(connected[1]), rectified(7));
  set.layer("fc7", LayerOp::fc, connected[1], "a6", "a7", fc_weights);
  set.tensor("scores", "act", output_of(connected[2]), image);
  set.layer("fc8", LayerOp::fc, connected[2], "a7", "scores", fc_weights);
  set.finish();
}

void write_scaled_network(const fs::path& folder, std::int64_t scale) {
  TraceFolder set(folder, "scaled_" + std::to_string(scale));
  std::int64_t side = 1;  // of what grows in two dimensions
  while (side * side < scale)
    side *= 2;
  const LayerShape first = convolution(16, 56 * side, 32, 3, 1, 1, 1);
  const LayerShape depthwise = convolution(32, 56 * side, 32, 3, 1, 1, 32);
  const LayerShape pointwise = convolution(32, 56 * side, 32, 1, 1, 0, 1);
  const LayerShape hidden = convolution(512 * side, 1, 512 * side, 1, 1, 0, 1);
  set.tensor("image", "act", first.input(), rectified(8));
  set.tensor("a1", "act", output_of(first), rectified(8));
  set.layer("conv", LayerOp::conv, first, "image", "a1", weights);
  set.tensor("a2", "act", output_of(depthwise), rectified(8));
  set.layer("dwconv", LayerOp::dwconv, depthwise, "a1", "a2", weights);
  set.tensor("a3", "act", output_of(pointwise), rectified(8));
  set.layer("pointwise", LayerOp::conv, pointwise, "a2", "a3", weights);
  set.tensor("p3", "act", hidden.input(), rectified(8));
  set.tensor("a4", "act", output_of(hidden), rectified(8));
  set.layer("fc1", LayerOp::fc, hidden, "p3", "a4", fc_weights);
  set.tensor("a5", "act", output_of(hidden), rectified(8));
  set.layer("fc2", LayerOp::fc, hidden, "a4", "a5", fc_weights);
  set.finish();
}

}  // namespace dpred::bench
