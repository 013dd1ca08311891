#include "workloads/trace_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "workloads/error.h"
#include "workloads/fnv_hash.h"
#include "workloads/input_file.h"
#include "workloads/json_field.h"
#include "workloads/npy.h"

namespace dpred {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t largest_manifest = 64u << 20;  // a parsed one takes some 16 times its size
constexpr std::int64_t largest_dimension = 0x7fffffff;
constexpr std::size_t most_suggestions = 4096;  // a suggestion compares each: not for the largest manifests

/// Product of positive factors, or nothing where it does not fit 63 bits.
std::optional<std::int64_t> product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  }
  return result;
}

std::string shape_text(const Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ","));
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

/// Name of a file within the folder: nothing that could lead elsewhere.
std::string plain_file_name(const JsonField& field) {
  const std::string& name = field.text();
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!plain) field.fail(quote(name) + " is not the plain name of a file in the folder");
  return name;
}

/// What the manifest says of one tensor; `tensor` is without data yet.
struct TensorEntry {
  Tensor tensor;
  std::string file;
  bool is_weight = false;
};

struct Entries {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, Manifest::Vector> aux;
};

std::vector<double> scales(const JsonField& field, bool is_weight, std::int64_t filters) {
  if (field.is_string()) return {};  // the layer's weight_scales hold them
  std::vector<double> values;
  const auto add = [&](const JsonField& number) {
    values.push_back(number.number());
    if (values.back() < 0) number.fail("a scale must not be negative");
  };
  if (!field.is_array()) {
    add(field);
    return values;
  }
  for (const JsonField& element : field.elements())
    add(element);
  const std::int64_t most = is_weight ? filters : 1;
  if (values.empty() || most % static_cast<std::int64_t>(values.size()) != 0) {
    field.fail(is_weight ? fmt::format("{} scales cannot be shared out to {} filters", values.size(), filters)
                         : fmt::format("must have one scale, not {}", values.size()));
  }
  return values;
}

TensorEntry tensor_entry(const JsonField& field, const std::string& key, int network_bits) {
  TensorEntry entry;
  Tensor& tensor = entry.tensor;
  tensor.key = key;
  entry.file = plain_file_name(field.member("file"));
  tensor.shape = integers<4>(field.member("shape"), 1);

  const JsonField dtype = field.member("dtype");
  tensor.dtype = static_cast<DType>(dtype.choice({"int8", "uint8", "int16", "uint16"}));
  const auto bytes = static_cast<std::int64_t>(bytes_of(tensor.dtype));
  const auto& s = tensor.shape;
  if (!product({s[0], s[1], s[2], s[3], 8 * bytes})) {
    field.member("shape").fail(shape_text(s) + " has too many values");
  }
  entry.is_weight = field.member("kind").choice({"act", "wgt"}) == 1;

  const JsonField bits = field.member("bits");
  tensor.bits = static_cast<int>(bits.integer(1, 64));
  if (tensor.bits != network_bits) {
    bits.fail(fmt::format("{}, but the network has {}", tensor.bits, network_bits));
  }
  if (8 * bytes != network_bits) {
    dtype.fail(fmt::format("{} does not have the network's {} bits", to_string(tensor.dtype), network_bits));
  }
  const std::int64_t codes = std::int64_t{1} << network_bits;
  const std::int64_t lowest = is_signed_type(tensor.dtype) ? -codes / 2 : 0;
  tensor.zero_point =
      static_cast<std::int32_t>(field.member("zero_point").integer(lowest, lowest + codes - 1));

  if (network_bits == 16) {
    tensor.frac_bits = static_cast<int>(field.member("frac_bits").integer(-64, 64));
  } else if (const auto scale = field.optional_member("scale")) {
    tensor.scale = scales(*scale, entry.is_weight, tensor.shape[0]);
  }
  if (const auto is_signed = field.optional_member("signed")) is_signed->truth();
  return entry;
}

Manifest::Vector aux_entry(const JsonField& field) {
  Manifest::Vector entry;
  entry.file = plain_file_name(field.member("file"));
  entry.length = integers<1>(field.member("shape"), 1)[0];
  const std::vector<std::string> types{"int32", "float32", "float64"};
  entry.dtype = types[field.member("dtype").choice(types)];
  return entry;
}

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

/// Adds every text in `value` to `texts`. The parser has bounded the depth.
void collect_texts(const nlohmann::json& value, std::set<std::string>& texts) {
  if (value.is_string()) texts.insert(value.get_ref<const std::string&>());
  if (value.is_structured()) {
    for (const auto& element : value)
      collect_texts(element, texts);
  }
}

void check_all_used(const JsonField& tensors, const nlohmann::json& manifest, const Entries& entries,
                    const std::vector<Layer>& layers) {
  std::set<std::string> used;
  for (const Layer& layer : layers)
    used.insert({layer.input, layer.weight, layer.output});
  if (const auto graph = manifest.find("graph"); graph != manifest.end()) collect_texts(*graph, used);
  for (const auto& [key, entry] : entries.tensors) {
    if (used.count(key) == 0) {
      tensors.member(key).fail(
          fmt::format("no layer reads or writes this tensor of shape {}", shape_text(entry.tensor.shape)));
    }
  }
}

/// Reads the .npy files of one folder, each once, and hashes them in the order they are read.
class FileReader {
 public:
  FileReader(const fs::path& folder, Fnv1a64& hash)
      : folder_(folder), real_folder_(fs::canonical(folder)), hash_(hash) {}

  /// `place` is the key in the manifest.
  std::vector<std::uint8_t> read(const std::string& file, const std::string& place, std::string_view type,
                                 const std::vector<std::int64_t>& shape) {
    try {
      NpyFile npy = read_npy(checked_path(file, place), type, shape);
      hash_.add(npy.header.data(), npy.header.size());
      hash_.add(npy.data.data(), npy.data.size());
      return std::move(npy.data);
    } catch (const InputError& e) {
      throw InputError(fmt::format("{} ({} in manifest.json)", e.what(), place));
    }
  }

 private:
  fs::path checked_path(const std::string& file, const std::string& place) {
    fs::path path = folder_ / file;
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    const auto fail = [&](const std::string& problem) {
      throw InputError(printable(path.string()) + ": " + problem);
    };
    if (error == std::errc::no_such_file_or_directory) fail("no such file");
    if (error) fail("cannot be read: " + error.message());
    if (real.parent_path() != real_folder_) fail("a link that leads out of the folder");
    const auto [owner, is_new] = owners_.emplace(real, place);
    if (!is_new) fail("is the file of " + owner->second + " too");
    return path;
  }

  fs::path folder_, real_folder_;
  Fnv1a64& hash_;
  std::map<fs::path, std::string> owners_;
};

template <class T>
std::vector<double> widened(const std::vector<std::uint8_t>& bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

Auxiliary read_aux(FileReader& files, const std::string& place, const Manifest::Vector& entry,
                   const fs::path& folder) {
  const std::vector<std::uint8_t> bytes = files.read(entry.file, place, entry.dtype, {entry.length});
  Auxiliary aux;
  aux.integer = entry.dtype == "int32";
  aux.values = aux.integer                ? widened<std::int32_t>(bytes)
               : entry.dtype == "float32" ? widened<float>(bytes)
                                          : widened<double>(bytes);
  for (std::size_t i = 0; i < aux.values.size(); ++i) {
    if (!std::isfinite(aux.values[i])) {
      throw InputError(fmt::format("{}: value {} is {} ({} in manifest.json)",
                                   printable((folder / entry.file).string()), i, aux.values[i], place));
    }
  }
  return aux;
}

/// Suggestion of a folder beside a missing one.
std::string folder_suggestion(const fs::path& missing) {
  const fs::path folder = missing.has_filename() ? missing : missing.parent_path();  // "x/" is x
  const fs::path parent = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end && names.size() < most_suggestions;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) names.push_back(printable(it->path().filename().string()));
  }
  return suggestion(folder.filename().string(), names);
}

void check_folder(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  const auto fail = [&](const std::string& problem) {
    throw InputError(printable(folder.string()) + ": " + problem);
  };
  if (status.type() == fs::file_type::not_found) fail("no such folder" + folder_suggestion(folder));
  if (error) fail("cannot be read: " + error.message());
  if (status.type() != fs::file_type::directory)
    fail("not a folder: a trace set is a folder with manifest.json");
}

std::string read_manifest(InputFile& file) {
  if (file.size() > largest_manifest) {
    file.fail(fmt::format("{} bytes, a manifest has at most {}", file.size(), largest_manifest));
  }
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace

Manifest parse_manifest(const std::string& bytes, const std::string& file) {
  const nlohmann::json document = parse_json(bytes, file);
  const JsonField manifest(document, file);

  const JsonField format = manifest.member("format");
  if (format.integer(0) != 1)
    format.fail(fmt::format("{}, but this reader knows format 1", format.integer(0)));
  Manifest parsed;
  Network& network = parsed.network;
  if (const auto name = manifest.optional_member("network")) network.name = name->text();
  if (const auto source = manifest.optional_member("source")) network.source = source->text();
  const JsonField bits = manifest.member("bits");
  network.bits = static_cast<int>(bits.integer(1, 64));
  if (network.bits != 8 && network.bits != 16)
    bits.fail(fmt::format("must be 8 or 16, not {}", network.bits));
  if (const auto provenance = manifest.optional_member("provenance")) {
    network.provenance = static_cast<Provenance>(provenance->choice({"real", "profiled", "synthetic"}));
  }

  Entries entries;
  const JsonField tensors = manifest.member("tensors");
  for (const std::string& key : tensors.keys()) {
    entries.tensors.emplace(key, tensor_entry(tensors.member(key), key, network.bits));
  }
  if (const auto aux = manifest.optional_member("aux")) {
    for (const std::string& key : aux->keys())
      entries.aux.emplace(key, aux_entry(aux->member(key)));
  }
  const JsonField layers = manifest.member("layers");
  for (const JsonField& layer : layers.elements())
    network.layers.push_back(read_layer(layer, entries));
  if (network.layers.empty()) layers.fail("must have at least one layer");
  check_all_used(tensors, document, entries, network.layers);
  for (auto& [key, entry] : entries.tensors) {
    parsed.tensor_files.emplace(key, std::move(entry.file));
    network.tensors.emplace(key, std::move(entry.tensor));
  }
  parsed.vectors = std::move(entries.aux);
  return parsed;
}

Network read_trace_set(const fs::path& folder) {
  check_folder(folder);
  InputFile file(folder / "manifest.json");
  const std::string bytes = read_manifest(file);
  Manifest manifest = parse_manifest(bytes, file.name());
  Network network = std::move(manifest.network);
  if (network.name.empty()) network.name = fs::canonical(folder).filename().string();

  Fnv1a64 hash;
  hash.add(bytes.data(), bytes.size());
  FileReader files(folder, hash);
  for (auto& [key, tensor] : network.tensors) {
    tensor.data = files.read(manifest.tensor_files.at(key), "tensors." + clipped(key),
                             to_string(tensor.dtype), {tensor.shape.begin(), tensor.shape.end()});
  }
  for (const auto& [key, vector] : manifest.vectors) {
    network.aux.emplace(key, read_aux(files, "aux." + clipped(key), vector, folder));
  }
  network.hash = hash.hex();
  return network;
}

}  // namespace dpred
