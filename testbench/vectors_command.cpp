// dpred vectors: test vectors for a testbench of the codec's hardware.
#include <fmt/format.h>

#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <limits>

#include "platform/first_readings.h"
#include "platform/output_folder.h"
#include "platform/preparation.h"
#include "platform/test_vectors.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

namespace po = boost::program_options;

/// Readings that `--tensor` and `--layer` name; all where neither is given.
std::vector<VectorTensor> chosen_tensors(const Network& network, const po::variables_map& options) {
  const std::vector<TensorReading> readings = first_readings(network);
  std::vector<bool> chosen(readings.size(), options.count("tensor") == 0 && options.count("layer") == 0);
  const auto choose = [&](const std::string& key) {
    bool found = false;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      if (readings[i].tensor->key == key) chosen[i] = found = true;
    }
    return found;
  };
  if (options.count("tensor") != 0) {
    std::vector<std::string> keys;
    for (const TensorReading& reading : readings)
      keys.push_back(reading.tensor->key);
    for (const std::string& key : options["tensor"].as<std::vector<std::string>>()) {
      if (!choose(key))
        throw InputError("--tensor: no layer reads a tensor " + quote(key) + suggestion(key, keys));
    }
  }
  if (options.count("layer") != 0) {
    for (const std::string& wanted : options["layer"].as<std::vector<std::string>>()) {
      std::vector<std::string> names;
      bool found = false;
      for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const Layer& layer = network.layers[i];
        names.push_back(layer.name);
        if (wanted != layer.name && wanted != std::to_string(i + 1)) continue;
        choose(layer.input);
        choose(layer.weight);
        found = true;
      }
      if (!found) throw InputError("--layer: no layer " + quote(wanted) + suggestion(wanted, names));
    }
  }
  std::vector<VectorTensor> tensors;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (chosen[i]) tensors.push_back({readings[i].tensor, readings[i].role});
  }
  return tensors;
}

/// What `--check` says, and the exit status.
int report_check(const std::string& folder) {
  const VectorCheck check = check_vectors(folder);
  if (!check.mismatch.empty()) {
    std::cerr << "dpred vectors: check failed: " << printable(check.mismatch) << '\n';
    return 1;
  }
  std::cout << fmt::format(
      "checked by reading {} back: {} tensors, {} blocks, {} values, {} bytes of streams, no mismatch\n",
      clipped(folder), check.tensors, check.blocks, check.values, check.stream_bytes);
  return 0;
}

void refuse_with(const std::string& option, const po::variables_map& given,
                 std::initializer_list<const char*> others) {
  for (const char* other : others) {
    if (given.count(other) != 0) {
      throw InputError(fmt::format("vectors: {} can't be used with '--{}'", option, other));
    }
  }
}

}  // namespace

int vectors_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  const auto texts = [](const char* name) {
    return po::value<std::vector<std::string>>()->composing()->value_name(name);
  };
  own.add_options()("output,o", text("DIR"), "folder for the files")(
      "tensor", texts("KEY"), "a tensor that a layer reads; may be repeated; default all")(
      "layer", texts("NAME"),
      "the tensors that a layer reads, by its name or number (from 1); may be repeated")(
      "blocks", text("N"), "blocks of each tensor: the first ones and the last, or 0 for all [default 4]")(
      "random", text("N"), "random tensors of all types and kinds instead of a workload's")(
      "seed", text("N"), "of random tensors [default 1]")(
      "check", text("DIR"), "only check files that were written; exit status 1 at a mismatch")(
      "help,h", "print this help");
  po::options_description all = own;
  all.add_options()("workload", po::value<std::string>(), "a trace set's folder");
  po::positional_options_description positional;
  positional.add("workload", 1);
  const CommandLine line = parse_command_line(arguments, all, positional);
  const po::variables_map& options = line.options;
  if (options.count("help") != 0) {
    print_usage("vectors");
    print_options(own);
    return 0;
  }
  if (options.count("check") != 0) {
    refuse_with("--check", options, {"workload", "output", "tensor", "layer", "blocks", "random", "seed"});
    const int status = report_check(options["check"].as<std::string>());
    note_unread(line.parameters, "vectors");
    return status;
  }
  if (options.count("random") != 0) {
    refuse_with("--random", options, {"workload", "tensor", "layer"});
  } else {
    refuse_with("a workload", options, {"seed"});
    if (options.count("workload") == 0) {
      throw InputError("vectors: no workload given: name a trace set's folder, or --random N");
    }
  }
  if (options.count("output") == 0) throw InputError("vectors: no folder given: -o DIR");

  VectorOptions wanted;
  wanted.stream = stream_options(line.parameters);
  wanted.stream.group = line.parameters.integer("codec.group");
  wanted.codec = codec_options(line.parameters);
  wanted.blocks = static_cast<std::int64_t>(
      given_number(options, "blocks", 0, std::numeric_limits<std::int32_t>::max()).value_or(4));
  Network network;
  std::vector<RandomTensor> made;
  std::vector<VectorTensor> tensors;
  if (options.count("random") != 0) {
    const std::uint64_t count = *given_number(options, "random", 1, 1000);
    const std::uint64_t seed =
        given_number(options, "seed", 0, std::numeric_limits<std::uint64_t>::max()).value_or(1);
    made = random_tensors(static_cast<std::int64_t>(count), seed);
    for (const RandomTensor& random : made)
      tensors.push_back({&random.tensor, random.role});
    wanted.source = fmt::format("{} random tensors, seed {}", count, seed);
  } else {
    network = load_workload(line);
    tensors = chosen_tensors(network, options);
    wanted.source =
        fmt::format("{}, {} values, hash {}", network.name, to_string(network.provenance), network.hash);
  }
  const std::string folder_name = options["output"].as<std::string>();
  OutputFolder folder(folder_name);
  const std::string problem = folder.commit(make_vectors(tensors, wanted));
  if (!problem.empty()) {
    std::cerr << "dpred: " << problem << '\n';
    return 2;
  }
  std::cout << fmt::format("{}: test vectors of {}\n", clipped(folder_name), clipped(wanted.source));
  const int status = report_check(folder_name);
  note_unread(line.parameters, "vectors");
  return status;
}

}  // namespace dpred
