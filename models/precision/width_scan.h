// The pass over a tensor's codes that finds widths: what brick maps, width maps of codec groups and profiles
// have in common.
#pragma once

#include <cstdint>

#include "models/precision/value_format.h"
#include "workloads/tensor.h"

namespace dpred {

/// Which code makes a pass. All give the same results.
enum class ScanPath : std::uint8_t {
  fastest,  ///< what the processor can do, found at run time: AVX2 where it has that
  plain,    ///< portable loops
};

/// Which values' widths: of centred values, which arrays multiply (1..B+1), or of container codes, which
/// codecs pack (1..B).
enum class ScanValues : std::uint8_t { centred, container };

/// Consecutive channels of a tensor: of its second dimension.
struct ScanChannels {
  std::int64_t first = 0;
  std::int64_t count = 1;
};

/// Cuts `channels` of a tensor into bricks of `lanes` (1..65535), the last of which may be short. With I
/// inner positions (third and fourth dimension), the width of brick b of position i of item n (first
/// dimension) goes to widths[(n * I + i) * stride + b], and the number of its values that are not zero to the
/// same place of `non_zeros` unless that is null.
void scan_bricks(const Tensor& tensor, ScanChannels channels, std::int64_t lanes, const ValueFormat& format,
                 ScanValues values, std::int64_t stride, std::uint8_t* widths, std::uint16_t* non_zeros,
                 ScanPath path = ScanPath::fastest);

struct CodeExtremes {
  std::int32_t low = 0;
  std::int32_t high = 0;
};

/// Smallest and largest code of a tensor.
CodeExtremes scan_extremes(const Tensor& tensor, ScanPath path = ScanPath::fastest);

}  // namespace dpred
