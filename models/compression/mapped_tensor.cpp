#include "models/compression/mapped_tensor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "models/codec/containers.h"
#include "models/codec/offset_table.h"
#include "workloads/divide_up.h"
#include "workloads/error.h"

namespace dpred {

namespace {

std::uint64_t rounded_up(std::uint64_t bytes, std::uint64_t burst) {
  return divide_up(bytes, burst) * burst;
}

std::size_t blocks_of(const TensorMapping& mapping) {
  return mapping.layout.blocks().size();
}

std::uint64_t header_of(const TensorMapping& mapping) {
  return mapping.store == BlockStore::packed ? mapping.format.header.size() : 0;
}

}  // namespace

std::uint64_t slot_bytes(const TensorMapping& mapping, std::uint64_t burst_bytes) {
  std::uint64_t most = 1;  // an entry of 0 in the table would mean a slot that was never written
  for (std::size_t block = 0; block < blocks_of(mapping); ++block) {
    most = std::max(most, most_block_bytes(*mapping.codec, mapping.layout, mapping.format,
                                           static_cast<std::int64_t>(block)));
  }
  return rounded_up(most, burst_bytes);
}

std::uint64_t stream_room(const TensorMapping& mapping, std::uint64_t burst_bytes) {
  if (mapping.store == BlockStore::slots) return blocks_of(mapping) * slot_bytes(mapping, burst_bytes);
  return rounded_up(mapping.stream_bytes, burst_bytes);
}

std::uint64_t table_room(const TensorMapping& mapping, std::uint64_t burst_bytes) {
  if (mapping.format.mode == TensorMode::raw) return 0;
  return rounded_up(header_of(mapping) + 4 * blocks_of(mapping), burst_bytes);
}

MappedTensor::MappedTensor(const TensorMapping& mapping, std::uint64_t burst_bytes)
    : mapping_(mapping), burst_(burst_bytes) {
  check();
  entries_.resize(blocks_of(mapping_));
  table_written_.resize(static_cast<std::size_t>(table_bytes() / burst_));
  table_known_ = is_raw() || (is_packed() && !mapping_.written);
  if (is_packed() && !mapping_.written) blocks_left_ = entries_.size();
  if (!is_packed()) slot_ = slot_bytes(mapping_, burst_);
  for (std::size_t b = 0; b < entries_.size(); ++b) {
    Entry& entry = entries_[b];
    entry.finished = mapping_.written;
    if (!is_packed()) entry.begin = b * slot_;
    if (is_packed() && b > 0) entry.begin = entries_[b - 1].end;
    entry.end = entry.begin + (is_raw() ? block_bytes(static_cast<std::int64_t>(b)) : 0);
  }
  if (is_raw() && is_packed() && entries_.back().end > mapping_.stream_bytes) {
    throw InputError(name() + ": an uncompressed stream of " + std::to_string(entries_.back().end) +
                     " bytes does not fit " + std::to_string(mapping_.stream_bytes));
  }
}

void MappedTensor::check() const {
  const auto refuse = [this](const std::string& problem) { throw InputError(name() + ": " + problem); };
  if (mapping_.codec == nullptr) refuse("no codec");
  const int bits = mapping_.format.values.bits;
  if (bits != 8 && bits != 16) refuse("values have 8 or 16 bits, not " + std::to_string(bits));
  if (mapping_.stream_address % burst_ != 0) refuse("its stream does not begin with a burst");
  if (mapping_.base > ~std::uint64_t{0} - bytes()) refuse("it passes the end of uncompressed space");
  if (is_packed() && !is_raw() && mapping_.stream_bytes > std::numeric_limits<std::uint32_t>::max())
    refuse("its stream passes 4 GiB: the offset table's 32-bit offsets don't reach");
  if (!is_raw() && mapping_.table_address % burst_ != 0) refuse("its table does not begin with a burst");
}

std::uint64_t MappedTensor::bytes() const {
  return static_cast<std::uint64_t>(mapping_.layout.values()) * mapping_.format.container_bytes();
}

std::string MappedTensor::name() const {
  return "tensor at address " + std::to_string(mapping_.base);
}

std::uint64_t MappedTensor::header_bytes() const {
  return header_of(mapping_);
}

std::uint64_t MappedTensor::table_bytes() const {
  return table_room(mapping_, burst_);
}

std::vector<BlockPart> MappedTensor::parts(std::uint64_t begin, std::uint64_t end,
                                           const std::uint8_t* enables, std::size_t enable_length) const {
  std::vector<BlockPart> parts;
  const std::uint64_t value_bytes = mapping_.format.container_bytes();
  for (std::uint64_t byte = begin; byte < end;) {
    const std::uint64_t value_end = std::min((byte / value_bytes + 1) * value_bytes, end);
    const StreamPlace place = mapping_.layout.place_of(static_cast<std::int64_t>(byte / value_bytes));
    for (; byte < value_end; ++byte) {
      const std::size_t offset = static_cast<std::size_t>(byte - begin);
      if (enables != nullptr && enables[offset % enable_length] == 0) continue;
      const std::size_t at = static_cast<std::size_t>(static_cast<std::uint64_t>(place.value) * value_bytes +
                                                      byte % value_bytes);
      if (!parts.empty()) {
        BlockPart& last = parts.back();
        if (last.block == place.block && last.at + last.bytes == at && last.offset + last.bytes == offset) {
          ++last.bytes;
          continue;
        }
      }
      parts.push_back({place.block, at, offset, 1});
    }
  }
  return parts;
}

std::size_t MappedTensor::block_bytes(std::int64_t block) const {
  return static_cast<std::size_t>(mapping_.layout.block_values(block)) * mapping_.format.container_bytes();
}

std::uint64_t MappedTensor::block_groups(std::int64_t block) const {
  const StreamLayout& layout = mapping_.layout;
  const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(block)];
  return static_cast<std::uint64_t>(
      rows.rows * layout.section_of_row(rows.first_row).groups_per_row(layout.options().group));
}

void MappedTensor::set_table(const Bytes& bytes) {
  const Bytes& header = mapping_.format.header;
  const std::uint8_t* const first = bytes.data() + header_bytes();
  if (is_packed() && !std::equal(header.begin(), header.end(), bytes.begin())) {
    throw StreamError(name() + ": the header in front of the offset table is not that of its format", 0);
  }
  const std::vector<std::uint32_t> table = offsets_from_table(first, entries_.size());
  for (std::size_t b = 0; b < entries_.size(); ++b) {
    if (is_packed()) entries_[b].begin = table[b];
    entries_[b].end = entries_[b].begin + (is_packed() ? 0 : table[b]);
  }
  table_known_ = true;
  if (!is_packed()) return;
  // Blocks may lie in any order: one ends where the next one in memory begins, or at the longest it can be.
  std::vector<std::uint32_t> sorted = table;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t b = 0; b < entries_.size(); ++b) {
    const auto next = std::upper_bound(sorted.begin(), sorted.end(), table[b]);
    const std::uint64_t end = next == sorted.end() ? mapping_.stream_bytes : *next;
    const std::uint64_t most =
        most_block_bytes(*mapping_.codec, mapping_.layout, mapping_.format, static_cast<std::int64_t>(b));
    entries_[b].end = std::min({end, mapping_.stream_bytes, entries_[b].begin + most});
  }
}

bool MappedTensor::is_written(std::int64_t block) const {
  const Entry& e = entry(block);
  return is_packed() ? e.finished : e.end != e.begin;
}

BlockPlace MappedTensor::place(std::int64_t block) const {
  const Entry& e = entry(block);
  const std::uint64_t length = e.end - e.begin;
  const bool is_possible =
      is_raw() || (is_packed() ? e.begin <= mapping_.stream_bytes : length % burst_ == 0 && length <= slot_);
  if (!is_possible) {
    throw StreamError(name() + ", block " + std::to_string(block) + ": its table entry, " +
                          std::to_string(is_packed() ? e.begin : length) + ", is impossible",
                      0);
  }
  return {e.begin, e.end};
}

const MappedTensor::Bytes* MappedTensor::kept_burst(std::uint64_t offset) const {
  const auto found = kept_.find(offset);
  return found == kept_.end() ? nullptr : &found->second.bytes;
}

MappedTensor::Bytes MappedTensor::zeros(std::int64_t block) const {
  Bytes codes(block_bytes(block));
  add_to_values(codes, mapping_.format.values.zero_point);
  return codes;
}

MappedTensor::Bytes MappedTensor::decode(std::int64_t block, const std::uint8_t* bytes,
                                         std::size_t size) const {
  Bytes codes(block_bytes(block));
  try {
    decode_block(*mapping_.codec, mapping_.layout, mapping_.format, block, bytes, size, codes.data());
  } catch (const StreamError& error) {
    throw error.within(name() + ", block " + std::to_string(block));
  }
  add_to_values(codes, mapping_.format.values.zero_point);
  return codes;
}

std::optional<MappedTensor::Bytes> MappedTensor::encode(std::int64_t block, const Bytes& codes) const {
  Bytes containers = codes;
  add_to_values(containers, -mapping_.format.values.zero_point);
  Bytes encoded;
  // Formats that a profile narrows (one width for all values, codes for those that occur) don't hold all.
  try {
    encode_block(*mapping_.codec, mapping_.layout, mapping_.format, block, containers.data(), encoded);
    if (is_raw() || decode(block, encoded.data(), encoded.size()) == codes) return encoded;
  } catch (const InputError&) {
  } catch (const StreamError&) {
  }
  return std::nullopt;
}

void MappedTensor::add_to_values(Bytes& values, std::int32_t addend) const {
  const StreamFormat& format = mapping_.format;
  add_to_containers(format.values.bits, values.data(), values.size() / format.container_bytes(), addend,
                    values.data());
}

// The table, a burst at a time.

MappedTensor::Bytes MappedTensor::table_burst(std::uint64_t offset) const {
  Bytes bytes(static_cast<std::size_t>(burst_));
  const std::uint64_t header = header_bytes();
  for (std::uint64_t i = 0; i < burst_; ++i) {
    const std::uint64_t at = offset + i;
    if (at < header) {
      bytes[static_cast<std::size_t>(i)] = mapping_.format.header[static_cast<std::size_t>(at)];
      continue;
    }
    const std::size_t block = static_cast<std::size_t>((at - header) / 4);
    if (block >= entries_.size()) break;
    const Entry& e = entries_[block];
    const std::uint64_t value = is_packed() ? e.begin : e.end - e.begin;
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> 8 * ((at - header) % 4));
  }
  return bytes;
}

// Slots.

MappedTensor::SlotWrites MappedTensor::put_slot(std::int64_t block, Bytes encoded) {
  if (!is_raw())
    encoded.resize(static_cast<std::size_t>(rounded_up(std::max<std::size_t>(encoded.size(), 1), burst_)));
  Entry& e = entry(block);
  const std::uint64_t end = e.begin + encoded.size();
  const bool is_table_changed = e.end != end;
  e.end = end;
  encoded.resize(static_cast<std::size_t>(rounded_up(encoded.size(), burst_)));
  SlotWrites writes;
  writes.stream.push_back({mapping_.stream_address + e.begin, std::move(encoded)});
  if (is_table_changed) writes.table_burst = 4 * static_cast<std::uint64_t>(block) / burst_ * burst_;
  return writes;
}

// Packed.

bool MappedTensor::collect(const std::vector<BlockPart>& parts, const std::uint8_t* data,
                           std::size_t most_blocks) {
  for (const BlockPart& part : parts) {
    if (entry(part.block).finished) return false;
    const auto found = open_.find(part.block);
    if (found == open_.end()) continue;
    const auto first = found->second.there.begin() + static_cast<std::ptrdiff_t>(part.at);
    const auto last = first + static_cast<std::ptrdiff_t>(part.bytes);
    if (std::find(first, last, true) != last) return false;
  }
  for (const BlockPart& part : parts) {
    OpenBlock& open = open_[part.block];
    if (open.codes.empty()) {
      open.missing = block_bytes(part.block);
      open.codes.resize(open.missing);
      open.there.resize(open.missing);
    }
    std::copy_n(data + part.offset, part.bytes, open.codes.begin() + static_cast<std::ptrdiff_t>(part.at));
    std::fill_n(open.there.begin() + static_cast<std::ptrdiff_t>(part.at), part.bytes, true);
    open.missing -= part.bytes;
  }
  const auto incomplete =
      std::count_if(open_.begin(), open_.end(), [](const auto& block) { return block.second.missing > 0; });
  if (static_cast<std::size_t>(incomplete) <= most_blocks) return true;
  uncollect(parts);
  return false;
}

void MappedTensor::uncollect(const std::vector<BlockPart>& parts) {
  for (const BlockPart& part : parts) {
    const auto found = open_.find(part.block);
    OpenBlock& open = found->second;
    std::fill_n(open.there.begin() + static_cast<std::ptrdiff_t>(part.at), part.bytes, false);
    open.missing += part.bytes;
    if (open.missing == open.codes.size()) open_.erase(found);
  }
}

std::vector<std::pair<std::int64_t, const MappedTensor::Bytes*>> MappedTensor::complete() const {
  std::vector<std::pair<std::int64_t, const Bytes*>> blocks;
  for (const auto& [block, open] : open_) {
    if (open.missing == 0) blocks.emplace_back(block, &open.codes);
  }
  return blocks;
}

std::optional<MappedTensor::Appended> MappedTensor::append(
    const std::vector<std::pair<std::int64_t, Bytes>>& encoded) const {
  Appended appended;
  appended.kept = kept_;
  std::uint64_t end = end_;
  std::size_t blocks_left = blocks_left_;
  for (const auto& [block, bytes] : encoded) {
    const std::uint64_t begin = is_raw() ? entry(block).begin : end;
    end = begin + bytes.size();
    if (end > mapping_.stream_bytes) return std::nullopt;
    appended.places.push_back({block, {begin, end}});
    for (std::uint64_t at = begin; at < end;) {
      KeptBurst& kept = appended.kept[at / burst_ * burst_];
      kept.bytes.resize(static_cast<std::size_t>(burst_));
      const std::uint64_t part = std::min((at / burst_ + 1) * burst_, end) - at;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at - begin), part,
                  kept.bytes.begin() + static_cast<std::ptrdiff_t>(at % burst_));
      kept.filled += static_cast<std::size_t>(part);
      at += part;
    }
    --blocks_left;
    appended.stream.push_back(take_full(appended.kept, blocks_left == 0));
  }
  return appended;
}

/// The full bursts, or all of them, as few writes as can be.
std::vector<BurstWrite> MappedTensor::take_full(std::map<std::uint64_t, KeptBurst>& kept, bool all) const {
  std::vector<BurstWrite> writes;
  for (auto burst = kept.begin(); burst != kept.end();) {
    if (!all && burst->second.filled < burst_) {
      ++burst;
      continue;
    }
    const std::uint64_t address = mapping_.stream_address + burst->first;
    const Bytes& bytes = burst->second.bytes;
    if (!writes.empty() && writes.back().address + writes.back().bytes.size() == address) {
      writes.back().bytes.insert(writes.back().bytes.end(), bytes.begin(), bytes.end());
    } else {
      writes.push_back({address, bytes});
    }
    burst = kept.erase(burst);
  }
  return writes;
}

bool MappedTensor::is_known(std::size_t table_burst) const {
  const std::uint64_t header = header_bytes();
  const auto entries_before = [&](std::uint64_t byte) {
    return std::min<std::uint64_t>(byte > header ? (byte - header + 3) / 4 : 0, entries_.size());
  };
  const std::uint64_t end = entries_before((table_burst + 1) * burst_);
  for (std::uint64_t b = entries_before(table_burst * burst_); b < end; ++b) {
    if (!entries_[static_cast<std::size_t>(b)].finished) return false;
  }
  return true;
}

std::vector<std::uint64_t> MappedTensor::commit(Appended appended) {
  for (const auto& [block, place] : appended.places) {
    entry(block) = {place.begin, place.end, true};
    open_.erase(block);
    --blocks_left_;
    end_ = place.end;
  }
  kept_ = std::move(appended.kept);
  std::vector<std::uint64_t> known;
  for (std::size_t burst = 0; burst < table_written_.size(); ++burst) {
    if (table_written_[burst] || !is_known(burst)) continue;
    table_written_[burst] = true;
    known.push_back(burst * burst_);
  }
  return known;
}

}  // namespace dpred
