// Sizes of the dpred stream on real values for every option, against loops that are written from
// docs/contracts.md and share nothing with the library.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "models/codec/registry.h"
#include "tests/precision/reference.h"
#include "tests/support/traces.h"
#include "workloads/trace_set.h"

namespace {

using namespace dpred;
using namespace dpred::test;

struct Sizes {
  std::uint64_t metadata = 0, payload = 0, pointers = 0, padding = 0;
  std::uint64_t total() const { return metadata + payload + pointers + padding; }
};

/// Sizes of one way to code groups: form of sign, rounding of widths, zero vector or none.
struct Coded {
  SignForm sign;
  WidthRounding rounding;
  bool zero_vector;
  Sizes sizes;
  std::uint64_t block_bits = 0;

  void group(const std::vector<std::int32_t>& values, int bits, bool is_signed) {
    int width = 1;
    std::uint64_t stored = 0;
    for (const std::int32_t v : values) {
      int needed = 1;
      if (sign == SignForm::sign_magnitude && is_signed) {
        std::int32_t size = v < 0 ? -v : v;
        if (v == -(1 << (bits - 1))) size = 0;
        while (size >> (needed - 1) != 0)
          ++needed;  // bits of the magnitude, and the sign
      } else if (is_signed) {
        while (v < -(1 << (needed - 1)) || v >= 1 << (needed - 1))
          ++needed;
      } else {
        while (v >= 1 << needed)
          ++needed;
      }
      width = std::max(width, needed);
      stored += !zero_vector || v != 0;
    }
    if (rounding == WidthRounding::even) width += width % 2;
    if (rounding == WidthRounding::pow2) {
      while ((width & (width - 1)) != 0)
        ++width;
    }
    width = std::min(width, bits);
    const std::uint64_t metadata = (bits == 8 ? 3 : 4) + (zero_vector ? values.size() : 0);
    const std::uint64_t payload = stored * static_cast<std::uint64_t>(width);
    sizes.metadata += metadata;
    sizes.payload += payload;
    block_bits += metadata + payload;
  }
  void end_block() {
    sizes.pointers += 32;
    while (block_bits % 8 != 0) {
      ++block_bits;
      ++sizes.padding;
    }
    block_bits = 0;
  }
};

/// Feeds every group of a tensor to every way to code it.
class Walk {
 public:
  Walk(const Tensor& tensor, std::int64_t group) : tensor_(tensor), group_(group) {
    for (const SignForm sign : {SignForm::twos_complement, SignForm::sign_magnitude}) {
      for (const WidthRounding rounding : {WidthRounding::any, WidthRounding::even, WidthRounding::pow2}) {
        for (const bool zero_vector : {false, true})
          coded.push_back({sign, rounding, zero_vector, {}, 0});
      }
    }
    tensor.visit([&](const auto* codes) {
      for (std::int64_t i = 0; i < tensor.values(); ++i)
        is_signed_ = is_signed_ || codes[i] < tensor.zero_point;
    });
  }

  void activations() {
    const auto [N, C, H, W] = tensor_.shape;
    for (std::int64_t slice = 0; slice < C; slice += 64) {
      const std::int64_t end = std::min<std::int64_t>(slice + 64, C);
      std::int64_t held = 0;
      for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t y = 0; y < H; ++y) {
          for (std::int64_t x = 0; x < W; ++x) {
            for (std::int64_t c = slice; c < end; ++c)
              value(((n * C + c) * H + y) * W + x);
            if (end - slice >= group_) end_run();
          }
          end_run();
          held += W * (end - slice);
          if (held < 1024) continue;
          end_block();
          held = 0;
        }
      }
      if (held > 0) end_block();
    }
  }

  void weights() {
    const auto [K, C, R, S] = tensor_.shape;
    for (std::int64_t k = 0; k < K; ++k) {
      for (std::int64_t tap = 0; tap < R * S; ++tap) {
        for (std::int64_t c = 0; c < C; ++c)
          value((k * C + c) * R * S + tap);
        if (C >= group_) end_run();
      }
      end_run();
      if ((k + 1) % 16 == 0 || k + 1 == K) end_block();
    }
  }

  void depthwise_weights() {
    const auto [K, one, R, S] = tensor_.shape;
    for (std::int64_t tap = 0; tap < R * S; ++tap) {
      for (std::int64_t k = 0; k < K; ++k)
        value(k * R * S + tap);
      end_run();
      end_block();
    }
  }

  std::vector<Coded> coded;

 private:
  void value(std::int64_t index) {
    const std::int64_t code = tensor_.visit([&](const auto* codes) { return std::int64_t{codes[index]}; });
    const std::int64_t modulus = std::int64_t{1} << tensor_.bits;
    std::int64_t v = (code - tensor_.zero_point + 2 * modulus) % modulus;
    if (is_signed_ && v >= modulus / 2) v -= modulus;
    values_.push_back(static_cast<std::int32_t>(v));
    if (static_cast<std::int64_t>(values_.size()) == group_) end_run();
  }
  void end_run() {
    if (values_.empty()) return;
    for (Coded& c : coded)
      c.group(values_, tensor_.bits, is_signed_);
    values_.clear();
  }
  void end_block() {
    for (Coded& c : coded)
      c.end_block();
  }

  const Tensor& tensor_;
  std::int64_t group_;
  bool is_signed_ = false;
  std::vector<std::int32_t> values_;
};

void compare_sizes(const Network& network, std::int64_t group) {
  std::set<std::string> seen;
  std::int64_t wrong = 0;
  const auto compare = [&](const std::string& key, StreamRole role) {
    if (!seen.insert(key).second) return;
    const Tensor& tensor = network.tensor(key);
    Walk walk(tensor, group);
    if (role == StreamRole::activation) walk.activations();
    if (role == StreamRole::weight) walk.weights();
    if (role == StreamRole::depthwise_weight) walk.depthwise_weights();
    StreamOptions options;
    options.group = group;
    const StreamLayout layout(role, tensor.shape, options);
    const ValueFormat format = profile_of(tensor).format;
    for (const Coded& without : walk.coded) {
      if (without.zero_vector) continue;
      const Sizes& with = (&without + 1)->sizes;  // the next entry, of the same options
      const WidthMap widths = WidthMap::of(tensor, format, layout, without.sign);
      for (const ZeroVector mode : {ZeroVector::automatic, ZeroVector::always, ZeroVector::never}) {
        Sizes raw;
        raw.payload = static_cast<std::uint64_t>(tensor.raw_bits());
        Sizes expected = mode == ZeroVector::never ? without.sizes : with;
        if (mode == ZeroVector::automatic) {
          expected = raw;
          if (without.sizes.total() < expected.total()) expected = without.sizes;
          if (with.total() < expected.total()) expected = with;
        }
        const StreamSizes sizes =
            dpred_codec().plan({layout, format, widths, {mode, without.sign, without.rounding}}).sizes;
        wrong += sizes.metadata_bits != expected.metadata || sizes.payload_bits != expected.payload ||
                 sizes.pointer_bits != expected.pointers || sizes.padding_bits != expected.padding;
      }
    }
  };
  for (const Layer& layer : network.layers) {
    compare(layer.input, StreamRole::activation);
    const bool depthwise = layer.shape.groups == layer.shape.C && layer.shape.C > 1;
    compare(layer.weight, depthwise ? StreamRole::depthwise_weight : StreamRole::weight);
  }
  REQUIRE(wrong == 0);
}

void compare_sets(const std::vector<std::string>& names) {
  const auto folder = require_traces();
  if (!folder) return;
  for (const std::string& name : names) {
    const Network network = read_trace_set(*folder / name);
    for (const std::int64_t group : {3, 8, 16, 64, 256}) {
      INFO(name << ", group " << group);
      compare_sizes(network, group);
    }
  }
}

}  // namespace

TEST_CASE("sizes of real tensors for every group size, mode, sign and rounding", "[traces]") {
  compare_sets({"mlperf_resnet8_int8", "mlperf_resnet8_fix16", "mlperf_kws_int8", "mlperf_ad01_int8",
                "mnist_lstm_int8"});
}

TEST_CASE("sizes of the large real sets for every group size, mode, sign and rounding", "[traces][.long]") {
  compare_sets({"mobilenet_v1_075_int8", "squeezenet_pruned_fix16p10", "use_lite_int8"});
}
