// The dpred stream against an encoder and a decoder written from docs/contracts.md, one bit at a time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <set>
#include <string>

#include "models/codec/codec.h"
#include "models/codec/registry.h"
#include "tests/codec/reference_order.h"
#include "tests/precision/reference.h"
#include "tests/support/containers.h"
#include "tests/support/traces.h"
#include "workloads/error.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

// --- The encoder. ---

struct ReferenceStream {
  TensorMode mode = TensorMode::raw;
  std::uint64_t metadata = 0, payload = 0, pointers = 0, padding = 0;
  std::vector<std::uint64_t> row_bits;  ///< where each row starts in its block
  std::vector<std::vector<std::uint8_t>> blocks;

  std::uint64_t total() const { return metadata + payload + pointers + padding; }
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> all;
    for (const auto& block : blocks)
      all.insert(all.end(), block.begin(), block.end());
    return all;
  }
  std::vector<std::uint32_t> table() const {
    std::vector<std::uint32_t> offsets;
    std::uint32_t at = 0;
    for (const auto& block : blocks) {
      if (mode != TensorMode::raw) offsets.push_back(at);
      at += static_cast<std::uint32_t>(block.size());
    }
    return offsets;
  }
};

/// What a value's bits stand for and how many are needed, by the options of the codec.
struct Coding {
  int bits = 8;
  bool is_signed = false;
  SignForm sign = SignForm::twos_complement;
  WidthRounding widths = WidthRounding::any;

  bool by_magnitude() const { return is_signed && sign == SignForm::sign_magnitude; }
  std::int64_t lowest() const { return -(std::int64_t{1} << (bits - 1)); }
  std::int64_t magnitude(std::int64_t value) const {
    if (value == lowest()) return 0;
    return value < 0 ? -value : value;
  }
  int width(std::int64_t value) const {
    if (!by_magnitude()) return reference_width(value, is_signed);
    int width = 1;  // the sign
    for (std::int64_t rest = magnitude(value); rest > 0; rest /= 2)
      ++width;
    return width;
  }
  int stored_width(int width) const {
    const auto stored = [&](int w) {
      if (widths == WidthRounding::even) return w % 2 == 0;
      if (widths == WidthRounding::pow2) return w == 1 || w == 2 || w == 4 || w == 8 || w == 16;
      return true;
    };
    while (!stored(width) && width < bits)
      ++width;
    return width;
  }
  std::int64_t coded(std::int64_t value, int width) const {
    if (!by_magnitude()) return value;
    return magnitude(value) + (value < 0 ? std::int64_t{1} << (width - 1) : 0);
  }
  std::int64_t value(std::int64_t coded, int width) const {
    const std::int64_t top = std::int64_t{1} << (width - 1);
    if (!is_signed || coded < top) return coded;
    if (!by_magnitude()) return coded - 2 * top;
    return coded == top ? lowest() : top - coded;
  }
};

ReferenceStream reference_encode(const Tensor& tensor, const std::vector<Block>& order, std::int64_t group,
                                 TensorMode mode, const CodecOptions& options = {}) {
  const std::vector<std::int32_t> centred = centred_values(tensor);
  const bool is_signed = any_negative(centred);
  std::vector<std::int32_t> values;
  for (const std::int32_t v : centred)
    values.push_back(packed_reference(v, tensor.bits, is_signed));
  const Coding coding{tensor.bits, is_signed, options.sign, options.widths};

  ReferenceStream stream;
  stream.mode = mode;
  for (const Block& block : order) {
    Bits out;
    for (const Row& row : block) {
      stream.row_bits.push_back(static_cast<std::uint32_t>(out.bits.size()));
      for (const Run& run : row) {
        for (const Run& members : groups_of(run, group)) {
          if (mode == TensorMode::raw) {
            for (const std::size_t i : members)
              out.put(values[i], tensor.bits);
            stream.payload += members.size() * static_cast<std::uint64_t>(tensor.bits);
            continue;
          }
          int width = 1;
          for (const std::size_t i : members)
            width = std::max(width, coding.width(values[i]));
          width = coding.stored_width(width);
          if (mode == TensorMode::coded_zero) {
            for (const std::size_t i : members)
              out.put(values[i] != 0 ? 1 : 0, 1);
            stream.metadata += members.size();
          }
          const int field = tensor.bits == 8 ? 3 : 4;
          out.put(width - 1, field);
          stream.metadata += static_cast<std::uint64_t>(field);
          for (const std::size_t i : members) {
            if (mode == TensorMode::coded_zero && values[i] == 0) continue;
            out.put(coding.coded(values[i], width), width);
            stream.payload += static_cast<std::uint64_t>(width);
          }
        }
      }
    }
    while (out.bits.size() % 8 != 0) {
      out.bits.push_back(false);
      ++stream.padding;
    }
    std::vector<std::uint8_t> bytes(out.bits.size() / 8, 0);
    for (std::size_t i = 0; i < out.bits.size(); ++i) {
      if (out.bits[i]) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] + (1 << i % 8));
    }
    stream.blocks.push_back(bytes);
    if (mode != TensorMode::raw) stream.pointers += 32;
  }
  return stream;
}

ReferenceStream reference_choice(const Tensor& tensor, const std::vector<Block>& order, std::int64_t group,
                                 const CodecOptions& options) {
  const ReferenceStream widths = reference_encode(tensor, order, group, TensorMode::coded, options);
  const ReferenceStream with_zero = reference_encode(tensor, order, group, TensorMode::coded_zero, options);
  if (options.zero_vector == ZeroVector::never) return widths;
  if (options.zero_vector == ZeroVector::always) return with_zero;
  ReferenceStream best = reference_encode(tensor, order, group, TensorMode::raw);
  if (widths.total() < best.total()) best = widths;
  if (with_zero.total() < best.total()) best = with_zero;
  return best;
}

// --- The decoder: the codes in the tensor's order, or nothing where the stream breaks the format. ---

struct Received {
  TensorMode mode = TensorMode::raw;
  bool is_signed = false;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> table;
  SignForm sign = SignForm::twos_complement;
};

bool decode_members(const Received& stream, const Tensor& like, const Run& members, BitSource& in,
                    std::vector<std::int32_t>& codes) {
  std::vector<bool> present(members.size(), true);
  int width = like.bits;
  if (stream.mode == TensorMode::coded_zero) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto bit = in.get(1);
      if (!bit) return false;
      present[i] = *bit != 0;
    }
  }
  if (stream.mode != TensorMode::raw) {
    const auto field = in.get(like.bits == 8 ? 3 : 4);
    if (!field) return false;
    width = static_cast<int>(*field) + 1;
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::int64_t value = 0;
    if (present[i]) {
      const auto bits = in.get(width);
      if (!bits) return false;
      value = *bits;
      if (stream.mode == TensorMode::coded_zero && value == 0) return false;
      if (stream.mode != TensorMode::raw) {
        value = Coding{like.bits, stream.is_signed, stream.sign}.value(value, width);
      }
    }
    std::int32_t code =
        packed_reference(static_cast<std::int32_t>(value) + like.zero_point, like.bits, false);
    if (code > range_of(like.dtype).high) code -= 1 << like.bits;
    codes[members[i]] = code;
  }
  return true;
}

std::optional<std::vector<std::int32_t>> reference_decode(const Received& stream, const Tensor& like,
                                                          const std::vector<Block>& order,
                                                          std::int64_t group) {
  std::vector<std::int32_t> codes(like.data.size() / (like.bits == 8 ? 1 : 2));
  if (stream.table.size() != (stream.mode == TensorMode::raw ? 0 : order.size())) return std::nullopt;
  std::size_t next = 0;
  for (std::size_t b = 0; b < order.size(); ++b) {
    const std::size_t offset = stream.mode == TensorMode::raw ? next : stream.table[b];
    BitSource in(stream.bytes, offset * 8);
    for (const Row& row : order[b]) {
      for (const Run& run : row) {
        for (const Run& members : groups_of(run, group)) {
          if (!decode_members(stream, like, members, in, codes)) return std::nullopt;
        }
      }
    }
    while (in.bit() % 8 != 0) {
      const auto padding = in.get(1);
      if (!padding || *padding != 0) return std::nullopt;
    }
    next = in.bit() / 8;
  }
  return codes;
}

constexpr int option_combinations = 18;

/// Every combination in turn.
CodecOptions options_of(int trial) {
  constexpr WidthRounding roundings[] = {WidthRounding::any, WidthRounding::even, WidthRounding::pow2};
  CodecOptions options;
  options.zero_vector = zero_vectors[trial % 3];
  options.widths = roundings[trial / 3 % 3];
  options.sign = trial / 9 % 2 == 0 ? SignForm::twos_complement : SignForm::sign_magnitude;
  return options;
}
std::string describe(const CodecOptions& options) {
  return ", zero vector " + std::to_string(static_cast<int>(options.zero_vector)) + ", sign " +
         std::to_string(static_cast<int>(options.sign)) + ", widths " +
         std::to_string(static_cast<int>(options.widths));
}

void require_reference_stream(const Encoded& actual, const ReferenceStream& expected) {
  REQUIRE(actual.plan.format.mode == expected.mode);
  REQUIRE(actual.stream.format.mode == expected.mode);
  REQUIRE(actual.plan.sizes.metadata_bits == expected.metadata);
  REQUIRE(actual.plan.sizes.payload_bits == expected.payload);
  REQUIRE(actual.plan.sizes.pointer_bits == expected.pointers);
  REQUIRE(actual.plan.sizes.padding_bits == expected.padding);
  REQUIRE(actual.plan.sizes.total_bits() == expected.total());
  REQUIRE(actual.stream.stream == expected.bytes());
  REQUIRE(actual.stream.table == expected.table());
  REQUIRE(actual.plan.row_bits == expected.row_bits);
  REQUIRE(actual.plan.stream_bytes() == expected.bytes().size());
  REQUIRE(actual.plan.table_bytes() * 8 == expected.pointers);
}

}  // namespace

TEST_CASE("the worked example of a group") {
  // docs/contracts.md, "The dpred stream"
  Case c;
  c.options.group = 4;
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, -3, {-3, -6, 2, -2});
  const Codec& codec = dpred_codec();
  using Bytes = std::vector<std::uint8_t>;
  const Encoded widths = encode_case(codec, c, {ZeroVector::never});
  CHECK(widths.stream.stream == Bytes{0x83, 0xae, 0x00});
  CHECK(widths.stream.table == std::vector<std::uint32_t>{0});
  CHECK(widths.plan.sizes.metadata_bits == 3);
  CHECK(widths.plan.sizes.payload_bits == 16);
  CHECK(widths.plan.sizes.padding_bits == 5);
  CHECK(widths.plan.sizes.pointer_bits == 32);
  const Encoded with_zero = encode_case(codec, c, {ZeroVector::always});
  CHECK(with_zero.stream.stream == Bytes{0xbe, 0xae, 0x00});
  CHECK(with_zero.plan.sizes.metadata_bits == 7);
  CHECK(with_zero.plan.sizes.payload_bits == 12);
  const Encoded chosen = encode_case(codec, c, {ZeroVector::automatic});
  CHECK(chosen.plan.format.mode == TensorMode::raw);
  CHECK(chosen.stream.stream == Bytes{0x00, 0xfd, 0x05, 0x01});
  CHECK(chosen.stream.table.empty());
  CHECK(chosen.plan.sizes.total_bits() == 32);
}

TEST_CASE("the worked example of order, runs and blocks") {
  // docs/contracts.md, "Order, runs and blocks": values 0..11 in the tensor's own order, as raw codes.
  Case c;
  c.options.group = 2;
  c.options.slice_channels = 2;
  c.options.block_values = 5;
  c.tensor = make_tensor({1, 3, 2, 2}, DType::uint8, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Encoded raw = encode_case(raw_codec(), c, {ZeroVector::automatic});
  CHECK(raw.stream.stream == std::vector<std::uint8_t>{0, 4, 1, 5, 2, 6, 3, 7, 8, 9, 10, 11});
  CHECK(raw.layout.blocks().size() == 2);
  CHECK(raw.layout.groups() == 6);
  const Encoded widths = encode_case(dpred_codec(), c, {ZeroVector::never});
  CHECK(widths.stream.table == std::vector<std::uint32_t>{0, 5});
  CHECK(widths.plan.row_bits == std::vector<std::uint64_t>{0, 18, 0, 11});
}

TEST_CASE("streams, tables, modes and sizes are those of the reference encoder") {
  Rng rng(11);
  std::set<TensorMode> seen;
  for (int trial = 0; trial < 700; ++trial) {
    const Case c = draw_case(rng, 10);
    for (int zero = 0; zero < 3; ++zero) {
      const CodecOptions options = options_of(zero + 3 * (trial % 6));
      const ReferenceStream expected = reference_choice(c.tensor, c.order, c.options.group, options);
      const Encoded actual = encode_case(dpred_codec(), c, options);
      INFO(trial << ": " << describe(c) << describe(options));
      require_reference_stream(actual, expected);
      seen.insert(expected.mode);
    }
    const ReferenceStream raw = reference_encode(c.tensor, c.order, c.options.group, TensorMode::raw);
    const Encoded actual = encode_case(raw_codec(), c, options_of(trial));
    INFO(trial << ": " << describe(c) << ", raw");
    REQUIRE(actual.plan.format.mode == TensorMode::raw);
    REQUIRE(actual.stream.stream == raw.bytes());
    REQUIRE(actual.stream.table.empty());
    REQUIRE(actual.plan.sizes.total_bits() == raw.total());
    REQUIRE(raw.total() == static_cast<std::uint64_t>(c.tensor.raw_bits()));
  }
  REQUIRE(seen.size() == 3);
}

TEST_CASE("every combination of options: the reference encoder's streams, which decode to the tensor") {
  Rng rng(18);
  for (const std::int64_t group : {1, 3, 8, 16, 64, 256}) {
    for (const DType type : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
      for (int combination = 0; combination < option_combinations; ++combination) {
        const CodecOptions options = options_of(combination);
        Case c;
        c.options.group = group;
        c.options.slice_channels = pick<std::int64_t>(rng, {5, 64, 256});
        const Shape shape{1, draw(rng, 1, 300), draw(rng, 1, 2), draw(rng, 1, 2)};
        std::vector<std::int32_t> codes = draw_codes(rng, shape[1] * shape[2] * shape[3], type, 0);
        // Lowest values among small ones, alone in a group and beside others.
        for (std::int32_t& code : codes) {
          if (draw(rng, 0, 4) == 0) code = range_of(type).low;
        }
        c.tensor = make_tensor(shape, type, 0, codes);
        c.order = activation_order(shape, c.options);
        const Encoded actual = encode_case(dpred_codec(), c, options);
        INFO(describe(c) << describe(options));
        require_reference_stream(actual, reference_choice(c.tensor, c.order, group, options));
        const EncodedTensor& stream = actual.stream;
        REQUIRE(library_decode(dpred_codec(), c, actual.layout, stream.format, stream.stream, stream.table) ==
                codes);
        const Received received{stream.format.mode, stream.format.values.is_signed, stream.stream,
                                stream.table, stream.format.sign};
        REQUIRE(reference_decode(received, c.tensor, c.order, group) == codes);
      }
    }
  }
}

TEST_CASE("the worked example of sign and magnitude") {
  // docs/contracts.md, "The dpred stream"
  Case c;
  c.options.group = 4;
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, 0, {0, -4, 3, -128});
  const auto encoded = [&](ZeroVector zero_vector, SignForm sign, WidthRounding widths) {
    return encode_case(dpred_codec(), c, {zero_vector, sign, widths});
  };
  using Bytes = std::vector<std::uint8_t>;
  const Encoded widths = encoded(ZeroVector::never, SignForm::sign_magnitude, WidthRounding::any);
  CHECK(widths.stream.stream == Bytes{0x03, 0x1e, 0x04});
  CHECK(widths.plan.sizes.payload_bits == 16);
  const Encoded with_zero = encoded(ZeroVector::always, SignForm::sign_magnitude, WidthRounding::any);
  CHECK(with_zero.stream.stream == Bytes{0x3e, 0x1e, 0x04});
  CHECK(encoded(ZeroVector::never, SignForm::twos_complement, WidthRounding::any).plan.sizes.payload_bits ==
        32);
  // Of the values marked non-zero, the last is the lowest one, coded 0001; 0000 would be none.
  const StreamFormat& format = with_zero.stream.format;
  CHECK(library_decode(dpred_codec(), c, with_zero.layout, format, {0x3e, 0x1e, 0x04}, {0}) ==
        std::vector<std::int32_t>{0, -4, 3, -128});
  CHECK(!library_decode(dpred_codec(), c, with_zero.layout, format, {0x3e, 0x1e, 0x00}, {0}));

  // Alone, the lowest value has width 1.
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, 0, {0, -128, -128, 0});
  CHECK(encoded(ZeroVector::never, SignForm::sign_magnitude, WidthRounding::any).stream.stream ==
        Bytes{0x30});
  CHECK(encoded(ZeroVector::never, SignForm::sign_magnitude, WidthRounding::even).stream.stream ==
        Bytes{0x41, 0x01});
}

TEST_CASE("layouts number rows, blocks and groups as the reference order has them") {
  Rng rng(12);
  for (int trial = 0; trial < 300; ++trial) {
    const Case c = draw_case(rng, 10);
    const StreamLayout layout(c.role, c.tensor.shape, c.options);
    INFO(trial << ": " << describe(c));
    REQUIRE(layout.blocks().size() == c.order.size());
    std::int64_t row_number = 0;
    std::int64_t group_number = 0;
    for (std::size_t b = 0; b < c.order.size(); ++b) {
      const auto block = static_cast<std::int64_t>(b);
      REQUIRE(layout.blocks()[b].first_row == row_number);
      REQUIRE(layout.blocks()[b].rows == static_cast<std::int64_t>(c.order[b].size()));
      std::int64_t block_values = 0;
      for (const Row& row : c.order[b]) {
        std::int64_t row_values = 0;
        REQUIRE(layout.first_group(row_number) == group_number);
        for (const Run& run : row) {
          for (std::size_t i = 0; i < run.size(); ++i) {
            const StreamPlace place = layout.place_of(static_cast<std::int64_t>(run[i]));
            REQUIRE(place.block == block);
            REQUIRE(place.value == block_values + row_values + static_cast<std::int64_t>(i));
          }
          row_values += static_cast<std::int64_t>(run.size());
          group_number += static_cast<std::int64_t>(groups_of(run, c.options.group).size());
        }
        REQUIRE(layout.block_of_row(row_number) == block);
        REQUIRE(layout.row_values(row_number) == row_values);
        block_values += row_values;
        ++row_number;
      }
      REQUIRE(layout.block_values(block) == block_values);
    }
    REQUIRE(layout.rows() == row_number);
    REQUIRE(layout.groups() == group_number);
  }
}

TEST_CASE("the role of a layer's weights") {
  LayerShape layer;
  CHECK(weight_role(layer) == StreamRole::weight);  // one channel is no depthwise layer
  layer.C = layer.groups = 4;
  layer.K = 8;
  CHECK(weight_role(layer) == StreamRole::depthwise_weight);
  layer.groups = 2;
  CHECK(weight_role(layer) == StreamRole::weight);
}

TEST_CASE("streams decode to the tensor, blocks in any order, rows from where the plan has them") {
  Rng rng(13);
  for (int trial = 0; trial < 400; ++trial) {
    const Case c = draw_case(rng, 10);
    const Codec& codec = trial % 8 == 0 ? raw_codec() : dpred_codec();
    const Encoded encoded = encode_case(codec, c, options_of(trial));
    const EncodedTensor& stream = encoded.stream;
    const std::vector<std::int32_t> codes = codes_of(c.tensor);
    INFO(trial << ": " << describe(c));
    const auto library = library_decode(codec, c, encoded.layout, stream.format, stream.stream, stream.table);
    REQUIRE(library == codes);
    Received received{stream.format.mode, stream.format.values.is_signed, stream.stream, stream.table,
                      stream.format.sign};
    REQUIRE(reference_decode(received, c.tensor, c.order, c.options.group) == codes);

    if (stream.format.mode != TensorMode::raw) {
      std::vector<std::size_t> order(c.order.size());
      for (std::size_t b = 0; b < order.size(); ++b)
        order[b] = b;
      for (std::size_t b = order.size() - 1; b > 0; --b)
        std::swap(order[b], order[static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(b)))]);
      std::vector<std::uint8_t> shuffled(static_cast<std::size_t>(draw(rng, 0, 3)), 0xff);  // a gap
      std::vector<std::uint32_t> table(order.size());
      for (const std::size_t b : order) {
        table[b] = static_cast<std::uint32_t>(shuffled.size());
        const auto begin = stream.stream.begin() + stream.table[b];
        shuffled.insert(shuffled.end(), begin, begin + encoded.plan.block_bytes[b]);
      }
      REQUIRE(library_decode(codec, c, encoded.layout, stream.format, shuffled, table) == codes);
    }

    // Single rows, last one first.
    std::int64_t wrong = 0;
    std::size_t row_number = encoded.plan.row_bits.size();
    std::size_t block_end = stream.stream.size();
    for (std::size_t b = c.order.size(); b-- > 0;) {
      const std::size_t block_begin = block_end - encoded.plan.block_bytes[b];
      for (std::size_t r = c.order[b].size(); r-- > 0;) {
        --row_number;
        Run members;
        for (const Run& run : c.order[b][r])
          members.insert(members.end(), run.begin(), run.end());
        std::vector<std::uint8_t> containers(members.size() * stream.format.container_bytes(), 0x5a);
        BitReader in(stream.stream.data(), stream.stream.size(),
                     block_begin * 8 + encoded.plan.row_bits[row_number]);
        const StreamSection& section = encoded.layout.section_of_row(static_cast<std::int64_t>(row_number));
        codec.decode_rows(stream.format, {section, 1, c.options.group}, in, containers.data());
        const std::vector<std::uint16_t> numbers = container_numbers(c.tensor.bits, containers);
        for (std::size_t i = 0; i < members.size(); ++i)
          wrong +=
              numbers[i] != packed_reference(codes[members[i]] - c.tensor.zero_point, c.tensor.bits, false);
      }
      block_end = block_begin;
    }
    REQUIRE(row_number == 0);
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("streams of every codec decode to the tensor, and are as long as planned") {
  Rng rng(17);
  for (const std::string& name : codec_names()) {
    const Codec& codec = find_codec(name);
    for (int trial = 0; trial < 150; ++trial) {
      const Case c = draw_case(rng, 8);
      const Encoded encoded = encode_case(codec, c, options_of(trial));
      const StreamPlan& plan = encoded.plan;
      const EncodedTensor& stream = encoded.stream;
      const std::vector<std::int32_t> codes = codes_of(c.tensor);
      INFO(name << " " << trial << ": " << describe(c));
      REQUIRE(library_decode(codec, c, encoded.layout, stream.format, stream.stream, stream.table) == codes);
      REQUIRE(stream.format.mode == plan.format.mode);
      REQUIRE(stream.stream.size() == plan.stream_bytes());
      REQUIRE(stream.format.header.size() % 4 == 0);
      if (plan.has_table()) {
        REQUIRE(stream.format.header.size() + 4 * stream.table.size() == plan.table_bytes());
      }
      REQUIRE(8 * (plan.stream_bytes() + plan.table_bytes()) == plan.sizes.total_bits());

      // Blocks as long as planned, and rows from where the plan has them.
      REQUIRE(plan.block_bytes.size() == c.order.size());
      std::size_t row = 0, block_begin = 0;
      std::int64_t wrong = 0;
      for (std::size_t b = 0; b < c.order.size(); ++b) {
        const auto block = static_cast<std::int64_t>(b);
        if (plan.has_table()) wrong += stream.table[b] != block_begin;
        const std::size_t size = stream.format.container_bytes();
        std::vector<std::uint8_t> values(static_cast<std::size_t>(encoded.layout.block_values(block)) * size);
        wrong += plan.block_bytes[b] > most_block_bytes(codec, encoded.layout, stream.format, block);
        wrong += decode_block(codec, encoded.layout, stream.format, block, stream.stream.data() + block_begin,
                              plan.block_bytes[b], values.data()) != plan.block_bytes[b];
        auto expected = values.begin();
        for (std::size_t r = 0; r < c.order[b].size() && !plan.whole_blocks(); ++r, ++row) {
          const auto number = static_cast<std::int64_t>(row);
          std::vector<std::uint8_t> alone(static_cast<std::size_t>(encoded.layout.row_values(number)) * size);
          BitReader in(stream.stream.data(), stream.stream.size(), 8 * block_begin + plan.row_bits[row]);
          codec.decode_rows(stream.format, {encoded.layout.section_of_row(number), 1, c.options.group}, in,
                            alone.data());
          wrong += !std::equal(alone.begin(), alone.end(), expected);
          expected += static_cast<std::ptrdiff_t>(alone.size());
        }
        block_begin += plan.block_bytes[b];
      }
      REQUIRE(wrong == 0);
      REQUIRE(row == plan.row_bits.size());
    }
  }
}

TEST_CASE("damaged streams are refused or give what the reference decoder makes of them") {
  Rng rng(14);
  std::int64_t refused = 0;
  std::int64_t accepted = 0;
  for (int trial = 0; trial < 90; ++trial) {
    Case c = draw_case(rng, 4);
    const Encoded encoded = encode_case(dpred_codec(), c, options_of(trial));
    const EncodedTensor& stream = encoded.stream;
    Received received{stream.format.mode, stream.format.values.is_signed, stream.stream, stream.table,
                      stream.format.sign};
    INFO(trial << ": " << describe(c));
    const auto both_agree = [&] {
      const auto library =
          library_decode(dpred_codec(), c, encoded.layout, stream.format, received.bytes, received.table);
      const auto expected = reference_decode(received, c.tensor, c.order, c.options.group);
      ++(expected ? accepted : refused);
      return library == expected;
    };

    // Every truncation cuts into a block: each ends with a byte that it needs.
    std::int64_t silent = 0;
    for (std::size_t size = 0; size < stream.stream.size(); ++size) {
      received.bytes.assign(stream.stream.begin(), stream.stream.begin() + static_cast<std::ptrdiff_t>(size));
      silent +=
          library_decode(dpred_codec(), c, encoded.layout, stream.format, received.bytes, received.table)
              .has_value();
    }
    REQUIRE(silent == 0);
    received.bytes = stream.stream;

    std::int64_t wrong = 0;
    for (std::size_t bit = 0; bit < std::min<std::size_t>(stream.stream.size() * 8, 4000); ++bit) {
      received.bytes[bit / 8] = static_cast<std::uint8_t>(received.bytes[bit / 8] ^ (1 << bit % 8));
      wrong += !both_agree();
      received.bytes[bit / 8] = stream.stream[bit / 8];
    }
    REQUIRE(wrong == 0);
    for (std::size_t bit = 0; bit < stream.table.size() * 32; ++bit) {
      received.table[bit / 32] ^= 1u << bit % 32;
      wrong += !both_agree();
      received.table[bit / 32] = stream.table[bit / 32];
    }
    REQUIRE(wrong == 0);

    received.table.push_back(0);
    REQUIRE(!library_decode(dpred_codec(), c, encoded.layout, stream.format, received.bytes, received.table));
    if (!stream.table.empty()) {
      received.table.resize(stream.table.size() - 1);
      REQUIRE(
          !library_decode(dpred_codec(), c, encoded.layout, stream.format, received.bytes, received.table));
    }
  }
  REQUIRE(refused > 1000);
  REQUIRE(accepted > 1000);
}

TEST_CASE("random bytes as a stream are refused or give what the reference decoder makes of them") {
  Rng rng(15);
  std::int64_t refused = 0;
  std::int64_t accepted = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const Case c = draw_case(rng, 4);
    const StreamLayout layout(c.role, c.tensor.shape, c.options);
    StreamFormat format;
    format.mode = pick<TensorMode>(rng, {TensorMode::raw, TensorMode::coded, TensorMode::coded_zero});
    format.values = profile_of(c.tensor).format;
    format.values.is_signed = draw(rng, 0, 1) == 1;
    format.sign = draw(rng, 0, 1) == 1 ? SignForm::sign_magnitude : SignForm::twos_complement;
    Received received{format.mode, format.values.is_signed, {}, {}, format.sign};
    const std::int64_t size = draw(rng, 0, 2 * static_cast<std::int64_t>(c.tensor.data.size()) + 8);
    const std::int64_t density = draw(rng, 0, 4);  // few ones: short groups and zero padding
    for (std::int64_t i = 0; i < size; ++i) {
      std::uint64_t byte = rng();
      for (std::int64_t j = 0; j < density; ++j)
        byte &= rng();
      received.bytes.push_back(static_cast<std::uint8_t>(byte));
    }
    if (format.mode != TensorMode::raw) {
      for (std::size_t b = 0; b < c.order.size(); ++b)
        received.table.push_back(static_cast<std::uint32_t>(draw(rng, 0, size / 2 + 1)));
    }
    const auto library = library_decode(dpred_codec(), c, layout, format, received.bytes, received.table);
    const auto expected = reference_decode(received, c.tensor, c.order, c.options.group);
    ++(expected ? accepted : refused);
    INFO(trial << ": " << describe(c) << ", mode " << static_cast<int>(format.mode) << ", bytes " << size);
    REQUIRE(library == expected);
  }
  REQUIRE(refused > 300);
  REQUIRE(accepted > 300);
}

TEST_CASE("a block is decoded alone and tells how many bytes it took") {
  Rng rng(16);
  for (int trial = 0; trial < 100; ++trial) {
    const Case c = draw_case(rng, 6);
    const Encoded encoded = encode_case(dpred_codec(), c, options_of(trial));
    std::vector<std::uint8_t> stream = encoded.stream.stream;
    stream.push_back(0xff);  // what follows is not read
    std::size_t at = 0;
    std::int64_t wrong = 0;
    for (std::size_t b = 0; b < c.order.size(); ++b) {
      std::vector<std::uint8_t> containers(
          static_cast<std::size_t>(encoded.layout.block_values(static_cast<std::int64_t>(b))) *
          encoded.stream.format.container_bytes());
      const std::size_t taken =
          decode_block(dpred_codec(), encoded.layout, encoded.stream.format, static_cast<std::int64_t>(b),
                       stream.data() + at, stream.size() - at, containers.data());
      wrong += taken != encoded.plan.block_bytes[b];
      at += taken;
    }
    INFO(trial << ": " << describe(c));
    REQUIRE(wrong == 0);
    REQUIRE(at == encoded.stream.stream.size());
  }
}

TEST_CASE("the parts of a damaged block: padding and values marked non-zero") {
  Case c;
  c.options.group = 4;
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, -3, {-3, -6, 2, -2});
  const StreamLayout layout(c.role, c.tensor.shape, c.options);
  const ValueFormat values = profile_of(c.tensor).format;
  CHECK(library_decode(dpred_codec(), c, layout, {TensorMode::coded, values}, {0x83, 0xae, 0x00}, {0}));
  CHECK(!library_decode(dpred_codec(), c, layout, {TensorMode::coded, values}, {0x83, 0xae, 0x08}, {0}));
  CHECK(!library_decode(dpred_codec(), c, layout, {TensorMode::coded, values}, {0x83, 0xae, 0x00}, {4}));
  CHECK(library_decode(dpred_codec(), c, layout, {TensorMode::coded_zero, values}, {0xbe, 0xae, 0x00}, {0}));
  // The last value 1, coded 1000, becomes 0000.
  CHECK(!library_decode(dpred_codec(), c, layout, {TensorMode::coded_zero, values}, {0xbe, 0x2e, 0x00}, {0}));
  try {
    Tensor tensor = c.tensor;
    decode(dpred_codec(), layout, {TensorMode::coded, values}, {0x83}, {0}, tensor);
    FAIL("a truncated stream was accepted");
  } catch (const StreamError& error) {
    CHECK(error.bit == 3);
    CHECK(std::string(error.what()).find("block 0") != std::string::npos);
  }
}

TEST_CASE("a stream that its table cannot reach is refused") {
  // Sizes come from a width map alone, so that no tensor of that size is needed: 16-bit groups of 256 values.
  ValueFormat format;
  format.bits = 16;
  const auto plan = [&](std::int64_t rows, std::int64_t block_values,
                        ZeroVector zero_vector = ZeroVector::never) {
    StreamOptions options;
    options.group = 256;
    options.slice_channels = 256;
    options.block_values = block_values;
    const StreamLayout layout(StreamRole::activation, {1, 256, rows, 1}, options);
    WidthMap widths;
    widths.width.assign(static_cast<std::size_t>(rows), 16);
    widths.non_zeros.assign(static_cast<std::size_t>(rows), 256);
    return dpred_codec().plan({layout, format, widths, {zero_vector}});
  };
  const std::int64_t row_bits = 4 + 256 * 16;
  const std::int64_t rows = (std::int64_t{8} << 32) / row_bits;  // of streams of about 4 GiB
  CHECK(plan(rows - 1000, 1 << 20).stream_bytes() < std::uint64_t{1} << 32);
  CHECK_THROWS_AS(plan(rows + 1000, 1 << 20), InputError);
  // What is not chosen need not be reached: raw has no table.
  CHECK_FALSE(plan(rows + 1000, 1 << 20, ZeroVector::automatic).has_table());
  const StreamPlan one_block = plan(rows - 1000, std::int64_t{1} << 40);
  CHECK(one_block.row_bits.back() == static_cast<std::uint64_t>((rows - 1001) * row_bits));
}

TEST_CASE("codecs are found by name") {
  for (const std::string& name : codec_names())
    CHECK(find_codec(name).name() == name);
  CHECK(&find_codec("dpred") == &dpred_codec());
  CHECK(&find_codec("raw") == &raw_codec());
  CHECK_THROWS_WITH(find_codec("dpredd"), Catch::Contains("'dpred'"));
}

TEST_CASE("sizes of the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    std::uint64_t total, raw;
  };
  const Expected sets[] = {
      {"mlperf_ad01_int8", 1543064, 2126912},
      {"mlperf_kws_int8", 417656, 692560},
      {"mlperf_resnet8_int8", 960024, 1201024},
      {"mlperf_resnet8_fix16", 1875776, 2402048},
      {"mnist_lstm_int8", 82144, 90752},
      {"mobilenet_v1_075_int8", 33672776, 43449984},
      {"squeezenet_pruned_fix16p10", 20247952, 62630320},
      {"use_lite_int8", 43838768, 47285536},
  };
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    std::uint64_t total = 0;
    std::uint64_t raw = 0;
    std::set<std::string> seen;  // the first reading decides
    const auto add = [&](const std::string& key, StreamRole role) {
      if (!seen.insert(key).second) return;
      const Tensor& tensor = network.tensor(key);
      const StreamLayout layout(role, tensor.shape, {});
      const ValueFormat format = profile_of(tensor).format;
      total +=
          dpred_codec().plan({layout, format, WidthMap::of(tensor, format, layout), {}}).sizes.total_bits();
      raw += static_cast<std::uint64_t>(tensor.raw_bits());
    };
    for (const Layer& layer : network.layers) {
      add(layer.input, StreamRole::activation);
      const bool depthwise = layer.shape.groups == layer.shape.C && layer.shape.C > 1;
      add(layer.weight, depthwise ? StreamRole::depthwise_weight : StreamRole::weight);
    }
    CAPTURE(expected.name);
    CHECK(total == expected.total);
    CHECK(raw == expected.raw);
  }
}
