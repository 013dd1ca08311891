// Command lines: a subcommand's own options, and the parameters of a design point.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "platform/parameters.h"

namespace dpred {

/// Adds `--config FILE`, which may be repeated, and every parameter as `--section.name VALUE`.
void add_options(boost::program_options::options_description& options);

/// The arguments of a subcommand: the command's own options, and the design point.
struct CommandLine {
  boost::program_options::variables_map options;
  Parameters parameters;
};

/// Parses the arguments that follow the name of a subcommand that takes parameters. `command_options` are the
/// command's own, without those of add_options(); an argument that is no option gets the name that
/// `positional` gives it, which must be among them. Defaults < `--config` files in order < command line.
/// Throws InputError for an unknown option, one given twice, a value that is missing, not wanted or not
/// allowed, too many arguments, and for everything load_file() refuses. Options marked required() may be
/// missing where an option `help` is given.
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const boost::program_options::options_description& command_options,
                               const boost::program_options::positional_options_description& positional);

/// The same for a subcommand that takes no parameters.
boost::program_options::variables_map parse_options(
    const std::vector<std::string>& arguments, const boost::program_options::options_description& options,
    const boost::program_options::positional_options_description& positional);

}  // namespace dpred
