// What is decided and found before a run: splits of tiles, folds, brick maps.
#include "platform/preparation.h"

#include <catch2/catch.hpp>

#include "models/array/brick_maps.h"
#include "models/array/layer_cycles.h"
#include "tests/platform/random_networks.h"

using namespace dpred;
using namespace dpred::test;

namespace {

DesignPoint point_of(const Settings& settings) {
  return DesignPoint(parameters_of(settings));
}

}  // namespace

TEST_CASE("a layer's descriptor has the better split of tiles, and whether it is folded") {
  Random random(71);
  int windows = 0, filters = 0, folded = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const Network network = random_network(random);
    const ComputeDesign& design = random_design(random);
    const DesignPoint point = point_of({{"array.design", std::string(design.name)},
                                        {"array.rows", random.of<std::string>({"1", "4", "16"})},
                                        {"array.tiles", random.of<std::string>({"1", "3", "8"})},
                                        {"array.tile_split", "best"},
                                        {"array.fold", "auto"}});
    const Preparation preparation(network, point);
    for (const PreparedLayer& layer : preparation.layers()) {
      const auto cycles = [&](TileSplit split) {
        ArrayGeometry geometry = point.geometry;
        geometry.tile_split = split;
        return layer_cycles(design, geometry, layer.layer->shape, network.bits,
                            network.tensor(layer.layer->input), network.tensor(layer.layer->weight));
      };
      const bool better = cycles(TileSplit::windows) < cycles(TileSplit::filters);
      REQUIRE(layer.descriptor.tile_split == (better ? TileSplit::windows : TileSplit::filters));
      REQUIRE(layer.descriptor.folded == folds(layer.layer->shape, point.geometry.lanes));
      windows += better;
      filters += !better;
      folded += layer.descriptor.folded;
    }
  }
  CHECK(windows > 20);
  CHECK(filters > 20);
  CHECK(folded > 5);
}

TEST_CASE("layers that fold one input with other padding have maps of their own") {
  // 8 x 8 folds into 4 x 6 and into 6 x 4: as many positions, in another order.
  LayerShape wide;
  wide.C = 3;
  wide.H = wide.W = 8;
  wide.K = 4;
  wide.R = wide.S = 4;
  wide.stride = {2, 2};
  wide.pad_tblr = {0, 0, 0, 4};
  wide.OH = 3;
  wide.OW = 5;
  LayerShape tall = wide;
  tall.pad_tblr = {0, 4, 0, 0};
  tall.OH = 5;
  tall.OW = 3;
  ArrayGeometry geometry;
  geometry.fold = true;
  REQUIRE(folds(wide, geometry));
  Random random(73);
  Tensor input;
  input.shape = wide.input();
  input.dtype = DType::uint8;
  for (std::int64_t i = 0; i < volume(input.shape); ++i)
    input.data.push_back(static_cast<std::uint8_t>(1 << random.in(0, 7)));
  const ValueFormat format = profile_of(input).format;
  BrickMaps maps;
  for (const LayerShape& layer : {wide, tall}) {
    const OperandBricks bricks = activation_bricks(layer, geometry);
    const std::shared_ptr<const BrickMap> map = maps.of(input, format, bricks);
    const BrickMap own = brick_map(input, format, bricks);
    REQUIRE(map->shape() == own.shape());
    CHECK(std::equal(map->at(0), map->at(0) + own.shape().positions * own.shape().bricks(), own.at(0)));
  }
  CHECK(maps.size() == 2);
}

TEST_CASE("preparations that are given the same findings find each map once") {
  Random random(72);
  const Network network = random_network(random);
  const DesignPoint stripes = point_of({{"array.tiles", "2"}});
  const DesignPoint loom = point_of({{"array.design", "dpred-loom"}, {"array.rows", "3"}});
  const auto findings = std::make_shared<NetworkFindings>(network);
  const Preparation first(findings, stripes);
  const Preparation second(findings, loom);
  const Preparation third(findings, loom);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const LayerCompute &a = *first.layers()[i].compute, &b = *second.layers()[i].compute;
    CHECK(a.activation_bricks() != nullptr);
    CHECK(a.activation_bricks() == b.activation_bricks());
    CHECK(a.weight_bricks() == nullptr);
    CHECK(b.weight_bricks() != nullptr);
    CHECK(third.layers()[i].compute == &b);
  }
}
