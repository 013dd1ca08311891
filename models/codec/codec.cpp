#include "models/codec/codec.h"

#include <algorithm>
#include <limits>

#include "models/codec/registry.h"
#include "workloads/error.h"

namespace dpred {

std::uint64_t StreamPlan::stream_bytes() const {
  std::uint64_t bytes = 0;
  for (const std::uint64_t block : block_bytes)
    bytes += block;
  return bytes;
}

void check_reach(std::uint64_t stream_bytes) {
  if (stream_bytes > std::numeric_limits<std::uint32_t>::max()) {
    throw InputError("a compressed tensor passes 4 GiB: the offset table's 32-bit offsets don't reach");
  }
}

StreamPlan within_reach(StreamPlan plan) {
  if (plan.has_table()) check_reach(plan.stream_bytes());
  return plan;
}

std::vector<std::string> codec_names() {
  std::vector<std::string> names;
  for (const Codec* codec : registered_codecs())
    names.emplace_back(codec->name());
  return names;
}

const Codec& find_codec(std::string_view name) {
  for (const Codec* codec : registered_codecs()) {
    if (codec->name() == name) return *codec;
  }
  throw InputError("unknown codec '" + printable(name) + "'" + suggestion(name, codec_names()));
}

std::uint8_t codec_index(const Codec& codec) {
  const std::vector<const Codec*>& codecs = registered_codecs();
  return static_cast<std::uint8_t>(std::find(codecs.begin(), codecs.end(), &codec) - codecs.begin());
}

StreamPlanBuilder::StreamPlanBuilder(const StreamLayout& layout, const StreamFormat& format)
    : layout_(layout), rows_left_(layout.blocks().front().rows) {
  plan_.format = format;
  plan_.row_bits.reserve(static_cast<std::size_t>(layout.rows()));
  plan_.block_bytes.reserve(layout.blocks().size());
}

void StreamPlanBuilder::row(std::uint64_t metadata_bits, std::uint64_t payload_bits) {
  plan_.row_bits.push_back(block_bits_);
  add(metadata_bits, payload_bits);
  if (--rows_left_ == 0) end_block();
}

void StreamPlanBuilder::block(std::uint64_t metadata_bits, std::uint64_t payload_bits) {
  add(metadata_bits, payload_bits);
  end_block();
}

void StreamPlanBuilder::add(std::uint64_t metadata_bits, std::uint64_t payload_bits) {
  plan_.sizes.metadata_bits += metadata_bits;
  plan_.sizes.payload_bits += payload_bits;
  block_bits_ += metadata_bits + payload_bits;
}

void StreamPlanBuilder::end_block() {
  const std::uint64_t bytes = (block_bits_ + 7) / 8;
  plan_.sizes.padding_bits += bytes * 8 - block_bits_;
  plan_.block_bytes.push_back(bytes);
  block_bits_ = 0;
  if (++block_ < layout_.blocks().size()) rows_left_ = layout_.blocks()[block_].rows;
}

StreamPlan StreamPlanBuilder::finish() {
  const std::uint64_t header = plan_.format.header.size();
  plan_.sizes.metadata_bits += 8 * header;
  plan_.sizes.pointer_bits = 8 * (plan_.table_bytes() - header);
  return std::move(plan_);
}

void encode_block(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                  std::int64_t block, const std::uint8_t* containers, std::vector<std::uint8_t>& out) {
  const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
  const StreamSection& section = layout.section_of(rows);
  BitWriter bits(out);
  codec.encode_rows(format, {section, rows.rows, layout.options().group}, containers, bits);
  bits.align();
}

std::uint64_t most_block_bytes(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                               std::int64_t block) {
  const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
  const StreamSection& section = layout.section_of(rows);
  return (codec.most_bits(format, {section, rows.rows, layout.options().group}) + 7) / 8;
}

EncodedTensor encode(const Codec& codec, const StreamLayout& layout, const StreamPlan& plan,
                     const Tensor& tensor) {
  EncodedTensor encoded;
  encoded.format = plan.format;
  encoded.stream.reserve(plan.stream_bytes());
  std::vector<std::uint8_t> containers;
  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    const StreamBlock& block = layout.blocks()[b];
    containers.resize(static_cast<std::size_t>(layout.block_values(static_cast<std::int64_t>(b))) *
                      plan.format.container_bytes());
    layout.gather(tensor, plan.format.values, block.first_row, block.rows, containers.data());
    if (plan.has_table()) encoded.table.push_back(static_cast<std::uint32_t>(encoded.stream.size()));
    encode_block(codec, layout, plan.format, static_cast<std::int64_t>(b), containers.data(), encoded.stream);
  }
  return encoded;
}

void check_padding(BitReader& in) {
  const int padding = static_cast<int>((8 - in.position() % 8) % 8);
  if (padding == 0) return;
  const std::size_t position = in.position();
  if (in.get(padding) != 0) throw StreamError("padding of a block is not zero", position);
}

std::size_t decode_block(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                         std::int64_t block, const std::uint8_t* bytes, std::size_t size,
                         std::uint8_t* containers) {
  const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
  const StreamSection& section = layout.section_of(rows);
  BitReader bits(bytes, size);
  codec.decode_rows(format, {section, rows.rows, layout.options().group}, bits, containers);
  check_padding(bits);
  return bits.position() / 8;
}

void check_table(const StreamLayout& layout, const StreamFormat& format,
                 const std::vector<std::uint32_t>& table) {
  const std::size_t blocks = layout.blocks().size();
  if (table.size() != (format.mode != TensorMode::raw ? blocks : 0)) {
    throw StreamError("the offset table has " + std::to_string(table.size()) + " entries for " +
                          std::to_string(blocks) + " blocks",
                      0);
  }
}

StreamError behind_end(std::int64_t block) {
  return StreamError("block " + std::to_string(block) + " starts behind the end of the stream", 0);
}

void decode(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
            const std::vector<std::uint8_t>& stream, const std::vector<std::uint32_t>& table,
            Tensor& tensor) {
  check_table(layout, format, table);
  const bool has_table = format.mode != TensorMode::raw;
  const std::size_t blocks = layout.blocks().size();
  std::vector<std::uint8_t> containers;
  std::size_t next = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t offset = has_table ? table[b] : next;
    if (offset > stream.size()) throw behind_end(static_cast<std::int64_t>(b));
    containers.resize(static_cast<std::size_t>(layout.block_values(static_cast<std::int64_t>(b))) *
                      format.container_bytes());
    try {
      next = offset + decode_block(codec, layout, format, static_cast<std::int64_t>(b),
                                   stream.data() + offset, stream.size() - offset, containers.data());
    } catch (const StreamError& error) {
      throw error.within("block " + std::to_string(b));
    }
    const StreamBlock& block = layout.blocks()[b];
    layout.scatter(containers.data(), format.values, block.first_row, block.rows, tensor);
  }
}

}  // namespace dpred
