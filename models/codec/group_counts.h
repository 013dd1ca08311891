// Codec groups as a profile has them: how many of each width, without their places.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/codec/width_map.h"

namespace dpred {

/// Groups of so many values, of one width and with so many values that aren't zero.
struct GroupCount {
  std::int64_t values = 0;  ///< 1..G: short groups end runs
  int width = 1;
  int non_zeros = 0;
  std::int64_t groups = 0;
};

/// In ascending order of values, width, non-zeros; each at least once.
std::vector<GroupCount> count_groups(const WidthMap& widths, const StreamLayout& layout);

/// Number of groups by their number of values.
std::map<std::int64_t, std::int64_t> groups_by_values(const StreamLayout& layout);

/// A width map with these groups, in places that are random among groups of as many values, so that each
/// row's size is near its expectation. The same map for the same counts, which must have as many groups of
/// each number of values as the layout.
WidthMap width_map_with(const std::vector<GroupCount>& counts, const StreamLayout& layout);

}  // namespace dpred
