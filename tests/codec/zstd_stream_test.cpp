// The zstd stream, whose frames the library itself reads here by another way, and the entropy bound.
#define ZSTD_STATIC_LINKING_ONLY

#include <zstd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>

#include "models/codec/entropy.h"
#include "models/codec/registry.h"
#include "platform/first_readings.h"
#include "tests/codec/reference_order.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Bytes of a stream behind the magic number that it leaves out.
Bytes with_magic(const Bytes& stream, std::size_t begin, std::size_t end) {
  Bytes frame(4 + end - begin);
  const std::uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
  std::copy(std::begin(magic), std::end(magic), frame.begin());
  std::copy(stream.begin() + static_cast<std::ptrdiff_t>(begin),
            stream.begin() + static_cast<std::ptrdiff_t>(end), frame.begin() + 4);
  return frame;
}

/// A whole frame at once, in more room than it needs.
Bytes unpack(const Bytes& stream, std::size_t begin, std::size_t end, std::size_t room) {
  const Bytes frame = with_magic(stream, begin, end);
  REQUIRE(ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size());
  ZSTD_frameHeader header;
  REQUIRE(ZSTD_getFrameHeader(&header, frame.data(), frame.size()) == 0);
  CHECK(header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN);
  CHECK(header.checksumFlag == 0);
  CHECK(header.dictID == 0);
  Bytes bytes(room);
  bytes.resize(ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size()));
  return bytes;
}

/// A frame without a magic number, by the library.
Bytes pack(const Bytes& bytes, const std::map<ZSTD_cParameter, int>& parameters) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_format, ZSTD_f_zstd1_magicless);
  for (const auto& [parameter, value] : parameters)
    ZSTD_CCtx_setParameter(context, parameter, value);
  Bytes frame(ZSTD_compressBound(bytes.size()) + 64);
  const std::size_t size = ZSTD_compress2(context, frame.data(), frame.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  REQUIRE_FALSE(ZSTD_isError(size));
  frame.resize(size);
  return frame;
}

struct Coded {
  Case c;
  StreamLayout layout;
  StreamFormat format;
  Bytes stream;
  std::vector<std::uint32_t> table;
};

/// In the coded form, also where raw would be smaller.
Coded encode_coded(const Case& c) {
  Coded coded{c,
              StreamLayout(c.role, c.tensor.shape, c.options),
              {TensorMode::coded, profile_of(c.tensor).format},
              {},
              {}};
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    const StreamBlock& block = coded.layout.blocks()[b];
    Bytes containers(static_cast<std::size_t>(coded.layout.block_values(static_cast<std::int64_t>(b))) *
                     coded.format.container_bytes());
    coded.layout.gather(c.tensor, coded.format.values, block.first_row, block.rows, containers.data());
    coded.table.push_back(static_cast<std::uint32_t>(coded.stream.size()));
    encode_block(zstd_codec(), coded.layout, coded.format, static_cast<std::int64_t>(b), containers.data(),
                 coded.stream);
  }
  return coded;
}

/// Random tensors, in half of the cases with many equal values.
Case draw_zstd_case(Rng& rng, std::int64_t size) {
  Case c = draw_case(rng, size);
  if (draw(rng, 0, 1) == 0) return c;
  std::vector<std::int32_t> codes = codes_of(c.tensor);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (draw(rng, 0, 7) != 0) codes[i] = i == 0 ? c.tensor.zero_point : codes[i - 1];
  }
  c.tensor = make_tensor(c.tensor.shape, c.tensor.dtype, c.tensor.zero_point, codes);
  return c;
}

bool decodes(const Coded& coded, const Bytes& stream) {
  return library_decode(zstd_codec(), coded.c, coded.layout, coded.format, stream, coded.table).has_value();
}

/// One block of 1024 zeros.
Coded one_block() {
  Case c;
  c.tensor = make_tensor({1, 16, 8, 8}, DType::uint8, 0, std::vector<std::int32_t>(1024, 0));
  c.order = reference_order(c.role, c.tensor.shape, c.options);
  return encode_coded(c);
}

}  // namespace

TEST_CASE("a zstd stream is a frame a block") {
  Rng rng(41);
  std::int64_t raw = 0, coded_mode = 0;
  for (int trial = 0; trial < 150; ++trial) {
    const Case c = draw_zstd_case(rng, trial % 4 == 0 ? 40 : 12);
    INFO(trial << ": " << describe(c));
    const Coded coded = encode_coded(c);
    const std::vector<std::int32_t> codes = codes_of(c.tensor);
    std::uint64_t payload = 0;
    std::int64_t wrong = 0;
    for (std::size_t b = 0; b < c.order.size(); ++b) {
      const std::size_t end = b + 1 < c.order.size() ? coded.table[b + 1] : coded.stream.size();
      Bytes expected;
      for (const Row& row : c.order[b]) {
        for (const Run& run : row) {
          for (const std::size_t i : run) {
            const std::int32_t value = packed_reference(codes[i] - c.tensor.zero_point, c.tensor.bits, false);
            expected.push_back(static_cast<std::uint8_t>(value));
            if (c.tensor.bits == 16) expected.push_back(static_cast<std::uint8_t>(value >> 8));
          }
        }
      }
      wrong += unpack(coded.stream, coded.table[b], end, expected.size() + 100) != expected;
      payload += 8 * (end - coded.table[b]);
      wrong += end - coded.table[b] >
               most_block_bytes(zstd_codec(), coded.layout, coded.format, static_cast<std::int64_t>(b));
    }
    REQUIRE(wrong == 0);
    const Encoded planned = encode_case(zstd_codec(), c, {});
    const bool is_raw = payload + 32 * c.order.size() >= static_cast<std::uint64_t>(c.tensor.raw_bits());
    REQUIRE((planned.plan.format.mode == TensorMode::raw) == is_raw);
    ++(is_raw ? raw : coded_mode);
    if (is_raw) continue;
    REQUIRE(planned.stream.stream == coded.stream);
    REQUIRE(planned.stream.table == coded.table);
    REQUIRE(planned.plan.sizes.metadata_bits == 0);
    REQUIRE(planned.plan.sizes.payload_bits == payload);
    REQUIRE(planned.plan.sizes.padding_bits == 0);
    REQUIRE(planned.plan.sizes.pointer_bits == 32 * c.order.size());
  }
  CHECK(raw > 20);
  CHECK(coded_mode > 20);
}

TEST_CASE("damaged zstd streams are refused or decode to whole tensors") {
  Rng rng(42);
  std::int64_t refused = 0, accepted = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const Coded coded = encode_coded(draw_zstd_case(rng, 8));
    INFO(trial << ": " << describe(coded.c));
    const auto count = [&](const Bytes& bytes) { ++(decodes(coded, bytes) ? accepted : refused); };
    // Every frame is needed whole, and the last block's is the last.
    const std::size_t size = coded.stream.size();
    for (std::size_t left = 0; left < size; left += 1 + size / 50) {
      REQUIRE_FALSE(
          decodes(coded, {coded.stream.begin(), coded.stream.begin() + static_cast<std::ptrdiff_t>(left)}));
    }
    for (int i = 0; i < 100; ++i) {
      const auto bit = static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(8 * size) - 1));
      Bytes bytes = coded.stream;
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
      count(bytes);
    }
    for (int i = 0; i < 30; ++i) {
      Bytes bytes(static_cast<std::size_t>(draw(rng, 0, 100)));
      for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(rng() & rng());
      count(bytes);
    }
  }
  CHECK(refused > 1000);
  CHECK(accepted > 100);
}

TEST_CASE("zstd frames that hold something else than their block are refused") {
  const Coded coded = one_block();
  CHECK(decodes(coded, coded.stream));
  CHECK(decodes(coded, pack(Bytes(1024, 7), {})));
  CHECK(decodes(coded, pack(Bytes(1024, 7), {{ZSTD_c_checksumFlag, 1}})));
  CHECK_FALSE(decodes(coded, pack(Bytes(1023, 7), {})));
  CHECK_FALSE(decodes(coded, pack(Bytes(1023, 7), {{ZSTD_c_contentSizeFlag, 0}})));
  CHECK_FALSE(decodes(coded, pack(Bytes(1025, 7), {})));
  CHECK_FALSE(decodes(coded, pack(Bytes(1025, 7), {{ZSTD_c_contentSizeFlag, 0}})));
  CHECK_FALSE(decodes(coded, pack(Bytes(std::size_t{1} << 24, 7), {{ZSTD_c_contentSizeFlag, 0}})));
  CHECK_FALSE(decodes(coded, pack({}, {})));
  // Descriptors that declare a window of 2^41 bytes, or a content of 2^63.
  CHECK_FALSE(decodes(coded, {0x00, 0xf8, 0x01, 0x00, 0x00}));
  CHECK_FALSE(decodes(coded, {0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0x00, 0x00}));
  // With the magic number it is no frame.
  CHECK_FALSE(decodes(coded, with_magic(coded.stream, 0, coded.stream.size())));
  // What is refused says where; and the next block decodes as if nothing had happened.
  Tensor tensor = coded.c.tensor;
  try {
    decode(zstd_codec(), coded.layout, coded.format, {coded.stream.begin(), coded.stream.end() - 1},
           coded.table, tensor);
    FAIL("a truncated frame was accepted");
  } catch (const StreamError& error) {
    CHECK(error.bit > 0);
    CHECK(error.bit <= 8 * (coded.stream.size() - 1));
    CHECK(std::string(error.what()).find("block 0: a zstd frame ends early") != std::string::npos);
  }
  CHECK(decodes(coded, coded.stream));
}

TEST_CASE("the entropy bound is the sum over values") {
  const auto bits_of_codes = [](DType type, std::int32_t zero_point, const std::vector<std::int32_t>& codes) {
    const auto count = static_cast<std::int64_t>(codes.size());
    const Tensor tensor = make_tensor({1, count, 1, 1}, type, zero_point, codes);
    const StreamSizes sizes = entropy_sizes(tensor, profile_of(tensor).format);
    CHECK(sizes.total_bits() == sizes.payload_bits);
    return sizes.payload_bits;
  };
  CHECK(bits_of_codes(DType::int8, -3, {5, 5, 5, 5}) == 0);
  CHECK(bits_of_codes(DType::int8, -3, {5, 5, 6, 6}) == 4);
  CHECK(bits_of_codes(DType::uint16, 0, {0, 1, 2, 65535}) == 8);
  CHECK(bits_of_codes(DType::int8, 0, {1, 1, 2}) == 3);  // 2 log2(3/2) + log2 3 = 2.75
  std::vector<std::int32_t> all;
  for (std::int32_t code = -128; code < 128; ++code)
    all.push_back(code);
  CHECK(bits_of_codes(DType::int8, 100, all) == 256 * 8);
  Rng rng(43);
  for (int trial = 0; trial < 100; ++trial) {
    const Case c = draw_zstd_case(rng, 20);
    std::map<std::int32_t, long double> counts;
    for (const std::int32_t code : codes_of(c.tensor))
      ++counts[code];
    long double bits = 0;
    for (const auto& [code, n] : counts)
      bits -= n * std::log2(n / static_cast<long double>(c.tensor.values()));
    INFO(trial << ": " << describe(c));
    const auto actual =
        static_cast<long double>(entropy_sizes(c.tensor, profile_of(c.tensor).format).total_bits());
    REQUIRE(actual >= bits - 1e-6L);
    REQUIRE(actual < bits + 1 + 1e-6L);
    // Codes of single values don't go below it.
    for (const char* name : {"layer-width", "apack", "raw"}) {
      const Encoded encoded = encode_case(find_codec(name), c, {});
      INFO(name);
      REQUIRE(static_cast<long double>(encoded.plan.sizes.payload_bits) >= bits - 1e-6L);
    }
  }
}

namespace {

/// Encodes every tensor of a set with every codec, counts what is written, and decodes it.
void write_all(const Network& network) {
  for (const TensorReading& reading : first_readings(network)) {
    const Tensor& tensor = *reading.tensor;
    const StreamLayout layout(reading.role, tensor.shape, {});
    const ValueFormat format = profile_of(tensor).format;
    const WidthMap widths = WidthMap::of(tensor, format, layout);
    const std::uint64_t least = entropy_sizes(tensor, format).total_bits();
    for (const std::string& name : codec_names()) {
      INFO(network.name << " " << tensor.key << " " << name);
      const Codec& codec = find_codec(name);
      const StreamPlan plan = codec.plan({layout, format, widths, {}, &tensor});
      const EncodedTensor encoded = encode(codec, layout, plan, tensor);
      const std::size_t bytes =
          encoded.stream.size() + encoded.format.header.size() + 4 * encoded.table.size();
      REQUIRE(8 * bytes == plan.sizes.total_bits());
      if (name == "layer-width" || name == "apack") REQUIRE(plan.sizes.payload_bits >= least);
      Tensor decoded = tensor;
      std::fill(decoded.data.begin(), decoded.data.end(), 0xa5);
      decode(codec, layout, encoded.format, encoded.stream, encoded.table, decoded);
      REQUIRE(decoded.data == tensor.data);
    }
  }
}

}  // namespace

TEST_CASE("every codec writes what it says of the real sets, and reads it", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  for (const char* set : {"mlperf_resnet8_int8", "mlperf_resnet8_fix16", "mlperf_kws_int8",
                          "mlperf_ad01_int8", "mnist_lstm_int8", "mobilenet_v1_075_int8"})
    write_all(read_trace_set(*folder / set));
}

TEST_CASE("every codec writes what it says of the largest real sets, and reads it", "[traces][.long]") {
  const auto folder = require_traces();
  if (!folder) return;
  for (const char* set : {"squeezenet_pruned_fix16p10", "use_lite_int8"})
    write_all(read_trace_set(*folder / set));
}
