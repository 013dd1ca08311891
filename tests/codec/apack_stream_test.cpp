// The apack stream against an encoder, a decoder and a search written from docs/contracts.md. The decoder
// tries every range instead of dividing, and all bits are taken one at a time.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "models/codec/registry.h"
#include "tests/codec/real_ratios.h"
#include "tests/codec/reference_order.h"
#include "tests/support/traces.h"
#include "workloads/error.h"
#include "workloads/trace_set.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Codes = std::optional<std::vector<std::int32_t>>;

struct Range {
  std::int64_t start = 0, end = 0, length = 0, from = 0, to = 0;
  bool has(std::int64_t code) const { return code >= start && code < end; }
};
using Ranges = std::vector<Range>;

std::int64_t length_of(std::int64_t codes) {
  std::int64_t bits = 0;
  while ((std::int64_t{1} << bits) < codes)
    ++bits;
  return bits;
}

Bytes bytes_of(const std::vector<bool>& bits) {
  Bytes bytes((bits.size() + 7) / 8);
  for (std::size_t i = 0; i < bits.size(); ++i)
    bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (bits[i] ? 1 << i % 8 : 0));
  return bytes;
}

Bytes header_of(const Ranges& ranges, int bits) {
  Bits out;
  for (const Range& range : ranges) {
    out.put(range.start, bits);
    out.put(range.length, 5);
    out.put(range.to, 11);
  }
  return bytes_of(out.bits);
}

std::optional<Ranges> ranges_of(const Bytes& header, int bits) {
  if (header.size() != static_cast<std::size_t>(2 * (bits + 16))) return std::nullopt;
  BitSource in(header, 0);
  Ranges ranges(16);
  for (Range& range : ranges) {
    range.start = *in.get(bits);
    range.length = *in.get(5);
    range.to = *in.get(11);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    ranges[i].end = i < 15 ? ranges[i + 1].start : std::int64_t{1} << bits;
    ranges[i].from = i > 0 ? ranges[i - 1].to : 0;
    if (ranges[i].end <= ranges[i].start || ranges[i].to < ranges[i].from) return std::nullopt;
    if (ranges[i].length != length_of(ranges[i].end - ranges[i].start)) return std::nullopt;
  }
  if (ranges.front().start != 0 || ranges.back().to != 1024) return std::nullopt;
  return ranges;
}

const Range& range_with(const Ranges& ranges, std::int64_t code) {
  for (const Range& range : ranges) {
    if (range.has(code)) return range;
  }
  throw std::logic_error("no range");
}

struct Registers {
  std::int64_t low = 0, high = 65535;
  Registers narrowed(const Range& range) const {
    const std::int64_t codes = high - low + 1;
    return {low + codes * range.from / 1024, low + codes * range.to / 1024 - 1};
  }
  /// 0, 1 or 2 (not known yet) for the bit that comes next; nothing if none does.
  std::optional<int> bit() const {
    if (high < 32768) return 0;
    if (low >= 32768) return 1;
    if (low >= 16384 && high < 49152) return 2;
    return std::nullopt;
  }
};
constexpr std::int64_t first_code[] = {0, 32768, 16384};

Bits reference_block(const Ranges& ranges, const std::vector<std::int64_t>& values) {
  Bits out;
  int unknown = 0;
  const auto known = [&](int bit) {
    out.put(bit, 1);
    for (; unknown > 0; --unknown)
      out.put(1 - bit, 1);
  };
  Registers at;
  for (const std::int64_t value : values) {
    at = at.narrowed(range_with(ranges, value));
    for (auto bit = at.bit(); bit; bit = at.bit()) {
      at = {2 * (at.low - first_code[*bit]), 2 * (at.high - first_code[*bit]) + 1};
      if (*bit == 2) {
        ++unknown;
      } else {
        known(*bit);
      }
    }
  }
  const int end = at.low < 16384 ? 0 : 1;
  known(end);
  out.put(1 - end, 1);
  for (const std::int64_t value : values) {
    const Range& range = range_with(ranges, value);
    out.put(value - range.start, static_cast<int>(range.length));
  }
  return out;
}

/// The values of a block and the bit behind it.
std::optional<std::vector<std::int64_t>> reference_decode_block(const Ranges& ranges, std::size_t count,
                                                                const Bytes& bytes, std::size_t& bit) {
  const auto bit_at = [&](std::size_t i) -> std::int64_t {
    return i / 8 < bytes.size() ? bytes[i / 8] >> i % 8 & 1 : 0;
  };
  std::int64_t code = 0;
  for (std::size_t i = 0; i < 16; ++i)
    code = 2 * code + bit_at(bit + i);
  std::size_t doublings = 0;
  Registers at;
  std::vector<const Range*> decoded;
  while (decoded.size() < count) {
    std::vector<const Range*> fitting;
    for (const Range& range : ranges) {
      const Registers narrow = at.narrowed(range);
      if (range.from < range.to && narrow.low <= code && code <= narrow.high) fitting.push_back(&range);
    }
    if (fitting.size() != 1) throw std::logic_error("not one range encloses the code");
    decoded.push_back(fitting[0]);
    at = at.narrowed(*fitting[0]);
    for (auto next = at.bit(); next; next = at.bit()) {
      const std::int64_t f = first_code[*next];
      at = {2 * (at.low - f), 2 * (at.high - f) + 1};
      code = 2 * (code - f) + bit_at(bit + 16 + doublings);
      ++doublings;
    }
  }
  if (bit + doublings + 2 > 8 * bytes.size()) return std::nullopt;
  // The bits of the end are the first two of what is left of the code's number.
  if (code >> 14 != (at.low < 16384 ? 1 : 2)) return std::nullopt;
  BitSource in(bytes, bit + doublings + 2);
  std::vector<std::int64_t> values;
  for (const Range* range : decoded) {
    const auto offset = in.get(static_cast<int>(range->length));
    if (!offset || !range->has(range->start + *offset)) return std::nullopt;
    values.push_back(range->start + *offset);
  }
  bit = in.bit();
  return values;
}

std::vector<std::size_t> members_of(const Block& block) {
  std::vector<std::size_t> members;
  for (const Row& row : block) {
    for (const Run& run : row)
      members.insert(members.end(), run.begin(), run.end());
  }
  return members;
}

Codes reference_decode(const Case& c, const StreamFormat& format, const Bytes& bytes,
                       const std::vector<std::uint32_t>& table) {
  if (table.size() != c.order.size()) return std::nullopt;
  const auto ranges = ranges_of(format.header, c.tensor.bits);
  if (!ranges) return std::nullopt;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(c.tensor.values()));
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    const std::vector<std::size_t> members = members_of(c.order[b]);
    if (table[b] > bytes.size()) return std::nullopt;
    std::size_t bit = std::size_t{table[b]} * 8;
    const auto values = reference_decode_block(*ranges, members.size(), bytes, bit);
    if (!values) return std::nullopt;
    BitSource in(bytes, bit);
    while (in.bit() % 8 != 0) {
      if (in.get(1) != 0) return std::nullopt;
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::int32_t code = packed_reference(static_cast<std::int32_t>((*values)[i]) + c.tensor.zero_point,
                                           c.tensor.bits, false);
      if (code > range_of(c.tensor.dtype).high) code -= 1 << c.tensor.bits;
      codes[members[i]] = code;
    }
  }
  return codes;
}

std::vector<std::int64_t> containers_of(const Tensor& tensor) {
  std::vector<std::int64_t> containers;
  for (const std::int32_t centred : centred_values(tensor))
    containers.push_back(packed_reference(centred, tensor.bits, false));
  return containers;
}

// --- The search for the ranges. ---

std::int64_t lg(std::int64_t n) {
  std::int64_t whole = 0;
  while (n >> (whole + 1) > 0)
    ++whole;
  std::uint64_t x = static_cast<std::uint64_t>(n) << 31 >> whole;  // below 2^33 values
  std::int64_t log = whole * 65536;
  for (std::int64_t part = 32768; part > 0; part /= 2) {
    x = (x * x) >> 31;
    if (x < std::uint64_t{1} << 32) continue;
    x /= 2;
    log += part;
  }
  return log;
}

Ranges reference_search(const std::vector<std::int64_t>& containers, int bits) {
  const std::int64_t codes = std::int64_t{1} << bits;
  std::vector<std::int64_t> below(static_cast<std::size_t>(codes) + 1);
  for (const std::int64_t code : containers)
    ++below[static_cast<std::size_t>(code) + 1];
  for (std::size_t i = 1; i < below.size(); ++i)
    below[i] += below[i - 1];
  const auto values = [&](std::int64_t begin, std::int64_t end) {
    return below[static_cast<std::size_t>(end)] - below[static_cast<std::size_t>(begin)];
  };
  const auto cost = [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t n = values(begin, end);
    return n == 0 ? 0 : n * (65536 * length_of(end - begin) - lg(n));
  };
  std::array<std::int64_t, 17> start;
  for (std::int64_t i = 0; i < 17; ++i)
    start[static_cast<std::size_t>(i)] = i * codes / 16;
  for (std::int64_t step = codes / 256; step > 0; step /= 2) {
    for (bool lowered = true; lowered;) {
      lowered = false;
      for (std::size_t i = 1; i < 16; ++i) {
        std::map<std::int64_t, std::int64_t> places;  // lowest place by cost
        for (std::int64_t k = 256; k >= -256; --k) {
          const std::int64_t place = start[i] + k * step;
          if (place <= start[i - 1] || place >= start[i + 1]) continue;
          places[cost(start[i - 1], place) + cost(place, start[i + 1])] = place;
        }
        lowered =
            lowered || places.begin()->first < cost(start[i - 1], start[i]) + cost(start[i], start[i + 1]);
        start[i] = places.begin()->second;
      }
    }
  }
  Ranges ranges(16);
  std::vector<std::int64_t> n(16), count(16);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    ranges[i] = {start[i], start[i + 1], length_of(start[i + 1] - start[i]), 0, 0};
    n[i] = values(start[i], start[i + 1]);
    count[i] = n[i] * 1024 / static_cast<std::int64_t>(containers.size());
    if (n[i] > 0) count[i] = std::max<std::int64_t>(count[i], 1);
    sum += count[i];
  }
  using Fraction = long double;
  for (; sum < 1024; ++sum) {
    std::vector<Fraction> gain;
    for (std::size_t i = 0; i < 16; ++i)
      gain.push_back(static_cast<Fraction>(n[i]) /
                     static_cast<Fraction>(std::max<std::int64_t>(count[i], 1)));
    ++count[static_cast<std::size_t>(std::max_element(gain.begin(), gain.end()) - gain.begin())];
  }
  for (; sum > 1024; --sum) {
    std::vector<Fraction> loss;
    for (std::size_t i = 0; i < 16; ++i)
      loss.push_back(count[i] < 2 ? 1e30L
                                  : static_cast<Fraction>(n[i]) / static_cast<Fraction>(count[i] - 1));
    --count[static_cast<std::size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin())];
  }
  std::int64_t to = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    ranges[i].from = to;
    ranges[i].to = to += count[i];
  }
  return ranges;
}

// --- Cases: tensors large enough that a table pays, with values that stress it. ---

const char* const kinds[] = {"random",    "zero",   "lowest",      "highest",   "alternating",
                             "one value", "narrow", "nearly zero", "two peaks", "geometric"};

Case draw_apack_case(Rng& rng, int trial, std::int64_t size) {
  Case c = draw_case(rng, size);
  while (c.tensor.values() < 100)
    c = draw_case(rng, size);
  const auto [low, high] = range_of(c.tensor.dtype);
  std::vector<std::int32_t> codes = codes_of(c.tensor);
  const std::string kind = kinds[static_cast<std::size_t>(trial) % std::size(kinds)];
  const std::int32_t zero = c.tensor.zero_point;
  const auto one = static_cast<std::int32_t>(draw(rng, low, high));
  const auto near = [&](std::int64_t middle, std::int64_t distance) {
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(middle + draw(rng, -distance, distance), low, high));
  };
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (kind == "zero") codes[i] = zero;
    if (kind == "lowest") codes[i] = static_cast<std::int32_t>(low);
    if (kind == "highest") codes[i] = static_cast<std::int32_t>(high);
    if (kind == "alternating") codes[i] = static_cast<std::int32_t>(i % 2 == 0 ? low : high);
    if (kind == "one value") codes[i] = one;
    if (kind == "narrow") codes[i] = near(zero, 5);
    if (kind == "nearly zero") codes[i] = draw(rng, 0, 40) == 0 ? codes[i] : zero;
    if (kind == "two peaks") codes[i] = near(i % 3 == 0 ? one : zero, 3);
    if (kind == "geometric") codes[i] = near(zero, std::int64_t{1} << draw(rng, 0, c.tensor.bits));
  }
  c.tensor = make_tensor(c.tensor.shape, c.tensor.dtype, zero, codes);
  return c;
}

/// Encodes with the coded form even where raw is smaller: with the header that the search gives.
struct CodedStream {
  StreamLayout layout;
  StreamFormat format;
  Bytes stream;
  std::vector<std::uint32_t> table;
};

CodedStream encode_coded(const Case& c, const Ranges& ranges) {
  CodedStream coded{StreamLayout(c.role, c.tensor.shape, c.options),
                    {TensorMode::coded, profile_of(c.tensor).format},
                    {},
                    {}};
  coded.format.header = header_of(ranges, c.tensor.bits);
  for (std::size_t b = 0; b < c.order.size(); ++b) {
    const StreamBlock& block = coded.layout.blocks()[b];
    Bytes containers(static_cast<std::size_t>(coded.layout.block_values(static_cast<std::int64_t>(b))) *
                     coded.format.container_bytes());
    coded.layout.gather(c.tensor, coded.format.values, block.first_row, block.rows, containers.data());
    coded.table.push_back(static_cast<std::uint32_t>(coded.stream.size()));
    encode_block(apack_codec(), coded.layout, coded.format, static_cast<std::int64_t>(b), containers.data(),
                 coded.stream);
  }
  return coded;
}

/// One value a range from 0 on, and counts.
Ranges single_values(const std::vector<std::int64_t>& counts, int bits) {
  Ranges ranges(16);
  std::int64_t to = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const auto start = static_cast<std::int64_t>(i);
    const std::int64_t end = i < 15 ? start + 1 : std::int64_t{1} << bits;
    ranges[i] = {start, end, length_of(end - start), to, to + (i < counts.size() ? counts[i] : 0)};
    to = ranges[i].to;
  }
  return ranges;
}

}  // namespace

TEST_CASE("the worked example of an apack block") {
  // docs/contracts.md, "The apack stream"
  Ranges ranges = single_values({512, 256, 256}, 8);
  for (std::size_t i = 2; i < 16; ++i) {
    ranges[i].start = static_cast<std::int64_t>(3 + i);
    ranges[i - 1].end = ranges[i].start;
  }
  ranges[1].length = 2;
  Case c;
  c.options.block_values = 3;
  c.tensor = make_tensor({1, 1, 1, 3}, DType::int8, 0, {0, 3, 0});
  c.order = reference_order(c.role, c.tensor.shape, c.options);
  ranges[15].length = length_of(256 - ranges[15].start);
  const CodedStream coded = encode_coded(c, ranges);
  CHECK(Bytes(coded.format.header.begin(), coded.format.header.begin() + 6) ==
        Bytes{0x00, 0x00, 0x40, 0x01, 0x02, 0x60});
  CHECK(coded.stream == Bytes{0xa2});
  CHECK(library_decode(apack_codec(), c, coded.layout, coded.format, {0xa2}, {0}) == codes_of(c.tensor));
}

TEST_CASE("apack streams, tables and sizes are those of the reference encoder") {
  Rng rng(31);
  std::set<std::pair<int, bool>> seen;
  for (int trial = 0; trial < 200; ++trial) {
    const Case c = draw_apack_case(rng, trial, trial % 5 == 0 ? 30 : 14);
    INFO(kinds[trial % std::size(kinds)] << " " << trial << ": " << describe(c));
    const std::vector<std::int64_t> containers = containers_of(c.tensor);
    const Ranges ranges = reference_search(containers, c.tensor.bits);
    std::uint64_t payload = 0, padding = 0;
    Bytes expected;
    std::vector<std::uint32_t> table;
    for (const Block& block : c.order) {
      std::vector<std::int64_t> values;
      for (const std::size_t i : members_of(block))
        values.push_back(containers[i]);
      const Bits bits = reference_block(ranges, values);
      const Bytes bytes = bytes_of(bits.bits);
      table.push_back(static_cast<std::uint32_t>(expected.size()));
      expected.insert(expected.end(), bytes.begin(), bytes.end());
      payload += bits.bits.size();
      padding += 8 * bytes.size() - bits.bits.size();
    }
    const Bytes header = header_of(ranges, c.tensor.bits);
    const std::uint64_t total = 8 * header.size() + payload + padding + 32 * c.order.size();
    const bool raw = total >= static_cast<std::uint64_t>(c.tensor.raw_bits());
    const Encoded actual = encode_case(apack_codec(), c, {});
    REQUIRE((actual.plan.format.mode == TensorMode::raw) == raw);
    if (!raw) {
      REQUIRE(actual.plan.format.header == header);
      REQUIRE(actual.plan.sizes.metadata_bits == 8 * header.size());
      REQUIRE(actual.plan.sizes.payload_bits == payload);
      REQUIRE(actual.plan.sizes.padding_bits == padding);
      REQUIRE(actual.plan.sizes.pointer_bits == 32 * c.order.size());
      REQUIRE(actual.stream.stream == expected);
      REQUIRE(actual.stream.table == table);
    }
    // The coded form also where raw was chosen.
    const CodedStream coded = encode_coded(c, ranges);
    REQUIRE(coded.format.header == header);
    REQUIRE(coded.stream == expected);
    REQUIRE(reference_decode(c, coded.format, expected, table) == codes_of(c.tensor));
    REQUIRE(library_decode(apack_codec(), c, coded.layout, coded.format, expected, table) ==
            codes_of(c.tensor));
    for (std::size_t b = 0; b < c.order.size(); ++b) {
      const std::size_t end = b + 1 < table.size() ? table[b + 1] : expected.size();
      REQUIRE(end - table[b] <=
              most_block_bytes(apack_codec(), coded.layout, coded.format, static_cast<std::int64_t>(b)));
    }
    seen.insert({c.tensor.bits, raw});
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("damaged apack streams are refused or give what the reference decoder makes of them") {
  Rng rng(32);
  std::int64_t refused = 0, accepted = 0;
  for (int trial = 0; trial < 30; ++trial) {
    Case c = draw_apack_case(rng, trial, 8);
    while (c.tensor.values() > 400)
      c = draw_apack_case(rng, trial, 8);
    CodedStream coded = encode_coded(c, reference_search(containers_of(c.tensor), c.tensor.bits));
    const Bytes header = coded.format.header;
    std::int64_t wrong = 0;
    const auto compare = [&](const Bytes& bytes, const std::vector<std::uint32_t>& table) {
      const Codes expected = reference_decode(c, coded.format, bytes, table);
      wrong += library_decode(apack_codec(), c, coded.layout, coded.format, bytes, table) != expected;
      ++(expected ? accepted : refused);
    };
    const auto some_bits = [&](std::size_t bits) {
      std::set<std::size_t> some;
      for (std::size_t i = 0; i < std::min<std::size_t>(bits, 60); ++i)
        some.insert(static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(bits) - 1)));
      return some;
    };
    const std::size_t size = coded.stream.size();
    for (std::size_t left = 0; left < size; left += 1 + size / 40)
      compare({coded.stream.begin(), coded.stream.begin() + static_cast<std::ptrdiff_t>(left)}, coded.table);
    for (const std::size_t bit : some_bits(8 * size)) {
      Bytes bytes = coded.stream;
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
      compare(bytes, coded.table);
    }
    for (const std::size_t bit : some_bits(32 * coded.table.size())) {
      std::vector<std::uint32_t> table = coded.table;
      table[bit / 32] ^= 1u << bit % 32;
      compare(coded.stream, table);
    }
    for (int i = 0; i < 20; ++i) {
      Bytes bytes(static_cast<std::size_t>(draw(rng, 0, 200)));
      for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(rng() & rng());
      compare(bytes, coded.table);
    }
    compare(coded.stream, {});
    for (const std::size_t bit : some_bits(8 * header.size())) {
      coded.format.header = header;
      coded.format.header[bit / 8] = static_cast<std::uint8_t>(header[bit / 8] ^ (1 << bit % 8));
      compare(coded.stream, coded.table);
    }
    for (int i = 0; i < 20; ++i) {
      coded.format.header = header;
      for (std::uint8_t& byte : coded.format.header)
        byte = static_cast<std::uint8_t>(rng());
      compare(coded.stream, coded.table);
    }
    for (const std::size_t bytes :
         {std::size_t{0}, header.size() - 1, header.size() + 4, std::size_t{1000}}) {
      coded.format.header = header;
      coded.format.header.resize(bytes);
      compare(coded.stream, coded.table);
    }
    INFO(kinds[trial % std::size(kinds)] << " " << trial << ": " << describe(c));
    REQUIRE(wrong == 0);
  }
  CHECK(refused > 2000);
  CHECK(accepted > 300);
}

TEST_CASE("values that the apack table was not made for are refused or come back") {
  Case c;
  c.tensor = make_tensor({1, 16, 4, 4}, DType::uint8, 0, std::vector<std::int32_t>(256, 2));
  c.order = reference_order(c.role, c.tensor.shape, c.options);
  Ranges ranges = single_values({0, 0, 1000, 24}, 8);
  ranges[15].from = ranges[15].to;
  std::vector<std::int32_t> codes(256, 2);
  for (std::int32_t foreign = 0; foreign < 256; ++foreign) {
    codes[100] = foreign;
    c.tensor = make_tensor(c.tensor.shape, DType::uint8, 0, codes);
    CAPTURE(foreign);
    if (foreign == 2 || foreign == 3) {
      const CodedStream coded = encode_coded(c, ranges);
      CHECK(library_decode(apack_codec(), c, coded.layout, coded.format, coded.stream, coded.table) == codes);
    } else {
      CHECK_THROWS_AS(encode_coded(c, ranges), InputError);
    }
  }
}

TEST_CASE("a block of an apack stream takes no more than its bound, however unlikely its values") {
  Rng rng(33);
  for (int trial = 0; trial < 200; ++trial) {
    const int bits = trial % 2 == 0 ? 8 : 16;
    // Random counts, and nothing but values of one range, or of two in turns.
    std::vector<std::int64_t> counts(16);
    for (std::int64_t left = 1024; left > 0;) {
      const std::int64_t some = draw(rng, 1, std::max<std::int64_t>(1, left / draw(rng, 1, 40)));
      counts[static_cast<std::size_t>(draw(rng, 0, 15))] += some;
      left -= some;
    }
    const Ranges ranges = single_values(counts, bits);
    std::vector<std::int32_t> possible;
    std::int64_t most = 0;  // of any value, in 2^-16 bits rounded up: what the bound may not be far above
    for (std::size_t i = 0; i < 16; ++i) {
      if (counts[i] == 0) continue;
      possible.push_back(static_cast<std::int32_t>(i));
      most = std::max(most, 655360 - lg(counts[i]) + 65536 * ranges[i].length);
    }
    Case c;
    const DType type = bits == 8 ? DType::uint8 : DType::uint16;
    for (std::size_t p = 0; p < possible.size(); ++p) {
      std::vector<std::int32_t> codes(1024, possible[p]);
      for (std::size_t i = 0; i < codes.size(); i += 2)
        codes[i] = possible[(p + static_cast<std::size_t>(trial)) % possible.size()];
      c.tensor = make_tensor({1, 16, 8, 8}, type, 0, codes);
      c.order = reference_order(c.role, c.tensor.shape, c.options);
      const CodedStream coded = encode_coded(c, ranges);
      const auto bound = static_cast<double>(most_block_bytes(apack_codec(), coded.layout, coded.format, 0));
      CAPTURE(trial, possible[p]);
      REQUIRE(static_cast<double>(coded.stream.size()) <= bound);
      REQUIRE(bound <= (1024. * (static_cast<double>(most) / 65536 + 0.11) + 3) / 8 + 1);
    }
  }
}

TEST_CASE("apack's ratios on the real sets", "[traces]") {
  const auto folder = require_traces();
  if (!folder) return;
  struct Expected {
    const char* name;
    double activations, weights;
  };
  // The paper's abstract has 0.48 and 0.60, on average over its 8-bit networks.
  const Expected sets[] = {
      {"mobilenet_v1_075_int8", 0.704, 0.708}, {"squeezenet_pruned_fix16p10", 0.342, 0.206},
      {"mlperf_resnet8_int8", 0.551, 0.926},   {"mlperf_resnet8_fix16", 0.593, 0.910},
      {"mlperf_kws_int8", 0.451, 0.980},       {"mlperf_ad01_int8", 0.941, 0.661},
      {"mnist_lstm_int8", 0.713, 0.894},       {"use_lite_int8", 0.488, 0.908}};
  for (const Expected& expected : sets) {
    const Network network = read_trace_set(*folder / expected.name);
    CAPTURE(expected.name);
    const Ratios apack = ratios_of(apack_codec(), network);
    CHECK(apack.activations == Approx(expected.activations).margin(0.0006));
    CHECK(apack.weights == Approx(expected.weights).margin(0.0006));
  }
}
