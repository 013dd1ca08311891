#include "testbench/command_options.h"

#include <fmt/format.h>

#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <filesystem>
#include <iostream>

#include "platform/width_profile.h"
#include "testbench/commands.h"
#include "workloads/batch.h"
#include "workloads/error.h"
#include "workloads/input_file.h"
#include "workloads/trace_set.h"

namespace dpred {

namespace po = boost::program_options;

std::optional<CommandLine> parse_workload_command(const std::string& command,
                                                  const std::vector<std::string>& arguments,
                                                  po::options_description own) {
  own.add_options()("help,h", "print this help");
  po::options_description all = own;
  all.add_options()("workload", po::value<std::string>(), "a trace set's folder, or a width profile");
  po::positional_options_description positional;
  positional.add("workload", 1);
  CommandLine line = parse_command_line(arguments, all, positional);
  if (line.options.count("help") != 0) {
    print_usage(command);
    print_options(own);
    return std::nullopt;
  }
  if (line.options.count("workload") == 0) {
    throw InputError(command + ": no workload given: name a trace set's folder, or a width profile");
  }
  return line;
}

void print_usage(const std::string& command) {
  for (const Command& c : commands()) {
    if (command == c.name)
      std::cout << "usage: dpred " << c.name << ' ' << c.usage << "\n" << c.summary << "\n\n";
  }
}

void print_options(const po::options_description& own) {
  std::cout << own << "\nParameters (dpred params describes them):\n";
  po::options_description parameters;
  add_options(parameters);
  std::cout << parameters;
}

bool parse_digits(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<std::string> given_text(const po::variables_map& options, const char* name) {
  if (options.count(name) == 0) return std::nullopt;
  return options[name].as<std::string>();
}

std::optional<std::uint64_t> given_number(const po::variables_map& options, const char* name,
                                          std::uint64_t smallest, std::uint64_t largest) {
  const std::optional<std::string> text = given_text(options, name);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  if (!parse_digits(*text, value) || value < smallest || value > largest) {
    throw InputError(
        fmt::format("--{} is {}, expected a whole number in {}..{}", name, quote(*text), smallest, largest));
  }
  return value;
}

Network load_workload_or_profile(const CommandLine& line) {
  const std::string path = line.options["workload"].as<std::string>();
  std::error_code ignored;
  const std::filesystem::path folder(path);
  if (std::filesystem::exists(folder / "summary.json", ignored) &&
      !std::filesystem::exists(folder / "manifest.json", ignored)) {
    throw InputError(printable(path) + ": the results of a run; what is needed is the workload that it ran");
  }
  const bool is_profile = folder.extension() == ".json" && folder.filename() != "manifest.json" &&
                          !std::filesystem::is_directory(folder, ignored);
  if (!is_profile) return read_trace_set(path);
  return read_width_profile(path);
}

Network load_workload(const CommandLine& line) {
  Network network = load_workload_or_profile(line);
  if (network.profile)
    throw InputError(network.profile->file + ": a width profile, but what is needed are values");
  return network;
}

Network load_batch(const CommandLine& line) {
  const std::int64_t batch = line.parameters.integer("workload.batch");
  return repeat_inputs(load_workload_or_profile(line), batch);
}

void note_estimates(const Network& network) {
  if (!network.profile) return;
  std::cerr << "note: " << network.profile->file << " is a width profile: sizes and cycles are estimates\n";
}

void note_unread(const Parameters& parameters, const std::string& command) {
  for (const std::string& key : parameters.unread_settings()) {
    std::cerr << "note: " << key << " is set (" << parameters.origin(key).text() << ") but 'dpred " << command
              << "' did not use it here\n";
  }
}

}  // namespace dpred
