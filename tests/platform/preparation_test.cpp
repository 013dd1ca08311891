// What is decided and found before a run: splits of tiles, folds, brick maps.
#include "platform/preparation.h"

#include <catch2/catch.hpp>

#include "models/array/layer_cycles.h"
#include "tests/platform/random_networks.h"

using namespace dpred;
using namespace dpred::test;

namespace {

DesignPoint point_of(const Settings& settings) {
  Parameters parameters;
  for (const auto& [key, value] : settings)
    parameters.set(key, value, ParameterOrigin::command_line());
  return DesignPoint(parameters);
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

TEST_CASE("preparations that are given the same maps find each map once") {
  Random random(72);
  const Network network = random_network(random);
  const DesignPoint stripes = point_of({{"array.tiles", "2"}});
  const DesignPoint loom = point_of({{"array.design", "dpred-loom"}, {"array.rows", "3"}});
  const auto maps = std::make_shared<BrickMaps>();
  const Preparation first(network, stripes, maps);
  const std::size_t activation_maps = maps->size();
  CHECK(activation_maps > 0);
  const Preparation second(network, loom, maps);
  const Preparation third(network, loom, maps);
  CHECK(maps->size() <= activation_maps + network.layers.size());  // of weights
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    CHECK(first.layers()[i].activation_bricks == second.layers()[i].activation_bricks);
    CHECK(second.layers()[i].weight_bricks == third.layers()[i].weight_bricks);
    CHECK(first.layers()[i].weight_bricks == nullptr);
  }
}
