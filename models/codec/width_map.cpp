#include "models/codec/width_map.h"

#include <algorithm>

#include "models/codec/containers.h"
#include "models/precision/width.h"
#include "models/precision/width_scan.h"
#include "workloads/divide_up.h"

namespace dpred {

WidthMap WidthMap::of(const Tensor& tensor, const ValueFormat& format, const StreamLayout& layout,
                      SignForm sign) {
  const bool magnitudes = format.is_signed && sign == SignForm::sign_magnitude;
  WidthMap map;
  const auto groups = static_cast<std::size_t>(layout.groups());
  map.width.reserve(groups);
  map.non_zeros.reserve(groups);
  const std::int64_t group = layout.options().group;
  std::vector<std::uint8_t> row;
  for (const StreamSection& section : layout.sections()) {
    const bool by_position = layout.role() != StreamRole::depthwise_weight && section.run == section.channels;
    if (by_position && !magnitudes) {  // a run is the channels of one position
      const std::int64_t run_groups = divide_up(section.channels, group);
      const std::size_t first = map.width.size();
      map.width.resize(first + static_cast<std::size_t>(section.rows * section.groups_per_row(group)));
      map.non_zeros.resize(map.width.size());
      scan_bricks(tensor, {section.first_channel, section.channels}, group, format, ScanValues::container,
                  run_groups, map.width.data() + first, map.non_zeros.data() + first);
      continue;
    }
    row.resize(static_cast<std::size_t>(section.row_values) * (format.bits / 8));
    for (std::int64_t r = section.first_row; r < section.end_row(); ++r) {
      layout.gather(tensor, format, r, 1, row.data());
      visit_containers(format.bits, row.data(), [&](const auto* values) {
        for (std::int64_t run = 0; run < section.row_values; run += section.run) {
          for (std::int64_t at = 0; at < section.run; at += group) {
            const std::int64_t end = run + std::min(at + group, section.run);
            std::uint32_t bits = 0;
            std::uint16_t non_zeros = 0;
            for (std::int64_t i = run + at; i < end; ++i) {
              const std::int32_t packed = format.packed_value(values[i]);
              bits |= magnitudes ? magnitude(packed, format.bits) : folded(packed);
              non_zeros = static_cast<std::uint16_t>(non_zeros + (values[i] != 0));
            }
            map.width.push_back(static_cast<std::uint8_t>(width_of_folded(bits, format.is_signed)));
            map.non_zeros.push_back(non_zeros);
          }
        }
      });
    }
  }
  return map;
}

}  // namespace dpred
