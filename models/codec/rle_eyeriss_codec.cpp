// Run lengths in Eyeriss' manner (Chen, Krishna, Emer, Sze, JSSC 2017): pairs of a run of zeros and a value,
// some to a word of 64 bits. Format: docs/contracts.md, "The rle-eyeriss stream".
#include <algorithm>

#include "models/codec/block_plan.h"
#include "models/codec/containers.h"
#include "models/codec/registry.h"
#include "models/codec/run_lengths.h"

namespace dpred {

namespace {

constexpr int run_bits = 5;
constexpr std::int64_t longest = (1 << run_bits) - 1;
constexpr int word_bits = 64;
constexpr std::uint64_t last_flag = std::uint64_t{1} << (word_bits - 1);

constexpr int pair_bits(int bits) {
  return run_bits + bits;
}
/// Bits of a word that pairs fill: four of 8-bit values, three of 16-bit ones.
constexpr int used_bits(int bits) {
  return (word_bits - 1) / pair_bits(bits) * pair_bits(bits);
}

std::uint64_t words_of(std::int64_t pairs, int bits) {
  const std::int64_t per_word = used_bits(bits) / pair_bits(bits);
  return static_cast<std::uint64_t>((pairs + per_word - 1) / per_word);
}

/// The pair at a block's end whose run and value are all zeros.
std::uint32_t end_pair(std::int64_t zeros_left) {
  return static_cast<std::uint32_t>(zeros_left - 1);
}

class WordWriter {
 public:
  WordWriter(BitWriter& out, int bits)
      : out_(out), pair_bits_(pair_bits(bits)), used_bits_(used_bits(bits)) {}
  void put(std::uint32_t pair) {
    if (at_ == used_bits_) {  // and not before: only now it isn't the last word
      put_word();
      word_ = 0;
      at_ = 0;
    }
    word_ |= std::uint64_t{pair} << at_;
    at_ += pair_bits_;
  }
  void finish() {
    word_ |= last_flag;
    put_word();
  }

 private:
  void put_word() {
    out_.put(static_cast<std::uint32_t>(word_), 32);
    out_.put(static_cast<std::uint32_t>(word_ >> 32), 32);
  }

  BitWriter& out_;
  int pair_bits_, used_bits_;
  std::uint64_t word_ = 0;
  int at_ = 0;
};

class RleEyerissCodec final : public Codec {
 public:
  std::string_view name() const override { return "rle-eyeriss"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    const StreamFormat format{TensorMode::coded, input.values};
    const int bits = format.values.bits;
    return plan_blocks(input, format, [&](const StreamRows& rows, const std::uint8_t* containers) {
      return visit_containers(bits, containers, [&](const auto* values) {
        std::int64_t pairs = 0;
        const std::int64_t zeros_left = visit_run_pairs<run_bits>(
            values, rows.values(), [&](const std::uint32_t*, std::int64_t n) { pairs += n; });
        pairs += zeros_left > 0;
        const auto payload = static_cast<std::uint64_t>(pairs * bits);
        return BlockBits{words_of(pairs, bits) * word_bits - payload, payload};
      });
    });
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    return words_of(rows.values(), format.values.bits) * word_bits;
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      WordWriter words(out, 8 * sizeof *values);
      const std::int64_t zeros_left =
          visit_run_pairs<run_bits>(values, rows.values(), [&](const std::uint32_t* pairs, std::int64_t n) {
            for (std::int64_t i = 0; i < n; ++i)
              words.put(pairs[i]);
          });
      if (zeros_left > 0) words.put(end_pair(zeros_left));
      words.finish();
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
      if (!in.has(word_bits)) throw StreamError("the stream ends inside a word", position);
      std::uint64_t word = in.get(32);
      word |= std::uint64_t{in.get(32)} << 32;
      const bool is_last = (word & last_flag) != 0;
      std::uint64_t rest = word & ~last_flag;
      for (int at = 0; at < used_bits(bits) && left > 0; at += pair_bits(bits)) {
        const std::int64_t run = rest & longest;
        const auto value = static_cast<Value>(rest >> run_bits);
        rest >>= pair_bits(bits);
        const std::size_t pair_position = position + static_cast<std::size_t>(at);
        if (run >= left) throw StreamError("a run of zeros reaches past the block", pair_position);
        values[count - left + run] = value;
        left -= run + 1;
        if (value == 0 && run < longest && left > 0) {
          throw StreamError("a zero follows fewer than 31 zeros", pair_position + run_bits);
        }
      }
      if (rest != 0) throw StreamError("spare bits of a word aren't zero", position);
      if (is_last != (left == 0)) {
        throw StreamError(
            is_last ? "the last word comes before the block's end" : "the last word isn't marked so",
            position + word_bits - 1);
      }
    }
  }
};

}  // namespace

const Codec& rle_eyeriss_codec() {
  static const RleEyerissCodec codec;
  return codec;
}

}  // namespace dpred
