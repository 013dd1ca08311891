#include "models/precision/brick_map.h"

#include <algorithm>

#include "models/precision/width.h"
#include "models/precision/width_scan.h"

namespace dpred {

BrickShape activation_bricks(const LayerShape& layer, std::int64_t lanes) {
  const std::int64_t groups = layer.depthwise() ? 1 : layer.groups;
  return {lanes, groups, layer.C / groups, layer.N * layer.H * layer.W};
}

BrickShape weight_bricks(const LayerShape& layer, std::int64_t lanes) {
  return {lanes, 1, layer.channels_per_group(), layer.K * layer.R * layer.S};
}

void BrickMap::absorb(std::int64_t position, std::int64_t first_channel, std::int64_t count,
                      const std::uint16_t* containers, const ValueFormat& format) {
  std::uint8_t* row = widths_.data() + position * shape_.bricks();
  std::int64_t channel = first_channel;
  const std::int64_t end = first_channel + count;
  while (channel < end) {
    const std::int64_t in_group = channel % shape_.group_channels;
    const std::int64_t to_brick_end =
        std::min(shape_.lanes - in_group % shape_.lanes, shape_.group_channels - in_group);
    const std::int64_t stop = std::min(end, channel + to_brick_end);
    std::uint8_t& width = row[shape_.brick_of(channel)];
    std::uint32_t bits = 0;
    for (; channel < stop; ++channel)
      bits |= folded(format.centred(*containers++));
    width = std::max(width, static_cast<std::uint8_t>(width_of_folded(bits, format.is_signed)));
  }
}

void BrickMap::absorb(const Tensor& tensor, const ValueFormat& format) {
  for (std::int64_t group = 0; group < shape_.groups; ++group) {
    scan_bricks(tensor, {group * shape_.group_channels, shape_.group_channels}, shape_.lanes, format,
                ScanValues::centred, shape_.bricks(), widths_.data() + group * shape_.bricks_per_group(),
                nullptr);
  }
}

}  // namespace dpred
