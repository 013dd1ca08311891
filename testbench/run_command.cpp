// dpred run: one design point.
#include <unistd.h>

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "platform/analytic.h"
#include "platform/output_folder.h"
#include "platform/results.h"
#include "platform/run.h"
#include "platform/timeline.h"
#include "platform/version.h"
#include "testbench/child_simulation.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "workloads/error.h"

namespace dpred {

namespace {

namespace po = boost::program_options;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

/// The design point with other hardware; its parameters stay as they are for what is not replaced.
DesignPoint with(const DesignPoint& point, const char* design, const char* codec) {
  DesignPoint other = point;
  if (design != nullptr) {
    other.design = &find_compute_design(design);
    other.geometry.columns = 0;
  }
  other.codec = &find_codec(codec);
  other.elided = true;  // the same cycles, and nothing is looked at but cycles
  return other;
}

/// Before this process's own simulation, so that what the closed form has no model of is said at once.
std::map<Fidelity, RunResult> at_other_fidelities(const Network& network, const DesignPoint& point,
                                                  const Parameters& parameters) {
  std::map<Fidelity, RunResult> results;
  for (const Fidelity fidelity : {Fidelity::analytic, Fidelity::lt, Fidelity::at}) {
    if (fidelity == point.fidelity) continue;
    DesignPoint other = point.with_fidelity(parameters, fidelity);
    other.elided = true;  // the same cycles, and nothing is looked at but cycles
    const Preparation preparation(network, other);
    results.emplace(fidelity, fidelity == Fidelity::analytic ? analyse(preparation, false)
                                                             : ChildSimulation(preparation).result());
  }
  return results;
}

/// The file of --timeline, which appears whole or not at all.
class TimelineFile {
 public:
  /// InputError if it can't be written.
  explicit TimelineFile(const std::filesystem::path& path)
      : name_(path.filename().string()), folder_(folder_of(path)) {
    if (name_.empty() || name_ == "." || name_ == ".." || std::filesystem::is_directory(path))
      throw InputError("--timeline: '" + printable(path.string()) +
                       "' is a folder, expected a file to write");
  }
  /// Empty, or one line on what went wrong.
  std::string commit(const std::string& text) { return folder_.commit({{name_, text}}); }

 private:
  static std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : ".";
  }

  std::string name_;
  OutputFolder folder_;
};

/// "layer 3 of 28" on a terminal, nothing elsewhere.
Progress terminal_progress(std::size_t layers) {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [layers](std::size_t done) {
    std::cerr << "\r\033[Klayer " << done << " of " << layers << (done == layers ? "\r\033[K" : "")
              << std::flush;
  };
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  own.add_options()("output,o", po::value<std::string>()->value_name("DIR"),
                    "folder for layers.csv and summary.json")(
      "baseline", "run the same memory without compression too: with this array, and bit-parallel")(
      "check",
      "multiply bit by bit as the design does, and compare every accumulator and every code; exit status 1 "
      "and the first mismatch otherwise")("cross-check",
                                          "find the cycles of each layer at all three fidelities, and print "
                                          "how far they are apart; exit status 1 "
                                          "if bytes or compute cycles are not the same")(
      "csv", "print layers.csv to standard output, and nothing else")(
      "timeline", po::value<std::string>()->value_name("FILE"),
      "write when each job did what, for ui.perfetto.dev or chrome://tracing");
  const auto start = std::chrono::steady_clock::now();
  const std::optional<CommandLine> line = parse_workload_command("run", arguments, own);
  if (!line) return 0;
  const Network network = load_batch(*line);
  const DesignPoint point(line->parameters, network);
  SimulationOptions options;
  options.check = line->options.count("check") != 0;
  check(options, network, point);
  const bool csv = line->options.count("csv") != 0;
  const bool cross_check = line->options.count("cross-check") != 0;
  if (cross_check && csv)
    throw InputError("--cross-check prints a table for people: it cannot go with --csv");
  const auto findings = std::make_shared<NetworkFindings>(network);
  const Preparation preparation(findings, point);
  std::unique_ptr<OutputFolder> folder;
  if (line->options.count("output") != 0) {
    folder = std::make_unique<OutputFolder>(line->options["output"].as<std::string>());
  }
  std::optional<TimelineFile> timeline;
  if (line->options.count("timeline") != 0) timeline.emplace(line->options["timeline"].as<std::string>());
  options.timeline = timeline.has_value();

  std::map<Fidelity, RunResult> others;
  if (cross_check) others = at_other_fidelities(network, point, line->parameters);
  std::optional<Baselines> baselines;
  if (line->options.count("baseline") != 0) {
    const DesignPoint uncompressed = with(point, nullptr, "raw");
    const DesignPoint bit_parallel = with(point, "bit-parallel", "raw");
    const Preparation uncompressed_preparation(findings, uncompressed);
    const Preparation bit_parallel_preparation(findings, bit_parallel);
    if (point.fidelity == Fidelity::analytic) {
      baselines = Baselines{analyse(uncompressed_preparation), analyse(bit_parallel_preparation)};
    } else {
      ChildSimulation first(uncompressed_preparation);
      ChildSimulation second(bit_parallel_preparation);
      RunResult first_result = first.result();
      baselines = Baselines{std::move(first_result), second.result()};
    }
  }
  const RunResult result = point.fidelity == Fidelity::analytic
                               ? analyse(preparation, options.find_next, options.timeline)
                               : simulate(preparation, terminal_progress(network.layers.size()), options);
  if (!result.check_failure.empty()) {
    if (::isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K";  // the progress
    std::cerr << "dpred: check failed: " << result.check_failure << '\n';
    return 1;
  }

  const Baselines* compared = baselines ? &*baselines : nullptr;
  // Before anything is printed: where the files can't be written, the error is all that is said.
  if (folder) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const RunRecord record{version(), host_name(), seconds};
    const std::string problem = folder->commit(
        {{"layers.csv", layers_csv(result, point)},
         {"summary.json", summary_json(result, network, point, line->parameters, record, compared)}});
    if (!problem.empty()) {
      std::cerr << "dpred: " << problem << '\n';
      return 2;
    }
  }
  if (timeline) {
    const std::string problem = timeline->commit(timeline_json(preparation, result));
    if (!problem.empty()) {
      std::cerr << "dpred: " << problem << '\n';
      return 2;
    }
  }
  std::string contradiction;
  if (csv) {
    std::cout << layers_csv(result, point);
  } else {
    std::cout << terminal_table(result, network, point, compared);
    if (cross_check) {
      const auto at_fidelity = [&](Fidelity f) -> const RunResult& {
        return f == point.fidelity ? result : others.at(f);
      };
      const Fidelities all{at_fidelity(Fidelity::analytic), at_fidelity(Fidelity::lt),
                           at_fidelity(Fidelity::at)};
      std::cout << '\n' << cross_check_table(all);
      contradiction = find_contradiction(all);
    }
  }
  note_estimates(network);
  note_unread(line->parameters, "run");
  for (const std::string& mismatch : result.mismatches)
    std::cerr << "dpred run: check failed: " << mismatch << '\n';
  if (!contradiction.empty()) std::cerr << "dpred run: cross-check failed: " << contradiction << '\n';
  return result.mismatches.empty() && contradiction.empty() ? 0 : 1;
}

}  // namespace dpred
