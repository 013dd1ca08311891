// The inline engine between initiators and memories, under the base-protocol checker on both sides.
#include "models/compression/inline_engine.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include "models/dram/dram.h"
#include "tests/compression/inline_engine_bench.h"
#include "tests/compression/inline_engine_use.h"
#include "tests/support/input_error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using Violations = std::vector<std::string>;

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t random_accesses = 10000;
#else
constexpr std::size_t random_accesses = 100000;
#endif

constexpr std::uint64_t burst = 64;

/// A tensor with a mapping of its own behind the last one.
struct Mapped {
  Tensor tensor;
  TensorMapping mapping;
  StreamPlan plan;

  std::uint64_t base() const { return mapping.base; }
  std::uint64_t end() const { return mapping.base + tensor.data.size(); }
  std::uint64_t memory_end() const {
    return std::max(mapping.stream_address + stream_room(mapping, burst),
                    mapping.table_address + table_room(mapping, burst));
  }
  ByteVector zeros() const {
    ByteVector bytes;
    for (std::int64_t i = 0; i < tensor.values(); ++i) {
      bytes.push_back(static_cast<std::uint8_t>(tensor.zero_point));
      if (tensor.bits == 16) bytes.push_back(static_cast<std::uint8_t>(tensor.zero_point >> 8));
    }
    return bytes;
  }
};

Mapped map_behind(const Mapped* last, const Tensor& tensor, StreamRole role, const StreamOptions& options,
                  const std::string& codec_name, BlockStore store, bool written) {
  const StreamLayout layout(role, tensor.shape, options);
  const Codec& codec = find_codec(codec_name);
  StreamPlan plan = plan_of(codec, layout, tensor, profile_of(tensor).format,
                            tensor.bits == 8 ? ZeroVector::always : ZeroVector::never);
  TensorMapping mapping{0x1000, layout, &codec, plan.format, store};
  if (last != nullptr) mapping.base = last->end() + 13;  // not aligned, with a gap
  mapping.written = written;
  mapping.stream_bytes = plan.stream_bytes();
  mapping.stream_address = last == nullptr ? 0 : last->memory_end();
  mapping.table_address = mapping.stream_address + stream_room(mapping, burst);
  return {tensor, mapping, plan};
}

ByteVector little_endian_words(const std::vector<std::uint32_t>& words) {
  ByteVector bytes;
  for (const std::uint32_t word : words) {
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  }
  return bytes;
}

/// Stream and table as the host writes them.
void store(ByteVector& memory, const Mapped& mapped) {
  const EncodedTensor encoded =
      encode(*mapped.mapping.codec, mapped.mapping.layout, mapped.plan, mapped.tensor);
  ByteVector table = mapped.mapping.format.header;
  const ByteVector offsets = little_endian_words(encoded.table);
  table.insert(table.end(), offsets.begin(), offsets.end());
  std::copy(encoded.stream.begin(), encoded.stream.end(),
            memory.begin() + static_cast<std::ptrdiff_t>(mapped.mapping.stream_address));
  std::copy(table.begin(), table.end(),
            memory.begin() + static_cast<std::ptrdiff_t>(mapped.mapping.table_address));
}

/// A tensor of (1,4,H,W), codes as given, unsigned 8 b.
Tensor plain_tensor(const Shape& shape, const std::function<int(std::int64_t)>& code) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.dtype = DType::uint8;
  for (std::int64_t i = 0; i < volume(shape); ++i)
    tensor.data.push_back(static_cast<std::uint8_t>(code(i)));
  return tensor;
}

/// Whether blocks of random bytes come back: formats that a profile narrows don't hold every value.
bool holds_anything(const Mapped& mapped, Random& random) {
  const TensorMapping& m = mapped.mapping;
  for (int trial = 0; trial < 100; ++trial) {
    ByteVector codes(static_cast<std::size_t>(m.layout.block_values(0)) * m.format.container_bytes());
    for (std::uint8_t& byte : codes)
      byte = static_cast<std::uint8_t>(random.in(0, 255));
    ByteVector encoded, decoded(codes.size());
    try {
      encode_block(*m.codec, m.layout, m.format, 0, codes.data(), encoded);
      decode_block(*m.codec, m.layout, m.format, 0, encoded.data(), encoded.size(), decoded.data());
    } catch (const std::exception&) {
      return false;
    }
    if (decoded != codes) return false;
  }
  return true;
}

/// Every codec with 8-bit and 16-bit tensors of all roles, in slots.
std::vector<Mapped> tensors_in_slots(Random& random) {
  std::vector<Mapped> all;
  for (const std::string& codec : codec_names()) {
    for (const int bits : {8, 16}) {
      const auto role = random.of<StreamRole>(
          {StreamRole::activation, StreamRole::activation, StreamRole::weight, StreamRole::depthwise_weight});
      Shape shape{random.in(1, 3), random.in(1, 20), random.in(1, 6), random.in(1, 6)};
      if (role == StreamRole::depthwise_weight) shape = {random.in(2, 40), 1, 3, 3};
      StreamOptions options{random.of<std::int64_t>({4, 16}), random.of<std::int64_t>({3, 8, 64}),
                            random.of<std::int64_t>({20, 60, 200}), random.of<std::int64_t>({1, 2})};
      all.push_back(map_behind(all.empty() ? nullptr : &all.back(), random_tensor(random, codec, shape, bits),
                               role, options, codec, BlockStore::slots, true));
    }
  }
  return all;
}

struct RandomCase {
  bool non_blocking = false;
  bool dram = false;
  bool mixed = false;
  bool waits = false;
  bool is_alone_at_memory = false;  ///< one request at a time
  std::size_t accesses = random_accesses;
  LatencyMemory::Manner manner = LatencyMemory::Manner::end_request;
  InlineEngineConfig config;
};

/// Random reads and writes of any alignment and length, with byte enables now and then, are those of a plain
/// array. Debug accesses in between as well. At the end, slots and tables in memory decode to the same.
void check_random_accesses(const RandomCase& c, std::uint64_t seed) {
  Random random(seed);
  InlineBench bench(c.config, c.non_blocking);
  bench.initiator->is_mixed = c.mixed;
  bench.initiator->outstanding = 6;
  std::unique_ptr<LatencyMemory> memory;
  std::unique_ptr<dram::Dram> dram;
  if (c.dram) {
    const dram::Preset& preset = dram::find_preset("ddr4-3200");
    dram = std::make_unique<dram::Dram>("dram", preset, preset.default_mapping, 1);
    bench.back->initiator_socket.bind(dram->socket);
  } else {
    memory = std::make_unique<LatencyMemory>("memory", 1 << 20, sc_core::sc_time(20, sc_core::SC_NS));
    memory->manner = c.manner;
    memory->waits = c.waits;
    bench.back->initiator_socket.bind(memory->socket);
  }

  const std::vector<Mapped> tensors = tensors_in_slots(random);
  std::vector<ByteVector> arrays;
  std::vector<bool> takes_anything;
  for (const Mapped& mapped : tensors) {
    bench.engine->map(mapped.mapping);
    arrays.push_back(mapped.zeros());
    takes_anything.push_back(holds_anything(mapped, random));
  }
  REQUIRE(std::count(takes_anything.begin(), takes_anything.end(), true) >= 6);
  std::vector<std::string> wrong;
  bench.initiator->setup = [&] {
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      if (t % 2 == 0 && takes_anything[t]) continue;  // never written at first
      if (!bench.poke(tensors[t].base(), tensors[t].tensor.data)) wrong.push_back("poke");
      arrays[t] = tensors[t].tensor.data;
    }
  };
  struct Expected {
    std::size_t tensor;
    ByteVector data, old;
  };
  std::vector<Expected> expected(c.accesses);
  bench.orders.resize(c.accesses);
  for (std::size_t i = 0; i < c.accesses; ++i) {
    Order& order = bench.orders[i];
    const auto t = static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(tensors.size()) - 1));
    const auto size = static_cast<std::int64_t>(arrays[t].size());
    const std::int64_t length = random.in(1, std::min(size, random.of<std::int64_t>({4, 16, 120})));
    const std::int64_t at = random.in(0, size - length);
    order.address = tensors[t].base() + static_cast<std::uint64_t>(at);
    order.is_write = random.chance(50);
    order.data.resize(static_cast<std::size_t>(length));
    const bool is_narrow = !takes_anything[t] || random.chance(50);
    for (std::size_t b = 0; b < order.data.size(); ++b) {
      const std::size_t place = static_cast<std::size_t>(at) + b;
      order.data[b] =
          is_narrow ? tensors[t].tensor.data[place] : static_cast<std::uint8_t>(random.in(0, 255));
    }
    if (random.chance(10)) {
      for (std::int64_t b = random.in(1, 5); b > 0; --b)
        order.enables.push_back(random.chance(50) ? TLM_BYTE_ENABLED : TLM_BYTE_DISABLED);
    }
    expected[i].tensor = t;
    // In the order in which requests are made.
    order.before = [&, i, t, at](Order& o) {
      ByteVector& array = arrays[t];
      Expected& e = expected[i];
      e.data = o.data;
      for (std::size_t b = 0; b < o.data.size(); ++b) {
        if (!o.enables.empty() && o.enables[b % o.enables.size()] == 0) continue;
        std::uint8_t& place = array[static_cast<std::size_t>(at) + b];
        if (o.is_write) {
          place = o.data[b];
        } else {
          e.data[b] = place;
        }
      }
      if (i % 1024 == 0 && bench.initiator->answered == i) {
        if (bench.peek(o.address, 1).size() != 1) wrong.push_back("peek");
      }
    };
  }
  sc_core::sc_start();
  for (std::size_t i = 0; i < c.accesses && wrong.size() < 5; ++i) {
    const Order& order = bench.orders[i];
    const std::string what = std::to_string(i) + (order.is_write ? " write " : " read ") +
                             std::to_string(order.address) + "+" + std::to_string(order.data.size()) +
                             " of " + tensors[expected[i].tensor].tensor.key;
    if (order.status != tlm::TLM_OK_RESPONSE) wrong.push_back(what + ": status");
    if (order.data != expected[i].data) wrong.push_back(what + ": data");
  }
  CHECK(wrong == Violations{});
  INFO(bench.engine->last_error());
  CHECK(bench.engine->last_error().empty());
  CHECK(bench.front->finish() == Violations{});
  CHECK(bench.back->finish() == Violations{});
  if (c.non_blocking) {
    CHECK(bench.front->most_in_flight() > 1);
    CHECK((c.is_alone_at_memory || bench.back->most_in_flight() > 1));
    CHECK(bench.front->most_in_flight() <= c.config.transactions + 1);
    CHECK(bench.back->most_in_flight() <= c.config.outstanding);
  }
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    INFO(tensors[t].tensor.key);
    CHECK(bench.peek(tensors[t].base(), arrays[t].size()) == arrays[t]);
  }
  if (c.dram) return;
  CHECK(memory->odd_accesses == 0);
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    INFO(tensors[t].tensor.key);
    const TensorMapping& m = tensors[t].mapping;
    Tensor decoded = tensors[t].tensor;
    decoded.data = tensors[t].zeros();
    const std::uint64_t slot = slot_bytes(m, burst);
    for (std::size_t b = 0; b < m.layout.blocks().size(); ++b) {
      std::uint32_t used = 0;
      std::memcpy(&used, memory->bytes.data() + m.table_address + 4 * b, sizeof used);
      if (m.format.mode == TensorMode::raw) used = static_cast<std::uint32_t>(slot);
      if (used == 0) continue;
      CHECK(used <= slot);
      ByteVector containers(static_cast<std::size_t>(m.layout.block_values(static_cast<std::int64_t>(b))) *
                            m.format.container_bytes());
      decode_block(*m.codec, m.layout, m.format, static_cast<std::int64_t>(b),
                   memory->bytes.data() + m.stream_address + b * slot, used, containers.data());
      m.layout.scatter(containers.data(), m.format.values, m.layout.blocks()[b].first_row,
                       m.layout.blocks()[b].rows, decoded);
    }
    CHECK(decoded.data == arrays[t]);
  }
}

InlineEngineConfig busy_config() {
  InlineEngineConfig config;
  config.decoders = 2;
  config.encoders = 1;
  config.read_fifo_bursts = 3;
  config.write_fifo_bursts = 2;
  config.outstanding = 5;
  config.cache_blocks = 3;
  return config;
}

TEST_CASE("slots behave as a plain array (loosely timed)", "[inline]") {
  RandomCase c;
  c.config = busy_config();
  check_random_accesses(c, 1);
}

TEST_CASE("slots in DRAM behave as a plain array (loosely timed)", "[inline]") {
  RandomCase c;
  c.dram = true;
  c.config = busy_config();
  check_random_accesses(c, 2);
}

TEST_CASE("slots behave as a plain array (approximately timed)", "[inline]") {
  RandomCase c;
  c.non_blocking = true;
  c.config = busy_config();
  check_random_accesses(c, 3);
}

TEST_CASE("slots in DRAM behave as a plain array (approximately timed)", "[inline]") {
  RandomCase c;
  c.non_blocking = c.dram = true;
  c.config = busy_config();
  check_random_accesses(c, 4);
}

// One simulation a case: what throws after another one confuses AddressSanitizer.

void check_manner(LatencyMemory::Manner manner, std::uint64_t outstanding) {
  RandomCase c;
  c.non_blocking = true;
  c.manner = manner;
  c.accesses = 2000;
  c.config = busy_config();
  c.config.outstanding = outstanding;
  c.is_alone_at_memory = outstanding == 1;
  check_random_accesses(c, 5 + static_cast<std::uint64_t>(manner));
}

TEST_CASE("slots behind a memory that accepts requests late", "[inline]") {
  check_manner(LatencyMemory::Manner::end_request_later, 5);
}

TEST_CASE("slots behind a memory that begins responses within the call", "[inline]") {
  check_manner(LatencyMemory::Manner::begin_response, 1);
}

TEST_CASE("slots behind a memory that completes within the call", "[inline]") {
  check_manner(LatencyMemory::Manner::completed, 1);
}

void check_waiting(bool mixed, bool waits, std::uint64_t request_bytes) {
  RandomCase c;
  c.accesses = 2000;
  c.waits = waits;
  c.non_blocking = c.mixed = mixed;
  c.config = busy_config();
  c.config.request_bytes = request_bytes;
  check_random_accesses(c, 9);
}

TEST_CASE("slots behind a memory that waits", "[inline]") {
  check_waiting(false, true, burst);
}

TEST_CASE("slots on both paths behind a memory that waits", "[inline]") {
  check_waiting(true, true, burst);
}

TEST_CASE("slots on both paths with requests of several bursts", "[inline]") {
  check_waiting(true, false, 512);
}

// Packed.

struct PackedCase {
  StreamRole role;
  std::string codec;
  int bits;
  bool non_blocking;
};

/// Writes a tensor from its first byte to its last, reads what is there in between, all of it at the end, and
/// compares stream and table in memory with the tensor.
void check_packed(const PackedCase& c, std::uint64_t seed) {
  Random random(seed);
  INFO(c.codec << ' ' << c.bits << " b, role " << static_cast<int>(c.role) << ", non-blocking "
               << c.non_blocking);
  Shape shape{2, 9, 5, 4};
  if (c.role == StreamRole::weight) shape = {20, 9, 3, 3};
  if (c.role == StreamRole::depthwise_weight) shape = {50, 1, 3, 3};
  const StreamOptions options{4, 4, 30, 3};
  InlineEngineConfig config = busy_config();
  // Filters come one after another; all else is complete near its end only.
  config.collected_blocks = c.role == StreamRole::weight ? 1 : 1000;
  InlineBench bench(config, c.non_blocking);
  LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
  std::fill(memory.bytes.begin(), memory.bytes.end(), std::uint8_t{0xa5});
  bench.back->initiator_socket.bind(memory.socket);
  Mapped mapped = map_behind(nullptr, random_tensor(random, "t", shape, c.bits), c.role, options, c.codec,
                             BlockStore::packed, false);
  bench.engine->map(mapped.mapping);

  const ByteVector& data = mapped.tensor.data;
  const auto slice = [&](std::size_t begin, std::size_t end) {
    return ByteVector(data.begin() + static_cast<std::ptrdiff_t>(begin),
                      data.begin() + static_cast<std::ptrdiff_t>(end));
  };
  const std::uint64_t base = mapped.base();
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t end = std::min(at + static_cast<std::size_t>(random.log_in(1, 100)), data.size());
    bench.write(base + at, slice(at, end));
    at = end;
    if (c.role != StreamRole::weight || !random.chance(20)) continue;
    const std::size_t filters = at / (81 * static_cast<std::size_t>(c.bits) / 8) / 3 * 3;  // of whole blocks
    const std::size_t there = filters * 81 * static_cast<std::size_t>(c.bits) / 8;
    if (there == 0) continue;
    const auto first = static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(there) - 1));
    bench.read(base + first, std::min<std::size_t>(there - first, 90));
  }
  for (int i = 0; i < 100; ++i) {
    const auto first = static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(data.size()) - 1));
    bench.read(base + first, std::min<std::size_t>(data.size() - first, 90));
  }
  sc_core::sc_start();
  std::size_t wrong = 0;
  for (const Order& order : bench.orders) {
    const std::size_t at = order.address - base;
    wrong += order.status != tlm::TLM_OK_RESPONSE || order.data != slice(at, at + order.data.size());
  }
  INFO(bench.engine->last_error());
  CHECK(wrong == 0);
  CHECK(bench.peek(base, data.size()) == data);
  CHECK(bench.front->finish() == Violations{});
  CHECK(bench.back->finish() == Violations{});
  CHECK(memory.odd_accesses == 0);

  const TensorMapping& m = mapped.mapping;
  const auto in_memory = [&](std::uint64_t address, std::uint64_t bytes) {
    const auto first = memory.bytes.begin() + static_cast<std::ptrdiff_t>(address);
    return ByteVector(first, first + static_cast<std::ptrdiff_t>(bytes));
  };
  const bool is_raw = m.format.mode == TensorMode::raw;
  std::vector<std::uint32_t> table(is_raw ? 0 : m.layout.blocks().size());
  const ByteVector bytes = in_memory(m.table_address, table_room(m, burst));
  if (!is_raw) {
    const std::size_t header = m.format.header.size();
    CHECK(ByteVector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header)) == m.format.header);
    std::memcpy(table.data(), bytes.data() + header, 4 * table.size());
  }
  Tensor decoded = mapped.tensor;
  decoded.data = mapped.zeros();
  decode(*m.codec, m.layout, m.format, in_memory(m.stream_address, m.stream_bytes), table, decoded);
  CHECK(decoded.data == data);
  // Each burst was written once.
  const InlineEngineCounters& counters = bench.engine->counters();
  CHECK(counters.stream_written_bytes == stream_room(m, burst));
  CHECK(counters.table_written_bytes == table_room(m, burst));
  CHECK(counters.table_read_bytes == 0);
  CHECK(counters.bytes_written == data.size());
  CHECK(counters.blocks_encoded == (is_raw ? 0 : m.layout.blocks().size()));
}

TEST_CASE("a packed tensor is written once in order and read at random", "[inline]") {
  std::uint64_t seed = 1;
  for (const std::string& codec : codec_names()) {
    for (const StreamRole role : {StreamRole::activation, StreamRole::weight, StreamRole::depthwise_weight}) {
      for (const int bits : {8, 16}) {
        for (const bool non_blocking : {false, true})
          check_packed({role, codec, bits, non_blocking}, ++seed);
      }
    }
  }
}

TEST_CASE("packed streams that a host wrote are read through their tables", "[inline]") {
  Random random(21);
  for (const bool non_blocking : {false, true}) {
    InlineBench bench(busy_config(), non_blocking);
    LatencyMemory memory("memory", 1 << 18, sc_core::sc_time(20, sc_core::SC_NS));
    bench.back->initiator_socket.bind(memory.socket);
    std::vector<Mapped> all;
    for (const std::string& codec : codec_names()) {
      for (const int bits : {8, 16}) {
        all.push_back(map_behind(all.empty() ? nullptr : &all.back(),
                                 random_tensor(random, codec, {2, 20, 6, 7}, bits), StreamRole::activation,
                                 {16, 8, 100, 16}, codec, BlockStore::packed, true));
        store(memory.bytes, all.back());
        bench.engine->map(all.back().mapping);
      }
    }
    std::vector<const Mapped*> of;
    for (int i = 0; i < 3000; ++i) {
      const Mapped& m =
          all[static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(all.size()) - 1))];
      const auto size = static_cast<std::int64_t>(m.tensor.data.size());
      const std::int64_t at = random.in(0, size - 1);
      bench.read(m.base() + static_cast<std::uint64_t>(at),
                 static_cast<std::size_t>(random.in(1, std::min<std::int64_t>(size - at, 200))));
      of.push_back(&m);
    }
    sc_core::sc_start();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < of.size(); ++i) {
      const Order& order = bench.orders[i];
      const auto first =
          of[i]->tensor.data.begin() + static_cast<std::ptrdiff_t>(order.address - of[i]->base());
      wrong +=
          order.status != tlm::TLM_OK_RESPONSE || !std::equal(order.data.begin(), order.data.end(), first);
    }
    INFO(bench.engine->last_error());
    CHECK(wrong == 0);
    CHECK(bench.front->finish() == Violations{});
    CHECK(bench.back->finish() == Violations{});
    std::uint64_t tables = 0;
    for (const Mapped& m : all)
      tables += table_room(m.mapping, burst);
    CHECK(bench.engine->counters().table_read_bytes == tables);  // each once
  }
}

TEST_CASE("blocks of a packed stream may lie in any order", "[inline]") {
  const Tensor tensor = plain_tensor({1, 4, 6, 8}, [](std::int64_t i) { return static_cast<int>(i % 9); });
  const Mapped mapped =
      map_behind(nullptr, tensor, StreamRole::activation, {4, 64, 30, 16}, "dpred", BlockStore::packed, true);
  const EncodedTensor encoded = encode(*mapped.mapping.codec, mapped.mapping.layout, mapped.plan, tensor);
  const std::size_t blocks = encoded.table.size();
  REQUIRE(blocks == 6);
  InlineBench bench({}, false);
  LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
  bench.back->initiator_socket.bind(memory.socket);
  std::vector<std::uint32_t> table(blocks);
  std::uint32_t at = 0;
  for (const std::size_t b : {3u, 0u, 5u, 1u, 4u, 2u}) {
    const std::uint32_t end =
        b + 1 < blocks ? encoded.table[b + 1] : static_cast<std::uint32_t>(encoded.stream.size());
    table[b] = at;
    for (std::uint32_t i = encoded.table[b]; i < end; ++i)
      memory.bytes[mapped.mapping.stream_address + at++] = encoded.stream[i];
  }
  const ByteVector words = little_endian_words(table);
  std::copy(words.begin(), words.end(),
            memory.bytes.begin() + static_cast<std::ptrdiff_t>(mapped.mapping.table_address));
  bench.engine->map(mapped.mapping);
  bench.read(mapped.base(), tensor.data.size());
  sc_core::sc_start();
  CHECK(bench.orders[0].data == tensor.data);
}

TEST_CASE("what is kept follows debug writes", "[inline]") {
  const Tensor tensor = plain_tensor({1, 4, 6, 8}, [](std::int64_t i) { return static_cast<int>(i % 4); });
  const Mapped mapped =
      map_behind(nullptr, tensor, StreamRole::activation, {4, 64, 30, 16}, "dpred", BlockStore::slots, true);
  InlineBench bench({}, false);
  LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
  bench.back->initiator_socket.bind(memory.socket);
  bench.engine->map(mapped.mapping);
  bench.initiator->setup = [&] { bench.poke(mapped.base(), tensor.data); };
  bench.orders.reserve(2);
  bench.read(mapped.base(), 3);
  bench.read(mapped.base(), 3).before = [&](Order&) { CHECK(bench.poke(mapped.base() + 1, {9})); };
  sc_core::sc_start();
  CHECK(bench.orders[0].data == ByteVector{0, 1, 2});
  CHECK(bench.orders[1].data == ByteVector{0, 9, 2});
  CHECK(bench.engine->counters().cache_hits == 1);
}

// Time, at 1 GHz in front of a memory that takes 100 ns, in clocks.

constexpr std::uint64_t latency = 100;

/// 4 channels of 64 x 4 ones: blocks of 1024 values, 64 groups, and in mode widths+Z 64 · 35 bits, which are
/// 5 bursts.
Mapped timed_tensor(std::int64_t blocks, const std::string& codec, BlockStore kind) {
  const Tensor tensor = plain_tensor({1, 16, 4 * blocks, 16}, [](std::int64_t) { return 1; });
  return map_behind(nullptr, tensor, StreamRole::activation, {16, 64, 1024, 16}, codec, kind, true);
}

/// Clocks of each order, after the tensor was written by a debug access.
std::vector<std::uint64_t> clocks_of(const InlineEngineConfig& config, const Mapped& mapped,
                                     bool non_blocking, const std::vector<Order>& orders,
                                     std::size_t outstanding = 1) {
  InlineBench bench(config, non_blocking);
  LatencyMemory memory("memory", 1 << 17, sc_core::sc_time(static_cast<double>(latency), sc_core::SC_NS));
  bench.back->initiator_socket.bind(memory.socket);
  bench.engine->map(mapped.mapping);
  bench.initiator->outstanding = outstanding;
  bench.initiator->setup = [&] { bench.poke(mapped.base(), mapped.tensor.data); };
  bench.orders = orders;
  sc_core::sc_start();
  std::vector<std::uint64_t> clocks;
  for (const Order& order : bench.orders) {
    CHECK(order.status == tlm::TLM_OK_RESPONSE);
    clocks.push_back((order.ended - order.begun).value() / 1000);
  }
  CHECK(bench.front->finish() == Violations{});
  CHECK(bench.back->finish() == Violations{});
  return clocks;
}

Order read_order(std::uint64_t address, std::size_t length) {
  Order order;
  order.address = address;
  order.data.resize(length);
  return order;
}

Order write_order(std::uint64_t address, std::size_t length, std::uint8_t code = 1) {
  Order order = read_order(address, length);
  order.is_write = true;
  std::fill(order.data.begin(), order.data.end(), code);
  return order;
}

TEST_CASE("the time of an access follows from its bursts and groups", "[inline]") {
  const Mapped one = timed_tensor(1, "dpred", BlockStore::slots);
  const std::uint64_t base = one.base();
  REQUIRE(one.plan.block_bytes == std::vector<std::uint64_t>{64 * 35 / 8});
  InlineEngineConfig config;
  config.decoders = 2;
  config.encoders = 4;
  using Clocks = std::vector<std::uint64_t>;
  for (const bool non_blocking : {false, true}) {
    INFO("non-blocking " << non_blocking);
    const auto first = [&](const InlineEngineConfig& c, const Order& order) {
      return clocks_of(c, one, non_blocking, {order}).front();
    };
    const std::uint64_t table = 1 + latency;  // and the look-up
    // Five bursts at a time, then 64 groups by two decoders; then a hit.
    CHECK(clocks_of(config, one, non_blocking, {read_order(base + 5, 3), read_order(base, 900)}) ==
          Clocks{table + latency + 32, 1});
    InlineEngineConfig shallow = config;
    shallow.read_fifo_bursts = 1;  // a burst is asked for when the one before is decoded
    CHECK(first(shallow, read_order(base, 1)) == table + 5 * latency + 32);
    InlineEngineConfig two = config;
    two.outstanding = 2;  // bursts come at 100, 100, 200, 200, 300; the last one's groups take 7 clocks
    CHECK(first(two, read_order(base, 1)) == table + 3 * latency + 7);
    InlineEngineConfig many = config;
    many.decoders = 0;
    CHECK(first(many, read_order(base, 1)) == table + latency);

    // 64 groups by four encoders, the detector, the last burst.
    CHECK(first(config, write_order(base, 1024)) == table + 16 + 2 + latency);
    InlineEngineConfig narrow = config;
    narrow.write_fifo_bursts = 1;  // a burst comes out when the one before is written; the first after 3 + 2
    CHECK(first(narrow, write_order(base, 1024)) == table + 3 + 2 + 5 * latency);
    InlineEngineConfig slow = config;
    slow.detect_latency = 30;
    CHECK(first(slow, write_order(base, 1024)) == table + 16 + 30 + latency);
    // Read, modify, write.
    CHECK(first(config, write_order(base + 7, 9)) == table + latency + 32 + 16 + 2 + latency);

    const Mapped raw = timed_tensor(1, "raw", BlockStore::slots);
    InlineEngineConfig all = config;
    all.outstanding = 16;
    CHECK(clocks_of(all, raw, non_blocking, {read_order(base, 1)}) == Clocks{1 + latency});
    CHECK(clocks_of(all, raw, non_blocking, {write_order(base, 1024)}) == Clocks{1 + latency});
  }
}

TEST_CASE("more decoders, encoders and places never cost time", "[inline]") {
  const Mapped mapped = timed_tensor(4, "dpred", BlockStore::slots);
  Random random(31);
  std::vector<Order> orders;
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t at = mapped.base() + static_cast<std::uint64_t>(random.in(0, 4000));
    orders.push_back(random.chance(70) ? read_order(at, 64) : write_order(at, 64, 3));
  }
  const std::vector<std::uint64_t InlineEngineConfig::*> keys = {
      &InlineEngineConfig::decoders,         &InlineEngineConfig::encoders,
      &InlineEngineConfig::read_fifo_bursts, &InlineEngineConfig::write_fifo_bursts,
      &InlineEngineConfig::outstanding,      &InlineEngineConfig::cache_blocks};
  for (const bool non_blocking : {false, true}) {
    for (std::size_t k = 0; k < keys.size(); ++k) {
      std::optional<std::uint64_t> before;
      std::optional<std::uint64_t> first;
      for (const std::uint64_t value : {1, 2, 3, 8}) {
        InlineEngineConfig config;
        config.decoders = config.encoders = 3;
        config.*keys[k] = value;
        std::uint64_t sum = 0;
        for (const std::uint64_t clocks : clocks_of(config, mapped, non_blocking, orders))
          sum += clocks;
        INFO("key " << k << ", value " << value);
        if (before) CHECK(sum <= *before);
        before = sum;
        if (!first) first = sum;
      }
      CHECK(*before < *first);
    }
  }
}

TEST_CASE("transactions overlap, up to their number", "[inline]") {
  const Mapped mapped = timed_tensor(4, "dpred", BlockStore::slots);
  std::vector<Order> orders = {read_order(mapped.base(), 1)};  // brings the table
  for (std::uint64_t block = 1; block < 4; ++block)
    orders.push_back(read_order(mapped.base() + 64 * block, 1));
  InlineEngineConfig config;
  config.decoders = 2;
  config.outstanding = config.read_fifo_bursts = 20;
  const std::uint64_t first = 1 + latency + latency + 32;
  for (const std::uint64_t transactions : {1, 2, 4}) {
    config.transactions = transactions;
    InlineBench bench(config, true);
    LatencyMemory memory("memory", 1 << 17, sc_core::sc_time(static_cast<double>(latency), sc_core::SC_NS));
    bench.back->initiator_socket.bind(memory.socket);
    bench.engine->map(mapped.mapping);
    bench.initiator->setup = [&] { bench.poke(mapped.base(), mapped.tensor.data); };
    bench.orders = orders;
    sc_core::sc_start();
    std::vector<std::uint64_t> ends;
    for (const Order& order : bench.orders)
      ends.push_back(order.ended.value() / 1000);
    CHECK(bench.front->most_in_flight() <= transactions + 1);
    CHECK(ends[0] == first);
    std::sort(ends.begin() + 1, ends.end());  // of those that begin at the same clock, any may be the first
    const std::uint64_t alone = 1 + latency + 32;
    if (transactions == 4) {
      // All begin when the table is there; 64 groups of each pass the decoders one after another.
      CHECK(ends[1] == first + 32);
      CHECK(ends[2] == first + 2 * 32);
      CHECK(ends[3] == first + 3 * 32);
    }
    if (transactions == 1) {
      CHECK(ends[3] >= first + 3 * alone);
      CHECK(ends[3] <= first + 3 * alone + 9);  // END_RESP takes the initiator up to 3 ns
    }
    if (transactions == 2) {
      CHECK(ends[3] > first + 3 * 32);
      CHECK(ends[3] < first + 3 * alone);
    }
    CHECK(bench.front->finish() == Violations{});
  }
}

TEST_CASE("counters count bursts, blocks and hits", "[inline]") {
  const Mapped mapped = timed_tensor(2, "dpred", BlockStore::slots);
  InlineBench bench({}, false);
  LatencyMemory memory("memory", 1 << 17, sc_core::sc_time(1, sc_core::SC_NS));
  bench.back->initiator_socket.bind(memory.socket);
  bench.engine->map(mapped.mapping);
  bench.initiator->setup = [&] { bench.poke(mapped.base(), mapped.tensor.data); };
  const std::uint64_t base = mapped.base();
  bench.read(base, 10);           // table and block 0
  bench.read(base + 20, 30);      // a hit
  bench.read(base + 60, 10);      // blocks 0 and 1: a hit, then the cache has block 1
  bench.write(base + 1, {1, 1});  // block 0 again, to be read and written
  bench.write(base + 1, {9}).enables = {TLM_BYTE_DISABLED};
  sc_core::sc_start();
  const InlineEngineCounters& counters = bench.engine->counters();
  CHECK(counters.bytes_read == 50);
  CHECK(counters.bytes_written == 2);
  CHECK(counters.table_read_bytes == 64);
  CHECK(counters.stream_read_bytes == 3 * 5 * 64);
  CHECK(counters.blocks_decoded == 3);
  CHECK(counters.cache_hits == 2);
  CHECK(counters.stream_written_bytes == 5 * 64);
  CHECK(counters.table_written_bytes == 0);  // as many bursts as before
  CHECK(counters.blocks_encoded == 1);
  CHECK(counters.refused + counters.memory_errors + counters.stream_errors == 0);
}

// What fails.

TEST_CASE("accesses that cannot be served answer so and change nothing", "[inline]") {
  for (const bool non_blocking : {false, true}) {
    INFO("non-blocking " << non_blocking);
    const Tensor tensor = plain_tensor({1, 4, 6, 8}, [](std::int64_t i) { return static_cast<int>(i % 4); });
    const Mapped narrow = map_behind(nullptr, tensor, StreamRole::activation, {4, 64, 30, 16}, "layer-width",
                                     BlockStore::slots, true);
    Mapped once = map_behind(&narrow, tensor, StreamRole::activation, {4, 64, 30, 16}, "zvc",
                             BlockStore::packed, false);
    REQUIRE(narrow.mapping.format.width == 2);
    InlineBench bench({}, non_blocking, true);
    LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
    bench.back->initiator_socket.bind(memory.socket);
    bench.engine->map(narrow.mapping);
    bench.engine->map(once.mapping);
    bench.initiator->outstanding = 1;
    bench.initiator->setup = [&] { bench.poke(narrow.base(), tensor.data); };
    std::vector<tlm::tlm_response_status> expected;
    const auto expect = [&](Order& order, tlm::tlm_response_status status) -> Order& {
      expected.push_back(status);
      return order;
    };
    const std::uint64_t at = narrow.base();
    expect(bench.read(at - 1, 1), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    expect(bench.read(narrow.end(), 1), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    expect(bench.write(narrow.end() - 1, {1, 1}), tlm::TLM_ADDRESS_ERROR_RESPONSE);
    expect(bench.write(at, {}), tlm::TLM_BURST_ERROR_RESPONSE);
    expect(bench.write(at, {3, 3, 3}), tlm::TLM_BURST_ERROR_RESPONSE).streaming_width = 2;
    expect(bench.write(at, {3}), tlm::TLM_GENERIC_ERROR_RESPONSE).no_data = true;
    expect(bench.write(at, {3}), tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE).no_enables = true;
    Order& ignored = expect(bench.write(at, {3}), tlm::TLM_OK_RESPONSE);
    ignored.odd_command = true;
    ignored.command = tlm::TLM_IGNORE_COMMAND;
    const std::uint64_t refused_at_once = 7;
    // Two bits hold no 4, in whichever block of the access.
    expect(bench.write(at, {0, 4}), tlm::TLM_GENERIC_ERROR_RESPONSE);
    ByteVector long_write(100, 1);
    long_write.back() = 255;
    expect(bench.write(at, long_write), tlm::TLM_GENERIC_ERROR_RESPONSE);
    expect(bench.write(at, {3}), tlm::TLM_OK_RESPONSE);
    expect(bench.write(at, {tensor.data[0]}), tlm::TLM_OK_RESPONSE);
    // Packed: a block is one row of all four channels here.
    const std::uint64_t packed = once.base();
    expect(bench.read(packed, 1), tlm::TLM_GENERIC_ERROR_RESPONSE);                      // not there yet
    expect(bench.write(packed, ByteVector(4, 1)), tlm::TLM_OK_RESPONSE);                 // half a row
    expect(bench.write(packed + 3, ByteVector(5, 1)), tlm::TLM_GENERIC_ERROR_RESPONSE);  // a byte again
    expect(bench.write(packed + 8, ByteVector(2, 1)),
           tlm::TLM_GENERIC_ERROR_RESPONSE);  // a second open block
    expect(bench.read(packed, 1), tlm::TLM_GENERIC_ERROR_RESPONSE);
    bench.initiator->teardown = [&] {
      CHECK(bench.peek(at, tensor.data.size()) == tensor.data);
      CHECK(bench.peek(packed, 1).empty());
      // Debug accesses are served or not served by the same rules, and as far as the tensor reaches.
      CHECK_FALSE(bench.poke(at, {77}));
      CHECK(bench.poke(at, {1}));
      CHECK(bench.peek(narrow.end() - 2, 9).size() == 2);
      CHECK(bench.peek(narrow.end(), 1).empty());
      CHECK_FALSE(bench.poke(packed + 3, {1}));
      CHECK(bench.poke(packed + 4, {1}));
      tlm::tlm_generic_payload payload;
      tlm::tlm_dmi dmi;
      payload.set_address(at);
      CHECK_FALSE(bench.initiator->socket->get_direct_mem_ptr(payload, dmi));
    };
    sc_core::sc_start();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("order " << i);
      CHECK(bench.orders[i].status == expected[i]);
    }
    CHECK(bench.engine->counters().refused == refused_at_once + 2 + 4);
    CHECK(bench.engine->counters().memory_errors + bench.engine->counters().stream_errors == 0);
    CHECK(bench.engine->last_error().find("is not complete yet") != std::string::npos);
    CHECK(bench.front->finish() == Violations{});
  }
}

TEST_CASE("errors of the memory are passed on, and a write can be repeated", "[inline]") {
  for (const bool non_blocking : {false, true}) {
    INFO("non-blocking " << non_blocking);
    const Tensor tensor =
        plain_tensor({8, 10, 3, 3}, [](std::int64_t i) { return static_cast<int>(i * 7 % 200); });
    const StreamOptions options{4, 64, 30, 2};
    const Mapped slots =
        map_behind(nullptr, tensor, StreamRole::weight, options, "dpred", BlockStore::slots, true);
    const Mapped packed =
        map_behind(&slots, tensor, StreamRole::weight, options, "dpred", BlockStore::packed, false);
    InlineBench bench({}, non_blocking);
    LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
    bench.back->initiator_socket.bind(memory.socket);
    bench.engine->map(slots.mapping);
    bench.engine->map(packed.mapping);
    bench.initiator->outstanding = 1;
    bench.initiator->setup = [&] { bench.poke(slots.base(), tensor.data); };
    using Range = std::pair<std::uint64_t, std::uint64_t>;
    const auto before = [&](Order& order, Range broken, Range unwritable) {
      order.before = [&memory, broken, unwritable](Order&) {
        memory.broken = broken;
        memory.unwritable = unwritable;
      };
    };
    const Range none{0, 0};
    const Range table{slots.mapping.table_address, slots.mapping.table_address + 1};
    const std::uint64_t slot = slot_bytes(slots.mapping, burst);
    const Range second{slot + burst, slot + burst + 1};
    const std::size_t block = 2 * 90;
    before(bench.read(slots.base(), 1), table, none);              // 0
    before(bench.read(slots.base(), 1), none, none);               // 1: fine
    before(bench.read(slots.base() + block, 1), second, none);     // 2
    before(bench.write(slots.base() + block, {1}), second, none);  // 3: can't be read
    before(bench.write(slots.base(), {1, 2, 3}), none, {0, 1});    // 4
    before(bench.write(slots.base(), ByteVector(tensor.data.begin(), tensor.data.begin() + block)), none,
           none);
    before(bench.read(slots.base(), 2 * block), none, none);  // 6
    const std::size_t size = tensor.data.size();
    before(bench.write(packed.base(), ByteVector(tensor.data.begin(), tensor.data.end() - 1)), none, none);
    const Range stream{packed.mapping.stream_address, packed.mapping.table_address};
    before(bench.write(packed.base() + size - 1, {tensor.data.back()}), none, stream);  // 8
    before(bench.write(packed.base() + size - 1, {tensor.data.back()}), none, none);
    before(bench.read(packed.base(), size), none, none);  // 10
    sc_core::sc_start();
    for (const std::size_t i : {0u, 2u, 3u, 4u, 8u}) {
      INFO("order " << i);
      CHECK(bench.orders[i].status == tlm::TLM_COMMAND_ERROR_RESPONSE);
    }
    for (const std::size_t i : {1u, 5u, 6u, 7u, 9u, 10u}) {
      INFO("order " << i);
      CHECK(bench.orders[i].status == tlm::TLM_OK_RESPONSE);
    }
    CHECK(bench.engine->counters().memory_errors == 5);
    CHECK(bench.engine->counters().refused == 0);
    CHECK(bench.engine->last_error().find("the memory answers with an error at address") == 0);
    CHECK(std::equal(bench.orders[6].data.begin(), bench.orders[6].data.end(), tensor.data.begin()));
    CHECK(bench.orders[10].data == tensor.data);
    CHECK(bench.front->finish() == Violations{});
    CHECK(bench.back->finish() == Violations{});
  }
}

TEST_CASE("damaged streams and tables answer errors that say where", "[inline]") {
  const Tensor tensor =
      plain_tensor({1, 4, 6, 8}, [](std::int64_t i) { return static_cast<int>(i % 5 * 3); });
  for (const BlockStore kind : {BlockStore::packed, BlockStore::slots}) {
    for (const bool non_blocking : {false, true}) {
      const Mapped mapped =
          map_behind(nullptr, tensor, StreamRole::activation, {4, 64, 30, 16}, "dpred", kind, true);
      InlineBench bench({}, non_blocking);
      LatencyMemory memory("memory", 1 << 16, sc_core::sc_time(20, sc_core::SC_NS));
      bench.back->initiator_socket.bind(memory.socket);
      bench.engine->map(mapped.mapping);
      bench.initiator->outstanding = 1;
      if (kind == BlockStore::packed) store(memory.bytes, mapped);
      const TensorMapping m = mapped.mapping;
      const std::uint64_t second =
          kind == BlockStore::slots ? slot_bytes(m, burst) : mapped.plan.block_bytes[0];
      bench.initiator->setup = [&, m] {
        if (kind == BlockStore::slots) bench.poke(mapped.base(), tensor.data);
        memory.bytes[m.table_address + 4 * 3 + 2] = 0x77;  // block 3 lies nowhere
        for (std::uint64_t i = 0; i < mapped.plan.block_bytes[1]; ++i)
          memory.bytes[m.stream_address + second + i] = 0;  // Z and W of 0: ends early, padding left over
        memory.bytes[m.stream_address + second] = 1;        // a zero that is marked non-zero
        bench.engine->unmap(m.base);
        bench.engine->map(m);
      };
      bench.initiator->teardown = [&] { CHECK(bench.peek(mapped.base() + 8, 1).empty()); };
      bench.read(mapped.base(), 8);
      bench.read(mapped.base() + 8, 1);
      bench.read(mapped.base() + 24, 1);
      bench.write(mapped.base() + 8, {1});
      bench.read(mapped.base() + 32, 8);
      sc_core::sc_start();
      CHECK(bench.orders[0].status == tlm::TLM_OK_RESPONSE);
      CHECK(std::equal(bench.orders[0].data.begin(), bench.orders[0].data.end(), tensor.data.begin()));
      for (const std::size_t i : {1u, 2u, 3u})
        CHECK(bench.orders[i].status == tlm::TLM_GENERIC_ERROR_RESPONSE);
      CHECK(bench.orders[4].status == tlm::TLM_OK_RESPONSE);
      const InlineEngineCounters& counters = bench.engine->counters();
      CHECK(counters.stream_errors == (kind == BlockStore::slots ? 3 : 2));
      CHECK(counters.refused == (kind == BlockStore::slots ? 0 : 1));
      if (kind == BlockStore::slots)
        CHECK(bench.engine->last_error() ==
              "tensor at address 4096, block 1: a value marked non-zero is zero at bit 8");
    }
  }
}

TEST_CASE("mappings that cannot be served are refused", "[inline]") {
  InlineBench bench({}, false);
  InlineCompressionEngine& engine = *bench.engine;
  const Tensor tensor = plain_tensor({1, 4, 6, 8}, [](std::int64_t i) { return static_cast<int>(i % 5); });
  const Mapped first =
      map_behind(nullptr, tensor, StreamRole::activation, {4, 64, 30, 16}, "dpred", BlockStore::slots, true);
  const Mapped second =
      map_behind(&first, tensor, StreamRole::activation, {4, 64, 30, 16}, "raw", BlockStore::packed, false);
  engine.map(first.mapping);
  const auto refused = [&](const std::function<void(TensorMapping&)>& change) {
    TensorMapping m = second.mapping;
    change(m);
    return error_of([&] { engine.map(m); });
  };
  CHECK(refused([](TensorMapping& m) { m.base -= 14; }) ==
        "tensor at address 4287 and tensor at address 4096 overlap in uncompressed space");
  CHECK(refused([](TensorMapping& m) { m.stream_address = 128; }) ==
        "tensor at address 4301 and tensor at address 4096 overlap in memory");
  CHECK(refused([](TensorMapping& m) { m.stream_address += 4; }) ==
        "tensor at address 4301: its stream does not begin with a burst");
  CHECK(refused([](TensorMapping& m) { m.stream_bytes = 100; }) ==
        "tensor at address 4301: an uncompressed stream of 192 bytes does not fit 100");
  CHECK(refused([](TensorMapping& m) { m.codec = nullptr; }) == "tensor at address 4301: no codec");
  CHECK(refused([](TensorMapping& m) { m.base = ~std::uint64_t{0}; }).find("passes the end") !=
        std::string::npos);
  CHECK(refused([](TensorMapping& m) {
          m.format.mode = TensorMode::coded;
          m.codec = &find_codec("zvc");
          m.table_address = m.stream_address;
        }) == "tensor at address 4301: its stream and its table overlap in memory");
  engine.map(second.mapping);
  CHECK(error_of([&] { engine.unmap(3); }) == "no tensor at address 3");
  engine.unmap(first.mapping.base);
  engine.map(first.mapping);
  InlineEngineConfig config;
  config.cache_blocks = 0;
  CHECK(error_of([&] { InlineCompressionEngine bad("bad", config); }) ==
        "bad: cache_blocks must be at least 1");
}

TEST_CASE("the worked use of the page compiles, runs and is what the page shows", "[inline]") {
  fresh_simulation();
  std::vector<Order> orders(2);
  orders[0].is_write = true;
  orders[0].address = orders[1].address = 0x80000000;
  orders[0].data = ByteVector(16384, 0x80);  // zeros but for one
  orders[0].data[5000] = 3;
  orders[1].data.resize(16384);
  OrderInitiator initiator("initiator", orders, false);
  CompressedRegion region("region");
  initiator.socket.bind(region.engine.socket);
  sc_core::sc_start();
  CHECK(orders[0].status == tlm::TLM_OK_RESPONSE);
  CHECK(orders[1].data == orders[0].data);
  // 16 blocks of a row each. A row of 64 groups of zeros takes 64 · 20 bits, which are 5 bursts.
  CHECK(region.engine.counters().stream_written_bytes == 16 * 5 * 32);
  CHECK(region.engine.counters().stream_read_bytes == 0);
  CHECK(region.engine.counters().cache_hits == 16);

  const auto text_of = [](const std::string& path) {
    std::ifstream file(std::string(DPRED_SOURCE_DIR) + "/" + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string source = text_of("tests/compression/inline_engine_use.h");
  const std::size_t begin = source.find("// page\n") + 8;
  std::string shown;
  std::string line;
  std::istringstream lines(source.substr(begin, source.find("// end\n") - begin));
  while (std::getline(lines, line))
    shown += (line.empty() ? line : "    " + line) + "\n";
  CHECK(text_of("docs/engine.md").find(shown) != std::string::npos);
}

}  // namespace
