#include "platform/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace dpred {

namespace {

/// Rows of the trace. On each, slices nest or don't overlap.
enum class Track : int {
  layers = 1,
  array,
  weight_half_0,
  weight_half_1,
  activation_half_0,
  activation_half_1,
  output_half_0,
  output_half_1
};

constexpr std::array<const char*, 8> track_names = {
    "layers",
    "array",
    "fills: weight buffer, half 0",
    "fills: weight buffer, half 1",
    "fills: activation buffer, half 0",
    "fills: activation buffer, half 1",
    "drains: output buffer, half 0",
    "drains: output buffer, half 1",
};

Track half_of(Track first, bool second) {
  return static_cast<Track>(static_cast<int>(first) + (second ? 1 : 0));
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// Writes events; times are array cycles from the start of the run.
class TraceWriter {
 public:
  explicit TraceWriter(std::uint64_t clock_mhz) : clock_mhz_(clock_mhz) {}

  void name_process(std::string_view name) {
    event(R"("ph":"M","name":"process_name","args":{{"name":{}}})", json_text(name));
  }
  void name_track(Track track) {
    const int id = static_cast<int>(track);
    event(R"("ph":"M","tid":{},"name":"thread_name","args":{{"name":"{}"}})", id,
          track_names[static_cast<std::size_t>(id) - 1]);
    event(R"("ph":"M","tid":{},"name":"thread_sort_index","args":{{"sort_index":{}}})", id, id);
  }
  /// `arguments` are members of a JSON object.
  void slice(Track track, std::uint64_t begin, std::uint64_t end, const std::string& name,
             const std::string& arguments) {
    event(R"("ph":"X","tid":{},"ts":{},"dur":{},"name":{},"args":{{{}}})", static_cast<int>(track),
          time(begin), time_of(picoseconds(end) - picoseconds(begin)), name, arguments);
  }
  void counter(std::uint64_t at, const char* name, const std::string& value) {
    event(R"("ph":"C","ts":{},"name":"{}","args":{{"value":{}}})", time(at), name, value);
  }

  std::string finish() { return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + events_ + "\n]}\n"; }

 private:
  template <class... Values>
  void event(fmt::format_string<const Values&...> text, const Values&... values) {
    events_ += events_.empty() ? "{\"pid\":1," : ",\n{\"pid\":1,";
    fmt::format_to(std::back_inserter(events_), text, values...);
    events_ += '}';
  }

  /// Rounded down: in whole numbers, so that what ends where the next thing begins does so in the file too.
  std::uint64_t picoseconds(std::uint64_t cycle) const {
    return cycle / clock_mhz_ * 1000000 + cycle % clock_mhz_ * 1000000 / clock_mhz_;
  }
  std::string time(std::uint64_t cycle) const { return time_of(picoseconds(cycle)); }
  /// Microseconds, with as many decimals as it takes.
  static std::string time_of(std::uint64_t picoseconds) {
    std::string text = fmt::format("{}.{:06}", picoseconds / 1000000, picoseconds % 1000000);
    text.resize(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  std::uint64_t clock_mhz_;
  std::string events_;
};

/// Bytes that were asked for, or begun, at one time and were all there at another.
struct Move {
  std::uint64_t begin, end, bytes;
};

/// Bandwidth of one direction, at most `most` bytes a cycle. The bus serves one move after another: the bytes
/// of each are spread evenly from where those before it were there. What would be too fast for the bus came
/// mixed with those before it, and is spread with them.
void write_bandwidth(TraceWriter& trace, const char* name, std::vector<Move> moves, double most,
                     std::uint64_t start, std::uint64_t clock_mhz) {
  std::stable_sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) { return a.end < b.end; });
  const auto rate = [](const Move& move) {
    return static_cast<double>(move.bytes) / static_cast<double>(move.end - move.begin);
  };
  std::vector<Move> served;
  for (Move move : moves) {
    if (move.bytes == 0) continue;
    if (!served.empty()) move.begin = std::max(move.begin, served.back().end);
    while (!served.empty() && served.back().end == move.begin &&
           (move.end <= move.begin || rate(move) > most)) {
      move = {served.back().begin, std::max(move.end, served.back().end), served.back().bytes + move.bytes};
      served.pop_back();
    }
    move.end = std::max(move.end, move.begin + 1);  // an ideal memory takes no time
    served.push_back(move);
  }
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Move& move = served[i];
    trace.counter(start + move.begin, name,
                  fmt::format("{:.5g}", 1e-3 * rate(move) * static_cast<double>(clock_mhz)));
    if (i + 1 == served.size() || served[i + 1].begin > move.end) trace.counter(start + move.end, name, "0");
  }
}

/// One layer's part of the trace.
class LayerTrace {
 public:
  LayerTrace(TraceWriter& trace, const PreparedLayer& layer, const LayerTimeline& times,
             const DesignPoint& point, std::size_t number, std::uint64_t start)
      : trace_(trace),
        layer_(layer),
        times_(times),
        point_(point),
        bytes_(traffic_by_job(layer.plan, layer.streams, point.burst_bytes)),
        number_(number),
        start_(start) {}

  void write(const LayerResult& result) {
    trace_.slice(Track::layers, start_, start_ + times_.total, json_text(result.name),
                 fmt::format(R"("layer":{},"cycles":{},"binds":"{}")", number_, times_.total,
                             to_string(result.binds)));
    write_array();
    write_fills(Track::weight_half_0, point_.buffers.weight, layer_.plan.weights_resident,
                "weight buffer, bytes", &Job::weights, &JobTimeline::weights_issued, &JobReadiness::weight,
                &Traffic::weight_read_bytes);
    write_fills(Track::activation_half_0, point_.buffers.activation, layer_.plan.activations_resident,
                "activation buffer, bytes", &Job::activations, &JobTimeline::activations_issued,
                &JobReadiness::activation, &Traffic::activation_read_bytes);
    write_drains();
    write_tables();
    const dram::Preset& preset = point_.memory.preset;
    const double most = preset.ideal ? std::numeric_limits<double>::infinity()
                                     : preset.peak_bandwidth() * point_.memory.channels /
                                           (1e6 * static_cast<double>(point_.clock_mhz));
    write_bandwidth(trace_, "DRAM reads, GB/s", reads_, most, start_, point_.clock_mhz);
    write_bandwidth(trace_, "DRAM writes, GB/s", writes_, most, start_, point_.clock_mhz);
  }

 private:
  void array_slice(std::uint64_t begin, std::uint64_t cycles, CycleCause cause, std::size_t job) {
    if (cycles == 0) return;
    const bool computes = cause == CycleCause::compute;
    const std::string name =
        computes ? fmt::format("\"job {}\"", job) : fmt::format("\"{}\"", to_string(cause));
    trace_.slice(Track::array, start_ + begin, start_ + begin + cycles, name,
                 fmt::format(R"("layer":{},"job":{},"cause":"{}","cycles":{})", number_, job,
                             to_string(cause), cycles));
  }

  /// Every cycle of the array, as the ledger has it.
  void write_array() {
    const std::vector<JobTimeline>& jobs = times_.jobs;
    const std::uint64_t first = jobs.empty() ? times_.total : jobs.front().compute_begin;
    array_slice(0, first, CycleCause::overhead, 0);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const JobTimeline& job = jobs[j];
      for (const Charge& charge : job_wait(job.ready, job.wait_from, j == 0).charges)
        array_slice(charge.begin, charge.cycles, charge.cause, j);
      std::uint64_t at = job.compute_begin;
      const auto next = [&](std::uint64_t cycles, CycleCause cause) {
        array_slice(at, cycles, cause, j);
        at += cycles;
      };
      next(job.compute_cycles, CycleCause::compute);
      next(job.weight_conflicts, CycleCause::stall_weight);
      next(job.activation_conflicts, CycleCause::stall_activation);
      next(job.output_conflicts, CycleCause::stall_output);
    }
    if (!jobs.empty())
      array_slice(jobs.back().end(), times_.total - jobs.back().end(), CycleCause::overhead, jobs.size() - 1);
  }

  /// A transfer of a job, with what the codec does after it, or before it, inside.
  struct Transfer {
    std::uint64_t begin, end;
    std::uint64_t codec_begin, codec_end;
    const char* codec;
  };

  /// Slices of one track follow one another: what was asked for while the one before was under way begins
  /// where that ended.
  void write_transfer(Track track, const Transfer& transfer, std::size_t job, std::uint64_t bytes) {
    std::uint64_t& free = track_free_[static_cast<std::size_t>(track)];
    const std::uint64_t begin = std::max(transfer.begin, free), end = std::max(transfer.end, begin);
    free = end;
    trace_.slice(track, start_ + begin, start_ + end, fmt::format("\"job {}\"", job),
                 fmt::format(R"("layer":{},"job":{},"bytes":{})", number_, job, bytes));
    const std::uint64_t codec_begin = std::clamp(transfer.codec_begin, begin, end);
    const std::uint64_t codec_end = std::clamp(transfer.codec_end, codec_begin, end);
    if (codec_begin == codec_end) return;
    trace_.slice(track, start_ + codec_begin, start_ + codec_end, fmt::format("\"{}\"", transfer.codec),
                 fmt::format(R"("layer":{},"job":{})", number_, job));
  }

  void write_fills(Track first, std::uint64_t capacity, bool resident, const char* counter,
                   std::optional<Fill> Job::*fill_of, std::uint64_t JobTimeline::*issued_of,
                   Readiness JobReadiness::*ready_of, std::uint64_t Traffic::*bytes_of) {
    std::array<std::uint64_t, 2> held{};
    for (std::size_t j = 0; j < times_.jobs.size(); ++j) {
      const std::optional<Fill>& fill = layer_.plan.jobs[j].*fill_of;
      if (!fill || (fill->rows.empty() && fill->buffer_bytes == 0)) continue;
      const std::uint64_t issued = times_.jobs[j].*issued_of;
      const Readiness ready = times_.jobs[j].ready.*ready_of;
      const std::uint64_t bytes = bytes_.jobs[j].*bytes_of;
      reads_.push_back({issued, ready.at_engine, bytes});
      const bool second = !resident && fill->buffer_address >= capacity / 2;
      write_transfer(half_of(first, second), {issued, ready.ready, ready.at_engine, ready.ready, "decode"}, j,
                     bytes);
      held[second] = (resident ? held[0] : 0) + fill->buffer_bytes;
      trace_.counter(start_ + issued, counter, std::to_string(held[0] + held[1]));
    }
    trace_.counter(start_ + times_.total, counter, "0");
  }

  void write_drains() {
    if (layer_.streams.output == nullptr && layer_.plan.reductions == 1) return;
    /// Bytes in a half of the buffer from a time on. What leaves at a time goes before what comes.
    struct Held {
      std::uint64_t at;
      bool taken;
      std::size_t half;
      std::uint64_t bytes;
    };
    std::vector<Held> changes;
    for (std::size_t j = 0; j < times_.jobs.size(); ++j) {
      const JobTimeline& job = times_.jobs[j];
      const Job& planned = layer_.plan.jobs[j];
      const std::uint64_t results = result_bytes(planned);
      if (results == 0) continue;
      const std::size_t half = planned.output_address >= point_.buffers.output / 2 ? 1 : 0;
      const Track track = half_of(Track::output_half_0, half == 1);
      if (planned.partials_in) {
        const std::uint64_t back = bytes_.jobs[j].output_read_bytes;
        reads_.push_back({job.partials_issued, job.partials_ready, back});
        write_transfer(track, {job.partials_issued, job.partials_ready, 0, 0, ""}, j, back);
      }
      changes.push_back({planned.partials_in ? job.partials_issued : job.compute_begin, true, half, results});
      const bool to_memory =
          planned.ends_sums ? layer_.streams.output != nullptr : planned.partials_out.has_value();
      if (!to_memory) continue;  // sums stay for the next job, or results on chip
      const std::uint64_t written = std::max(job.drained.ready, job.drain_begin);
      const std::uint64_t bytes = bytes_.jobs[j].output_write_bytes;
      writes_.push_back({std::max(job.drained.at_engine, job.drain_begin), written, bytes});
      write_transfer(track, {job.drain_begin, written, job.drain_begin, job.drained.at_engine, "encode"}, j,
                     bytes);
      changes.push_back({written, false, half, 0});
    }
    std::stable_sort(changes.begin(), changes.end(), [](const Held& a, const Held& b) {
      return a.at != b.at ? a.at < b.at : a.taken < b.taken;
    });
    std::array<std::uint64_t, 2> held{};
    for (const Held& change : changes) {
      held[change.half] = change.bytes;
      trace_.counter(start_ + change.at, "output buffer, bytes", std::to_string(held[0] + held[1]));
    }
    trace_.counter(start_ + times_.total, "output buffer, bytes", "0");
  }

  /// Of the results, or the sums, that a job leaves in the output buffer.
  std::uint64_t result_bytes(const Job& job) const {
    const LayerShape& shape = layer_.layer->shape;
    const Plan& plan = layer_.plan;
    const auto channels = static_cast<std::int64_t>(layer_.descriptor.output_channels);
    std::int64_t filters = 0;
    if (channels == shape.K || plan.split) {
      const bool cut = plan.split || job.set_end - job.set_begin == 1;
      for (std::int64_t s = job.set_begin; s < job.set_end; ++s) {
        const FilterSet& set = layer_.compute->schedule().sets()[static_cast<std::size_t>(s)];
        for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step)
          filters += !cut || (k >= job.filter_begin && k < job.filter_end);
      }
    } else if (job.filter_end == shape.K) {
      filters = channels;  // gates: the step's result is there when all of them are
    }
    const std::int64_t positions =
        plan.split ? job.band.rows() * job.columns.rows() : job.finished.rows() * shape.OW;
    const std::uint64_t bytes = plan.reductions > 1 ? 4 : layer_.descriptor.output.format.values.bits / 8;
    return static_cast<std::uint64_t>(positions * filters) * bytes;
  }

  /// Tables before the first fill, and the output's last burst and table after the last job.
  void write_tables() {
    if (times_.jobs.empty()) return;
    const JobTimeline& first = times_.jobs.front();
    const std::uint64_t filled =
        layer_.plan.jobs.front().weights ? first.weights_issued : first.activations_issued;
    reads_.push_back({0, filled, bytes_.tables.weight_read_bytes + bytes_.tables.activation_read_bytes});
    writes_.push_back({times_.jobs.back().end(), times_.total, bytes_.tables.output_write_bytes});
  }

  TraceWriter& trace_;
  const PreparedLayer& layer_;
  const LayerTimeline& times_;
  const DesignPoint& point_;
  PlanTraffic bytes_;
  std::size_t number_;
  std::uint64_t start_;
  std::array<std::uint64_t, track_names.size() + 1> track_free_{};
  std::vector<Move> reads_, writes_;
};

}  // namespace

std::string timeline_json(const Preparation& preparation, const RunResult& result) {
  const DesignPoint& point = preparation.point();
  TraceWriter trace(point.clock_mhz);
  trace.name_process("dpred: " + preparation.network().name);
  for (std::size_t i = 1; i <= track_names.size(); ++i)
    trace.name_track(static_cast<Track>(i));
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < result.timeline.size(); ++i) {
    LayerTrace(trace, preparation.layers()[i], result.timeline[i], point, i + 1, start)
        .write(result.layers[i]);
    start += result.timeline[i].total;
  }
  return trace.finish();
}

}  // namespace dpred
