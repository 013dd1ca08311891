// Streams in pieces of any size: the bytes, tables, values and errors of encode() and decode().
#include "models/codec/streaming.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <string>

#include "tests/codec/reference_order.h"
#include "tests/precision/reference.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;
using namespace dpred::test::streams;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Hands `bytes` over in pieces whose size is drawn anew, from copies of their own size: a sanitizer then
/// sees what reads behind one or keeps it.
template <class Put>
void in_pieces(Rng& rng, const Bytes& bytes, Put&& put) {
  const std::int64_t longest = pick<std::int64_t>(rng, {1, 3, 17, 200, 5000, 1000000});
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = std::min(bytes.size() - at, static_cast<std::size_t>(draw(rng, 1, longest)));
    const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    put(piece.data(), piece.size());
    at += size;
  }
}

/// All containers of a tensor in stream order, a block at a time.
std::vector<Bytes> containers_of(const StreamLayout& layout, const StreamFormat& format,
                                 const Tensor& tensor) {
  std::vector<Bytes> blocks;
  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    blocks.emplace_back(static_cast<std::size_t>(layout.block_values(static_cast<std::int64_t>(b))) *
                        format.container_bytes());
    const StreamBlock& rows = layout.blocks()[b];
    layout.gather(tensor, format.values, rows.first_row, rows.rows, blocks.back().data());
  }
  return blocks;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// What a decoder hands out of a stream in pieces, by block, in the order of handing out; or its error.
struct Decoded {
  std::vector<std::int64_t> order;
  std::vector<Bytes> blocks;
  std::string error;
};

Decoded decode_pieces(Rng& rng, const Codec& codec, const Encoded& encoded, const Bytes& stream,
                      const std::vector<std::uint32_t>& table = {}) {
  Decoded decoded;
  decoded.blocks.resize(encoded.layout.blocks().size());
  StreamDecoder decoder(
      codec, encoded.layout, encoded.stream.format,
      [&](const DecodedBlock& block) {
        decoded.order.push_back(block.number);
        decoded.blocks[static_cast<std::size_t>(block.number)].assign(block.containers,
                                                                      block.containers + block.bytes);
      },
      table);
  const std::size_t buffers = decoder.buffer_bytes();
  try {
    in_pieces(rng, stream, [&](const std::uint8_t* bytes, std::size_t size) {
      decoder.put(bytes, size);
      REQUIRE(decoder.buffer_bytes() == buffers);
    });
    decoder.finish();
    REQUIRE(decoder.done());
  } catch (const StreamError& error) {
    REQUIRE(!decoder.done());
    decoded.error = error.what();
  }
  REQUIRE(decoder.buffer_bytes() == buffers);
  return decoded;
}

std::string whole_error(const Codec& codec, const Encoded& encoded, const Bytes& stream, const Tensor& like) {
  Tensor tensor = like;
  try {
    decode(codec, encoded.layout, encoded.stream.format, stream, encoded.stream.table, tensor);
  } catch (const StreamError& error) {
    return error.what();
  }
  return "";
}

CodecOptions draw_options(Rng& rng) {
  CodecOptions options;
  options.zero_vector = zero_vectors[draw(rng, 0, 2)];
  if (draw(rng, 0, 2) == 0) options.sign = SignForm::sign_magnitude;
  if (draw(rng, 0, 2) == 0) options.widths = WidthRounding::even;
  return options;
}

/// Cases for every codec, with the whole tensor encoded.
template <class Visit>
void for_cases(std::uint64_t seed, int rounds, Visit&& visit) {
  Rng rng(seed);
  for (const std::string& name : codec_names()) {
    for (int round = 0; round < rounds; ++round) {
      const Case c = draw_case(rng, 10);
      INFO(name << ", round " << round << ": " << describe(c));
      const Codec& codec = find_codec(name);
      const Encoded encoded = encode_case(codec, c, draw_options(rng));
      visit(rng, codec, c, encoded);
    }
  }
}

}  // namespace

TEST_CASE("values in pieces give the blocks, the stream and the table of the whole tensor") {
  for_cases(41, 60, [](Rng& rng, const Codec& codec, const Case& c, const Encoded& encoded) {
    const StreamFormat& format = encoded.stream.format;
    Bytes stream;
    std::vector<std::uint32_t> table;
    std::int64_t next = 0;
    StreamEncoder encoder(codec, encoded.layout, format, [&](const EncodedBlock& block) {
      REQUIRE(block.number == next++);
      REQUIRE(block.offset == stream.size());
      REQUIRE(block.size == encoded.plan.block_bytes[static_cast<std::size_t>(block.number)]);
      if (encoded.plan.has_table()) table.push_back(static_cast<std::uint32_t>(block.offset));
      stream.insert(stream.end(), block.bytes, block.bytes + block.size);
    });
    const std::vector<Bytes> blocks = containers_of(encoded.layout, format, c.tensor);
    std::size_t largest = 0, given = 0;
    std::uint64_t most = 0;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      largest = std::max(largest, blocks[b].size());
      most = std::max(most, most_block_bytes(codec, encoded.layout, format, static_cast<std::int64_t>(b)));
    }
    const std::size_t buffers = encoder.buffer_bytes();
    REQUIRE(buffers <= largest + most + 64);
    in_pieces(rng, joined(blocks), [&](const std::uint8_t* bytes, std::size_t size) {
      REQUIRE(!encoder.done());
      encoder.put(bytes, size);
      given += size;
      // Every block is handed out as soon as it can be.
      std::size_t complete = 0, bytes_of_complete = 0;
      while (complete < blocks.size() && bytes_of_complete + blocks[complete].size() <= given)
        bytes_of_complete += blocks[complete++].size();
      REQUIRE(next == static_cast<std::int64_t>(complete));
    });
    REQUIRE(encoder.done());
    REQUIRE(encoder.buffer_bytes() == buffers);
    REQUIRE(stream == encoded.stream.stream);
    REQUIRE(table == encoded.stream.table);
    encoder.put(nullptr, 0);
    const std::uint8_t more = 0;
    REQUIRE_THROWS_AS(encoder.put(&more, 1), std::logic_error);
  });
}

TEST_CASE("bytes in pieces give the values of the whole stream, wherever blocks lie") {
  for_cases(42, 60, [](Rng& rng, const Codec& codec, const Case& c, const Encoded& encoded) {
    const std::vector<Bytes> expected = containers_of(encoded.layout, encoded.stream.format, c.tensor);
    const Bytes& stream = encoded.stream.stream;
    std::vector<std::int64_t> order(expected.size());
    std::iota(order.begin(), order.end(), std::int64_t{0});

    Bytes longer = stream;  // bytes behind the last block belong to none
    longer.insert(longer.end(), 30, 0xff);
    for (const Bytes& bytes : {stream, longer}) {
      const Decoded decoded = decode_pieces(rng, codec, encoded, bytes);
      REQUIRE(decoded.error == "");
      REQUIRE(decoded.order == order);
      REQUIRE(decoded.blocks == expected);
    }
    if (!encoded.plan.has_table()) return;
    const Decoded by_table = decode_pieces(rng, codec, encoded, stream, encoded.stream.table);
    REQUIRE(by_table.blocks == expected);

    // Blocks in any order, with bytes between them that belong to none.
    std::shuffle(order.begin(), order.end(), rng);
    Bytes scattered(static_cast<std::size_t>(draw(rng, 0, 9)), 0xff);
    std::vector<std::uint32_t> table(order.size());
    for (const std::int64_t b : order) {
      const auto number = static_cast<std::size_t>(b);
      table[number] = static_cast<std::uint32_t>(scattered.size());
      const auto from = stream.begin() + encoded.stream.table[number];
      scattered.insert(scattered.end(), from,
                       from + static_cast<std::ptrdiff_t>(encoded.plan.block_bytes[number]));
      scattered.insert(scattered.end(), static_cast<std::size_t>(draw(rng, 0, 60)), 0xff);
    }
    const Decoded decoded = decode_pieces(rng, codec, encoded, scattered, table);
    REQUIRE(decoded.error == "");
    REQUIRE(decoded.order == order);
    REQUIRE(decoded.blocks == expected);
  });
}

TEST_CASE("blocks that share their bytes come out of a stream in pieces") {
  Rng rng(43);
  const Codec& codec = find_codec("dpred");
  Case c;  // three equal blocks of one value
  c.role = StreamRole::depthwise_weight;
  c.tensor = make_tensor({1, 1, 1, 3}, DType::int8, 0, {-5, -5, -5});
  CodecOptions options;
  options.zero_vector = ZeroVector::never;
  const Encoded encoded = encode_case(codec, c, options);
  const Bytes block(
      encoded.stream.stream.begin(),
      encoded.stream.stream.begin() + static_cast<std::ptrdiff_t>(encoded.plan.block_bytes.front()));
  const Decoded decoded = decode_pieces(rng, codec, encoded, block, {0, 0, 0});
  CHECK(decoded.error == "");
  CHECK(decoded.order == std::vector<std::int64_t>{0, 1, 2});
  CHECK(decoded.blocks == std::vector<Bytes>(3, Bytes{0xfb}));
  CHECK(decode_pieces(rng, codec, encoded, block, {0, 9, 0}).error ==
        "block 1 starts behind the end of the stream at bit 0");
}

TEST_CASE("a stream in pieces that is cut short or changed is refused as the whole one is") {
  int refused = 0;
  for_cases(44, 40, [&](Rng& rng, const Codec& codec, const Case& c, const Encoded& encoded) {
    Bytes stream = encoded.stream.stream;
    stream.resize(static_cast<std::size_t>(draw(rng, 0, static_cast<std::int64_t>(stream.size()) - 1)));
    const std::string error = whole_error(codec, encoded, stream, c.tensor);
    REQUIRE(error != "");
    // Without a table a block that is missing starts where the one before ended.
    const Decoded decoded = decode_pieces(rng, codec, encoded, stream, encoded.stream.table);
    REQUIRE(decoded.error == error);
    REQUIRE(decode_pieces(rng, codec, encoded, stream).error != "");

    if (codec.name() != "dpred") return;  // other blocks may be longer than an encoder makes them
    Bytes changed = encoded.stream.stream;
    changed[static_cast<std::size_t>(rng() % changed.size())] ^= static_cast<std::uint8_t>(1 + rng() % 255);
    const std::string problem = whole_error(codec, encoded, changed, c.tensor);
    const Decoded same = decode_pieces(rng, codec, encoded, changed, encoded.stream.table);
    REQUIRE(same.error == problem);
    refused += problem != "";
  });
  CHECK(refused > 5);
}

TEST_CASE("a streaming decoder refuses a table that doesn't fit the blocks") {
  Rng rng(45);
  const Case c = draw_case(rng, 8);
  CodecOptions options;
  options.zero_vector = ZeroVector::never;
  const Encoded encoded = encode_case(find_codec("dpred"), c, options);
  std::vector<std::uint32_t> table = encoded.stream.table;
  table.push_back(0);
  const auto ignore = [](const DecodedBlock&) {};
  CHECK_THROWS_AS(StreamDecoder(find_codec("dpred"), encoded.layout, encoded.stream.format, ignore, table),
                  StreamError);
  const Encoded raw = encode_case(find_codec("raw"), c, options);
  CHECK_THROWS_AS(StreamDecoder(find_codec("raw"), raw.layout, raw.stream.format, ignore, {0}), StreamError);
}

TEST_CASE("a stream with a table has less than 4 GiB") {
  CHECK_NOTHROW(check_reach(0xffffffffu));
  CHECK_THROWS_AS(check_reach(0x100000000u), InputError);
}
