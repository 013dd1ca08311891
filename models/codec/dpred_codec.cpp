// The codec of DPRed (arXiv 1804.06732): each group at the width its largest value needs, zeros left out
// where a zero vector pays. Format: docs/contracts.md, "The dpred stream".
#include <algorithm>

#include "models/codec/containers.h"
#include "models/codec/dpred_group.h"
#include "models/codec/groups.h"
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"
#include "models/precision/width.h"

namespace dpred {

namespace {

StreamPlan plan_coded(const CodecInput& input, TensorMode mode) {
  const bool zero = mode == TensorMode::coded_zero;
  const StreamLayout& layout = input.layout;
  const std::int64_t group = layout.options().group;
  const int field = width_field(input.values.bits);
  StreamPlanBuilder builder(layout, {mode, input.values, input.options.sign, input.options.widths});
  std::size_t g = 0;
  for (const StreamSection& section : layout.sections()) {
    for (std::int64_t row = 0; row < section.rows; ++row) {
      std::uint64_t metadata = 0;
      std::uint64_t payload = 0;
      visit_groups({section, 1, group}, [&](std::int64_t, std::int64_t values) {
        const auto count = static_cast<std::uint64_t>(values);
        metadata += static_cast<std::uint64_t>(field) + (zero ? count : 0);
        const int width = rounded_width(input.widths.width[g], input.options.widths, input.values.bits);
        payload += static_cast<std::uint64_t>(width) * (zero ? input.widths.non_zeros[g] : count);
        ++g;
      });
      builder.row(metadata, payload);
    }
  }
  return builder.finish();
}

class DpredCodec final : public Codec {
 public:
  std::string_view name() const override { return "dpred"; }
  SignForm sign_form(const CodecOptions& options) const override { return options.sign; }

  StreamPlan plan(const CodecInput& input) const override {
    const ZeroVector zero_vector = input.options.zero_vector;
    if (zero_vector == ZeroVector::never) return within_reach(plan_coded(input, TensorMode::coded));
    StreamPlan with_zero = plan_coded(input, TensorMode::coded_zero);
    if (zero_vector == ZeroVector::always) return within_reach(std::move(with_zero));
    StreamPlan best = plan_raw(input.layout, input.values);
    StreamPlan without = plan_coded(input, TensorMode::coded);
    if (without.sizes.total_bits() < best.sizes.total_bits()) best = std::move(without);
    if (with_zero.sizes.total_bits() < best.sizes.total_bits()) best = std::move(with_zero);
    return within_reach(std::move(best));
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    if (format.mode == TensorMode::raw) return raw_bits(format, rows);
    return group_code::most_group_bits(format, rows);
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    if (format.mode == TensorMode::raw) return encode_raw(format, rows, containers, out);
    visit_containers(format.values.bits, containers,
                     [&](const auto* values) { encode_groups(format, rows, values, out); });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    if (format.mode == TensorMode::raw) return decode_raw(format, rows, in, containers);
    visit_containers(format.values.bits, containers,
                     [&](auto* values) { decode_groups(format, rows, in, values); });
  }

  std::optional<std::uint64_t> group_bits(const StreamFormat& format, std::int64_t values, int width,
                                          std::int64_t non_zeros) const override {
    const bool zero = format.mode == TensorMode::coded_zero;
    const int stored = rounded_width(width, format.widths, format.values.bits);
    return static_cast<std::uint64_t>(width_field(format.values.bits) + (zero ? values : 0) +
                                      stored * (zero ? non_zeros : values));
  }
};

}  // namespace

const Codec& dpred_codec() {
  static const DpredCodec codec;
  return codec;
}

}  // namespace dpred
