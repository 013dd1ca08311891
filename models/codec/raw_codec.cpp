// No compression: container codes in stream order, little-endian. What "uncompressed" means everywhere.
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

void encode_raw(const StreamFormat& format, const StreamRows& rows, const std::uint16_t* containers,
                BitWriter& out) {
  out.put_all(containers, rows.values(), format.values.bits);
}

void decode_raw(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                std::uint16_t* containers) {
  const int bits = format.values.bits;
  const std::int64_t values = rows.values();
  if (!in.has(static_cast<std::size_t>(values) * static_cast<std::size_t>(bits))) {
    throw StreamError("a raw stream ends early", in.position());
  }
  for (std::int64_t i = 0; i < values; ++i)
    containers[i] = static_cast<std::uint16_t>(in.get(bits));
}

namespace {

class RawCodec final : public Codec {
 public:
  std::string_view name() const override { return "raw"; }
  StreamPlan plan(const CodecInput& input) const override { return plan_raw(input.layout, input.values); }
  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint16_t* containers,
                   BitWriter& out) const override {
    encode_raw(format, rows, containers, out);
  }
  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint16_t* containers) const override {
    decode_raw(format, rows, in, containers);
  }
};

}  // namespace

const Codec& raw_codec() {
  static const RawCodec codec;
  return codec;
}

}  // namespace dpred
