#include "models/codec/stream_layout.h"

#include <algorithm>
#include <type_traits>

#include "workloads/divide_up.h"

namespace dpred {

StreamRole weight_role(const LayerShape& layer) {
  return layer.depthwise() ? StreamRole::depthwise_weight : StreamRole::weight;
}

StreamLayout::StreamLayout(StreamRole role, const Shape& shape, const StreamOptions& options)
    : role_(role), shape_(shape), options_(options) {
  const auto [outer, channels, height, width] = shape;
  if (role == StreamRole::activation) {
    for (std::int64_t c = 0; c < channels; c += options.slice_channels) {
      StreamSection slice;
      slice.first_row = sections_.empty() ? 0 : sections_.back().end_row();
      slice.rows = outer * height;
      slice.first_channel = c;
      slice.channels = std::min(options.slice_channels, channels - c);
      slice.row_values = width * slice.channels;
      slice.run = slice.channels >= options.group ? slice.channels : slice.row_values;
      slice.rows_per_block = divide_up(options.block_values, slice.row_values);
      sections_.push_back(slice);
    }
  } else if (role == StreamRole::weight) {
    StreamSection filters;
    filters.rows = outer;
    filters.channels = channels;
    filters.row_values = channels * height * width;
    filters.run = channels >= options.group ? channels : filters.row_values;
    filters.rows_per_block = options.block_filters;
    sections_.push_back(filters);
  } else {
    StreamSection taps;
    taps.rows = height * width;
    taps.channels = channels;
    taps.row_values = outer;
    taps.run = outer;
    sections_.push_back(taps);
  }
  for (std::size_t s = 0; s < sections_.size(); ++s) {
    StreamSection& section = sections_[s];
    section.first_block = static_cast<std::int64_t>(blocks_.size());
    for (std::int64_t row = 0; row < section.rows; row += section.rows_per_block) {
      blocks_.push_back({section.first_row + row, std::min(section.rows_per_block, section.rows - row), s});
    }
  }
}

std::size_t StreamLayout::section_number(std::int64_t row) const {
  // All sections have the same number of rows.
  return static_cast<std::size_t>(row / sections_.front().rows);
}

std::int64_t StreamLayout::block_of_row(std::int64_t row) const {
  const StreamSection& section = section_of_row(row);
  return section.first_block + (row - section.first_row) / section.rows_per_block;
}

std::int64_t StreamLayout::block_values(std::int64_t block) const {
  const StreamBlock& b = blocks_[static_cast<std::size_t>(block)];
  return b.rows * section_of(b).row_values;
}

std::int64_t StreamLayout::first_group(std::int64_t row) const {
  std::int64_t group = 0;
  for (const StreamSection& section : sections_) {
    const std::int64_t per_row = section.groups_per_row(options_.group);
    if (row < section.end_row()) return group + (row - section.first_row) * per_row;
    group += section.rows * per_row;
  }
  return group;
}

std::int64_t StreamLayout::groups() const {
  return first_group(rows());
}

/// Calls visit(position in the output, stride there, index in the tensor, stride there, count) for strips.
template <class Visit>
void StreamLayout::walk(std::int64_t first_row, std::int64_t rows, Visit&& visit) const {
  const auto [outer, channels, height, width] = shape_;
  const StreamSection& section = section_of_row(first_row);
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t out = i * section.row_values;
    const std::int64_t row = first_row + i - section.first_row;
    if (role_ == StreamRole::activation) {
      const std::int64_t n = row / height;
      const std::int64_t y = row % height;
      if (width == 1) {
        visit(out, 1, (n * channels + section.first_channel) * height + y, height, section.channels);
        continue;
      }
      for (std::int64_t c = 0; c < section.channels; ++c) {
        const std::int64_t in = ((n * channels + section.first_channel + c) * height + y) * width;
        visit(out + c, section.channels, in, 1, width);
      }
    } else if (role_ == StreamRole::weight) {
      const std::int64_t taps = height * width;
      const std::int64_t in = row * section.row_values;
      for (std::int64_t tap = 0; tap < taps; ++tap)
        visit(out + tap * channels, 1, in + tap, taps, channels);
    } else {
      visit(out, 1, row, height * width, outer);
    }
  }
}

void StreamLayout::gather(const Tensor& tensor, const ValueFormat& format, std::int64_t first_row,
                          std::int64_t rows, std::uint8_t* containers) const {
  const auto copy = [&](const auto* codes, auto* to) {
    using Stored = std::remove_pointer_t<decltype(to)>;
    const auto zero_point = static_cast<Stored>(format.zero_point);
    walk(first_row, rows,
         [&](std::int64_t out, std::int64_t out_stride, std::int64_t in, std::int64_t in_stride,
             std::int64_t count) {
           for (std::int64_t i = 0; i < count; ++i)
             to[out + i * out_stride] = static_cast<Stored>(codes[in + i * in_stride] - zero_point);
         });
  };
  if (format.bits == 8) {
    copy(tensor.data.data(), containers);
  } else {
    copy(reinterpret_cast<const std::uint16_t*>(tensor.data.data()),
         reinterpret_cast<std::uint16_t*>(containers));
  }
}

void StreamLayout::scatter(const std::uint8_t* containers, const ValueFormat& format, std::int64_t first_row,
                           std::int64_t rows, Tensor& tensor) const {
  const auto copy = [&](const auto* from, auto* codes) {
    using Stored = std::remove_pointer_t<decltype(codes)>;
    const auto zero_point = static_cast<Stored>(format.zero_point);
    walk(first_row, rows,
         [&](std::int64_t out, std::int64_t out_stride, std::int64_t in, std::int64_t in_stride,
             std::int64_t count) {
           for (std::int64_t i = 0; i < count; ++i)
             codes[in + i * in_stride] = static_cast<Stored>(from[out + i * out_stride] + zero_point);
         });
  };
  if (format.bits == 8) {
    copy(containers, tensor.data.data());
  } else {
    copy(reinterpret_cast<const std::uint16_t*>(containers),
         reinterpret_cast<std::uint16_t*>(tensor.data.data()));
  }
}

}  // namespace dpred
