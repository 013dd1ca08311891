// Damaged streams of every codec: each truncation and each flipped bit of small streams, headers and tables.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <utility>

#include "tests/codec/reference_order.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

/// Bytes that this thread has asked for since the last start.
thread_local std::size_t allocated = 0;

}  // namespace

// Not inlined: g++ 12 would complain of free() for what operator new gave. A sanitizer has its own.
#ifndef __SANITIZE_ADDRESS__
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif

namespace {

using Bytes = std::vector<std::uint8_t>;

/// What a decoder can be given wrong.
struct Received {
  Bytes stream, header;
  std::vector<std::uint32_t> table;
};

/// One stream, and what becomes of its damaged copies.
class Damage {
 public:
  Damage(const Codec& codec, const Case& c, const Encoded& encoded)
      : codec_(codec),
        case_(c),
        layout_(encoded.layout),
        plan_(encoded.plan),
        good_(codes_of(c.tensor)),
        received_{encoded.stream.stream, encoded.stream.format.header, encoded.stream.table} {
    for (const std::uint64_t bytes : plan_.block_bytes)
      block_ends_.push_back((block_ends_.empty() ? 0 : block_ends_.back()) + bytes);
  }

  std::int64_t refused = 0;   ///< with a position in what was read
  std::int64_t accepted = 0;  ///< other values, or the same ones
  std::int64_t wrong = 0;     ///< a rule is broken

  /// Every byte of a stream belongs to a block that needs it, every entry of a table to a block.
  void truncate() {
    for (std::size_t size = 0; size < received_.stream.size(); ++size) {
      Received cut = received_;
      cut.stream.resize(size);
      wrong += decode_damaged(cut).has_value();
      wrong += wrong_rows(cut.stream);
    }
    for (std::size_t entries = 0; entries < received_.table.size(); ++entries) {
      Received cut = received_;
      cut.table.resize(entries);
      wrong += decode_damaged(cut).has_value();
    }
    for (std::size_t size = 0; size < received_.header.size(); ++size) {
      Received cut = received_;
      cut.header.resize(size);
      decode_damaged(cut);
    }
  }

  /// A block is decoded from its own bytes: damage to them, or to its offset, leaves the others as they are.
  void flip() {
    std::size_t block = 0;
    for (std::size_t bit = 0; bit < 8 * received_.stream.size(); ++bit) {
      while (bit / 8 >= block_ends_[block])
        ++block;
      Received flipped = received_;
      flipped.stream[bit / 8] = static_cast<std::uint8_t>(flipped.stream[bit / 8] ^ 1 << bit % 8);
      wrong += changes_another_block(decode_damaged(flipped), block);
    }
    for (std::size_t bit = 0; bit < 32 * received_.table.size(); ++bit) {
      Received flipped = received_;
      flipped.table[bit / 32] ^= 1u << bit % 32;
      wrong += changes_another_block(decode_damaged(flipped), bit / 32);
    }
    for (std::size_t bit = 0; bit < 8 * received_.header.size(); ++bit) {
      Received flipped = received_;
      flipped.header[bit / 8] = static_cast<std::uint8_t>(flipped.header[bit / 8] ^ 1 << bit % 8);
      decode_damaged(flipped);
    }
  }

 private:
  using Codes = std::optional<std::vector<std::int32_t>>;

  /// Runs a decoder on exactly `bytes`. Returns whether it takes them.
  bool decodes(const Bytes& bytes, const std::function<void(const Bytes&)>& decoder) {
    const Bytes exact(bytes.begin(), bytes.end());  // no larger: a sanitizer sees what is read behind it
    allocated = 0;
    bool taken = true;
    try {
      decoder(exact);
    } catch (const StreamError& error) {
      taken = false;
      wrong += error.bit > 8 * std::max(exact.size(), received_.header.size());
      wrong += error.problem.empty();
    }
    // The containers of a block, tables of a codec and an error's text.
    wrong += allocated > 4 * case_.tensor.data.size() + 8192;
    ++(taken ? accepted : refused);
    return taken;
  }

  Codes decode_damaged(const Received& received) {
    Tensor tensor = case_.tensor;
    std::fill(tensor.data.begin(), tensor.data.end(), std::uint8_t{0xa5});
    StreamFormat format = plan_.format;
    format.header = Bytes(received.header.begin(), received.header.end());
    const bool taken = decodes(received.stream, [&](const Bytes& stream) {
      decode(codec_, layout_, format, stream, received.table, tensor);
    });
    wrong += tensor.data.size() != case_.tensor.data.size();
    if (!taken) return std::nullopt;
    return codes_of(tensor);
  }

  bool changes_another_block(const Codes& codes, std::size_t damaged) const {
    for (std::size_t b = 0; codes && b < case_.order.size(); ++b) {
      for (const Row& row : case_.order[b]) {
        for (const Run& run : row) {
          for (const std::size_t i : run) {
            if (b != damaged && (*codes)[i] != good_[i]) return true;
          }
        }
      }
    }
    return false;
  }

  /// Rows of a stream that was cut: those whose bits are left are what they were, others are refused.
  std::int64_t wrong_rows(const Bytes& cut) {
    std::int64_t wrong_ones = 0;
    std::size_t row = 0;
    for (std::size_t b = 0; !plan_.whole_blocks() && b < case_.order.size(); ++b) {
      const std::uint64_t block_begin = block_ends_[b] - plan_.block_bytes[b];
      for (std::size_t r = 0; r < case_.order[b].size(); ++r, ++row) {
        const auto number = static_cast<std::int64_t>(row);
        const std::size_t bytes =
            static_cast<std::size_t>(layout_.row_values(number)) * plan_.format.container_bytes();
        Bytes containers(bytes), expected(bytes);
        const bool taken = decodes(cut, [&](const Bytes& stream) {
          BitReader in(stream.data(), stream.size(), 8 * block_begin + plan_.row_bits[row]);
          codec_.decode_rows(plan_.format, {layout_.section_of_row(number), 1, case_.options.group}, in,
                             containers.data());
        });
        layout_.gather(case_.tensor, plan_.format.values, number, 1, expected.data());
        wrong_ones += taken && containers != expected;
      }
    }
    return wrong_ones;
  }

  const Codec& codec_;
  const Case& case_;
  const StreamLayout& layout_;
  const StreamPlan& plan_;
  const std::vector<std::int32_t> good_;
  const Received received_;
  std::vector<std::uint64_t> block_ends_;
};

/// Small: zeros, narrow values and a wide one. Wide: what is stored raw where a codec has the choice.
Case small_case(Rng& rng, StreamRole role, DType type, bool is_signed, bool wide) {
  Case c;
  c.role = role;
  c.options = {4, 3, 10, 2};
  Shape shape{1, 5, 3, 2};
  if (role == StreamRole::weight) shape = {3, 5, 1, 2};
  if (role == StreamRole::depthwise_weight) shape = {10, 1, 3, 1};
  const CodeRange range = range_of(type);
  const std::int32_t zero_point = is_signed ? (range.low + range.high) / 2 : range.low;
  std::vector<std::int32_t> codes;
  for (std::int64_t i = 0; i < volume(shape); ++i) {
    const std::int64_t most =
        wide || i == 7 ? range.high - zero_point : pick<std::int64_t>(rng, {0, 0, 1, 5});
    const std::int64_t least =
        is_signed ? std::max<std::int64_t>(range.low, zero_point - most) : zero_point + most / 2;
    codes.push_back(static_cast<std::int32_t>(draw(rng, least, zero_point + most)));
  }
  c.tensor = make_tensor(shape, type, zero_point, codes);
  c.order = reference_order(role, shape, c.options);
  return c;
}

}  // namespace

TEST_CASE("every truncation and every flipped bit of a stream is refused or gives values") {
  Rng rng(31);
  for (const std::string& name : codec_names()) {
    const Codec& codec = find_codec(name);
    std::int64_t refused = 0, accepted = 0;
    for (int trial = 0; trial < 3 * 4 * 4; ++trial) {
      const auto role = static_cast<StreamRole>(trial % 3);
      const auto type = static_cast<DType>(trial / 3 % 4);
      const Case c = small_case(rng, role, type, trial / 12 % 2 == 0, trial / 24 == 0);
      std::set<std::pair<Bytes, std::pair<TensorMode, SignForm>>> seen;
      for (const ZeroVector zero_vector : zero_vectors) {
        for (const SignForm sign : {SignForm::twos_complement, SignForm::sign_magnitude}) {
          for (const WidthRounding widths : {WidthRounding::any, WidthRounding::even, WidthRounding::pow2}) {
            const Encoded encoded = encode_case(codec, c, {zero_vector, sign, widths});
            const StreamFormat& format = encoded.stream.format;
            if (!seen.insert({encoded.stream.stream, {format.mode, format.sign}}).second) continue;
            Damage damage(codec, c, encoded);
            damage.truncate();
            damage.flip();
            INFO(name << " " << trial << ": " << describe(c) << ", mode " << static_cast<int>(format.mode));
            REQUIRE(damage.wrong == 0);
            refused += damage.refused;
            accepted += damage.accepted;
          }
        }
      }
    }
    CAPTURE(name);
    CHECK(refused > 1000);
    CHECK(accepted > 1000);
  }
}
