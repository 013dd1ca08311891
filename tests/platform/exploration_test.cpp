// That what is kept between design points changes no result.
#include "platform/exploration.h"

#include <catch2/catch.hpp>

#include "platform/results.h"
#include "tests/platform/random_networks.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// A value of any parameter of the registry: mostly the default, of a number often a small one.
std::string random_value(Random& random, const ParameterSpec& spec) {
  if (random.chance(30)) return spec.default_value;
  switch (spec.type) {
    case ParameterType::choice:
    case ParameterType::choice_or_file:
      return random.of(spec.choices);
    case ParameterType::integer: {
      if (spec.key == "dram.channels") return random.of<std::string>({"1", "2", "16"});
      const std::int64_t most = spec.unit == "bytes" ? 1 << 19 : 200;
      const std::int64_t least = spec.integers.minimum;
      return std::to_string(random.log_in(least, std::min(spec.integers.maximum, least + most)));
    }
    default:
      return spec.default_value;
  }
}

/// All that a run writes of a result, or its error.
std::string text_of(const std::function<RunResult()>& run, const Network& network, const DesignPoint& point,
                    const Parameters& parameters) {
  try {
    const RunResult result = run();
    return layers_csv(result, point) +
           summary_json(result, network, point, parameters, {"version", "host", 1}, nullptr);
  } catch (const InputError& error) {
    return error.what();
  }
}

/// Points that differ from an earlier one in some parameters, or not at all.
std::vector<Settings> random_walk(Random& random, int count) {
  std::vector<Settings> points;
  for (int i = 0; i < count; ++i) {
    Settings settings = points.empty() ? Settings{} : random.of(points);
    for (std::int64_t changes = random.chance(10) ? 0 : random.in(1, random.chance(20) ? 8 : 2); changes > 0;
         --changes) {
      const ParameterSpec& spec = random.of(registry().specs());
      settings[spec.key] = random_value(random, spec);
    }
    // What the fidelity has no model of is refused at every point.
    if (random.chance(90)) {
      for (const char* key : {"buffer.activation_banks", "buffer.weight_banks", "buffer.output_banks",
                              "engine.decoders", "engine.encoders"})
        settings.erase(key);
    }
    points.push_back(std::move(settings));
  }
  return points;
}

}  // namespace

TEST_CASE("points that are explored one after another give what each gives alone") {
  Random random(90);
  int same = 0, refused = 0;
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    const Network network = random_network(random);
    Exploration exploration(network);
    for (const Settings& settings : random_walk(random, 40)) {
      const Parameters parameters = parameters_of(settings);
      std::optional<DesignPoint> point;
      try {
        point.emplace(parameters);
      } catch (const InputError&) {
        continue;
      }
      const bool find_next = random.chance(80);
      const auto alone = [&] { return analyse(Preparation(network, *point), find_next); };
      const auto explored = [&] { return exploration.analyse(*point, find_next); };
      const std::string expected = text_of(alone, network, *point, parameters);
      CAPTURE(settings);
      REQUIRE(text_of(explored, network, *point, parameters) == expected);
      ++(expected.find("total_cycles") != std::string::npos ? same : refused);
    }
  }
  CHECK(same > 800);
  CHECK(refused > 3);
}
