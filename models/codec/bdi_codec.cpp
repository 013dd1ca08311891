// Base and deltas, as in Pekhimenko et al., "Base-Delta-Immediate Compression", PACT 2012, of values instead
// of cache lines, with one base. Format: docs/contracts.md, "The bdi stream".
#include <algorithm>
#include <array>
#include <string>
#include <type_traits>

#include "models/codec/block_plan.h"
#include "models/codec/containers.h"
#include "models/codec/registry.h"

namespace dpred {

namespace {

constexpr std::int64_t line_values = 16;
constexpr int tag_bits = 4;
constexpr int repeated_bits = 8;

enum Tag : std::uint32_t { repeated = 0, deltas_of_2 = 1, deltas_of_4 = 2, deltas_of_8 = 3, raw = 4 };

constexpr std::array<int, 4> delta_bits = {0, 2, 4, 8};  // by tag

/// Calls visit(first value, number of values) for each line of these rows, in stream order.
template <class Visit>
void visit_lines(const StreamRows& rows, Visit&& visit) {
  const std::int64_t row_values = rows.section.row_values;
  for (std::int64_t row = 0; row < rows.values(); row += row_values) {
    for (std::int64_t at = 0; at < row_values; at += line_values)
      visit(row + at, std::min(line_values, row_values - at));
  }
}

/// The encoding that takes the least bits: the first one that can hold the line, since each takes at most
/// what the next one does.
template <class Value>
Tag tag_of(const Value* values, std::int64_t count) {
  using Delta = std::make_signed_t<Value>;
  constexpr int bits = 8 * sizeof(Value);
  std::uint32_t magnitudes = 0;  // of negative deltas: those of -delta - 1
  for (std::int64_t i = 1; i < count; ++i) {
    const auto delta = static_cast<Delta>(values[i] - values[0]);
    magnitudes |= static_cast<Value>(delta ^ (delta >> (bits - 1)));
  }
  const bool all_equal = std::all_of(values, values + count, [&](Value value) { return value == values[0]; });
  if (all_equal && values[0] >> repeated_bits == 0) return repeated;
  if (magnitudes < 1u << (delta_bits[deltas_of_2] - 1)) return deltas_of_2;
  if (magnitudes < 1u << (delta_bits[deltas_of_4] - 1)) return deltas_of_4;
  if (bits > 8 && magnitudes < 1u << (delta_bits[deltas_of_8] - 1)) return deltas_of_8;
  return raw;
}

/// Bits behind the tag.
std::uint64_t line_bits(Tag tag, std::int64_t count, int bits) {
  if (tag == repeated) return repeated_bits;
  if (tag == raw) return static_cast<std::uint64_t>(count * bits);
  return static_cast<std::uint64_t>(bits + (count - 1) * delta_bits[tag]);
}

class BdiCodec final : public Codec {
 public:
  std::string_view name() const override { return "bdi"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    return plan_rows(input, {TensorMode::coded, input.values},
                     [&](const StreamRows& row, const std::uint8_t* containers) {
                       BlockBits bits;
                       visit_containers(input.values.bits, containers, [&](const auto* values) {
                         visit_lines(row, [&](std::int64_t first, std::int64_t count) {
                           bits.metadata += tag_bits;
                           bits.payload += line_bits(tag_of(values + first, count), count, input.values.bits);
                         });
                       });
                       return bits;
                     });
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    const std::int64_t lines = rows.rows * ((rows.section.row_values + line_values - 1) / line_values);
    return static_cast<std::uint64_t>(lines * tag_bits + rows.values() * format.values.bits);
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      visit_lines(rows, [&](std::int64_t first, std::int64_t count) {
        encode_line(values + first, count, format.values.bits, out);
      });
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    visit_containers(format.values.bits, containers, [&](auto* values) {
      visit_lines(rows, [&](std::int64_t first, std::int64_t count) {
        decode_line(format.values.bits, count, in, values + first);
      });
    });
  }

 private:
  template <class Value>
  static void encode_line(const Value* values, std::int64_t count, int bits, BitWriter& out) {
    const Tag tag = tag_of(values, count);
    out.put(tag, tag_bits);
    if (tag == raw) return out.put_all(values, count, bits);
    if (tag == repeated) return out.put(values[0], repeated_bits);
    out.put(values[0], bits);
    const int width = delta_bits[tag];
    Value deltas[line_values];
    for (std::int64_t i = 1; i < count; ++i)
      deltas[i] = static_cast<Value>((values[i] - values[0]) & ((1 << width) - 1));
    out.put_all(deltas + 1, count - 1, width);
  }

  template <class Value>
  static void decode_line(int bits, std::int64_t count, BitReader& in, Value* values) {
    const std::size_t position = in.position();
    if (!in.has(tag_bits)) throw StreamError("the stream ends inside a tag", position);
    const std::uint32_t tag = in.get(tag_bits);
    if (tag > raw || (tag == deltas_of_8 && bits == 8)) {
      throw StreamError(
          "there is no tag " + std::to_string(tag) + " of " + std::to_string(bits) + "-bit values", position);
    }
    if (!in.has(line_bits(static_cast<Tag>(tag), count, bits))) {
      throw StreamError("the stream ends inside 16 values", in.position());
    }
    if (tag == raw) {
      for (std::int64_t i = 0; i < count; ++i)
        values[i] = static_cast<Value>(in.get(bits));
      return;
    }
    values[0] = static_cast<Value>(in.get(tag == repeated ? repeated_bits : bits));
    const int width = delta_bits[tag];
    const std::uint32_t sign = tag == repeated ? 0 : 1u << (width - 1);
    for (std::int64_t i = 1; i < count; ++i)
      values[i] = static_cast<Value>(values[0] + ((in.get(width) ^ sign) - sign));
  }
};

}  // namespace

const Codec& bdi_codec() {
  static const BdiCodec codec;
  return codec;
}

}  // namespace dpred
