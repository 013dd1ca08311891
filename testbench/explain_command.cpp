// dpred explain: the plan of each layer and what its array cycles are used for, before anything
// runs.
#include <fmt/format.h>

#include <boost/program_options/value_semantic.hpp>
#include <iostream>

#include "models/array/fold.h"
#include "platform/array_text.h"
#include "platform/preparation.h"
#include "platform/results.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "workloads/error.h"

namespace dpred {

namespace po = boost::program_options;

namespace {

/// A line on how the array computes the layer, where that isn't the plain way.
std::string array_options(const LayerDescriptor& layer) {
  std::string text;
  if (layer.tile_split == TileSplit::windows) text = "tiles share out windows";
  if (layer.folded) {
    const LayerShape f = folded(layer.shape);
    text += fmt::format("{}folded to C{} H{} W{} R{} S{}", text.empty() ? "" : "; ", f.C, f.H, f.W, f.R, f.S);
  }
  return text.empty() ? text : text + "\n";
}

/// A line on whether the output stays on chip, where that is asked for.
std::string inter_layer(const PreparedLayer& layer, const DesignPoint& point) {
  if (!point.inter_layer) return {};
  return "  next layer   " + describe(layer.stay, *layer.layer, point.buffers) + "\n";
}

}  // namespace

int explain_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  own.add_options()("layer", po::value<std::string>()->value_name("NAME"),
                    "name or number (from 1) of one layer; default all")("jobs",
                                                                         "print every job of a long plan");
  const std::optional<CommandLine> line = parse_workload_command("explain", arguments, own);
  if (!line) return 0;
  const Network network = load_batch(*line);
  const DesignPoint point(line->parameters, network);
  const Preparation preparation(network, point);
  bool found = false;
  std::vector<std::string> names;
  std::vector<ArrayRow> rows;
  for (std::size_t i = 0; i < preparation.layers().size(); ++i) {
    const PreparedLayer& layer = preparation.layers()[i];
    names.push_back(layer.layer->name);
    if (line->options.count("layer") != 0) {
      const std::string wanted = line->options["layer"].as<std::string>();
      if (wanted != layer.layer->name && wanted != std::to_string(i + 1)) continue;
    }
    found = true;
    const LayerShape& s = layer.layer->shape;
    std::cout << "layer " << i + 1 << ": " << short_name(layer.layer->name, 60) << " ("
              << to_string(layer.layer->op) << ", N" << s.N << " C" << s.C << " H" << s.H << " W" << s.W
              << " K" << s.K << " R" << s.R << " S" << s.S << " groups " << s.groups << ")\n"
              << array_options(layer.descriptor) << inter_layer(layer, point)
              << describe(layer.plan, layer.planner_input, layer.buffers, point.burst_bytes,
                          line->options.count("jobs") != 0)
              << '\n';
    rows.push_back({i + 1, layer.layer->name, layer.compute->slots().cycles()});
  }
  if (!found) {
    const std::string wanted = line->options["layer"].as<std::string>();
    throw InputError("--layer: no layer '" + printable(wanted) + "'" + suggestion(wanted, names));
  }
  std::cout << array_table(rows, point);
  note_estimates(network);
  note_unread(line->parameters, "explain");
  return 0;
}

}  // namespace dpred
