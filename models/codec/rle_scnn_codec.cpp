// Run lengths in SCNN's manner (Parashar et al., ISCA 2017): each non-zero value with the number of zeros
// before it. Format: docs/contracts.md, "The rle-scnn stream".
#include <algorithm>

#include "models/codec/block_plan.h"
#include "models/codec/containers.h"
#include "models/codec/registry.h"
#include "models/codec/run_lengths.h"

namespace dpred {

namespace {

constexpr int count_bits = 4;
constexpr std::int64_t longest = (1 << count_bits) - 1;

class RleScnnCodec final : public Codec {
 public:
  std::string_view name() const override { return "rle-scnn"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    const StreamFormat format{TensorMode::coded, input.values};
    return plan_blocks(input, format, [&](const StreamRows& rows, const std::uint8_t* containers) {
      return visit_containers(format.values.bits, containers, [&](const auto* values) {
        std::int64_t tokens = 0;
        const std::int64_t zeros_left = visit_run_pairs<count_bits>(
            values, rows.values(), [&](const std::uint32_t*, std::int64_t n) { tokens += n; });
        const auto counts = static_cast<std::uint64_t>(tokens + (zeros_left > 0 ? 1 : 0));
        return BlockBits{counts * count_bits, static_cast<std::uint64_t>(tokens * format.values.bits)};
      });
    });
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    return static_cast<std::uint64_t>(rows.values() * (count_bits + format.values.bits));
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      constexpr int token_bits = count_bits + 8 * sizeof *values;
      const std::int64_t zeros_left = visit_run_pairs<count_bits>(
          values, rows.values(), [&](const std::uint32_t* tokens, std::int64_t n) {
            if constexpr (2 * token_bits <= 32) {
              out.put_all(tokens, n, token_bits);
            } else {
              for (std::int64_t i = 0; i < n; ++i)
                out.put(tokens[i], token_bits);
            }
          });
      if (zeros_left > 0) out.put(static_cast<std::uint32_t>(zeros_left), count_bits);
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    visit_containers(format.values.bits, containers,
                     [&](auto* values) { decode_values(rows.values(), in, values); });
  }

 private:
  template <class Value>
  static void decode_values(std::int64_t count, BitReader& in, Value* values) {
    constexpr int bits = 8 * sizeof(Value);
    std::fill(values, values + count, Value{0});
    for (std::int64_t left = count; left > 0;) {
      const std::size_t position = in.position();
      const bool has_token = in.has(count_bits + bits);
      if (!has_token && !in.has(count_bits))
        throw StreamError("the stream ends inside a count of zeros", position);
      const std::uint32_t token = in.get(has_token ? count_bits + bits : count_bits);
      const std::int64_t zeros = token & longest;
      if (zeros >= left) {
        if (zeros > left) throw StreamError("a count of zeros reaches past the block", position);
        in.seek(position + count_bits);
        return;
      }
      if (!has_token) throw StreamError("the stream ends inside a value", position + count_bits);
      const auto value = static_cast<Value>(token >> count_bits);
      if (value == 0 && zeros < longest) {
        throw StreamError("a zero follows fewer than 15 zeros", position + count_bits);
      }
      values[count - left + zeros] = value;
      left -= zeros + 1;
    }
  }
};

}  // namespace

const Codec& rle_scnn_codec() {
  static const RleScnnCodec codec;
  return codec;
}

}  // namespace dpred
