// Arithmetic coding in APack's manner (Delmas Lascorz, Mahmoud, Moshovos, arXiv 2201.08830): the range that a
// value lies in is coded by how often the tensor's values do, its place in the range is stored as it is.
// Format: docs/contracts.md, "The apack stream".
#include <string>
#include <type_traits>

#include "models/codec/apack_table.h"
#include "models/codec/block_plan.h"
#include "models/codec/containers.h"
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"
#include "models/codec/value_counts.h"
#include "workloads/error.h"

namespace dpred {

namespace {

constexpr int code_bits = 16;  // of the registers
constexpr std::uint32_t half = 1u << (code_bits - 1);
constexpr std::uint32_t quarter = half / 2;
constexpr std::uint64_t end_bits = 2;  // that say in which part of the interval a code ends

/// The interval of an arithmetic code, both ends included.
struct Interval {
  std::uint32_t low = 0;
  std::uint32_t high = 2 * half - 1;

  /// To the share [from, to) of the counts. What is left has 16 codes at least.
  void narrow(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t codes = high - low + 1;
    high = low + (codes * to >> ApackTable::count_bits) - 1;
    low += codes * from >> ApackTable::count_bits;
  }

  /// Doubles the interval as long as it lies in the lower half, the upper half or the middle: calls
  /// on_double(first code of that: 0, half or quarter) each time.
  template <class OnDouble>
  void widen(OnDouble&& on_double) {
    for (;;) {
      std::uint32_t first = 0;
      if (high < half) {
        first = 0;
      } else if (low >= half) {
        first = half;
      } else if (low >= quarter && high < half + quarter) {
        first = quarter;
      } else {
        return;
      }
      low = 2 * (low - first);
      high = 2 * (high - first) + 1;
      on_double(first);
    }
  }
};

class CodeWriter {
 public:
  explicit CodeWriter(BitWriter& out) : out_(out) {}
  void put(std::uint32_t from, std::uint32_t to) {
    interval_.narrow(from, to);
    interval_.widen([&](std::uint32_t first) {
      if (first == quarter) {
        ++undecided_;
      } else {
        put_bit(first == half);
      }
    });
  }
  void finish() {
    ++undecided_;
    put_bit(interval_.low >= quarter);
  }

 private:
  /// Then the opposite for each time that the middle was doubled before this half was known.
  void put_bit(bool bit) {
    out_.put(bit, 1);
    for (; undecided_ > 0; --undecided_)
      out_.put(!bit, 1);
  }

  BitWriter& out_;
  Interval interval_;
  std::uint64_t undecided_ = 0;
};

class CodeReader {
 public:
  /// `in` stands where the code starts, and does so until finish().
  explicit CodeReader(BitReader& in) : in_(in), ahead_(in) {
    for (int i = 0; i < code_bits; ++i)
      code_ = 2 * code_ + next_bit();
  }
  std::size_t get(const ApackTable& table) {
    const std::uint32_t codes = interval_.high - interval_.low + 1;
    const std::size_t range =
        table.range_at((((code_ - interval_.low + 1) << ApackTable::count_bits) - 1) / codes);
    interval_.narrow(table.counts_to[range], table.counts_to[range + 1]);
    interval_.widen([&](std::uint32_t first) {
      code_ = 2 * (code_ - first) + next_bit();
      ++bits_;
    });
    return range;
  }
  /// Reads the code's end, and leaves `in` behind it.
  void finish() {
    if (!in_.has(bits_ + end_bits)) {
      throw StreamError("the stream ends inside the code of its ranges", in_.position());
    }
    in_.skip(bits_);
    if (code_ / quarter != (interval_.low < quarter ? 1 : 2)) {
      throw StreamError("the code of the ranges does not end with its values", in_.position());
    }
    in_.skip(end_bits);
  }

 private:
  std::uint32_t next_bit() { return ahead_.has(1) ? ahead_.get(1) : 0; }

  BitReader& in_;
  BitReader ahead_;  ///< the code's registers hold bits that come after its end
  Interval interval_;
  std::uint32_t code_ = 0;
  std::uint64_t bits_ = 0;
};

class ApackCodec final : public Codec {
 public:
  std::string_view name() const override { return "apack"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    if (input.tensor == nullptr) throw std::logic_error("apack plans from a tensor's values");
    const ApackTable table = ApackTable::of(value_counts(*input.tensor, input.values));
    StreamFormat format{TensorMode::coded, input.values};
    format.header = table.header();
    return coded_or_raw(plan_blocks(input, format,
                                    [&](const StreamRows& rows, const std::uint8_t* containers) {
                                      return BlockBits{0, block_bits(table, format, rows, containers)};
                                    }),
                        input);
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    if (format.mode == TensorMode::raw) return raw_bits(format, rows);
    const ApackTable table = ApackTable::from_header(format.header, format.values.bits);
    return (static_cast<std::uint64_t>(rows.values()) * table.most_bits() >> 16) + 1 + end_bits;
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    if (format.mode == TensorMode::raw) return encode_raw(format, rows, containers, out);
    const ApackTable table = ApackTable::from_header(format.header, format.values.bits);
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      CodeWriter code(out);
      for (std::int64_t i = 0; i < rows.values(); ++i) {
        const std::size_t range = table.range_of(values[i]);
        if (table.count(range) == 0) {
          throw InputError("apack: the container code " + std::to_string(values[i]) +
                           " lies in a range that the tensor's table has no code for");
        }
        code.put(table.counts_to[range], table.counts_to[range + 1]);
      }
      code.finish();
      for (std::int64_t i = 0; i < rows.values(); ++i) {
        const std::size_t range = table.range_of(values[i]);
        out.put(values[i] - table.start[range], table.offset_bits[range]);
      }
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    if (format.mode == TensorMode::raw) return decode_raw(format, rows, in, containers);
    const ApackTable table = ApackTable::from_header(format.header, format.values.bits);
    visit_containers(format.values.bits, containers, [&](auto* values) {
      using Value = std::remove_pointer_t<decltype(values)>;
      CodeReader code(in);
      for (std::int64_t i = 0; i < rows.values(); ++i)
        values[i] = static_cast<Value>(code.get(table));
      code.finish();
      for (std::int64_t i = 0; i < rows.values(); ++i) {
        const std::size_t range = values[i];
        if (!in.has(table.offset_bits[range]))
          throw StreamError("the stream ends inside its offsets", in.position());
        const std::size_t position = in.position();
        const std::uint32_t value = table.start[range] + in.get(table.offset_bits[range]);
        if (value >= table.start[range + 1]) throw StreamError("an offset leaves its range", position);
        values[i] = static_cast<Value>(value);
      }
    });
  }

 private:
  static std::uint64_t block_bits(const ApackTable& table, const StreamFormat& format, const StreamRows& rows,
                                  const std::uint8_t* containers) {
    std::uint64_t bits = end_bits;
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      Interval interval;
      for (std::int64_t i = 0; i < rows.values(); ++i) {
        const std::size_t range = table.range_of(values[i]);
        interval.narrow(table.counts_to[range], table.counts_to[range + 1]);
        interval.widen([&](std::uint32_t) { ++bits; });
        bits += table.offset_bits[range];
      }
    });
    return bits;
  }
};

}  // namespace

const Codec& apack_codec() {
  static const ApackCodec codec;
  return codec;
}

}  // namespace dpred
