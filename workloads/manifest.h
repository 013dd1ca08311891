// What workload files have in common: tensors, vectors and layers as a JSON manifest describes them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "workloads/json_field.h"
#include "workloads/network.h"

namespace dpred {

inline constexpr std::uint64_t largest_manifest = 64u
                                                  << 20;  ///< bytes; parsed, it takes some 16 times as many
inline constexpr std::int64_t largest_dimension = 0x7fffffff;
inline constexpr std::size_t most_suggestions = 4096;  ///< a suggestion compares each of so many names

/// What is said of one tensor; `tensor` is without data yet.
struct TensorEntry {
  Tensor tensor;
  std::string file;  ///< of its values, in a trace set
  bool is_weight = false;
};

struct AuxEntry {
  std::string file, dtype;
  std::int64_t length = 0;
};

struct Entries {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, AuxEntry> aux;
};

/// `(1,2,3,4)`
std::string shape_text(const Shape& shape);

// An array of exactly so many integers from `low` to largest_dimension.
std::array<std::int64_t, 2> two_integers(const JsonField& field, std::int64_t low);
std::int64_t one_integer(const JsonField& field, std::int64_t low);

/// `bits` of the network: 8 or 16.
int read_bits(const JsonField& field);
/// `shape`, `dtype`, `kind` and `zero_point` of a tensor. The values fit 63 bits.
TensorEntry read_tensor(const JsonField& field, const std::string& key, int network_bits);
/// A layer: it fits its tensors and vectors, and the dimensions fit each other.
Layer read_layer(const JsonField& field, const Entries& entries);
/// All layers; at least one.
std::vector<Layer> read_layers(const JsonField& field, const Entries& entries);

/// All texts in the manifest's `graph`, or nothing where it has none.
std::optional<std::set<std::string>> graph_texts(const nlohmann::json& manifest);

/// Those of the texts that are tensors; nothing where there are no texts.
std::optional<std::set<std::string>> tensors_among(const std::optional<std::set<std::string>>& texts,
                                                   const Entries& entries);

/// InputError if a tensor is neither read nor written by a layer, nor among those of `mentioned`.
void check_all_used(const JsonField& tensors, const Entries& entries, const std::vector<Layer>& layers,
                    std::set<std::string> mentioned);

}  // namespace dpred
