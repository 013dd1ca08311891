// Speed of the parts of dpred that a simulation spends its time in. Prints a table; compare.py compares two
// results. Nothing here is a test: times depend on the machine, so each metric is also given relative to a
// calibration loop that runs right before it, and those ratios are what is compared.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "models/codec/codec.h"
#include "models/precision/brick_map.h"
#include "platform/analytic.h"
#include "platform/preparation.h"
#include "tests/bench/codec_bench.h"
#include "tests/bench/exploration_bench.h"
#include "tests/bench/generated.h"
#include "tests/bench/generated_network.h"
#include "tests/bench/harness.h"
#include "tests/bench/memory_bench.h"
#include "tests/bench/scan_bench.h"
#include "tests/bench/schedule_bench.h"
#include "tests/support/temp_dir.h"
#include "workloads/npy.h"
#include "workloads/trace_set.h"

namespace dpred::bench {

namespace {

namespace fs = std::filesystem;

void calibration(Bench& bench) {
  bench.rate("calibration integer loop", "G steps/s", integer_steps * 1e-9, integer_loop);
  std::vector<std::uint8_t> from(8 << 20, 1), to(from.size());
  bench.rate("calibration memcpy 8 MiB", "GB/s", static_cast<double>(from.size()) * 1e-9, [&] {
    std::memcpy(to.data(), from.data(), from.size());
    keep(to);
  });
}

/// One tensor through everything that is done to tensors.
struct TensorCase {
  const char* name;
  StreamRole role;
  Tensor tensor;
};

std::vector<TensorCase> tensor_cases() {
  const Shape plane{1, 64, 56, 56};
  const Shape vector{1, 4096, 1, 1};
  const Shape filters{128, 128, 3, 3};
  std::vector<TensorCase> cases;
  cases.push_back({"act 64x56x56 int8", StreamRole::activation, make_tensor(plane, 8, false, 1)});
  cases.push_back({"act 64x56x56 int16", StreamRole::activation, make_tensor(plane, 16, true, 2)});
  cases.push_back({"fc input 4096 int8", StreamRole::activation, make_tensor(vector, 8, false, 3)});
  cases.push_back({"weights 128x128x3x3 int8", StreamRole::weight, make_tensor(filters, 8, true, 4)});
  cases.push_back({"weights 128x128x3x3 int16", StreamRole::weight, make_tensor(filters, 16, true, 5)});
  return cases;
}

BrickShape bricks_of(const TensorCase& c) {
  const auto [outer, channels, height, width] = c.tensor.shape;
  return {16, 1, channels, outer * height * width};
}

void tensors(Bench& bench) {
  const Codec& packed = find_codec("dpred");
  const Codec& raw = find_codec("raw");
  for (const TensorCase& c : tensor_cases()) {
    const std::string name = c.name;
    const double giga_values = static_cast<double>(c.tensor.values()) * 1e-9;
    const double gigabytes = static_cast<double>(c.tensor.data.size()) * 1e-9;
    const TensorProfile profile = profile_of(c.tensor);
    const StreamLayout layout(c.role, c.tensor.shape, {});
    const WidthMap widths = WidthMap::of(c.tensor, profile.format, layout);
    bench.rate("profile, " + name, "G values/s", giga_values, [&] { keep(profile_of(c.tensor)); });
    bench.rate("width map, " + name, "G values/s", giga_values,
               [&] { keep(WidthMap::of(c.tensor, profile.format, layout)); });
    bench.rate("brick map, " + name, "G values/s", giga_values, [&] {
      BrickMap map(bricks_of(c));
      map.absorb(c.tensor, profile.format);
      keep(map);
    });
    bench.rate("dpred sizes, " + name, "M groups/s", static_cast<double>(widths.width.size()) * 1e-6, [&] {
      keep(packed.plan({layout, profile.format, widths, {}}));
    });

    const StreamPlan plan = packed.plan({layout, profile.format, widths, {ZeroVector::always}});
    const EncodedTensor stream = encode(packed, layout, plan, c.tensor);
    Tensor decoded = c.tensor;
    bench.rate("dpred encode, " + name, "GB/s", gigabytes,
               [&] { keep(encode(packed, layout, plan, c.tensor)); });
    bench.rate("dpred decode, " + name, "GB/s", gigabytes, [&] {
      decode(packed, layout, stream.format, stream.stream, stream.table, decoded);
      keep(decoded);
    });
    if (decoded.data != c.tensor.data) throw std::runtime_error(name + " did not decode to its values");

    const StreamPlan raw_plan = raw.plan({layout, profile.format, widths, {}});
    const EncodedTensor raw_stream = encode(raw, layout, raw_plan, c.tensor);
    bench.rate("raw encode, " + name, "GB/s", gigabytes,
               [&] { keep(encode(raw, layout, raw_plan, c.tensor)); });
    bench.rate("raw decode, " + name, "GB/s", gigabytes, [&] {
      decode(raw, layout, raw_stream.format, raw_stream.stream, raw_stream.table, decoded);
      keep(decoded);
    });
  }
}

std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    bytes += entry.file_size();
  return bytes;
}

void network(Bench& bench, const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!bench.wanted("read trace set, " + name) && !bench.wanted("prepare, " + name) &&
      !bench.wanted("plan, " + name) && !bench.wanted("closed form, " + name)) {
    return;
  }
  bench.rate("read trace set, " + name, "GB/s", static_cast<double>(folder_bytes(folder)) * 1e-9,
             [&] { keep(read_trace_set(folder)); });
  const Network set = read_trace_set(folder);
  const DesignPoint point{Parameters()};
  bench.rate("prepare, " + name, "k layers/s", 1e-3 * static_cast<double>(set.layers.size()),
             [&] { keep(Preparation(set, point)); });
  const Preparation preparation(set, point);
  bench.rate("plan, " + name, "k layers/s", 1e-3 * static_cast<double>(set.layers.size()), [&] {
    for (const PreparedLayer& layer : preparation.layers())
      keep(make_plan(layer.planner_input, point.buffers, point.burst_bytes));
  });
  bench.rate("closed form, " + name, "k layers/s", 1e-3 * static_cast<double>(set.layers.size()),
             [&] { keep(analyse(preparation)); });
}

void npy(Bench& bench, const fs::path& folder) {
  const fs::path file = folder / "w4.npy";
  const std::vector<std::int64_t> shape{128, 128, 3, 3};
  bench.rate("read npy, 128x128x3x3 int16", "GB/s", static_cast<double>(fs::file_size(file)) * 1e-9,
             [&] { keep(read_npy(file, "int16", shape)); });
}

/// What the operating system says about a finished process.
struct ProcessUse {
  double wall = 0, cpu = 0;  ///< seconds
  double peak_mib = 0;
};

ProcessUse run_process(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  rusage use{};
  if (::wait4(child, &status, 0, &use) != child) throw std::runtime_error("cannot wait for " + arguments[0]);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("'" + arguments[0] + " run " + arguments[2] + "' failed");
  }
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return {wall, seconds(use.ru_utime) + seconds(use.ru_stime), static_cast<double>(use.ru_maxrss) / 1024};
}

/// CPU time, wall time and peak memory of the command. With an amount, speed is in amounts a second.
void process(Bench& bench, const std::string& name, const std::vector<std::string>& arguments,
             double amount = 1, const std::string& unit = "runs/s") {
  if (!bench.wanted(name)) return;
  run_process(arguments);
  std::vector<double> wall, cpu, rate, peak, relative;
  double spent = 0;
  for (int i = 0; i < 3 || (i < 9 && spent < 2); ++i) {
    const double before = Bench::calibration_seconds();
    const ProcessUse use = run_process(arguments);
    const double calibration = (before + Bench::calibration_seconds()) / 2;
    spent += use.cpu;
    wall.push_back(use.wall * 1e3);
    cpu.push_back(use.cpu * 1e3);
    rate.push_back(amount / use.cpu);
    peak.push_back(use.peak_mib);
    relative.push_back(amount * calibration / (integer_steps * 1e-9) / use.cpu);
  }
  bench.add({name + ", CPU", unit, median(rate), median(cpu), median(relative), true});
  bench.add({name + ", wall", "ms", median(wall), 0, std::nullopt, false});
  bench.add({name + ", peak", "MiB", median(peak), 0, std::nullopt, false});
}

void processes(Bench& bench, const std::string& command, const fs::path& folder) {
  const std::string name = "dpred run " + folder.filename().string();
  process(bench, name + " carried", {command, "run", folder.string()});
  process(bench, name + " elided", {command, "run", folder.string(), "--sim.data=elided"});
  process(bench, name + " checked", {command, "run", folder.string(), "--check"});
}

/// Trace sets that are made when they are asked for, and removed at the end.
class GeneratedSets {
 public:
  const fs::path& alexnet() {
    return made("alexnet_shapes", [](const fs::path& folder) { write_alexnet(folder); });
  }
  const fs::path& scaled(std::int64_t scale) {
    return made("scaled_" + std::to_string(scale),
                [&](const fs::path& folder) { write_scaled_network(folder, scale); });
  }

 private:
  template <class Write>
  const fs::path& made(const std::string& name, Write&& write) {
    fs::path& folder = sets_[name];
    if (folder.empty()) {
      folder = root_.path() / name;
      fs::create_directory(folder);
      write(folder);
    }
    return folder;
  }

  test::TempDir root_;
  std::map<std::string, fs::path> sets_;
};

struct Fidelities {
  const char* name;
  std::vector<std::string> options;
};

/// A network of 62 M values, and one that grows: its speed in values is to stay as it is.
void generated_networks(Bench& bench, const std::string& command) {
  const std::vector<Fidelities> fidelities = {
      {"analytic", {"--sim.fidelity=analytic"}},
      {"lt", {"--sim.fidelity=lt", "--sim.data=elided"}},
      {"lt carried", {"--sim.fidelity=lt", "--sim.data=carried"}},
  };
  GeneratedSets sets;
  if (bench.wanted("analytic, alexnet_shapes, ")) explorations(bench, sets.alexnet());
  if (command.empty()) return;
  const auto run = [&](const std::string& name, const Fidelities& fidelity, double amount,
                       const std::string& unit, const auto& folder_of) {
    if (!bench.wanted(name)) return;
    std::vector<std::string> arguments{command, "run", folder_of().string()};
    arguments.insert(arguments.end(), fidelity.options.begin(), fidelity.options.end());
    process(bench, name, arguments, amount, unit);
  };
  for (const Fidelities& fidelity : fidelities) {
    run(std::string("dpred run alexnet_shapes ") + fidelity.name, fidelity, 1, "runs/s",
        [&] { return sets.alexnet(); });
    for (const std::int64_t scale : {1, 4, 16}) {
      run("dpred run scaled network x" + std::to_string(scale) + " " + fidelity.name, fidelity,
          static_cast<double>(scale) * scaled_values * 1e-6, "M values/s",
          [&] { return sets.scaled(scale); });
    }
  }
}

nlohmann::ordered_json to_json(const std::vector<Metric>& metrics) {
  nlohmann::ordered_json result = {{"format", 1}, {"metrics", nlohmann::ordered_json::object()}};
  for (const Metric& m : metrics) {
    nlohmann::ordered_json entry = {
        {"unit", m.unit}, {"value", m.value}, {"better", m.higher_is_better ? "higher" : "lower"}};
    if (m.relative) entry["relative"] = *m.relative;
    result["metrics"][m.name] = std::move(entry);
  }
  return result;
}

struct Options {
  std::string json, command, filter;
  double scale = 1;
};

constexpr const char* usage =
    "usage: dpred_bench [--json FILE] [--command DPRED] [--filter TEXT] [--scale X]\n"
    "Measures the speed of dpred's parts.\n"
    "  --json FILE      also write the results there, for compare.py\n"
    "  --command DPRED  also time whole runs of this dpred program\n"
    "  --filter TEXT    only metrics whose names contain TEXT\n"
    "  --scale X        measure X times as long (default 1: about half a minute in total)\n"
    "With the environment variable DPRED_TRACES set to a folder of trace sets, some of these too.\n";

Options parse(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> values = {
      {"--json", ""}, {"--command", ""}, {"--filter", ""}, {"--scale", "1"}};
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto option = values.find(arguments[i]);
    if (option == values.end()) throw std::invalid_argument("unknown option '" + arguments[i] + "'");
    if (i + 1 == arguments.size()) throw std::invalid_argument("'" + arguments[i] + "' needs a value");
    option->second = arguments[i + 1];
  }
  Options options{values["--json"], values["--command"], values["--filter"], 0};
  std::istringstream scale(values["--scale"]);
  if (!(scale >> options.scale) || !scale.eof() || options.scale <= 0) {
    throw std::invalid_argument("--scale '" + values["--scale"] + "' is not a positive number");
  }
  return options;
}

void run(const Options& options) {
  std::vector<fs::path> sets;
  for (const char* name : {"digits_cnn_int8", "digits_cnn_fix16"})
    sets.push_back(fs::path(DPRED_SOURCE_DIR) / "workloads/digits" / name);
  const char* traces = std::getenv("DPRED_TRACES");
  if (traces != nullptr && *traces != '\0') sets.push_back(fs::path(traces) / "mobilenet_v1_075_int8");

  std::cout << std::left << std::setw(44) << "metric" << std::right << std::setw(12) << "value" << ' '
            << std::left << std::setw(14) << "unit" << std::right << std::setw(11) << "ms a pass"
            << std::setw(12) << "relative" << '\n';
  Bench bench(options.filter, options.scale);
  calibration(bench);
  tensors(bench);
  scans(bench);
  alexnet_files(bench);
  schedules(bench);
  memory(bench);
  npy(bench, sets[1]);
  for (const fs::path& set : sets)
    network(bench, set);
  for (const fs::path& set : sets)
    explorations(bench, set);
  generated_networks(bench, options.command);
  if (traces != nullptr && *traces != '\0') {
    for (const char* name : {"mobilenet_v1_075_int8", "squeezenet_pruned_fix16p10", "mlperf_resnet8_int8",
                             "mlperf_resnet8_fix16", "mlperf_kws_int8", "use_lite_int8"})
      codecs(bench, fs::path(traces) / name);
  }
  if (!options.command.empty()) {
    for (const fs::path& set : sets)
      processes(bench, options.command, set);
  }
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << to_json(bench.metrics()).dump(1) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + options.json);
  }
}

}  // namespace

}  // namespace dpred::bench

// SystemC brings main().
int sc_main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << dpred::bench::usage;
    return 0;
  }
  try {
    dpred::bench::run(dpred::bench::parse(arguments));
  } catch (const std::exception& error) {
    std::cerr << "dpred_bench: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
