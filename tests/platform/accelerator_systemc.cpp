// The accelerator on a memory that is not the project's own: what it asks of it, and what it makes of errors.
#include "platform/accelerator.h"

#include <catch2/catch.hpp>
#include <memory>

#include "platform/check.h"
#include "platform/preparation.h"
#include "tests/platform/random_networks.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/fresh_simulation.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using ByteVector = std::vector<std::uint8_t>;

Parameters parameters_of(Settings settings) {
  settings["buffer.activation_bytes"] = settings["buffer.weight_bytes"] = settings["buffer.output_bytes"] =
      "1MiB";
  Parameters parameters;
  for (const auto& [key, value] : settings)
    parameters.set(key, value, ParameterOrigin::command_line());
  return parameters;
}

struct Bench {
  Network network;
  DesignPoint point;
  Preparation preparation;
  std::unique_ptr<Accelerator> accelerator;
  std::unique_ptr<RecordingMemory> memory;
  std::unique_ptr<Driver> driver;
  std::vector<Ledger> ledgers;
  bool checked = false;

  Bench(const Network& n, const Settings& settings)
      : network(n), point(parameters_of(settings)), preparation(network, point) {
    fresh_simulation();
    AcceleratorConfig config;
    config.design = point.design;
    config.geometry = point.geometry;
    config.buffers = point.buffers;
    config.engine.burst_bytes = point.burst_bytes;
    config.engine.request_bytes = point.request_bytes;
    config.engine.outstanding = point.outstanding;
    config.engine.clock_mhz = config.sequencer.clock_mhz = point.clock_mhz;
    config.sequencer.detect_latency = point.detect_latency;
    accelerator = std::make_unique<Accelerator>("accelerator", config);
    memory = std::make_unique<RecordingMemory>("memory", preparation.memory_end() + 4096);
    driver = std::make_unique<Driver>("driver");
    accelerator->mem.bind(memory->socket);
    for (const PreparedLayer& layer : preparation.layers()) {
      store(layer.descriptor, layer.descriptor_address);
      if (layer.descriptor.bias_address != 0)
        memory->store(layer.descriptor.bias_address, preparation.bias_bytes(*layer.layer));
    }
    for (const auto& stored : preparation.stored()) {
      if (!stored->written_by_host) continue;
      const TensorStream& stream = *stored->stream;
      const EncodedTensor encoded = encode(*point.codec, stream.layout, stream.coded, *stream.tensor);
      memory->store(stored->address, encoded.stream);
      memory->store(stored->table_address, table_in_memory(encoded.format.header, encoded.table));
    }
  }

  void store(const LayerDescriptor& descriptor, std::uint64_t address) {
    const auto bytes = descriptor.to_bytes();
    memory->store(address, {bytes.begin(), bytes.end()});
  }

  /// "fine", or the error's type and message; "hangs" if neither comes.
  std::string run() {
    std::string outcome = "hangs";
    driver->body = [&] {
      try {
        for (const PreparedLayer& layer : preparation.layers()) {
          LayerModel model;
          model.plan = &layer.plan;
          model.streams = layer.streams;
          model.activation_bricks = layer.compute->activation_bricks().get();
          model.weight_bricks = layer.compute->weight_bricks().get();
          model.results = layer.output == nullptr ? nullptr : layer.output->tensor;
          model.requantisation = layer.requantisation ? &*layer.requantisation : nullptr;
          model.checked = checked;
          ledgers.push_back(accelerator->run(layer.descriptor_address, model, WhatIf{}));
        }
        outcome = "fine";
      } catch (const StreamError& error) {
        outcome = std::string("StreamError: ") + error.what();
      } catch (const TransportError& error) {
        outcome = std::string("TransportError: ") + error.what();
      } catch (const InputError& error) {
        outcome = std::string("InputError: ") + error.what();
      }
    };
    sc_core::sc_start();
    return outcome;
  }

  /// Of a network of one layer: what a check says of its values, or "right"; the run's outcome if it failed
  /// before a wrong value was computed.
  std::string check() {
    checked = true;
    const std::string outcome = run();
    const Layer& layer = network.layers.front();
    if (const auto wrong = find_wrong_accumulator(network, layer, accelerator->computed(), outcome == "fine"))
      return *wrong;
    if (const auto wrong = find_wrong_code(network, layer, accelerator->computed())) return *wrong;
    return outcome == "fine" ? "right" : outcome;
  }
};

/// One layer with enough to go wrong: two slices, several blocks, a bias, an output with a table.
Network one_layer() {
  Random random(71);
  Network network;
  Layer layer;
  layer.name = "layer";
  layer.input = "a", layer.weight = "w", layer.output = "o", layer.bias = "b";
  LayerShape& s = layer.shape;
  s.C = 40, s.H = s.W = s.OH = s.OW = 12, s.K = 48;
  for (const auto& [key, shape] :
       {std::make_pair("a", s.input()), std::make_pair("w", s.weight()), std::make_pair("o", s.input())}) {
    Tensor& tensor = network.tensors[key];
    tensor.key = key;
    tensor.shape = shape;
    if (tensor.key == "o") tensor.shape[1] = s.K;
    for (std::int64_t i = 0; i < tensor.values(); ++i)
      tensor.data.push_back(static_cast<std::uint8_t>(random.chance(60) ? 0 : random.in(-6, 6)));
  }
  network.aux["b"].integer = true;
  network.aux["b"].values.assign(48, 5.0);
  network.layers.push_back(layer);
  return network;
}

const Settings small_blocks = {{"codec.slice_channels", "24"},
                               {"codec.block_values", "200"},
                               {"codec.zero_vector", "always"},
                               {"array.tiles", "1"}};

}  // namespace

TEST_CASE(
    "the accelerator's accesses are legal, whole bursts in the tensors' places, and as many as counted") {
  Random random(72);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const Network network = random_network(random);
    Bench bench(network, random_settings(random));
    REQUIRE(bench.run() == "fine");
    REQUIRE(bench.memory->illegal == std::vector<std::string>{});
    Traffic expected;
    for (const PreparedLayer& layer : bench.preparation.layers())
      expected += layer.traffic;
    const EngineTraffic& counted = bench.accelerator->traffic();
    REQUIRE(counted.activation_read_bytes == expected.activation_read_bytes);
    REQUIRE(counted.weight_read_bytes == expected.weight_read_bytes);
    REQUIRE(counted.output_write_bytes == expected.output_write_bytes);
    const std::uint64_t descriptors = bench.preparation.layers().size() * LayerDescriptor::size;
    REQUIRE(bench.memory->moved(false) ==
            expected.activation_read_bytes + expected.weight_read_bytes + descriptors);
    REQUIRE(bench.memory->moved(true) == expected.output_write_bytes);
    std::vector<bool> writable(bench.memory->bytes.size(), false);
    for (const PreparedLayer& layer : bench.preparation.layers()) {
      if (layer.output == nullptr) continue;
      const OperandDescriptor& output = layer.descriptor.output;
      const auto allow = [&](std::uint64_t address, std::uint64_t length) {
        const std::uint64_t burst = bench.point.burst_bytes;
        for (std::uint64_t at = address; at < address + (length + burst - 1) / burst * burst; ++at)
          writable[at] = true;
      };
      allow(output.address, output.bytes);
      allow(output.table_address, output.table_bytes);
    }
    for (const Access& access : bench.memory->accesses) {
      REQUIRE(access.address % bench.point.burst_bytes == 0);
      REQUIRE(access.length % bench.point.burst_bytes == 0);
      REQUIRE(access.length <= std::max(bench.point.request_bytes, bench.point.burst_bytes));
      REQUIRE(
          (!access.is_write || (writable[access.address] && writable[access.address + access.length - 1])));
    }
    REQUIRE(bench.memory->most_under_way(false) <= bench.point.outstanding);
    REQUIRE(bench.memory->most_under_way(true) <= bench.point.outstanding);
    for (const auto& stored : bench.preparation.stored()) {
      const TensorStream& stream = *stored->stream;
      const ByteVector table_bytes = bench.memory->load(stored->table_address, stream.coded.table_bytes());
      std::vector<std::uint32_t> table;
      for (std::size_t i = stream.coded.format.header.size(); i < table_bytes.size(); i += 4) {
        table.push_back(table_bytes[i] | std::uint32_t{table_bytes[i + 1]} << 8 |
                        std::uint32_t{table_bytes[i + 2]} << 16 | std::uint32_t{table_bytes[i + 3]} << 24);
      }
      Tensor decoded = *stream.tensor;
      std::fill(decoded.data.begin(), decoded.data.end(), std::uint8_t{0});
      decode(*bench.point.codec, stream.layout, stream.coded.format,
             bench.memory->load(stored->address, stream.coded.stream_bytes()), table, decoded);
      REQUIRE(decoded.data == stream.tensor->data);
    }
  }
}

TEST_CASE("a memory that answers with an error ends the run with it, whatever was accessed") {
  const Network network = one_layer();
  REQUIRE(Bench(network, small_blocks).run() == "fine");
  const Bench intact(network, small_blocks);
  const LayerDescriptor& d = intact.preparation.layers().front().descriptor;
  REQUIRE(d.output.table_bytes > 0);
  for (const std::uint64_t address :
       {intact.preparation.layers().front().descriptor_address, d.activation.address,
        d.activation.table_address, d.activation.address + d.activation.bytes - 1, d.weight.address,
        d.weight.table_address, d.bias_address, d.output.address, d.output.address + d.output.bytes - 1,
        d.output.table_address}) {
    CAPTURE(address);
    Bench bench(network, small_blocks);
    bench.memory->broken = {address, address + 1};
    REQUIRE_THAT(bench.run(),
                 Catch::StartsWith("TransportError: accelerator.engine.mem: TLM_ADDRESS_ERROR_RESPONSE"));
    REQUIRE(bench.ledgers.empty());
  }
}

TEST_CASE("what is corrupted in memory is found") {
  const Network network = one_layer();
  const Bench intact(network, small_blocks);
  const LayerDescriptor d = intact.preparation.layers().front().descriptor;
  REQUIRE(d.activation.format.mode == TensorMode::coded_zero);
  const auto flipped = [&](std::uint64_t address, int bit) {
    Bench bench(network, small_blocks);
    bench.memory->bytes[address] ^= 1 << bit;
    return bench.run();
  };
  for (int bit = 0; bit < 8; ++bit) {
    CHECK_THAT(flipped(d.activation.table_address + 5, bit), Catch::StartsWith("StreamError: offset table"));
    CHECK_THAT(flipped(d.weight.table_address + 8, bit), Catch::StartsWith("StreamError: offset table"));
    CHECK_THAT(flipped(d.activation.address, bit), Catch::StartsWith("StreamError: stream at address"));
    CHECK_THAT(flipped(d.weight.address, bit), Catch::StartsWith("StreamError: stream at address"));
  }
  CHECK(flipped(0, 0) == "InputError: layer descriptor: wrong magic number");
}

TEST_CASE("one bit that is wrong in memory fails a check") {
  Random random(73);
  Network network = one_layer();
  for (const char* key : {"a", "w"}) {  // no zeros: whatever changes has an effect
    Tensor& tensor = network.tensors[key];
    for (std::uint8_t& code : tensor.data)
      code = static_cast<std::uint8_t>(random.in(1, 100) * (random.chance(30) ? -1 : 1));
  }
  make_reproducible(network, random);
  for (const char* codec : {"raw", "dpred"}) {
    Settings settings = small_blocks;
    settings["codec.name"] = codec;
    REQUIRE(Bench(network, settings).check() == "right");
    const Bench intact(network, settings);
    const LayerDescriptor d = intact.preparation.layers().front().descriptor;
    int noticed_by_values = 0;
    for (const OperandDescriptor* operand : {&d.activation, &d.weight}) {
      for (int i = 0; i < 20; ++i) {
        const std::uint64_t address = operand->address + random.in(0, operand->bytes - 1);
        const auto bit = random.in(0, 7);
        CAPTURE(codec, address - operand->address, bit);
        Bench bench(network, settings);
        bench.memory->bytes[address] ^= 1 << bit;
        const std::string found = bench.check();
        REQUIRE(found != "right");
        noticed_by_values += found.find(": accumulator: got ") != std::string::npos;
        if (codec == std::string("raw")) REQUIRE_THAT(found, Catch::Contains(": accumulator: got "));
      }
    }
    CHECK(noticed_by_values >= 10);
    Bench bias(network, settings);
    bias.memory->bytes[d.bias_address + 4 * 17 + 3] ^= 0x40;
    CHECK_THAT(bias.check(),
               Catch::StartsWith("layer 'layer', n 0, k 17, ") && Catch::Contains(": code: got "));
  }
}

TEST_CASE("one width that is too small fails a check") {
  Random random(74);
  Network network = one_layer();
  make_reproducible(network, random);
  for (const ComputeDesign* design : compute_designs()) {
    CAPTURE(design->name);
    Settings settings = small_blocks;
    settings["array.design"] = design->name;
    REQUIRE(Bench(network, settings).check() == "right");
    const Bench intact(network, settings);
    for (const bool of_weights : {false, true}) {
      CAPTURE(of_weights);
      LayerDescriptor narrow = intact.preparation.layers().front().descriptor;
      --(of_weights ? narrow.weight : narrow.activation).width;
      Bench bench(network, settings);
      bench.store(narrow, 0);
      const WidthSource source = of_weights ? design->weight : design->activation;
      if (source == WidthSource::tensor) {
        CHECK_THAT(bench.check(), Catch::Contains(": accumulator: got "));
      } else {
        CHECK(bench.check() == "right");  // a profiled width that is not used
      }
    }
  }
}

TEST_CASE("a descriptor that has tensors on chip elsewhere than the plan is refused") {
  Random random(73);
  Network network;
  network.host_tensors.emplace();
  for (int i = 0; i < 3; ++i) {
    Layer layer;
    layer.name = "layer" + std::to_string(i);
    layer.shape.C = layer.shape.K = 8, layer.shape.H = layer.shape.OH = 16;
    layer.input = "t" + std::to_string(i), layer.weight = "w" + std::to_string(i);
    layer.output = "t" + std::to_string(i + 1);
    if (i == 0) network.tensors["t0"] = random_tensor(random, "t0", layer.shape.input(), 8);
    network.tensors[layer.weight] = random_tensor(random, layer.weight, layer.shape.weight(), 8);
    network.tensors[layer.output] = random_tensor(random, layer.output, layer.shape.input(), 8);
    network.layers.push_back(layer);
  }
  const Settings settings = {{"buffer.inter_layer", "auto"}};
  Bench good(network, settings);
  REQUIRE(good.run() == "fine");
  REQUIRE(good.accelerator->traffic().activation_read_bytes ==
          good.preparation.layers()[0].traffic.activation_read_bytes);
  REQUIRE(good.preparation.layers()[1].descriptor.on_chip == 7);
  const auto outcome = [&](std::size_t layer, void (*change)(LayerDescriptor&)) {
    Bench bench(network, settings);
    LayerDescriptor descriptor = bench.preparation.layers()[layer].descriptor;
    change(descriptor);
    bench.store(descriptor, bench.preparation.layers()[layer].descriptor_address);
    return bench.run();
  };
  const std::string refused = "InputError: layer descriptor: ";
  const std::string elsewhere = " is not that of the layer in memory";
  CHECK(outcome(1, [](LayerDescriptor& d) { d.on_chip &= static_cast<std::uint8_t>(~1); }) ==
        refused + "whether the input is on chip" + elsewhere);
  CHECK(outcome(0, [](LayerDescriptor& d) { d.on_chip |= LayerDescriptor::input_stays; }) ==
        refused + "whether the input is on chip" + elsewhere);
  CHECK(outcome(1, [](LayerDescriptor& d) { d.activation.address += 64; }) ==
        refused + "the input's place on chip" + elsewhere);
  CHECK(outcome(0, [](LayerDescriptor& d) { d.output_place -= 64; }) ==
        refused + "the output's place on chip" + elsewhere);
  CHECK(outcome(2, [](LayerDescriptor& d) { d.on_chip |= LayerDescriptor::output_stays; }) ==
        refused + "the output's place on chip" + elsewhere);
  CHECK(outcome(1, [](LayerDescriptor& d) { d.on_chip = 3; }) ==
        refused + "whether the output is written" + elsewhere);
}

TEST_CASE("an output region that is too small ends the run and is not left") {
  const Network network = one_layer();
  for (const char* codec : {"dpred", "raw"}) {
    Settings settings = small_blocks;
    settings["codec.name"] = codec;
    const Bench intact(network, settings);
    const LayerDescriptor good = intact.preparation.layers().front().descriptor;
    for (const std::uint64_t capacity : {std::uint64_t{0}, good.output.bytes / 2, good.output.bytes - 1}) {
      CAPTURE(codec, capacity);
      Bench bench(network, settings);
      LayerDescriptor small = good;
      small.output.bytes = capacity;
      bench.store(small, 0);
      REQUIRE_THAT(bench.run(), Catch::StartsWith("StreamError: output stream") &&
                                    Catch::Contains("region of " + std::to_string(capacity) + " bytes"));
      for (const Access& access : bench.memory->accesses) {
        if (!access.is_write) continue;
        REQUIRE(access.address >= good.output.address);
        REQUIRE(access.address + access.length <= good.output.address + capacity);
      }
      for (std::uint64_t at = good.output.address + capacity; at < good.output.address + good.output.bytes;
           ++at)
        REQUIRE(bench.memory->bytes[at] == RecordingMemory::filler);
    }
  }
}
