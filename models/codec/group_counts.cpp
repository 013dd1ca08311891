#include "models/codec/group_counts.h"

#include <array>
#include <utility>

#include "models/codec/groups.h"
#include "models/precision/repeatable_random.h"

namespace dpred {

namespace {

/// Calls visit(number of values) for each group of a stream, in order.
template <class Visit>
void visit_all_groups(const StreamLayout& layout, Visit&& visit) {
  const std::int64_t group = layout.options().group;
  for (const StreamSection& section : layout.sections()) {
    for (std::int64_t row = 0; row < section.rows; ++row)
      visit_groups({section, 1, group}, [&](std::int64_t, std::int64_t values) { visit(values); });
  }
}

}  // namespace

std::vector<GroupCount> count_groups(const WidthMap& widths, const StreamLayout& layout) {
  std::map<std::array<std::int64_t, 3>, std::int64_t> found;
  std::size_t g = 0;
  visit_all_groups(layout, [&](std::int64_t values) {
    ++found[{values, widths.width[g], widths.non_zeros[g]}];
    ++g;
  });
  std::vector<GroupCount> counts;
  for (const auto& [of, groups] : found)
    counts.push_back({of[0], static_cast<int>(of[1]), static_cast<int>(of[2]), groups});
  return counts;
}

std::map<std::int64_t, std::int64_t> groups_by_values(const StreamLayout& layout) {
  std::map<std::int64_t, std::int64_t> groups;
  const std::int64_t group = layout.options().group;
  for (const StreamSection& section : layout.sections()) {
    const std::int64_t runs = section.rows * (section.row_values / section.run);
    if (section.run >= group) groups[group] += runs * (section.run / group);
    if (section.run % group != 0) groups[section.run % group] += runs;
  }
  return groups;
}

WidthMap width_map_with(const std::vector<GroupCount>& counts, const StreamLayout& layout) {
  using Group = std::pair<std::uint8_t, std::uint16_t>;  // width, non-zeros
  std::map<std::int64_t, std::vector<Group>> to_deal;
  for (const GroupCount& count : counts) {
    std::vector<Group>& groups = to_deal[count.values];
    groups.insert(groups.end(), static_cast<std::size_t>(count.groups),
                  {static_cast<std::uint8_t>(count.width), static_cast<std::uint16_t>(count.non_zeros)});
  }
  RepeatableRandom random(0);
  for (auto& [values, groups] : to_deal)
    random.shuffle(groups);
  WidthMap map;
  const auto groups = static_cast<std::size_t>(layout.groups());
  map.width.reserve(groups);
  map.non_zeros.reserve(groups);
  visit_all_groups(layout, [&](std::int64_t values) {
    std::vector<Group>& left = to_deal.at(values);
    map.width.push_back(left.back().first);
    map.non_zeros.push_back(left.back().second);
    left.pop_back();
  });
  return map;
}

}  // namespace dpred
