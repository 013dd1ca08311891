#include "models/precision/brick_map.h"

#include <algorithm>

#include "models/precision/width.h"

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
  // Tensor dimensions: outer (n or k), channels, inner (y,x or r,s). Channel planes are OR-ed into one plane
  // a brick, which reads memory in order and vectorises; the widths are then stored channel-last.
  const std::int64_t outer = tensor.shape[0];
  const std::int64_t channels = tensor.shape[1];
  const std::int64_t inner = tensor.shape[2] * tensor.shape[3];
  const std::int64_t bricks = shape_.bricks();
  std::vector<std::uint32_t> plane(static_cast<std::size_t>(inner));
  tensor.visit([&](const auto* codes) {
    for (std::int64_t n = 0; n < outer; ++n) {
      std::int64_t channel = 0;
      for (std::int64_t brick = 0; brick < bricks; ++brick) {
        const std::int64_t group_end = (channel / shape_.group_channels + 1) * shape_.group_channels;
        const std::int64_t stop = std::min(channel + shape_.lanes, group_end);
        std::uint8_t* widths = widths_.data() + n * inner * bricks + brick;
        if (inner == 1) {
          const auto* values = codes + n * channels;
          std::uint32_t bits = 0;
          for (; channel < stop; ++channel)
            bits |= folded(std::int32_t{values[channel]} - format.zero_point);
          *widths = static_cast<std::uint8_t>(width_of_folded(bits, format.is_signed));
          continue;
        }
        std::fill(plane.begin(), plane.end(), 0u);
        for (; channel < stop; ++channel) {
          const auto* values = codes + (n * channels + channel) * inner;
          for (std::int64_t i = 0; i < inner; ++i) {
            plane[static_cast<std::size_t>(i)] |= folded(std::int32_t{values[i]} - format.zero_point);
          }
        }
        for (std::int64_t i = 0; i < inner; ++i) {
          widths[i * bricks] = static_cast<std::uint8_t>(
              width_of_folded(plane[static_cast<std::size_t>(i)], format.is_signed));
        }
      }
    }
  });
}

}  // namespace dpred
