// The streams of the codecs that dpred is compared with, against encoders and decoders written from
// docs/contracts.md, one bit at a time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <set>
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

struct ReferenceStream {
  bool raw = false;
  int width = 0;
  std::uint64_t metadata = 0, payload = 0, pointers = 0, padding = 0;
  std::vector<std::uint64_t> row_bits;
  Bytes bytes;
  std::vector<std::uint32_t> table;
  std::uint64_t total() const { return metadata + payload + pointers + padding; }
};

/// `width` 0: zvc; else every value has that many bits.
ReferenceStream reference_encode(const Case& c, int width, bool raw) {
  std::vector<std::int32_t> values;
  for (const std::int32_t code : codes_of(c.tensor))
    values.push_back(packed_reference(code - c.tensor.zero_point, c.tensor.bits, false));
  ReferenceStream stream;
  stream.raw = raw;
  stream.width = raw ? 0 : width;
  for (const Block& block : c.order) {
    Bits out;
    for (const Row& row : block) {
      stream.row_bits.push_back(out.bits.size());
      for (const Run& run : row) {
        for (const Run& members : groups_of(run, c.options.group)) {
          if (width == 0) {
            for (const std::size_t i : members)
              out.put(values[i] != 0 ? 1 : 0, 1);
            stream.metadata += members.size();
          }
          for (const std::size_t i : members) {
            const int bits = width > 0 ? width : values[i] != 0 ? c.tensor.bits : 0;
            out.put(values[i], bits);
            stream.payload += static_cast<std::uint64_t>(bits);
          }
        }
      }
    }
    for (; out.bits.size() % 8 != 0; ++stream.padding)
      out.bits.push_back(false);
    if (!raw) stream.table.push_back(static_cast<std::uint32_t>(stream.bytes.size()));
    if (!raw) stream.pointers += 32;
    for (std::size_t i = 0; i < out.bits.size(); i += 8) {
      int byte = 0;
      for (std::size_t j = 0; j < 8; ++j)
        byte += out.bits[i + j] ? 1 << j : 0;
      stream.bytes.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return stream;
}

ReferenceStream reference_stream(const std::string& codec, const Case& c) {
  if (codec == "zvc") return reference_encode(c, 0, false);
  const std::vector<std::int32_t> centred = centred_values(c.tensor);
  const bool is_signed = any_negative(centred);
  int width = 1;
  for (const std::int32_t v : centred)
    width = std::max(width, reference_width(packed_reference(v, c.tensor.bits, is_signed), is_signed));
  ReferenceStream coded = reference_encode(c, width, false);
  ReferenceStream raw = reference_encode(c, c.tensor.bits, true);
  return coded.total() < raw.total() ? coded : raw;
}

Codes reference_decode(const std::string& codec, const Case& c, const StreamFormat& format,
                       const Bytes& bytes, const std::vector<std::uint32_t>& table) {
  const bool raw = format.mode == TensorMode::raw;
  if (table.size() != (raw ? 0 : c.order.size())) return std::nullopt;
  const int width = codec == "zvc" || raw ? c.tensor.bits : format.width;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(c.tensor.values()));
  std::size_t next = 0;
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    BitSource in(bytes, raw ? next : std::size_t{table[b]} * 8);
    for (const Row& row : c.order[b]) {
      for (const Run& run : row) {
        for (const Run& members : groups_of(run, c.options.group)) {
          std::vector<bool> present(members.size(), true);
          for (std::size_t i = 0; codec == "zvc" && i < members.size(); ++i) {
            const auto bit = in.get(1);
            if (!bit) return std::nullopt;
            present[i] = *bit == 1;
          }
          for (std::size_t i = 0; i < members.size(); ++i) {
            std::int64_t value = 0;
            if (present[i]) {
              const auto stored = in.get(width);
              if (!stored || (codec == "zvc" && *stored == 0)) return std::nullopt;
              value = *stored;
              if (format.values.is_signed && value >> (width - 1) != 0) value -= std::int64_t{1} << width;
            }
            std::int32_t code = packed_reference(static_cast<std::int32_t>(value) + c.tensor.zero_point,
                                                 c.tensor.bits, false);
            if (code > range_of(c.tensor.dtype).high) code -= 1 << c.tensor.bits;
            codes[members[i]] = code;
          }
        }
      }
    }
    while (in.bit() % 8 != 0) {
      if (in.get(1) != 0) return std::nullopt;
    }
    next = in.bit();
  }
  return codes;
}

/// Narrow values in half of the cases: so that one width saves space.
Case draw_narrow(Rng& rng, std::int64_t size) {
  Case c = draw_case(rng, size);
  if (draw(rng, 0, 1) == 0) return c;
  std::vector<std::int32_t> codes = codes_of(c.tensor);
  const std::int64_t low = range_of(c.tensor.dtype).low, high = range_of(c.tensor.dtype).high;
  for (std::int32_t& code : codes)
    code = static_cast<std::int32_t>(std::clamp<std::int64_t>(c.tensor.zero_point + code % 5, low, high));
  c.tensor = make_tensor(c.tensor.shape, c.tensor.dtype, c.tensor.zero_point, codes);
  return c;
}

}  // namespace

TEST_CASE("the worked examples of compared streams") {
  // docs/contracts.md, "The layer-width stream" and "The zvc stream"
  Case c;
  c.options.group = 4;
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, -3, {-3, -6, 2, -2});
  const Encoded zvc = encode_case(zvc_codec(), c, {});
  CHECK(zvc.stream.stream == Bytes{0xde, 0x5f, 0x10, 0x00});
  CHECK(zvc.plan.sizes.metadata_bits == 4);
  CHECK(zvc.plan.sizes.payload_bits == 24);
  CHECK(zvc.plan.sizes.padding_bits == 4);
  CHECK(zvc.plan.sizes.pointer_bits == 32);
  // Coded 16 bits and the table's 32, raw 32.
  CHECK_FALSE(encode_case(layer_width_codec(), c, {}).plan.has_table());
  c.tensor = make_tensor({1, 4, 3, 1}, DType::int8, -3, {-3, -3, -3, -6, -6, -6, 2, 2, 2, -2, -2, -2});
  const Encoded layer = encode_case(layer_width_codec(), c, {});
  CHECK(layer.plan.format.width == 4);
  CHECK(layer.plan.sizes.metadata_bits == 0);
  CHECK(layer.plan.sizes.payload_bits == 48);
  CHECK(layer.plan.sizes.total_bits() == 80);
  CHECK(layer.stream.stream == Bytes{0xd0, 0x15, 0xd0, 0x15, 0xd0, 0x15});
}

TEST_CASE("compared streams, tables and sizes are those of the reference encoder") {
  Rng rng(21);
  for (const std::string codec : {"layer-width", "zvc"}) {
    std::set<bool> seen;
    for (int trial = 0; trial < 400; ++trial) {
      const Case c = draw_narrow(rng, 10);
      const ReferenceStream expected = reference_stream(codec, c);
      const Encoded actual = encode_case(find_codec(codec), c, {zero_vectors[trial % 3]});
      INFO(codec << " " << trial << ": " << describe(c));
      REQUIRE((actual.plan.format.mode == TensorMode::raw) == expected.raw);
      REQUIRE(actual.plan.format.width == expected.width);
      REQUIRE(actual.plan.sizes.metadata_bits == expected.metadata);
      REQUIRE(actual.plan.sizes.payload_bits == expected.payload);
      REQUIRE(actual.plan.sizes.pointer_bits == expected.pointers);
      REQUIRE(actual.plan.sizes.padding_bits == expected.padding);
      REQUIRE(actual.stream.stream == expected.bytes);
      REQUIRE(actual.stream.table == expected.table);
      REQUIRE(actual.plan.row_bits == expected.row_bits);
      REQUIRE(reference_decode(codec, c, actual.stream.format, expected.bytes, expected.table) ==
              codes_of(c.tensor));
      seen.insert(expected.raw);
    }
    REQUIRE(seen.size() == (codec == "zvc" ? 1 : 2));
  }
}

TEST_CASE("damaged compared streams are refused or give what the reference decoder makes of them") {
  Rng rng(22);
  for (const std::string name : {"layer-width", "zvc"}) {
    const Codec& codec = find_codec(name);
    std::int64_t refused = 0, accepted = 0;
    for (int trial = 0; trial < 60; ++trial) {
      const Case c = draw_narrow(rng, 4);
      const Encoded encoded = encode_case(codec, c, {});
      const EncodedTensor& stream = encoded.stream;
      std::int64_t wrong = 0;
      const auto compare = [&](const Bytes& bytes, const std::vector<std::uint32_t>& table) {
        const Codes expected = reference_decode(name, c, stream.format, bytes, table);
        wrong += library_decode(codec, c, encoded.layout, stream.format, bytes, table) != expected;
        ++(expected ? accepted : refused);
      };
      visit_damages(stream, rng, compare);
      std::vector<std::uint32_t> longer = stream.table;
      longer.push_back(0);
      compare(stream.stream, longer);
      INFO(name << " " << trial << ": " << describe(c));
      REQUIRE(wrong == 0);
    }
    REQUIRE(refused > 300);
    REQUIRE(accepted > 300);
  }
}

TEST_CASE("a width that no value can have is refused") {
  Case c;
  c.tensor = make_tensor({1, 4, 1, 1}, DType::int8, 0, {0, -1, 2, 3});
  const StreamLayout layout(c.role, c.tensor.shape, c.options);
  StreamFormat format{TensorMode::coded, profile_of(c.tensor).format};
  for (const int width : {0, 1, 8, 9, 255}) {
    CAPTURE(width);
    format.width = static_cast<std::uint8_t>(width);
    const Codes decoded = library_decode(layer_width_codec(), c, layout, format, Bytes(200, 0), {0});
    CHECK(decoded.has_value() == (width >= 1 && width <= 8));
  }
}

TEST_CASE("ratios of the compared codecs on the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    double layer_width, zvc;
  };
  const Expected sets[] = {
      {"mobilenet_v1_075_int8", 1.000, 0.919}, {"squeezenet_pruned_fix16p10", 0.618, 0.574},
      {"mlperf_resnet8_int8", 0.954, 0.929},   {"mlperf_resnet8_fix16", 0.971, 0.876},
      {"mlperf_kws_int8", 0.999, 0.736},       {"mlperf_ad01_int8", 1.000, 1.033},
      {"mnist_lstm_int8", 1.000, 1.062},       {"use_lite_int8", 1.000, 1.052}};
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    CAPTURE(expected.name);
    CHECK(ratios_of(layer_width_codec(), network).all == Approx(expected.layer_width).margin(0.0006));
    CHECK(ratios_of(zvc_codec(), network).all == Approx(expected.zvc).margin(0.0006));
  }
}
