// Zero value compression: a bit a value and whole values where it is 1, as in DMA engines (Rhu et al., HPCA
// 2018), but a bitmap a group instead of a bitmap for 32 words. Format: docs/contracts.md, "The zvc stream".
#include "models/codec/containers.h"
#include "models/codec/groups.h"
#include "models/codec/registry.h"

namespace dpred {

namespace {

constexpr std::int64_t largest_group = 256;

class ZvcCodec final : public Codec {
 public:
  std::string_view name() const override { return "zvc"; }

  StreamPlan plan(const CodecInput& input) const override {
    const StreamLayout& layout = input.layout;
    StreamPlanBuilder builder(layout, {TensorMode::coded, input.values});
    std::size_t g = 0;
    for (const StreamSection& section : layout.sections()) {
      const auto groups = static_cast<std::size_t>(section.groups_per_row(layout.options().group));
      for (std::int64_t row = 0; row < section.rows; ++row) {
        std::uint64_t non_zeros = 0;
        for (const std::size_t end = g + groups; g < end; ++g)
          non_zeros += input.widths.non_zeros[g];
        builder.row(static_cast<std::uint64_t>(section.row_values), non_zeros * input.values.bits);
      }
    }
    return within_reach(builder.finish());
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    return static_cast<std::uint64_t>(rows.values()) * (1 + format.values.bits);
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    visit_containers(format.values.bits, containers, [&](const auto* all) {
      visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
        const auto* values = all + first;
        put_zero_vector(values, count, out);
        std::uint16_t stored[largest_group];
        std::int64_t n = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          // A zero is overwritten, not jumped over: zeros come in no order that could be predicted.
          stored[n] = values[i];
          n += values[i] != 0;
        }
        out.put_all(stored, n, format.values.bits);
      });
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    visit_containers(format.values.bits, containers, [&](auto* values) {
      visit_groups(rows, [&](std::int64_t first, std::int64_t count) {
        decode_group(format.values.bits, count, in, values + first);
      });
    });
  }

  std::optional<std::uint64_t> group_bits(const StreamFormat& format, std::int64_t values, int,
                                          std::int64_t non_zeros) const override {
    return static_cast<std::uint64_t>(values + non_zeros * format.values.bits);
  }

 private:
  template <class Value>
  static void decode_group(int bits, std::int64_t count, BitReader& in, Value* values) {
    if (!in.has(static_cast<std::size_t>(count))) {
      throw StreamError("the stream ends inside a group's bitmap", in.position());
    }
    const std::int64_t stored = get_zero_vector(count, in, values);
    if (!in.has(static_cast<std::size_t>(stored) * static_cast<std::size_t>(bits))) {
      throw StreamError("the stream ends inside a group's values", in.position());
    }
    for (std::int64_t i = 0; i < count; ++i) {
      // A zero is read as no bits, not jumped over.
      const Value is_stored = values[i];
      values[i] = static_cast<Value>(in.get(bits * is_stored));
      if (values[i] < is_stored) throw StreamError("a value marked non-zero is zero", in.position());
    }
  }
};

}  // namespace

const Codec& zvc_codec() {
  static const ZvcCodec codec;
  return codec;
}

}  // namespace dpred
