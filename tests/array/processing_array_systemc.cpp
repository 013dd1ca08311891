// The processing array: widths from the values that arrive, times from the schedule of the uncut layer.
#include "models/array/processing_array.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>

#include "models/array/plain_convolution.h"
#include "models/buffer/on_chip_buffer.h"
#include "tests/platform/random_layers.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/containers.h"
#include "tests/support/fresh_simulation.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using ByteVector = std::vector<std::uint8_t>;

struct Case {
  const ComputeDesign& design;
  ArrayGeometry geometry;
  LayerShape shape;
  Tensor activation, weight, result;
  TensorProfile activation_profile, weight_profile;
  StreamLayout activation_layout, weight_layout;
  BrickMap activation_map, weight_map;

  Case(Random& random, int bits)
      : design(*compute_designs()[static_cast<std::size_t>(
            random.in(0, static_cast<std::int64_t>(compute_designs().size()) - 1))]),
        geometry(with_options(random, random_geometry(random, design))),
        shape(random.chance(30) ? strided_layer(random, strided_input(random), 30)
                                : random_layer(random, random_input(random, 40, 8), 40)),
        activation(random_tensor(random, "a", shape.input(), bits)),
        weight(random_tensor(random, "w", shape.weight(), bits)),
        result(random_tensor(random, "o", {shape.N, shape.K, shape.OH, shape.OW}, bits)),
        activation_profile(profile_of(activation)),
        weight_profile(profile_of(weight)),
        activation_layout(StreamRole::activation, activation.shape, random_stream_options(random)),
        weight_layout(weight_role(shape), weight.shape, random_stream_options(random)),
        activation_map(brick_map(activation, activation_profile.format, activation_bricks(shape, geometry))),
        weight_map(brick_map(weight, weight_profile.format, weight_bricks(shape, geometry))) {}

  static ArrayGeometry with_options(Random& random, ArrayGeometry geometry) {
    geometry.tile_split = random.of<TileSplit>({TileSplit::filters, TileSplit::windows});
    geometry.fold = random.chance(70);
    return geometry;
  }

  bool folded() const { return folds(shape, geometry); }

  LayerPrecision precision() const {
    return {activation.bits, activation_profile.width, weight_profile.width};
  }
  ArrayLayer layer() const {
    ArrayLayer l;
    l.shape = shape;
    l.precision = precision();
    l.activation_format = activation_profile.format;
    l.weight_format = weight_profile.format;
    l.tile_split = geometry.tile_split;
    l.folded = folded();
    l.activation_layout = &activation_layout;
    l.weight_layout = &weight_layout;
    l.weight_bricks = design.weight == WidthSource::brick ? &weight_map : nullptr;
    l.results = &result;
    return l;
  }

  static ByteVector codes(const Tensor& tensor, const StreamLayout& layout, const ValueFormat& format,
                          const RowRange& rows) {
    ByteVector bytes;
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (const std::uint16_t container : row_containers(layout, tensor, format, row)) {
        const std::int32_t code = format.code(container);
        bytes.push_back(static_cast<std::uint8_t>(code));
        if (format.bits == 16) bytes.push_back(static_cast<std::uint8_t>(code >> 8));
      }
    }
    return bytes;
  }
};

struct Bench {
  std::unique_ptr<OnChipBuffer> activations, weights, outputs;
  std::unique_ptr<ProcessingArray> array;
  std::unique_ptr<Driver> driver;

  explicit Bench(const Case& c) {
    fresh_simulation();
    activations = std::make_unique<OnChipBuffer>("activations", 1 << 20);
    weights = std::make_unique<OnChipBuffer>("weights", 1 << 20);
    outputs = std::make_unique<OnChipBuffer>("outputs", 1 << 20);
    array = std::make_unique<ProcessingArray>("array", c.design, c.geometry);
    driver = std::make_unique<Driver>("driver");
    array->activation_buffer.bind(activations->read_port);
    array->weight_buffer.bind(weights->read_port);
    array->output_buffer.bind(outputs->write_port);
  }
  bool run(std::function<void()> body) {
    driver->body = std::move(body);
    sc_core::sc_start();
    return driver->finished;
  }
  static void debug(OnChipBuffer& buffer, tlm::tlm_command command, std::uint64_t address,
                    ByteVector& bytes) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(bytes.data());
    payload.set_data_length(static_cast<unsigned int>(bytes.size()));
    buffer.write_port.get_base_interface().transport_dbg(payload);
  }
};

}  // namespace

TEST_CASE("widths of the values that arrive give the time of the recorded widths") {
  Random random(61);
  int folded = 0;
  for (int round = 0; round < 250; ++round) {
    CAPTURE(round);
    const Case c(random, random.of<int>({8, 16}));
    folded += c.folded();
    Bench bench(c);
    LayerSchedule reference(c.design, c.geometry, c.shape, c.precision(), &c.activation_map, &c.weight_map);
    std::vector<std::uint64_t> found, expected;
    const bool finished = bench.run([&] {
      bench.array->begin_layer(c.layer());
      // In pieces, at odd addresses, last rows first.
      std::vector<RowRange> rows;
      for (const StreamSection& section : c.activation_layout.sections()) {
        const std::int64_t middle = section.first_row + section.rows / 2;
        rows.push_back({middle, section.end_row()});
        if (section.rows > 1) rows.push_back({section.first_row, middle});
      }
      ByteVector bytes;
      for (const RowRange& range : rows) {
        const ByteVector part =
            Case::codes(c.activation, c.activation_layout, c.activation_profile.format, range);
        bytes.insert(bytes.end(), part.begin(), part.end());
      }
      Bench::debug(*bench.activations, tlm::TLM_WRITE_COMMAND, 77, bytes);
      bench.array->take_activations({rows, 77});
      bytes = Case::codes(c.weight, c.weight_layout, c.weight_profile.format, {0, c.weight_layout.rows()});
      Bench::debug(*bench.weights, tlm::TLM_WRITE_COMMAND, 33, bytes);
      bench.array->take_weights({{{0, c.weight_layout.rows()}}, 33});
      const auto& sets = bench.array->schedule().sets();
      const std::int64_t units = bench.array->schedule().units();
      for (std::size_t s = 0; s < sets.size(); ++s) {
        const auto set = static_cast<std::int64_t>(s);
        for (std::int64_t unit = 0; unit < units; unit += 1 + unit / 2) {
          const std::int64_t end = std::min(units, unit + 1 + unit / 2);
          found.push_back(
              bench.array->compute({set, set + 1, sets[s].filter_begin, sets[s].filter_end, unit, end}));
          expected.push_back(reference.end(set, end) - reference.end(set, unit));
        }
      }
      found.push_back(
          bench.array->compute({0, static_cast<std::int64_t>(sets.size()), 0, c.shape.K, 0, units}));
      expected.push_back(reference.total());
    });
    REQUIRE(finished);
    REQUIRE(found == expected);
    REQUIRE(bench.activations->bytes_read() == c.activation.data.size());
    REQUIRE(bench.weights->bytes_read() == c.weight.data.size());
  }
  CHECK(folded > 20);
}

TEST_CASE("an array refuses to fold what its rule doesn't let it") {
  Random random(65);
  int refused = 0;
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    const Case c(random, 8);
    ArrayGeometry geometry = c.geometry;
    geometry.fold = true;
    const bool can = folds(c.shape, geometry);
    Bench bench(c);
    std::string failure;
    const bool finished = bench.run([&] {
      ArrayLayer layer = c.layer();
      layer.folded = true;
      layer.weight_bricks = nullptr;
      try {
        bench.array->begin_layer(layer);
      } catch (const InputError& error) {
        failure = error.what();
      }
    });
    REQUIRE(finished);
    REQUIRE(can == failure.empty());
    refused += !can;
  }
  CHECK(refused > 10);
  CHECK(refused < 40);
}

TEST_CASE("the array computes with what arrives, whatever the jobs") {
  Random random(65);
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const int bits = random.of<int>({8, 8, 16});
    const Case c(random, bits);
    Requantisation requantisation;
    std::vector<std::int32_t> biases;
    for (std::int64_t k = 0; k < c.shape.K; ++k) {
      requantisation.factors.push_back(FixedPointFactor::of(0.001 * static_cast<double>(random.in(1, 50))));
      biases.push_back(static_cast<std::int32_t>(random.in(-2000, 2000)));
    }
    ArrayLayer layer = c.layer();
    layer.checked = random.chance(50);
    if (bits == 8) layer.requantisation = &requantisation;
    Bench bench(c);
    ByteVector written(static_cast<std::size_t>(c.result.values() * bits / 8));
    const bool finished = bench.run([&] {
      bench.array->begin_layer(layer);
      std::vector<RowRange> rows;
      for (const StreamSection& section : c.activation_layout.sections())
        rows.push_back({section.first_row, section.end_row()});
      ByteVector bytes;
      for (const RowRange& range : rows) {
        const ByteVector part =
            Case::codes(c.activation, c.activation_layout, c.activation_profile.format, range);
        bytes.insert(bytes.end(), part.begin(), part.end());
      }
      Bench::debug(*bench.activations, tlm::TLM_WRITE_COMMAND, 0, bytes);
      bench.array->take_activations({rows, 0});
      bytes = Case::codes(c.weight, c.weight_layout, c.weight_profile.format, {0, c.weight_layout.rows()});
      Bench::debug(*bench.weights, tlm::TLM_WRITE_COMMAND, 0, bytes);
      bench.array->take_weights({{{0, c.weight_layout.rows()}}, 0});
      const std::int64_t half = c.shape.K / 2;
      bench.array->take_biases(0, {biases.begin(), biases.begin() + half});
      bench.array->take_biases(half, {biases.begin() + half, biases.end()});
      const auto& sets = bench.array->schedule().sets();
      const auto all_sets = static_cast<std::int64_t>(sets.size());
      const std::int64_t units = bench.array->schedule().units();
      for (std::int64_t unit = 0; unit < units;) {
        const std::int64_t end = random.in(unit + 1, units);
        for (std::int64_t set = 0; set < all_sets;) {
          const auto& first = sets[static_cast<std::size_t>(set)];
          const std::int64_t last = random.in(set + 1, all_sets);
          if (last == set + 1 && !c.shape.depthwise()) {  // in two parts
            const std::int64_t middle = random.in(first.filter_begin, first.filter_end);
            bench.array->compute({set, last, first.filter_begin, middle, unit, end});
            bench.array->compute({set, last, middle, first.filter_end, unit, end});
          } else {
            bench.array->compute({set, last, first.filter_begin,
                                  sets[static_cast<std::size_t>(last - 1)].filter_end, unit, end});
          }
          set = last;
        }
        unit = end;
      }
      bench.array->write_results({0, c.shape.N * c.shape.OH}, 0, c.shape.K, 1, 5);
      Bench::debug(*bench.outputs, tlm::TLM_READ_COMMAND, 5, written);
    });
    REQUIRE(finished);
    const ComputedLayer& computed = bench.array->computed();
    if (!layer.checked && layer.requantisation == nullptr) {  // nobody asks for the values
      REQUIRE(computed.accumulators.sums.empty());
      continue;
    }
    const std::vector<std::int64_t> sums = plain_convolution(c.shape, c.activation, c.weight);
    REQUIRE(computed.accumulators.sums.size() == sums.size());
    REQUIRE(computed.codes.size() == (bits == 8 ? sums.size() : 0));
    const std::int64_t plane = c.shape.OH * c.shape.OW;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t k = at % c.shape.K, window = at / c.shape.K;
      REQUIRE((computed.accumulators.states[i] & Accumulators::computed) != 0);
      if ((computed.accumulators.states[i] & Accumulators::overflowed) == 0)
        REQUIRE(computed.accumulators.sums[i] == sums[i]);
      if (bits != 8) continue;
      const std::int32_t code =
          requantisation.code(k, static_cast<std::int32_t>(sums[i]) + biases[static_cast<std::size_t>(k)]);
      REQUIRE(computed.codes[i] == code);
      const std::int32_t recorded = c.result.code((window / plane * c.shape.K + k) * plane + window % plane);
      REQUIRE(written[i] == static_cast<std::uint8_t>(layer.checked ? code : recorded));
    }
  }
}

TEST_CASE("the parts of a filter set that is cut take the time of the whole") {
  Random random(62);
  int cut = 0;
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    const Case c(random, 8);
    if (c.shape.depthwise()) continue;
    Bench bench(c);
    std::vector<std::string> wrong;
    const bool finished = bench.run([&] {
      ArrayLayer layer = c.layer();
      layer.activation_bricks = &c.activation_map;
      layer.elided = true;
      bench.array->begin_layer(layer);
      const std::int64_t units = bench.array->schedule().units();
      const auto& sets = bench.array->schedule().sets();
      for (std::size_t s = 0; s < sets.size(); ++s) {
        const auto set = static_cast<std::int64_t>(s);
        const std::int64_t size = sets[s].filter_end - sets[s].filter_begin;
        const std::int64_t part = random.in(1, size);
        cut += part < size;
        for (std::int64_t unit = 0; unit < units; unit += 3) {
          const std::int64_t end = std::min(unit + 3, units);
          const std::uint64_t whole =
              bench.array->compute({set, set + 1, sets[s].filter_begin, sets[s].filter_end, unit, end});
          std::uint64_t sum = 0;
          for (std::int64_t k = sets[s].filter_begin; k < sets[s].filter_end; k += part) {
            const std::int64_t last = std::min(k + part, sets[s].filter_end);
            const std::uint64_t cycles = bench.array->compute({set, set + 1, k, last, unit, end});
            const auto share =
                static_cast<double>(whole) * static_cast<double>(last - k) / static_cast<double>(size);
            if (static_cast<double>(cycles) < share - 1 || static_cast<double>(cycles) > share + 1)
              wrong.emplace_back("share");
            sum += cycles;
          }
          if (sum != whole) wrong.emplace_back("sum");
        }
      }
    });
    REQUIRE(finished);
    REQUIRE(wrong == std::vector<std::string>{});
  }
  CHECK(cut > 20);
}

TEST_CASE("weights of other widths than the static ones are a failure") {
  Random random(63);
  int compared = 0;
  while (compared < 10) {
    Case c(random, 8);
    if (c.design.weight != WidthSource::brick || c.weight_profile.width < 4) continue;
    ++compared;
    Bench bench(c);
    std::string failure = "none";
    const bool finished = bench.run([&] {
      bench.array->begin_layer(c.layer());
      ByteVector zeros(c.weight.data.size());
      for (std::size_t i = 0; i < zeros.size(); ++i)
        zeros[i] = static_cast<std::uint8_t>(c.weight.zero_point);
      Bench::debug(*bench.weights, tlm::TLM_WRITE_COMMAND, 0, zeros);
      try {
        bench.array->take_weights({{{0, c.weight_layout.rows()}}, 0});
      } catch (const std::runtime_error& error) {
        failure = error.what();
      }
    });
    REQUIRE(finished);
    REQUIRE_THAT(failure, Catch::Contains("other widths than the static ones"));
  }
}

TEST_CASE("results stand in the output buffer by row, column and channel") {
  Random random(64);
  for (int round = 0; round < 80; ++round) {
    CAPTURE(round);
    const Case c(random, random.of<int>({8, 16}));
    Bench bench(c);
    const std::int64_t rows = c.shape.N * c.shape.OH;
    const std::int64_t first = random.in(0, rows - 1);
    const RowRange range{first, random.in(first + 1, rows)};
    const std::int64_t begin = random.in(0, c.shape.K - 1);
    const std::int64_t end = random.in(begin + 1, c.shape.K);
    const std::int64_t step = random.in(1, 3);
    ByteVector expected;
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      for (std::int64_t x = 0; x < c.shape.OW; ++x) {
        for (std::int64_t k = begin; k < end; k += step) {
          const std::int32_t code = c.result.code(
              ((row / c.shape.OH * c.shape.K + k) * c.shape.OH + row % c.shape.OH) * c.shape.OW + x);
          expected.push_back(static_cast<std::uint8_t>(code));
          if (c.result.bits == 16) expected.push_back(static_cast<std::uint8_t>(code >> 8));
        }
      }
    }
    ByteVector found(expected.size());
    const bool finished = bench.run([&] {
      bench.array->begin_layer(c.layer());
      bench.array->write_results(range, begin, end, step, 1001);
      bench.array->write_results({range.begin, range.begin}, begin, end, step, 0);
      Bench::debug(*bench.outputs, tlm::TLM_READ_COMMAND, 1001, found);
    });
    REQUIRE(finished);
    REQUIRE(found == expected);
    REQUIRE(bench.outputs->bytes_written() == expected.size());
  }
}
