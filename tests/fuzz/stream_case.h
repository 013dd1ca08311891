// Streams of small tensors, as the fuzzer chooses them.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <vector>

#include "models/codec/codec.h"
#include "tests/fuzz/fuzz.h"

namespace dpred::fuzz {

/// A tensor without values, how it is read, and the layout of its stream.
struct StreamCase {
  Tensor tensor;
  ValueFormat values;
  StreamLayout layout;

  static StreamCase choose(FuzzedDataProvider& input) {
    const auto role = static_cast<StreamRole>(input.ConsumeIntegralInRange(0, 2));
    Tensor tensor;
    tensor.shape = {input.ConsumeIntegralInRange(1, 3), input.ConsumeIntegralInRange(1, 24),
                    input.ConsumeIntegralInRange(1, 3), input.ConsumeIntegralInRange(1, 3)};
    if (role == StreamRole::depthwise_weight) std::swap(tensor.shape[0], tensor.shape[1]);
    if (role == StreamRole::depthwise_weight) tensor.shape[1] = 1;
    StreamOptions options;
    options.group = input.ConsumeIntegralInRange(1, 256);
    options.slice_channels = input.ConsumeIntegralInRange(1, 32);
    options.block_values = input.ConsumeIntegralInRange(1, 256);
    options.block_filters = input.ConsumeIntegralInRange(1, 3);
    tensor.dtype = static_cast<DType>(input.ConsumeIntegralInRange(0, 3));
    tensor.bits = 8 * static_cast<int>(bytes_of(tensor.dtype));
    const std::int32_t codes = 1 << tensor.bits;
    const std::int32_t lowest = is_signed_type(tensor.dtype) ? -codes / 2 : 0;
    tensor.zero_point = input.ConsumeIntegralInRange(lowest, lowest + codes - 1);
    tensor.data.resize(static_cast<std::size_t>(tensor.values()) * bytes_of(tensor.dtype));
    ValueFormat values;
    values.bits = static_cast<std::uint8_t>(tensor.bits);
    values.is_signed = input.ConsumeBool();
    values.code_is_signed = is_signed_type(tensor.dtype);
    values.zero_point = tensor.zero_point;
    StreamLayout layout(role, tensor.shape, options);
    return {std::move(tensor), values, std::move(layout)};
  }

  std::int64_t blocks() const { return static_cast<std::int64_t>(layout.blocks().size()); }
  std::size_t block_bytes(std::int64_t block) const {
    return static_cast<std::size_t>(layout.block_values(block)) * (values.bits / 8);
  }
};

inline CodecOptions choose_options(FuzzedDataProvider& input) {
  return {static_cast<ZeroVector>(input.ConsumeIntegralInRange(0, 2)),
          static_cast<SignForm>(input.ConsumeIntegralInRange(0, 1)),
          static_cast<WidthRounding>(input.ConsumeIntegralInRange(0, 2))};
}

/// What is left of the input as codes around the zero point, of which `narrow` top bits are missing; then
/// zeros.
inline void fill(StreamCase& c, FuzzedDataProvider& input, int narrow) {
  const std::vector<std::uint8_t> bytes = input.ConsumeRemainingBytes<std::uint8_t>();
  Tensor& tensor = c.tensor;
  const std::size_t width = bytes_of(tensor.dtype);
  const std::uint32_t mask = c.values.mask() >> narrow;
  for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.values()); ++i) {
    std::uint32_t value = 0;
    for (std::size_t j = 0; j < width && i * width + j < bytes.size(); ++j)
      value |= std::uint32_t{bytes[i * width + j]} << (8 * j);
    const std::uint32_t sign = c.values.is_signed ? (mask >> 1) + 1 : 0;  // of the narrow value
    const std::uint32_t code = ((value & mask) ^ sign) - sign + static_cast<std::uint32_t>(tensor.zero_point);
    for (std::size_t j = 0; j < width; ++j)
      tensor.data[i * width + j] = static_cast<std::uint8_t>(code >> (8 * j));
  }
}

/// The containers of a block that begins at `offset`, and the bits it takes; nothing where it is refused.
struct DecodedBlock {
  bool is_valid = false;
  std::vector<std::uint8_t> containers;
  std::size_t bits = 0;
};

inline DecodedBlock decode_alone(const Codec& codec, const StreamCase& c, const StreamFormat& format,
                                 std::int64_t block, const std::vector<std::uint8_t>& stream,
                                 std::size_t offset) {
  DecodedBlock decoded;
  decoded.containers.resize(c.block_bytes(block));
  const StreamBlock& rows = c.layout.blocks()[static_cast<std::size_t>(block)];
  try {
    BitReader in(stream.data() + offset, stream.size() - offset);
    codec.decode_rows(format, {c.layout.section_of_row(rows.first_row), rows.rows, c.layout.options().group},
                      in, decoded.containers.data());
    decoded.bits = in.position();
    check_padding(in);
    decoded.is_valid = true;
  } catch (const StreamError& error) {
    require(error.bit <= 8 * std::max(stream.size() - offset, format.header.size()),
            "an error's position lies in the stream or in the header");
  }
  return decoded;
}

/// Plans, encodes and decodes a tensor, whose values must come back, whole and from each row's position.
inline void round_trip(const Codec& codec, const StreamCase& c, const CodecOptions& options) {
  const StreamLayout& layout = c.layout;
  const ValueFormat values = profile_of(c.tensor).format;
  const WidthMap widths = WidthMap::of(c.tensor, values, layout, codec.sign_form(options));
  const StreamPlan plan = codec.plan({layout, values, widths, options, &c.tensor});
  const EncodedTensor encoded = encode(codec, layout, plan, c.tensor);
  require(encoded.stream.size() == plan.stream_bytes(), "streams are as long as planned");
  require(8 * (plan.stream_bytes() + plan.table_bytes()) == plan.sizes.total_bits(), "sizes add up");
  Tensor decoded = c.tensor;
  std::fill(decoded.data.begin(), decoded.data.end(), std::uint8_t{0xa5});
  decode(codec, layout, encoded.format, encoded.stream, encoded.table, decoded);
  require(decoded.data == c.tensor.data, "what was encoded decodes to itself");

  std::size_t block_begin = 0;
  std::vector<std::uint8_t> containers, expected;
  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    const StreamBlock& block = layout.blocks()[b];
    require(plan.block_bytes[b] <= most_block_bytes(codec, layout, plan.format, static_cast<std::int64_t>(b)),
            "blocks are no longer than the most");
    for (std::int64_t row = block.first_row; !plan.whole_blocks() && row < block.first_row + block.rows;
         ++row) {
      BitReader in(encoded.stream.data(), encoded.stream.size(),
                   8 * block_begin + plan.row_bits[static_cast<std::size_t>(row)]);
      containers.resize(static_cast<std::size_t>(layout.row_values(row)) * (values.bits / 8));
      expected.resize(containers.size());
      codec.decode_rows(plan.format, {layout.section_of_row(row), 1, layout.options().group}, in,
                        containers.data());
      layout.gather(c.tensor, values, row, 1, expected.data());
      require(containers == expected, "rows decode alone");
    }
    block_begin += plan.block_bytes[b];
  }
}

}  // namespace dpred::fuzz
