// dpred params: every parameter.
#include <boost/program_options/options_description.hpp>
#include <iostream>

#include "platform/command_line.h"
#include "testbench/commands.h"

namespace dpred {

namespace po = boost::program_options;

int params_command(const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  options.add_options()("csv", "print CSV")("markdown", "print the page docs/parameters.md")(
      "help,h", "print this help");
  const po::variables_map given = parse_options(arguments, options, {});
  if (given.count("help") != 0) {
    std::cout << "usage: dpred params [--csv | --markdown]\nEvery parameter: key, default, unit, range.\n\n"
              << options;
  } else if (given.count("markdown") != 0) {
    std::cout << parameters_markdown();
  } else {
    print_parameters(std::cout, given.count("csv") != 0);
  }
  return 0;
}

}  // namespace dpred
