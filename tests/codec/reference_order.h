// What the tests of all streams share: the order of values written from docs/contracts.md one index at a
// time, bits one at a time, random tensors.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "models/codec/codec.h"
#include "tests/precision/reference.h"

namespace dpred::test::streams {

// --- The order of a tensor's values: blocks of rows of runs of indices into the tensor. ---

using Run = std::vector<std::size_t>;
using Row = std::vector<Run>;
using Block = std::vector<Row>;

inline std::vector<Block> activation_order(const Shape& shape, const StreamOptions& options) {
  const auto [N, C, H, W] = shape;
  std::vector<Block> blocks;
  for (std::int64_t slice = 0; slice < C; slice += options.slice_channels) {
    const std::int64_t channels = std::min(options.slice_channels, C - slice);
    std::int64_t held = options.block_values;  // a slice starts a block
    for (std::int64_t n = 0; n < N; ++n) {
      for (std::int64_t y = 0; y < H; ++y) {
        if (held >= options.block_values) {
          blocks.emplace_back();
          held = 0;
        }
        Row row;
        for (std::int64_t x = 0; x < W; ++x) {
          if (row.empty() || channels >= options.group) row.emplace_back();
          for (std::int64_t c = slice; c < slice + channels; ++c)
            row.back().push_back(static_cast<std::size_t>(((n * C + c) * H + y) * W + x));
        }
        blocks.back().push_back(row);
        held += W * channels;
      }
    }
  }
  return blocks;
}

inline std::vector<Block> weight_order(const Shape& shape, const StreamOptions& options) {
  const auto [K, C, R, S] = shape;
  std::vector<Block> blocks;
  for (std::int64_t k = 0; k < K; ++k) {
    if (k % options.block_filters == 0) blocks.emplace_back();
    Row row;
    for (std::int64_t r = 0; r < R; ++r) {
      for (std::int64_t s = 0; s < S; ++s) {
        if (row.empty() || C >= options.group) row.emplace_back();
        for (std::int64_t c = 0; c < C; ++c)
          row.back().push_back(static_cast<std::size_t>(((k * C + c) * R + r) * S + s));
      }
    }
    blocks.back().push_back(row);
  }
  return blocks;
}

inline std::vector<Block> depthwise_order(const Shape& shape) {
  const auto [K, one, R, S] = shape;
  std::vector<Block> blocks;
  for (std::int64_t r = 0; r < R; ++r) {
    for (std::int64_t s = 0; s < S; ++s) {
      Run run;
      for (std::int64_t k = 0; k < K; ++k)
        run.push_back(static_cast<std::size_t>((k * R + r) * S + s));
      blocks.push_back({{run}});
    }
  }
  return blocks;
}

inline std::vector<Block> reference_order(StreamRole role, const Shape& shape, const StreamOptions& options) {
  if (role == StreamRole::activation) return activation_order(shape, options);
  if (role == StreamRole::weight) return weight_order(shape, options);
  return depthwise_order(shape);
}

inline std::vector<Run> groups_of(const Run& run, std::int64_t group) {
  std::vector<Run> groups;
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (i % static_cast<std::size_t>(group) == 0) groups.emplace_back();
    groups.back().push_back(run[i]);
  }
  return groups;
}

struct Bits {
  std::vector<bool> bits;
  void put(std::int64_t value, int count) {
    for (int i = 0; i < count; ++i)
      bits.push_back((value >> i & 1) != 0);
  }
};

class BitSource {
 public:
  BitSource(const std::vector<std::uint8_t>& bytes, std::size_t bit) : bytes_(bytes), bit_(bit) {}
  std::optional<std::int64_t> get(int count) {
    std::int64_t value = 0;
    for (int i = 0; i < count; ++i, ++bit_) {
      if (bit_ / 8 >= bytes_.size()) return std::nullopt;
      if (bytes_[bit_ / 8] >> bit_ % 8 & 1) value += std::int64_t{1} << i;
    }
    return value;
  }
  std::size_t bit() const { return bit_; }

 private:
  const std::vector<std::uint8_t>& bytes_;
  std::size_t bit_;
};

// --- Cases. ---

struct Case {
  StreamRole role = StreamRole::activation;
  StreamOptions options;
  Tensor tensor;
  std::vector<Block> order;
};

inline Case draw_case(Rng& rng, std::int64_t size) {
  Case c;
  c.role = pick<StreamRole>(rng, {StreamRole::activation, StreamRole::activation, StreamRole::weight,
                                  StreamRole::depthwise_weight});
  c.options.group = pick<std::int64_t>(rng, {1, 2, 3, 4, 7, 8, 15, 16, 17, 32, 64, 255, 256});
  c.options.slice_channels = pick<std::int64_t>(rng, {1, 2, 3, 5, 8, 16, 17, 64});
  c.options.block_values = pick<std::int64_t>(rng, {1, 2, 5, 16, 30, 100, 1024});
  c.options.block_filters = pick<std::int64_t>(rng, {1, 2, 3, 16});
  // A few channels, and in a third of the cases enough for whole groups.
  const std::int64_t channels = draw(rng, 0, 2) == 0 ? draw(rng, 1, 4 * size) : draw(rng, 1, size);
  Shape shape{draw(rng, 1, 3), channels, draw(rng, 1, size / 2), draw(rng, 1, size / 2)};
  if (c.role == StreamRole::weight) shape[0] = draw(rng, 1, size);
  if (c.role == StreamRole::depthwise_weight) {
    shape[0] = channels * draw(rng, 1, 2);
    shape[1] = 1;
  }
  c.tensor = draw_tensor(rng, shape, draw_type(rng));
  c.order = reference_order(c.role, shape, c.options);
  return c;
}

inline std::string describe(const Case& c) {
  std::string text = "role " + std::to_string(static_cast<int>(c.role)) + " shape";
  for (const std::int64_t n : c.tensor.shape)
    text += " " + std::to_string(n);
  return text + " G " + std::to_string(c.options.group) + " slice " +
         std::to_string(c.options.slice_channels) + " block " + std::to_string(c.options.block_values) + "/" +
         std::to_string(c.options.block_filters) + " " + std::string(to_string(c.tensor.dtype)) +
         " zero point " + std::to_string(c.tensor.zero_point);
}

struct Encoded {
  StreamLayout layout;
  StreamPlan plan;
  EncodedTensor stream;
};

inline Encoded encode_case(const Codec& codec, const Case& c, const CodecOptions& options) {
  const ValueFormat format = profile_of(c.tensor).format;
  StreamLayout layout(c.role, c.tensor.shape, c.options);
  const WidthMap widths = WidthMap::of(c.tensor, format, layout, codec.sign_form(options));
  StreamPlan plan = codec.plan({layout, format, widths, options, &c.tensor});
  EncodedTensor stream = encode(codec, layout, plan, c.tensor);
  return {std::move(layout), std::move(plan), std::move(stream)};
}

/// What the library decodes into a tensor like `like`; nothing where it refuses the stream.
inline std::optional<std::vector<std::int32_t>> library_decode(const Codec& codec, const Case& c,
                                                               const StreamLayout& layout,
                                                               const StreamFormat& format,
                                                               const std::vector<std::uint8_t>& stream,
                                                               const std::vector<std::uint32_t>& table) {
  Tensor tensor = c.tensor;
  std::fill(tensor.data.begin(), tensor.data.end(), 0xa5);
  // A copy of the exact size, so that a sanitizer sees reads behind its end.
  const std::vector<std::uint8_t> exact(stream.begin(), stream.end());
  try {
    decode(codec, layout, format, exact, table, tensor);
  } catch (const StreamError& error) {
    if (std::string(error.what()).find("bit ") == std::string::npos) throw std::logic_error("no position");
    return std::nullopt;
  }
  if (tensor.data.size() != c.tensor.data.size()) throw std::logic_error("the tensor's size changed");
  return codes_of(tensor);
}

/// Calls visit(bytes, table) with a stream and its table damaged: every truncation, every flipped bit (of the
/// stream, the first 2000), and random bytes for the stream.
template <class Visit>
void visit_damages(const EncodedTensor& stream, Rng& rng, Visit&& visit) {
  using Bytes = std::vector<std::uint8_t>;
  for (std::size_t size = 0; size < stream.stream.size(); ++size) {
    visit(Bytes(stream.stream.begin(), stream.stream.begin() + static_cast<std::ptrdiff_t>(size)),
          stream.table);
  }
  for (std::size_t bit = 0; bit < std::min<std::size_t>(stream.stream.size() * 8, 2000); ++bit) {
    Bytes bytes = stream.stream;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
    visit(bytes, stream.table);
  }
  for (std::size_t bit = 0; bit < stream.table.size() * 32; ++bit) {
    std::vector<std::uint32_t> table = stream.table;
    table[bit / 32] ^= 1u << bit % 32;
    visit(stream.stream, table);
  }
  for (int i = 0; i < 50; ++i) {
    Bytes bytes(static_cast<std::size_t>(draw(rng, 0, 40)));
    for (std::uint8_t& byte : bytes)
      byte = static_cast<std::uint8_t>(rng() & rng());
    visit(bytes, stream.table);
  }
}

inline constexpr ZeroVector zero_vectors[] = {ZeroVector::automatic, ZeroVector::always, ZeroVector::never};

}  // namespace dpred::test::streams
