// Streams through buffers of bounded size: values or bytes come in pieces of any size, blocks go out one at a
// time. What encode() and decode() do for tensors in memory, for those that are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "models/codec/codec.h"

namespace dpred {

/// A block whose bytes are complete. They last until the sink returns.
struct EncodedBlock {
  std::int64_t number = 0;
  std::uint64_t offset = 0;  ///< of the first byte in the stream: the block's entry of the offset table
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
};

/// Encodes containers in stream order. The stream is that of encode(): blocks one after another in block
/// order. Holds the containers and the bytes of one block, whatever the tensor's size.
class StreamEncoder {
 public:
  using Sink = std::function<void(const EncodedBlock&)>;

  /// Codec and layout must outlive it. The format is that of a plan, or set from what is known of the tensor
  /// beforehand.
  StreamEncoder(const Codec& codec, const StreamLayout& layout, const StreamFormat& format, Sink sink);

  /// The next bytes of the containers, cut anywhere. Hands out each block that they complete before it
  /// returns. std::logic_error if they are more than the tensor has; InputError where a stream with a table
  /// passes 4 GiB.
  void put(const std::uint8_t* containers, std::size_t bytes);

  /// Whether all blocks have been handed out.
  bool done() const { return block_ == static_cast<std::int64_t>(layout_.blocks().size()); }

  /// Bytes of its buffers: the containers of the largest block, its most_block_bytes() and at most 64 more,
  /// from the start.
  std::size_t buffer_bytes() const { return containers_.capacity() + encoded_.capacity(); }

 private:
  const Codec& codec_;
  const StreamLayout& layout_;
  StreamFormat format_;
  Sink sink_;
  std::vector<std::uint8_t> containers_, encoded_;
  std::int64_t block_ = 0;  ///< that is being filled
  std::uint64_t offset_ = 0;
};

/// A block's containers in stream order. They last until the sink returns.
struct DecodedBlock {
  std::int64_t number = 0;
  const std::uint8_t* containers = nullptr;
  std::size_t bytes = 0;
};

/// Decodes the bytes of a stream as they come. Holds most_block_bytes() of the stream and the containers of
/// one block, whatever the stream's size; beside them the table, if there is one.
///
/// Where a block ends is known when it has been decoded. It is decoded when as many bytes are at hand as any
/// block of its rows can have, or when the input has ended; one that would need more is refused.
class StreamDecoder {
 public:
  using Sink = std::function<void(const DecodedBlock&)>;

  /// Codec and layout must outlive it. Without a table blocks lie one after another in block order; with one
  /// anywhere, and are handed out in the order in which they lie. StreamError for a table that doesn't have
  /// an entry a block, or belongs to mode raw.
  StreamDecoder(const Codec& codec, const StreamLayout& layout, const StreamFormat& format, Sink sink,
                const std::vector<std::uint32_t>& table = {});

  /// The next bytes of the stream. Hands out each block that can be decoded before it returns. Bytes that
  /// belong to no block are skipped. StreamError names the block.
  void put(const std::uint8_t* bytes, std::size_t size);

  /// The input has ended: hands out the blocks that were waiting for more. StreamError if they are not all
  /// there.
  void finish();

  /// Whether all blocks have been handed out.
  bool done() const { return decoded_ == layout_.blocks().size(); }

  /// Bytes of its buffers, of which the same is true; without the table.
  std::size_t buffer_bytes() const { return containers_.capacity() + held_.capacity(); }

 private:
  std::int64_t block() const;
  std::uint64_t block_offset() const;
  bool reach_block();
  void decode_next();

  const Codec& codec_;
  const StreamLayout& layout_;
  StreamFormat format_;
  Sink sink_;
  std::vector<std::uint32_t> table_;
  std::vector<std::int64_t> order_;  ///< with a table: blocks as they lie
  std::size_t decoded_ = 0;          ///< number of blocks
  std::uint64_t end_ = 0;            ///< of the last block decoded
  std::vector<std::uint8_t> held_;   ///< bytes of the stream
  std::uint64_t held_offset_ = 0;    ///< of the first of them
  std::vector<std::uint8_t> containers_;
};

}  // namespace dpred
