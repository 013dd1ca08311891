#include "models/array/tap_sums.h"

#include <algorithm>

namespace dpred {

TapSums::TapSums(const LayerShape& layer, std::int64_t depth)
    : layer_(layer), depth_(depth), columns_(static_cast<std::size_t>(layer.R * layer.W * depth), 0) {}

void TapSums::add_row(std::int64_t y, const std::uint8_t* numbers) {
  const std::int64_t length = layer_.W * depth_;
  for (std::int64_t r = 0; r < layer_.R; ++r) {
    const std::int64_t first_tap = y - layer_.input_row(0, r);  // oy * stride
    if (first_tap < 0 || first_tap % layer_.stride[0] != 0 || first_tap / layer_.stride[0] >= layer_.OH)
      continue;
    std::uint32_t* columns = columns_.data() + r * length;
    for (std::int64_t i = 0; i < length; ++i)
      columns[i] += numbers[i];
  }
}

void TapSums::take(std::uint64_t* sums) {
  const std::uint32_t* columns = columns_.data();
  for (std::int64_t r = 0; r < layer_.R; ++r, columns += layer_.W * depth_) {
    for (std::int64_t s = 0; s < layer_.S; ++s, sums += depth_) {
      std::fill(sums, sums + depth_, 0);
      for (std::int64_t ox = 0; ox < layer_.OW; ++ox) {
        const std::int64_t x = layer_.input_column(ox, s);
        if (x < 0 || x >= layer_.W) continue;
        for (std::int64_t d = 0; d < depth_; ++d)
          sums[d] += columns[x * depth_ + d];
      }
    }
  }
  std::fill(columns_.begin(), columns_.end(), 0);
}

}  // namespace dpred
