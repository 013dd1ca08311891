// dpred compress: every codec on every tensor.
#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <iostream>

#include "platform/preparation.h"
#include "platform/width_profile.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "testbench/compress_report.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

namespace po = boost::program_options;

constexpr const char* usual_groups = "4,8,16,32,64,128,256";

std::vector<std::string> split_at_commas(const std::string& list) {
  std::vector<std::string> items;
  return boost::split(items, list, boost::is_any_of(","));
}

/// Boost's optional values would take the workload for one.
std::vector<std::string> with_usual_groups(std::vector<std::string> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "--sweep-group") continue;
    const std::string next = i + 1 < arguments.size() ? arguments[i + 1] : "";
    const bool is_list =
        !next.empty() && next[0] != '-' &&
        (next.find(',') != std::string::npos || next.find_first_not_of("0123456789") == std::string::npos);
    if (!is_list) arguments[i] += std::string("=") + usual_groups;
  }
  return arguments;
}

/// In the order of listing, whatever the order in which they are given.
std::vector<std::string> chosen_codecs(const po::variables_map& options,
                                       const std::vector<std::string>& otherwise) {
  if (options.count("codec") == 0) return otherwise;
  const std::vector<std::string> known = measured_codec_names();
  std::vector<std::string> given, chosen;
  for (const std::string& list : options["codec"].as<std::vector<std::string>>()) {
    for (const std::string& name : split_at_commas(list)) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw InputError(fmt::format("--codec: unknown codec {}{}", quote(name), suggestion(name, known)));
      }
      given.push_back(name);
    }
  }
  std::copy_if(known.begin(), known.end(), std::back_inserter(chosen), [&](const std::string& name) {
    return std::find(given.begin(), given.end(), name) != given.end();
  });
  return chosen;
}

std::vector<std::int64_t> group_sizes(const std::string& list) {
  std::vector<std::int64_t> groups;
  for (const std::string& item : split_at_commas(list)) {
    Parameters parameters;
    try {
      parameters.set("codec.group", item, ParameterOrigin::command_line());
    } catch (const InputError&) {
      throw InputError(
          fmt::format("--sweep-group: {} is no group size, expected whole numbers in 1..256 such "
                      "as {}",
                      quote(item), usual_groups));
    }
    const std::int64_t group = parameters.integer("codec.group");
    if (std::find(groups.begin(), groups.end(), group) != groups.end()) {
      throw InputError(fmt::format("--sweep-group: {} is given twice", group));
    }
    groups.push_back(group);
  }
  return groups;
}

}  // namespace

int compress_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  own.add_options()("csv", "print CSV to standard output, and nothing else");
  own.add_options()("codec", po::value<std::vector<std::string>>()->composing()->value_name("NAME,..."),
                    "only these codecs; may be repeated [all, and the bound entropy]");
  own.add_options()("sweep-group", po::value<std::string>()->value_name("[N,...]"),
                    "sums for several group sizes [without a value 4,8,16,32,64,128,256], of dpred or of "
                    "--codec");
  own.add_options()("width-profile", po::value<std::string>()->value_name("FILE"),
                    "write a width profile of the workload (.json), which is a workload too");
  const std::optional<CommandLine> line =
      parse_workload_command("compress", with_usual_groups(arguments), own);
  if (!line) return 0;
  const bool csv = line->options.count("csv") != 0;
  const bool sweep = line->options.count("sweep-group") != 0;
  std::vector<std::string> codecs =
      chosen_codecs(line->options, sweep ? std::vector<std::string>{"dpred"} : measured_codec_names());
  std::vector<std::int64_t> groups;
  if (sweep) groups = group_sizes(line->options["sweep-group"].as<std::string>());
  const Network network = load_workload_or_profile(*line);
  if (!sweep && line->options.count("codec") == 0) codecs = measured_codec_names(network);
  StreamOptions options = stream_options(line->parameters);
  if (line->options.count("width-profile") != 0) {
    options.group = line->parameters.integer("codec.group");
    write_width_profile(line->options["width-profile"].as<std::string>(), network, options,
                        line->parameters.integer("array.lanes"));
  }
  if (!sweep) groups = {line->parameters.integer("codec.group")};
  std::vector<TensorSizes> rows;
  for (const std::int64_t group : groups) {
    options.group = group;
    const std::vector<TensorSizes> some =
        tensor_sizes(network, codecs, options, codec_options(line->parameters));
    rows.insert(rows.end(), some.begin(), some.end());
  }
  if (csv) {
    std::cout << (sweep ? sweep_csv(rows) : sizes_csv(rows));
  } else {
    std::cout << (sweep ? sweep_table(network, rows) : sizes_table(network, rows));
  }
  note_estimates(network);
  note_unread(line->parameters, "compress");
  return 0;
}

}  // namespace dpred
