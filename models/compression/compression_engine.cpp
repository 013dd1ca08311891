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

}  // namespace

CompressionEngine::CompressionEngine(const sc_core::sc_module_name& name, const EngineConfig& config)
    : sc_module(name), config_(config), clock_(config.clock_mhz) {
  for (auto* socket : {&mem, &activation_buffer, &weight_buffer, &output_buffer})
    socket->bind(no_backward_path_);
  // Requests end where a multiple of their length lies, so they are aligned if that is a number of bursts.
  config_.request_bytes =
      std::max(config.request_bytes / config.burst_bytes, std::uint64_t{1}) * config.burst_bytes;
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

/// Whole bursts [address, address + length), cut into requests. Returns when the last of them completes;
/// waits only while as many as allowed are under way.
sc_core::sc_time CompressionEngine::access(Channel& channel, tlm::tlm_command command, std::uint64_t address,
                                           std::uint8_t* data, std::uint64_t length) {
  sc_core::sc_time last = sc_core::sc_time_stamp();
  const std::uint64_t end = address + length;
  while (address < end) {
    const std::uint64_t boundary = (address / config_.request_bytes + 1) * config_.request_bytes;
    const std::uint64_t bytes = std::min(boundary, end) - address;
    if (!layer_.ideal_memory) {
      if (channel.completions.size() == config_.outstanding) {
        const sc_core::sc_time free = channel.completions.front();
        channel.completions.pop_front();
        if (free > sc_core::sc_time_stamp()) wait(free - sc_core::sc_time_stamp());
      }
      const sc_core::sc_time delay =
          channel.access.transfer(mem, command, address, data, bytes, layer_.elided);
      channel.completions.push_back(sc_core::sc_time_stamp() + delay);
      last = std::max(last, channel.completions.back());
    }
    data += bytes;
    address += bytes;
  }
  return last;
}

void CompressionEngine::read_memory(std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                                    bool ideal_memory) {
  if (ideal_memory) {
    if (reads_.access.debug_transfer(mem, tlm::TLM_READ_COMMAND, address, data, length) != length) {
      throw TransportError("no memory at address " + std::to_string(address));
    }
    return;
  }
  const BurstRange bursts = round_to_bursts(address, address + length, config_.burst_bytes);
  control_staging_.resize(static_cast<std::size_t>(bursts.bytes()));
  layer_ = EngineLayer{};
  traffic_.control_read_bytes += bursts.bytes();
  const sc_core::sc_time there =
      access(reads_, tlm::TLM_READ_COMMAND, bursts.begin, control_staging_.data(), bursts.bytes());
  if (there > sc_core::sc_time_stamp()) wait(there - sc_core::sc_time_stamp());
  std::memcpy(data, control_staging_.data() + (address - bursts.begin), static_cast<std::size_t>(length));
}

sc_core::sc_time CompressionEngine::fetch_table(Operand operand) {
  const Source& from = source(operand);
  const std::uint64_t bytes = from.stream.directory->plan().table_bytes();
  if (bytes == 0) return sc_core::sc_time_stamp();
  const std::uint64_t fetched = round_to_bursts(0, bytes, config_.burst_bytes).end;
  read_staging_.resize(static_cast<std::size_t>(fetched));
  read_counter(operand) += fetched;
  const sc_core::sc_time there =
      access(reads_, tlm::TLM_READ_COMMAND, from.stream.table_address, read_staging_.data(), fetched);
  if (!layer_.elided) check_table(from, read_staging_.data());
  return there;
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

FetchTimes CompressionEngine::fetch(Operand operand, const std::vector<RowRange>& rows,
                                    std::uint64_t buffer_address) {
  Source& from = source(operand);
  const StreamDirectory& directory = *from.stream.directory;
  const StreamLayout& layout = directory.layout();
  const bool coded = directory.plan().has_table();
  FetchTimes times{sc_core::sc_time_stamp(), sc_core::sc_time_stamp()};
  containers_.clear();
  std::uint64_t values = 0;
  for (const RowRange& wanted : rows) {
    const auto section = layout.section_number(wanted.begin);
    for (const ByteRange& range : directory.bytes_of(wanted)) {
      const BurstRange bursts = from.cursor.fetch(section, range.begin, range.end);
      // Bytes before bursts.begin are in the burst that was kept from the fetch before.
      const std::uint64_t first_byte = range.begin / config_.burst_bytes * config_.burst_bytes;
      const std::uint64_t kept = bursts.begin - first_byte;
      read_staging_.resize(static_cast<std::size_t>(kept + bursts.bytes()));
      const sc_core::sc_time start = sc_core::sc_time_stamp();
      read_counter(operand) += bursts.bytes();
      const sc_core::sc_time there = access(reads_, tlm::TLM_READ_COMMAND, from.stream.address + bursts.begin,
                                            read_staging_.data() + kept, bursts.bytes());
      times.at_engine = std::max(times.at_engine, there);
      if (coded && config_.decoders != 0 && !layer_.ideal_codec) {
        const std::uint64_t cycles =
            divide_up(static_cast<std::uint64_t>(decoded_groups(directory, range.rows)), config_.decoders);
        from.decoder_free = std::max(from.decoder_free, start) + clock_.time_of(cycles);
      }
      times.in_buffer = std::max({times.in_buffer, times.at_engine, from.decoder_free});
      values += static_cast<std::uint64_t>(range.rows.rows() * layout.row_values(range.rows.begin));
      if (layer_.elided) continue;
      std::vector<std::uint8_t>& last_burst = from.kept[section];
      if (kept > 0) std::copy(last_burst.begin(), last_burst.end(), read_staging_.begin());
      last_burst.assign(read_staging_.end() - static_cast<std::ptrdiff_t>(config_.burst_bytes),
                        read_staging_.end());
      decode(from, range, read_staging_.data(), first_byte);
    }
  }
  const ValueFormat& format = directory.plan().format.values;
  fill_staging_.resize(static_cast<std::size_t>(values * format.bits / 8));
  store_codes(operand, format, buffer_address);
  return times;
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

sc_core::sc_time CompressionEngine::fetch_biases(RowRange filters, std::vector<std::int32_t>& biases) {
  const BurstRange bursts = bias_cursor_.fetch(0, 4 * static_cast<std::uint64_t>(filters.begin),
                                               4 * static_cast<std::uint64_t>(filters.end));
  if (bias_bytes_.size() < bursts.end) bias_bytes_.resize(static_cast<std::size_t>(bursts.end));
  traffic_.weight_read_bytes += bursts.bytes();
  const sc_core::sc_time there = access(reads_, tlm::TLM_READ_COMMAND, layer_.bias_address + bursts.begin,
                                        bias_bytes_.data() + bursts.begin, bursts.bytes());
  biases.clear();
  if (layer_.elided) return there;
  for (std::int64_t k = filters.begin; k < filters.end; ++k) {
    const std::uint8_t* bytes = bias_bytes_.data() + 4 * k;
    biases.push_back(static_cast<std::int32_t>(bytes[0] | std::uint32_t{bytes[1]} << 8 |
                                               std::uint32_t{bytes[2]} << 16 |
                                               std::uint32_t{bytes[3]} << 24));
  }
  return there;
}

DrainTimes CompressionEngine::drain(const JobResults& results, const std::vector<std::int64_t>& blocks) {
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  if (output_.stream.directory == nullptr || results.rows.rows() == 0) return {now, now};
  take_in(results);
  const StreamDirectory& directory = *output_.stream.directory;
  std::int64_t groups = 0;
  for (const std::int64_t block : blocks) {
    const StreamBlock& rows = directory.layout().blocks()[static_cast<std::size_t>(block)];
    groups += groups_of(directory.layout(), {rows.first_row, rows.first_row + rows.rows});
    encode(block);
  }
  DrainTimes times{now, now};
  if (directory.plan().has_table() && config_.encoders != 0 && !layer_.ideal_codec) {
    const std::uint64_t cycles = divide_up(static_cast<std::uint64_t>(groups), config_.encoders);
    output_.encoder_free = std::max(output_.encoder_free, now) + clock_.time_of(cycles);
    times.encoded = output_.encoder_free;
    if (times.encoded > now) wait(times.encoded - now);
  }
  write_out(false);
  times.written = std::max(times.encoded, output_.last_write);
  return times;
}

/// Reads a job's results from the output buffer and puts them into the rows of the stream.
void CompressionEngine::take_in(const JobResults& results) {
  const StreamDirectory& directory = *output_.stream.directory;
  const StreamLayout& layout = directory.layout();
  const ValueFormat& format = directory.plan().format.values;
  const std::int64_t width = layout.shape()[3];
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
        const std::int64_t position = x * section.channels - section.first_channel;
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

void CompressionEngine::encode(std::int64_t block) {
  const StreamDirectory& directory = *output_.stream.directory;
  const StreamLayout& layout = directory.layout();
  const StreamPlan& plan = directory.plan();
  const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
  std::vector<std::uint8_t> bytes;
  if (layer_.elided) {
    bytes.resize(plan.block_bytes[static_cast<std::size_t>(block)]);
  } else {
    std::vector<std::uint8_t> containers;
    for (std::int64_t row = rows.first_row; row < rows.first_row + rows.rows; ++row) {
      const auto at = output_.rows.find(row);
      if (at == output_.rows.end())
        throw std::logic_error("an output block is drained before it is complete");
      containers.insert(containers.end(), at->second.begin(), at->second.end());
      output_.rows.erase(at);
    }
    encode_block(*output_.stream.codec, layout, plan.format, block, containers.data(), bytes);
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
  if (ready.empty() || ready.back().begin + ready.back().bytes.size() != at) ready.push_back({at, {}});
  ready.back().bytes.insert(ready.back().bytes.end(), bytes, bytes + length);
}

/// Writes full bursts; at the end of the stream, what is left too.
void CompressionEngine::write_out(bool all) {
  if (all) {
    for (const auto& [begin, partial] : output_.partial)
      make_ready(begin, partial.bytes.data(), config_.burst_bytes);
    output_.partial.clear();
  }
  for (ReadyBursts& bursts : output_.ready) {
    traffic_.output_write_bytes += bursts.bytes.size();
    output_.last_write = std::max(
        output_.last_write, access(writes_, tlm::TLM_WRITE_COMMAND, output_.stream.address + bursts.begin,
                                   bursts.bytes.data(), bursts.bytes.size()));
  }
  output_.ready.clear();
}

sc_core::sc_time CompressionEngine::finish_output() {
  if (output_.stream.directory == nullptr) return sc_core::sc_time_stamp();
  write_out(true);
  const std::uint64_t table_bytes = output_.stream.directory->plan().table_bytes();
  sc_core::sc_time done = std::max(output_.last_write, sc_core::sc_time_stamp());
  if (table_bytes > 0) {
    write_staging_ = offset_table_bytes(output_.stream.directory->plan().format.header, output_.table);
    write_staging_.resize(static_cast<std::size_t>(round_to_bursts(0, table_bytes, config_.burst_bytes).end));
    traffic_.output_write_bytes += write_staging_.size();
    done = std::max(done, access(writes_, tlm::TLM_WRITE_COMMAND, output_.stream.table_address,
                                 write_staging_.data(), write_staging_.size()));
  }
  return done;
}

}  // namespace dpred
