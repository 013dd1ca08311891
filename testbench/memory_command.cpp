// dpred memory: traffic against the off-chip memory alone.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <chrono>
#include <iostream>
#include <limits>
#include <optional>

#include "models/dram/request_source.h"
#include "models/dram/trace_reader.h"
#include "models/dram/traffic.h"
#include "platform/csv.h"
#include "platform/memory_point.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

namespace po = boost::program_options;
using dram::Clock;
using dram::TimingCore;

constexpr std::uint64_t most_requests = 1'000'000'000;
constexpr std::uint64_t most_outstanding = 1u << 20;
constexpr std::uint64_t default_requests = 100'000;
constexpr std::uint64_t default_outstanding = 64;
constexpr std::uint64_t default_range = std::uint64_t{512} << 20;
constexpr std::uint64_t smallest_range = std::uint64_t{1} << 20;
constexpr const char* all_patterns = "all";
constexpr const char* trace_word = "trace";

/// The range that patterns are laid out over, in a memory of `capacity` bytes, which is a power of two.
std::uint64_t traffic_range(const po::variables_map& options, std::uint64_t capacity) {
  const std::optional<std::string> text = given_text(options, "range");
  if (!text) return std::min(default_range, capacity);
  std::string_view digits = *text;
  int shift = 0;
  for (const auto& [suffix, bits] : {std::pair<std::string_view, int>{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}) {
    if (digits.size() <= suffix.size() || digits.substr(digits.size() - suffix.size()) != suffix) continue;
    digits.remove_suffix(suffix.size());
    shift = bits;
    break;
  }
  std::uint64_t value = 0;
  const bool fits =
      parse_digits(digits, value) && value <= std::numeric_limits<std::uint64_t>::max() >> shift;
  value <<= shift;
  if (!fits || value < smallest_range || (value & (value - 1)) != 0) {
    throw InputError(fmt::format(
        "--range is {}, expected a power of two of bytes from 1MiB, such as 1048576 or 64MiB", quote(*text)));
  }
  if (value > capacity) {
    throw InputError(
        fmt::format("--range is {}, more than the memory has: {} bytes", quote(*text), capacity));
  }
  return value;
}

/// What one pattern or trace did to a memory that nothing else used.
struct Measured {
  std::string name;
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;           ///< asked for
  std::vector<const char*> streams;  ///< names
  dram::Statistics statistics;
  dram::LatencyHistogram read_latency;
};

/// How far it is, on a terminal, once it takes longer than a second.
class Meter {
 public:
  explicit Meter(std::string name) : name_(std::move(name)), shown_(::isatty(STDERR_FILENO) != 0) {}
  ~Meter() {
    if (printed_) std::cerr << "\r\033[K" << std::flush;
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  /// For every burst: `share()` gives the part that is done, 0..1.
  template <class Share>
  void tick(Share&& share) {
    constexpr std::uint64_t bursts_a_look = 1 << 16;
    if (shown_ && ++bursts_ % bursts_a_look == 0) look(share());
  }

 private:
  void look(double share) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    std::cerr << fmt::format("\r\033[K{}: {:.0f} %", name_, 100 * share) << std::flush;
    printed_ = true;
  }

  std::string name_;
  bool shown_;
  bool printed_ = false;
  std::uint64_t bursts_ = 0;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

/// The memory that the parameters ask for, and what it is loaded with.
class Experiment {
 public:
  Experiment(const MemoryPoint& point, const po::variables_map& options, bool is_trace)
      : point_(point), map_(point.preset, point.mapping, point.channels), is_trace_(is_trace) {
    outstanding_ = given_number(options, "outstanding", 1, most_outstanding);
    if (is_trace) {
      for (const char* name : {"requests", "range", "seed"}) {
        if (options.count(name) != 0)
          throw InputError(fmt::format("--{} is for patterns, not for a trace", name));
      }
      return;
    }
    if (!outstanding_) outstanding_ = default_outstanding;
    requests_ = given_number(options, "requests", 1, most_requests).value_or(default_requests);
    shape_.burst_bytes = point.preset.organisation.burst_bytes;
    shape_.seed = given_number(options, "seed", 0, std::numeric_limits<std::uint64_t>::max()).value_or(1);
    if (map_.capacity() < smallest_range) {
      throw InputError(fmt::format("{}: patterns need a memory of at least {} bytes, it has {}",
                                   point.setting, smallest_range, map_.capacity()));
    }
    shape_.range = traffic_range(options, map_.capacity());
  }

  Measured measure(const dram::TrafficPattern& pattern) const {
    TimingCore core(point_.preset, point_.mapping, point_.channels, point_.controller);
    dram::RequestSource source(core, bursts_under_way());
    Meter meter(pattern.name);
    for (std::uint64_t n = 0; n < requests_; ++n) {
      const dram::TrafficRequest request = pattern.request(n, shape_);
      source.send({request.address, request.is_write, request.stream, 0});
      meter.tick([&] { return static_cast<double>(n) / static_cast<double>(requests_); });
    }
    source.finish();
    Measured measured{pattern.name,    requests_,         requests_ * shape_.burst_bytes,
                      pattern.streams, core.statistics(), {}};
    measured.read_latency = measured.statistics.read_latency;
    return measured;
  }

  Measured measure_trace(const std::string& path) const {
    if (path.empty()) throw InputError("the path of the trace is empty");
    TimingCore core(point_.preset, point_.mapping, point_.channels, point_.controller);
    dram::RequestSource source(core, bursts_under_way());
    dram::TraceReader trace(path, map_.capacity());
    Measured measured;
    measured.name = path;
    Meter meter(clipped(path));
    while (const std::optional<dram::TraceRequest> request = trace.next()) {
      ++measured.requests;
      measured.bytes += request->bytes;
      const Clock clock = clock_at(request->time_fs);
      const std::uint64_t last = map_.burst_of(request->address + request->bytes - 1);
      for (std::uint64_t burst = map_.burst_of(request->address); burst <= last; ++burst) {
        source.send({map_.address_of(burst), request->is_write, 0, clock});
        meter.tick([&] { return trace.progress(); });
      }
    }
    source.finish();
    measured.statistics = core.statistics();
    measured.read_latency = source.latency_from_earliest(false);
    return measured;
  }

  const std::string& preset() const { return point_.preset.name; }
  const std::string& mapping() const { return map_.text(); }
  std::uint32_t channels() const { return map_.channels(); }
  std::optional<std::uint64_t> outstanding() const { return outstanding_; }
  std::uint64_t requests() const { return requests_; }
  const dram::TrafficShape& shape() const { return shape_; }
  bool is_trace() const { return is_trace_; }
  double peak_gbs() const { return channel_peak_gbs() * channels(); }
  double channel_peak_gbs() const { return 1e-9 * point_.preset.peak_bandwidth(); }
  double ns(double clocks) const { return clocks * 1e3 / point_.preset.timings.clock_mhz; }

 private:
  std::uint32_t bursts_under_way() const {
    return static_cast<std::uint32_t>(outstanding_.value_or(std::numeric_limits<std::uint32_t>::max()));
  }

  /// The first clock not before that time.
  Clock clock_at(std::uint64_t time_fs) const {
    constexpr std::uint64_t fs_per_us = 1'000'000'000;
    const std::uint64_t mhz = point_.preset.timings.clock_mhz;
    return time_fs / fs_per_us * mhz + (time_fs % fs_per_us * mhz + fs_per_us - 1) / fs_per_us;
  }

  const MemoryPoint& point_;
  dram::AddressMap map_;
  bool is_trace_;
  std::optional<std::uint64_t> outstanding_;  ///< none: as many as the controller takes
  std::uint64_t requests_ = 0;
  dram::TrafficShape shape_{};
};

double share(Clock clocks, const dram::BusClocks& bus) {
  return static_cast<double>(clocks) / static_cast<double>(bus.total());
}

void print_csv(const Experiment& experiment, const std::vector<Measured>& rows) {
  std::cout
      << "preset,mapping,pattern,requests,bytes,outstanding,peak_gbs,achieved_gbs,utilisation,avg_read_ns,"
         "row_hit";
  for (std::size_t i = 0; i < dram::loss_count; ++i)
    std::cout << ",loss_" << to_string(static_cast<dram::Loss>(i));
  std::cout << "\r\n";
  for (const Measured& row : rows) {
    const dram::BusClocks bus = row.statistics.bus();
    const double used = share(bus.data, bus);
    const bool has_reads = row.read_latency.count() > 0;
    std::cout << fmt::format("{},{},{},{},{},{},{:.6f},{:.6f},{:.9f},{},{:.9f}",
                             csv_field(experiment.preset()), csv_field(experiment.mapping()),
                             csv_field(row.name), row.requests, row.bytes,
                             experiment.outstanding() ? fmt::format("{}", *experiment.outstanding()) : "",
                             experiment.peak_gbs(), experiment.peak_gbs() * used, used,
                             has_reads ? fmt::format("{:.6f}", experiment.ns(row.read_latency.mean())) : "",
                             row.statistics.row_hit_rate());
    for (const Clock lost : bus.lost)
      std::cout << fmt::format(",{:.9f}", share(lost, bus));
    std::cout << "\r\n";
  }
}

std::string counted(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void print_heading(const Experiment& experiment, const std::vector<Measured>& rows) {
  std::cout << fmt::format("memory   {}, {}, {:.4g} GB/s at its peak\nmapping  {}\n",
                           clipped(experiment.preset()), counted(experiment.channels(), "channel"),
                           experiment.peak_gbs(), experiment.mapping());
  std::string traffic;
  if (experiment.is_trace()) {
    const Measured& trace = rows.front();
    traffic =
        fmt::format("{} of {} in all", counted(trace.requests, "request"), counted(trace.bytes, "byte"));
  } else {
    traffic = fmt::format("{} of {} within {} MiB", counted(experiment.requests(), "request"),
                          counted(experiment.shape().burst_bytes, "byte"), experiment.shape().range >> 20);
  }
  std::cout << fmt::format("traffic  {}, {}\n", traffic,
                           experiment.outstanding()
                               ? fmt::format("up to {} outstanding a channel", *experiment.outstanding())
                               : "outstanding as many as the controller takes");
  if (experiment.is_trace()) std::cout << "trace    " << clipped(rows.front().name) << '\n';
  std::cout << '\n';
}

constexpr const char* loss_headings = "{:>7} {:>6} {:>6} {:>8} {:>6}";

std::string losses(const dram::BusClocks& bus) {
  const auto percent = [&](dram::Loss loss) { return fmt::format("{:.1f}", 100 * share(bus[loss], bus)); };
  using dram::Loss;
  return fmt::format(loss_headings, percent(Loss::refresh), percent(Loss::turnaround),
                     percent(Loss::bank_group), percent(Loss::activate), percent(Loss::idle));
}

std::string loss_names() {
  return fmt::format(loss_headings, "refresh", "turn", "group", "activate", "idle");
}

/// Of latencies that add up to `clocks`.
std::string mean_latency(const Experiment& experiment, std::uint64_t count, std::uint64_t clocks) {
  if (count == 0) return "-";
  return fmt::format("{:.1f}", experiment.ns(static_cast<double>(clocks) / static_cast<double>(count)));
}

void print_rows(const Experiment& experiment, const std::vector<Measured>& rows) {
  constexpr const char* line = "{:<12} {:>6} {:>7} {:>8} {:>7} {:>7} {:>6} {}\n";
  std::cout << fmt::format("{:<12} {:>6} {:>7} {:>24} {:>6} {:>22}\n", "", "used", "", "read latency, ns   ",
                           "row", "lost, %");
  std::cout << fmt::format(line, "pattern", "%", "GB/s", "mean", "p50", "p99", "hits %", loss_names());
  for (const Measured& row : rows) {
    const dram::BusClocks bus = row.statistics.bus();
    const double used = share(bus.data, bus);
    const dram::LatencyHistogram& reads = row.read_latency;
    const auto read = [&](double clocks) {
      return reads.count() == 0 ? "-" : fmt::format("{:.1f}", experiment.ns(clocks));
    };
    std::cout << fmt::format(
        line, experiment.is_trace() ? trace_word : row.name, fmt::format("{:.1f}", 100 * used),
        fmt::format("{:.2f}", experiment.peak_gbs() * used), read(reads.mean()),
        read(static_cast<double>(reads.quantile(0.5))), read(static_cast<double>(reads.quantile(0.99))),
        fmt::format("{:.1f}", 100 * row.statistics.row_hit_rate()), losses(bus));
  }
}

void print_streams(const Experiment& experiment, const Measured& row) {
  std::cout << fmt::format("\n{:<12} {:>12} {:>14} {:>12} {:>14}\n", "stream", "read bursts", "mean ns",
                           "write bursts", "mean ns");
  for (std::size_t i = 0; i < row.statistics.streams.size(); ++i) {
    const dram::StreamTraffic& stream = row.statistics.streams[i];
    const auto mean = [&](int direction) {
      return mean_latency(experiment, stream.bursts[direction], stream.latency_clocks[direction]);
    };
    std::cout << fmt::format("{:<12} {:>12} {:>14} {:>12} {:>14}\n", row.streams[i], stream.bursts[0],
                             mean(0), stream.bursts[1], mean(1));
  }
}

void print_channels(const Experiment& experiment, const Measured& row) {
  constexpr const char* line = "{:<12} {:>6} {:>7} {:>31} {}\n";
  std::cout << '\n' << fmt::format(line, "channel", "used %", "GB/s", "", loss_names());
  for (std::size_t i = 0; i < row.statistics.channels.size(); ++i) {
    const dram::BusClocks& bus = row.statistics.channels[i];
    const double used = share(bus.data, bus);
    std::cout << fmt::format(line, i, fmt::format("{:.1f}", 100 * used),
                             fmt::format("{:.2f}", experiment.channel_peak_gbs() * used), "", losses(bus));
  }
}

std::vector<const dram::TrafficPattern*> chosen_patterns(const std::vector<std::string>& words) {
  std::vector<const dram::TrafficPattern*> chosen;
  for (const std::string& word : words) {
    if (word == all_patterns) {
      for (const dram::TrafficPattern& pattern : dram::traffic_patterns())
        chosen.push_back(&pattern);
    } else if (word == trace_word) {
      throw InputError("memory: 'trace FILE' stands alone, without patterns");
    } else {
      chosen.push_back(&dram::find_traffic_pattern(word, {all_patterns, "trace FILE"}));
    }
  }
  return chosen;
}

void print_help(const po::options_description& own) {
  print_usage("memory");
  std::cout << "Patterns, one burst a request:\n";
  for (const dram::TrafficPattern& pattern : dram::traffic_patterns())
    std::cout << fmt::format("  {:<12} {}\n", pattern.name, pattern.description);
  std::cout << fmt::format("  {:<12} Each of them.\n", all_patterns)
            << fmt::format("  {:<12} The requests of a CSV file with lines {}.\n\n", "trace FILE",
                           dram::TraceReader::header);
  print_options(own);
}

std::string pattern_names() {
  std::string names;
  for (const dram::TrafficPattern& pattern : dram::traffic_patterns())
    names += std::string(pattern.name) + ", ";
  return names + all_patterns;
}

}  // namespace

int memory_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  const auto value = [](const char* name) { return po::value<std::string>()->value_name(name); };
  own.add_options()("requests", value("N"), "requests of a pattern [default 100000]")(
      "outstanding", value("N"),
      "bursts under way in a channel [default 64; for a trace, as many as the controller takes]")(
      "range", value("BYTES"),
      "what a pattern is laid out over, from address 0, a power of two [default 512MiB, or the memory]")(
      "seed", value("N"), "of random addresses [default 1]")(
      "csv", "print CSV to standard output, and nothing else")("help,h", "print this help");
  po::options_description all = own;
  all.add_options()("pattern", po::value<std::vector<std::string>>()->composing(), "what to measure");
  po::positional_options_description positional;
  positional.add("pattern", -1);
  const CommandLine line = parse_command_line(arguments, all, positional);
  if (line.options.count("help") != 0) {
    print_help(own);
    return 0;
  }
  std::vector<std::string> words;
  if (line.options.count("pattern") != 0) words = line.options["pattern"].as<std::vector<std::string>>();
  if (words.empty()) {
    throw InputError("memory: no pattern given: name some of " + pattern_names() + ", or 'trace FILE'");
  }
  const bool is_trace = words.front() == trace_word;
  if (is_trace && words.size() == 1) throw InputError("memory: no file given: 'trace FILE'");
  if (is_trace && words.size() > 2) throw InputError("unexpected argument " + quote(words[2]));
  const auto patterns = is_trace ? std::vector<const dram::TrafficPattern*>() : chosen_patterns(words);

  const MemoryPoint point(line.parameters, MemoryPoint::Order::scheduled);
  if (point.preset.ideal) {
    throw InputError(point.setting + " takes no time: there is nothing to measure");
  }
  const Experiment experiment(point, line.options, is_trace);
  std::vector<Measured> rows;
  if (is_trace) rows.push_back(experiment.measure_trace(words[1]));
  for (const dram::TrafficPattern* pattern : patterns)
    rows.push_back(experiment.measure(*pattern));

  if (line.options.count("csv") != 0) {
    print_csv(experiment, rows);
  } else {
    print_heading(experiment, rows);
    print_rows(experiment, rows);
    if (rows.size() == 1 && rows[0].streams.size() > 1) print_streams(experiment, rows[0]);
    if (rows.size() == 1 && experiment.channels() > 1) print_channels(experiment, rows[0]);
  }
  note_unread(line.parameters, "memory");
  return 0;
}

}  // namespace dpred
