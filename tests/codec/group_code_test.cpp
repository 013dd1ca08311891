// Fast code against portable loops: what packs and unpacks groups, and what transposes.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "models/codec/dpred_groups.h"
#include "models/codec/transpose.h"
#include "tests/codec/reference_order.h"

namespace {

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

struct GroupCase {
  StreamFormat format;
  StreamSection section;
  StreamRows rows{section, 0, 0};
  int bits_before = 0;  ///< groups need not start at a byte
};

std::unique_ptr<GroupCase> draw_groups(Rng& rng, int bits) {
  auto c = std::make_unique<GroupCase>();
  c->format.values.bits = static_cast<std::uint8_t>(bits);
  c->format.values.is_signed = draw(rng, 0, 1) == 1;
  c->format.mode = draw(rng, 0, 1) == 1 ? TensorMode::coded : TensorMode::coded_zero;
  c->format.widths = pick<WidthRounding>(rng, {WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  c->format.sign = draw(rng, 0, 9) == 0 ? SignForm::sign_magnitude : SignForm::twos_complement;
  const std::int64_t group =
      pick<std::int64_t>(rng, {1, 2, 3, 7, 8, 9, 15, 16, 16, 16, 17, 31, 32, 33, 64, 255, 256});
  c->section.run = draw(rng, 1, 3) * group + draw(rng, 0, group - 1);
  c->section.row_values = c->section.run * draw(rng, 1, 4);
  c->rows.rows = draw(rng, 1, 3);
  c->rows.group = group;
  c->bits_before = static_cast<int>(draw(rng, 0, 9));
  return c;
}

template <class Value>
std::vector<Value> draw_values(Rng& rng, const GroupCase& c) {
  const int bits = c.format.values.bits;
  std::vector<Value> values(static_cast<std::size_t>(c.rows.values()));
  std::int64_t width = 0, zeros = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 16 == 0) {
      width = draw(rng, 0, bits);
      zeros = draw(rng, 0, 4);
    }
    const auto size = static_cast<std::int64_t>(rng() & ((std::uint64_t{1} << width) - 1));
    values[i] = static_cast<Value>(c.format.values.is_signed && draw(rng, 0, 1) == 1 ? -size : size);
    if (draw(rng, 0, 3) < zeros) values[i] = 0;
    if (width == bits && draw(rng, 0, 5) == 0) values[i] = static_cast<Value>(1u << (bits - 1));
  }
  return values;
}

template <class Value>
std::vector<std::uint8_t> packed(const GroupCase& c, const std::vector<Value>& values, GroupCode code) {
  std::vector<std::uint8_t> bytes;
  BitWriter out(bytes);
  out.put(0x5a, 8);
  out.put(0x155 & ((1u << c.bits_before) - 1), c.bits_before);
  encode_groups(c.format, c.rows, values.data(), out, code);
  out.put(5, 3);  // the writer goes on where they end
  out.align();
  return bytes;
}

/// The values that these bytes decode to, and where they end; or the error.
template <class Value>
std::string unpacked(const GroupCase& c, const std::vector<std::uint8_t>& bytes, GroupCode code) {
  // Memory of the exact sizes, so that a sanitizer sees what is read or written behind their ends.
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  std::vector<Value> values(static_cast<std::size_t>(c.rows.values()), 0x77);
  BitReader in(exact.data(), exact.size(), static_cast<std::size_t>(8 + c.bits_before));
  try {
    decode_groups(c.format, c.rows, in, values.data(), code);
  } catch (const StreamError& error) {
    return error.what();
  }
  std::string text = std::to_string(in.position());
  for (const Value value : values)
    text += " " + std::to_string(value);
  return text;
}

template <class Value>
void compare_codes(std::uint64_t seed, std::int64_t& refused) {
  Rng rng(seed);
  for (int trial = 0; trial < 1500; ++trial) {
    const auto c = draw_groups(rng, 8 * sizeof(Value));
    const std::vector<Value> values = draw_values<Value>(rng, *c);
    const std::vector<std::uint8_t> bytes = packed(*c, values, GroupCode::plain);
    std::vector<std::uint8_t> damaged = bytes;
    if (draw(rng, 0, 1) == 1)
      damaged.resize(static_cast<std::size_t>(draw(rng, 1, static_cast<std::int64_t>(bytes.size()))));
    for (int flips = 0; flips < 2; ++flips) {
      const auto bit =
          static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(8 * damaged.size()) - 1));
      damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1 << bit % 8));
    }
    const std::string right = unpacked<Value>(*c, bytes, GroupCode::plain);
    const std::string wrong = unpacked<Value>(*c, damaged, GroupCode::plain);
    refused += wrong.find("bit ") != std::string::npos;
    std::string text;
    for (const Value value : values)
      text += " " + std::to_string(value);
    INFO(trial << ": group " << c->rows.group << " run " << c->section.run << " rows " << c->rows.rows
               << " mode " << static_cast<int>(c->format.mode) << " signed " << c->format.values.is_signed);
    REQUIRE(right.substr(right.find(' ')) == text);
    for (const GroupCode code : group_codes()) {
      CAPTURE(static_cast<int>(code));
      REQUIRE(packed(*c, values, code) == bytes);
      REQUIRE(unpacked<Value>(*c, bytes, code) == right);
      REQUIRE(unpacked<Value>(*c, damaged, code) == wrong);
    }
  }
}

}  // namespace

TEST_CASE("every code packs groups to the same bits and unpacks them to the same values or errors") {
  std::int64_t refused = 0;
  compare_codes<std::uint8_t>(31, refused);
  compare_codes<std::uint16_t>(32, refused);
  REQUIRE(refused > 300);
}

TEMPLATE_TEST_CASE("matrices of every size are transposed", "", std::uint8_t, std::uint16_t) {
  Rng rng(33);
  std::int64_t wrong = 0;
  for (std::int64_t rows = 1; rows <= 20; ++rows) {
    for (std::int64_t columns = 1; columns <= 20; ++columns) {
      const std::int64_t from_stride = columns + draw(rng, 0, 3);
      const std::int64_t to_stride = rows + draw(rng, 0, 3);
      const auto add = static_cast<TestType>(rng());
      std::vector<TestType> from(static_cast<std::size_t>(rows * from_stride));
      for (TestType& value : from)
        value = static_cast<TestType>(rng());
      // What lies between the lines stays as it is.
      std::vector<TestType> expected(static_cast<std::size_t>((columns - 1) * to_stride + rows), 0x55);
      std::vector<TestType> to = expected;
      from.resize(static_cast<std::size_t>((rows - 1) * from_stride + columns));
      from.shrink_to_fit();
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          expected[static_cast<std::size_t>(c * to_stride + r)] =
              static_cast<TestType>(from[static_cast<std::size_t>(r * from_stride + c)] + add);
        }
      }
      transpose<TestType>({from.data(), from_stride}, {to.data(), to_stride}, rows, columns, add);
      wrong += to != expected;
    }
  }
  REQUIRE(wrong == 0);
}
