// The compression engine between buffers and a memory that notes every access.
#include "models/compression/compression_engine.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>

#include "models/buffer/on_chip_buffer.h"
#include "tests/platform/naive_streams.h"
#include "tests/platform/random_layers.h"
#include "tests/platform/recording_memory.h"
#include "tests/support/base_protocol_checker.h"
#include "tests/support/containers.h"
#include "tests/support/fresh_simulation.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using ByteVector = std::vector<std::uint8_t>;

constexpr std::uint64_t stream_address = 0x4000;  // whole bursts away from everything else
constexpr std::uint64_t table_address = 0x30000;
constexpr std::uint64_t memory_bytes = 0x40000;
constexpr std::uint64_t buffer_bytes = 0x10000;

struct Stream {
  Tensor tensor;
  TensorProfile profile;
  StreamLayout layout;
  const Codec& codec;
  StreamPlan plan;
  EncodedTensor encoded;
  StreamDirectory directory;

  Stream(Random& random, StreamRole role)
      : tensor(random_tensor(random, "t", shape(random, role), random.of<int>({8, 16}))),
        profile(profile_of(tensor)),
        layout(role, tensor.shape, random_stream_options(random)),
        codec(find_codec(random.chance(60) ? "dpred" : random.of(codec_names()))),
        plan(plan_of(codec, layout, tensor, profile.format,
                     random.of<ZeroVector>({ZeroVector::automatic, ZeroVector::never, ZeroVector::always}))),
        encoded(encode(codec, layout, plan, tensor)),
        directory(layout, plan) {}

  static Shape shape(Random& random, StreamRole role) {
    Shape s{random.in(1, 6), random.in(1, 40), random.in(1, 8), random.in(1, 8)};
    if (role == StreamRole::depthwise_weight) s = {random.in(2, 60), 1, s[2], s[3]};
    return s;
  }

  /// Codes of rows as they lie in a buffer.
  ByteVector codes(std::int64_t begin, std::int64_t end) const {
    ByteVector bytes;
    for (std::int64_t row = begin; row < end; ++row) {
      for (const std::uint16_t container : row_containers(layout, tensor, profile.format, row)) {
        const std::int32_t code = profile.format.code(container);
        bytes.push_back(static_cast<std::uint8_t>(code));
        if (profile.format.bits == 16) bytes.push_back(static_cast<std::uint8_t>(code >> 8));
      }
    }
    return bytes;
  }

  EngineStream in_memory(std::uint64_t capacity = 0) const {
    return {&codec, &directory, stream_address, table_address, capacity};
  }
};

struct Bench {
  std::unique_ptr<BaseProtocolChecker> checker;
  std::unique_ptr<RecordingMemory> memory;
  std::unique_ptr<OnChipBuffer> activations, weights, outputs;
  std::unique_ptr<CompressionEngine> engine;
  std::unique_ptr<Driver> driver;

  explicit Bench(const EngineConfig& config) {
    fresh_simulation();
    memory = std::make_unique<RecordingMemory>("memory", memory_bytes);
    activations = std::make_unique<OnChipBuffer>("activations", buffer_bytes);
    weights = std::make_unique<OnChipBuffer>("weights", buffer_bytes);
    outputs = std::make_unique<OnChipBuffer>("outputs", buffer_bytes);
    engine = std::make_unique<CompressionEngine>("engine", config);
    driver = std::make_unique<Driver>("driver");
    BaseProtocolOptions options;
    options.end_resp_by_call = true;
    checker = std::make_unique<BaseProtocolChecker>("checker", options);
    engine->mem.bind(checker->target_socket);
    checker->initiator_socket.bind(memory->socket);
    engine->activation_buffer.bind(activations->write_port);
    engine->weight_buffer.bind(weights->write_port);
    engine->output_buffer.bind(outputs->read_port);
  }

  void store(const Stream& stream) {
    memory->store(stream_address, stream.encoded.stream);
    memory->store(table_address, table_in_memory(stream.plan.format.header, stream.encoded.table));
  }

  /// False if the body never came to its end.
  bool run(std::function<void()> body) {
    driver->body = std::move(body);
    sc_core::sc_start();
    REQUIRE(checker->finish() == std::vector<std::string>{});
    return driver->finished;
  }

  static ByteVector transfer(tlm_utils::simple_target_socket_optional<OnChipBuffer>& port,
                             tlm::tlm_command command, std::uint64_t address, ByteVector bytes) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(bytes.data());
    payload.set_data_length(static_cast<unsigned int>(bytes.size()));
    payload.set_streaming_width(static_cast<unsigned int>(bytes.size()));
    port.get_base_interface().transport_dbg(payload);
    return bytes;
  }
  static ByteVector peek(OnChipBuffer& buffer, std::uint64_t address, std::size_t length) {
    return transfer(buffer.read_port, tlm::TLM_READ_COMMAND, address, ByteVector(length));
  }
  static void poke(OnChipBuffer& buffer, std::uint64_t address, const ByteVector& bytes) {
    transfer(buffer.write_port, tlm::TLM_WRITE_COMMAND, address, bytes);
  }

  /// Whole bursts within [begin, end) of memory, none longer than allowed, few enough at a time.
  void check_accesses(const EngineConfig& config, const Stream& stream) const {
    REQUIRE(memory->illegal == std::vector<std::string>{});
    const std::uint64_t bursts = std::max(config.request_bytes / config.burst_bytes, std::uint64_t{1});
    const std::uint64_t longest = (config.four_phases ? 1 : bursts) * config.burst_bytes;
    const std::uint64_t outstanding = (config.four_phases ? bursts : 1) * config.outstanding;
    const auto within = [&](const Access& access, std::uint64_t begin, std::uint64_t length) {
      const std::uint64_t end =
          begin + (length + config.burst_bytes - 1) / config.burst_bytes * config.burst_bytes;
      return access.address >= begin && access.address + access.length <= end;
    };
    for (const Access& access : memory->accesses) {
      REQUIRE(access.address % config.burst_bytes == 0);
      REQUIRE(access.length % config.burst_bytes == 0);
      REQUIRE(access.length <= longest);
      REQUIRE((within(access, stream_address, stream.plan.stream_bytes()) ||
               within(access, table_address, stream.plan.table_bytes())));
    }
    REQUIRE(memory->most_under_way(false) <= outstanding);
    REQUIRE(memory->most_under_way(true) <= outstanding);
  }
};

EngineConfig random_config(Random& random) {
  EngineConfig config;
  config.four_phases = random.chance(50);
  config.burst_bytes = random.of<std::uint64_t>({16, 32, 64, 128});
  config.request_bytes = random.of<std::uint64_t>({1, 64, 100, 512, 4096});
  config.outstanding = random.of<std::uint64_t>({1, 2, 8});
  config.decoders = random.of<std::uint64_t>({0, 0, 1, 3});
  config.encoders = random.of<std::uint64_t>({0, 0, 1, 3});
  return config;
}

RowRange random_rows(Random& random, const StreamLayout& layout) {
  const StreamSection& section = layout.sections()[static_cast<std::size_t>(
      random.in(0, static_cast<std::int64_t>(layout.sections().size()) - 1))];
  const std::int64_t begin = random.in(section.first_row, section.end_row() - 1);
  return {begin, random.in(begin + 1, section.end_row())};
}

}  // namespace

TEST_CASE("fetched rows arrive as codes; memory sees whole bursts, aligned and few at a time") {
  Random random(51);
  bool limited = false;
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    const bool is_weight = random.chance(50);
    const Stream stream(random, !is_weight          ? StreamRole::activation
                                : random.chance(50) ? StreamRole::weight
                                                    : StreamRole::depthwise_weight);
    const EngineConfig config = random_config(random);
    Bench bench(config);
    bench.store(stream);
    const Operand operand = is_weight ? Operand::weight : Operand::activation;
    const NaiveStream naive(stream.layout, stream.plan);
    NaiveFetches fetches(config.burst_bytes);
    std::uint64_t expected_bytes =
        (stream.plan.table_bytes() + config.burst_bytes - 1) / config.burst_bytes * config.burst_bytes;
    std::vector<std::string> wrong;
    const bool finished = bench.run([&] {
      EngineLayer layer;
      (is_weight ? layer.weight : layer.activation) = stream.in_memory();
      bench.engine->begin_layer(layer);
      const auto table = bench.engine->fetch_table(operand);
      if (table && table() < sc_core::sc_time_stamp()) wrong.emplace_back("table in the past");
      for (int i = 0; i < 8; ++i) {
        const std::vector<RowRange> rows = {random_rows(random, stream.layout),
                                            random_rows(random, stream.layout)};
        ByteVector codes;
        for (const RowRange& range : rows) {
          const ByteVector part = stream.codes(range.begin, range.end);
          codes.insert(codes.end(), part.begin(), part.end());
          expected_bytes += fetches.fetch(naive, range);
        }
        const auto address =
            static_cast<std::uint64_t>(random.in(0, static_cast<std::int64_t>(buffer_bytes - codes.size())));
        const std::size_t before = bench.memory->accesses.size();
        const FetchTimes times = bench.engine->fetch(operand, rows, address)();
        sc_core::sc_time last = sc_core::sc_time_stamp();
        for (std::size_t a = before; a < bench.memory->accesses.size(); ++a)
          last = std::max(last, bench.memory->accesses[a].completed);
        if (times.at_engine > last) wrong.emplace_back("at the engine after the last access");
        if (before < bench.memory->accesses.size() &&
            times.at_engine < bench.memory->accesses.back().completed)
          wrong.emplace_back("at the engine before the last access");
        if (times.in_buffer < times.at_engine) wrong.emplace_back("in the buffer before at the engine");
        if (config.decoders == 0 && times.in_buffer != times.at_engine)
          wrong.emplace_back("decoding takes time");
        limited = limited || times.in_buffer > times.at_engine;
        OnChipBuffer& buffer = is_weight ? *bench.weights : *bench.activations;
        if (Bench::peek(buffer, address, codes.size()) != codes) wrong.emplace_back("codes");
      }
    });
    REQUIRE(finished);
    REQUIRE(wrong == std::vector<std::string>{});
    bench.check_accesses(config, stream);
    REQUIRE(bench.memory->moved(false) == expected_bytes);
    REQUIRE((is_weight ? bench.engine->traffic().weight_read_bytes
                       : bench.engine->traffic().activation_read_bytes) == expected_bytes);
    REQUIRE(bench.memory->moved(true) == 0);
  }
  CHECK(limited);
}

TEST_CASE("drained results become the stream and its table, each burst written once") {
  Random random(52);
  int out_of_order = 0;
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    Stream stream(random, StreamRole::activation);
    const EngineConfig config = random_config(random);
    Bench bench(config);
    // Jobs: parts of the channels by parts of the rows, either of them outer.
    const Shape& shape = stream.tensor.shape;
    const std::int64_t rows = shape[0] * shape[2];
    const std::int64_t part = random.in(1, shape[1]);
    const std::int64_t band = random.in(1, rows);
    const bool channels_outer = random.chance(50);
    std::vector<JobResults> jobs;
    for (std::int64_t i = 0; i < (channels_outer ? shape[1] : rows); i += channels_outer ? part : band) {
      for (std::int64_t k = 0; k < (channels_outer ? rows : shape[1]); k += channels_outer ? band : part) {
        JobResults job;
        job.channel_begin = channels_outer ? i : k;
        job.channel_end = std::min(job.channel_begin + part, shape[1]);
        job.rows.begin = channels_outer ? k : i;
        job.rows.end = std::min(job.rows.begin + band, rows);
        job.buffer_address = jobs.size() % 2 * (buffer_bytes / 2);
        jobs.push_back(job);
      }
    }
    // A block is complete with the last value that it gets.
    std::vector<std::vector<std::int64_t>> completed(jobs.size());
    std::vector<std::int64_t> order;
    for (std::size_t b = 0; b < stream.layout.blocks().size(); ++b) {
      const StreamBlock& block = stream.layout.blocks()[b];
      const StreamSection& section = stream.layout.section_of_row(block.first_row);
      std::size_t last = 0;
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        const std::int64_t first = block.first_row - section.first_row;
        if (jobs[j].rows.begin < first + block.rows && first < jobs[j].rows.end &&
            jobs[j].channel_begin < section.first_channel + section.channels &&
            section.first_channel < jobs[j].channel_end)
          last = j;
      }
      completed[last].push_back(static_cast<std::int64_t>(b));
    }
    for (const auto& blocks : completed)
      order.insert(order.end(), blocks.begin(), blocks.end());
    out_of_order += !std::is_sorted(order.begin(), order.end());
    const StreamDirectory directory(stream.layout, stream.plan,
                                    stream.plan.has_table() ? order : std::vector<std::int64_t>{});
    EngineLayer layer;
    layer.output = stream.in_memory(stream.plan.stream_bytes());
    layer.output.directory = &directory;
    std::vector<std::string> wrong;
    const bool finished = bench.run([&] {
      bench.engine->begin_layer(layer);
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        ByteVector results;
        for (std::int64_t row = jobs[j].rows.begin; row < jobs[j].rows.end; ++row) {
          for (std::int64_t x = 0; x < shape[3]; ++x) {
            for (std::int64_t c = jobs[j].channel_begin; c < jobs[j].channel_end; ++c) {
              const std::int32_t code = stream.tensor.code(
                  ((row / shape[2] * shape[1] + c) * shape[2] + row % shape[2]) * shape[3] + x);
              results.push_back(static_cast<std::uint8_t>(code));
              if (stream.profile.format.bits == 16) results.push_back(static_cast<std::uint8_t>(code >> 8));
            }
          }
        }
        Bench::poke(*bench.outputs, jobs[j].buffer_address, results);
        const sc_core::sc_time start = sc_core::sc_time_stamp();
        const DrainTimes times = bench.engine->drain(jobs[j], completed[j])();
        if (times.encoded < start || times.written < times.encoded) wrong.emplace_back("times of a drain");
        if (config.encoders == 0 && times.encoded != start) wrong.emplace_back("encoding takes time");
      }
      const sc_core::sc_time done = bench.engine->finish_output()();
      for (const Access& access : bench.memory->accesses)
        if (access.completed > done) wrong.emplace_back("done before the last write");
    });
    REQUIRE(finished);
    REQUIRE(wrong == std::vector<std::string>{});
    bench.check_accesses(config, stream);
    const auto rounded = [&](std::uint64_t bytes) {
      return (bytes + config.burst_bytes - 1) / config.burst_bytes * config.burst_bytes;
    };
    const std::uint64_t written = rounded(stream.plan.stream_bytes()) + rounded(stream.plan.table_bytes());
    REQUIRE(bench.memory->moved(true) == written);
    REQUIRE(bench.engine->traffic().output_write_bytes == written);

    const ByteVector bytes = bench.memory->load(stream_address, stream.plan.stream_bytes());
    std::vector<std::uint32_t> table;
    for (std::size_t b = 0; b < (stream.plan.has_table() ? stream.plan.block_bytes.size() : 0); ++b) {
      table.push_back(static_cast<std::uint32_t>(directory.block_offset(static_cast<std::int64_t>(b))));
    }
    const ByteVector expected_table =
        stream.plan.has_table() ? table_in_memory(stream.plan.format.header, table) : ByteVector{};
    REQUIRE(bench.memory->load(table_address, stream.plan.table_bytes()) == expected_table);
    Tensor decoded = stream.tensor;
    std::fill(decoded.data.begin(), decoded.data.end(), std::uint8_t{0});
    decode(stream.codec, stream.layout, stream.plan.format, bytes, table, decoded);
    REQUIRE(decoded.data == stream.tensor.data);
    // The last burst is filled with zeros; nothing else is touched.
    for (std::uint64_t at = stream_address + stream.plan.stream_bytes();
         at < stream_address + rounded(stream.plan.stream_bytes()); ++at)
      REQUIRE(bench.memory->bytes[at] == 0);
    REQUIRE(bench.memory->bytes[stream_address - 1] == RecordingMemory::filler);
    REQUIRE(bench.memory->bytes[stream_address + rounded(stream.plan.stream_bytes())] ==
            RecordingMemory::filler);
  }
  CHECK(out_of_order > 10);
}

namespace {

/// What fetching table and all rows ends with.
std::string fetch_all(Bench& bench, const Stream& stream) {
  std::string outcome = "fine";
  const bool finished = bench.run([&] {
    try {
      EngineLayer layer;
      layer.activation = stream.in_memory();
      bench.engine->begin_layer(layer);
      const auto table = bench.engine->fetch_table(Operand::activation);
      if (table) table();
      for (const StreamSection& section : stream.layout.sections())
        bench.engine->fetch(Operand::activation, {{section.first_row, section.end_row()}}, 0)();
    } catch (const StreamError& error) {
      outcome = std::string("StreamError: ") + error.what();
    } catch (const TransportError& error) {
      outcome = std::string("TransportError: ") + error.what();
    }
  });
  return finished ? outcome : "hangs";
}

}  // namespace

TEST_CASE("a corrupted table, a stream that breaks its format and a broken memory are errors") {
  Random random(53);
  int tables = 0;
  int zero_marks = 0;
  for (int round = 0; round < 90; ++round) {
    CAPTURE(round);
    const Stream stream(random, StreamRole::activation);
    {
      Bench bench{EngineConfig{}};
      bench.store(stream);
      REQUIRE(fetch_all(bench, stream) == "fine");
    }
    {
      Bench bench{EngineConfig{}};
      bench.store(stream);
      bench.memory->broken = {stream_address, stream_address + 1};
      const std::string outcome = fetch_all(bench, stream);
      REQUIRE_THAT(outcome, Catch::StartsWith("TransportError: engine.mem: ") && Catch::Contains("16384"));
      REQUIRE(outcome.find('\n') == std::string::npos);
    }
    if (!stream.plan.has_table()) continue;
    {
      Bench bench{EngineConfig{}};
      bench.store(stream);
      const auto bit = random.in(0, static_cast<std::int64_t>(8 * stream.plan.table_bytes()) - 1);
      bench.memory->bytes[table_address + static_cast<std::uint64_t>(bit / 8)] ^= 1 << bit % 8;
      const auto header_bits = static_cast<std::int64_t>(8 * stream.plan.format.header.size());
      const std::string place =
          bit < header_bits ? "the header" : "block " + std::to_string((bit - header_bits) / 32) + ":";
      REQUIRE_THAT(fetch_all(bench, stream),
                   Catch::StartsWith("StreamError: offset table") && Catch::Contains(place));
      ++tables;
    }
    if (stream.layout.sections().front().rows_per_block > 1 && stream.layout.blocks().front().rows > 1 &&
        stream.plan.format.mode == TensorMode::coded_zero) {
      // The first Z of a block: one value more or less moves the end of its row.
      Bench bench{EngineConfig{}};
      bench.store(stream);
      bench.memory->bytes[stream_address] ^= 1;
      REQUIRE_THAT(fetch_all(bench, stream),
                   Catch::StartsWith("StreamError: stream at address 16384, block "));
      ++zero_marks;
    }
  }
  CHECK(tables > 10);
  CHECK(zero_marks > 3);
}

TEST_CASE("an output that outgrows its region is an error, and nothing is written outside") {
  Random random(54);
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    const Stream stream(random, StreamRole::activation);
    const EngineConfig config = random_config(random);
    Bench bench(config);
    const auto capacity =
        static_cast<std::uint64_t>(random.in(0, static_cast<std::int64_t>(stream.plan.stream_bytes()) - 1));
    const Shape& shape = stream.tensor.shape;
    std::string outcome = "fine";
    const bool finished = bench.run([&] {
      EngineLayer layer;
      layer.output = stream.in_memory(capacity);
      bench.engine->begin_layer(layer);
      JobResults job;
      job.channel_end = shape[1];
      std::vector<std::int64_t> blocks;
      for (std::size_t b = 0; b < stream.layout.blocks().size(); ++b)
        blocks.push_back(static_cast<std::int64_t>(b));
      job.rows = {0, shape[0] * shape[2]};
      ByteVector results;
      for (std::int64_t row = 0; row < job.rows.end; ++row) {
        for (std::int64_t x = 0; x < shape[3]; ++x) {
          for (std::int64_t c = 0; c < shape[1]; ++c) {
            const std::int32_t code = stream.tensor.code(
                ((row / shape[2] * shape[1] + c) * shape[2] + row % shape[2]) * shape[3] + x);
            results.push_back(static_cast<std::uint8_t>(code));
            if (stream.profile.format.bits == 16) results.push_back(static_cast<std::uint8_t>(code >> 8));
          }
        }
      }
      Bench::poke(*bench.outputs, 0, results);
      try {
        bench.engine->drain(job, blocks)();
        bench.engine->finish_output()();
      } catch (const StreamError& error) {
        outcome = error.what();
      }
    });
    REQUIRE(finished);
    REQUIRE_THAT(outcome, Catch::StartsWith("output stream at address 16384 does not fit its region of " +
                                            std::to_string(capacity) + " bytes"));
    for (const Access& access : bench.memory->accesses) {
      REQUIRE(access.address >= stream_address);
      REQUIRE(access.address + access.length <= stream_address + capacity);
    }
  }
}

TEST_CASE("with an ideal memory nothing crosses the socket and nothing takes time") {
  Random random(55);
  const Stream stream(random, StreamRole::activation);
  Bench bench{EngineConfig{}};
  FetchTimes times;
  std::string refused;
  const bool finished = bench.run([&] {
    EngineLayer layer;
    layer.activation = stream.in_memory();
    layer.ideal_memory = true;
    try {
      bench.engine->begin_layer(layer);
    } catch (const std::logic_error& error) {
      refused = error.what();
    }
    layer.elided = true;
    bench.engine->begin_layer(layer);
    times = bench.engine->fetch(Operand::activation, {{0, 1}}, 0)();
  });
  REQUIRE(finished);
  CHECK(refused == "an ideal memory holds no data");
  CHECK(times.in_buffer == sc_core::SC_ZERO_TIME);
  CHECK(bench.memory->accesses.empty());
}
