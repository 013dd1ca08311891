#include "models/codec/stream_layout.h"

#include <algorithm>
#include <type_traits>

#include "models/codec/transpose.h"
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

std::int64_t StreamLayout::values_before(std::int64_t row) const {
  const std::size_t number = section_number(row);
  std::int64_t values = 0;
  for (std::size_t s = 0; s < number; ++s)
    values += sections_[s].rows * sections_[s].row_values;
  return values + (row - sections_[number].first_row) * sections_[number].row_values;
}

std::int64_t StreamLayout::block_values(std::int64_t block) const {
  const StreamBlock& b = blocks_[static_cast<std::size_t>(block)];
  return b.rows * section_of(b).row_values;
}

StreamPlace StreamLayout::place_of(std::int64_t index) const {
  const auto [outer, channels, height, width] = shape_;
  const std::int64_t x = index % width;
  const std::int64_t y = index / width % height;
  const std::int64_t c = index / (width * height) % channels;
  const std::int64_t n = index / (width * height * channels);
  std::int64_t row = n;
  std::int64_t in_row = (y * width + x) * channels + c;
  if (role_ == StreamRole::activation) {
    const StreamSection& slice = sections_[static_cast<std::size_t>(c / options_.slice_channels)];
    row = slice.first_row + n * height + y;
    in_row = x * slice.channels + c - slice.first_channel;
  } else if (role_ == StreamRole::depthwise_weight) {
    row = y * width + x;
    in_row = n;
  }
  const StreamSection& section = section_of_row(row);
  const std::int64_t in_section = row - section.first_row;
  return {section.first_block + in_section / section.rows_per_block,
          in_section % section.rows_per_block * section.row_values + in_row};
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

/// Calls visit(begin in the stream, stride of a position there, begin in the tensor, stride of a channel
/// there, channels, positions) for matrices that hold the rows in stream order: a channel after another in
/// the stream, a position after another in the tensor.
template <class Visit>
void StreamLayout::walk(std::int64_t first_row, std::int64_t rows, Visit&& visit) const {
  const auto [outer, channels, height, width] = shape_;
  const StreamSection& section = section_of_row(first_row);
  const std::int64_t first = first_row - section.first_row;
  if (role_ == StreamRole::activation) {
    // Rows of one item follow each other in each plane.
    for (std::int64_t row = first; row < first + rows;) {
      const std::int64_t n = row / height;
      const std::int64_t y = row % height;
      const std::int64_t some = std::min(height - y, first + rows - row);
      visit((row - first) * section.row_values, section.channels,
            ((n * channels + section.first_channel) * height + y) * width, height * width, section.channels,
            some * width);
      row += some;
    }
  } else if (role_ == StreamRole::weight) {
    const std::int64_t taps = height * width;
    if (taps == 1) return visit(0, 1, first * channels, 1, rows * channels, 1);
    for (std::int64_t row = 0; row < rows; ++row)
      visit(row * section.row_values, channels, (first + row) * section.row_values, taps, channels, taps);
  } else {
    visit(0, outer, first, height * width, outer, rows);
  }
}

namespace {

/// Calls copy with pointers to the unsigned type of the codes' size.
template <class Copy>
void with_codes(int bits, const std::uint8_t* from, std::uint8_t* to, Copy&& copy) {
  if (bits == 8) return copy(from, to);
  copy(reinterpret_cast<const std::uint16_t*>(from), reinterpret_cast<std::uint16_t*>(to));
}

}  // namespace

// Codes and containers are both modulo 2^B: signed and unsigned types are handled alike.

void StreamLayout::gather(const Tensor& tensor, const ValueFormat& format, std::int64_t first_row,
                          std::int64_t rows, std::uint8_t* containers) const {
  with_codes(format.bits, tensor.data.data(), containers, [&](const auto* codes, auto* to) {
    using Value = std::remove_pointer_t<decltype(to)>;
    walk(first_row, rows,
         [&](std::int64_t out, std::int64_t out_stride, std::int64_t in, std::int64_t in_stride,
             std::int64_t channels, std::int64_t positions) {
           transpose<Value>({codes + in, in_stride}, {to + out, out_stride}, channels, positions,
                            static_cast<Value>(-format.zero_point));
         });
  });
}

void StreamLayout::scatter(const std::uint8_t* containers, const ValueFormat& format, std::int64_t first_row,
                           std::int64_t rows, Tensor& tensor) const {
  with_codes(format.bits, containers, tensor.data.data(), [&](const auto* from, auto* codes) {
    using Value = std::remove_pointer_t<decltype(codes)>;
    walk(first_row, rows,
         [&](std::int64_t out, std::int64_t out_stride, std::int64_t in, std::int64_t in_stride,
             std::int64_t channels, std::int64_t positions) {
           transpose<Value>({from + out, out_stride}, {codes + in, in_stride}, positions, channels,
                            static_cast<Value>(format.zero_point));
         });
  });
}

}  // namespace dpred
