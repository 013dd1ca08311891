#include "platform/analytic.h"

#include <algorithm>
#include <cmath>

#include "models/array/job_cycles.h"
#include "platform/layer_actions.h"
#include "platform/layer_time.h"
#include "workloads/divide_up.h"
#include "workloads/error.h"

namespace dpred {

namespace {

std::uint64_t cycle_at(double time) {
  return static_cast<std::uint64_t>(std::ceil(time));
}

std::uint64_t read_bytes(const Traffic& traffic) {
  return traffic.activation_read_bytes + traffic.weight_read_bytes + traffic.output_read_bytes;
}

std::vector<std::uint64_t> compute_of_jobs(const PreparedLayer& layer) {
  LayerSchedule& schedule = layer.compute->schedule();
  std::vector<std::uint64_t> cycles;
  cycles.reserve(layer.plan.jobs.size());
  for (const Job& job : layer.plan.jobs)
    cycles.push_back(job_cycles(schedule, array_job(layer.plan, job, schedule)));
  return cycles;
}

}  // namespace

/// One layer: what is known of its jobs, and the recurrence over them.
class AnalyticModel::LayerTimes {
 public:
  LayerTimes(const PreparedLayer& layer, const DesignPoint& point)
      : layer_(layer),
        bytes_(traffic_by_job(layer.plan, layer.streams, point.burst_bytes)),
        compute_(compute_of_jobs(layer)),
        actions_(count_actions(layer, point)) {}

  const PreparedLayer& layer() const { return layer_; }
  const ActionCounts& actions() const { return actions_; }

  Ledger ledger(const MemoryCost& memory, std::uint64_t detect_latency, bool ideal_compute,
                LayerTimeline* timeline = nullptr) const {
    const std::vector<Job>& jobs = layer_.plan.jobs;
    Ledger ledger;
    std::vector<std::uint64_t> ends;  // of each job's last step
    std::vector<double> drained;      // when each job's results are in memory
    const double descriptor = arrival(0, LayerDescriptor::size, memory);
    double bus = descriptor + memory.per_byte * static_cast<double>(read_bytes(bytes_.tables));
    if (read_bytes(bytes_.tables) > 0) bus += memory.read_latency;
    double writes = 0;
    std::uint64_t end = 0;
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const Traffic& bytes = bytes_.jobs[j];
      // While these come, what an earlier job left is written: both share the bus.
      if (j >= 2) bus += writing(j - 2, memory);
      JobTimeline record;
      const auto fill = [&](const std::optional<Fill>& wanted, std::uint64_t count, std::uint64_t& issued) {
        if (!wanted) return std::uint64_t{0};
        if (wanted->after_job)
          bus = std::max(bus, static_cast<double>(ends[static_cast<std::size_t>(*wanted->after_job)]));
        issued = cycle_at(bus);
        const double there = arrival(bus, count, memory);
        bus += memory.per_byte * static_cast<double>(count);
        return cycle_at(there);
      };
      JobReadiness ready;
      ready.weight.ready = ready.weight.at_engine =
          fill(jobs[j].weights, bytes.weight_read_bytes, record.weights_issued);
      ready.activation.ready = ready.activation.at_engine =
          fill(jobs[j].activations, bytes.activation_read_bytes, record.activations_issued);
      const auto written = [&](const std::optional<std::int64_t>& before) {
        return before ? drained[static_cast<std::size_t>(*before)] : 0;
      };
      ready.output.ready = cycle_at(written(jobs[j].output_after));
      if (jobs[j].partials_in) {
        bus = std::max({bus, written(jobs[j].output_after), written(jobs[j].partials_after)});
        record.partials_issued = cycle_at(bus);
        ready.output.ready = cycle_at(arrival(bus, bytes.output_read_bytes, memory));
        record.partials_ready = ready.output.ready;
        bus += memory.per_byte * static_cast<double>(bytes.output_read_bytes);
      }
      std::uint64_t begin = charge_wait(ready, end, j == 0, ledger);
      if (j == 0) begin += first_step_latency();
      const std::uint64_t cycles = ideal_compute ? 0 : compute_[j];
      record.ready = ready;
      record.wait_from = end;
      record.compute_begin = begin;
      record.compute_cycles = cycles;
      ledger.charge(CycleCause::compute, cycles);
      end = begin + cycles;
      ends.push_back(end);
      // Writes follow one another on the bus; their latency is there once.
      writes = std::max(writes, static_cast<double>(end)) + writing(j, memory);
      drained.push_back(in_memory(writes, bytes.output_write_bytes, ahead_of(j, memory), memory));
      if (timeline == nullptr) continue;
      record.drain_begin = end;
      record.drained = {end, cycle_at(drained.back())};
      timeline->jobs.push_back(record);
    }
    writes += memory.per_byte * static_cast<double>(bytes_.tables.output_write_bytes);
    const double done = std::max({static_cast<double>(end), drained.empty() ? 0 : drained.back(),
                                  in_memory(writes, bytes_.tables.output_write_bytes, 0, memory)});
    const std::uint64_t total = cycle_at(done) + (layer_.coded_output() ? detect_latency : 0);
    ledger.charge(CycleCause::overhead, total - ledger.total());
    if (timeline != nullptr) timeline->total = total;
    return ledger;
  }

 private:
  /// When bytes are there that are asked for at `from`.
  static double arrival(double from, std::uint64_t bytes, const MemoryCost& memory) {
    if (bytes == 0) return from;
    return from + memory.read_latency + memory.per_byte * static_cast<double>(bytes);
  }

  /// When bytes are in memory whose last burst leaves at `left`, behind reads that are under way.
  static double in_memory(double left, std::uint64_t bytes, std::uint64_t ahead, const MemoryCost& memory) {
    if (bytes == 0) return 0;
    return left + memory.write_latency + memory.per_byte * static_cast<double>(ahead);
  }

  /// Bytes that are read while a job's results are written.
  std::uint64_t read_beside(std::size_t job) const {
    return job + 2 < bytes_.jobs.size() ? read_bytes(bytes_.jobs[job + 2]) : 0;
  }
  /// Of these, what the memory may have been asked for before.
  std::uint64_t ahead_of(std::size_t job, const MemoryCost& memory) const {
    return std::min(read_beside(job), memory.outstanding * memory.request_bytes);
  }

  /// For how long a job's drain takes the bus: each of its requests turns it around, as long as there are
  /// reads between them.
  double writing(std::size_t job, const MemoryCost& memory) const {
    const std::uint64_t bytes = bytes_.jobs[job].output_write_bytes;
    const std::uint64_t turns =
        std::min(divide_up(bytes, memory.request_bytes), divide_up(read_beside(job), memory.request_bytes));
    return memory.per_byte * static_cast<double>(bytes) + memory.turnaround * static_cast<double>(turns);
  }

  const PreparedLayer& layer_;
  PlanTraffic bytes_;
  std::vector<std::uint64_t> compute_;  ///< by job
  ActionCounts actions_;
};

namespace {

void refuse_what_has_no_model(const DesignPoint& point) {
  const auto refuse = [](const char* what) {
    throw InputError(std::string("sim.fidelity = analytic has no model of ") + what + ": use lt");
  };
  if (point.banks.activation.limited() || point.banks.weight.limited() || point.banks.output.limited())
    refuse("a number of banks (buffer.activation_banks, buffer.weight_banks, buffer.output_banks)");
  if (point.decoders != 0 || point.encoders != 0)
    refuse("a number of decoders and encoders (engine.decoders, engine.encoders)");
}

}  // namespace

MemoryCost memory_cost(const DesignPoint& point) {
  const dram::Preset& preset = point.memory.preset;
  MemoryCost cost;
  if (preset.ideal) return cost;
  const dram::Timings& t = preset.timings;
  const double cycles_per_clock = static_cast<double>(point.clock_mhz) / t.clock_mhz;
  const double served =
      point.memory.controller.refreshes ? 1 - static_cast<double>(t.rfc) / static_cast<double>(t.refi) : 1;
  const double cycles_per_second = 1e6 * static_cast<double>(point.clock_mhz);
  cost.per_byte = cycles_per_second / (preset.peak_bandwidth() * point.memory.channels * served);
  cost.read_latency = cycles_per_clock * (t.rcd + t.cl);
  cost.write_latency = cycles_per_clock * (t.rcd + t.cwl);
  cost.turnaround = cycles_per_clock * (t.turnaround + t.wtr_l + t.cl);
  const auto request = static_cast<double>(point.request_bytes);
  const double window = static_cast<double>(point.outstanding) * request;
  cost.per_byte = std::max(cost.per_byte, (cost.read_latency + cost.per_byte * request) / window);
  cost.request_bytes = point.request_bytes;
  cost.outstanding = point.outstanding;
  return cost;
}

AnalyticModel::AnalyticModel(const Preparation& preparation) : preparation_(preparation) {
  layers_.reserve(preparation.layers().size());
  for (const PreparedLayer& layer : preparation.layers())
    layers_.emplace_back(layer, preparation.point());
}

AnalyticModel::~AnalyticModel() = default;

RunResult AnalyticModel::run(const DesignPoint& point, bool find_next, bool timeline) const {
  preparation_.check_capacity(point.memory);
  refuse_what_has_no_model(point);
  const MemoryCost memory = memory_cost(point);
  const EnergyModel energy(*point.energy, energy_point(point, preparation_.network().bits));
  RunResult result;
  result.layers.reserve(layers_.size());
  for (const LayerTimes& times : layers_) {
    const PreparedLayer& layer = times.layer();
    LayerResult& row = result.layers.emplace_back(planned_row(layer, point));
    LayerTimeline* record = timeline ? &result.timeline.emplace_back() : nullptr;
    row.ledger = times.ledger(memory, point.detect_latency, false, record);
    row.array_cycles = layer.compute->slots().cycles();
    row.traffic = layer.traffic;
    row.actions = times.actions();
    row.energy = energy.of(row.actions);
    row.stay = layer.stay;
    row.binds = row.binds_next = row.ledger.binds();
    if (find_next) row.binds_next = binds_next(times, point, memory, row.ledger);
    result.control_read_bytes += LayerDescriptor::size;
  }
  result.fill_cycles = fill_cycles(point.detect_latency, true);
  return result;
}

Resource AnalyticModel::binds_next(const LayerTimes& times, const DesignPoint& point,
                                   const MemoryCost& memory, const Ledger& ledger) {
  switch (ledger.binds()) {
    case Resource::compute:
      return times.ledger(memory, point.detect_latency, true).binds();
    case Resource::dram:
      return times.ledger(MemoryCost{}, point.detect_latency, false).binds();
    default:
      return ledger.binds_without(ledger.binds());
  }
}

RunResult analyse(const Preparation& preparation, bool find_next, bool timeline) {
  return AnalyticModel(preparation).run(preparation.point(), find_next, timeline);
}

}  // namespace dpred
