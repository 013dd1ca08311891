// A network as the accelerator sees it: layers that multiply, and the tensors they read and write.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/tensor.h"

namespace dpred {

/// Kinds of layers. All are convolutions to the array: fully connected, LSTM and attention layers have
/// H = W = R = S = 1 and N = tokens or steps.
enum class LayerOp : std::uint8_t { conv, dwconv, fc, lstm_x, lstm_h, matmul, matmul_qk, matmul_av };

std::string_view to_string(LayerOp op);

/// Output size of one axis: floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1, or 0 where the
/// kernel reaches past the padded input. `pads` is the sum of both sides.
constexpr std::int64_t output_extent(std::int64_t size, std::int64_t pads, std::int64_t kernel,
                                     std::int64_t dilation, std::int64_t stride) {
  const std::int64_t slack = size + pads - dilation * (kernel - 1) - 1;
  return slack < 0 ? 0 : slack / stride + 1;
}

/// Dimensions of a layer, in the field's usual letters.
struct LayerShape {
  std::int64_t N = 1;  ///< images, tokens or steps
  std::int64_t C = 1, H = 1, W = 1;
  std::int64_t K = 1, R = 1, S = 1;
  std::int64_t OH = 1, OW = 1;
  std::array<std::int64_t, 2> stride{1, 1};          ///< y, x
  std::array<std::int64_t, 2> dilation{1, 1};        ///< y, x
  std::array<std::int64_t, 4> pad_tblr{0, 0, 0, 0};  ///< zeros added at top, bottom, left, right
  std::int64_t groups = 1;                           ///< 1, a divisor of C and K, or C (depthwise)
  bool recurrent = false;  ///< step n+1 needs step n's result: steps cannot share a pallet

  bool depthwise() const { return groups == C && C > 1; }
  /// Output positions (n,oy,ox).
  std::int64_t windows() const { return N * OH * OW; }
  /// One window at a time: a recurrent layer's steps, or the one there is.
  bool single_window() const { return OH * OW == 1 && (recurrent || N == 1); }
  /// What tap (r,s) of a window reads: a row and a column of the input, or of its padding.
  std::int64_t input_row(std::int64_t oy, std::int64_t r) const {
    return oy * stride[0] + r * dilation[0] - pad_tblr[0];
  }
  std::int64_t input_column(std::int64_t ox, std::int64_t s) const {
    return ox * stride[1] + s * dilation[1] - pad_tblr[2];
  }
  std::int64_t channels_per_group() const { return C / groups; }
  std::int64_t filters_per_group() const { return K / groups; }
  std::int64_t macs() const { return N * K * OH * OW * R * S * channels_per_group(); }
  Shape input() const { return {N, C, H, W}; }
  Shape weight() const { return {K, channels_per_group(), R, S}; }
};

/// One layer: its shape and the keys of its tensors in Network::tensors.
struct Layer {
  std::string name;
  LayerOp op = LayerOp::conv;
  LayerShape shape;
  std::string input, weight;
  std::string output;         ///< empty: the result does not leave the chip
  std::string bias;           ///< key in Network::aux, or empty
  std::string weight_scales;  ///< key in Network::aux, or empty
  std::string fused_activation = "none";
  bool weight_is_activation = false;  ///< attention: the tensor in the weight role is made at run time
};

/// A vector that goes with a layer (bias, weight scales), widened to double: exact for int32.
struct Auxiliary {
  std::vector<double> values;
  bool integer = false;  ///< stored as int32: accumulator units of an int8 layer
};

/// Where a network's values come from. Every result names it.
enum class Provenance : std::uint8_t { real, profiled, synthetic };

std::string_view to_string(Provenance provenance);

struct WidthProfile;  // platform/width_profile.h

struct Network {
  std::string name;
  std::string source;  ///< free text from the manifest
  int bits = 8;
  Provenance provenance = Provenance::real;
  std::string hash;        ///< FNV-1a 64 of manifest and tensor files in order of key, 16 hex digits
  std::int64_t batch = 1;  ///< how often the recorded inputs are repeated, see workloads/batch.h
  std::vector<Layer> layers;
  std::map<std::string, Tensor> tensors;
  std::map<std::string, Auxiliary> aux;
  /// Tensors that the host reads or makes between the layers: those that the manifest's `graph` mentions.
  /// None: the manifest doesn't say.
  std::optional<std::set<std::string>> host_tensors;
  /// Where tensors have no values (`data` is empty): what is known of them instead. Else null.
  std::shared_ptr<const WidthProfile> profile;

  const Tensor& tensor(const std::string& key) const { return tensors.at(key); }
};

}  // namespace dpred
