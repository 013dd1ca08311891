#include "tests/bench/exploration_bench.h"

#include <string>
#include <utility>
#include <vector>

#include "platform/exploration.h"
#include "workloads/trace_set.h"

namespace dpred::bench {

namespace {

using Setting = std::pair<const char*, std::string>;

DesignPoint point_with(const std::vector<Setting>& settings) {
  Parameters parameters;
  for (const auto& [key, value] : settings)
    parameters.set(key, value, ParameterOrigin::command_line());
  return DesignPoint(parameters);
}

/// Points that differ in one thing, so many that none is kept until it comes again.
struct Kind {
  const char* name;
  std::vector<DesignPoint> points;
};

std::vector<Kind> kinds() {
  Kind memory{"other memory", {}}, buffers{"other buffers", {}}, array{"other array", {}},
      codec{"other codec", {}};
  for (const char* channels : {"1", "2", "4", "8"}) {
    for (const char* outstanding : {"8", "16"})
      memory.points.push_back(point_with({{"dram.channels", channels}, {"engine.outstanding", outstanding}}));
  }
  for (int i = 0; i < 64; ++i) {
    const std::string bytes = std::to_string(262144 + 4096 * i);
    buffers.points.push_back(
        point_with({{"buffer.activation_bytes", bytes}, {"buffer.weight_bytes", bytes}}));
  }
  for (int i = 0; i < 64; ++i)
    array.points.push_back(point_with({{"array.rows", std::to_string(8 + i)}}));
  for (const char* zeros : {"auto", "never", "always"}) {
    for (const char* widths : {"any", "even", "pow2"}) {
      for (const char* sign : {"twos-complement", "sign-magnitude"})
        codec.points.push_back(
            point_with({{"codec.zero_vector", zeros}, {"codec.widths", widths}, {"codec.sign", sign}}));
    }
  }
  return {memory, buffers, array, codec};
}

}  // namespace

void explorations(Bench& bench, const std::filesystem::path& folder) {
  const std::string name = "analytic, " + folder.filename().string() + ", ";
  const std::vector<Kind> changes = kinds();
  bool wanted = bench.wanted(name + "first point");
  for (const Kind& kind : changes)
    wanted = wanted || bench.wanted(name + kind.name);
  if (!wanted) return;
  const Network network = read_trace_set(folder);
  const DesignPoint first = point_with({});
  bench.rate(name + "first point", "points/s", 1, [&] { keep(Exploration(network).analyse(first)); });
  Exploration exploration(network);
  for (const Kind& kind : changes) {
    if (!bench.wanted(name + kind.name)) continue;
    exploration.analyse(first);
    for (const DesignPoint& point : kind.points)
      exploration.analyse(point);
    std::size_t next = 0;
    bench.rate(name + kind.name, "points/s", 1,
               [&] { keep(exploration.analyse(kind.points[next++ % kind.points.size()])); });
  }
}

}  // namespace dpred::bench
