// The `dpred` command.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <systemc>

#include "platform/version.h"
#include "testbench/commands.h"
#include "workloads/error.h"

namespace dpred {

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"run", "WORKLOAD [--config FILE]... [--section.key=value]... [--baseline] [--check] [--csv] [-o DIR]",
       "Simulate one design point: bytes, cycles and what binds, per layer.", run_command},
      {"compress",
       "WORKLOAD [--config FILE]... [--codec.key=value]... [--codec NAME,...] [--width-profile FILE] [--csv]",
       "Sizes of every tensor with every codec; with --sweep-group, of all for several group sizes.",
       compress_command},
      {"vectors",
       "WORKLOAD|--random N [--codec.key=value]... [--tensor KEY]... [--layer NAME]... [--blocks N] -o DIR\n"
       "  dpred vectors --check DIR",
       "Test vectors of the codec for a testbench of the hardware.", vectors_command},
      {"explain", "WORKLOAD [--config FILE]... [--section.key=value]... [--layer NAME] [--jobs]",
       "The plan of each layer (jobs, fills, drains, bytes), and where its array cycles go.",
       explain_command},
      {"memory",
       "PATTERN...|all|trace FILE [--config FILE]... [--section.key=value]... [--requests N] [--csv]",
       "Traffic against the off-chip memory alone: bandwidth, where it is lost, latency.", memory_command},
      {"params", "[--csv | --markdown]", "Every parameter: key, default, unit, range.", params_command},
  };
  return list;
}

namespace {

void print_usage(std::ostream& out) {
  out << "dpred " << version() << ": architecture model of the DPRed deep-learning accelerator\n\n";
  for (const Command& command : commands()) {
    out << "  dpred " << command.name << ' ' << command.usage << "\n      " << command.summary << '\n';
  }
  out << "  dpred --version\n\nA WORKLOAD is a trace set's folder or a width profile. Every command has "
         "--help.\n";
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    throw InputError("no command given: 'dpred --help' lists them");
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(std::cout);
    return 0;
  }
  if (name == "--version") {
    std::cout << "dpred " << version() << '\n';
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (name == command.name) return command.run({arguments.begin() + 1, arguments.end()});
    names.emplace_back(command.name);
  }
  throw InputError("unknown command '" + printable(name) + "'" + suggestion(name, names));
}

}  // namespace

}  // namespace dpred

int sc_main(int argc, char* argv[]) {
  try {
    const int status = dpred::dispatch({argv + 1, argv + argc});
    std::cout.flush();
    if (!std::cout) {
      std::cerr << "dpred: cannot write to standard output\n";
      return 2;
    }
    return status;
  } catch (const dpred::InputError& error) {
    std::cerr << "dpred: " << error.what() << '\n';
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr << "dpred: out of memory: the workload or a setting is too large for this machine\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "dpred: " << error.what() << '\n';
    return 1;
  }
}

// Not the library's main: SystemC prints its banner before it calls sc_main.
int main(int argc, char* argv[]) {
  ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
  return sc_core::sc_elab_and_sim(argc, argv);
}
