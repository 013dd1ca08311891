// The bdi and ebpc streams against encoders and decoders written from docs/contracts.md, one bit at a time.
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
using Values = std::vector<std::int64_t>;
using Codes = std::optional<std::vector<std::int32_t>>;

struct ReferenceStream {
  std::uint64_t metadata = 0, payload = 0, padding = 0;
  std::vector<std::uint64_t> row_bits;
  Bytes bytes;
  std::vector<std::uint32_t> table;
};

/// Bits as they are written down: the first one first.
void put_text(Bits& out, const std::string& text) {
  for (const char bit : text)
    out.bits.push_back(bit == '1');
}

bool fits(std::int64_t value, int bits) {
  return value >= -(std::int64_t{1} << (bits - 1)) && value < std::int64_t{1} << (bits - 1);
}

/// The number in -2^(bits-1)..2^(bits-1)-1 that is the value modulo 2^bits.
std::int64_t wrapped(std::int64_t value, int bits) {
  const std::int64_t size = std::int64_t{1} << bits;
  value = (value % size + size) % size;
  return value >= size / 2 ? value - size : value;
}

// --- bdi: `values` are container codes as unsigned numbers. ---

struct Line {
  int tag;
  Bits bits;
};

std::vector<Line> possible_lines(const Values& values, int B) {
  std::vector<Line> lines;
  const bool equal =
      std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v == values[0]; });
  if (equal && values[0] < 256) {
    lines.push_back({0, {}});
    lines.back().bits.put(values[0], 8);
  }
  for (int tag = 1; tag <= 3; ++tag) {
    const int width = 1 << tag;
    bool all_fit = width < B;
    for (const std::int64_t v : values)
      all_fit = all_fit && fits(wrapped(v - values[0], B), width);
    if (!all_fit) continue;
    lines.push_back({tag, {}});
    lines.back().bits.put(values[0], B);
    for (std::size_t i = 1; i < values.size(); ++i)
      lines.back().bits.put(wrapped(values[i] - values[0], B), width);
  }
  lines.push_back({4, {}});
  for (const std::int64_t v : values)
    lines.back().bits.put(v, B);
  return lines;
}

std::vector<Values> lines_of(const Values& row) {
  std::vector<Values> lines;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i % 16 == 0) lines.emplace_back();
    lines.back().push_back(row[i]);
  }
  return lines;
}

void encode_bdi(const std::vector<Values>& rows, int B, Bits& out, ReferenceStream& stream) {
  for (const Values& row : rows) {
    stream.row_bits.push_back(out.bits.size());
    for (const Values& line : lines_of(row)) {
      const std::vector<Line> lines = possible_lines(line, B);
      const Line& best = *std::min_element(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
        return a.bits.bits.size() < b.bits.bits.size();
      });
      out.put(best.tag, 4);
      out.bits.insert(out.bits.end(), best.bits.bits.begin(), best.bits.bits.end());
      stream.metadata += 4;
      stream.payload += best.bits.bits.size();
    }
  }
}

bool decode_bdi(std::vector<Values>& rows, int B, BitSource& in) {
  for (Values& row : rows) {
    for (std::size_t first = 0; first < row.size(); first += 16) {
      const auto tag = in.get(4);
      if (!tag || *tag > 4 || (B == 8 && *tag == 3)) return false;
      const auto base = in.get(*tag == 0 ? 8 : B);
      if (!base) return false;
      row[first] = *base;
      for (std::size_t i = first + 1; i < std::min(first + 16, row.size()); ++i) {
        if (*tag == 0) row[i] = *base;
        if (*tag == 0) continue;
        const int width = *tag == 4 ? B : 1 << *tag;
        const auto field = in.get(width);
        if (!field) return false;
        row[i] = *tag == 4 ? *field : *base + wrapped(*field, width);
      }
    }
  }
  return true;
}

// --- ebpc: `values` are the numbers that the container codes stand for. ---

std::string plane_code(const std::string& dbp, const std::string& dbx) {
  const auto position = [](std::size_t at) {
    std::string text;
    for (int i = 0; i < 3; ++i)
      text += at >> i & 1 ? '1' : '0';
    return text;
  };
  if (dbx.find('0') == std::string::npos) return "00000";
  if (dbp.find('1') == std::string::npos) return "00001";
  const auto ones = std::count(dbx.begin(), dbx.end(), '1');
  const std::size_t first = dbx.find('1');
  if (ones == 2 && dbx[first + 1] == '1') return "00010" + position(first);
  if (ones == 1) return "00011" + position(first);
  return "1" + dbx;
}

void encode_ebpc(const Values& values, int B, Bits& out, ReferenceStream& stream) {
  Values non_zeros;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t run = 0;
    while (run < 16 && i + run < values.size() && values[i + run] == 0)
      ++run;
    if (run > 0) {
      put_text(out, "0");
      out.put(static_cast<std::int64_t>(run) - 1, 4);
      i += run;
    } else {
      put_text(out, "1");
      non_zeros.push_back(values[i++]);
    }
  }
  stream.metadata += out.bits.size();
  const std::size_t runs = out.bits.size();
  for (std::size_t first = 0; first < non_zeros.size(); first += 8) {
    const std::size_t end = std::min(first + 8, non_zeros.size());
    out.put(non_zeros[first], B);
    if (end - first == 1) continue;
    std::string above(end - first - 1, '0');
    int zeros = 0;
    const auto put_zeros = [&] {
      if (zeros == 1) put_text(out, "001");
      if (zeros > 1) put_text(out, "01");
      if (zeros > 1) out.put(zeros - 2, B == 8 ? 3 : 4);
      zeros = 0;
    };
    for (int p = B; p >= 0; --p) {
      std::string dbp, dbx;
      for (std::size_t i = first + 1; i < end; ++i)
        dbp += (non_zeros[i] - non_zeros[i - 1]) >> p & 1 ? '1' : '0';
      for (std::size_t i = 0; i < dbp.size(); ++i)
        dbx += dbp[i] == above[i] ? '0' : '1';
      above = dbp;
      if (dbx.find('1') == std::string::npos) {
        ++zeros;
      } else {
        put_zeros();
        put_text(out, plane_code(dbp, dbx));
      }
    }
    put_zeros();
  }
  stream.payload += out.bits.size() - runs;
}

bool decode_ebpc(Values& values, int B, bool is_signed, BitSource& in) {
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < values.size();) {
    const auto bit = in.get(1);
    if (!bit) return false;
    if (*bit == 1) {
      at.push_back(i++);
      continue;
    }
    const auto more = in.get(4);
    if (!more || i + static_cast<std::size_t>(*more) + 1 > values.size()) return false;
    for (std::int64_t n = 0; n <= *more; ++n)
      values[i++] = 0;
  }
  for (std::size_t first = 0; first < at.size(); first += 8) {
    const std::size_t deltas = std::min<std::size_t>(8, at.size() - first) - 1;
    const auto base = in.get(B);
    if (!base) return false;
    values[at[first]] = is_signed ? wrapped(*base, B) : *base;
    std::vector<std::string> planes;  // DBP, the topmost first
    std::string dbp(deltas, '0');
    while (deltas > 0 && planes.size() < static_cast<std::size_t>(B) + 1) {
      std::string prefix;
      const std::set<std::string> prefixes = {"1", "01", "001", "00000", "00001", "00010", "00011"};
      while (prefixes.count(prefix) == 0) {
        const auto bit = in.get(1);
        if (!bit) return false;
        prefix += *bit == 1 ? '1' : '0';
      }
      const auto flip = [&](std::size_t i) { dbp[i] = dbp[i] == '0' ? '1' : '0'; };
      std::int64_t copies = 1;
      if (prefix == "01") {
        const auto more = in.get(B == 8 ? 3 : 4);
        if (!more) return false;
        copies = *more + 2;
      } else if (prefix == "1") {
        for (std::size_t i = 0; i < deltas; ++i) {
          const auto bit = in.get(1);
          if (!bit) return false;
          if (*bit == 1) flip(i);
        }
      } else if (prefix == "00000") {
        for (std::size_t i = 0; i < deltas; ++i)
          flip(i);
      } else if (prefix == "00001") {
        dbp.assign(deltas, '0');
      } else if (prefix != "001") {
        const auto first_one = in.get(3);
        const std::size_t ones = prefix == "00010" ? 2 : 1;
        if (!first_one || static_cast<std::size_t>(*first_one) + ones > deltas) return false;
        for (std::size_t i = 0; i < ones; ++i)
          flip(static_cast<std::size_t>(*first_one) + i);
      }
      planes.insert(planes.end(), static_cast<std::size_t>(copies), dbp);
      if (planes.size() > static_cast<std::size_t>(B) + 1) return false;
    }
    for (std::size_t i = 0; i < deltas; ++i) {
      std::int64_t delta = 0;
      for (const std::string& plane : planes)
        delta = 2 * delta + (plane[i] == '1');
      values[at[first + i + 1]] = values[at[first + i]] + wrapped(delta, B + 1);
    }
    const std::int64_t low = is_signed ? -(std::int64_t{1} << (B - 1)) : 0;
    for (std::size_t i = 0; i <= deltas; ++i) {
      const std::int64_t value = values[at[first + i]];
      if (value == 0 || value < low || value >= low + (std::int64_t{1} << B)) return false;
    }
  }
  return true;
}

// --- Both. ---

ReferenceStream reference_encode(const std::string& codec, const Case& c) {
  const int B = c.tensor.bits;
  const std::vector<std::int32_t> codes = codes_of(c.tensor);
  const bool is_signed = any_negative(centred_values(c.tensor));
  ReferenceStream stream;
  for (const Block& block : c.order) {
    std::vector<Values> rows;
    Values all;
    for (const Row& row : block) {
      rows.emplace_back();
      for (const Run& run : row) {
        for (const std::size_t i : run) {
          const std::int64_t value = packed_reference(codes[i] - c.tensor.zero_point, B, false);
          rows.back().push_back(value);
          all.push_back(is_signed ? wrapped(value, B) : value);
        }
      }
    }
    Bits out;
    if (codec == "bdi") {
      encode_bdi(rows, B, out, stream);
    } else {
      encode_ebpc(all, B, out, stream);
    }
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

Codes reference_decode(const std::string& codec, const Case& c, bool is_signed, const Bytes& bytes,
                       const std::vector<std::uint32_t>& table) {
  if (table.size() != c.order.size()) return std::nullopt;
  const int B = c.tensor.bits;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(c.tensor.values()));
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    BitSource in(bytes, std::size_t{table[b]} * 8);
    std::vector<std::size_t> places;
    std::vector<Values> rows;
    for (const Row& row : c.order[b]) {
      const std::size_t before = places.size();
      for (const Run& run : row)
        places.insert(places.end(), run.begin(), run.end());
      rows.emplace_back(places.size() - before);
    }
    Values all(places.size());
    if (codec == "bdi") {
      if (!decode_bdi(rows, B, in)) return std::nullopt;
      all.clear();
      for (const Values& row : rows)
        all.insert(all.end(), row.begin(), row.end());
    } else if (!decode_ebpc(all, B, is_signed, in)) {
      return std::nullopt;
    }
    while (in.bit() % 8 != 0) {
      if (in.get(1) != 0) return std::nullopt;
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::int64_t code = all[i] + c.tensor.zero_point;
      const bool is_unsigned = range_of(c.tensor.dtype).low == 0;
      const std::int64_t size = std::int64_t{1} << B;
      codes[places[i]] =
          static_cast<std::int32_t>(is_unsigned ? (code % size + size) % size : wrapped(code, B));
    }
  }
  return codes;
}

const char* const codecs[] = {"ebpc", "bdi"};

/// A tensor with values of another kind in each trial: random, few, near the one before, runs of zeros.
Case draw_delta_case(Rng& rng, std::int64_t size) {
  Case c = draw_case(rng, size);
  const std::int64_t kind = draw(rng, 0, 4);
  if (kind == 0) return c;
  const std::int64_t low = range_of(c.tensor.dtype).low, high = range_of(c.tensor.dtype).high;
  std::vector<std::int32_t> codes = codes_of(c.tensor);
  const std::int64_t spread = pick<std::int64_t>(rng, {0, 1, 2, 7, 8, 60, 127, 128, 300});
  std::int64_t code = codes[0];
  for (std::int32_t& one : codes) {
    if (kind == 1) code += draw(rng, -spread, spread);
    if (kind == 2 && draw(rng, 0, 40) == 0) code = one;
    if (kind == 3) code = draw(rng, 0, 2) == 0 ? one : c.tensor.zero_point;
    if (kind == 4) code = draw(rng, 0, 15) == 0 ? one : code + (code < high);
    code = std::clamp(code, low, high);
    one = static_cast<std::int32_t>(code);
  }
  c.tensor = make_tensor(c.tensor.shape, c.tensor.dtype, c.tensor.zero_point, codes);
  return c;
}

/// That the library writes the reference's bytes and reads them, and says how long they are.
void check_same(const std::string& name, const Case& c) {
  const Codec& codec = find_codec(name);
  const ReferenceStream expected = reference_encode(name, c);
  const Encoded actual = encode_case(codec, c, {});
  REQUIRE(actual.plan.format.mode == TensorMode::coded);
  REQUIRE(actual.plan.sizes.metadata_bits == expected.metadata);
  REQUIRE(actual.plan.sizes.payload_bits == expected.payload);
  REQUIRE(actual.plan.sizes.pointer_bits == 32 * c.order.size());
  REQUIRE(actual.plan.sizes.padding_bits == expected.padding);
  REQUIRE(actual.plan.row_bits == expected.row_bits);
  REQUIRE(actual.stream.stream == expected.bytes);
  REQUIRE(actual.stream.table == expected.table);
  const std::vector<std::int32_t> codes = codes_of(c.tensor);
  const StreamFormat& format = actual.stream.format;
  REQUIRE(library_decode(codec, c, actual.layout, format, expected.bytes, expected.table) == codes);
  REQUIRE(reference_decode(name, c, format.values.is_signed, expected.bytes, expected.table) == codes);
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    const std::size_t end = b + 1 < c.order.size() ? expected.table[b + 1] : expected.bytes.size();
    REQUIRE(end - expected.table[b] <=
            most_block_bytes(codec, actual.layout, format, static_cast<std::int64_t>(b)));
  }
}

/// One row of one block.
Case row_of(DType type, std::int32_t zero_point, const std::vector<std::int32_t>& codes) {
  Case c;
  c.tensor = make_tensor({1, 1, 1, static_cast<std::int64_t>(codes.size())}, type, zero_point, codes);
  c.order = reference_order(c.role, c.tensor.shape, c.options);
  return c;
}

}  // namespace

TEST_CASE("the worked examples of ebpc and bdi") {
  // docs/contracts.md, "The ebpc stream" and "The bdi stream"
  const Case c = row_of(DType::int8, -3, {-3, -6, 2, -2});  // 0, -3, 5, 1
  const Encoded bdi = encode_case(bdi_codec(), c, {});
  CHECK(bdi.stream.stream == reference_encode("bdi", c).bytes);
  CHECK(bdi.stream.stream == Bytes{0x02, 0xd0, 0x15});
  CHECK(bdi.plan.sizes.metadata_bits == 4);
  CHECK(bdi.plan.sizes.payload_bits == 20);
  CHECK(bdi.plan.sizes.padding_bits == 0);
  const Encoded ebpc = encode_case(ebpc_codec(), c, {});
  CHECK(ebpc.stream.stream == reference_encode("ebpc", c).bytes);
  CHECK(ebpc.plan.sizes.metadata_bits == 8);
  CHECK(ebpc.stream.stream == Bytes{0xe0, 0xfd, 0x38, 0x0a, 0x03, 0x03, 0x12});
  CHECK(ebpc.plan.sizes.payload_bits == 45);
  CHECK(ebpc.plan.sizes.padding_bits == 3);
}

TEST_CASE("ebpc and bdi streams, tables and sizes are those of the reference encoders") {
  Rng rng(51);
  for (const std::string name : codecs) {
    for (int trial = 0; trial < 600; ++trial) {
      const Case c = draw_delta_case(rng, trial % 4 == 0 ? 24 : 10);
      INFO(name << " " << trial << ": " << describe(c));
      check_same(name, c);
    }
  }
}

TEST_CASE("ebpc and bdi streams of tensors that are hard for them") {
  for (const std::string name : codecs) {
    for (const DType type : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
      const auto low = static_cast<std::int32_t>(range_of(type).low);
      const auto high = static_cast<std::int32_t>(range_of(type).high);
      for (const std::int32_t zero_point : {0, low, high, high / 2}) {
        for (const int count : {1, 2, 3, 8, 9, 15, 16, 17, 100}) {
          // Zeros, extremes, alternating extremes, ramps, steps.
          for (int kind = 0; kind < 8; ++kind) {
            std::vector<std::int32_t> codes;
            for (int i = 0; i < count; ++i) {
              const std::int32_t of_kind[] = {zero_point,
                                              low,
                                              high,
                                              i % 2 == 0 ? low : high,
                                              i % 2 == 0 ? zero_point : low,
                                              low + i,
                                              high - 3 * (i / 5),
                                              i / 4 % 2 == 0 ? low : high};
              codes.push_back(of_kind[kind]);
            }
            INFO(name << " type " << to_string(type) << " zero point " << zero_point << " kind " << kind
                      << ", " << count << " values");
            check_same(name, row_of(type, zero_point, codes));
          }
        }
      }
      // Runs of so many zeros, alone, before, and between values; and so many values in a row.
      for (int run = 1; run <= 34; ++run) {
        for (int others = 0; others <= 17; others += run < 18 ? 1 : 5) {
          std::vector<std::int32_t> codes(static_cast<std::size_t>(run), 0);
          for (int i = 0; i < others; ++i)
            codes.push_back(1 + i * i % 100);
          codes.insert(codes.end(), static_cast<std::size_t>(run / 2), 0);
          INFO(name << " type " << to_string(type) << ", " << run << " zeros and " << others << " others");
          check_same(name, row_of(type, 0, codes));
        }
      }
    }
  }
}

TEST_CASE("damaged ebpc and bdi streams are refused or give what the reference decoders make of them") {
  Rng rng(52);
  for (const std::string name : codecs) {
    const Codec& codec = find_codec(name);
    std::int64_t refused = 0, accepted = 0;
    for (int trial = 0; trial < 100; ++trial) {
      const Case c = draw_delta_case(rng, 5);
      const Encoded encoded = encode_case(codec, c, {});
      const EncodedTensor& stream = encoded.stream;
      std::int64_t wrong = 0;
      const auto compare = [&](const Bytes& bytes) {
        const Codes expected = reference_decode(name, c, stream.format.values.is_signed, bytes, stream.table);
        wrong += library_decode(codec, c, encoded.layout, stream.format, bytes, stream.table) != expected;
        ++(expected ? accepted : refused);
      };
      for (std::size_t size = 0; size < std::min<std::size_t>(stream.stream.size(), 200); ++size)
        compare({stream.stream.begin(), stream.stream.begin() + static_cast<std::ptrdiff_t>(size)});
      for (std::size_t bit = 0; bit < std::min<std::size_t>(stream.stream.size() * 8, 800); ++bit) {
        Bytes bytes = stream.stream;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
        compare(bytes);
      }
      for (int i = 0; i < 50; ++i) {
        Bytes bytes(static_cast<std::size_t>(draw(rng, 0, 60)));
        for (std::uint8_t& byte : bytes)
          byte = static_cast<std::uint8_t>(i % 2 == 0 ? rng() & rng() : rng() | rng());
        compare(bytes);
      }
      INFO(name << " " << trial << ": " << describe(c));
      REQUIRE(wrong == 0);
    }
    CHECK(refused > 300);
    CHECK(accepted > 300);
  }
}

TEST_CASE("what ebpc and bdi refuse is told with its place") {
  const auto told = [](const Codec& codec, DType type, int count, const Bytes& bytes) {
    const Case c = row_of(type, 0, std::vector<std::int32_t>(static_cast<std::size_t>(count), 1));
    Tensor tensor = c.tensor;
    try {
      decode(codec, StreamLayout(c.role, c.tensor.shape, c.options),
             {TensorMode::coded, profile_of(c.tensor).format}, bytes, {0}, tensor);
    } catch (const StreamError& error) {
      return std::string(error.what());
    }
    return std::string("decoded");
  };
  const auto of_bdi = [&](int count, const Bytes& bytes) {
    return told(bdi_codec(), DType::uint8, count, bytes);
  };
  CHECK(of_bdi(3, {0x10, 0x00}) == "decoded");
  CHECK(of_bdi(3, {}) == "block 0: the stream ends inside a tag at bit 0");
  CHECK(of_bdi(3, {0x03, 0, 0, 0, 0}) == "block 0: there is no tag 3 of 8-bit values at bit 0");
  CHECK(of_bdi(3, {0x05, 0, 0, 0, 0}) == "block 0: there is no tag 5 of 8-bit values at bit 0");
  CHECK(told(bdi_codec(), DType::uint16, 2, {0x03, 0, 0, 0}) == "decoded");
  CHECK(of_bdi(3, {0x04, 0, 0}) == "block 0: the stream ends inside 16 values at bit 4");
  const auto of_ebpc = [&](int count, const Bytes& bytes) {
    return told(ebpc_codec(), DType::uint8, count, bytes);
  };
  CHECK(of_ebpc(16, {0x1e}) == "decoded");
  CHECK(of_ebpc(15, {0x1e}) == "block 0: a run of zeros is longer than its block at bit 0");
  CHECK(of_ebpc(17, {0x1e}) == "block 0: the stream ends inside its runs of zeros at bit 5");
  CHECK(of_ebpc(1, {0xff}) == "block 0: the stream ends inside a base at bit 1");
  CHECK(of_ebpc(1, {0x01, 0x00}) == "block 0: a value that isn't zero is zero or leaves its 8 bits at bit 1");
  // Two values, the first of which is 254, and planes over one delta.
  const auto of_planes = [&](const std::string& planes) {
    Bits out;
    put_text(out, "1101111111" + planes);
    Bytes bytes((out.bits.size() + 7) / 8);
    for (std::size_t i = 0; i < out.bits.size(); ++i)
      bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (out.bits[i] ? 1 << i % 8 : 0));
    return of_ebpc(2, bytes);
  };
  CHECK(of_planes("01111") == "decoded");
  CHECK(of_planes("001001") == "block 0: the stream ends inside a plane at bit 16");
  CHECK(of_planes("00101111") == "block 0: a run of zero planes is longer than the planes left at bit 13");
  CHECK(of_planes("00011100") == "block 0: a plane has a one behind its last delta at bit 10");
  CHECK(of_planes("00010000") == "block 0: a plane has a one behind its last delta at bit 10");
  CHECK(of_planes("011010000000000") ==
        "block 0: a value that isn't zero is zero or leaves its 8 bits at bit 2");
  CHECK(of_planes("0101100000") == "decoded");
}

TEST_CASE("ratios of ebpc and bdi on the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    double ebpc, bdi;
  };
  const Expected sets[] = {
      {"mobilenet_v1_075_int8", 1.024, 1.029}, {"squeezenet_pruned_fix16p10", 0.437, 0.707},
      {"mlperf_resnet8_int8", 1.052, 1.033},   {"mlperf_resnet8_fix16", 0.956, 1.017},
      {"mlperf_kws_int8", 0.825, 0.991},       {"mlperf_ad01_int8", 0.972, 0.922},
      {"mnist_lstm_int8", 1.168, 1.010},       {"use_lite_int8", 1.184, 1.005}};
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    CAPTURE(expected.name);
    CHECK(ratios_of(ebpc_codec(), network).all == Approx(expected.ebpc).margin(0.0006));
    CHECK(ratios_of(bdi_codec(), network).all == Approx(expected.bdi).margin(0.0006));
  }
}
