#include "workloads/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

/// Product of positive factors, or nothing where it does not fit 63 bits.
std::optional<std::int64_t> product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  }
  return result;
}

template <class Map>
std::vector<std::string> some_keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& item : map) {
    if (keys.size() == most_suggestions) break;
    keys.push_back(item.first);
  }
  return keys;
}

/// An array of exactly `n` integers.
template <std::size_t n>
std::array<std::int64_t, n> integers(const JsonField& field, std::int64_t low) {
  const std::vector<JsonField> elements = field.elements();
  if (elements.size() != n) field.fail(fmt::format("must have {} elements, not {}", n, elements.size()));
  std::array<std::int64_t, n> values;
  for (std::size_t i = 0; i < n; ++i)
    values[i] = elements[i].integer(low, largest_dimension);
  return values;
}

}  // namespace

std::string shape_text(const Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ","));
}

std::array<std::int64_t, 2> two_integers(const JsonField& field, std::int64_t low) {
  return integers<2>(field, low);
}

std::int64_t one_integer(const JsonField& field, std::int64_t low) {
  return integers<1>(field, low)[0];
}

int read_bits(const JsonField& field) {
  const auto bits = static_cast<int>(field.integer(1, 64));
  if (bits != 8 && bits != 16) field.fail(fmt::format("must be 8 or 16, not {}", bits));
  return bits;
}

TensorEntry read_tensor(const JsonField& field, const std::string& key, int network_bits) {
  TensorEntry entry;
  Tensor& tensor = entry.tensor;
  tensor.key = key;
  tensor.bits = network_bits;
  tensor.shape = integers<4>(field.member("shape"), 1);

  const JsonField dtype = field.member("dtype");
  tensor.dtype = static_cast<DType>(dtype.choice({"int8", "uint8", "int16", "uint16"}));
  const auto bytes = static_cast<std::int64_t>(bytes_of(tensor.dtype));
  const auto& s = tensor.shape;
  if (!product({s[0], s[1], s[2], s[3], 8 * bytes})) {
    field.member("shape").fail(shape_text(s) + " has too many values");
  }
  entry.is_weight = field.member("kind").choice({"act", "wgt"}) == 1;

  if (8 * bytes != network_bits) {
    dtype.fail(fmt::format("{} does not have the network's {} bits", to_string(tensor.dtype), network_bits));
  }
  const std::int64_t codes = std::int64_t{1} << network_bits;
  const std::int64_t lowest = is_signed_type(tensor.dtype) ? -codes / 2 : 0;
  tensor.zero_point =
      static_cast<std::int32_t>(field.member("zero_point").integer(lowest, lowest + codes - 1));
  return entry;
}

namespace {

/// Checks what the dimensions of a layer say of each other.
void check_dimensions(const JsonField& field, const Layer& layer) {
  const LayerShape& s = layer.shape;
  if (layer.op != LayerOp::conv && layer.op != LayerOp::dwconv) {
    for (const auto& [key, value] : {std::pair{"H", s.H}, {"W", s.W}, {"R", s.R}, {"S", s.S}}) {
      if (value != 1)
        field.member(key).fail(
            fmt::format("must be 1 in a layer of op {}, not {}", to_string(layer.op), value));
    }
  }
  for (const auto& [key, value] : {std::pair{"C", s.C}, {"K", s.K}}) {
    if (value % s.groups != 0)
      field.member("groups").fail(fmt::format("{} does not divide {} = {}", s.groups, key, value));
  }
  const std::vector<JsonField> pads = field.member("pad_tblr").elements();
  for (std::size_t i = 0; i < 4; ++i) {
    // Padding makes work without values in a file, so it needs a bound of its own.
    const std::int64_t most = std::max<std::int64_t>(i < 2 ? s.R : s.S, 256);
    if (s.pad_tblr[i] > most) pads[i].fail(fmt::format("a pad of {} is larger than {}", s.pad_tblr[i], most));
  }
  const auto check_output = [&](const char* key, std::int64_t given, std::int64_t computed) {
    if (computed == 0) field.member(key).fail("the kernel is larger than the padded input");
    if (given != computed)
      field.member(key).fail(fmt::format("{}, but the other dimensions give {}", given, computed));
  };
  check_output("OH", s.OH,
               output_extent(s.H, s.pad_tblr[0] + s.pad_tblr[1], s.R, s.dilation[0], s.stride[0]));
  check_output("OW", s.OW,
               output_extent(s.W, s.pad_tblr[2] + s.pad_tblr[3], s.S, s.dilation[1], s.stride[1]));
  // Output positions cost time and memory without being in a file, where the output stays on the chip.
  constexpr std::int64_t most_rows = std::int64_t{1} << 22;
  constexpr std::int64_t most_positions = std::int64_t{1} << 26;
  if (s.N > most_rows / s.OH) {
    field.fail(fmt::format("N * OH = {} * {} output rows are more than {}", s.N, s.OH, most_rows));
  }
  if (s.N * s.OH > most_positions / s.OW) {
    field.fail(fmt::format("N * OH * OW = {} * {} * {} output positions are more than {}", s.N, s.OH, s.OW,
                           most_positions));
  }
  if (s.recurrent && (s.OH != 1 || s.OW != 1)) {
    field.member("recurrent")
        .fail(fmt::format("a recurrent layer has OH = OW = 1, not {} and {}", s.OH, s.OW));
  }
  if (layer.op == LayerOp::lstm_h && s.K % 4 != 0) {
    field.member("K").fail(fmt::format("{} is not a multiple of the four gates of lstm_h", s.K));
  }
  const auto macs = product({s.N, s.K, s.OH, s.OW, s.R, s.S, s.channels_per_group()});
  if (!macs) field.fail("the number of multiplications does not fit 63 bits");
  if (const auto given = field.optional_member("macs")) {
    if (given->integer(0) != *macs)
      given->fail(fmt::format("{}, but the dimensions give {}", given->integer(0), *macs));
  }
}

/// Key of a layer's tensor, which must be of the given shape.
const TensorEntry& layer_tensor(const JsonField& field, const Entries& entries, const Shape& shape,
                                std::string_view dimensions) {
  const auto found = entries.tensors.find(field.text());
  if (found == entries.tensors.end()) {
    field.fail("no tensor " + quote(field.text()) + suggestion(field.text(), some_keys(entries.tensors)));
  }
  const TensorEntry& entry = found->second;
  if (entry.tensor.shape != shape) {
    field.fail(fmt::format("tensor {} has shape {}, the layer needs {} = {}", quote(found->first),
                           shape_text(entry.tensor.shape), dimensions, shape_text(shape)));
  }
  return entry;
}

void check_kind(const JsonField& field, const TensorEntry& entry, bool is_weight) {
  if (entry.is_weight == is_weight) return;
  const auto name = [](bool weight) { return weight ? "wgt" : "act"; };
  field.fail(fmt::format("tensor {} is of kind {}, not {}", quote(entry.tensor.key), name(entry.is_weight),
                         name(is_weight)));
}

/// Key of a layer's vector of K values (or one, where `may_be_single`); empty where the layer has none.
std::string layer_vector(const JsonField& layer, const std::string& key, const Entries& entries,
                         std::int64_t K, bool may_be_single) {
  const auto field = layer.optional_member(key);
  if (!field) return {};
  const auto found = entries.aux.find(field->text());
  if (found == entries.aux.end()) {
    field->fail("no aux vector " + quote(field->text()) + suggestion(field->text(), some_keys(entries.aux)));
  }
  const std::int64_t length = found->second.length;
  if (length != K && !(may_be_single && length == 1)) {
    field->fail(fmt::format("vector {} has {} values, the layer needs {}K = {}", quote(found->first), length,
                            may_be_single ? "1 or " : "", K));
  }
  return found->first;
}

}  // namespace

Layer read_layer(const JsonField& field, const Entries& entries) {
  static const std::vector<std::string> ops = {"conv",   "dwconv", "fc",        "lstm_x",
                                               "lstm_h", "matmul", "matmul_qk", "matmul_av"};
  static const std::vector<std::string> activations = {"none",         "relu", "relu6",
                                                       "relu_n1_to_1", "tanh", "sign_bit"};
  Layer layer;
  LayerShape& s = layer.shape;
  layer.name = field.member("name").text();
  layer.op = static_cast<LayerOp>(field.member("op").choice(ops));
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, std::int64_t*>>{{"N", &s.N},
                                                                    {"C", &s.C},
                                                                    {"H", &s.H},
                                                                    {"W", &s.W},
                                                                    {"K", &s.K},
                                                                    {"R", &s.R},
                                                                    {"S", &s.S},
                                                                    {"OH", &s.OH},
                                                                    {"OW", &s.OW},
                                                                    {"groups", &s.groups}}) {
    *value = field.member(key).integer(1, largest_dimension);
  }
  s.stride = integers<2>(field.member("stride"), 1);
  s.dilation = integers<2>(field.member("dilation"), 1);
  s.pad_tblr = integers<4>(field.member("pad_tblr"), 0);
  if (const auto recurrent = field.optional_member("recurrent")) s.recurrent = recurrent->truth();
  if (const auto steps = field.optional_member("steps")) steps->integer(1, largest_dimension);
  if (const auto made = field.optional_member("weight_is_activation"))
    layer.weight_is_activation = made->truth();
  if (const auto activation = field.optional_member("fused_activation")) {
    layer.fused_activation = activations[activation->choice(activations)];
  }
  check_dimensions(field, layer);

  const JsonField input = field.member("input"), weight = field.member("weight"),
                  output = field.member("output");
  layer.input = input.text();
  check_kind(input, layer_tensor(input, entries, s.input(), "(N,C,H,W)"), false);
  layer.weight = weight.text();
  const TensorEntry& weights = layer_tensor(weight, entries, s.weight(), "(K,C/groups,R,S)");
  if (!layer.weight_is_activation) check_kind(weight, weights, true);
  if (!output.is_null()) {
    layer.output = output.text();
    const bool gates = layer.op == LayerOp::lstm_h;
    layer_tensor(output, entries, {s.N, gates ? s.K / 4 : s.K, s.OH, s.OW},
                 gates ? "(N,K/4,1,1)" : "(N,K,OH,OW)");
    if (layer.output == layer.input || layer.output == layer.weight) {
      output.fail("'" + printable(layer.output) + "' is what the layer reads");
    }
  }
  layer.bias = layer_vector(field, "bias", entries, s.K, false);
  layer.weight_scales = layer_vector(field, "weight_scales", entries, s.K, true);
  return layer;
}

std::vector<Layer> read_layers(const JsonField& field, const Entries& entries) {
  std::vector<Layer> layers;
  for (const JsonField& layer : field.elements())
    layers.push_back(read_layer(layer, entries));
  if (layers.empty()) field.fail("must have at least one layer");
  return layers;
}

namespace {

/// Adds every text in `value` to `texts`. The parser has bounded the depth.
void collect_texts(const nlohmann::json& value, std::set<std::string>& texts) {
  if (value.is_string()) texts.insert(value.get_ref<const std::string&>());
  if (value.is_structured()) {
    for (const auto& element : value)
      collect_texts(element, texts);
  }
}

}  // namespace

std::optional<std::set<std::string>> graph_texts(const nlohmann::json& manifest) {
  const auto graph = manifest.find("graph");
  if (graph == manifest.end() || graph->is_null()) return std::nullopt;
  std::set<std::string> texts;
  collect_texts(*graph, texts);
  return texts;
}

std::optional<std::set<std::string>> tensors_among(const std::optional<std::set<std::string>>& texts,
                                                   const Entries& entries) {
  if (!texts) return std::nullopt;
  std::set<std::string> tensors;
  for (const std::string& text : *texts)
    if (entries.tensors.count(text) != 0) tensors.insert(text);
  return tensors;
}

void check_all_used(const JsonField& tensors, const Entries& entries, const std::vector<Layer>& layers,
                    std::set<std::string> mentioned) {
  for (const Layer& layer : layers)
    mentioned.insert({layer.input, layer.weight, layer.output});
  for (const auto& [key, entry] : entries.tensors) {
    if (mentioned.count(key) == 0) {
      tensors.member(key).fail(
          fmt::format("no layer reads or writes this tensor of shape {}", shape_text(entry.tensor.shape)));
    }
  }
}

}  // namespace dpred
