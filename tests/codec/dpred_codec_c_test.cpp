// The C interface against the C++ one: the same bytes, tables, sizes and choices; bad arguments and broken
// streams refused by status.
#include "models/codec/dpred_codec_c.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "models/codec/registry.h"
#include "tests/codec/reference_order.h"
#include "tests/precision/reference.h"
#include "tests/support/containers.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

constexpr SignForm sign_forms[] = {SignForm::twos_complement, SignForm::sign_magnitude};
constexpr WidthRounding roundings[] = {WidthRounding::any, WidthRounding::even, WidthRounding::pow2};

struct LayoutHandle {
  dpred_layout* layout = nullptr;
  explicit LayoutHandle(const Case& c) {
    std::uint64_t shape[4];
    std::copy(c.tensor.shape.begin(), c.tensor.shape.end(), shape);
    const dpred_layout_options options = {static_cast<std::uint16_t>(c.options.group),
                                          static_cast<std::uint32_t>(c.options.slice_channels),
                                          static_cast<std::uint32_t>(c.options.block_values),
                                          static_cast<std::uint32_t>(c.options.block_filters)};
    REQUIRE(dpred_layout_new(static_cast<int>(c.role), shape, &options, &layout) == DPRED_OK);
  }
  ~LayoutHandle() { dpred_layout_free(layout); }
  LayoutHandle(const LayoutHandle&) = delete;
  LayoutHandle& operator=(const LayoutHandle&) = delete;
};

struct CBlock {
  dpred_block block{};
  std::uint64_t first_value = 0;
  std::size_t values() const { return block.runs * block.run_values; }
};

std::vector<CBlock> blocks_of(const LayoutHandle& handle) {
  std::uint64_t count = 0;
  REQUIRE(dpred_layout_blocks(handle.layout, &count) == DPRED_OK);
  std::vector<CBlock> blocks(count);
  for (std::uint64_t b = 0; b < count; ++b)
    REQUIRE(dpred_layout_block(handle.layout, b, &blocks[b].block, &blocks[b].first_value) == DPRED_OK);
  return blocks;
}

dpred_format c_format(const Case& c, const CodecOptions& options, std::uint8_t mode) {
  std::uint8_t is_signed = 2;
  const auto count = static_cast<std::size_t>(c.tensor.values());
  REQUIRE(dpred_find_is_signed(static_cast<std::uint8_t>(c.tensor.bits), is_signed_type(c.tensor.dtype),
                               c.tensor.zero_point, c.tensor.data.data(), count, &is_signed) == DPRED_OK);
  return {static_cast<std::uint8_t>(c.tensor.bits),
          is_signed,
          mode,
          static_cast<std::uint8_t>(options.sign),
          static_cast<std::uint8_t>(options.widths),
          static_cast<std::uint16_t>(c.options.group)};
}

/// Room for containers or codes, aligned for 16-bit ones, that begins with a mark.
std::vector<std::uint8_t> room(const Case& c) {
  return std::vector<std::uint8_t>(c.tensor.data.size(), 0xa5);
}

}  // namespace

TEST_CASE("the C interface makes the streams, sizes and choices of the library") {
  Rng rng(31);
  std::set<std::uint8_t> modes;
  for (int round = 0; round < 250; ++round) {
    const Case c = draw_case(rng, 12);
    CodecOptions options;
    options.zero_vector = zero_vectors[static_cast<std::size_t>(round % 3)];
    options.sign = sign_forms[draw(rng, 0, 1)];
    options.widths = roundings[draw(rng, 0, 2)];
    INFO(describe(c) << " sign " << static_cast<int>(options.sign) << " widths "
                     << static_cast<int>(options.widths));
    const Encoded expected = encode_case(dpred_codec(), c, options);
    const std::size_t bytes_a_value = static_cast<std::size_t>(c.tensor.bits) / 8;
    const auto bits = static_cast<std::uint8_t>(c.tensor.bits);

    const LayoutHandle handle(c);
    const std::vector<CBlock> blocks = blocks_of(handle);
    REQUIRE(blocks.size() == expected.layout.blocks().size());
    std::vector<std::uint8_t> containers = room(c);
    REQUIRE(dpred_layout_gather(handle.layout, bits, c.tensor.zero_point, c.tensor.data.data(),
                                containers.data()) == DPRED_OK);

    dpred_sizes sizes[3] = {};
    std::uint64_t place = 0;
    for (const CBlock& b : blocks) {
      REQUIRE(b.first_value == place);
      place += b.values();
      for (std::uint8_t mode = 0; mode < 3; ++mode) {
        const dpred_format format = c_format(c, options, mode);
        REQUIRE(dpred_add_block_sizes(&format, &b.block, containers.data() + b.first_value * bytes_a_value,
                                      &sizes[mode]) == DPRED_OK);
      }
    }
    REQUIRE(place == static_cast<std::uint64_t>(c.tensor.values()));
    auto mode = static_cast<std::uint8_t>(options.zero_vector == ZeroVector::always ? DPRED_MODE_WIDTHS_ZERO
                                                                                    : DPRED_MODE_WIDTHS);
    if (options.zero_vector == ZeroVector::automatic) {
      REQUIRE(dpred_choose_mode(&sizes[0], &sizes[1], &sizes[2], &mode) == DPRED_OK);
    }
    modes.insert(mode);
    REQUIRE(mode == static_cast<std::uint8_t>(expected.plan.format.mode));
    REQUIRE(sizes[mode].metadata_bits == expected.plan.sizes.metadata_bits);
    REQUIRE(sizes[mode].payload_bits == expected.plan.sizes.payload_bits);
    REQUIRE(sizes[mode].pointer_bits == expected.plan.sizes.pointer_bits);
    REQUIRE(sizes[mode].padding_bits == expected.plan.sizes.padding_bits);

    const dpred_format format = c_format(c, options, mode);
    std::vector<std::uint8_t> stream;
    std::vector<std::uint32_t> table;
    std::vector<std::uint8_t> decoded = room(c);
    for (const CBlock& b : blocks) {
      const std::uint8_t* values = containers.data() + b.first_value * bytes_a_value;
      std::size_t most = 0, size = 0, used = 0;
      REQUIRE(dpred_most_block_bytes(&format, &b.block, &most) == DPRED_OK);
      std::vector<std::uint8_t> bytes(most);
      REQUIRE(dpred_encode_block(&format, &b.block, values, bytes.data(), most, &size) == DPRED_OK);
      REQUIRE(size == expected.plan.block_bytes[static_cast<std::size_t>(&b - blocks.data())]);
      // Of the exact size, so that a sanitizer sees reads behind its end.
      const std::vector<std::uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      std::vector<std::uint8_t> alone(b.values() * bytes_a_value);
      REQUIRE(dpred_decode_block(&format, &b.block, exact.data(), size, alone.data(), b.values(), &used,
                                 nullptr) == DPRED_OK);
      REQUIRE(used == size);
      std::copy(alone.begin(), alone.end(),
                decoded.begin() + static_cast<std::ptrdiff_t>(b.first_value * bytes_a_value));
      if (mode != DPRED_MODE_RAW) table.push_back(static_cast<std::uint32_t>(stream.size()));
      stream.insert(stream.end(), exact.begin(), exact.end());
    }
    REQUIRE(stream == expected.stream.stream);
    REQUIRE(table == expected.stream.table);
    REQUIRE(decoded == containers);
    std::vector<std::uint8_t> codes = room(c);
    REQUIRE(dpred_layout_scatter(handle.layout, bits, c.tensor.zero_point, decoded.data(), codes.data()) ==
            DPRED_OK);
    REQUIRE(codes == c.tensor.data);
  }
  CHECK(modes.size() == 3);
}

TEST_CASE("the C interface turns codes into containers and back whatever the zero point") {
  Rng rng(32);
  for (int round = 0; round < 60; ++round) {
    const DType type = draw_type(rng);
    const std::int32_t zero_point = draw_zero_point(rng, type);
    const Tensor tensor = make_tensor({1, 1, 1, 40}, type, zero_point, draw_codes(rng, 40, type, zero_point));
    const auto bits = static_cast<std::uint8_t>(tensor.bits);
    std::vector<std::uint8_t> containers(tensor.data.size()), codes(tensor.data.size());
    REQUIRE(dpred_containers_of_codes(bits, zero_point, tensor.data.data(), 40, containers.data()) ==
            DPRED_OK);
    std::vector<std::uint16_t> expected;
    for (const std::int32_t value : centred_values(tensor))
      expected.push_back(static_cast<std::uint16_t>(packed_reference(value, tensor.bits, false)));
    REQUIRE(container_numbers(tensor.bits, containers) == expected);
    REQUIRE(dpred_codes_of_containers(bits, zero_point, containers.data(), 40, codes.data()) == DPRED_OK);
    REQUIRE(codes == tensor.data);
    std::uint8_t is_signed = 2;
    REQUIRE(dpred_find_is_signed(bits, is_signed_type(type), zero_point, tensor.data.data(), 40,
                                 &is_signed) == DPRED_OK);
    REQUIRE(is_signed == (any_negative(centred_values(tensor)) ? 1 : 0));
  }
}

TEST_CASE("the C interface refuses a block that is cut short, at a bit inside it") {
  Rng rng(33);
  for (int round = 0; round < 60; ++round) {
    const Case c = draw_case(rng, 6);
    CodecOptions options;
    options.sign = sign_forms[draw(rng, 0, 1)];
    const auto mode = static_cast<std::uint8_t>(round % 3);
    INFO(describe(c) << " mode " << static_cast<int>(mode));
    const LayoutHandle handle(c);
    const dpred_format format = c_format(c, options, mode);
    const CBlock block = blocks_of(handle).front();
    std::vector<std::uint8_t> containers = room(c);
    REQUIRE(dpred_layout_gather(handle.layout, format.bits, c.tensor.zero_point, c.tensor.data.data(),
                                containers.data()) == DPRED_OK);
    std::size_t most = 0, size = 0;
    REQUIRE(dpred_most_block_bytes(&format, &block.block, &most) == DPRED_OK);
    std::vector<std::uint8_t> bytes(most);
    REQUIRE(dpred_encode_block(&format, &block.block, containers.data(), bytes.data(), most, &size) ==
            DPRED_OK);
    for (std::size_t cut = 0; cut < size; ++cut) {
      std::vector<std::uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      exact.reserve(1);  // not a null pointer
      std::vector<std::uint8_t> values(block.values() * format.bits / 8);
      std::size_t used = 77;
      std::uint64_t bit = 1u << 30;
      REQUIRE(dpred_decode_block(&format, &block.block, exact.data(), cut, values.data(), block.values(),
                                 &used, &bit) == DPRED_BROKEN_STREAM);
      REQUIRE(used == 77);
      REQUIRE(bit <= 8 * cut);
    }
    // Too little room for the output: nothing is written, and the encoder says how much it needs.
    for (const std::size_t capacity : {std::size_t{0}, size - 1}) {
      std::vector<std::uint8_t> little(size, 0xa5);
      std::size_t needed = 0;
      REQUIRE(dpred_encode_block(&format, &block.block, containers.data(), little.data(), capacity,
                                 &needed) == DPRED_NO_SPACE);
      REQUIRE(needed == size);
      REQUIRE(little == std::vector<std::uint8_t>(size, 0xa5));
    }
    std::vector<std::uint8_t> values = room(c);
    REQUIRE(dpred_decode_block(&format, &block.block, bytes.data(), size, values.data(), block.values() - 1,
                               nullptr, nullptr) == DPRED_NO_SPACE);
    REQUIRE(values == room(c));
  }
}

TEST_CASE("the C interface names the bit at which the library's decoder stops") {
  Rng rng(34);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    const Case c = draw_case(rng, 5);
    const dpred_format format = c_format(c, {}, static_cast<std::uint8_t>(1 + round % 2));
    const StreamLayout layout(c.role, c.tensor.shape, c.options);
    StreamFormat same;
    same.mode = static_cast<TensorMode>(format.mode);
    same.values.bits = format.bits;
    same.values.is_signed = format.is_signed != 0;
    const CBlock block = blocks_of(LayoutHandle(c)).front();
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(draw(rng, 1, 40)));
    for (std::uint8_t& byte : bytes)
      byte = static_cast<std::uint8_t>(rng());
    const std::size_t room_bytes = block.values() * format.bits / 8;
    std::vector<std::uint8_t> values(room_bytes), expected(room_bytes);
    std::size_t used = 0;
    std::uint64_t bit = 0;
    const dpred_status status = dpred_decode_block(&format, &block.block, bytes.data(), bytes.size(),
                                                   values.data(), block.values(), &used, &bit);
    try {
      const std::size_t taken =
          decode_block(dpred_codec(), layout, same, 0, bytes.data(), bytes.size(), expected.data());
      REQUIRE(status == DPRED_OK);
      REQUIRE(used == taken);
      REQUIRE(values == expected);
    } catch (const StreamError& error) {
      ++refused;
      REQUIRE(status == DPRED_BROKEN_STREAM);
      REQUIRE(bit == error.bit);
    }
  }
  CHECK(refused > 100);
  CHECK(refused < 400);
}

TEST_CASE("the C interface refuses bad arguments by status and writes nothing") {
  const dpred_format good = {16, 1, DPRED_MODE_WIDTHS, DPRED_SIGN_TWOS_COMPLEMENT, DPRED_WIDTHS_ANY, 4};
  const dpred_block block = {2, 3};
  alignas(2) const std::uint8_t containers[14] = {1, 0, 2, 0, 3, 0};
  alignas(2) std::uint8_t output[64];
  std::uint8_t bytes[64];
  const auto all_untouched = [&] {
    for (const std::uint8_t byte : output)
      if (byte != 0xa5) return false;
    for (const std::uint8_t byte : bytes)
      if (byte != 0xa5) return false;
    return true;
  };
  std::fill(std::begin(output), std::end(output), 0xa5);
  std::fill(std::begin(bytes), std::end(bytes), 0xa5);
  std::size_t size = 77;
  dpred_sizes sizes = {1, 2, 3, 4};

  const auto refused = [&](const dpred_format* f, const dpred_block* b, dpred_status expected) {
    const bool by_all =
        dpred_most_block_bytes(f, b, &size) == expected &&
        dpred_add_block_sizes(f, b, containers, &sizes) == expected &&
        dpred_encode_block(f, b, containers, bytes, sizeof bytes, &size) == expected &&
        dpred_decode_block(f, b, containers, sizeof containers, output, 32, &size, nullptr) == expected;
    return by_all && size == 77 && sizes.metadata_bits == 1 && sizes.payload_bits == 2 && all_untouched();
  };
  const auto with = [&](auto&& change) {
    dpred_format f = good;
    change(f);
    return f;
  };
  for (const dpred_format& f :
       {with([](dpred_format& x) { x.bits = 0; }), with([](dpred_format& x) { x.bits = 12; }),
        with([](dpred_format& x) { x.is_signed = 2; }), with([](dpred_format& x) { x.mode = 3; }),
        with([](dpred_format& x) { x.sign = 2; }), with([](dpred_format& x) { x.widths = 3; }),
        with([](dpred_format& x) { x.group = 0; }), with([](dpred_format& x) { x.group = 257; })}) {
    CHECK(refused(&f, &block, DPRED_BAD_FORMAT));
  }
  for (const dpred_block& b :
       {dpred_block{0, 1}, dpred_block{1, 0}, dpred_block{DPRED_MOST_VALUES, 2},
        dpred_block{2, DPRED_MOST_VALUES}, dpred_block{std::uint64_t{1} << 33, std::uint64_t{1} << 33},
        dpred_block{~std::uint64_t{0}, ~std::uint64_t{0}}}) {
    CHECK(refused(&good, &b, DPRED_BAD_BLOCK));
  }
  CHECK(refused(nullptr, &block, DPRED_BAD_POINTER));
  CHECK(refused(&good, nullptr, DPRED_BAD_POINTER));

  // Null and odd addresses, one at a time.
  CHECK(dpred_most_block_bytes(&good, &block, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_add_block_sizes(&good, &block, nullptr, &sizes) == DPRED_BAD_POINTER);
  CHECK(dpred_add_block_sizes(&good, &block, containers + 1, &sizes) == DPRED_BAD_POINTER);
  CHECK(dpred_add_block_sizes(&good, &block, containers, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_choose_mode(nullptr, &sizes, &sizes, bytes) == DPRED_BAD_POINTER);
  CHECK(dpred_choose_mode(&sizes, nullptr, &sizes, bytes) == DPRED_BAD_POINTER);
  CHECK(dpred_choose_mode(&sizes, &sizes, nullptr, bytes) == DPRED_BAD_POINTER);
  CHECK(dpred_choose_mode(&sizes, &sizes, &sizes, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_encode_block(&good, &block, nullptr, bytes, 64, &size) == DPRED_BAD_POINTER);
  CHECK(dpred_encode_block(&good, &block, containers + 1, bytes, 64, &size) == DPRED_BAD_POINTER);
  CHECK(dpred_encode_block(&good, &block, containers, nullptr, 64, &size) == DPRED_BAD_POINTER);
  CHECK(dpred_encode_block(&good, &block, containers, bytes, 64, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_decode_block(&good, &block, nullptr, 9, output, 32, nullptr, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_decode_block(&good, &block, bytes, 9, nullptr, 32, nullptr, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_decode_block(&good, &block, bytes, 9, output + 1, 31, nullptr, nullptr) == DPRED_BAD_POINTER);

  for (const auto convert : {dpred_containers_of_codes, dpred_codes_of_containers}) {
    CHECK(convert(9, 0, containers, 4, output) == DPRED_BAD_FORMAT);
    CHECK(convert(16, 0, containers + 1, 4, output) == DPRED_BAD_POINTER);
    CHECK(convert(16, 0, containers, 4, output + 1) == DPRED_BAD_POINTER);
    CHECK(convert(8, 0, nullptr, 4, output) == DPRED_BAD_POINTER);
    CHECK(convert(8, 0, containers, 4, nullptr) == DPRED_BAD_POINTER);
    CHECK(convert(8, 256, containers, 4, output) == DPRED_BAD_ZERO_POINT);
    CHECK(convert(8, -129, containers, 4, output) == DPRED_BAD_ZERO_POINT);
    CHECK(convert(16, 65536, containers, 4, output) == DPRED_BAD_ZERO_POINT);
  }
  std::uint8_t is_signed = 7;
  CHECK(dpred_find_is_signed(9, 0, 0, containers, 4, &is_signed) == DPRED_BAD_FORMAT);
  CHECK(dpred_find_is_signed(8, 2, 0, containers, 4, &is_signed) == DPRED_BAD_FORMAT);
  CHECK(dpred_find_is_signed(8, 0, -1, containers, 4, &is_signed) == DPRED_BAD_ZERO_POINT);
  CHECK(dpred_find_is_signed(8, 1, 128, containers, 4, &is_signed) == DPRED_BAD_ZERO_POINT);
  CHECK(dpred_find_is_signed(16, 1, -32769, containers, 4, &is_signed) == DPRED_BAD_ZERO_POINT);
  CHECK(dpred_find_is_signed(8, 0, 0, nullptr, 4, &is_signed) == DPRED_BAD_POINTER);
  CHECK(dpred_find_is_signed(8, 0, 0, containers, 4, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_find_is_signed(8, 0, 0, containers, 0, &is_signed) == DPRED_BAD_BLOCK);
  CHECK(dpred_find_is_signed(8, 0, 0, containers, DPRED_MOST_VALUES + 1, &is_signed) == DPRED_BAD_BLOCK);
  CHECK(is_signed == 7);

  const std::uint64_t shape[4] = {2, 3, 4, 5};
  const dpred_layout_options options = {16, 64, 1024, 16};
  dpred_layout* layout = nullptr;
  CHECK(dpred_layout_new(DPRED_ROLE_WEIGHT, nullptr, &options, &layout) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_new(DPRED_ROLE_WEIGHT, shape, nullptr, &layout) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_new(DPRED_ROLE_WEIGHT, shape, &options, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_new(-1, shape, &options, &layout) == DPRED_BAD_LAYOUT);
  CHECK(dpred_layout_new(3, shape, &options, &layout) == DPRED_BAD_LAYOUT);
  CHECK(dpred_layout_new(DPRED_ROLE_DEPTHWISE_WEIGHT, shape, &options, &layout) == DPRED_BAD_LAYOUT);
  for (const dpred_layout_options& o :
       {dpred_layout_options{0, 64, 1024, 16}, dpred_layout_options{257, 64, 1024, 16},
        dpred_layout_options{16, 0, 1024, 16}, dpred_layout_options{16, 64, 0, 16},
        dpred_layout_options{16, 64, 1024, 0}}) {
    CHECK(dpred_layout_new(DPRED_ROLE_ACTIVATION, shape, &o, &layout) == DPRED_BAD_LAYOUT);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    for (const std::uint64_t extent : {std::uint64_t{0}, DPRED_MOST_VALUES, ~std::uint64_t{0}}) {
      std::uint64_t wrong[4] = {2, 3, 4, 5};
      wrong[i] = extent;
      CHECK(dpred_layout_new(DPRED_ROLE_ACTIVATION, wrong, &options, &layout) == DPRED_BAD_LAYOUT);
    }
  }
  CHECK(layout == nullptr);
  dpred_layout_free(nullptr);

  REQUIRE(dpred_layout_new(DPRED_ROLE_WEIGHT, shape, &options, &layout) == DPRED_OK);
  std::uint64_t number = 7;
  dpred_block seen = {7, 7};
  CHECK(dpred_layout_blocks(nullptr, &number) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_blocks(layout, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_block(nullptr, 0, &seen, &number) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_block(layout, 0, nullptr, &number) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_block(layout, 0, &seen, nullptr) == DPRED_BAD_POINTER);
  CHECK(dpred_layout_block(layout, 1, &seen, &number) == DPRED_BAD_BLOCK);
  CHECK(dpred_layout_block(layout, ~std::uint64_t{0}, &seen, &number) == DPRED_BAD_BLOCK);
  CHECK((number == 7 && seen.runs == 7 && seen.run_values == 7));
  for (const auto move : {dpred_layout_gather, dpred_layout_scatter}) {
    CHECK(move(nullptr, 8, 0, containers, output) == DPRED_BAD_POINTER);
    CHECK(move(layout, 9, 0, containers, output) == DPRED_BAD_FORMAT);
    CHECK(move(layout, 8, 0, nullptr, output) == DPRED_BAD_POINTER);
    CHECK(move(layout, 8, 0, containers, nullptr) == DPRED_BAD_POINTER);
    CHECK(move(layout, 16, 0, containers + 1, output) == DPRED_BAD_POINTER);
    CHECK(move(layout, 8, 300, containers, output) == DPRED_BAD_ZERO_POINT);
  }
  CHECK(all_untouched());
  dpred_layout_free(layout);
}

TEST_CASE("the C interface has a text for each status") {
  std::set<std::string> texts;
  for (int status = DPRED_OK; status <= DPRED_DEFECT; ++status)
    texts.insert(dpred_status_text(status));
  CHECK(texts.size() == 10);
  CHECK(texts.count(dpred_status_text(-1)) == 0);
  CHECK(std::string(dpred_status_text(10)) == dpred_status_text(-1));
}
