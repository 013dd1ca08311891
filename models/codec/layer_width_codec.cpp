// One width for a whole tensor: what a profile of a layer's precision saves without any hardware that looks
// at values. Format: docs/contracts.md, "The layer-width stream".
#include <algorithm>
#include <type_traits>

#include "models/codec/containers.h"
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"

namespace dpred {

namespace {

class LayerWidthCodec final : public Codec {
 public:
  std::string_view name() const override { return "layer-width"; }

  StreamPlan plan(const CodecInput& input) const override {
    const auto& widths = input.widths.width;
    const std::uint8_t width = *std::max_element(widths.begin(), widths.end());
    StreamFormat format{TensorMode::coded, input.values};
    format.width = width;
    return within_reach(coded_or_raw(plan_one_width(input.layout, format, width), input));
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    if (format.mode == TensorMode::raw) return raw_bits(format, rows);
    return static_cast<std::uint64_t>(rows.values()) * format.width;
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    if (format.mode == TensorMode::raw) return encode_raw(format, rows, containers, out);
    const std::uint32_t mask = (1u << format.width) - 1;
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      for (std::int64_t i = 0; i < rows.values(); ++i)
        out.put(values[i] & mask, format.width);
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    if (format.mode == TensorMode::raw) return decode_raw(format, rows, in, containers);
    const int width = format.width;
    if (width < 1 || width > format.values.bits) {
      throw StreamError("the width of a layer-width stream is " + std::to_string(width), in.position());
    }
    const std::int64_t values = rows.values();
    if (!in.has(static_cast<std::size_t>(values) * static_cast<std::size_t>(width))) {
      throw StreamError("the stream ends inside its values", in.position());
    }
    const std::uint32_t mask = format.values.mask();
    const std::uint32_t sign = format.values.is_signed ? 1u << (width - 1) : 0;
    visit_containers(format.values.bits, containers, [&](auto* to) {
      using Value = std::remove_pointer_t<decltype(to)>;
      for (std::int64_t i = 0; i < values; ++i)
        to[i] = static_cast<Value>(((in.get(width) ^ sign) - sign) & mask);
    });
  }

  std::optional<std::uint64_t> group_bits(const StreamFormat& format, std::int64_t values, int,
                                          std::int64_t) const override {
    return static_cast<std::uint64_t>(values) * format.width;
  }
};

}  // namespace

const Codec& layer_width_codec() {
  static const LayerWidthCodec codec;
  return codec;
}

}  // namespace dpred
