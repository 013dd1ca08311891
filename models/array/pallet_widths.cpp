#include "models/array/pallet_widths.h"

#include <algorithm>

namespace dpred {

namespace {

/// to[i] = max(to[i], a[i], b[i])
void widen(std::uint8_t* to, const std::uint8_t* a, const std::uint8_t* b, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = std::max(to[i], std::max(a[i], b[i]));
}

}  // namespace

PalletWidths::PalletWidths(const LayerShape& layer, std::int64_t columns, const BrickMap& map,
                           std::int64_t brick, std::int64_t bricks)
    : layer_(layer), columns_(columns), map_(map), brick_(brick), bricks_(bricks) {
  row_bytes_ = ((layer.OW - 1) * layer.stride[1] + (layer.S - 1) * layer.dilation[1] + 1) * bricks;
  const std::int64_t longest = std::min(columns, layer.OW);
  while (longest >> levels_ != 0)
    ++levels_;
  // Rows that a pallet reads, so that none is read twice while pallets follow each other.
  const std::int64_t output_rows = (columns - 1) / layer.OW + 2;
  const std::int64_t rows = (layer.R - 1) * layer.dilation[0] + (output_rows - 1) * layer.stride[0] + 1;
  held_.assign(static_cast<std::size_t>(std::min(rows, layer.N * layer.H)), -1);
  maxima_.resize(held_.size() * static_cast<std::size_t>(levels_ * row_bytes_));
  widths_.resize(static_cast<std::size_t>(layer.R * layer.S * bricks));
}

const std::uint8_t* PalletWidths::maxima_of(std::int64_t map_row) {
  const std::size_t slot = static_cast<std::size_t>(map_row) % held_.size();
  std::uint8_t* maxima = maxima_.data() + slot * static_cast<std::size_t>(levels_ * row_bytes_);
  if (held_[slot] == map_row) return maxima;
  held_[slot] = map_row;
  std::fill(maxima, maxima + row_bytes_, std::uint8_t{1});  // padding
  const std::int64_t map_bricks = map_.shape().bricks();
  const std::uint8_t* from = map_.at(map_row * layer_.W) + brick_;
  const std::int64_t begin = layer_.pad_tblr[2] * bricks_;
  const std::int64_t end = std::min(begin + layer_.W * bricks_, row_bytes_);
  if (map_bricks == bricks_) {
    if (begin < end) std::copy(from, from + (end - begin), maxima + begin);
  } else {
    for (std::int64_t i = begin; i < end; i += bricks_, from += map_bricks)
      std::copy(from, from + bricks_, maxima + i);
  }
  const std::int64_t window = layer_.stride[1] * bricks_;
  for (std::int64_t level = 1; level < levels_; ++level) {
    const std::uint8_t* half = maxima + (level - 1) * row_bytes_;
    const std::int64_t other = (std::int64_t{1} << (level - 1)) * window;
    std::uint8_t* whole = maxima + level * row_bytes_;
    const std::int64_t count = row_bytes_ - ((std::int64_t{1} << level) - 1) * window;
    for (std::int64_t i = 0; i < count; ++i)
      whole[i] = std::max(half[i], half[i + other]);
  }
  return maxima;
}

const std::vector<std::uint8_t>& PalletWidths::of(std::int64_t pallet) {
  std::fill(widths_.begin(), widths_.end(), std::uint8_t{1});
  const std::int64_t windows = layer_.windows();
  const std::int64_t end = std::min((pallet + 1) * columns_, windows);
  // Without dilation the taps of a kernel row lie side by side.
  const bool solid = layer_.dilation[1] == 1;
  const std::int64_t parts = solid ? 1 : layer_.S;
  const std::int64_t part = solid ? layer_.S * bricks_ : bricks_;
  for (std::int64_t window = pallet * columns_; window < end;) {
    const std::int64_t ox = window % layer_.OW;
    const std::int64_t row = window / layer_.OW;  // n * OH + oy
    const std::int64_t count = std::min(end - window, layer_.OW - ox);
    window += count;
    const int level = 63 - __builtin_clzll(static_cast<unsigned long long>(count));
    const std::int64_t first = level * row_bytes_ + ox * layer_.stride[1] * bricks_;
    const std::int64_t last = first + (count - (std::int64_t{1} << level)) * layer_.stride[1] * bricks_;
    const std::int64_t n = row / layer_.OH;
    for (std::int64_t r = 0; r < layer_.R; ++r) {
      const std::int64_t y = layer_.input_row(row - n * layer_.OH, r);
      if (y < 0 || y >= layer_.H) continue;
      const std::uint8_t* maxima = maxima_of(n * layer_.H + y);
      std::uint8_t* to = widths_.data() + r * layer_.S * bricks_;
      for (std::int64_t i = 0; i < parts; ++i) {
        const std::int64_t tap = i * layer_.dilation[1] * bricks_;
        widen(to + i * part, maxima + first + tap, maxima + last + tap, part);
      }
    }
  }
  return widths_;
}

}  // namespace dpred
