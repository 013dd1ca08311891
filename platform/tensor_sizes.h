// What `dpred compress` measures: the size of every tensor that a layer reads, with each codec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/codec/codec.h"
#include "workloads/network.h"

namespace dpred {

/// The names of all codecs, and the entropy bound after them.
std::vector<std::string> measured_codec_names();
/// Those that can be measured of it: of a network without values, the codecs that plan from widths.
std::vector<std::string> measured_codec_names(const Network& network);

struct TensorSizes {
  std::string tensor;  ///< key
  bool is_weight = false;
  std::string codec;  ///< of measured_codec_names()
  std::int64_t group = 16;
  std::int64_t values = 0;
  std::uint64_t raw_bits = 0;
  StreamSizes sizes;
};

/// A row for each of these codecs on each tensor, in the order of first reading; the first reading decides
/// role and layout. Widths are found once a tensor and form of sign. InputError if the network doesn't have
/// the values that a codec needs.
std::vector<TensorSizes> tensor_sizes(const Network& network, const std::vector<std::string>& codecs,
                                      const StreamOptions& options, const CodecOptions& codec_options);

/// Sums over tensors.
struct SizeTotal {
  std::int64_t values = 0;
  std::uint64_t raw_bits = 0;
  StreamSizes sizes;

  SizeTotal& operator+=(const TensorSizes& row);
  double ratio() const;  ///< total bits over raw bits; 0 of nothing
};

/// With one codec and group size.
struct CodecTotals {
  std::string codec;
  std::int64_t group = 16;
  SizeTotal inputs, weights, all;
};

/// Codec by codec, and groups, in the order in which they first occur.
std::vector<CodecTotals> codec_totals(const std::vector<TensorSizes>& rows);

}  // namespace dpred
