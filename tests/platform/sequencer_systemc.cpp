// Where the sequencer charges each cycle: against an engine and an array that take the times they are told.
#include "platform/sequencer.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/array/design.h"
#include "models/codec/codec.h"
#include "platform/preparation.h"
#include "tests/support/fresh_simulation.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

constexpr std::uint64_t ns = 1000;  ///< times of the script are in ps

struct Fetched {
  std::uint64_t at_engine = 0, in_buffer = 0;
};

struct ScriptedJob {
  Fetched weights, activations;
  std::uint64_t biases = 0;
  std::uint64_t cycles = 10;
  std::uint64_t encoded = 0, written = 0;
  OperandsRead reads;
  std::uint64_t step_cycles = 0;  ///< 0: the same as `cycles`
};

/// Times count from when the descriptor is asked for. What is asked for later than its time is there at once.
struct Script {
  std::uint64_t descriptor = 0, weight_table = 0, activation_table = 0;
  std::vector<ScriptedJob> jobs;
  std::uint64_t output_done = 0;

  explicit Script(std::size_t count) : jobs(count) {}
};

class ScriptedEngine : public sc_core::sc_module, public EngineControl {
 public:
  const Script* script = nullptr;
  std::array<std::uint8_t, LayerDescriptor::size> descriptor{};
  std::vector<std::uint64_t> weights_asked, drains_asked;  ///< when, by call
  bool broken_fetch = false;                               ///< of weights
  bool broken_drain = false;

  explicit ScriptedEngine(const sc_core::sc_module_name& name) : sc_module(name) {}

  void read_memory(std::uint64_t, std::uint8_t* data, std::uint64_t, bool) override {
    start_ = sc_core::sc_time_stamp();
    weights_ = activations_ = biases_ = drains_ = 0;
    weights_asked.clear();
    drains_asked.clear();
    const sc_core::sc_time there = at(script->descriptor);
    if (there > sc_core::sc_time_stamp()) wait(there - sc_core::sc_time_stamp());
    std::copy(descriptor.begin(), descriptor.end(), data);
  }
  void begin_layer(const EngineLayer&) override {}
  Pending<sc_core::sc_time> fetch_table(Operand operand) override {
    return known(at(operand == Operand::weight ? script->weight_table : script->activation_table));
  }
  Pending<FetchTimes> fetch(Operand operand, const std::vector<RowRange>&, std::uint64_t,
                            const std::vector<RowPart>&) override {
    const bool weight = operand == Operand::weight;
    if (weight) weights_asked.push_back(now());
    if (weight && broken_fetch) throw StreamError("broken", 0);
    const Fetched& times =
        weight ? script->jobs.at(weights_++).weights : script->jobs.at(activations_++).activations;
    return known(FetchTimes{at(times.at_engine), at(times.in_buffer)});
  }
  Pending<FetchedBiases> fetch_biases(RowRange) override {
    return known(FetchedBiases{at(script->jobs.at(biases_++).biases), {}});
  }
  Pending<DrainTimes> drain(const JobResults&, const std::vector<std::int64_t>&) override {
    drains_asked.push_back(now());
    if (broken_drain) throw StreamError("broken", 0);
    const ScriptedJob& job = script->jobs.at(drains_++);
    return known(DrainTimes{at(job.encoded), at(job.written)});
  }
  Pending<sc_core::sc_time> fetch_partials(std::uint64_t, std::uint64_t, std::uint64_t) override {
    throw std::logic_error("no plan here is split");
  }
  Pending<DrainTimes> drain_partials(std::uint64_t, std::uint64_t, std::uint64_t) override {
    throw std::logic_error("no plan here is split");
  }
  Pending<sc_core::sc_time> finish_output() override { return known(at(script->output_done)); }

 private:
  template <class Times>
  static Pending<Times> known(const Times& times) {
    return [times] { return times; };
  }
  sc_core::sc_time at(std::uint64_t picoseconds) const {
    return std::max(start_ + sc_core::sc_time(static_cast<double>(picoseconds), sc_core::SC_PS),
                    sc_core::sc_time_stamp());
  }
  std::uint64_t now() const { return (sc_core::sc_time_stamp() - start_).value(); }

  sc_core::sc_time start_;
  std::size_t weights_ = 0, activations_ = 0, biases_ = 0, drains_ = 0;
};

class ScriptedArray : public sc_core::sc_module, public ArrayControl {
 public:
  const Script* script = nullptr;
  std::optional<std::size_t> broken_job;  ///< its computing fails
  std::vector<ArrayJob> jobs;             ///< that were asked for

  ScriptedArray(const sc_core::sc_module_name& name, LayerSchedule& schedule)
      : sc_module(name), schedule_(schedule) {}

  void begin_layer(const ArrayLayer&) override { jobs.clear(); }
  const LayerSchedule& schedule() const override { return schedule_; }
  void take_activations(const ArrivedRows&) override {}
  void take_weights(const ArrivedRows&) override {}
  void take_biases(std::int64_t, const std::vector<std::int32_t>&) override {}
  std::uint64_t compute(const ArrayJob& job) override {
    if (jobs.size() == broken_job) throw StreamError("broken", 0);
    jobs.push_back(job);
    return script->jobs.at(jobs.size() - 1).cycles;
  }
  JobBufferUse buffer_use(const ArrayJob&) override {
    const ScriptedJob& job = script->jobs.at(jobs.size() - 1);
    return {job.reads, job.step_cycles == 0 ? job.cycles : job.step_cycles};
  }
  void write_results(RowRange, std::int64_t, std::int64_t, std::int64_t, std::uint64_t, RowRange) override {}
  void take_partials(const ArrayJob&, std::uint64_t) override {}
  void write_partials(const ArrayJob&, std::uint64_t) override {}

 private:
  LayerSchedule& schedule_;
};

enum class Output { none, raw, coded };

Tensor tensor_of(const Shape& shape) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.bits = 8;
  tensor.dtype = DType::int8;
  for (std::int64_t i = 0; i < volume(shape); ++i)
    tensor.data.push_back(static_cast<std::uint8_t>(i % 3));
  return tensor;
}

const Network nothing;

/// A tensor in memory with its description.
struct Stored {
  Tensor tensor;
  std::unique_ptr<NetworkWidths> widths;
  TensorStream stream;
  StreamDirectory directory;
  OperandDescriptor descriptor;

  Stored(const Shape& shape, StreamRole role, const StreamOptions& options, const std::string& codec,
         std::uint64_t address)
      : tensor(tensor_of(shape)),
        widths(NetworkWidths::of(nothing)),
        stream(std::make_shared<UncodedStream>(*widths, tensor, role, options), find_codec(codec),
               {ZeroVector::always}),
        directory(stream.layout, stream.coded) {
    descriptor.address = address;
    descriptor.table_address = stream.coded.has_table() ? address + 4096 : 0;
    descriptor.bytes = stream.coded.stream_bytes();
    descriptor.table_bytes = static_cast<std::uint32_t>(stream.coded.table_bytes());
    descriptor.codec = codec_index(find_codec(codec));
    descriptor.format = stream.coded.format;
    descriptor.width = static_cast<std::uint8_t>(stream.profile.width);
  }
};

LayerShape column(std::int64_t rows) {
  LayerShape shape;
  shape.C = 3, shape.H = shape.OH = rows, shape.K = 4;
  return shape;
}

/// A pointwise layer over a column of pixels, one job a pixel; each job fetches its pixel and all weights.
struct ColumnLayer {
  LayerShape shape;
  StreamOptions options;
  Stored activation, weight, output;
  Plan plan;
  LayerDescriptor descriptor;
  LayerModel model;
  LayerSchedule schedule;

  explicit ColumnLayer(std::size_t jobs, Output kind = Output::raw)
      : shape(column(static_cast<std::int64_t>(jobs))),
        activation(shape.input(), StreamRole::activation, options, "raw", 0x10000),
        weight(shape.weight(), StreamRole::weight, options, "dpred", 0x20000),
        output({shape.N, shape.K, shape.OH, shape.OW}, StreamRole::activation, options,
               kind == Output::coded ? "dpred" : "raw", 0x30000),
        schedule(find_compute_design("bit-parallel"), ArrayGeometry{}, shape,
                 LayerPrecision{8, activation.stream.profile.width, weight.stream.profile.width}, nullptr,
                 nullptr) {
    for (std::int64_t j = 0; j < shape.OH; ++j) {
      Job job;
      job.set_end = 1;
      job.filter_end = shape.K;
      job.band = job.finished = {j, j + 1};
      job.activations = Fill{{{j, j + 1}}, 0, static_cast<std::uint64_t>(shape.C), {}, {}};
      job.weights = Fill{{{0, shape.K}}, 0, static_cast<std::uint64_t>(shape.K * shape.C), {}, {0, shape.K}};
      if (j >= 2) job.output_after = j - 2;
      plan.jobs.push_back(job);
    }
    if (kind != Output::none) {
      for (std::size_t b = 0; b < output.stream.layout.blocks().size(); ++b)
        plan.jobs.back().drained_blocks.push_back(static_cast<std::int64_t>(b));
    }
    descriptor.shape = shape;
    descriptor.stream = options;
    descriptor.activation = activation.descriptor;
    descriptor.weight = weight.descriptor;
    descriptor.bias_address = 0x40000;
    model.plan = &plan;
    model.streams = {&activation.directory, &weight.directory, nullptr};
    if (kind == Output::none) {
      descriptor.output.format.values.bits = 8;
    } else {
      descriptor.output = output.descriptor;
      descriptor.output_channels = static_cast<std::uint32_t>(shape.K);
      model.streams.output = &output.directory;
      model.results = &output.tensor;
    }
  }
};

/// A sequencer between scripted neighbours. One exists at a time, in a simulation of its own.
class Bench : public sc_core::sc_module {
 public:
  ScriptedEngine engine{"engine"};
  ScriptedArray array;
  Sequencer sequencer;

  Bench(ColumnLayer& layer, const SequencerConfig& config)
      : sc_module(sc_core::sc_module_name("bench")),
        array("array", layer.schedule),
        sequencer("sequencer", config) {
    sequencer.engine(engine);
    sequencer.array(array);
    SC_HAS_PROCESS(Bench);
    SC_THREAD(process);
  }

  /// To be called once: `body` in a process.
  void simulate(std::function<void()> body) {
    body_ = std::move(body);
    sc_core::sc_start();
  }

 private:
  void process() { body_(); }

  std::function<void()> body_;
};

/// Cycles by cause; those with none are left out.
using Columns = std::map<std::string, std::uint64_t>;

Columns columns_of(const Ledger& ledger) {
  Columns columns;
  for (std::size_t i = 0; i < cycle_causes; ++i) {
    const auto cause = static_cast<CycleCause>(i);
    if (ledger.of(cause) > 0) columns[std::string(to_string(cause))] = ledger.of(cause);
  }
  return columns;
}

struct Outcome {
  bool finished = false;
  Columns columns;
  std::uint64_t picoseconds = 0;  ///< that run() took
  std::string error;
  bool input_error = false;
  std::vector<std::uint64_t> weights_asked, drains_asked;
  std::vector<ArrayJob> jobs;
};

Outcome run_once(Bench& bench, const ColumnLayer& layer, const Script& script, const WhatIf& what_if = {}) {
  bench.engine.script = bench.array.script = &script;
  bench.engine.descriptor = layer.descriptor.to_bytes();
  Outcome outcome;
  const sc_core::sc_time start = sc_core::sc_time_stamp();
  try {
    outcome.columns = columns_of(bench.sequencer.run(0, layer.model, what_if));
  } catch (const std::exception& error) {
    outcome.error = error.what();
    outcome.input_error = dynamic_cast<const InputError*>(&error) != nullptr;
  }
  outcome.picoseconds = (sc_core::sc_time_stamp() - start).value();
  outcome.weights_asked = bench.engine.weights_asked;
  outcome.drains_asked = bench.engine.drains_asked;
  outcome.jobs = bench.array.jobs;
  outcome.finished = true;
  return outcome;
}

Outcome run(ColumnLayer& layer, const Script& script, const SequencerConfig& config = {},
            const WhatIf& what_if = {}) {
  fresh_simulation();
  Bench bench(layer, config);
  Outcome outcome;
  bench.simulate([&] { outcome = run_once(bench, layer, script, what_if); });
  REQUIRE(outcome.finished);
  return outcome;
}

/// The columns of a layer with raw results, after what holds of every layer is checked.
Columns columns(const Script& script) {
  ColumnLayer layer(script.jobs.size());
  const Outcome outcome = run(layer, script);
  REQUIRE(outcome.error.empty());
  std::uint64_t total = 0;
  for (const auto& [name, cycles] : outcome.columns)
    total += cycles;
  CHECK(outcome.picoseconds == total * ns);
  return outcome.columns;
}

// Without any waiting, job j of 10 cycles starts at cycle 2 + 10 j.

/// Three jobs, of which the last, free to start at cycle 22, gets what it needs at these times.
Columns third_job(const ScriptedJob& third, std::uint64_t encoded, std::uint64_t written) {
  Script script(3);
  script.jobs[2] = third;
  script.jobs[0].encoded = encoded;
  script.jobs[0].written = written;
  return columns(script);
}

ScriptedJob arriving(std::uint64_t weights, std::uint64_t activations) {
  ScriptedJob job;
  job.weights = {weights, weights};
  job.activations = {activations, activations};
  return job;
}

}  // namespace

TEST_CASE("sequencer: a layer that never waits takes its compute cycles and the fill") {
  CHECK(columns(Script(1)) == Columns{{"compute", 10}, {"overhead", 2}});
  CHECK(columns(Script(4)) == Columns{{"compute", 40}, {"overhead", 2}});
  ColumnLayer layer(3);
  const Outcome outcome = run(layer, Script(3));
  REQUIRE(outcome.jobs.size() == 3);
  for (std::size_t j = 0; j < 3; ++j) {
    const ArrayJob& job = outcome.jobs[j];
    const auto row = static_cast<std::int64_t>(j);
    CHECK(std::vector<std::int64_t>{job.set_begin, job.set_end, job.filter_begin, job.filter_end} ==
          std::vector<std::int64_t>{0, 1, 0, 4});
    CHECK(job.unit_begin == row);
    CHECK(job.unit_end == row + 1);
  }
  CHECK(outcome.drains_asked == std::vector<std::uint64_t>{12 * ns, 22 * ns, 32 * ns});
  WhatIf ideal;
  ideal.ideal_compute = true;
  CHECK(run(layer, Script(3), {}, ideal).columns == Columns{{"overhead", 2}});
}

TEST_CASE("sequencer: before the first step and after the last is overhead") {
  Script script(1);
  script.descriptor = 4 * ns;
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 4 + 2}});
  script.weight_table = 7 * ns;
  script.activation_table = 9 * ns;
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 9 + 2}});
  std::swap(script.weight_table, script.activation_table);
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 9 + 2}});
  script.jobs[0].weights = {11 * ns, 15 * ns};
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 15 + 2}});
  script.jobs[0].activations = {16 * ns, 16 * ns};
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 16 + 2}});
  script.jobs[0].biases = 18 * ns;
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 18 + 2}});
  // It ends at cycle 30.
  script.output_done = 29 * ns;
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 20}});
  script.output_done = 40 * ns + 1;
  CHECK(columns(script) == Columns{{"compute", 10}, {"overhead", 20 + 11}});
}

TEST_CASE("sequencer: only coded results go through the detector") {
  SequencerConfig config;
  config.detect_latency = 5;
  const auto overhead = [&](Output kind, std::uint64_t output_done) {
    ColumnLayer layer(2, kind);
    Script script(2);
    script.output_done = output_done;
    const Outcome outcome = run(layer, script, config);
    CHECK(outcome.error.empty());
    CHECK(outcome.columns.at("compute") == 20);
    CHECK(outcome.columns.size() == 2);
    CHECK(outcome.picoseconds == (20 + outcome.columns.at("overhead")) * ns);
    return outcome.columns.at("overhead");
  };
  CHECK(overhead(Output::coded, 0) == 2 + 5);
  CHECK(overhead(Output::coded, 30 * ns) == 2 + 8 + 5);
  CHECK(overhead(Output::raw, 0) == 2);
  CHECK(overhead(Output::raw, 30 * ns) == 2 + 8);
  CHECK(overhead(Output::none, 0) == 2);
}

TEST_CASE("sequencer: what arrives last is charged, on a tie weight, then activation, then output") {
  const auto waits = [](std::uint64_t weights, std::uint64_t activations, std::uint64_t outputs) {
    Columns found = third_job(arriving(weights, activations), 0, outputs);
    CHECK(found["compute"] == 30);
    CHECK(found["overhead"] == 2);
    found.erase("compute");
    found.erase("overhead");
    return found;
  };
  CHECK(waits(30 * ns, 25 * ns, 24 * ns) == Columns{{"stall_weight", 8}});
  CHECK(waits(25 * ns, 30 * ns, 24 * ns) == Columns{{"stall_activation", 8}});
  CHECK(waits(25 * ns, 24 * ns, 30 * ns) == Columns{{"stall_output", 8}});
  CHECK(waits(30 * ns, 30 * ns, 24 * ns) == Columns{{"stall_weight", 8}});
  CHECK(waits(30 * ns, 24 * ns, 30 * ns) == Columns{{"stall_weight", 8}});
  CHECK(waits(24 * ns, 30 * ns, 30 * ns) == Columns{{"stall_activation", 8}});
  CHECK(waits(30 * ns, 30 * ns, 30 * ns) == Columns{{"stall_weight", 8}});
  CHECK(waits(22 * ns, 22 * ns, 22 * ns) == Columns{});
  CHECK(waits(5 * ns, 7 * ns, 6 * ns) == Columns{});
  // Times that count from the same cycle tie.
  CHECK(waits(29 * ns + 1, 30 * ns, 29 * ns + 2) == Columns{{"stall_weight", 8}});
  CHECK(waits(29 * ns, 29 * ns + 1, 30 * ns) == Columns{{"stall_activation", 8}});
  CHECK(waits(30 * ns, 30 * ns, 30 * ns + 1) == Columns{{"stall_output", 9}});
}

TEST_CASE("sequencer: times between two cycles count from the later one") {
  CHECK(third_job(arriving(0, 22 * ns + 1), 0, 0) ==
        Columns{{"compute", 30}, {"stall_activation", 1}, {"overhead", 2}});
  CHECK(third_job(arriving(25 * ns + 999, 0), 0, 0) ==
        Columns{{"compute", 30}, {"stall_weight", 4}, {"overhead", 2}});
  ScriptedJob job;
  job.weights = {24 * ns + 1, 27 * ns + 1};
  CHECK(third_job(job, 0, 0) ==
        Columns{{"compute", 30}, {"stall_weight", 3}, {"stall_codec", 3}, {"overhead", 2}});
  CHECK(third_job({}, 24 * ns + 1, 27 * ns + 1) ==
        Columns{{"compute", 30}, {"stall_codec", 3}, {"stall_output", 3}, {"overhead", 2}});

  // A cycle of 2.5 ns: the third job is free to start at 55 ns.
  SequencerConfig config;
  config.clock_mhz = 400;
  ColumnLayer layer(3);
  Script script(3);
  script.jobs[2] = arriving(0, 60 * ns);
  CHECK(run(layer, script, config).columns ==
        Columns{{"compute", 30}, {"stall_activation", 2}, {"overhead", 2}});
  script.jobs[2] = arriving(0, 60 * ns + 1);
  const Outcome outcome = run(layer, script, config);
  CHECK(outcome.columns == Columns{{"compute", 30}, {"stall_activation", 3}, {"overhead", 2}});
  CHECK(outcome.picoseconds == 35 * 2500);
}

TEST_CASE("sequencer: waiting for bytes is the operand's, for decoding the codec's") {
  ScriptedJob job;
  job.activations = {27 * ns, 30 * ns};
  CHECK(third_job(job, 0, 0) ==
        Columns{{"compute", 30}, {"stall_activation", 5}, {"stall_codec", 3}, {"overhead", 2}});
  job.activations = {22 * ns, 30 * ns};
  CHECK(third_job(job, 0, 0) == Columns{{"compute", 30}, {"stall_codec", 8}, {"overhead", 2}});
  job.activations = {3 * ns, 30 * ns};  // before the job was free to start
  CHECK(third_job(job, 0, 0) == Columns{{"compute", 30}, {"stall_codec", 8}, {"overhead", 2}});
  // Only the last operand's bytes matter.
  job.weights = {29 * ns, 29 * ns};
  CHECK(third_job(job, 0, 0) == Columns{{"compute", 30}, {"stall_codec", 8}, {"overhead", 2}});
  job.weights = {24 * ns, 30 * ns};
  CHECK(third_job(job, 0, 0) ==
        Columns{{"compute", 30}, {"stall_weight", 2}, {"stall_codec", 6}, {"overhead", 2}});
}

TEST_CASE("sequencer: results are encoded, the codec's waiting, then written, the output's") {
  CHECK(third_job({}, 25 * ns, 32 * ns) ==
        Columns{{"compute", 30}, {"stall_codec", 3}, {"stall_output", 7}, {"overhead", 2}});
  CHECK(third_job({}, 20 * ns, 32 * ns) == Columns{{"compute", 30}, {"stall_output", 10}, {"overhead", 2}});
  CHECK(third_job({}, 32 * ns, 32 * ns) == Columns{{"compute", 30}, {"stall_codec", 10}, {"overhead", 2}});
  CHECK(third_job({}, 20 * ns, 22 * ns) == Columns{{"compute", 30}, {"overhead", 2}});
}

TEST_CASE("sequencer: a late bias counts as weight") {
  ScriptedJob job;
  job.weights = {23 * ns, 25 * ns};
  job.biases = 30 * ns;
  CHECK(third_job(job, 0, 0) == Columns{{"compute", 30}, {"stall_weight", 8}, {"overhead", 2}});
  job.biases = 24 * ns;
  CHECK(third_job(job, 0, 0) ==
        Columns{{"compute", 30}, {"stall_weight", 2}, {"stall_codec", 1}, {"overhead", 2}});
  job.biases = 1 * ns;
  CHECK(third_job(job, 0, 0) ==
        Columns{{"compute", 30}, {"stall_weight", 1}, {"stall_codec", 2}, {"overhead", 2}});
  // Without biases none are asked for.
  ColumnLayer layer(3);
  layer.descriptor.bias_address = 0;
  Script script(3);
  job.biases = 30 * ns;
  script.jobs[2] = job;
  CHECK(run(layer, script).columns ==
        Columns{{"compute", 30}, {"stall_weight", 1}, {"stall_codec", 2}, {"overhead", 2}});
}

TEST_CASE("sequencer: a job waits for what the last but one drained") {
  Script script(4);
  script.jobs[1].written = 30 * ns;  // for job 3, which starts at 32
  CHECK(columns(script) == Columns{{"compute", 40}, {"overhead", 2}});
  script.jobs[1].written = 45 * ns;
  CHECK(columns(script) == Columns{{"compute", 40}, {"stall_output", 13}, {"overhead", 2}});
  script.jobs[0].written = 26 * ns;  // job 2 is later by 4
  CHECK(columns(script) == Columns{{"compute", 40}, {"stall_output", 13}, {"overhead", 2}});
  script.jobs[1].written = 0;
  CHECK(columns(script) == Columns{{"compute", 40}, {"stall_output", 4}, {"overhead", 2}});
  script.jobs[2].written = script.jobs[3].written = script.output_done = 60 * ns;
  CHECK(columns(script) == Columns{{"compute", 40}, {"stall_output", 4}, {"overhead", 2 + 60 - 46}});
}

TEST_CASE("sequencer: stalls of several jobs add up") {
  Script script(4);
  script.jobs[1].activations = {15 * ns, 16 * ns};  // from 12 on: activation 3, codec 1; ends at 26
  script.jobs[1].cycles = 7;                        // ends at 23
  script.jobs[0].written = 30 * ns;                 // from 23 on: output 7; job 2 ends at 40
  script.jobs[3].weights = {41 * ns, 45 * ns};      // from 40 on: weight 1, codec 4; ends at 55
  script.output_done = 58 * ns;
  CHECK(columns(script) == Columns{{"compute", 37},
                                   {"stall_activation", 3},
                                   {"stall_output", 7},
                                   {"stall_weight", 1},
                                   {"stall_codec", 1 + 4},
                                   {"overhead", 2 + 3}});
}

TEST_CASE("sequencer: fills wait until their place is free, and jobs without fills for nothing") {
  ColumnLayer layer(3);
  layer.plan.jobs[1].weights.reset();
  layer.plan.jobs[1].activations.reset();
  layer.plan.jobs[2].weights->after_job = 1;
  Script script(3);
  script.jobs[1].weights = {24 * ns, 25 * ns};  // the second fetch, which job 2 makes when job 1 has ended
  const Outcome outcome = run(layer, script);
  CHECK(outcome.weights_asked == std::vector<std::uint64_t>{0, 22 * ns});
  CHECK(outcome.columns ==
        Columns{{"compute", 30}, {"stall_weight", 2}, {"stall_codec", 1}, {"overhead", 2}});
}

TEST_CASE("sequencer: a descriptor that is not the model's layer is refused, and the next one runs") {
  using Change = std::function<void(ColumnLayer&)>;
  const std::pair<const char*, Change> changes[] = {
      {"shape", [](ColumnLayer& l) { l.descriptor.shape.H = l.descriptor.shape.OH = 4; }},
      {"shape", [](ColumnLayer& l) { l.descriptor.shape.C = 2; }},
      {"shape", [](ColumnLayer& l) { l.descriptor.shape.K = l.descriptor.output_channels = 8; }},
      {"shape", [](ColumnLayer& l) { l.descriptor.output_channels = 1; }},
      {"output", [](ColumnLayer& l) { l.descriptor.output_channels = 0; }},
      {"output", [](ColumnLayer& l) { l.model.streams.output = nullptr; }},
      {"results", [](ColumnLayer& l) { l.model.results = nullptr; }},
      {"results", [](ColumnLayer& l) { l.model.results = &l.activation.tensor; }},
      {"mode", [](ColumnLayer& l) { l.descriptor.activation.format.mode = TensorMode::coded; }},
      {"mode", [](ColumnLayer& l) { l.descriptor.weight.format.mode = TensorMode::coded; }},
      {"mode", [](ColumnLayer& l) { l.descriptor.output.format.mode = TensorMode::coded; }},
      {"signs", [](ColumnLayer& l) { l.descriptor.activation.format.sign = SignForm::sign_magnitude; }},
      {"widths", [](ColumnLayer& l) { l.descriptor.output.format.widths = WidthRounding::even; }},
      {"width", [](ColumnLayer& l) { l.descriptor.weight.format.width = 1; }},
      {"format", [](ColumnLayer& l) { l.descriptor.activation.format.values.zero_point = 1; }},
      {"format", [](ColumnLayer& l) { l.descriptor.weight.format.values.is_signed = true; }},
      {"format", [](ColumnLayer& l) { l.descriptor.output.format.values.code_is_signed = false; }},
      {"format",
       [](ColumnLayer& l) {
         for (OperandDescriptor* operand :
              {&l.descriptor.activation, &l.descriptor.weight, &l.descriptor.output})
           operand->format.values.bits = 16;
       }},
      {"groups", [](ColumnLayer& l) { l.descriptor.stream.group = 8; }},
      {"groups", [](ColumnLayer& l) { l.descriptor.stream.slice_channels = 8; }},
      {"groups", [](ColumnLayer& l) { l.descriptor.stream.block_values = 8; }},
      {"groups", [](ColumnLayer& l) { l.descriptor.stream.block_filters = 8; }},
      {"size", [](ColumnLayer& l) { ++l.descriptor.activation.bytes; }},
      {"size", [](ColumnLayer& l) { --l.descriptor.weight.bytes; }},
      {"size", [](ColumnLayer& l) { l.descriptor.weight.table_bytes = 0; }},
      {"split of tiles", [](ColumnLayer& l) { l.descriptor.tile_split = TileSplit::windows; }},
      {"split of tiles", [](ColumnLayer& l) { l.plan.tile_split = TileSplit::windows; }},
      {"folding", [](ColumnLayer& l) { l.plan.folded = true; }},
      {"N is 0", [](ColumnLayer& l) { l.descriptor.shape.N = 0; }},
  };
  const Script script(3);
  int number = 0;
  for (const auto& [part, change] : changes) {
    CAPTURE(++number, part);
    ColumnLayer good(3), changed(3);
    change(changed);
    fresh_simulation();
    Bench bench(good, {});
    Outcome refused, accepted;
    bench.simulate([&] {
      refused = run_once(bench, changed, script);
      accepted = run_once(bench, good, script);
    });
    CHECK(refused.input_error);
    CHECK_THAT(refused.error, Catch::Contains(part));
    CHECK(refused.error.rfind("layer descriptor: ", 0) == 0);
    CHECK(refused.error.find('\n') == std::string::npos);
    CHECK(refused.jobs.empty());
    REQUIRE(accepted.finished);
    CHECK(accepted.error.empty());
    CHECK(accepted.columns == Columns{{"compute", 30}, {"overhead", 2}});
  }
}

TEST_CASE("sequencer: after a layer that failed the next one takes its usual time") {
  ColumnLayer layer(4);
  layer.plan.jobs[2].weights->after_job = 0;  // fills wait while jobs are computed
  layer.plan.jobs[3].activations->after_job = 2;
  Script script(4);
  script.jobs[1].activations = {15 * ns, 18 * ns};
  script.jobs[1].written = 60 * ns;
  script.output_done = 80 * ns;
  const Outcome fresh = run(layer, script);
  REQUIRE(fresh.error.empty());
  const std::vector<std::function<void(Bench&)>> failures = {
      [](Bench& bench) { bench.array.broken_job = 0; }, [](Bench& bench) { bench.array.broken_job = 1; },
      [](Bench& bench) { bench.array.broken_job = 3; },
      [](Bench& bench) { bench.engine.broken_fetch = true; },
      [](Bench& bench) { bench.engine.broken_drain = true; }};
  for (std::size_t i = 0; i < failures.size(); ++i) {
    CAPTURE(i);
    fresh_simulation();
    Bench bench(layer, {});
    Outcome failed, again, once_more;
    bench.simulate([&] {
      failures[i](bench);
      failed = run_once(bench, layer, script);
      bench.array.broken_job.reset();
      bench.engine.broken_fetch = bench.engine.broken_drain = false;
      again = run_once(bench, layer, script);
      once_more = run_once(bench, layer, script);
    });
    CHECK(failed.error == "broken at bit 0");
    for (const Outcome* outcome : {&again, &once_more}) {
      REQUIRE(outcome->finished);
      CHECK(outcome->error.empty());
      CHECK(outcome->columns == fresh.columns);
      CHECK(outcome->picoseconds == fresh.picoseconds);
      CHECK(outcome->weights_asked == fresh.weights_asked);
      CHECK(outcome->drains_asked == fresh.drains_asked);
    }
  }
}

namespace {

/// A layer whose jobs of 10 cycles fill 12 bytes of weights and 3 of activations and leave 4 of results, with
/// one buffer of one bank of single bytes.
struct BankedRun {
  Columns columns;
  BuffersUse use;
};

BankedRun banked(const Script& script, const BufferOrganisation& organisation) {
  ColumnLayer layer(script.jobs.size());
  SequencerConfig config;
  config.banks = organisation;
  fresh_simulation();
  Bench bench(layer, config);
  Outcome outcome;
  bench.simulate([&] { outcome = run_once(bench, layer, script); });
  REQUIRE(outcome.finished);
  REQUIRE(outcome.error.empty());
  return {outcome.columns, bench.sequencer.buffers_use()};
}

BankedRun banked(const Script& script, BufferBanks BufferOrganisation::*buffer, const char* ports,
                 std::int64_t banks = 1) {
  BufferOrganisation organisation;
  organisation.*buffer = {banks, 1, find_sram_ports(ports)};
  return banked(script, organisation);
}

}  // namespace

TEST_CASE("sequencer: conflicts of steps are charged to their operand and lengthen the job") {
  Script script(3);
  script.jobs[0].reads.activation = {0, 0, 3};
  script.jobs[1].reads.activation = {0, 0, 4};
  script.jobs[1].reads.weight = {0, 0, 5};
  script.jobs[2].weights = {40 * ns, 40 * ns};  // job 1 ends at 2 + 13 + 19: 6 cycles of waiting for memory
  const BankedRun run = banked(script, &BufferOrganisation::activation, "1r1w");
  CHECK(run.columns ==
        Columns{{"compute", 30}, {"stall_activation", 3 + 4}, {"stall_weight", 5 + 6}, {"overhead", 2}});
  CHECK(run.use.activation.conflict_cycles == 7);
  CHECK(run.use.weight.conflict_cycles == 5);
  CHECK(run.use.output.conflict_cycles == 0);
}

TEST_CASE("sequencer: what keeps a buffer busy longest is charged, on a tie weight, then activation") {
  Script script(2);
  // Job 0 takes 14 cycles with the conflicts. Reads and fills keep weights busy for 13 + 12, activations for
  // 3 more than they read.
  script.jobs[0].reads.weight = {0, 13, 4};
  const BufferBanks bank{1, 1, SramPorts::one_shared};
  const auto columns_with = [&](std::uint64_t activation_reads, std::int64_t output_banks = 0) {
    script.jobs[0].reads.activation = {0, activation_reads, 0};
    return banked(script, {bank, bank, {output_banks, 1, SramPorts::one_shared}}).columns;
  };
  CHECK(columns_with(22) == Columns{{"compute", 20}, {"stall_weight", 4 + 11}, {"overhead", 2}});
  CHECK(columns_with(23) ==
        Columns{{"compute", 20}, {"stall_weight", 4}, {"stall_activation", 12}, {"overhead", 2}});
  script.jobs[0].reads.weight = {0, 0, 0};
  script.jobs[0].cycles = 1;  // 4 words of results, as long as the reads and fills of activations
  script.jobs[1].cycles = 19;
  CHECK(columns_with(9).at("stall_weight") == 11);
  CHECK(columns_with(10).at("stall_activation") == 12);
  CHECK(columns_with(10, 1).at("stall_activation") == 12);
}

TEST_CASE("sequencer: the part of a filter set reads in the time of the whole set") {
  Script script(2);
  script.jobs[0].reads.weight = {0, 10, 0};
  script.jobs[0].step_cycles = 22;  // of which it is charged 10
  CHECK(banked(script, &BufferOrganisation::weight, "1rw").columns ==
        Columns{{"compute", 20}, {"overhead", 2}});
  script.jobs[0].step_cycles = 21;
  CHECK(banked(script, &BufferOrganisation::weight, "1rw").columns ==
        Columns{{"compute", 20}, {"stall_weight", 1}, {"overhead", 2}});
}

TEST_CASE("sequencer: fills of the next job take the place of reads where ports are shared") {
  Script script(3);
  for (ScriptedJob& job : script.jobs)
    job.reads.weight.port_cycles = job.reads.activation.port_cycles = 5;
  const auto stalls = [&](const char* ports, std::int64_t banks) {
    Columns columns = banked(script, &BufferOrganisation::weight, ports, banks).columns;
    CHECK(columns["compute"] == 30);
    CHECK(columns["overhead"] == 2);
    CHECK(columns["stall_activation"] == 0);
    return columns["stall_weight"];
  };
  CHECK(stalls("1r1w", 1) == 0);
  CHECK(stalls("1rw", 1) == 2 * (5 + 12 - 10));  // the last job has none after it
  CHECK(stalls("2rw", 1) == 2 * (5 + 6 - 10));
  CHECK(stalls("1rw", 2) == 2 * (5 + 6 - 10));
  CHECK(stalls("1rw", 3) == 0);
  const BankedRun run = banked(script, &BufferOrganisation::activation, "1rw");
  CHECK(run.columns == Columns{{"compute", 30}, {"overhead", 2}});  // 5 + 3
  CHECK(run.use.activation.words_written == 3 * 3);
  CHECK(run.use.weight.words_written == 0);  // its banks are not limited
}

TEST_CASE("sequencer: results wait for the output buffer's banks") {
  Script script(3);
  script.jobs[1].cycles = 1;
  // Job 1 writes 4 words in 1 cycle; where ports are shared, the 4 of job 0 are read meanwhile.
  CHECK(banked(script, &BufferOrganisation::output, "1r1w").columns ==
        Columns{{"compute", 21}, {"stall_output", 3}, {"overhead", 2}});
  CHECK(banked(script, &BufferOrganisation::output, "1rw").columns ==
        Columns{{"compute", 21}, {"stall_output", 7}, {"overhead", 2}});
  CHECK(banked(script, &BufferOrganisation::output, "1r1w", 4).columns ==
        Columns{{"compute", 21}, {"overhead", 2}});
  const BankedRun run = banked(script, &BufferOrganisation::output, "2rw");
  CHECK(run.columns == Columns{{"compute", 21}, {"stall_output", 3}, {"overhead", 2}});
  CHECK(run.use.output.words_written == 12);
  CHECK(run.use.output.words_read == 12);
  CHECK(run.use.output.conflict_cycles == 3);
}
