// Between a tensor's planes and a stream's runs of channels: matrices are transposed.
#pragma once

#include <algorithm>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace dpred {

/// A matrix in memory: element (row, column) is at row * stride + column.
template <class Value>
struct Matrix {
  Value* values;
  std::int64_t stride;
};

namespace transpose_tiles {

inline constexpr std::int64_t side = 8;

template <class Value>
void plain(Matrix<const Value> from, Matrix<Value> to, std::int64_t rows, std::int64_t columns, Value add) {
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t row = 0; row < rows; ++row) {
      to.values[column * to.stride + row] = static_cast<Value>(from.values[row * from.stride + column] + add);
    }
  }
}

#if defined(__SSE2__)

inline void tile(Matrix<const std::uint8_t> from, Matrix<std::uint8_t> to, std::uint8_t add) {
  __m128i row[side];
  for (std::int64_t i = 0; i < side; ++i)
    row[i] = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from.values + i * from.stride));
  // Each register holds pairs of rows, then fours, then eights: a column of the tile in each half.
  __m128i pair[4], four[4], eight[4];
  for (int i = 0; i < 4; ++i)
    pair[i] = _mm_unpacklo_epi8(row[2 * i], row[2 * i + 1]);
  for (int i = 0; i < 2; ++i) {
    four[i] = _mm_unpacklo_epi16(pair[2 * i], pair[2 * i + 1]);
    four[2 + i] = _mm_unpackhi_epi16(pair[2 * i], pair[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    eight[2 * i] = _mm_unpacklo_epi32(four[2 * i], four[2 * i + 1]);
    eight[2 * i + 1] = _mm_unpackhi_epi32(four[2 * i], four[2 * i + 1]);
  }
  const __m128i added = _mm_set1_epi8(static_cast<char>(add));
  for (int i = 0; i < 4; ++i) {
    const __m128i columns = _mm_add_epi8(eight[i], added);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to.values + 2 * i * to.stride), columns);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to.values + (2 * i + 1) * to.stride),
                     _mm_unpackhi_epi64(columns, columns));
  }
}

inline void tile(Matrix<const std::uint16_t> from, Matrix<std::uint16_t> to, std::uint16_t add) {
  __m128i row[side], pair[side], four[side];
  for (std::int64_t i = 0; i < side; ++i)
    row[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from.values + i * from.stride));
  for (int i = 0; i < 4; ++i) {
    pair[2 * i] = _mm_unpacklo_epi16(row[2 * i], row[2 * i + 1]);
    pair[2 * i + 1] = _mm_unpackhi_epi16(row[2 * i], row[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {  // of rows 4 i to 4 i + 3: columns 0 and 1, 2 and 3, 4 and 5, 6 and 7
    four[4 * i] = _mm_unpacklo_epi32(pair[4 * i], pair[4 * i + 2]);
    four[4 * i + 1] = _mm_unpackhi_epi32(pair[4 * i], pair[4 * i + 2]);
    four[4 * i + 2] = _mm_unpacklo_epi32(pair[4 * i + 1], pair[4 * i + 3]);
    four[4 * i + 3] = _mm_unpackhi_epi32(pair[4 * i + 1], pair[4 * i + 3]);
  }
  const __m128i added = _mm_set1_epi16(static_cast<short>(add));
  for (int i = 0; i < 4; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to.values + 2 * i * to.stride),
                     _mm_add_epi16(_mm_unpacklo_epi64(four[i], four[4 + i]), added));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to.values + (2 * i + 1) * to.stride),
                     _mm_add_epi16(_mm_unpackhi_epi64(four[i], four[4 + i]), added));
  }
}

#else

template <class Value>
void tile(Matrix<const Value> from, Matrix<Value> to, Value add) {
  plain(from, to, side, side, add);
}

#endif

}  // namespace transpose_tiles

/// to(column, row) = from(row, column) + add, modulo the size of `Value` (std::uint8_t or std::uint16_t). The
/// two must not overlap.
template <class Value>
void transpose(Matrix<const Value> from, Matrix<Value> to, std::int64_t rows, std::int64_t columns,
               Value add) {
  using namespace transpose_tiles;
  const bool one_line = (columns == 1 && from.stride == 1) || (rows == 1 && to.stride == 1);
  if (one_line) {
    const std::int64_t count = rows * columns;
    for (std::int64_t i = 0; i < count; ++i)
      to.values[i] = static_cast<Value>(from.values[i] + add);
    return;
  }
  if (rows < side || columns < side) return plain(from, to, rows, columns, add);
  // The last tile of a row or column overlaps the one before: some elements are written twice.
  for (std::int64_t r = 0; r < rows; r += side) {
    const std::int64_t row = std::min(r, rows - side);
    for (std::int64_t c = 0; c < columns; c += side) {
      const std::int64_t column = std::min(c, columns - side);
      tile(Matrix<const Value>{from.values + row * from.stride + column, from.stride},
           Matrix<Value>{to.values + column * to.stride + row, to.stride}, add);
    }
  }
}

}  // namespace dpred
