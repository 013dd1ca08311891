// What a driver writes to memory for each layer. A run of the command writes the same bytes: one command
// path.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/array/array_geometry.h"
#include "models/codec/codec.h"
#include "models/codec/stream_layout.h"
#include "workloads/network.h"

namespace dpred {

/// A tensor in memory, as the engine must read or write it.
struct OperandDescriptor {
  std::uint64_t address = 0;        ///< of the stream; of an input on chip: in the activation buffer
  std::uint64_t table_address = 0;  ///< of the offset table; unused in raw mode
  std::uint64_t bytes = 0;          ///< inputs: of the stream; output: the region's capacity
  std::uint32_t table_bytes = 0;    ///< likewise
  std::uint8_t codec = 0;           ///< place in codec_names()
  StreamFormat format;              ///< mode, signedness, zero point, width: a driver has them from a profile
  std::uint8_t width = 0;           ///< profiled precision of the centred values: Pa, Pw; 1..B+1
};

/// One layer, as a driver describes it. Beside it the host hands over a LayerModel (sequencer.h), which the
/// sequencer compares with it.
struct LayerDescriptor {
  static constexpr std::uint32_t magic = 0x44505231;  ///< "1RPD" in memory
  static constexpr std::uint32_t size = 256;          ///< bytes, aligned to itself

  LayerShape shape;
  bool weight_is_activation = false;
  StreamOptions stream;  ///< group, slices, blocks: shared by the three tensors
  OperandDescriptor activation, weight, output;
  std::uint32_t output_channels = 0;  ///< K; K/4 for the gates of an LSTM; 0: the result stays on chip
  std::uint64_t bias_address = 0;     ///< 4 bytes a filter; 0: no bias
  /// How the array computes it: decided for each layer, so not `best`.
  TileSplit tile_split = TileSplit::filters;
  bool folded = false;
  /// Region for sums that leave the chip while they are partial, a multiple of 4096; 0: none do.
  std::uint64_t partial_address = 0;
  // Bits of `on_chip`.
  static constexpr std::uint8_t input_stays = 1;   ///< left in the activation buffer by the layer before
  static constexpr std::uint8_t output_stays = 2;  ///< left there for the next layer, at output_place
  static constexpr std::uint8_t not_written = 4;   ///< of an output that stays: it isn't in memory too
  std::uint8_t on_chip = 0;
  std::uint32_t output_place = 0;  ///< in the activation buffer

  bool is(std::uint8_t bit) const { return (on_chip & bit) != 0; }
  StreamRole weight_role() const { return dpred::weight_role(shape); }
  Shape output_shape() const {
    return {shape.N, static_cast<std::int64_t>(output_channels), shape.OH, shape.OW};
  }

  /// 64 little-endian words; unused ones are zero.
  std::array<std::uint8_t, size> to_bytes() const;
  /// InputError that names the field if the bytes are no descriptor: wrong magic, a field out of range,
  /// dimensions that do not fit each other.
  static LayerDescriptor from_bytes(const std::array<std::uint8_t, size>& bytes);
};

}  // namespace dpred
