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

/// Calls visit(const StreamRows&, const std::uint8_t* containers) for each block of the tensor.
template <class Visit>
void visit_blocks(const CodecInput& input, const StreamFormat& format, Visit&& visit) {
  if (input.tensor == nullptr) throw std::logic_error("this codec plans from a tensor's values");
  const StreamLayout& layout = input.layout;
  std::vector<std::uint8_t> containers;
  for (const StreamBlock& block : layout.blocks()) {
    const StreamRows rows{layout.section_of(block), block.rows, layout.options().group};
    containers.resize(static_cast<std::size_t>(rows.values()) * format.container_bytes());
    layout.gather(*input.tensor, format.values, block.first_row, block.rows, containers.data());
    visit(rows, containers.data());
  }
}

/// `measure(const StreamRows&, const std::uint8_t* containers)` gives the BlockBits of a block: exactly what
/// encode_rows() appends. InputError as of within_reach().
template <class Measure>
StreamPlan plan_blocks(const CodecInput& input, const StreamFormat& format, Measure&& measure) {
  StreamPlanBuilder builder(input.layout, format);
  visit_blocks(input, format, [&](const StreamRows& rows, const std::uint8_t* containers) {
    const BlockBits bits = measure(rows, containers);
    builder.block(bits.metadata, bits.payload);
  });
  return within_reach(builder.finish());
}

/// The same of a codec that decodes from any row on: `measure` gives the bits of a single row.
template <class Measure>
StreamPlan plan_rows(const CodecInput& input, const StreamFormat& format, Measure&& measure) {
  StreamPlanBuilder builder(input.layout, format);
  visit_blocks(input, format, [&](const StreamRows& rows, const std::uint8_t* containers) {
    const std::size_t row_bytes =
        static_cast<std::size_t>(rows.section.row_values) * format.container_bytes();
    for (std::int64_t row = 0; row < rows.rows; ++row, containers += row_bytes) {
      const BlockBits bits = measure(StreamRows{rows.section, 1, rows.group}, containers);
      builder.row(bits.metadata, bits.payload);
    }
  });
  return within_reach(builder.finish());
}

}  // namespace dpred
