// Outputs that stay on chip: carried from layer to layer, computed with, and counted.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "platform/analytic.h"
#include "platform/run.h"
#include "tests/platform/random_networks.h"
#include "tests/support/fresh_simulation.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

struct Sample {
  Network network;
  Settings settings;
};

struct Prepared {
  std::unique_ptr<DesignPoint> point;
  std::unique_ptr<Preparation> preparation;

  Prepared(const Network& network, Settings settings, const Settings& changes = {}) {
    for (const auto& [key, value] : changes)
      settings[key] = value;
    point = std::make_unique<DesignPoint>(parameters_of(settings), network);
    preparation = std::make_unique<Preparation>(network, *point);
  }
  RunResult run(bool check = false) const {
    fresh_simulation();
    SimulationOptions options;
    options.check = check;
    return simulate(*preparation, {}, options);
  }
};

/// Chains and settings that they can be planned with: before the first simulation, for the sanitizer's sake.
std::vector<Sample> random_chains(Random& random, int count) {
  std::vector<Sample> samples;
  while (static_cast<int>(samples.size()) < count) {
    Sample sample{random_chain(random), random_settings(random)};
    make_reproducible(sample.network, random);
    sample.settings["buffer.inter_layer"] = "auto";
    sample.settings["buffer.weight_bytes"] = sample.settings["buffer.output_bytes"] = "1MiB";
    sample.settings["buffer.activation_bytes"] =
        std::to_string(random.chance(50) ? random.log_in(64, 1 << 14) : 1 << 14);
    try {
      Prepared(sample.network, sample.settings);
      samples.push_back(std::move(sample));
    } catch (const InputError&) {
      continue;  // the activation buffer is too small
    }
  }
  return samples;
}

std::string text(const Ledger& ledger) {
  std::string line;
  for (std::size_t i = 0; i < cycle_causes; ++i)
    line += std::to_string(ledger.of(static_cast<CycleCause>(i))) + " ";
  return line;
}

}  // namespace

TEST_CASE("random chains: outputs that stay are what the next layer computes with") {
  Random random(311);
  int alone = 0, written_too = 0, round = 0;
  for (const auto& [network, settings] : random_chains(random, 60)) {
    CAPTURE(++round);
    const Prepared carried(network, settings);
    const RunResult result = carried.run(true);
    REQUIRE(result.check_failure == "");
    REQUIRE(result.mismatches == std::vector<std::string>{});
    REQUIRE(result.check->layers_by_codes + result.check->layers_by_accumulators == network.layers.size());
    const RunResult elided = Prepared(network, settings, {{"sim.data", "elided"}}).run();
    const Prepared ideal(network, settings, {{"sim.data", "elided"}, {"dram.preset", "ideal"}});
    const RunResult unlimited = ideal.run();
    const RunResult closed_form = analyse(*carried.preparation);
    const RunResult ideal_closed_form = analyse(*ideal.preparation);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      CAPTURE(i);
      const PreparedLayer& layer = carried.preparation->layers()[i];
      const LayerResult& row = result.layers[i];
      REQUIRE(row.traffic == layer.traffic);
      REQUIRE(closed_form.layers[i].traffic == layer.traffic);
      REQUIRE(elided.layers[i].traffic == layer.traffic);
      REQUIRE(text(elided.layers[i].ledger) == text(row.ledger));
      REQUIRE(closed_form.layers[i].ledger.of(CycleCause::compute) == row.ledger.of(CycleCause::compute));
      REQUIRE(row.stay.stay == layer.stay.stay);
      const bool coded = !network.layers[i].output.empty() && layer.plan.output_in_memory &&
                         layer.streams.output->plan().has_table();
      const std::uint64_t fill = 2 + (coded ? std::stoull(settings.at("engine.detect_latency")) : 0);
      for (const RunResult* run : {&unlimited, &ideal_closed_form}) {
        const Ledger& ledger = run->layers[i].ledger;
        REQUIRE(ledger.total() == ledger.of(CycleCause::compute) + fill);
      }
      if (!layer.plan.output_place) continue;
      alone += !layer.plan.output_in_memory;
      written_too += layer.plan.output_in_memory;
    }
  }
  CHECK(alone > 60);
  CHECK(written_too > 8);
}
