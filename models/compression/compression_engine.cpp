#include "models/compression/compression_engine.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "models/codec/containers.h"
#include "models/codec/offset_table.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

std::int64_t groups_of(const StreamLayout& layout, RowRange rows) {
  return rows.rows() * layout.section_of_row(rows.begin).groups_per_row(layout.options().group);
}

RowRange rows_of(const StreamBlock& block) {
  return {block.first_row, block.first_row + block.rows};
}

/// Groups that are decoded for these rows: those of whole blocks where decoding can't begin inside one.
std::int64_t decoded_groups(const StreamDirectory& stream, RowRange rows) {
  const StreamLayout& layout = stream.layout();
  if (stream.plan().whole_blocks()) {
    const auto block_of = [&](std::int64_t row) {
      return layout.blocks()[static_cast<std::size_t>(layout.block_of_row(row))];
    };
    rows = {rows_of(block_of(rows.begin)).begin, rows_of(block_of(rows.end - 1)).end};
  }
  return groups_of(layout, rows);
}

std::shared_ptr<MemoryTransfer> transfer_of(std::uint64_t bytes) {
  const auto transfer = std::make_shared<MemoryTransfer>();
  transfer->bytes.resize(static_cast<std::size_t>(bytes));
  transfer->completed = sc_core::sc_time_stamp();
  return transfer;
}

/// Requests end where a multiple of their length lies, so they are aligned if that is a number of bursts.
/// Where they are bursts, as many bytes are under way.
MemoryPortConfig port_config(const EngineConfig& config) {
  const std::uint64_t bursts = std::max(config.request_bytes / config.burst_bytes, std::uint64_t{1});
  if (config.four_phases) return {true, config.burst_bytes, config.outstanding * bursts};
  return {false, bursts * config.burst_bytes, config.outstanding};
}

/// Groups that are decoded for parts of rows.
std::int64_t decoded_groups(const StreamDirectory& stream, const std::vector<RowPiece>& parts) {
  std::int64_t groups = 0;
  for (const RowPiece& part : parts) {
    const StreamDirectory::DecodedValues decoded =
        stream.decoded_values(part.row, part.value_begin, part.value_end);
    const StreamSection& section = stream.layout().section_of_row(part.row);
    const std::int64_t run = std::min(section.run, decoded.value_end - decoded.value_begin);
    groups +=
        (decoded.value_end - decoded.value_begin) / run * divide_up(run, stream.layout().options().group);
  }
  return groups;
}

}  // namespace

CompressionEngine::CompressionEngine(const sc_core::sc_module_name& name, const EngineConfig& config)
    : sc_module(name), config_(config), clock_(config.clock_mhz), port_("port", mem, port_config(config)) {
  for (auto* socket : {&activation_buffer, &weight_buffer, &output_buffer})
    socket->bind(no_backward_path_);
}

void CompressionEngine::begin_layer(const EngineLayer& layer) {
  if (layer.ideal_memory && !layer.elided) throw std::logic_error("an ideal memory holds no data");
  layer_ = layer;
  activation_ = Source{};
  activation_.stream = layer.activation;
  activation_.cursor = FetchCursor(config_.burst_bytes);
  weight_ = Source{};
  weight_.stream = layer.weight;
  weight_.cursor = FetchCursor(config_.burst_bytes);
  bias_cursor_ = FetchCursor(config_.burst_bytes);
  bias_bytes_.clear();
  output_ = Sink{};
  output_.stream = layer.output;
  if (layer.output.directory != nullptr) {
    output_.table.resize(layer.output.directory->plan().block_bytes.size());
  }
}

std::uint64_t& CompressionEngine::read_counter(Operand operand) {
  return operand == Operand::activation ? traffic_.activation_read_bytes : traffic_.weight_read_bytes;
}

/// Whole bursts [address, address + length).
void CompressionEngine::access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
                               std::uint64_t address, std::size_t at, std::uint64_t length) {
  if (!layer_.ideal_memory) port_.access(transfer, command, address, at, length, layer_.elided);
}

void CompressionEngine::read_memory(std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                                    bool ideal_memory) {
  if (ideal_memory) {
    if (!port_.debug(tlm::TLM_READ_COMMAND, address, data, length)) {
      throw TransportError("no memory at address " + std::to_string(address));
    }
    return;
  }
  const BurstRange bursts = round_to_bursts(address, address + length, config_.burst_bytes);
  layer_ = EngineLayer{};
  traffic_.control_read_bytes += bursts.bytes();
  const auto transfer = transfer_of(bursts.bytes());
  access(transfer, tlm::TLM_READ_COMMAND, bursts.begin, 0, bursts.bytes());
  port_.await(*transfer);
  if (transfer->completed > sc_core::sc_time_stamp()) wait(transfer->completed - sc_core::sc_time_stamp());
  std::memcpy(data, transfer->bytes.data() + (address - bursts.begin), static_cast<std::size_t>(length));
}

Pending<sc_core::sc_time> CompressionEngine::fetch_table(Operand operand) {
  const Source& from = source(operand);
  const std::uint64_t bytes = from.stream.directory->plan().table_bytes();
  if (bytes == 0) return {};
  const std::uint64_t fetched = round_to_bursts(0, bytes, config_.burst_bytes).end;
  read_counter(operand) += fetched;
  const auto transfer = transfer_of(fetched);
  access(transfer, tlm::TLM_READ_COMMAND, from.stream.table_address, 0, fetched);
  return [this, &from, transfer] {
    port_.await(*transfer);
    if (!layer_.elided) check_table(from, transfer->bytes.data());
    return transfer->completed;
  };
}

void CompressionEngine::check_table(const Source& from, const std::uint8_t* bytes) const {
  const StreamPlan& plan = from.stream.directory->plan();
  const std::vector<std::uint8_t>& header = plan.format.header;
  if (!std::equal(header.begin(), header.end(), bytes)) {
    throw StreamError("offset table at address " + std::to_string(from.stream.table_address) +
                          ": the header in front of it is not the stream's",
                      0);
  }
  const std::vector<std::uint32_t> table = offsets_from_table(bytes + header.size(), plan.block_bytes.size());
  for (std::size_t block = 0; block < table.size(); ++block) {
    if (table[block] == from.stream.directory->block_offset(static_cast<std::int64_t>(block))) continue;
    throw StreamError("offset table at address " + std::to_string(from.stream.table_address) + ", block " +
                          std::to_string(block) + ": offset " + std::to_string(table[block]) +
                          " is not the block's",
                      32 * block);
  }
}

Pending<FetchTimes> CompressionEngine::fetch(Operand operand, const std::vector<RowRange>& rows,
                                             std::uint64_t buffer_address,
                                             const std::vector<RowPart>& parts) {
  Source& from = source(operand);
  const StreamDirectory& directory = *from.stream.directory;
  const StreamLayout& layout = directory.layout();
  const bool coded = directory.plan().has_table();
  const auto fetch = std::make_shared<Fetch>();
  fetch->operand = operand;
  fetch->buffer_address = buffer_address;
  fetch->completed = sc_core::sc_time_stamp();
  std::size_t bytes = 0;
  const auto add = [&](std::size_t section, const ByteRange& range, std::vector<RowPiece> of_rows) {
    Fetch::Piece piece{range, std::move(of_rows), section,
                       from.cursor.fetch(section, range.begin, range.end)};
    piece.first_byte = range.begin / config_.burst_bytes * config_.burst_bytes;
    piece.at = bytes;
    bytes += static_cast<std::size_t>(piece.bursts.begin - piece.first_byte + piece.bursts.bytes());
    fetch->pieces.push_back(std::move(piece));
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto section = layout.section_number(rows[i].begin);
    if (parts.empty()) {
      for (const ByteRange& range : directory.bytes_of(rows[i]))
        add(section, range, {});
      fetch->values += static_cast<std::uint64_t>(rows[i].rows() * layout.row_values(rows[i].begin));
      continue;
    }
    const std::vector<RowPiece> pieces = directory.pieces_of(rows[i], parts[i]);
    visit_runs(pieces, [&](std::size_t first, std::size_t past, std::uint64_t begin, std::uint64_t end) {
      const auto at = pieces.begin();
      add(section, {begin, end, {pieces[first].row, pieces[past - 1].row + 1}},
          {at + static_cast<std::ptrdiff_t>(first), at + static_cast<std::ptrdiff_t>(past)});
    });
    fetch->values += static_cast<std::uint64_t>(rows[i].rows() * parts[i].values());
  }
  if (!layer_.elided) fetch->bytes.resize(bytes);
  for (const Fetch::Piece& piece : fetch->pieces) {
    const sc_core::sc_time start = sc_core::sc_time_stamp();
    read_counter(operand) += piece.bursts.bytes();
    access(fetch, tlm::TLM_READ_COMMAND, from.stream.address + piece.bursts.begin,
           piece.at + static_cast<std::size_t>(piece.bursts.begin - piece.first_byte), piece.bursts.bytes());
    if (coded && config_.decoders != 0 && !layer_.ideal_codec) {
      const std::int64_t groups = piece.parts.empty() ? decoded_groups(directory, piece.range.rows)
                                                      : decoded_groups(directory, piece.parts);
      const std::uint64_t cycles = divide_up(static_cast<std::uint64_t>(groups), config_.decoders);
      from.decoder_free = std::max(from.decoder_free, start) + clock_.time_of(cycles);
      fetch->decoded = from.decoder_free;
    }
  }
  return [this, fetch] {
    port_.await(*fetch);
    return take_in(*fetch);
  };
}

/// The bytes of a fetch are there: decodes them into the buffer.
FetchTimes CompressionEngine::take_in(Fetch& fetch) {
  Source& from = source(fetch.operand);
  containers_.clear();
  for (const Fetch::Piece& piece : fetch.pieces) {
    if (layer_.elided) break;
    // Bytes before the bursts that were asked for are in the burst that was kept from the fetch before.
    std::vector<std::uint8_t>& last_burst = from.kept[piece.section];
    const auto begin = fetch.bytes.begin() + static_cast<std::ptrdiff_t>(piece.at);
    if (piece.bursts.begin > piece.first_byte) std::copy(last_burst.begin(), last_burst.end(), begin);
    const auto end = begin + static_cast<std::ptrdiff_t>(piece.bursts.end - piece.first_byte);
    last_burst.assign(end - static_cast<std::ptrdiff_t>(config_.burst_bytes), end);
    if (piece.parts.empty()) {
      decode(from, piece.range, &*begin, piece.first_byte);
    } else {
      decode_parts(from, piece, &*begin);
    }
  }
  const ValueFormat& format = from.stream.directory->plan().format.values;
  fill_staging_.resize(static_cast<std::size_t>(fetch.values * format.bits / 8));
  store_codes(fetch.operand, format, fetch.buffer_address);
  return {fetch.completed, std::max(fetch.completed, fetch.decoded)};
}

void CompressionEngine::decode(const Source& from, const ByteRange& range, const std::uint8_t* bytes,
                               std::uint64_t first_byte) {
  const StreamDirectory& directory = *from.stream.directory;
  const StreamLayout& layout = directory.layout();
  const StreamPlan& plan = directory.plan();
  const std::size_t size = static_cast<std::size_t>(range.end - first_byte);
  for (std::int64_t row = range.rows.begin; row < range.rows.end;) {
    const std::int64_t block = layout.block_of_row(row);
    const RowRange in_block = rows_of(layout.blocks()[static_cast<std::size_t>(block)]);
    const RowRange wanted{row, std::min(in_block.end, range.rows.end)};
    const std::size_t block_begin = static_cast<std::size_t>(directory.block_offset(block) - first_byte) * 8;
    const std::size_t row_bytes =
        static_cast<std::size_t>(layout.row_values(row)) * plan.format.container_bytes();
    const std::size_t at = containers_.size();
    containers_.resize(at + static_cast<std::size_t>(wanted.rows()) * row_bytes);
    std::uint8_t* to = containers_.data() + at;
    const auto decode_rows = [&](RowRange rows, BitReader& bits, std::uint8_t* containers) {
      from.stream.codec->decode_rows(
          plan.format, {layout.section_of_row(row), rows.rows(), layout.options().group}, bits, containers);
      if (rows.end == in_block.end) check_padding(bits);
    };
    try {
      if (plan.whole_blocks()) {
        block_containers_.resize(static_cast<std::size_t>(in_block.rows()) * row_bytes);
        BitReader bits(bytes, size, block_begin);
        decode_rows(in_block, bits, block_containers_.data());
        const std::uint8_t* first =
            block_containers_.data() + static_cast<std::size_t>(wanted.begin - in_block.begin) * row_bytes;
        std::copy_n(first, static_cast<std::size_t>(wanted.rows()) * row_bytes, to);
        row = wanted.end;
        continue;
      }
      for (; row < wanted.end; ++row, to += row_bytes) {
        const auto position_of = [&](std::int64_t r) {
          return block_begin + static_cast<std::size_t>(plan.row_bits[static_cast<std::size_t>(r)]);
        };
        BitReader bits(bytes, size, position_of(row));
        decode_rows({row, row + 1}, bits, to);
        if (row + 1 < in_block.end && bits.position() != position_of(row + 1)) {
          throw StreamError("a row does not end where the next one starts", bits.position());
        }
      }
    } catch (const StreamError& error) {
      throw error.within("stream at address " + std::to_string(from.stream.address) + ", block " +
                             std::to_string(block) + ", row " + std::to_string(row),
                         block_begin);
    }
  }
}

/// Of the groups, rows or blocks that hold a part, the values that are wanted.
void CompressionEngine::decode_parts(const Source& from, const Fetch::Piece& piece,
                                     const std::uint8_t* bytes) {
  const StreamDirectory& directory = *from.stream.directory;
  const StreamLayout& layout = directory.layout();
  const StreamPlan& plan = directory.plan();
  const std::size_t code_bytes = plan.format.container_bytes();
  const std::size_t size = static_cast<std::size_t>(piece.range.end - piece.first_byte);
  for (const RowPiece& part : piece.parts) {
    const std::int64_t block = layout.block_of_row(part.row);
    const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
    const StreamDirectory::DecodedValues decoded =
        directory.decoded_values(part.row, part.value_begin, part.value_end);
    StreamSection section = layout.section_of_row(part.row);
    StreamRows coded{section, rows.rows, layout.options().group};
    std::int64_t skipped = part.value_begin;
    if (plan.whole_blocks()) {
      skipped += (part.row - rows.first_row) * section.row_values;
    } else {
      coded.rows = 1;
      skipped -= decoded.value_begin;
      // Groups of a part never leave their runs, so a part is like a row that has no others.
      section.row_values = decoded.value_end - decoded.value_begin;
      section.run = std::min(section.run, section.row_values);
    }
    const std::size_t block_bit = static_cast<std::size_t>(directory.block_offset(block)) * 8;
    block_containers_.resize(static_cast<std::size_t>(coded.rows * section.row_values) * code_bytes);
    try {
      BitReader bits(bytes, size,
                     block_bit + static_cast<std::size_t>(decoded.bit_begin) -
                         static_cast<std::size_t>(piece.first_byte) * 8);
      from.stream.codec->decode_rows(plan.format, coded, bits, block_containers_.data());
    } catch (const StreamError& error) {
      throw error.within("stream at address " + std::to_string(from.stream.address) + ", block " +
                             std::to_string(block) + ", row " + std::to_string(part.row),
                         block_bit - static_cast<std::size_t>(piece.first_byte) * 8);
    }
    const auto first = block_containers_.begin() + skipped * static_cast<std::ptrdiff_t>(code_bytes);
    containers_.insert(containers_.end(), first,
                       first + (part.value_end - part.value_begin) * static_cast<std::ptrdiff_t>(code_bytes));
  }
}

/// Decoded values go into the buffer as codes of B bits: the zero point is added on the way.
void CompressionEngine::store_codes(Operand operand, const ValueFormat& format,
                                    std::uint64_t buffer_address) {
  if (fill_staging_.empty()) return;
  if (!layer_.elided) {
    add_to_containers(format.bits, containers_.data(), fill_staging_.size() / (format.bits / 8),
                      format.zero_point, fill_staging_.data());
  }
  auto& buffer = operand == Operand::activation ? activation_buffer : weight_buffer;
  fill_access_.transfer(buffer, tlm::TLM_WRITE_COMMAND, buffer_address, fill_staging_.data(),
                        fill_staging_.size(), layer_.elided);
}

Pending<sc_core::sc_time> CompressionEngine::fetch_partials(std::uint64_t offset, std::uint64_t bytes,
                                                            std::uint64_t buffer_address) {
  const std::uint64_t fetched = round_to_bursts(0, bytes, config_.burst_bytes).end;
  traffic_.output_read_bytes += fetched;
  const auto transfer = transfer_of(fetched);
  access(transfer, tlm::TLM_READ_COMMAND, layer_.partial_address + offset, 0, fetched);
  return [this, transfer, bytes, buffer_address] {
    port_.await(*transfer);
    fill_access_.transfer(output_buffer, tlm::TLM_WRITE_COMMAND, buffer_address, transfer->bytes.data(),
                          bytes, layer_.elided);
    return transfer->completed;
  };
}

Pending<DrainTimes> CompressionEngine::drain_partials(std::uint64_t offset, std::uint64_t bytes,
                                                      std::uint64_t buffer_address) {
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  const std::uint64_t written = round_to_bursts(0, bytes, config_.burst_bytes).end;
  traffic_.output_write_bytes += written;
  const auto transfer = transfer_of(written);
  drain_access_.transfer(output_buffer, tlm::TLM_READ_COMMAND, buffer_address, transfer->bytes.data(), bytes,
                         layer_.elided);
  access(transfer, tlm::TLM_WRITE_COMMAND, layer_.partial_address + offset, 0, written);
  return [this, transfer, now] {
    port_.await(*transfer);
    return DrainTimes{now, transfer->completed};
  };
}

Pending<FetchedBiases> CompressionEngine::fetch_biases(RowRange filters) {
  const BurstRange bursts = bias_cursor_.fetch(0, 4 * static_cast<std::uint64_t>(filters.begin),
                                               4 * static_cast<std::uint64_t>(filters.end));
  traffic_.weight_read_bytes += bursts.bytes();
  const auto transfer = transfer_of(bursts.bytes());
  access(transfer, tlm::TLM_READ_COMMAND, layer_.bias_address + bursts.begin, 0, bursts.bytes());
  return [this, filters, bursts, transfer] {
    port_.await(*transfer);
    FetchedBiases biases{transfer->completed, {}};
    if (layer_.elided) return biases;
    if (bias_bytes_.size() < bursts.end) bias_bytes_.resize(static_cast<std::size_t>(bursts.end));
    std::copy(transfer->bytes.begin(), transfer->bytes.end(),
              bias_bytes_.begin() + static_cast<std::ptrdiff_t>(bursts.begin));
    for (std::int64_t k = filters.begin; k < filters.end; ++k) {
      const std::uint8_t* bytes = bias_bytes_.data() + 4 * k;
      biases.values.push_back(static_cast<std::int32_t>(bytes[0] | std::uint32_t{bytes[1]} << 8 |
                                                        std::uint32_t{bytes[2]} << 16 |
                                                        std::uint32_t{bytes[3]} << 24));
    }
    return biases;
  };
}

Pending<DrainTimes> CompressionEngine::drain(const JobResults& results,
                                             const std::vector<std::int64_t>& blocks) {
  if (output_.stream.directory == nullptr || results.rows.rows() == 0) return {};
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  take_results(results);
  const StreamDirectory& directory = *output_.stream.directory;
  std::int64_t groups = 0;
  for (const std::int64_t block : blocks) {
    const StreamBlock& rows = directory.layout().blocks()[static_cast<std::size_t>(block)];
    groups += groups_of(directory.layout(), {rows.first_row, rows.first_row + rows.rows});
    if (!layer_.elided) collect_block(rows);
    if (layer_.output_place) leave_on_chip(block);
    if (layer_.output_in_memory) encode(block);
  }
  if (!layer_.output_in_memory) return {};
  sc_core::sc_time encoded = now;
  if (directory.plan().has_table() && config_.encoders != 0 && !layer_.ideal_codec) {
    const std::uint64_t cycles = divide_up(static_cast<std::uint64_t>(groups), config_.encoders);
    output_.encoder_free = std::max(output_.encoder_free, now) + clock_.time_of(cycles);
    encoded = output_.encoder_free;
    if (encoded > now) wait(encoded - now);
  }
  return [this, encoded, write = write_out(false)] {
    await_write(*write);
    return DrainTimes{encoded, std::max(encoded, output_.last_write)};
  };
}

/// Reads a job's results from the output buffer and puts them into the rows of the stream.
void CompressionEngine::take_results(const JobResults& results) {
  const StreamDirectory& directory = *output_.stream.directory;
  const StreamLayout& layout = directory.layout();
  const ValueFormat& format = directory.plan().format.values;
  const RowRange columns = results.columns.rows() > 0 ? results.columns : RowRange{0, layout.shape()[3]};
  const std::int64_t width = columns.rows();
  const std::int64_t channels = results.channels();
  drain_staging_.resize(static_cast<std::size_t>(results.rows.rows() * width * channels * format.bits / 8));
  if (drain_staging_.empty()) return;
  drain_access_.transfer(output_buffer, tlm::TLM_READ_COMMAND, results.buffer_address, drain_staging_.data(),
                         drain_staging_.size(), layer_.elided);
  if (layer_.elided) return;
  const std::size_t code_bytes = format.bits / 8;
  const std::uint8_t* in = drain_staging_.data();
  for (std::int64_t row = results.rows.begin; row < results.rows.end; ++row) {
    for (const StreamSection& section : layout.sections()) {
      const std::int64_t end = std::min(results.channel_end, section.first_channel + section.channels);
      const std::int64_t before = std::max<std::int64_t>(section.first_channel - results.channel_begin, 0);
      const std::int64_t first = (before + results.channel_step - 1) / results.channel_step;
      if (results.channel_begin + first * results.channel_step >= end) continue;
      std::vector<std::uint8_t>& values = output_.rows[section.first_row + row];
      values.resize(static_cast<std::size_t>(section.row_values) * code_bytes);
      for (std::int64_t x = 0; x < width; ++x) {
        const std::uint8_t* code = in + static_cast<std::size_t>(x * channels + first) * code_bytes;
        const std::int64_t position = (columns.begin + x) * section.channels - section.first_channel;
        for (std::int64_t c = results.channel_begin + first * results.channel_step; c < end;
             c += results.channel_step, code += code_bytes) {
          std::uint8_t* to = values.data() + static_cast<std::size_t>(position + c) * code_bytes;
          const std::uint16_t container =
              format.container(code_bytes == 2 ? code[0] | code[1] << 8 : code[0]);
          to[0] = static_cast<std::uint8_t>(container);
          if (code_bytes == 2) to[1] = static_cast<std::uint8_t>(container >> 8);
        }
      }
    }
    in += static_cast<std::size_t>(width * channels) * code_bytes;
  }
}

/// Takes the rows of a block that is complete out of those that wait.
void CompressionEngine::collect_block(const StreamBlock& block) {
  drained_containers_.clear();
  for (std::int64_t row = block.first_row; row < block.first_row + block.rows; ++row) {
    const auto at = output_.rows.find(row);
    if (at == output_.rows.end()) throw std::logic_error("an output block is drained before it is complete");
    drained_containers_.insert(drained_containers_.end(), at->second.begin(), at->second.end());
    output_.rows.erase(at);
  }
}

/// The block that was collected goes to the activation buffer, as codes, where the next layer finds its rows.
void CompressionEngine::leave_on_chip(std::int64_t block) {
  const StreamDirectory& directory = *output_.stream.directory;
  const StreamLayout& layout = directory.layout();
  const ValueFormat& format = directory.plan().format.values;
  const std::uint64_t code_bytes = format.bits / 8;
  const std::int64_t first_row = layout.blocks()[static_cast<std::size_t>(block)].first_row;
  const std::uint64_t address =
      *layer_.output_place + static_cast<std::uint64_t>(layout.values_before(first_row)) * code_bytes;
  drained_codes_.resize(static_cast<std::size_t>(layout.block_values(block)) * code_bytes);
  if (!layer_.elided) {
    add_to_containers(format.bits, drained_containers_.data(), drained_codes_.size() / code_bytes,
                      format.zero_point, drained_codes_.data());
  }
  stay_access_.transfer(activation_buffer, tlm::TLM_WRITE_COMMAND, address, drained_codes_.data(),
                        drained_codes_.size(), layer_.elided);
}

/// The block that was collected goes to the end of the stream.
void CompressionEngine::encode(std::int64_t block) {
  const StreamDirectory& directory = *output_.stream.directory;
  const StreamPlan& plan = directory.plan();
  std::vector<std::uint8_t> bytes;
  if (layer_.elided) {
    bytes.resize(plan.block_bytes[static_cast<std::size_t>(block)]);
  } else {
    encode_block(*output_.stream.codec, directory.layout(), plan.format, block, drained_containers_.data(),
                 bytes);
  }
  // Without a table, rows are found by counting: blocks lie in block order, whenever they are finished.
  if (!plan.has_table()) output_.offset = directory.block_offset(block);
  output_.table[static_cast<std::size_t>(block)] = static_cast<std::uint32_t>(output_.offset);
  if (output_.offset + bytes.size() > output_.stream.capacity) {
    throw StreamError("output stream at address " + std::to_string(output_.stream.address) +
                          " does not fit its region of " + std::to_string(output_.stream.capacity) + " bytes",
                      static_cast<std::size_t>(output_.stream.capacity) * 8);
  }
  put(output_.offset, bytes);
  output_.offset += bytes.size();
}

/// Bytes of the stream from `at` on: bursts that are full now can be written, the others wait.
void CompressionEngine::put(std::uint64_t at, const std::vector<std::uint8_t>& bytes) {
  const std::uint64_t burst = config_.burst_bytes;
  const std::uint64_t end = at + bytes.size();
  const std::uint8_t* from = bytes.data();
  while (at < end) {
    const std::uint64_t burst_begin = at / burst * burst;
    std::uint64_t length = 0;
    if (at == burst_begin && end - at >= burst) {
      length = (end - at) / burst * burst;
      make_ready(at, from, length);
    } else {
      length = std::min(end, burst_begin + burst) - at;
      PartialBurst& partial = output_.partial[burst_begin];
      partial.bytes.resize(static_cast<std::size_t>(burst));
      std::copy_n(from, length, partial.bytes.data() + (at - burst_begin));
      partial.filled += length;
      if (partial.filled == burst) {
        make_ready(burst_begin, partial.bytes.data(), burst);
        output_.partial.erase(burst_begin);
      }
    }
    from += length;
    at += length;
  }
}

void CompressionEngine::make_ready(std::uint64_t at, const std::uint8_t* bytes, std::uint64_t length) {
  std::vector<ReadyBursts>& ready = output_.ready;
  if (ready.empty() || ready.back().begin + ready.back().length != at) ready.push_back({at, 0});
  ready.back().length += length;
  output_.ready_bytes.insert(output_.ready_bytes.end(), bytes, bytes + length);
}

/// Writes full bursts; at the end of the stream, what is left too.
std::shared_ptr<MemoryTransfer> CompressionEngine::write_out(bool all) {
  if (all) {
    for (const auto& [begin, partial] : output_.partial)
      make_ready(begin, partial.bytes.data(), config_.burst_bytes);
    output_.partial.clear();
  }
  const auto write = std::make_shared<MemoryTransfer>();
  write->bytes.swap(output_.ready_bytes);
  output_.writes.push_back(write);
  std::size_t at = 0;
  for (const ReadyBursts& bursts : output_.ready) {
    traffic_.output_write_bytes += bursts.length;
    access(write, tlm::TLM_WRITE_COMMAND, output_.stream.address + bursts.begin, at, bursts.length);
    at += static_cast<std::size_t>(bursts.length);
  }
  output_.ready.clear();
  return write;
}

void CompressionEngine::await_write(MemoryTransfer& write) {
  port_.await(write);
  write.bytes = {};
  output_.last_write = std::max(output_.last_write, write.completed);
}

Pending<sc_core::sc_time> CompressionEngine::finish_output() {
  if (output_.stream.directory == nullptr || !layer_.output_in_memory) return {};
  write_out(true);
  const StreamPlan& plan = output_.stream.directory->plan();
  if (plan.has_table()) {
    const auto write = std::make_shared<MemoryTransfer>();
    write->bytes = offset_table_bytes(plan.format.header, output_.table);
    write->bytes.resize(
        static_cast<std::size_t>(round_to_bursts(0, plan.table_bytes(), config_.burst_bytes).end));
    output_.writes.push_back(write);
    traffic_.output_write_bytes += write->bytes.size();
    access(write, tlm::TLM_WRITE_COMMAND, output_.stream.table_address, 0, write->bytes.size());
  }
  return [this] {
    for (const auto& write : output_.writes)
      await_write(*write);
    return output_.last_write;
  };
}

}  // namespace dpred
