// Recorded inputs as a batch.
#include "workloads/batch.h"

#include <catch2/catch.hpp>

#include "tests/support/input_error.h"

using namespace dpred;
using namespace dpred::test;
using Catch::Contains;

namespace {

/// Two steps of two channels through a layer of three filters.
Network small_network() {
  Network network;
  const auto add = [&](const std::string& key, const Shape& shape, std::vector<std::uint8_t> data) {
    Tensor& tensor = network.tensors[key];
    tensor.key = key;
    tensor.shape = shape;
    tensor.data = std::move(data);
  };
  add("in", {2, 2, 1, 1}, {1, 2, 3, 4});
  add("w", {3, 2, 1, 1}, {5, 6, 7, 8, 9, 10});
  add("out", {2, 3, 1, 1}, {11, 12, 13, 14, 15, 16});
  Layer layer;
  layer.name = "fc";
  layer.op = LayerOp::fc;
  layer.shape.N = 2;
  layer.shape.C = 2;
  layer.shape.K = 3;
  layer.input = "in";
  layer.weight = "w";
  layer.output = "out";
  network.layers = {layer};
  return network;
}

}  // namespace

TEST_CASE("a batch repeats activations along N and leaves weights alone") {
  const Network network = repeat_inputs(small_network(), 3);
  CHECK(network.batch == 3);
  CHECK(network.layers[0].shape.N == 6);
  CHECK(network.tensor("in").shape == Shape{6, 2, 1, 1});
  CHECK(network.tensor("in").data == std::vector<std::uint8_t>{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4});
  CHECK(network.tensor("out").shape == Shape{6, 3, 1, 1});
  CHECK(network.tensor("out").data.size() == 18);
  CHECK(network.tensor("w").shape == Shape{3, 2, 1, 1});
  CHECK(network.tensor("w").data == small_network().tensor("w").data);
}

TEST_CASE("a batch of one is the network") {
  const Network network = repeat_inputs(small_network(), 1);
  CHECK(network.batch == 1);
  CHECK(network.layers[0].shape.N == 2);
  CHECK(network.tensor("in").data == small_network().tensor("in").data);
}

TEST_CASE("a tensor that two layers read is repeated once") {
  Network network = small_network();
  network.layers.push_back(network.layers[0]);
  CHECK(repeat_inputs(network, 2).tensor("in").shape[0] == 4);
}

TEST_CASE("batches that cannot be are refused") {
  const auto refused = [](Network network, std::int64_t times) {
    return error_of([&] { repeat_inputs(std::move(network), times); });
  };
  Network shared = small_network();
  shared.layers.push_back(shared.layers[0]);
  shared.layers[1].name = "second";
  shared.layers[1].weight = "in";
  CHECK_THAT(refused(shared, 2), Contains("workload.batch = 2") && Contains("'in'") && Contains("'second'"));

  CHECK_THAT(refused(small_network(), std::int64_t{1} << 31), Contains("'fc'") && Contains("too large"));
  Network long_sums = small_network();
  long_sums.layers[0].shape.C = std::int64_t{1} << 30;
  long_sums.layers[0].shape.K = std::int64_t{1} << 20;
  CHECK_THAT(refused(long_sums, 65536), Contains("'fc'") && Contains("too large"));
  // 16 x 2^28 bytes are one more than 32 bits reach.
  Network large = small_network();
  large.tensors.at("in").data.resize(16);
  CHECK_THAT(refused(large, std::int64_t{1} << 28), Contains("'in'") && Contains("4 GiB"));

  Network profiled = small_network();
  profiled.profile = std::shared_ptr<const WidthProfile>(std::shared_ptr<const WidthProfile>(),
                                                         reinterpret_cast<const WidthProfile*>(&profiled));
  CHECK_THAT(refused(profiled, 2), Contains("width profile"));
}
