// What a check finds, and what it says of it.
#include "platform/check.h"

#include <catch2/catch.hpp>

using namespace dpred;

namespace {

using Text = std::optional<std::string>;

/// A 1x1 convolution of two channels into two filters over 1 x 2 positions: accumulators 11 and 14, 10
/// and 12.
struct Case {
  Network network;
  ComputedLayer computed;

  explicit Case(int bits = 8, int scale = 1) {
    network.bits = bits;
    Layer layer;
    layer.name = "conv";
    layer.input = "x", layer.weight = "w", layer.output = "y";
    layer.shape.C = layer.shape.K = layer.shape.W = layer.shape.OW = 2;
    network.layers.push_back(layer);
    const auto add = [&](const char* key, const Shape& shape, const std::vector<int>& codes) {
      Tensor& tensor = network.tensors[key];
      tensor.key = key;
      tensor.shape = shape;
      tensor.bits = bits;
      tensor.dtype = bits == 8 ? DType::int8 : DType::uint16;
      for (const int code : codes) {
        tensor.data.push_back(static_cast<std::uint8_t>(code));
        if (bits == 16) tensor.data.push_back(static_cast<std::uint8_t>(code >> 8));
      }
    };
    add("x", {1, 2, 1, 2}, {1 * scale, 2 * scale, 3 * scale, 4 * scale});  // channel 0, then channel 1
    add("w", {2, 2, 1, 1}, {2 * scale, 3 * scale, 0, 4 * scale});
    add("y", {1, 2, 1, 2}, {11, 16, 12, 16});
    computed.accumulators = Accumulators(layer.shape);
    computed.accumulators.sums = {11, 12, 16, 16};
    computed.accumulators.states.assign(4, Accumulators::computed);
    computed.codes = {11, 12, 16, 16};
  }

  Text wrong_accumulator(bool finished = false) const {
    return find_wrong_accumulator(network, network.layers[0], computed, finished);
  }
  Text wrong_code() const { return find_wrong_code(network, network.layers[0], computed); }
};

}  // namespace

TEST_CASE("a check finds nothing where nothing is wrong, and counts it") {
  Case c;
  CHECK(c.wrong_accumulator() == Text{});
  CHECK(c.wrong_code() == Text{});
  CheckCounts counts;
  count_checked(c.network.layers[0], c.computed, counts);
  c.computed.codes.clear();
  CHECK(c.wrong_code() == Text{});
  c.computed.accumulators.states[2] |= Accumulators::overflowed;
  count_checked(c.network.layers[0], c.computed, counts);
  CHECK(counts.layers_by_codes == 1);
  CHECK(counts.layers_by_accumulators == 1);
  CHECK(counts.accumulators == 8);
  CHECK(counts.codes == 4);
  CHECK(counts.overflows == 1);
  CHECK(counts.overflow_layer == "conv");
  CHECK(counts.overflow_place == "n 0, k 0, y 0, x 1");
}

TEST_CASE("a check names the first wrong output in the order of the tensor") {
  Case c;
  c.computed.accumulators.sums[1] = 13;
  c.computed.codes[1] = 13;
  CHECK(c.wrong_accumulator() == Text("layer 'conv', n 0, k 1, y 0, x 0: accumulator: got 13, want 12"));
  CHECK(c.wrong_code() == Text("layer 'conv', n 0, k 1, y 0, x 0: code: got 13, want 12"));
  c.computed.accumulators.sums[2] = -1;
  c.computed.codes[2] = -2;
  CHECK(c.wrong_accumulator() == Text("layer 'conv', n 0, k 0, y 0, x 1: accumulator: got -1, want 16"));
  CHECK(c.wrong_code() == Text("layer 'conv', n 0, k 0, y 0, x 1: code: got -2, want 16"));
  // What a layer that failed has not computed is not wrong.
  c.computed.accumulators.states = {1, 1, 0, 1};
  CHECK(c.wrong_accumulator() == Text("layer 'conv', n 0, k 1, y 0, x 0: accumulator: got 13, want 12"));
  CHECK(c.wrong_code() == Text("layer 'conv', n 0, k 1, y 0, x 0: code: got 13, want 12"));
  CHECK(c.wrong_accumulator(true) ==
        Text("layer 'conv', n 0, k 0, y 0, x 1: accumulator: got none, want 16"));
  c.computed = {};
  CHECK(c.wrong_accumulator() == Text{});
  CHECK(c.wrong_code() == Text{});
}

TEST_CASE("an accumulator of an 8-bit layer must not overflow") {
  Case c;
  c.computed.accumulators.states[3] |= Accumulators::overflowed;
  CHECK(c.wrong_accumulator() == Text{});
  CHECK(c.wrong_code() ==
        Text("layer 'conv', n 0, k 1, y 0, x 1: accumulator: got an overflow of 32 bits, want none"));
}

TEST_CASE("one of a 16-bit layer may, if it is noticed and the bits that are left are right") {
  Case c(16, 8000);  // accumulators of 64 million times the above
  c.computed.codes.clear();
  const auto kept = [](std::int64_t sum) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
  };
  const std::vector<std::int64_t> sums = {704000000, 768000000, 1024000000, 1024000000};
  for (std::size_t i = 0; i < 4; ++i)
    c.computed.accumulators.sums[i] = kept(sums[i]);
  CHECK(c.wrong_accumulator() == Text{});
  Case larger(16, 16000);  // 2816, 3072, 4096 and 4096 million
  larger.computed.codes.clear();
  for (std::size_t i = 0; i < 4; ++i)
    larger.computed.accumulators.sums[i] = kept(4 * sums[i]);
  CHECK_THAT(*larger.wrong_accumulator(), Catch::Contains("want 2816000000"));
  for (std::uint8_t& state : larger.computed.accumulators.states)
    state |= Accumulators::overflowed;
  CHECK(larger.wrong_accumulator() == Text{});
  CHECK(larger.wrong_code() == Text{});
  ++larger.computed.accumulators.sums[0];
  CHECK_THAT(*larger.wrong_accumulator(), Catch::Contains("n 0, k 0, y 0, x 0: accumulator"));
}
