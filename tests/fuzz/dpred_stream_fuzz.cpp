// Streams of the dpred codec: arbitrary bytes as a stream, and tensors there and back.
#include <string>

#include "models/codec/dpred_groups.h"
#include "models/codec/registry.h"
#include "tests/fuzz/stream_case.h"

using namespace dpred;
using namespace dpred::fuzz;

namespace {

/// What one of the codes that pack and unpack groups makes of a block.
struct Outcome {
  std::vector<std::uint8_t> containers, again;
  std::size_t bit = 0;  ///< behind the groups, or where they break the format
  std::string problem;

  bool operator==(const Outcome& other) const {
    // What is left of the containers where groups are refused is no result.
    return bit == other.bit && problem == other.problem &&
           (!problem.empty() || (containers == other.containers && again == other.again));
  }
};

template <class Value>
Outcome outcome_of(GroupCode code, const StreamCase& c, const StreamFormat& format, std::int64_t block,
                   const std::vector<std::uint8_t>& bytes) {
  const StreamBlock& block_rows = c.layout.blocks()[static_cast<std::size_t>(block)];
  const StreamRows rows{c.layout.section_of_row(block_rows.first_row), block_rows.rows,
                        c.layout.options().group};
  Outcome outcome;
  outcome.containers.resize(c.block_bytes(block));
  auto* values = reinterpret_cast<Value*>(outcome.containers.data());
  BitReader in(bytes.data(), bytes.size());
  try {
    decode_groups(format, rows, in, values, code);
    outcome.bit = in.position();
  } catch (const StreamError& error) {
    outcome.bit = error.bit;
    outcome.problem = error.problem;
    return outcome;
  }
  BitWriter out(outcome.again);
  encode_groups(format, rows, static_cast<const Value*>(values), out, code);
  out.align();
  return outcome;
}

template <class Value>
void compare_codes(const StreamCase& c, const StreamFormat& format, std::int64_t block,
                   const std::vector<std::uint8_t>& bytes) {
  const Outcome plain = outcome_of<Value>(GroupCode::plain, c, format, block, bytes);
  for (const GroupCode code : group_codes()) {
    if (code == GroupCode::plain) continue;
    require(outcome_of<Value>(code, c, format, block, bytes) == plain,
            "all codes give the same values, bits and errors");
  }
}

/// Blocks one after another. The encoder's groups are as narrow as their values allow, so that a block that
/// it encodes from decoded values is no longer than the one that was decoded, and the same if as long.
void decode_bytes(const StreamCase& c, const StreamFormat& format, const std::vector<std::uint8_t>& stream) {
  const Codec& codec = dpred_codec();
  std::size_t offset = 0;
  for (std::int64_t block = 0; block < c.blocks(); ++block) {
    const DecodedBlock decoded = decode_alone(codec, c, format, block, stream, offset);
    if (format.mode != TensorMode::raw) {
      const std::vector<std::uint8_t> rest(stream.begin() + static_cast<std::ptrdiff_t>(offset),
                                           stream.end());
      if (format.values.bits == 8) {
        compare_codes<std::uint8_t>(c, format, block, rest);
      } else {
        compare_codes<std::uint16_t>(c, format, block, rest);
      }
    }
    if (!decoded.is_valid) return;
    std::vector<std::uint8_t> again;
    encode_block(codec, c.layout, format, block, decoded.containers.data(), again);
    const DecodedBlock second = decode_alone(codec, c, format, block, again, 0);
    require(second.is_valid && second.containers == decoded.containers, "decoded values can be encoded");
    if (format.mode == TensorMode::raw || format.widths == WidthRounding::any) {
      require(second.bits <= decoded.bits, "the encoder's groups are the narrowest");
      // With Z, any W goes with a group of zeros.
      if (second.bits == decoded.bits && format.mode != TensorMode::coded_zero) {
        require(std::equal(again.begin(), again.end(), stream.begin() + static_cast<std::ptrdiff_t>(offset)),
                "blocks of the narrowest groups are unique");
      }
    }
    offset += (decoded.bits + 7) / 8;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  StreamCase c = StreamCase::choose(input);
  const CodecOptions options = choose_options(input);
  if (input.ConsumeBool()) {
    StreamFormat format;
    format.mode = static_cast<TensorMode>(input.ConsumeIntegralInRange(0, 2));
    format.values = c.values;
    format.sign = options.sign;
    format.widths = options.widths;
    decode_bytes(c, format, input.ConsumeRemainingBytes<std::uint8_t>());
  } else {
    fill(c, input, input.ConsumeIntegralInRange(0, c.tensor.bits - 1));
    round_trip(dpred_codec(), c, options);
  }
  return 0;
}
