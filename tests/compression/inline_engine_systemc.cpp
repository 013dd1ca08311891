// The inline engine between initiators and memories, under the base-protocol checker on both sides.
#include "models/compression/inline_engine.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <optional>

#include "models/dram/dram.h"
#include "tests/compression/inline_engine_bench.h"
#include "tests/support/input_error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using Violations = std::vector<std::string>;

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t random_accesses = 6000;
#else
constexpr std::size_t random_accesses = 50000;
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
[[maybe_unused]] void store(ByteVector& memory, const Mapped& mapped) {
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
[[maybe_unused]] Tensor plain_tensor(const Shape& shape, const std::function<int(std::int64_t)>& code) {
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
    } catch (const StreamError&) {
      return false;
    } catch (const InputError&) {
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
    const std::int64_t length = random.log_in(1, std::min<std::int64_t>(size, 120));
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
    CHECK(bench.back->most_in_flight() > 1);
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

}  // namespace
