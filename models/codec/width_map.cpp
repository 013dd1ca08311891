#include "models/codec/width_map.h"

#include <algorithm>

#include "models/precision/width.h"

namespace dpred {

namespace {

/// A section whose runs are the channels of one position. Channel planes are OR-ed into one plane a group,
/// which reads memory in order and vectorises.
template <class Code>
void add_planes(const Code* codes, const Shape& shape, const ValueFormat format, const StreamSection& section,
                std::int64_t group, WidthMap& map) {
  const std::int64_t inner = shape[2] * shape[3];
  const std::int64_t groups = (section.channels + group - 1) / group;
  const std::size_t first = map.width.size();
  map.width.resize(first + static_cast<std::size_t>(shape[0] * inner * groups));
  map.non_zeros.resize(map.width.size());
  std::vector<std::uint16_t> bits(static_cast<std::size_t>(inner)), non_zeros(bits.size());
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t g = 0; g < groups; ++g) {
      std::fill(bits.begin(), bits.end(), std::uint16_t{0});
      std::fill(non_zeros.begin(), non_zeros.end(), std::uint16_t{0});
      const std::int64_t end = std::min((g + 1) * group, section.channels);
      for (std::int64_t c = g * group; c < end; ++c) {
        const Code* plane = codes + (n * shape[1] + section.first_channel + c) * inner;
        for (std::size_t i = 0; i < bits.size(); ++i) {
          const std::uint16_t value = format.container(plane[i]);
          bits[i] = static_cast<std::uint16_t>(bits[i] | folded(format.packed_value(value)));
          non_zeros[i] = static_cast<std::uint16_t>(non_zeros[i] + (value != 0));
        }
      }
      std::size_t at = first + static_cast<std::size_t>(n * inner * groups + g);
      for (std::size_t i = 0; i < bits.size(); ++i, at += static_cast<std::size_t>(groups)) {
        map.width[at] = static_cast<std::uint8_t>(width_of_folded(bits[i], format.is_signed));
        map.non_zeros[at] = non_zeros[i];
      }
    }
  }
}

}  // namespace

WidthMap WidthMap::of(const Tensor& tensor, const ValueFormat& format, const StreamLayout& layout) {
  WidthMap map;
  const auto groups = static_cast<std::size_t>(layout.groups());
  map.width.reserve(groups);
  map.non_zeros.reserve(groups);
  const std::int64_t group = layout.options().group;
  std::vector<std::uint16_t> row;
  const Shape& shape = layout.shape();
  for (const StreamSection& section : layout.sections()) {
    if (section.run == section.channels && shape[2] * shape[3] >= 8) {  // fewer are not worth a plane
      tensor.visit([&](const auto* codes) { add_planes(codes, shape, format, section, group, map); });
      continue;
    }
    row.resize(static_cast<std::size_t>(section.row_values));
    for (std::int64_t r = section.first_row; r < section.end_row(); ++r) {
      layout.gather(tensor, format, r, 1, row.data());
      for (std::int64_t run = 0; run < section.row_values; run += section.run) {
        for (std::int64_t at = 0; at < section.run; at += group) {
          const std::int64_t end = run + std::min(at + group, section.run);
          std::uint32_t bits = 0;
          std::uint16_t non_zeros = 0;
          for (std::int64_t i = run + at; i < end; ++i) {
            const std::uint16_t value = row[static_cast<std::size_t>(i)];
            bits |= folded(format.packed_value(value));
            non_zeros = static_cast<std::uint16_t>(non_zeros + (value != 0));
          }
          map.width.push_back(static_cast<std::uint8_t>(width_of_folded(bits, format.is_signed)));
          map.non_zeros.push_back(non_zeros);
        }
      }
    }
  }
  return map;
}

}  // namespace dpred
