// The streams of the codecs of run lengths, against encoders and decoders written from docs/contracts.md, one
// bit at a time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "models/codec/registry.h"
#include "tests/codec/real_ratios.h"
#include "tests/codec/reference_order.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Codes = std::optional<std::vector<std::int32_t>>;
using Values = std::vector<std::int64_t>;

const std::string names[] = {"rle-scnn", "rle-eyeriss"};

struct ReferenceStream {
  std::uint64_t metadata = 0, payload = 0, padding = 0;
  Bytes bytes;
  std::vector<std::uint32_t> table;
};

std::size_t zeros_from(const Values& values, std::size_t at) {
  std::size_t zeros = 0;
  while (at + zeros < values.size() && values[at + zeros] == 0)
    ++zeros;
  return zeros;
}

void put_scnn(const Values& values, int bits, Bits& out, ReferenceStream& sizes) {
  for (std::size_t at = 0; at < values.size();) {
    const std::size_t zeros = zeros_from(values, at);
    const std::size_t before = std::min<std::size_t>(zeros, 15);
    out.put(static_cast<std::int64_t>(before), 4);
    sizes.metadata += 4;
    at += before;
    if (at == values.size()) return;
    out.put(values[at], bits);
    sizes.payload += static_cast<std::uint64_t>(bits);
    ++at;
  }
}

bool get_scnn(BitSource& in, int bits, Values& values) {
  for (std::size_t at = 0; at < values.size();) {
    const auto zeros = in.get(4);
    if (!zeros) return false;
    for (std::int64_t i = 0; i < *zeros; ++i, ++at) {
      if (at == values.size()) return false;
      values[at] = 0;
    }
    if (at == values.size()) return true;
    const auto value = in.get(bits);
    if (!value || (*value == 0 && *zeros != 15)) return false;
    values[at++] = *value;
  }
  return true;
}

void put_eyeriss(const Values& values, int bits, Bits& out, ReferenceStream& sizes) {
  struct Pair {
    std::int64_t run, value;
  };
  std::vector<Pair> pairs;
  for (std::size_t at = 0; at < values.size();) {
    const std::size_t zeros = zeros_from(values, at);
    if (zeros > 31) {
      pairs.push_back({31, 0});
      at += 32;
    } else if (at + zeros < values.size()) {
      pairs.push_back({static_cast<std::int64_t>(zeros), values[at + zeros]});
      at += zeros + 1;
    } else {
      pairs.push_back({static_cast<std::int64_t>(zeros - 1), 0});
      at += zeros;
    }
  }
  const std::size_t per_word = bits == 8 ? 4 : 3;
  std::uint64_t words = 0;
  for (std::size_t first = 0; first < pairs.size(); first += per_word, ++words) {
    int spare = 63;
    for (std::size_t i = first; i < std::min(pairs.size(), first + per_word); ++i) {
      out.put(pairs[i].run, 5);
      out.put(pairs[i].value, bits);
      spare -= 5 + bits;
    }
    out.put(0, spare);
    out.put(first + per_word >= pairs.size() ? 1 : 0, 1);
  }
  const std::uint64_t payload = pairs.size() * static_cast<std::uint64_t>(bits);
  sizes.payload += payload;
  sizes.metadata += 64 * words - payload;
}

bool get_eyeriss(BitSource& in, int bits, Values& values) {
  std::size_t at = 0;
  for (bool last = false; !last;) {
    for (int i = 0; i < (bits == 8 ? 4 : 3); ++i) {
      const auto run = in.get(5);
      const auto value = in.get(bits);
      if (!run || !value) return false;
      if (at == values.size()) {
        if (*run != 0 || *value != 0) return false;
        continue;
      }
      for (std::int64_t j = 0; j < *run; ++j) {
        if (at == values.size()) return false;
        values[at++] = 0;
      }
      if (at == values.size()) return false;
      values[at++] = *value;
      if (*value == 0 && *run != 31 && at != values.size()) return false;
    }
    for (int i = 0; i < (bits == 8 ? 11 : 0); ++i) {
      if (in.get(1) != 0) return false;
    }
    const auto flag = in.get(1);
    if (!flag) return false;
    last = *flag == 1;
    if (last != (at == values.size())) return false;
  }
  return true;
}

std::vector<std::size_t> members_of(const Block& block) {
  std::vector<std::size_t> members;
  for (const Row& row : block)
    for (const Run& run : row)
      members.insert(members.end(), run.begin(), run.end());
  return members;
}

ReferenceStream reference_encode(const std::string& codec, const Case& c) {
  const std::vector<std::int32_t> codes = codes_of(c.tensor);
  ReferenceStream stream;
  for (const Block& block : c.order) {
    Values values;
    for (const std::size_t i : members_of(block))
      values.push_back(packed_reference(codes[i] - c.tensor.zero_point, c.tensor.bits, false));
    Bits out;
    (codec == "rle-scnn" ? put_scnn : put_eyeriss)(values, c.tensor.bits, out, stream);
    for (; out.bits.size() % 8 != 0; ++stream.padding)
      out.bits.push_back(false);
    stream.table.push_back(static_cast<std::uint32_t>(stream.bytes.size()));
    for (std::size_t i = 0; i < out.bits.size(); i += 8) {
      int byte = 0;
      for (std::size_t j = 0; j < 8; ++j)
        byte += out.bits[i + j] ? 1 << j : 0;
      stream.bytes.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return stream;
}

Codes reference_decode(const std::string& codec, const Case& c, const Bytes& bytes,
                       const std::vector<std::uint32_t>& table) {
  if (table.size() != c.order.size()) return std::nullopt;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(c.tensor.values()));
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    const std::vector<std::size_t> members = members_of(c.order[b]);
    BitSource in(bytes, std::size_t{table[b]} * 8);
    Values values(members.size(), -1);
    if (!(codec == "rle-scnn" ? get_scnn : get_eyeriss)(in, c.tensor.bits, values)) return std::nullopt;
    while (in.bit() % 8 != 0) {
      if (in.get(1) != 0) return std::nullopt;
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::int32_t code =
          packed_reference(static_cast<std::int32_t>(values[i]) + c.tensor.zero_point, c.tensor.bits, false);
      if (code > range_of(c.tensor.dtype).high) code -= 1 << c.tensor.bits;
      codes[members[i]] = code;
    }
  }
  return codes;
}

/// Random tensors, in three of four cases with many zeros.
Case draw_sparse(Rng& rng, std::int64_t size) {
  Case c = draw_case(rng, size);
  const std::int64_t density = pick<std::int64_t>(rng, {1, 3, 20, 60});
  std::vector<std::int32_t> codes = codes_of(c.tensor);
  for (std::int32_t& code : codes) {
    if (draw(rng, 0, density) != 0) code = c.tensor.zero_point;
  }
  c.tensor = make_tensor(c.tensor.shape, c.tensor.dtype, c.tensor.zero_point, codes);
  return c;
}

/// One block of one position's channels.
Case one_block(DType dtype, std::int32_t zero_point, const std::vector<std::int32_t>& codes) {
  Case c;
  c.options.slice_channels = 1 << 20;
  c.tensor = make_tensor({1, static_cast<std::int64_t>(codes.size()), 1, 1}, dtype, zero_point, codes);
  c.order = reference_order(c.role, c.tensor.shape, c.options);
  return c;
}

void check_case(const std::string& codec, const Case& c) {
  const ReferenceStream expected = reference_encode(codec, c);
  const Encoded actual = encode_case(find_codec(codec), c, {});
  const StreamSizes& sizes = actual.plan.sizes;
  REQUIRE(actual.plan.format.mode == TensorMode::coded);
  REQUIRE(actual.plan.whole_blocks());
  REQUIRE(sizes.metadata_bits == expected.metadata);
  REQUIRE(sizes.payload_bits == expected.payload);
  REQUIRE(sizes.pointer_bits == 32 * expected.table.size());
  REQUIRE(sizes.padding_bits == expected.padding);
  REQUIRE(actual.stream.stream == expected.bytes);
  REQUIRE(actual.stream.table == expected.table);
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    REQUIRE(actual.plan.block_bytes[b] <= most_block_bytes(find_codec(codec), actual.layout,
                                                           actual.plan.format, static_cast<std::int64_t>(b)));
  }
  REQUIRE(reference_decode(codec, c, expected.bytes, expected.table) == codes_of(c.tensor));
  REQUIRE(library_decode(find_codec(codec), c, actual.layout, actual.plan.format, expected.bytes,
                         expected.table) == codes_of(c.tensor));
}

/// What the library says of a block of so many values, nothing where it takes it.
std::string error_of(const std::string& codec, std::int64_t values, const Bytes& bytes,
                     std::uint8_t bits = 8) {
  StreamOptions options;
  options.slice_channels = values;
  const StreamLayout layout(StreamRole::activation, {1, values, 1, 1}, options);
  const StreamFormat format{TensorMode::coded, {bits, false}};
  std::vector<std::uint16_t> containers(static_cast<std::size_t>(values));
  try {
    decode_block(find_codec(codec), layout, format, 0, bytes.data(), bytes.size(),
                 reinterpret_cast<std::uint8_t*>(containers.data()));
  } catch (const StreamError& error) {
    return error.what();
  }
  return "";
}

Bytes word(std::uint64_t bits) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i)
    bytes.push_back(static_cast<std::uint8_t>(bits >> 8 * i));
  return bytes;
}

constexpr std::uint64_t last = std::uint64_t{1} << 63;

}  // namespace

TEST_CASE("the worked examples of streams of run lengths") {
  // docs/contracts.md, "The rle-scnn stream" and "The rle-eyeriss stream"
  const Case c = one_block(DType::int8, -3, {-3, -6, 2, -3, -3, -2, -3});
  const Encoded scnn = encode_case(rle_scnn_codec(), c, {});
  CHECK(scnn.stream.stream == Bytes{0xd1, 0x0f, 0x05, 0x12, 0x10});
  CHECK(scnn.plan.sizes.metadata_bits == 16);
  CHECK(scnn.plan.sizes.payload_bits == 24);
  CHECK(scnn.plan.sizes.padding_bits == 0);
  CHECK(scnn.plan.sizes.pointer_bits == 32);
  const Encoded eyeriss = encode_case(rle_eyeriss_codec(), c, {});
  CHECK(eyeriss.stream.stream == Bytes{0xa1, 0x1f, 0x14, 0x88, 0x00, 0x00, 0x00, 0x80});
  CHECK(eyeriss.plan.sizes.metadata_bits == 32);
  CHECK(eyeriss.plan.sizes.payload_bits == 32);
  CHECK(eyeriss.plan.sizes.padding_bits == 0);
  // Three pairs of 16-bit values: the fourth makes a second word.
  const Case wide = one_block(DType::int16, 0, {0, 1, 2, 0, 0, -1, 0});
  CHECK(encode_case(rle_eyeriss_codec(), wide, {}).stream.stream ==
        Bytes{0x21, 0x00, 0x00, 0x08, 0x00, 0x88, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0x80});
}

TEST_CASE("streams of run lengths, tables and sizes are those of the reference encoders") {
  Rng rng(51);
  for (const std::string& codec : names) {
    for (int trial = 0; trial < 400; ++trial) {
      const Case c = draw_sparse(rng, 10);
      INFO(codec << " " << trial << ": " << describe(c));
      check_case(codec, c);
    }
  }
}

TEST_CASE("run lengths of adversarial tensors") {
  for (const std::string& codec : names) {
    for (const DType dtype : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
      const auto low = static_cast<std::int32_t>(range_of(dtype).low);
      const auto high = static_cast<std::int32_t>(range_of(dtype).high);
      for (const std::int32_t zero_point : {0, low, high, (low + high) / 2}) {
        const auto check = [&](const std::vector<std::int32_t>& codes) {
          Case c = one_block(dtype, zero_point, codes);
          INFO(codec << " " << describe(c));
          check_case(codec, c);
          c.options.slice_channels = 17;  // runs end with their block
          c.order = reference_order(c.role, c.tensor.shape, c.options);
          check_case(codec, c);
        };
        const std::int32_t other = zero_point == high ? low : high;
        for (const std::int32_t code : {zero_point, low, high})
          for (const std::size_t count : {1, 2, 15, 16, 17, 31, 32, 33, 48, 64, 511, 512, 513, 528, 1300})
            check(std::vector<std::int32_t>(count, code));
        for (const int period : {2, 3, 16, 17, 32, 33}) {
          std::vector<std::int32_t> alternating(600, zero_point);
          for (std::size_t i = 0; i < alternating.size(); i += static_cast<std::size_t>(period))
            alternating[i] = i % 2 == 0 ? low : high;
          check(alternating);
        }
        for (const std::size_t run : {1, 14, 15, 16, 17, 30, 31, 32, 33, 47, 48, 49, 63, 64, 65, 500}) {
          const std::vector<std::int32_t> zeros(run, zero_point);
          std::vector<std::int32_t> codes = zeros;
          codes.push_back(other);
          check(codes);  // before a value
          codes.insert(codes.end(), zeros.begin(), zeros.end());
          check(codes);  // and at the end
          codes.push_back(other);
          check(codes);
          codes.erase(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(run));
          check(codes);
        }
      }
    }
  }
}

TEST_CASE("damaged streams of run lengths are refused or give what the reference decoders make of them") {
  Rng rng(52);
  for (const std::string& name : names) {
    const Codec& codec = find_codec(name);
    std::int64_t refused = 0, accepted = 0;
    for (int trial = 0; trial < 60; ++trial) {
      const Case c = draw_sparse(rng, 4);
      const Encoded encoded = encode_case(codec, c, {});
      const EncodedTensor& stream = encoded.stream;
      std::int64_t wrong = 0;
      const auto compare = [&](const Bytes& bytes, const std::vector<std::uint32_t>& table) {
        const Codes expected = reference_decode(name, c, bytes, table);
        wrong += library_decode(codec, c, encoded.layout, stream.format, bytes, table) != expected;
        ++(expected ? accepted : refused);
      };
      visit_damages(stream, rng, compare);
      INFO(name << " " << trial << ": " << describe(c));
      REQUIRE(wrong == 0);
    }
    REQUIRE(refused > 300);
    REQUIRE(accepted > 300);
  }
}

TEST_CASE("a block of run lengths has one form, and what breaks it is named with its place") {
  CHECK(error_of("rle-scnn", 7, {0xd1, 0x0f, 0x05, 0x12, 0x10}) == "");
  CHECK(error_of("rle-scnn", 7, {}) == "the stream ends inside a count of zeros at bit 0");
  CHECK(error_of("rle-scnn", 7, {0xd1}) == "the stream ends inside a value at bit 4");
  CHECK(error_of("rle-scnn", 7, {0x08}) == "a count of zeros reaches past the block at bit 0");
  CHECK(error_of("rle-scnn", 7, {0x08, 0x00}) == "a count of zeros reaches past the block at bit 0");
  CHECK(error_of("rle-scnn", 7, {0x02, 0x00}) == "a zero follows fewer than 15 zeros at bit 4");
  CHECK(error_of("rle-scnn", 7, {0x07}) == "");
  CHECK(error_of("rle-scnn", 7, {0x17}) != "");  // padding
  CHECK(error_of("rle-scnn", 15, {0x0f}) == "");
  CHECK(error_of("rle-scnn", 16, {0x0f, 0x00}) == "");

  const auto error = [](std::int64_t values, std::uint64_t bits) {
    return error_of("rle-eyeriss", values, word(bits));
  };
  CHECK(error(7, last | 6) == "");
  CHECK(error(32, last | 31) == "");
  CHECK(error_of("rle-eyeriss", 7, Bytes(7, 0)) == "the stream ends inside a word at bit 0");
  CHECK(error(7, last | 7) == "a run of zeros reaches past the block at bit 0");
  CHECK(error(7, last | 0x20 | std::uint64_t{6} << 13) == "a run of zeros reaches past the block at bit 13");
  CHECK(error(7, last | 5) == "a zero follows fewer than 31 zeros at bit 5");
  CHECK(error(7, 6) == "the last word isn't marked so at bit 63");
  CHECK(error(64, last | 31 | std::uint64_t{31} << 13 | std::uint64_t{1} << 26) ==
        "spare bits of a word aren't zero at bit 0");
  for (int bit = 13; bit < 63; ++bit)
    CHECK(error(7, last | 6 | std::uint64_t{1} << bit) == "spare bits of a word aren't zero at bit 0");
  CHECK(error(129, last | 31 | std::uint64_t{31} << 13 | std::uint64_t{31} << 26 | std::uint64_t{31} << 39) ==
        "the last word comes before the block's end at bit 63");
  CHECK(error_of("rle-eyeriss", 7, word(last | 6), 16) == "");
  for (int bit = 21; bit < 63; ++bit)
    CHECK(error_of("rle-eyeriss", 7, word(last | 6 | std::uint64_t{1} << bit), 16) != "");
}

TEST_CASE("ratios of run lengths on the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    double scnn, eyeriss;
  };
  const Expected sets[] = {
      {"mobilenet_v1_075_int8", 1.1907, 1.5882}, {"squeezenet_pruned_fix16p10", 0.6415, 0.6828},
      {"mlperf_resnet8_int8", 1.2046, 1.6070},   {"mlperf_resnet8_fix16", 1.0164, 1.0848},
      {"mlperf_kws_int8", 0.9151, 1.2215},       {"mlperf_ad01_int8", 1.3611, 1.8153},
      {"mnist_lstm_int8", 1.4070, 1.8731},       {"use_lite_int8", 1.3934, 1.8550}};
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    CAPTURE(expected.name);
    CHECK(ratios_of(rle_scnn_codec(), network).all == Approx(expected.scnn).margin(0.0001));
    CHECK(ratios_of(rle_eyeriss_codec(), network).all == Approx(expected.eyeriss).margin(0.0001));
  }
}
