// Streams of all other codecs: arbitrary bytes as header and stream, and tensors there and back.
#include <algorithm>
#include <string>

#include "tests/fuzz/stream_case.h"

using namespace dpred;
using namespace dpred::fuzz;

namespace {

/// dpred has a fuzzer of its own; the decoder of zstd is another project's.
const std::vector<const Codec*>& fuzzed_codecs() {
  static const std::vector<const Codec*> codecs = [] {
    std::vector<const Codec*> some;
    for (const std::string& name : codec_names()) {
      if (name != "dpred" && name != "zstd") some.push_back(&find_codec(name));
    }
    return some;
  }();
  return codecs;
}

/// Whether values have one stream only.
bool is_canonical(const Codec& codec) {
  return codec.name() == "raw" || codec.name() == "layer-width" || codec.name() == "zvc";
}

void decode_bytes(const Codec& codec, StreamCase& c, const StreamFormat& format, const CodecOptions& options,
                  const std::vector<std::uint8_t>& stream) {
  std::size_t offset = 0;
  for (std::int64_t block = 0; block < c.blocks(); ++block) {
    const DecodedBlock decoded = decode_alone(codec, c, format, block, stream, offset);
    if (!decoded.is_valid) return;
    const std::size_t end = offset + (decoded.bits + 7) / 8;
    if (is_canonical(codec)) {
      std::vector<std::uint8_t> again;
      encode_block(codec, c.layout, format, block, decoded.containers.data(), again);
      require(
          again.size() == end - offset &&
              std::equal(again.begin(), again.end(), stream.begin() + static_cast<std::ptrdiff_t>(offset)),
          "decoded values encode to the same bytes");
    }
    const StreamBlock& rows = c.layout.blocks()[static_cast<std::size_t>(block)];
    c.layout.scatter(decoded.containers.data(), format.values, rows.first_row, rows.rows, c.tensor);
    offset = end;
  }
  round_trip(codec, c, options);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const auto& codecs = fuzzed_codecs();
  const Codec& codec = *codecs[input.ConsumeIntegral<std::uint8_t>() % codecs.size()];
  StreamCase c = StreamCase::choose(input);
  const CodecOptions options = choose_options(input);
  if (input.ConsumeBool()) {
    StreamFormat format;
    format.mode = static_cast<TensorMode>(input.ConsumeIntegralInRange(0, 1));
    format.values = c.values;
    format.width = static_cast<std::uint8_t>(input.ConsumeIntegralInRange(0, 18));
    format.header = input.ConsumeBytes<std::uint8_t>(4 * input.ConsumeIntegralInRange<std::size_t>(0, 32));
    decode_bytes(codec, c, format, options, input.ConsumeRemainingBytes<std::uint8_t>());
  } else {
    fill(c, input, input.ConsumeIntegralInRange(0, c.tensor.bits - 1));
    round_trip(codec, c, options);
  }
  return 0;
}
