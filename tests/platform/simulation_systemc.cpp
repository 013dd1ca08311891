// Whole networks through accelerator and memory.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "models/array/operand_reads.h"
#include "platform/analytic.h"
#include "platform/run.h"
#include "tests/platform/random_networks.h"
#include "tests/support/fresh_simulation.h"
#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"
#include "workloads/error.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// A network on a design point.
struct Point {
  const Network& network;
  Settings settings;
  std::unique_ptr<DesignPoint> design;
  std::unique_ptr<Preparation> preparation;

  Point(const Network& n, Settings s)
      : network(n),
        settings(std::move(s)),
        design(std::make_unique<DesignPoint>(parameters_of(settings))),
        preparation(std::make_unique<Preparation>(network, *design)) {}

  Point with(const Settings& changes) const {
    Settings changed = settings;
    for (const auto& [key, value] : changes)
      changed[key] = value;
    return {network, changed};
  }

  RunResult run(const SimulationOptions& options = {}) const {
    fresh_simulation();
    return simulate(*preparation, {}, options);
  }
};

struct Sample {
  Network network;
  Settings settings;
};

/// Random networks with settings under which they can be planned: buffers that are too small grow to what the
/// refusals ask for. To be made before the first simulation: an exception on a stack on which coroutines were
/// started can make the address sanitizer report an error where there is none.
std::vector<Sample> random_samples(Random& random, int count) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    Sample sample;
    sample.network = random_network(random);
    sample.settings = random_settings(random);
    for (bool planned = false; !planned;) {
      try {
        Point(sample.network, sample.settings);
        planned = true;
      } catch (const InputError& error) {
        const std::string what = error.what();
        const std::size_t key = what.find("buffer.");
        REQUIRE(key != std::string::npos);
        sample.settings[what.substr(key, what.find(' ', key) - key)] =
            std::to_string(std::stoull(what.substr(what.find("too small: ") + 11)));
      }
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::string text(const Ledger& ledger) {
  std::string line;
  for (std::size_t i = 0; i < cycle_causes; ++i) {
    const auto cause = static_cast<CycleCause>(i);
    line += std::string(to_string(cause)) + " " + std::to_string(ledger.of(cause)) + ", ";
  }
  return line;
}

std::uint64_t fill_cycles(const Point& point, const PreparedLayer& layer) {
  return 2 + (layer.coded_output() ? std::stoull(point.settings.at("engine.detect_latency")) : 0);
}

/// What holds of every run.
void check_run(const Point& point, const RunResult& result) {
  const auto& layers = point.preparation->layers();
  REQUIRE(result.layers.size() == layers.size());
  REQUIRE(result.control_read_bytes == layers.size() * LayerDescriptor::size);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const PreparedLayer& layer = layers[i];
    const LayerResult& row = result.layers[i];
    CAPTURE(i, text(row.ledger));
    REQUIRE(row.traffic == layer.traffic);
    REQUIRE(row.traffic == traffic_of(layer.plan, layer.streams, point.design->burst_bytes));
    ArrayGeometry geometry = point.design->geometry;
    geometry.tile_split = layer.descriptor.tile_split;
    LayerSchedule uncut(
        *point.design->design, geometry, layer.layer->shape,
        {point.network.bits, layer.descriptor.activation.width, layer.descriptor.weight.width},
        layer.compute->activation_bricks().get(), layer.compute->weight_bricks().get());
    REQUIRE(row.ledger.of(CycleCause::compute) == uncut.total());
    REQUIRE(std::accumulate(row.array_cycles.begin(), row.array_cycles.end(), std::uint64_t{0}) ==
            uncut.total());
    for (std::size_t cause = 0; cause < cycle_causes; ++cause)
      REQUIRE(row.ledger.of(static_cast<CycleCause>(cause)) < std::uint64_t{1} << 40);
    REQUIRE(row.ledger.of(CycleCause::overhead) >= fill_cycles(point, layer));
    REQUIRE(row.macs == static_cast<std::uint64_t>(layer.layer->shape.macs()));
    REQUIRE(row.binds == row.ledger.binds());
    total += row.ledger.total();
    const bool codec_limited = point.settings.count("engine.decoders") != 0;
    if (!codec_limited || point.settings.at("codec.name") == "raw") {
      REQUIRE(row.ledger.of(CycleCause::stall_codec) == 0);
    }
    if (point.settings.at("dram.preset") == "ideal" && !codec_limited) {
      REQUIRE(row.ledger.total() == row.ledger.of(CycleCause::compute) + fill_cycles(point, layer));
      REQUIRE(row.ledger.of(Resource::dram) == 0);
    }
  }
  REQUIRE(result.ledger().total() == total);
}

}  // namespace

TEST_CASE("random networks: values arrive, bytes are those planned, cycles add up") {
  Random random(41);
  int stalls[cycle_causes] = {};
  int round = 0, split = 0, spilled = 0;
  for (const auto& [network, settings] : random_samples(random, 80)) {
    CAPTURE(++round);
    const Point point(network, settings);
    for (const PreparedLayer& layer : point.preparation->layers()) {
      split += layer.plan.split;
      spilled += layer.plan.partials_spill;
    }
    const RunResult carried = point.run();
    REQUIRE(carried.mismatches == std::vector<std::string>{});
    check_run(point, carried);

    const Point elided = point.with({{"sim.data", "elided"}});
    const RunResult without_data = elided.run();
    check_run(elided, without_data);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      CAPTURE(i);
      REQUIRE(text(carried.layers[i].ledger) == text(without_data.layers[i].ledger));
      REQUIRE(carried.layers[i].binds_next == without_data.layers[i].binds_next);
      for (std::size_t cause = 0; cause < cycle_causes; ++cause)
        stalls[cause] += carried.layers[i].ledger.of(static_cast<CycleCause>(cause)) > 0;
    }

    const Point ideal = elided.with({{"dram.preset", "ideal"}});
    const RunResult unlimited = ideal.run();
    check_run(ideal, unlimited);
    REQUIRE(unlimited.ledger().total() <= carried.ledger().total());
  }
  CHECK(stalls[static_cast<std::size_t>(CycleCause::stall_activation)] > 20);
  CHECK(stalls[static_cast<std::size_t>(CycleCause::stall_weight)] > 20);
  CHECK(stalls[static_cast<std::size_t>(CycleCause::stall_output)] > 10);
  CHECK(split > 20);
  CHECK(spilled > 3);
}

TEST_CASE("random networks: bytes and compute cycles are the same at both simulations") {
  Random random(46);
  int different = 0;
  int round = 0;
  for (const auto& [network, settings] : random_samples(random, 24)) {
    CAPTURE(++round);
    const Point point(network, settings);
    const RunResult lt = point.with({{"sim.fidelity", "lt"}, {"sim.data", "elided"}}).run();
    const Point in_phases = point.with({{"sim.fidelity", "at"}});
    const RunResult at = in_phases.run();
    check_run(in_phases, at);
    REQUIRE(at.mismatches == std::vector<std::string>{});
    REQUIRE(at.control_read_bytes == lt.control_read_bytes);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      REQUIRE(at.layers[i].traffic == lt.layers[i].traffic);
      REQUIRE(at.layers[i].array_cycles == lt.layers[i].array_cycles);
      different += at.layers[i].ledger.total() != lt.layers[i].ledger.total();
    }
  }
  CHECK(different > 10);
}

namespace {

const SimulationOptions no_next = [] {
  SimulationOptions options;
  options.find_next = false;
  return options;
}();

}  // namespace

TEST_CASE("random networks: what is computed passes a check, and is what memory ends up with") {
  Random random(44);
  SimulationOptions checked = no_next;
  checked.check = true;
  int round = 0;
  CheckCounts all;
  for (auto& [network, settings] : random_samples(random, 30)) {
    CAPTURE(++round);
    make_reproducible(network, random);
    const Point point(network, settings);
    const RunResult result = point.run(checked);
    REQUIRE(result.mismatches == std::vector<std::string>{});
    REQUIRE(result.check_failure == "");
    REQUIRE(result.check);
    REQUIRE(result.check->layers_by_codes + result.check->layers_by_accumulators == network.layers.size());
    std::uint64_t outputs = 0;
    for (const Layer& layer : network.layers)
      outputs += static_cast<std::uint64_t>(layer.shape.N * layer.shape.K * layer.shape.OH * layer.shape.OW);
    REQUIRE(result.check->accumulators == outputs);
    all.layers_by_codes += result.check->layers_by_codes;
    all.layers_by_accumulators += result.check->layers_by_accumulators;

    const RunResult plain = point.run(no_next);
    REQUIRE(plain.mismatches == std::vector<std::string>{});
    REQUIRE_FALSE(plain.check);
    REQUIRE(plain.layers_with_other_codes == 0);
    for (std::size_t i = 0; i < network.layers.size(); ++i)
      REQUIRE(text(plain.layers[i].ledger) == text(result.layers[i].ledger));
  }
  CHECK(all.layers_by_codes > 15);
  CHECK(all.layers_by_accumulators > 30);
}

TEST_CASE("other codes than the recorded ones fail a check, and only a check") {
  Random random(45);
  int changed = 0;
  for (auto& [network, settings] : random_samples(random, 30)) {
    make_reproducible(network, random);
    const Layer* last = nullptr;
    for (const Layer& layer : network.layers)
      if (requantisation_of(network, layer)) last = &layer;
    if (last == nullptr) continue;
    CAPTURE(++changed);
    // One code of the last layer that has such: what reads it computes with the recorded one.
    Tensor& output = network.tensors[last->output];
    const std::int64_t at = random.in(0, output.values() - 1);
    const std::int32_t right = output.code(at);
    output.data[static_cast<std::size_t>(at)] ^= 1;
    SimulationOptions checked = no_next;
    checked.check = true;
    const Point point(network, settings);
    REQUIRE_THAT(point.run(checked).check_failure,
                 Catch::StartsWith("layer '" + last->name + "', n ") &&
                     Catch::EndsWith(": code: got " + std::to_string(right) + ", want " +
                                     std::to_string(output.code(at))));
    const RunResult result = point.run(no_next);
    REQUIRE(result.mismatches == std::vector<std::string>{});
    REQUIRE(result.layers_with_other_codes == 1);
  }
  CHECK(changed > 7);
}

TEST_CASE("random networks: few decoders and encoders stall, and change nothing else") {
  Random random(42);
  int slower = 0;
  std::uint64_t stalled = 0;
  int round = 0;
  for (auto& [network, settings] : random_samples(random, 40)) {
    CAPTURE(++round);
    settings["sim.data"] = round % 4 == 0 ? "carried" : "elided";
    const Point free(network, settings);
    const Point limited = free.with({{"engine.decoders", "1"}, {"engine.encoders", "1"}});
    const RunResult fast = free.run();
    const RunResult slow = limited.run();
    check_run(limited, slow);
    REQUIRE(slow.mismatches == fast.mismatches);
    const bool carried = settings["sim.data"] == "carried";
    const RunResult other = limited.with({{"sim.data", carried ? "elided" : "carried"}}).run();
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      CAPTURE(i, text(fast.layers[i].ledger), text(slow.layers[i].ledger));
      REQUIRE(text(slow.layers[i].ledger) == text(other.layers[i].ledger));
      REQUIRE(slow.layers[i].traffic == fast.layers[i].traffic);
      REQUIRE(slow.layers[i].ledger.of(CycleCause::compute) == fast.layers[i].ledger.of(CycleCause::compute));
      slower += slow.layers[i].ledger.total() > fast.layers[i].ledger.total();
      stalled += slow.layers[i].ledger.of(CycleCause::stall_codec);
      if (settings["dram.preset"] == "ideal") {
        // A real memory may happen to be in a better state when a layer starts later.
        REQUIRE(slow.layers[i].ledger.total() >= fast.layers[i].ledger.total());
        REQUIRE(slow.layers[i].ledger.of(Resource::dram) == 0);
      }
    }
  }
  CHECK(slower > 20);
  CHECK(stalled > 0);
}

namespace {

/// Conflicts of a layer from its plan: docs/contracts.md, "Banks and ports of the buffers", but for the reads
/// of a job's steps, which tests/array counts.
class ConflictsOfPlan {
 public:
  ConflictsOfPlan(const Point& point, const PreparedLayer& layer)
      : layer_(layer), shape_(layer.layer->shape), banks_(point.design->banks), bits_(point.network.bits) {
    ArrayGeometry geometry = point.design->geometry;
    geometry.tile_split = layer.descriptor.tile_split;
    geometry.fold = layer.descriptor.folded;
    LayerSchedule schedule(*point.design->design, geometry, shape_,
                           {bits_, layer.descriptor.activation.width, layer.descriptor.weight.width},
                           layer.compute->activation_bricks().get(), layer.compute->weight_bricks().get());
    schedule.keep_step_times();
    OperandReads reads(shape_, geometry, bits_, layer.streams.activation->layout(),
                       layer.streams.weight->layout(), banks_.activation, banks_.weight);
    const std::vector<Job>& jobs = layer.plan.jobs;
    if (layer.plan.input_place) {
      ArrivedRows whole;
      for (const StreamSection& section : layer.streams.activation->layout().sections())
        whole.rows.push_back({section.first_row, section.first_row + section.rows});
      whole.buffer_address = *layer.plan.input_place;
      reads.place_activations(whole);
    }
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const Job& job = jobs[j];
      if (job.activations) reads.place_activations({job.activations->rows, job.activations->buffer_address});
      if (job.weights) reads.place_weights({job.weights->rows, job.weights->buffer_address});
      const ArrayJob part{job.set_begin,
                          job.set_end,
                          job.filter_begin,
                          job.filter_end,
                          schedule.units_in_rows(job.band.begin),
                          schedule.units_in_rows(job.band.end)};
      const OperandsRead read = reads.of_job(schedule, part);
      std::uint64_t time = read.activation.conflict_cycles + read.weight.conflict_cycles;
      for (std::int64_t set = job.set_begin; set < job.set_end; ++set)
        time += schedule.end(set, part.unit_end) - schedule.end(set, part.unit_begin);
      activation += read.activation.conflict_cycles;
      weight += read.weight.conflict_cycles;
      const Job nothing;
      const Job& next = j + 1 < jobs.size() ? jobs[j + 1] : nothing;
      const std::uint64_t weights = busy(banks_.weight, read.weight, next.weights);
      std::uint64_t activations = busy(banks_.activation, read.activation, next.activations);
      if (j > 0) activations += left_on_chip(jobs[j - 1]);
      std::uint64_t results = cycles(banks_.output, job.output_address, result_bytes(schedule, job));
      if (j > 0 && banks_.output.ports != SramPorts::read_and_write) {
        results += cycles(banks_.output, jobs[j - 1].output_address, result_bytes(schedule, jobs[j - 1]));
      }
      const std::uint64_t most = std::max({weights, activations, results});
      if (most <= time) continue;
      (weights == most ? weight : activations == most ? activation : output) += most - time;
    }
  }

  std::uint64_t activation = 0, weight = 0, output = 0;

 private:
  static std::uint64_t words_in(const BufferBanks& banks, std::uint64_t address, std::uint64_t bytes) {
    std::uint64_t words = 0;
    const auto word = static_cast<std::uint64_t>(banks.word_bytes);
    for (std::uint64_t at = address; at < address + bytes; at = (at / word + 1) * word)
      ++words;
    return words;
  }
  static std::uint64_t cycles(const BufferBanks& banks, std::uint64_t address, std::uint64_t bytes) {
    return banks.banks == 0 ? 0 : cycles_of_words(banks, words_in(banks, address, bytes));
  }
  static std::uint64_t cycles_of_words(const BufferBanks& banks, std::uint64_t words) {
    const auto each =
        static_cast<std::uint64_t>(banks.banks * (banks.ports == SramPorts::two_shared ? 2 : 1));
    return (words + each - 1) / each;
  }

  static std::uint64_t busy(const BufferBanks& banks, const JobReads& read, const std::optional<Fill>& fill) {
    if (banks.ports == SramPorts::read_and_write) return 0;
    return read.port_cycles + (fill ? cycles(banks, fill->buffer_address, fill->buffer_bytes) : 0);
  }

  /// Of the activation buffer, for a job's results that stay there for the next layer.
  std::uint64_t left_on_chip(const Job& job) const {
    const BufferBanks& banks = banks_.activation;
    if (!layer_.plan.output_place || banks.banks == 0 || banks.ports == SramPorts::read_and_write) return 0;
    const StreamLayout& layout = layer_.streams.output->layout();
    std::uint64_t words = 0;
    for (const std::int64_t drained : job.drained_blocks) {
      std::int64_t values = 0;
      for (std::int64_t block = 0; block < drained; ++block)
        values += layout.block_values(block);
      words += words_in(banks, *layer_.plan.output_place + static_cast<std::uint64_t>(values * bits_ / 8),
                        static_cast<std::uint64_t>(layout.block_values(drained) * bits_ / 8));
    }
    return cycles_of_words(banks, words);
  }

  std::uint64_t result_bytes(const LayerSchedule& schedule, const Job& job) const {
    const std::int64_t channels = layer_.descriptor.output_channels;
    std::int64_t values = 0;
    if (channels == shape_.K) {
      const FilterSet& set = schedule.sets()[static_cast<std::size_t>(job.set_begin)];
      const std::int64_t step = job.set_end - job.set_begin == 1 ? set.filter_step : 1;
      for (std::int64_t k = job.filter_begin; k < job.filter_end; k += step)
        ++values;
    } else if (job.filter_end == shape_.K) {
      values = channels;
    }
    return static_cast<std::uint64_t>(job.finished.rows() * shape_.OW * values * bits_ / 8);
  }

  const PreparedLayer& layer_;
  const LayerShape& shape_;
  const BufferOrganisation& banks_;
  int bits_;
};

}  // namespace

namespace {

/// Of split plans there is no model of banks.
void grow_until_whole(const Network& network, Settings& settings) {
  for (;;) {
    const Point point(network, settings);
    const auto& layers = point.preparation->layers();
    if (std::none_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.plan.split; }))
      return;
    for (const char* buffer : {"buffer.activation_bytes", "buffer.weight_bytes", "buffer.output_bytes"})
      settings[buffer] = std::to_string(2 * std::stoull(settings[buffer]));
  }
}

}  // namespace

TEST_CASE("random networks: few banks stall the operand that waits, and change nothing else") {
  Random random(44);
  int conflicts[3] = {};
  int round = 0;
  for (auto& [network, settings] : random_samples(random, 24)) {
    CAPTURE(++round);
    settings["sim.data"] = round % 4 == 0 ? "carried" : "elided";
    grow_until_whole(network, settings);
    const Point free(network, settings);
    const auto banks = [&] { return random.of<std::string>({"0", "1", "2", "7", "16"}); };
    const Point limited = free.with({{"buffer.activation_banks", banks()},
                                     {"buffer.weight_banks", banks()},
                                     {"buffer.output_banks", banks()},
                                     {"buffer.word_bytes", random.of<std::string>({"5", "8", "16"})},
                                     {"buffer.ports", random.of<std::string>({"1rw", "1r1w", "2rw"})}});
    const RunResult fast = free.run();
    const RunResult slow = limited.run();
    const bool carried = settings["sim.data"] == "carried";
    const RunResult other = limited.with({{"sim.data", carried ? "elided" : "carried"}}).run();
    REQUIRE(slow.mismatches == std::vector<std::string>{});
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const LayerResult& row = slow.layers[i];
      CAPTURE(i, text(fast.layers[i].ledger), text(row.ledger));
      REQUIRE(text(row.ledger) == text(other.layers[i].ledger));
      REQUIRE(row.traffic == fast.layers[i].traffic);
      REQUIRE(row.ledger.of(CycleCause::compute) == fast.layers[i].ledger.of(CycleCause::compute));
      REQUIRE(row.ledger.of(CycleCause::stall_codec) == 0);
      const BuffersUse& use = row.buffers;
      const std::uint64_t lost =
          use.activation.conflict_cycles + use.weight.conflict_cycles + use.output.conflict_cycles;
      const ConflictsOfPlan expected(limited, limited.preparation->layers()[i]);
      REQUIRE(use.activation.conflict_cycles == expected.activation);
      REQUIRE(use.weight.conflict_cycles == expected.weight);
      REQUIRE(use.output.conflict_cycles == expected.output);
      REQUIRE(row.ledger.of(CycleCause::stall_activation) >= use.activation.conflict_cycles);
      REQUIRE(row.ledger.of(CycleCause::stall_weight) >= use.weight.conflict_cycles);
      REQUIRE(row.ledger.of(CycleCause::stall_output) >= use.output.conflict_cycles);
      if (settings["dram.preset"] == "ideal") {
        REQUIRE(row.ledger.of(Resource::dram) == lost);
        REQUIRE(row.ledger.total() == fast.layers[i].ledger.total() + lost);
      }
      const BufferUse& none = fast.layers[i].buffers.activation;
      REQUIRE(none.conflict_cycles + none.words_read + none.words_written == 0);
      conflicts[0] += use.activation.conflict_cycles > 0;
      conflicts[1] += use.weight.conflict_cycles > 0;
      conflicts[2] += use.output.conflict_cycles > 0;
    }
  }
  for (const int layers : conflicts)
    CHECK(layers > 5);
}

namespace {

/// One layer without ReLU zeros, so that nothing of it compresses away.
Network dense_layer(const LayerShape& shape) {
  Random random(43);
  Network network;
  Layer layer;
  layer.name = "layer";
  layer.input = "a", layer.weight = "w", layer.output = "o";
  layer.shape = with_output_size(shape);
  const LayerShape& s = layer.shape;
  for (const auto& [key, dimensions] : {std::make_pair("a", s.input()), std::make_pair("w", s.weight()),
                                        std::make_pair("o", Shape{s.N, s.K, s.OH, s.OW})}) {
    Tensor& tensor = network.tensors[key];
    tensor.key = key;
    tensor.shape = dimensions;
    for (std::int64_t i = 0; i < tensor.values(); ++i)
      tensor.data.push_back(static_cast<std::uint8_t>(random.in(-128, 127)));
  }
  network.layers.push_back(layer);
  return network;
}

Ledger ledger_of(const Network& network, const Settings& settings) {
  return Point(network, settings).run().layers.front().ledger;
}

}  // namespace

TEST_CASE("waiting is charged to the operand that the layer waits for") {
  const Settings wide = {{"dram.preset", "lpddr4-3200"},
                         {"array.tiles", "16"},
                         {"array.rows", "64"},
                         {"array.columns", "256"},
                         {"buffer.activation_bytes", "4096"},
                         {"buffer.weight_bytes", "16384"},
                         {"buffer.output_bytes", "8192"}};
  LayerShape shape;
  {  // many weights, one input
    shape.C = 256, shape.K = 1024;
    const Ledger l = ledger_of(dense_layer(shape), wide);
    CHECK(l.of(CycleCause::stall_weight) > l.total() / 2);
    CHECK(l.of(CycleCause::stall_activation) == 0);
    CHECK(l.of(CycleCause::stall_output) == 0);
    CHECK(l.binds() == Resource::dram);
  }
  {  // many inputs, hardly any weights or results
    shape = LayerShape();
    shape.C = 64, shape.H = shape.W = 32, shape.K = 1;
    const Ledger l = ledger_of(dense_layer(shape), wide);
    CHECK(l.of(CycleCause::stall_activation) > l.total() / 2);
    CHECK(l.of(CycleCause::stall_weight) == 0);
    CHECK(l.of(CycleCause::stall_output) == 0);
  }
  {  // many results
    shape = LayerShape();
    shape.C = 1, shape.H = shape.W = 32, shape.K = 64;
    const Ledger l = ledger_of(dense_layer(shape), wide);
    CHECK(l.of(CycleCause::stall_output) > l.total() / 2);
    CHECK(l.of(CycleCause::stall_weight) < l.total() / 20);
    CHECK(l.of(CycleCause::stall_codec) == 0);
  }
  // One decoder or encoder on an ideal memory: all waiting is the codec's.
  Settings coded = wide;
  coded["dram.preset"] = "ideal";
  coded["codec.zero_vector"] = "never";
  {
    shape = LayerShape();
    shape.C = 64, shape.H = shape.W = 32, shape.K = 1;
    Settings settings = coded;
    settings["engine.decoders"] = "1";
    const Ledger l = ledger_of(dense_layer(shape), settings);
    CHECK(l.of(Resource::dram) == 0);
    CHECK(l.of(CycleCause::stall_codec) > l.total() / 2);
    // 64 groups a row and 32 bands: the decoder works all the time but while the last band is computed.
    CHECK(l.total() >= 64 * 64);
    CHECK(l.total() <= 64 * 64 + l.of(CycleCause::compute) + 4);
    CHECK(l.binds() == Resource::codec);
  }
  {
    shape = LayerShape();
    shape.C = 1, shape.H = shape.W = 32, shape.K = 64;
    Settings settings = coded;
    settings["engine.encoders"] = "1";
    const Ledger l = ledger_of(dense_layer(shape), settings);
    CHECK(l.of(Resource::dram) == 0);
    CHECK(l.of(CycleCause::stall_codec) > l.total() / 2);
    CHECK(l.total() >= 64 * 64);
    CHECK(l.total() <= 64 * 64 + l.of(CycleCause::compute) + 4);
  }
}

TEST_CASE("one bank of weights or activations slows a layer by its words") {
  LayerShape shape;  // 64 pixels of one brick, and 64 filters of one brick: all in one job
  shape.C = 16, shape.H = shape.W = 8, shape.K = 64;
  const Network network = dense_layer(shape);
  const Settings settings = {{"dram.preset", "ideal"}, {"array.design", "bit-parallel"}};
  const auto with = [&](Settings changes) {
    changes.insert(settings.begin(), settings.end());
    return ledger_of(network, changes);
  };
  const Ledger free = with({});
  REQUIRE(free.of(CycleCause::compute) == 64);
  REQUIRE(free.total() == 64 + free.of(CycleCause::overhead));
  const auto check = [&](const Settings& changes, CycleCause cause, std::uint64_t lost) {
    const Ledger ledger = with(changes);
    CAPTURE(text(ledger), lost);
    CHECK(ledger.of(CycleCause::compute) == 64);
    CHECK(ledger.of(cause) == lost);
    CHECK(ledger.total() == free.total() + lost);
  };
  // A step of one cycle reads 64 words of weights, and one of activations.
  check({{"buffer.weight_banks", "1"}}, CycleCause::stall_weight, 64 * 63);
  check({{"buffer.weight_banks", "16"}}, CycleCause::stall_weight, 64 * 3);
  check({{"buffer.weight_banks", "16"}, {"buffer.ports", "2rw"}}, CycleCause::stall_weight, 64 * 1);
  check({{"buffer.weight_banks", "64"}}, CycleCause::stall_weight, 0);
  check({{"buffer.activation_banks", "1"}}, CycleCause::stall_activation, 0);
  // Eight columns: 8 steps that read 8 words.
  check({{"buffer.activation_banks", "1"}, {"buffer.word_bytes", "4"}}, CycleCause::stall_activation, 64 * 3);
}

TEST_CASE("a failure within the platform leaves the simulation as what it is") {
  // A tensor that a layer overwrites while it reads it cannot be read to its end.
  Network network = dense_layer([] {
    LayerShape s;
    s.C = s.K = 32, s.H = s.W = 16;
    return s;
  }());
  network.layers.front().output = "a";
  const Point point(network, {{"dram.preset", "ideal"},
                              {"codec.slice_channels", "16"},
                              {"codec.zero_vector", "always"},
                              {"codec.block_values", "256"},
                              {"buffer.activation_bytes", "1024"},
                              {"buffer.weight_bytes", "256"},
                              {"buffer.output_bytes", "1024"},
                              {"array.tiles", "1"},
                              {"array.rows", "4"}});
  fresh_simulation();
  CHECK_THROWS_AS(simulate(*point.preparation), StreamError);
}

TEST_CASE("the closed form moves the bytes and takes the compute cycles of the simulation") {
  Random random(97);
  for (const auto& [network, settings] : random_samples(random, 24)) {
    const Point point = Point(network, settings).with({{"sim.data", "elided"}});
    const RunResult simulated = point.run();
    const RunResult analytic = analyse(*point.preparation);
    check_run(point, analytic);
    REQUIRE(analytic.fill_cycles == simulated.fill_cycles);
    for (std::size_t i = 0; i < simulated.layers.size(); ++i) {
      const LayerResult& a = analytic.layers[i];
      const LayerResult& b = simulated.layers[i];
      REQUIRE(a.name == b.name);
      REQUIRE(a.op == b.op);
      REQUIRE(a.traffic == b.traffic);
      REQUIRE(a.raw_traffic == b.raw_traffic);
      REQUIRE(a.array_cycles == b.array_cycles);
      REQUIRE(a.ledger.of(CycleCause::compute) == b.ledger.of(CycleCause::compute));
      if (settings.at("dram.preset") == "ideal") REQUIRE(a.ledger.total() == b.ledger.total());
    }
  }
}

TEST_CASE("in the closed form more bandwidth never costs time, in any layer") {
  Random random(101);
  int faster = 0;
  for (const auto& [network, settings] : random_samples(random, 24)) {
    const Point point(network, settings);
    const auto faster_points = [&] {
      std::vector<Point> points;
      for (const char* channels : {"1", "2", "4", "16", "64"})
        points.push_back(point.with({{"dram.channels", channels}}));
      points.push_back(point.with({{"dram.channels", "64"}, {"dram.refresh", "off"}}));
      points.push_back(point.with({{"dram.preset", "ideal"}}));
      return points;
    }();
    if (settings.at("dram.preset") == "ideal") continue;
    std::optional<RunResult> slower;
    for (const Point& fast : faster_points) {
      const RunResult result = analyse(*fast.preparation);
      for (std::size_t i = 0; slower && i < result.layers.size(); ++i) {
        // Another preset has other bursts, which may change the plan.
        if (fast.settings.at("dram.preset") == "ideal" &&
            result.layers[i].traffic.total() != slower->layers[i].traffic.total())
          continue;
        const std::uint64_t cycles = result.layers[i].ledger.total();
        REQUIRE(cycles <= slower->layers[i].ledger.total());
        faster += cycles < slower->layers[i].ledger.total();
      }
      slower = result;
    }
  }
  CHECK(faster > 100);
}

TEST_CASE("the closed form of a layer of one job, worked out") {
  Random random(103);
  TraceBuilder set;
  const LayerShape shape = with_output_size({1, 64, 1, 1, 16, 1, 1});
  std::vector<int> input(64), weight(1024), output(16);
  for (auto* codes : {&input, &weight, &output})
    for (int& code : *codes)
      code = static_cast<int>(random.in(-90, 90));
  set.tensor("in", "act", shape.input(), DType::int8, 0, input);
  set.tensor("w", "wgt", shape.weight(), DType::int8, 0, weight);
  set.tensor("out", "act", {1, 16, 1, 1}, DType::int8, 0, output);
  set.layer("fc", LayerOp::fc, shape, "in", "w", "out");
  TempDir folder;
  set.write(folder.path());
  const Network network = read_trace_set(folder.path());
  const Point point(network, {{"array.design", "bit-parallel"},
                              {"array.tiles", "1"},
                              {"codec.name", "raw"},
                              {"dram.preset", "lpddr4-3200"},
                              {"array.clock_mhz", "1600"}});
  // 1600 MHz are the memory's clocks. 32 bytes take 8 of them, of which 6246 - 448 in 6246 are not refresh.
  const double per_byte = 8.0 / 32 / (1 - 448.0 / 6246);
  const MemoryCost cost = memory_cost(*point.design);
  CHECK(cost.per_byte == Approx(per_byte));
  CHECK(cost.read_latency == 29 + 28);
  CHECK(cost.write_latency == 29 + 14);
  const std::vector<Job>& jobs = point.preparation->layers()[0].plan.jobs;
  const RunResult result = analyse(*point.preparation);
  const Ledger& ledger = result.layers[0].ledger;
  CHECK(ledger.of(CycleCause::compute) == 4);  // bricks
  REQUIRE(jobs.size() == 1);
  // The descriptor, then weights and activations one after the other; the results take one burst.
  const double fetched = 57 + 256 * per_byte + 57 + (1024 + 64) * per_byte;
  const double computed = std::ceil(fetched) + 2 + 4;
  CHECK(ledger.total() == static_cast<std::uint64_t>(std::ceil(computed + 32 * per_byte + 43)));
}
