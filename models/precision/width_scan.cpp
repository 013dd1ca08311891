#include "models/precision/width_scan.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "models/precision/width.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// Channel c of item n is the `positions` codes from codes + n * item_stride + c * positions on.
template <class Code>
struct ChannelPlanes {
  const Code* codes;
  std::int64_t items, item_stride, channels, positions;
};

template <class Code>
void scan_plain(const ChannelPlanes<Code>& planes, std::int64_t lanes, const ValueFormat format,
                ScanValues values, std::int64_t stride, std::uint8_t* widths, std::uint16_t* non_zeros) {
  const auto positions = static_cast<std::size_t>(planes.positions);
  std::vector<std::uint32_t> bits(positions);
  std::vector<std::uint16_t> counts(positions);
  const auto add_plane = [&](const Code* plane, auto value_of) {
    for (std::size_t i = 0; i < positions; ++i) {
      const std::int32_t value = value_of(plane[i]);
      bits[i] |= folded(value);
      counts[i] = static_cast<std::uint16_t>(counts[i] + (value != 0));
    }
  };
  for (std::int64_t item = 0; item < planes.items; ++item) {
    const std::int64_t first = item * planes.positions * stride;
    for (std::int64_t brick = 0; brick * lanes < planes.channels; ++brick) {
      std::fill(bits.begin(), bits.end(), 0u);
      std::fill(counts.begin(), counts.end(), std::uint16_t{0});
      const std::int64_t end = std::min((brick + 1) * lanes, planes.channels);
      for (std::int64_t c = brick * lanes; c < end; ++c) {
        const Code* plane = planes.codes + item * planes.item_stride + c * planes.positions;
        if (values == ScanValues::centred) {
          add_plane(plane, [format](Code code) { return std::int32_t{code} - format.zero_point; });
        } else {
          add_plane(plane, [format](Code code) { return format.packed_value(format.container(code)); });
        }
      }
      for (std::size_t i = 0; i < positions; ++i) {
        const std::int64_t at = first + static_cast<std::int64_t>(i) * stride + brick;
        widths[at] = static_cast<std::uint8_t>(width_of_folded(bits[i], format.is_signed));
        if (non_zeros != nullptr) non_zeros[at] = counts[i];
      }
    }
  }
}

/// Inlined, so that it is compiled for the target of the function that calls it.
template <class Code>
[[gnu::always_inline]] inline CodeExtremes extremes_of(const Code* codes, std::int64_t count) {
  Code low = codes[0], high = codes[0];
  for (std::int64_t i = 1; i < count; ++i) {  // unlike std::minmax_element, this vectorises
    low = std::min(low, codes[i]);
    high = std::max(high, codes[i]);
  }
  return {low, high};
}

template <class Code>
CodeExtremes extremes_plain(const Code* codes, std::int64_t count) {
  return extremes_of(codes, count);
}

#ifdef __x86_64__

// A function that the compiler may use AVX2 in. Inlining stops where targets differ, so all of them are.
#define DPRED_AVX2 __attribute__((target("avx2")))

/// Vectors of an AVX2 and of an SSE2 register.
template <class Lane>
struct Vectors {
  typedef Lane Wide __attribute__((vector_size(32)));  // "using" would lose the attribute
  typedef Lane Narrow __attribute__((vector_size(16)));
};

template <class Vector>
DPRED_AVX2 inline Vector load(const void* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

/// The scan in lanes of the code's own width. The folded centred value fits one although the centred value
/// may not: it is d = code - zero_point modulo 2^B if code >= zero_point, and ~d below. The folded container
/// code of a signed tensor is ~d where d is negative as a lane (`wrapped`); in an unsigned tensor container
/// codes are centred values.
template <class Code, bool wrapped, bool counting>
class VectorScan {
 public:
  DPRED_AVX2 VectorScan(std::int32_t zero_point, bool is_signed)
      : zero_(static_cast<Code>(zero_point)), is_signed_(is_signed) {}

  DPRED_AVX2 void run(ChannelPlanes<Code> planes, std::int64_t lanes, std::int64_t stride,
                      std::uint8_t* widths, std::uint16_t* non_zeros) {
    const std::int64_t bricks = divide_up(planes.channels, lanes);
    const bool dense = planes.positions == 1 && planes.item_stride == planes.channels && stride == bricks;
    if (dense && planes.channels % lanes == 0) {  // one long row of bricks
      planes = {planes.codes, 1, 0, planes.items * planes.channels, 1};
    }
    end_ = planes.codes + (planes.items - 1) * planes.item_stride + planes.channels * planes.positions;
    for (std::int64_t item = 0; item < planes.items; ++item) {
      const Code* codes = planes.codes + item * planes.item_stride;
      const std::int64_t at = item * planes.positions * stride;
      std::uint16_t* counts = counting ? non_zeros + at : nullptr;
      if (planes.positions == 1) {
        row(codes, planes.channels, lanes, widths + at, counts);
      } else {
        stack(codes, planes.channels, planes.positions, lanes, stride, widths + at, counts);
      }
    }
  }

 private:
  using Lane = std::make_unsigned_t<Code>;
  using Wide = typename Vectors<Code>::Wide;
  using Narrow = typename Vectors<Code>::Narrow;
  using WideBits = typename Vectors<Lane>::Wide;
  using NarrowBits = typename Vectors<Lane>::Narrow;
  static constexpr std::int64_t lanes_wide = sizeof(Wide) / sizeof(Code);
  static constexpr std::int64_t lanes_narrow = sizeof(Narrow) / sizeof(Code);
  static constexpr std::int64_t tile = 2048;  ///< positions, or bricks of a row, that are taken at once

  /// ORs and counts of as many bricks as `Vector` has lanes, or partial ones of one brick.
  template <class Vector, class Unsigned>
  DPRED_AVX2 void add(const Vector codes, Unsigned& bits, Unsigned& counts) const {
    const Vector zero = Vector{} + zero_;
    const Unsigned difference = reinterpret_cast<Unsigned>(codes) - reinterpret_cast<Unsigned>(zero);
    if constexpr (wrapped) {
      using Signed = decltype(difference < difference);
      bits |= difference ^ reinterpret_cast<Unsigned>(reinterpret_cast<Signed>(difference) < Signed{});
    } else {
      bits |= difference ^ reinterpret_cast<Unsigned>(codes < zero);
    }
    if constexpr (counting) counts -= reinterpret_cast<Unsigned>(codes != zero);
  }

  /// Planes of at least two positions: a lane is a position.
  [[gnu::noinline]] DPRED_AVX2 void stack(const Code* codes, std::int64_t channels, std::int64_t positions,
                                          std::int64_t lanes, std::int64_t stride, std::uint8_t* widths,
                                          std::uint16_t* non_zeros) {
    const std::int64_t bricks = divide_up(channels, lanes);
    for (std::int64_t first = 0; first < positions; first += tile) {
      const std::int64_t count = std::min(tile, positions - first);
      const std::int64_t batch = 4 * tile / count;
      for (std::int64_t brick = 0; brick < bricks; brick += batch) {
        const std::int64_t stop = std::min(brick + batch, bricks);
        std::int64_t at = 0;
        for (std::int64_t b = brick; b < stop; ++b, at += count) {
          const std::int64_t c = b * lanes;
          one_brick(codes + c * positions + first, std::min(lanes, channels - c), positions, count, at);
        }
        find_widths(at);
        const std::int64_t to = first * stride + brick;
        spread<std::uint32_t>(widths_, stop - brick, count, widths + to, stride);
        if constexpr (counting) spread<std::uint64_t>(counts_, stop - brick, count, non_zeros + to, stride);
      }
    }
  }

  /// Copies from[b * count + i] to to[i * stride + b], four bricks at once (a `Quad`) where there are as
  /// many.
  template <class Quad, class From, class To>
  DPRED_AVX2 static void spread(const From* from, std::int64_t bricks, std::int64_t count, To* to,
                                std::int64_t stride) {
    static_assert(sizeof(Quad) == 4 * sizeof(To));
    constexpr int bits = 8 * sizeof(To);
    Quad quads[tile];
    std::int64_t b = 0;
    for (; b + 4 <= bricks; b += 4, from += 4 * count) {
      for (std::int64_t i = 0; i < count; ++i) {
        quads[i] = from[i] | Quad{from[count + i]} << bits | Quad{from[2 * count + i]} << 2 * bits |
                   Quad{from[3 * count + i]} << 3 * bits;
      }
      for (std::int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * stride + b, &quads[i], sizeof(Quad));
    }
    for (; b < bricks; ++b, from += count) {
      for (std::int64_t i = 0; i < count; ++i)
        to[i * stride + b] = from[i];
    }
  }

  /// ORs `channels` planes from `codes` on into bits_[at...]. The last vector goes back where there are
  /// codes to go back to, else beyond the plane; what it writes beyond, the next brick overwrites.
  DPRED_AVX2 void one_brick(const Code* codes, std::int64_t channels, std::int64_t plane, std::int64_t count,
                            std::int64_t at) {
    std::int64_t i = 0;
    for (; i + 8 * lanes_wide <= count; i += 8 * lanes_wide)
      columns<8>(codes + i, channels, plane, at + i);
    for (; i + 2 * lanes_wide <= count; i += 2 * lanes_wide)
      columns<2>(codes + i, channels, plane, at + i);
    for (; i + lanes_wide <= count; i += lanes_wide)
      columns<1>(codes + i, channels, plane, at + i);
    if (i == count) return;
    if (count >= lanes_wide) {
      columns<1>(codes + count - lanes_wide, channels, plane, at + count - lanes_wide);
      return;
    }
    if (codes + (channels - 1) * plane + lanes_wide <= end_) return columns<1>(codes, channels, plane, at);
    WideBits bits{}, counts{};  // of the tensor's last planes
    for (std::int64_t c = 0; c < channels; ++c, codes += plane) {
      Code copy[lanes_wide] = {};
      std::copy_n(codes, count, copy);
      add(load<Wide>(copy), bits, counts);
    }
    store(bits, counts, at);
  }

  template <int vectors>
  DPRED_AVX2 void columns(const Code* codes, std::int64_t channels, std::int64_t plane, std::int64_t at) {
    WideBits bits[vectors] = {}, counts[vectors] = {};
    for (std::int64_t c = 0; c < channels; ++c, codes += plane) {
      for (int v = 0; v < vectors; ++v)
        add(load<Wide>(codes + v * lanes_wide), bits[v], counts[v]);
    }
    for (int v = 0; v < vectors; ++v)
      store(bits[v], counts[v], at + v * lanes_wide);
  }

  DPRED_AVX2 void store(const WideBits& bits, const WideBits& counts, std::int64_t at) {
    std::memcpy(bits_ + at, &bits, sizeof bits);
    if constexpr (counting) std::memcpy(counts_ + at, &counts, sizeof counts);
  }

  /// What the values of a brick that lie side by side come to; the OR and the sum of a brick's lanes are
  /// those of its values.
  struct Brick {
    NarrowBits bits, counts;
  };

  /// Planes of one position.
  [[gnu::noinline]] DPRED_AVX2 void row(const Code* codes, std::int64_t channels, std::int64_t lanes,
                                        std::uint8_t* widths, std::uint16_t* non_zeros) {
    const std::int64_t bricks = divide_up(channels, lanes);
    const std::int64_t smooth = lanes % lanes_narrow == 0 ? channels / lanes : 0;  // without a rest
    for (std::int64_t first = 0; first < bricks; first += tile) {
      const std::int64_t count = std::min(tile, bricks - first);
      std::int64_t b = 0;
      for (; b < count && first + b + 4 <= smooth; b += 4) {
        const Code* from = codes + (first + b) * lanes;
        join(smooth_brick(from, lanes), smooth_brick(from + lanes, lanes),
             smooth_brick(from + 2 * lanes, lanes), smooth_brick(from + 3 * lanes, lanes), b);
      }
      const Brick none{};
      for (; b < count; ++b) {
        const std::int64_t c = (first + b) * lanes;
        join(rough_brick(codes + c, std::min(lanes, channels - c)), none, none, none, b);
      }
      find_widths(count);
      std::copy_n(widths_, count, widths + first);
      if constexpr (counting) std::copy_n(counts_, count, non_zeros + first);
    }
  }

  /// `count` is a multiple of lanes_narrow.
  DPRED_AVX2 Brick smooth_brick(const Code* codes, std::int64_t count) const {
    Brick brick{};
    for (std::int64_t i = 0; i < count; i += lanes_narrow)
      add(load<Narrow>(codes + i), brick.bits, brick.counts);
    return brick;
  }

  DPRED_AVX2 Brick rough_brick(const Code* codes, std::int64_t count) const {
    const std::int64_t whole = count / lanes_narrow * lanes_narrow;
    Brick brick = smooth_brick(codes, whole);
    Code rest[lanes_narrow];
    std::fill_n(rest, lanes_narrow, zero_);
    std::copy(codes + whole, codes + count, rest);
    add(load<Narrow>(rest), brick.bits, brick.counts);
    return brick;
  }

  /// Stores the ORs and counts of four bricks.
  DPRED_AVX2 void join(const Brick& a, const Brick& b, const Brick& c, const Brick& d, std::int64_t at) {
    store_joined<false>(a.bits, b.bits, c.bits, d.bits, bits_ + at);
    if constexpr (counting) store_joined<true>(a.counts, b.counts, c.counts, d.counts, counts_ + at);
  }

  using Halves = std::uint64_t __attribute__((vector_size(16)));
  using Quarters = std::uint32_t __attribute__((vector_size(16)));

  template <bool sum>
  DPRED_AVX2 static Quarters joined_pair(const NarrowBits& a, const NarrowBits& b) {
    const auto x = reinterpret_cast<Halves>(a), y = reinterpret_cast<Halves>(b);
    const Halves low = __builtin_shufflevector(x, y, 0, 2), high = __builtin_shufflevector(x, y, 1, 3);
    return reinterpret_cast<Quarters>(sum ? low + high : low | high);
  }

  template <bool sum>
  DPRED_AVX2 static void store_joined(const NarrowBits& a, const NarrowBits& b, const NarrowBits& c,
                                      const NarrowBits& d, Lane* to) {
    const Quarters ab = joined_pair<sum>(a, b), cd = joined_pair<sum>(c, d);
    const Quarters even = __builtin_shufflevector(ab, cd, 0, 2, 4, 6);
    const Quarters odd = __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
    Quarters joined = sum ? even + odd : even | odd;
    joined = sum ? joined + (joined >> 16) : joined | joined >> 16;
    if (sizeof(Code) == 1) joined = sum ? joined + (joined >> 8) : joined | joined >> 8;
    for (int k = 0; k < 4; ++k)
      to[k] = static_cast<Lane>(joined[k]);
  }

  /// Widths of the first `count` of bits_. The exponent of a float is its bit length.
  DPRED_AVX2 void find_widths(std::int64_t count) {
    constexpr std::int32_t mantissa_bits = 23, bias = 126;
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = bits_[i];
      std::int32_t pattern;
      std::memcpy(&pattern, &value, sizeof pattern);
      const std::int32_t length = std::max((pattern >> mantissa_bits) - bias, 0) + is_signed_;
      widths_[i] = static_cast<std::uint8_t>(std::max(length, 1));
    }
  }

  Code zero_;
  std::int32_t is_signed_;
  const Code* end_ = nullptr;  ///< of what may be read
  Lane bits_[4 * tile + lanes_wide];
  Lane counts_[counting ? 4 * tile + lanes_wide : 1];
  std::uint8_t widths_[4 * tile];
};

template <class Code>
DPRED_AVX2 CodeExtremes extremes_avx2(const Code* codes, std::int64_t count) {
  return extremes_of(codes, count);
}

template <class Code, bool wrapped, bool counting>
DPRED_AVX2 void run_avx2(const ChannelPlanes<Code>& planes, std::int64_t lanes, const ValueFormat& format,
                         std::int64_t stride, std::uint8_t* widths, std::uint16_t* non_zeros) {
  VectorScan<Code, wrapped, counting> scan(format.zero_point, format.is_signed);
  scan.run(planes, lanes, stride, widths, non_zeros);
}

template <class Code>
void scan_avx2(const ChannelPlanes<Code>& planes, std::int64_t lanes, const ValueFormat& format,
               ScanValues values, std::int64_t stride, std::uint8_t* widths, std::uint16_t* non_zeros) {
  const bool wrapped = values == ScanValues::container && format.is_signed;
  const bool counting = non_zeros != nullptr;
  const auto run = wrapped    ? counting ? run_avx2<Code, true, true> : run_avx2<Code, true, false>
                      : counting ? run_avx2<Code, false, true>
                              : run_avx2<Code, false, false>;
  run(planes, lanes, format, stride, widths, non_zeros);
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2");
}

#endif

}  // namespace

void scan_bricks(const Tensor& tensor, ScanChannels channels, std::int64_t lanes, const ValueFormat& format,
                 ScanValues values, std::int64_t stride, std::uint8_t* widths, std::uint16_t* non_zeros,
                 ScanPath path) {
  const std::int64_t positions = tensor.shape[2] * tensor.shape[3];
  tensor.visit([&](const auto* codes) {
    const ChannelPlanes<std::decay_t<decltype(*codes)>> planes{codes + channels.first * positions,
                                                               tensor.shape[0], tensor.shape[1] * positions,
                                                               channels.count, positions};
#ifdef __x86_64__
    // A count of non-zeros must fit a lane.
    const bool fits = non_zeros == nullptr || lanes >> (8 * bytes_of(tensor.dtype)) == 0;
    if (path == ScanPath::fastest && has_avx2() && fits)
      return scan_avx2(planes, lanes, format, values, stride, widths, non_zeros);
#endif
    scan_plain(planes, lanes, format, values, stride, widths, non_zeros);
  });
}

CodeExtremes scan_extremes(const Tensor& tensor, ScanPath path) {
  return tensor.visit([&](const auto* codes) {
#ifdef __x86_64__
    if (path == ScanPath::fastest && has_avx2()) return extremes_avx2(codes, tensor.values());
#endif
    return extremes_plain(codes, tensor.values());
  });
}

}  // namespace dpred
