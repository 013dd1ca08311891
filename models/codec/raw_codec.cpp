// No compression: container codes in stream order, little-endian. What "uncompressed" means everywhere.
#include <utility>

#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"

namespace dpred {

StreamPlan plan_one_width(const StreamLayout& layout, const StreamFormat& format, int width) {
  StreamPlanBuilder builder(layout, format);
  for (const StreamSection& section : layout.sections()) {
    const std::uint64_t bits = static_cast<std::uint64_t>(section.row_values) * static_cast<unsigned>(width);
    for (std::int64_t r = 0; r < section.rows; ++r)
      builder.row(0, bits);
  }
  return builder.finish();
}

StreamPlan plan_raw(const StreamLayout& layout, const ValueFormat& values) {
  return plan_one_width(layout, {TensorMode::raw, values}, values.bits);
}

StreamPlan coded_or_raw(StreamPlan coded, const CodecInput& input) {
  StreamPlan raw = plan_raw(input.layout, input.values);
  return coded.sizes.total_bits() < raw.sizes.total_bits() ? std::move(coded) : std::move(raw);
}

std::uint64_t raw_bits(const StreamFormat& format, const StreamRows& rows) {
  return static_cast<std::uint64_t>(rows.values()) * format.values.bits;
}

void encode_raw(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                BitWriter& out) {
  out.put_bytes(containers, raw_bits(format, rows) / 8);
}

void decode_raw(const StreamFormat& format, const StreamRows& rows, BitReader& in, std::uint8_t* containers) {
  const std::uint64_t bits = raw_bits(format, rows);
  if (!in.has(bits)) throw StreamError("a raw stream ends early", in.position());
  in.get_bytes(containers, bits / 8);
}

namespace {

class RawCodec final : public Codec {
 public:
  std::string_view name() const override { return "raw"; }
  StreamPlan plan(const CodecInput& input) const override { return plan_raw(input.layout, input.values); }
  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    return raw_bits(format, rows);
  }
  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    encode_raw(format, rows, containers, out);
  }
  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    decode_raw(format, rows, in, containers);
  }
};

}  // namespace

const Codec& raw_codec() {
  static const RawCodec codec;
  return codec;
}

}  // namespace dpred
