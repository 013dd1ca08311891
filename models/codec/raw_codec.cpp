// No compression: container codes in stream order, little-endian. What "uncompressed" means everywhere.
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"

namespace dpred {

StreamPlan plan_raw(const StreamLayout& layout, const ValueFormat& values) {
  PlanBuilder builder(layout, {TensorMode::raw, values});
  for (const StreamSection& section : layout.sections()) {
    const auto bits = static_cast<std::uint64_t>(section.row_values) * values.bits;
    for (std::int64_t r = 0; r < section.rows; ++r)
      builder.row(0, bits);
  }
  return builder.finish();
}

void encode_raw_row(const StreamFormat& format, const StreamSection& section, const std::uint16_t* containers,
                    BitWriter& out) {
  for (std::int64_t i = 0; i < section.row_values; ++i)
    out.put(containers[i], format.values.bits);
}

void decode_raw_row(const StreamFormat& format, const StreamSection& section, BitReader& in,
                    std::uint16_t* containers) {
  const int bits = format.values.bits;
  if (!in.has(static_cast<std::size_t>(section.row_values) * static_cast<std::size_t>(bits))) {
    throw StreamError("a raw stream ends early", in.position());
  }
  for (std::int64_t i = 0; i < section.row_values; ++i)
    containers[i] = static_cast<std::uint16_t>(in.get(bits));
}

namespace {

class RawCodec final : public Codec {
 public:
  std::string_view name() const override { return "raw"; }
  StreamPlan plan(const StreamLayout& layout, const ValueFormat& values, const WidthMap& /*widths*/,
                  ZeroVector /*zero_vector*/) const override {
    return plan_raw(layout, values);
  }
  void encode_row(const StreamFormat& format, const StreamSection& section, std::int64_t /*group*/,
                  const std::uint16_t* containers, BitWriter& out) const override {
    encode_raw_row(format, section, containers, out);
  }
  void decode_row(const StreamFormat& format, const StreamSection& section, std::int64_t /*group*/,
                  BitReader& in, std::uint16_t* containers) const override {
    decode_raw_row(format, section, in, containers);
  }
};

}  // namespace

const Codec& raw_codec() {
  static const RawCodec codec;
  return codec;
}

}  // namespace dpred
