// Plans of codecs whose sizes depend on more than widths: found block by block from the values.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "models/codec/codec.h"

namespace dpred {

struct BlockBits {
  std::uint64_t metadata = 0;
  std::uint64_t payload = 0;
};

/// `measure(const StreamRows&, const std::uint8_t* containers)` gives the BlockBits of a block: exactly what
/// encode_rows() appends. InputError as of within_reach().
template <class Measure>
StreamPlan plan_blocks(const CodecInput& input, StreamFormat format, Measure&& measure) {
  if (input.tensor == nullptr) throw std::logic_error("this codec plans from a tensor's values");
  const StreamLayout& layout = input.layout;
  StreamPlanBuilder builder(layout, format);
  std::vector<std::uint8_t> containers;
  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    const StreamBlock& block = layout.blocks()[b];
    const StreamRows rows{layout.section_of(block), block.rows, layout.options().group};
    containers.resize(static_cast<std::size_t>(rows.values()) * format.container_bytes());
    layout.gather(*input.tensor, format.values, block.first_row, block.rows, containers.data());
    const BlockBits bits = measure(rows, containers.data());
    builder.block(bits.metadata, bits.payload);
  }
  return within_reach(builder.finish());
}

}  // namespace dpred
