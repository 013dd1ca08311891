// The codec of DPRed (arXiv 1804.06732): each group at the width its largest value needs, zeros left out
// where a zero vector pays. Format: docs/contracts.md, "The dpred stream".
#include <algorithm>

#include "models/codec/containers.h"
#include "models/codec/groups.h"
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"
#include "models/precision/width.h"

namespace dpred {

namespace {

constexpr int width_field(int bits) {
  return bits == 8 ? 3 : 4;
}

/// Whether signs are stored apart; unsigned tensors have none.
bool in_magnitudes(const StreamFormat& format) {
  return format.values.is_signed && format.sign == SignForm::sign_magnitude;
}

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
    const auto groups = static_cast<std::uint64_t>(rows.rows * rows.section.groups_per_row(rows.group));
    const std::uint64_t bits_a_value = format.values.bits + (format.mode == TensorMode::coded_zero ? 1 : 0);
    return groups * static_cast<std::uint64_t>(width_field(format.values.bits)) +
           static_cast<std::uint64_t>(rows.values()) * bits_a_value;
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

 private:
  static constexpr std::int64_t chunk = 32;         // values handled at a time
  static constexpr std::int64_t most_values = 256;  // of a group

  template <class Value>
  static void encode_groups(const StreamFormat& format, const StreamRows& rows, const Value* containers,
                            BitWriter& out) {
    const bool zero = format.mode == TensorMode::coded_zero;
    const bool magnitudes = in_magnitudes(format);
    const int bits = format.values.bits;
    Value in_sign_magnitude[most_values];
    visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
      const Value* values = containers + first;
      const std::uint32_t deciding =
          magnitudes ? magnitudes_or(format.values, values, count) : folded_or(format.values, values, count);
      const int width =
          rounded_width(width_of_folded(deciding, format.values.is_signed), format.widths, bits);
      if (magnitudes) {
        to_sign_magnitude(format.values, values, count, width, in_sign_magnitude);
        values = in_sign_magnitude;
      }
      if (zero) put_zero_vector(values, count, out);
      out.put(static_cast<std::uint32_t>(width - 1), width_field(bits));
      put_values(values, count, zero, width, out);
    });
  }

  template <class Value>
  static void decode_groups(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                            Value* containers) {
    const bool zero = format.mode == TensorMode::coded_zero;
    const bool magnitudes = in_magnitudes(format);
    const int field = width_field(format.values.bits);
    visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
      const int width = decode_group(format, zero, field, count, in, containers + first);
      if (magnitudes) from_sign_magnitude(format.values, width, count, containers + first);
    });
  }

  template <class Value>
  static std::uint32_t folded_or(const ValueFormat& format, const Value* values, std::int64_t count) {
    std::uint32_t bits = 0;
    for (std::int64_t i = 0; i < count; ++i)
      bits |= folded(format.packed_value(values[i]));
    return bits;
  }

  template <class Value>
  static std::uint32_t magnitudes_or(const ValueFormat& format, const Value* values, std::int64_t count) {
    std::uint32_t bits = 0;
    for (std::int64_t i = 0; i < count; ++i)
      bits |= magnitude(format.packed_value(values[i]), format.bits);
    return bits;
  }

  /// Zero, and only zero, becomes zero.
  template <class Value>
  static void to_sign_magnitude(const ValueFormat& format, const Value* values, std::int64_t count, int width,
                                Value* coded) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t value = format.packed_value(values[i]);
      const std::uint32_t sign = std::uint32_t{value < 0} << (width - 1);
      coded[i] = static_cast<Value>(magnitude(value, format.bits) | sign);
    }
  }

  template <class Value>
  static void from_sign_magnitude(const ValueFormat& format, int width, std::int64_t count, Value* values) {
    const std::uint32_t sign = 1u << (width - 1);
    for (std::int64_t i = 0; i < count; ++i) {
      if ((values[i] & sign) == 0) continue;
      const std::uint32_t size = values[i] ^ sign;
      const std::uint32_t lowest = 1u << (format.bits - 1);  // coded as the other zero
      values[i] = static_cast<Value>(size == 0 ? lowest : -size & format.mask());
    }
  }

  template <class Value>
  static void put_values(const Value* values, std::int64_t count, bool skip_zeros, int width,
                         BitWriter& out) {
    const std::uint32_t mask = (1u << width) - 1;
    for (std::int64_t at = 0; at < count; at += chunk) {
      const std::int64_t end = std::min(at + chunk, count);
      Value stored[chunk];
      std::int64_t n = 0;
      for (std::int64_t i = at; i < end; ++i) {
        // A zero is overwritten, not jumped over: zeros come in no order that could be predicted.
        stored[n] = static_cast<Value>(values[i] & mask);
        n += !skip_zeros || values[i] != 0;
      }
      out.put_all(stored, n, width);
    }
  }

  /// Gives container codes, but in sign and magnitude the values as they are coded. Returns their width.
  template <class Value>
  static int decode_group(const StreamFormat& format, bool zero, int field, std::int64_t count, BitReader& in,
                          Value* values) {
    if (!in.has(static_cast<std::size_t>(field + (zero ? count : 0)))) {
      throw StreamError("the stream ends inside a group's header", in.position());
    }
    const std::int64_t coded = zero ? get_zero_vector(count, in, values) : count;
    const int width = static_cast<int>(in.get(field)) + 1;
    if (!in.has(static_cast<std::size_t>(width) * static_cast<std::size_t>(coded))) {
      throw StreamError("the stream ends inside a group's values", in.position());
    }
    const bool extended = format.values.is_signed && format.sign == SignForm::twos_complement;
    const std::uint32_t mask = format.values.mask();
    const std::uint32_t sign = 1u << (width - 1);
    for (std::int64_t i = 0; i < count; ++i) {
      // A zero is read as no bits, not jumped over: zeros come in no order that could be predicted.
      const int stored = zero ? values[i] : 1;
      std::uint32_t value = in.get(width * stored);
      if (extended) value = ((value ^ sign) - sign) & mask;
      if (zero && value < static_cast<std::uint32_t>(stored)) {
        throw StreamError("a value marked non-zero is zero", in.position());
      }
      values[i] = static_cast<Value>(value);
    }
    return width;
  }
};

}  // namespace

const Codec& dpred_codec() {
  static const DpredCodec codec;
  return codec;
}

}  // namespace dpred
