// The width profile of a network: what sizes and cycles follow from, without its values. docs/profiles.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/codec/group_counts.h"
#include "models/precision/value_format.h"
#include "models/precision/width_runs.h"
#include "workloads/network.h"

namespace dpred {

/// Which bricks were counted: an operand's, cut as conv groups cut its channels, in sequences of windows so
/// far apart. Of weights all numbers are 1.
struct BrickOrder {
  bool weights = false;
  std::int64_t groups = 1;
  std::int64_t step_y = 1, step_x = 1;

  friend bool operator<(const BrickOrder& a, const BrickOrder& b);
};

/// What a profile has of one tensor.
struct TensorWidths {
  TensorProfile profile;
  std::vector<std::int64_t> value_bits;  ///< values by width, 0 to B + 1; zeros have width 0
  /// By role and form of sign; of unsigned tensors, where these have no effect, in two's complement only.
  std::map<std::pair<StreamRole, SignForm>, std::vector<GroupCount>> groups;
  std::map<BrickOrder, WidthRuns> bricks;
};

struct WidthProfile {
  std::string file;                      ///< for messages; empty where it was not read
  Provenance values = Provenance::real;  ///< what was profiled
  std::int64_t group = 16, slice_channels = 64;
  std::int64_t lanes = 16;
  std::map<std::string, TensorWidths> tensors;
};

/// The order in which a layer's windows meet its input, and that of weights.
BrickOrder activation_order(const LayerShape& layer, std::int64_t lanes);
BrickOrder weight_order();
/// The sequences of an order in a tensor of this shape.
BrickShape bricks_in(const BrickOrder& order, const Shape& tensor, std::int64_t lanes);
BrickSequences sequences_in(const BrickOrder& order, const Shape& tensor, std::int64_t lanes);

/// Counts a network's groups and bricks. InputError if it has no values itself.
WidthProfile profile_widths(const Network& network, const StreamOptions& options, std::int64_t lanes);

/// The file, as docs/contracts.md has it: the network's layers, and its profile.
std::string width_profile_json(const Network& network, const WidthProfile& profile);

/// Profiles a network and writes that file: it appears whole or not at all. InputError if it can't, and for a
/// name that doesn't end in .json, by which width profiles are known, or that is no regular file's.
void write_width_profile(const std::filesystem::path& path, const Network& network,
                         const StreamOptions& options, std::int64_t lanes);

/// Reads such a file: a network whose tensors have no values, with its profile. InputError that names file
/// and key for whatever does not fit: counts that don't add up, a tensor without the counts that its layers
/// need, and a network of more than 2^25 groups and bricks, which bounds the memory that is taken.
Network read_width_profile(const std::filesystem::path& path);

}  // namespace dpred
