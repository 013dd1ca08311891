// Extended bit-plane compression: runs of zeros, and the bit planes of what is left (Cavigelli et al., "EBPC:
// Extended Bit-Plane Compression for Deep Neural Network Inference and Training Accelerators", JETCAS 2019).
// Format: docs/contracts.md, "The ebpc stream".
#include <algorithm>
#include <array>
#include <string>

#include "models/codec/block_plan.h"
#include "models/codec/containers.h"
#include "models/codec/registry.h"

namespace dpred {

namespace {

constexpr std::int64_t longest_run = 16;
constexpr int run_bits = 4;
constexpr std::int64_t chunk_values = 8;
constexpr int position_bits = 3;

/// A code as its bits stand in the stream, the first one least significant.
struct Code {
  std::uint32_t bits;
  int length;
};

// Prefixes, the first bit least significant.
constexpr Code raw_plane{0b1, 1};
constexpr Code zero_run{0b10, 2};
constexpr Code one_zero{0b100, 3};
constexpr Code all_ones{0b00000, 5};
constexpr Code zero_dbp{0b10000, 5};
constexpr Code two_ones{0b01000, 5};
constexpr Code one_one{0b11000, 5};

constexpr std::uint32_t all_of(int deltas) {
  return (1u << deltas) - 1;
}

constexpr Code followed_by(Code prefix, std::uint32_t field, int length) {
  return {prefix.bits | field << prefix.length, prefix.length + length};
}

/// Of a DBX that is neither zero nor all ones, of a DBP that isn't zero.
constexpr Code code_of_plane(std::uint32_t dbx, int deltas) {
  std::uint32_t first = 0;
  while ((dbx >> first & 1) == 0)
    ++first;
  if (dbx == 3u << first) return followed_by(two_ones, first, position_bits);
  if (dbx == 1u << first) return followed_by(one_one, first, position_bits);
  return followed_by(raw_plane, dbx, deltas);
}

/// The codes of planes over 7 deltas, all but those of the last chunk.
constexpr std::array<Code, 128> make_whole_plane_codes() {
  std::array<Code, 128> codes{};
  for (std::uint32_t dbx = 1; dbx < codes.size(); ++dbx)
    codes[dbx] = code_of_plane(dbx, chunk_values - 1);
  return codes;
}
constexpr std::array<Code, 128> whole_plane_codes = make_whole_plane_codes();

/// Bits of the length of a run of zero DBX: the longest one has all B + 1 planes.
constexpr int zero_run_bits(int bits) {
  return bits == 8 ? 3 : 4;
}

/// The 8 x 8 bits whose rows are bytes, transposed.
constexpr std::uint64_t transpose_bits(std::uint64_t x) {
  std::uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
  return x ^ t ^ (t << 28);
}

/// Counts bits instead of writing them.
class BitCounter {
 public:
  void put(std::uint32_t, int count) { bits_ += static_cast<std::uint64_t>(count); }
  std::uint64_t bits() const { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};

template <class Sink, class Value>
void put_runs(const Value* values, std::int64_t count, Sink& out) {
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t most = std::min(longest_run, count - i);
    if (values[i] != 0) {
      std::int64_t run = 1;
      while (run < most && values[i + run] != 0)
        ++run;
      out.put((1u << run) - 1, static_cast<int>(run));
      i += run;
    } else {
      std::int64_t run = 1;
      while (run < most && values[i + run] == 0)
        ++run;
      out.put(static_cast<std::uint32_t>(run - 1) << 1, 1 + run_bits);
      i += run;
    }
  }
}

/// The deltas of a chunk as bit planes: bit i of plane p is bit p of delta i.
class Planes {
 public:
  void set_delta(std::int64_t i, std::uint32_t delta, int bits) {
    bytes_[0] |= std::uint64_t{delta & 0xff} << (8 * i);
    if (bits == 16) bytes_[1] |= std::uint64_t{delta >> 8 & 0xff} << (8 * i);
    top_ |= (delta >> bits & 1) << i;
  }
  std::uint32_t delta(std::int64_t i, int bits) const {
    std::uint32_t delta = bytes_[0] >> (8 * i) & 0xff;
    if (bits == 16) delta |= static_cast<std::uint32_t>(bytes_[1] >> (8 * i) & 0xff) << 8;
    return delta | (top_ >> i & 1) << bits;
  }
  /// Between deltas and planes, either way.
  void turn() {
    for (std::uint64_t& bytes : bytes_)
      bytes = transpose_bits(bytes);
  }
  std::uint32_t plane(int p, int bits) const {
    return p == bits ? top_ : static_cast<std::uint32_t>(bytes_[p / 8] >> (p % 8 * 8) & 0xff);
  }
  void set_plane(int p, std::uint32_t plane, int bits) {
    if (p == bits) {
      top_ = plane;
    } else {
      bytes_[p / 8] |= std::uint64_t{plane} << (p % 8 * 8);
    }
  }

 private:
  std::uint64_t bytes_[2] = {0, 0};
  std::uint32_t top_ = 0;
};

template <class Sink>
void put_zeros(int planes, int bits, Sink& out) {
  if (planes == 1) out.put(one_zero.bits, one_zero.length);
  if (planes < 2) return;
  const Code code = followed_by(zero_run, static_cast<std::uint32_t>(planes - 2), zero_run_bits(bits));
  out.put(code.bits, code.length);
}

/// `numbers` are 1 to 8 of the values that aren't zero.
template <int bits, class Sink>
void put_chunk(const std::int32_t* numbers, std::int64_t count, Sink& out) {
  out.put(static_cast<std::uint32_t>(numbers[0]) & all_of(bits), bits);
  const int deltas = static_cast<int>(count - 1);
  if (deltas == 0) return;
  Planes planes;
  for (int i = 0; i < deltas; ++i)
    planes.set_delta(i, static_cast<std::uint32_t>(numbers[i + 1] - numbers[i]), bits);
  planes.turn();
  int zeros = 0;
  std::uint32_t above = 0;
  for (int p = bits; p >= 0; --p) {
    const std::uint32_t dbp = planes.plane(p, bits);
    const std::uint32_t dbx = dbp ^ above;
    above = dbp;
    if (dbx == 0) {
      ++zeros;
      continue;
    }
    put_zeros(zeros, bits, out);
    zeros = 0;
    const Code code = dbx == all_of(deltas)        ? all_ones
                      : dbp == 0                   ? zero_dbp
                      : deltas == chunk_values - 1 ? whole_plane_codes[dbx]
                                                   : code_of_plane(dbx, deltas);
    out.put(code.bits, code.length);
  }
  put_zeros(zeros, bits, out);
}

template <class Sink, class Value>
void put_planes(const ValueFormat& format, const Value* values, std::int64_t count, Sink& out) {
  constexpr int bits = 8 * sizeof(Value);
  std::int32_t numbers[chunk_values + 1];
  for (std::int64_t i = 0; i < count;) {
    std::int64_t n = 0;
    for (; n < chunk_values && i < count; ++i) {
      // A zero is overwritten, not jumped over: zeros come in no order that could be predicted.
      numbers[n] = format.packed_value(values[i]);
      n += values[i] != 0;
    }
    if (n > 0) put_chunk<bits>(numbers, n, out);
  }
}

/// Sets each value to 1 or, in runs of zeros, to 0; returns how many are 1.
template <class Value>
std::int64_t get_runs(std::int64_t count, BitReader& in, Value* values) {
  std::int64_t non_zeros = 0;
  for (std::int64_t i = 0; i < count;) {
    const std::uint32_t next = in.peek();
    if (!in.has(1)) throw StreamError("the stream ends inside its runs of zeros", in.position());
    if ((next & 1) != 0) {
      values[i++] = 1;
      ++non_zeros;
      in.skip(1);
      continue;
    }
    if (!in.has(1 + run_bits)) throw StreamError("the stream ends inside its runs of zeros", in.position());
    const std::int64_t run = 1 + (next >> 1 & all_of(run_bits));
    if (run > count - i) throw StreamError("a run of zeros is longer than its block", in.position());
    std::fill(values + i, values + i + run, Value{0});
    i += run;
    in.skip(1 + run_bits);
  }
  return non_zeros;
}

/// Reads the planes over some deltas.
template <int bits>
Planes get_deltas(int deltas, BitReader& in) {
  Planes planes;
  std::uint32_t dbp = 0;
  for (int p = bits; p >= 0;) {
    const std::uint32_t next = in.peek();
    const auto take = [&](int length) {
      if (!in.has(static_cast<std::size_t>(length))) {
        throw StreamError("the stream ends inside a plane", in.position());
      }
      in.skip(static_cast<std::size_t>(length));
    };
    const auto position = [&](int ones) {
      const std::uint32_t first = next >> one_one.length & all_of(position_bits);
      if (static_cast<int>(first) + ones > deltas) {
        throw StreamError("a plane has a one behind its last delta", in.position());
      }
      return first;
    };
    if ((next & all_of(1)) == raw_plane.bits) {
      dbp ^= next >> raw_plane.length & all_of(deltas);
      take(raw_plane.length + deltas);
    } else if ((next & all_of(2)) == zero_run.bits) {
      const int run = 2 + static_cast<int>(next >> zero_run.length & all_of(zero_run_bits(bits)));
      if (run > p + 1)
        throw StreamError("a run of zero planes is longer than the planes left", in.position());
      take(zero_run.length + zero_run_bits(bits));
      for (int i = 1; i < run; ++i)
        planes.set_plane(p--, dbp, bits);
    } else if ((next & all_of(3)) == one_zero.bits) {
      take(one_zero.length);
    } else if ((next & all_of(5)) == all_ones.bits) {
      dbp ^= all_of(deltas);
      take(all_ones.length);
    } else if ((next & all_of(5)) == zero_dbp.bits) {
      dbp = 0;
      take(zero_dbp.length);
    } else if ((next & all_of(5)) == two_ones.bits) {
      dbp ^= 3u << position(2);
      take(two_ones.length + position_bits);
    } else {
      dbp ^= 1u << position(1);
      take(one_one.length + position_bits);
    }
    planes.set_plane(p--, dbp, bits);
  }
  planes.turn();
  return planes;
}

template <class Value>
void get_planes(const ValueFormat& format, std::int64_t non_zeros, BitReader& in, Value* values) {
  constexpr int bits = 8 * sizeof(Value);
  constexpr std::uint32_t sign = 1u << bits;  // of a delta
  for (std::int64_t at = 0; non_zeros > 0;) {
    const std::int64_t count = std::min(chunk_values, non_zeros);
    non_zeros -= count;
    Value* to[chunk_values + 1];
    for (std::int64_t n = 0; n < count; ++at) {
      to[n] = values + at;
      n += values[at];
    }
    const std::size_t position = in.position();
    if (!in.has(bits)) throw StreamError("the stream ends inside a base", position);
    std::int32_t number = format.packed_value(static_cast<std::uint16_t>(in.get(bits)));
    const Planes deltas = count > 1 ? get_deltas<bits>(static_cast<int>(count - 1), in) : Planes{};
    for (std::int64_t i = 0;; ++i) {
      const auto value = static_cast<Value>(number);
      if (value == 0 || format.packed_value(value) != number) {
        throw StreamError("a value that isn't zero is zero or leaves its " + std::to_string(bits) + " bits",
                          position);
      }
      *to[i] = value;
      if (i + 1 == count) break;
      number += static_cast<std::int32_t>((deltas.delta(i, bits) ^ sign) - sign);
    }
  }
}

class EbpcCodec final : public Codec {
 public:
  std::string_view name() const override { return "ebpc"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    return plan_blocks(input, {TensorMode::coded, input.values},
                       [&](const StreamRows& rows, const std::uint8_t* containers) {
                         BitCounter runs, planes;
                         visit_containers(input.values.bits, containers, [&](const auto* values) {
                           put_runs(values, rows.values(), runs);
                           put_planes(input.values, values, rows.values(), planes);
                         });
                         return BlockBits{runs.bits(), planes.bits()};
                       });
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    // A chunk needs one value only to take what a whole one may, and a zero alone more than a bit: so of the
    // values behind the last such value none is better than zero.
    const int chunk_bits = format.values.bits + (format.values.bits + 1) * chunk_values;
    const std::int64_t whole = (rows.values() - 1) / chunk_values * chunk_values;
    const std::int64_t zeros = rows.values() - 1 - whole;
    return static_cast<std::uint64_t>(whole + 1 + (whole / chunk_values + 1) * chunk_bits +
                                      zeros * (1 + run_bits));
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    visit_containers(format.values.bits, containers, [&](const auto* values) {
      put_runs(values, rows.values(), out);
      put_planes(format.values, values, rows.values(), out);
    });
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    visit_containers(format.values.bits, containers, [&](auto* values) {
      get_planes(format.values, get_runs(rows.values(), in, values), in, values);
    });
  }
};

}  // namespace

const Codec& ebpc_codec() {
  static const EbpcCodec codec;
  return codec;
}

}  // namespace dpred
