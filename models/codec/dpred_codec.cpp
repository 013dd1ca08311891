// The codec of DPRed (arXiv 1804.06732): each group at the width its largest value needs, zeros left out
// where a zero vector pays. Format: docs/contracts.md, "The dpred stream".
#include <algorithm>

#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"
#include "models/precision/width.h"

namespace dpred {

namespace {

constexpr int width_field(int bits) {
  return bits == 8 ? 3 : 4;
}

StreamPlan plan_coded(const StreamLayout& layout, const ValueFormat& values, const WidthMap& widths,
                      TensorMode mode) {
  const bool zero = mode == TensorMode::coded_zero;
  const std::int64_t group = layout.options().group;
  const int field = width_field(values.bits);
  PlanBuilder builder(layout, {mode, values});
  std::size_t g = 0;
  for (const StreamSection& section : layout.sections()) {
    for (std::int64_t row = 0; row < section.rows; ++row) {
      std::uint64_t metadata = 0;
      std::uint64_t payload = 0;
      for (std::int64_t run = 0; run < section.row_values; run += section.run) {
        for (std::int64_t at = 0; at < section.run; at += group, ++g) {
          const auto count = static_cast<std::uint64_t>(std::min(group, section.run - at));
          metadata += static_cast<std::uint64_t>(field) + (zero ? count : 0);
          payload += std::uint64_t{widths.width[g]} * (zero ? widths.non_zeros[g] : count);
        }
      }
      builder.row(metadata, payload);
    }
  }
  return builder.finish();
}

class DpredCodec final : public Codec {
 public:
  std::string_view name() const override { return "dpred"; }

  StreamPlan plan(const StreamLayout& layout, const ValueFormat& values, const WidthMap& widths,
                  ZeroVector zero_vector) const override {
    if (zero_vector == ZeroVector::never) {
      return within_reach(plan_coded(layout, values, widths, TensorMode::coded));
    }
    StreamPlan with_zero = plan_coded(layout, values, widths, TensorMode::coded_zero);
    if (zero_vector == ZeroVector::always) return within_reach(std::move(with_zero));
    StreamPlan best = plan_raw(layout, values);
    StreamPlan without = plan_coded(layout, values, widths, TensorMode::coded);
    if (without.sizes.total_bits() < best.sizes.total_bits()) best = std::move(without);
    if (with_zero.sizes.total_bits() < best.sizes.total_bits()) best = std::move(with_zero);
    return within_reach(std::move(best));
  }

  void encode_row(const StreamFormat& format, const StreamSection& section, std::int64_t group,
                  const std::uint16_t* containers, BitWriter& out) const override {
    if (format.mode == TensorMode::raw) return encode_raw_row(format, section, containers, out);
    const bool zero = format.mode == TensorMode::coded_zero;
    for (std::int64_t run = 0; run < section.row_values; run += section.run) {
      for (std::int64_t at = 0; at < section.run; at += group) {
        const std::uint16_t* values = containers + run + at;
        const std::int64_t count = std::min(group, section.run - at);
        std::uint32_t bits = 0;
        for (std::int64_t i = 0; i < count; ++i)
          bits |= folded(format.values.packed_value(values[i]));
        const int width = width_of_folded(bits, format.values.is_signed);
        if (zero) {
          for (std::int64_t i = 0; i < count; ++i)
            out.put(values[i] != 0, 1);
        }
        out.put(static_cast<std::uint32_t>(width - 1), width_field(format.values.bits));
        const std::uint32_t mask = (1u << width) - 1;
        for (std::int64_t i = 0; i < count; ++i) {
          if (!zero || values[i] != 0) out.put(values[i] & mask, width);
        }
      }
    }
  }

  void decode_row(const StreamFormat& format, const StreamSection& section, std::int64_t group, BitReader& in,
                  std::uint16_t* containers) const override {
    if (format.mode == TensorMode::raw) return decode_raw_row(format, section, in, containers);
    const bool zero = format.mode == TensorMode::coded_zero;
    const int field = width_field(format.values.bits);
    for (std::int64_t run = 0; run < section.row_values; run += section.run) {
      for (std::int64_t at = 0; at < section.run; at += group) {
        std::uint16_t* values = containers + run + at;
        const std::int64_t count = std::min(group, section.run - at);
        decode_group(format, zero, field, count, in, values);
      }
    }
  }

 private:
  static void decode_group(const StreamFormat& format, bool zero, int field, std::int64_t count,
                           BitReader& in, std::uint16_t* values) {
    if (!in.has(static_cast<std::size_t>(field + (zero ? count : 0)))) {
      throw StreamError("the stream ends inside a group's header", in.position());
    }
    std::int64_t coded = count;
    if (zero) {
      coded = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        values[i] = static_cast<std::uint16_t>(in.get(1));
        coded += values[i];
      }
    }
    const int width = static_cast<int>(in.get(field)) + 1;
    if (!in.has(static_cast<std::size_t>(width) * static_cast<std::size_t>(coded))) {
      throw StreamError("the stream ends inside a group's values", in.position());
    }
    const std::uint32_t mask = format.values.mask();
    const std::uint32_t sign = 1u << (width - 1);
    for (std::int64_t i = 0; i < count; ++i) {
      if (zero && values[i] == 0) continue;
      std::uint32_t value = in.get(width);
      if (format.values.is_signed) value = ((value ^ sign) - sign) & mask;
      if (zero && value == 0) throw StreamError("a value marked non-zero is zero", in.position());
      values[i] = static_cast<std::uint16_t>(value);
    }
  }
};

}  // namespace

const Codec& dpred_codec() {
  static const DpredCodec codec;
  return codec;
}

}  // namespace dpred
