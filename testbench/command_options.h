// What the subcommands share: their options, help and notes.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/command_line.h"
#include "workloads/network.h"

namespace dpred {

/// Parses the arguments of a subcommand that takes WORKLOAD and parameters. `own` holds its own options;
/// `help`, `workload` are added. Prints the help and returns nothing if it was asked for.
std::optional<CommandLine> parse_workload_command(const std::string& command,
                                                  const std::vector<std::string>& arguments,
                                                  boost::program_options::options_description own);

// The parts of a help text: usage and summary of that subcommand; its options, and all parameters.
void print_usage(const std::string& command);
void print_options(const boost::program_options::options_description& own);

// Options whose value is text.
std::optional<std::string> given_text(const boost::program_options::variables_map& options, const char* name);
/// InputError unless it is a whole number in smallest..largest.
std::optional<std::uint64_t> given_number(const boost::program_options::variables_map& options,
                                          const char* name, std::uint64_t smallest, std::uint64_t largest);
/// Whether `text` is a whole number in digits, which `value` then has.
bool parse_digits(std::string_view text, std::uint64_t& value);

/// Reads the workload that was named, which must have values: a trace set's folder.
Network load_workload(const CommandLine& line);
/// The same, or a width profile, whose name ends in .json: a network without values.
Network load_workload_or_profile(const CommandLine& line);
/// Any of them as a design point runs it: at `workload.batch`.
Network load_batch(const CommandLine& line);

/// Says on standard error that the results are estimates, where they are made from a width profile.
void note_estimates(const Network& network);

/// Says on standard error which parameters the user set that nothing read.
void note_unread(const Parameters& parameters, const std::string& command);

}  // namespace dpred
