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
#include "workloads/manifest.h"
#include "workloads/npy.h"

namespace dpred {

namespace fs = std::filesystem;

namespace {

/// Name of a file within the folder: nothing that could lead elsewhere.
std::string plain_file_name(const JsonField& field) {
  const std::string& name = field.text();
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!plain) field.fail(quote(name) + " is not the plain name of a file in the folder");
  return name;
}

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
  const std::string file = plain_file_name(field.member("file"));
  const JsonField bits = field.member("bits");
  if (bits.integer(1, 64) != network_bits) {
    bits.fail(fmt::format("{}, but the network has {}", bits.integer(1, 64), network_bits));
  }
  TensorEntry entry = read_tensor(field, key, network_bits);
  entry.file = file;
  Tensor& tensor = entry.tensor;
  if (network_bits == 16) {
    tensor.frac_bits = static_cast<int>(field.member("frac_bits").integer(-64, 64));
  } else if (const auto scale = field.optional_member("scale")) {
    tensor.scale = scales(*scale, entry.is_weight, tensor.shape[0]);
  }
  if (const auto is_signed = field.optional_member("signed")) is_signed->truth();
  return entry;
}

AuxEntry aux_entry(const JsonField& field) {
  AuxEntry entry;
  entry.file = plain_file_name(field.member("file"));
  entry.length = one_integer(field.member("shape"), 1);
  const std::vector<std::string> types{"int32", "float32", "float64"};
  entry.dtype = types[field.member("dtype").choice(types)];
  return entry;
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

Auxiliary read_aux(FileReader& files, const std::string& place, const AuxEntry& entry,
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
  network.bits = read_bits(manifest.member("bits"));
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
  network.layers = read_layers(manifest.member("layers"), entries);
  const std::optional<std::set<std::string>> texts = graph_texts(document);
  check_all_used(tensors, entries, network.layers, texts.value_or(std::set<std::string>{}));
  network.host_tensors = tensors_among(texts, entries);
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
