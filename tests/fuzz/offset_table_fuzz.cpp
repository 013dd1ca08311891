// Offset tables: arbitrary bytes as the table of a good stream. Blocks are found where it says, or it is
// refused.
#include "models/codec/offset_table.h"
#include "models/codec/registry.h"
#include "tests/fuzz/stream_case.h"

using namespace dpred;
using namespace dpred::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  StreamCase c = StreamCase::choose(input);
  CodecOptions options = choose_options(input);
  if (options.zero_vector == ZeroVector::automatic) options.zero_vector = ZeroVector::never;  // not raw
  const bool near = input.ConsumeBool();  // offsets in the stream, or just behind it
  const std::vector<std::uint8_t> table_bytes =
      input.ConsumeBytes<std::uint8_t>(static_cast<std::size_t>(input.ConsumeIntegralInRange(0, 80)));
  fill(c, input, input.ConsumeIntegralInRange(0, c.tensor.bits - 1));

  const Codec& codec = dpred_codec();
  const ValueFormat values = profile_of(c.tensor).format;
  const WidthMap widths = WidthMap::of(c.tensor, values, c.layout, codec.sign_form(options));
  const StreamPlan plan = codec.plan({c.layout, values, widths, options, &c.tensor});
  const EncodedTensor encoded = encode(codec, c.layout, plan, c.tensor);

  std::vector<std::uint32_t> table = offsets_from_table(table_bytes.data(), table_bytes.size() / 4);
  const std::vector<std::uint8_t> back = offset_table_bytes({}, table);
  require(std::equal(back.begin(), back.end(), table_bytes.begin()), "offsets and bytes are one to one");
  if (near) {
    for (std::uint32_t& offset : table)
      offset %= static_cast<std::uint32_t>(encoded.stream.size()) + 2;
  }

  Tensor expected = c.tensor;
  bool valid = table.size() == c.layout.blocks().size();
  for (std::int64_t b = 0; valid && b < c.blocks(); ++b) {
    const std::uint32_t offset = table[static_cast<std::size_t>(b)];
    valid = offset <= encoded.stream.size();
    if (!valid) break;
    const DecodedBlock block = decode_alone(codec, c, encoded.format, b, encoded.stream, offset);
    valid = block.is_valid;
    const StreamBlock& rows = c.layout.blocks()[static_cast<std::size_t>(b)];
    if (valid) c.layout.scatter(block.containers.data(), values, rows.first_row, rows.rows, expected);
  }
  Tensor decoded = c.tensor;
  try {
    decode(codec, c.layout, encoded.format, encoded.stream, table, decoded);
    require(valid, "what a block refuses the tensor refuses");
    require(decoded.data == expected.data, "blocks are found where the table has them");
  } catch (const StreamError&) {
    require(!valid, "a tensor of good blocks is decoded");
  }
  return 0;
}
