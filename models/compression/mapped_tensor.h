// A tensor in uncompressed space and its stream in memory: places, blocks, table. Knows nothing of time.
// Stated in docs/contracts.md, "The inline engine".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/codec/codec.h"

namespace dpred {

/// How a stream's blocks lie in memory.
enum class BlockStore : std::uint8_t {
  packed,  ///< one after another, each written once
  slots    ///< each in a slot of its own, which holds it whatever its values: written as often as one likes
};

/// One line of the stream table of an InlineCompressionEngine.
struct TensorMapping {
  std::uint64_t base = 0;  ///< of the tensor in uncompressed space: values() * B / 8 bytes
  StreamLayout layout;
  const Codec* codec = nullptr;
  StreamFormat format;
  BlockStore store = BlockStore::packed;
  std::uint64_t stream_address = 0;  ///< in memory, a multiple of the burst
  std::uint64_t stream_bytes = 0;    ///< packed: of the stream, or of the room for it; slots: not read
  std::uint64_t table_address = 0;   ///< in memory, a multiple of the burst; without meaning in mode raw
  /// Packed: whether stream and table are in memory, to be read; else they are to be written. A table of
  /// slots is always there, of zeros at first.
  bool written = true;
};

/// Bytes in memory that a mapping takes, in whole bursts.
std::uint64_t slot_bytes(const TensorMapping& mapping, std::uint64_t burst_bytes);   ///< of one slot
std::uint64_t stream_room(const TensorMapping& mapping, std::uint64_t burst_bytes);  ///< of all blocks
std::uint64_t table_room(const TensorMapping& mapping, std::uint64_t burst_bytes);   ///< 0 without a table

/// Bytes of an access that lie one after another in a block.
struct BlockPart {
  std::int64_t block = 0;
  std::size_t at = 0;      ///< in the block's codes
  std::size_t offset = 0;  ///< in the access
  std::size_t bytes = 0;
};

/// Bytes [begin, end) of a stream that hold one block; none where a codec needs none.
struct BlockPlace {
  std::uint64_t begin = 0, end = 0;
};

/// Bytes that are to be written to memory, whole bursts.
struct BurstWrite {
  std::uint64_t address = 0;
  std::vector<std::uint8_t> bytes;
};

class MappedTensor {
 public:
  using Bytes = std::vector<std::uint8_t>;
  /// A burst of the stream that waits for the rest of its bytes.
  struct KeptBurst {
    Bytes bytes;
    std::size_t filled = 0;
  };

  /// InputError for a mapping that can't be served.
  MappedTensor(const TensorMapping& mapping, std::uint64_t burst_bytes);

  const TensorMapping& mapping() const { return mapping_; }
  bool is_raw() const { return mapping_.format.mode == TensorMode::raw; }
  bool is_packed() const { return mapping_.store == BlockStore::packed; }
  std::uint64_t bytes() const;  ///< in uncompressed space
  std::string name() const;     ///< for messages

  /// The parts of bytes [begin, end), those of a block in the order of the access. `enables`, if any, says
  /// which bytes count, again and again.
  std::vector<BlockPart> parts(std::uint64_t begin, std::uint64_t end, const std::uint8_t* enables,
                               std::size_t enable_length) const;

  std::size_t block_bytes(std::int64_t block) const;  ///< of a block's codes
  std::uint64_t block_groups(std::int64_t block) const;

  // A *table* as it lies in memory: in front the codec's header (packed), then 32 bits a block,
  // little-endian: the offset of a packed block, or the bytes of its slot that are in use.

  bool table_known() const { return table_known_; }
  std::uint64_t table_bytes() const;  ///< whole bursts; 0 without a table
  /// StreamError if it isn't the table of such a tensor.
  void set_table(const Bytes& bytes);

  /// Whether there is such a block yet: a packed block that isn't can't be read, a slot holds zeros.
  bool is_written(std::int64_t block) const;
  /// Where a block that is written lies in the stream. StreamError if the table says what can't be.
  BlockPlace place(std::int64_t block) const;
  /// The burst at `offset` of the stream, if it isn't in memory yet.
  const Bytes* kept_burst(std::uint64_t offset) const;

  Bytes zeros(std::int64_t block) const;  ///< codes whose centred value is 0
  /// StreamError names tensor and block.
  Bytes decode(std::int64_t block, const std::uint8_t* bytes, std::size_t size) const;
  /// Whole bytes; none if the stream's format can't hold these codes.
  std::optional<Bytes> encode(std::int64_t block, const Bytes& codes) const;

  /// Bytes of the table at `offset`, a whole burst, as they are now.
  Bytes table_burst(std::uint64_t offset) const;

  /// Slots: takes an encoded block.
  struct SlotWrites {
    std::vector<BurstWrite> stream;
    std::optional<std::uint64_t> table_burst;  ///< its offset, if it changes
  };
  SlotWrites put_slot(std::int64_t block, Bytes encoded);

  /// Packed: takes bytes that are written in, if each is written for the first time and no more than
  /// `most_blocks` are left with bytes missing. Else nothing is changed.
  bool collect(const std::vector<BlockPart>& parts, const std::uint8_t* data, std::size_t most_blocks);
  /// Takes back what collect() did with the same parts.
  void uncollect(const std::vector<BlockPart>& parts);
  /// Blocks of which all bytes are there, with their codes, to be appended in this order.
  std::vector<std::pair<std::int64_t, const Bytes*>> complete() const;
  /// What changes when blocks are appended: in memory, and by commit() here once memory has it.
  struct Appended {
    std::vector<std::vector<BurstWrite>> stream;  ///< for each block: the bursts that it fills
    std::vector<std::pair<std::int64_t, BlockPlace>> places;
    std::map<std::uint64_t, KeptBurst> kept;
  };
  /// None if they don't fit the room.
  std::optional<Appended> append(const std::vector<std::pair<std::int64_t, Bytes>>& encoded) const;
  /// Returns the offsets of those bursts of the table that are now known, to be written.
  std::vector<std::uint64_t> commit(Appended appended);

 private:
  struct OpenBlock {
    Bytes codes;
    std::vector<bool> there;
    std::size_t missing = 0;
  };
  struct Entry {
    std::uint64_t begin = 0, end = 0;
    bool finished = false;  ///< packed: in the stream
  };

  void check() const;
  std::uint64_t header_bytes() const;
  void add_to_values(Bytes& values, std::int32_t addend) const;
  bool is_known(std::size_t table_burst) const;
  std::vector<BurstWrite> take_full(std::map<std::uint64_t, KeptBurst>& kept, bool all) const;
  Entry& entry(std::int64_t block) { return entries_[static_cast<std::size_t>(block)]; }
  const Entry& entry(std::int64_t block) const { return entries_[static_cast<std::size_t>(block)]; }

  TensorMapping mapping_;
  std::uint64_t burst_;
  std::uint64_t slot_ = 0;
  bool table_known_ = false;
  std::vector<Entry> entries_;
  std::vector<bool> table_written_;  ///< by burst of the table
  std::map<std::int64_t, OpenBlock> open_;
  std::map<std::uint64_t, KeptBurst> kept_;  ///< by their place in the stream
  std::uint64_t end_ = 0;                    ///< of what is appended
  std::size_t blocks_left_ = 0;              ///< to be appended
};

}  // namespace dpred
