// Simulates the trace set that is named on the command line, with default parameters.
#include <exception>
#include <iostream>
#include <systemc>

#include "platform/run.h"
#include "workloads/trace_set.h"

int sc_main(int argc, char* argv[]) {
  if (argc != 2) return 2;
  try {
    const dpred::Network network = dpred::read_trace_set(argv[1]);
    const dpred::DesignPoint point{dpred::Parameters()};
    const dpred::Preparation preparation(network, point);
    const dpred::RunResult result = dpred::simulate(preparation);
    std::cout << network.name << ": " << result.layers.size() << " layers, " << result.ledger().total()
              << " cycles\n";
    return result.mismatches.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
