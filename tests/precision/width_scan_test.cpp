// The passes that find widths, on every path, against values taken one by one.
#include "models/precision/width_scan.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "models/precision/value_format.h"
#include "tests/precision/reference.h"

using namespace dpred;
using namespace dpred::test;

namespace {

struct Widths {
  std::vector<std::uint8_t> widths;
  std::vector<std::uint16_t> non_zeros;

  friend bool operator==(const Widths& a, const Widths& b) {
    return a.widths == b.widths && a.non_zeros == b.non_zeros;
  }
};

/// A scan's results lie with gaps among bytes that it must leave alone.
struct Scan {
  ScanChannels channels;
  std::int64_t lanes, gap;
  ScanValues values;

  std::int64_t bricks() const { return (channels.count + lanes - 1) / lanes; }
  std::int64_t stride() const { return bricks() + gap; }
};

constexpr std::uint8_t untouched = 77;

Widths empty_widths(const Tensor& tensor, const Scan& scan) {
  const auto places =
      static_cast<std::size_t>(tensor.shape[0] * tensor.shape[2] * tensor.shape[3] * scan.stride());
  return {std::vector<std::uint8_t>(places, untouched), std::vector<std::uint16_t>(places, untouched)};
}

Widths scanned(const Tensor& tensor, const ValueFormat& format, const Scan& scan, ScanPath path,
               bool counting) {
  Widths found = empty_widths(tensor, scan);
  scan_bricks(tensor, scan.channels, scan.lanes, format, scan.values, scan.stride(), found.widths.data(),
              counting ? found.non_zeros.data() : nullptr, path);
  return found;
}

Widths expected(const Tensor& tensor, const Scan& scan, bool counting) {
  std::vector<std::int32_t> values = centred_values(tensor);
  const bool is_signed = any_negative(values);
  Widths widths = empty_widths(tensor, scan);
  const std::int64_t positions = tensor.shape[2] * tensor.shape[3];
  for (std::int64_t n = 0; n < tensor.shape[0]; ++n) {
    for (std::int64_t i = 0; i < positions; ++i) {
      for (std::int64_t b = 0; b < scan.bricks(); ++b) {
        int width = 1;
        int non_zeros = 0;
        const std::int64_t end = std::min((b + 1) * scan.lanes, scan.channels.count);
        for (std::int64_t c = scan.channels.first + b * scan.lanes; c < scan.channels.first + end; ++c) {
          std::int32_t value = values[static_cast<std::size_t>((n * tensor.shape[1] + c) * positions + i)];
          if (scan.values == ScanValues::container) value = packed_reference(value, tensor.bits, is_signed);
          width = std::max(width, reference_width(value, is_signed));
          non_zeros += value != 0;
        }
        const auto at = static_cast<std::size_t>((n * positions + i) * scan.stride() + b);
        widths.widths[at] = static_cast<std::uint8_t>(width);
        if (counting) widths.non_zeros[at] = static_cast<std::uint16_t>(non_zeros);
      }
    }
  }
  return widths;
}

void check(const Tensor& tensor, const Scan& scan) {
  const ValueFormat format = profile_of(tensor).format;
  CAPTURE(to_string(tensor.dtype), tensor.zero_point, tensor.shape[0], tensor.shape[1], tensor.shape[2],
          tensor.shape[3], scan.channels.first, scan.channels.count, scan.lanes, scan.gap,
          scan.values == ScanValues::centred);
  for (const bool counting : {false, true}) {
    const Widths wanted = expected(tensor, scan, counting);
    // Not compared as vectors by the macro: it would spell them out.
    const bool plain = scanned(tensor, format, scan, ScanPath::plain, counting) == wanted;
    const bool fastest = scanned(tensor, format, scan, ScanPath::fastest, counting) == wanted;
    REQUIRE(plain);
    REQUIRE(fastest);
  }
}

Scan draw_scan(Rng& rng, std::int64_t channels) {
  Scan scan;
  scan.channels.first = draw(rng, 0, 2) == 0 ? draw(rng, 0, channels - 1) : 0;
  scan.channels.count = channels - scan.channels.first;
  if (draw(rng, 0, 2) == 0) scan.channels.count = draw(rng, 1, scan.channels.count);
  scan.lanes = pick<std::int64_t>(rng, {1, 3, 4, 8, 15, 16, 16, 16, 17, 32, 48, 255, 256});
  scan.gap = pick<std::int64_t>(rng, {0, 0, 1, 5});
  scan.values = pick<ScanValues>(rng, {ScanValues::centred, ScanValues::container});
  return scan;
}

}  // namespace

TEST_CASE("every path of the brick scan gives the widths and non-zeros of values taken one by one") {
  Rng rng(11);
  // Inner positions around the lengths of vectors (16 and 32 values) and of several of them.
  const std::vector<std::int64_t> lengths{1,  1,  2,  3,  7,  9,  15, 16,  17, 25,
                                          31, 32, 33, 49, 63, 64, 65, 129, 169};
  for (int trial = 0; trial < 1500; ++trial) {
    const std::int64_t length = pick(rng, lengths);
    const std::int64_t channels = draw(rng, 0, 3) == 0 ? draw(rng, 1, 300) : draw(rng, 1, 40);
    const std::int64_t items = channels * length < 600 ? draw(rng, 1, 4) : 1;
    const Shape shape =
        draw(rng, 0, 1) == 0 ? Shape{items, channels, length, 1} : Shape{items, channels, 1, length};
    check(draw_tensor(rng, shape, draw_type(rng)), draw_scan(rng, channels));
  }
}

TEST_CASE("the brick scan is right where planes and rows are longer than its tiles") {
  Rng rng(12);
  for (const DType type : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
    for (const std::int64_t length : {2047, 2049, 4100, 8300}) {
      check(draw_tensor(rng, {1, 5, length, 1}, type), {{0, 5}, 2, 1, ScanValues::centred});
      check(draw_tensor(rng, {1, 4 * length + 3, 1, 1}, type),
            {{0, 4 * length + 3}, 4, 0, ScanValues::container});
    }
    check(draw_tensor(rng, {1, 16 * 2100 + 1, 1, 1}, type), {{0, 16 * 2100 + 1}, 16, 0, ScanValues::centred});
    check(draw_tensor(rng, {1, 1300, 3, 3}, type), {{0, 1300}, 1, 0, ScanValues::container});
  }
}

TEST_CASE("one value in a brick decides its width, wherever it is and whatever the zero point") {
  for (const DType type : {DType::int8, DType::uint8, DType::int16, DType::uint16}) {
    const CodeRange range = range_of(type);
    const std::int32_t middle = (range.low + range.high + 1) / 2;
    for (const std::int32_t zero_point :
         {range.low, range.low + 1, middle - 1, middle, middle + 1, range.high}) {
      for (const std::int32_t code : {range.low, middle - 1, middle, range.high}) {
        for (const Shape& shape : {Shape{1, 32, 1, 1}, Shape{1, 2, 9, 1}, Shape{1, 2, 33, 1}}) {
          const std::int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
          for (std::int64_t place = 0; place < count; ++place) {
            std::vector<std::int32_t> codes(static_cast<std::size_t>(count), zero_point);
            codes[static_cast<std::size_t>(place)] = code;
            const Tensor tensor = make_tensor(shape, type, zero_point, codes);
            for (const ScanValues values : {ScanValues::centred, ScanValues::container})
              check(tensor, {{0, shape[1]}, 16, 0, values});
          }
        }
      }
    }
  }
}

TEST_CASE("a brick of 256 values that are not zero counts all of them") {
  for (const DType type : {DType::int8, DType::uint16}) {
    const std::vector<std::int32_t> ones(256 * 40, 1);
    check(make_tensor({1, 256, 40, 1}, type, 0, ones), {{0, 256}, 256, 0, ScanValues::container});
    check(make_tensor({40, 256, 1, 1}, type, 0, ones), {{0, 256}, 256, 0, ScanValues::container});
    check(make_tensor({1, 255, 40, 1}, type, 0, std::vector<std::int32_t>(255 * 40, 1)),
          {{0, 255}, 255, 0, ScanValues::container});
  }
}

TEST_CASE("every path finds the smallest and the largest code") {
  Rng rng(13);
  for (int trial = 0; trial < 400; ++trial) {
    const Tensor tensor = draw_tensor(rng, {draw(rng, 1, 300), 1, 1, 1}, draw_type(rng));
    const std::vector<std::int32_t> codes = codes_of(tensor);
    const auto [low, high] = std::minmax_element(codes.begin(), codes.end());
    for (const ScanPath path : {ScanPath::fastest, ScanPath::plain}) {
      const CodeExtremes found = scan_extremes(tensor, path);
      REQUIRE(found.low == *low);
      REQUIRE(found.high == *high);
    }
  }
}
