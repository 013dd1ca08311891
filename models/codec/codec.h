// The one interface of all codecs: sizes without encoding, encode, decode, access by block and row.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "models/codec/bit_stream.h"
#include "models/codec/stream_layout.h"
#include "models/codec/width_map.h"

namespace dpred {

/// A stream that is truncated or breaks its format. `bit` counts from the start of the block.
class StreamError : public std::runtime_error {
 public:
  StreamError(const std::string& problem, std::size_t bit)
      : std::runtime_error(problem + " at bit " + std::to_string(bit)), bit(bit), problem(problem) {}
  /// The same error told from further out: of a block, a row, a region.
  StreamError within(const std::string& place, std::size_t bits_before = 0) const {
    return StreamError(place + ": " + problem, bit - bits_before);
  }

  std::size_t bit;
  std::string problem;
};

enum class ZeroVector : std::uint8_t { automatic, always, never };

/// Settings of codecs; a codec reads those that concern it.
struct CodecOptions {
  ZeroVector zero_vector = ZeroVector::automatic;
  SignForm sign = SignForm::twos_complement;
  WidthRounding widths = WidthRounding::any;

  friend bool operator==(const CodecOptions& a, const CodecOptions& b) {
    return a.zero_vector == b.zero_vector && a.sign == b.sign && a.widths == b.widths;
  }
};

enum class TensorMode : std::uint8_t {
  raw = 0,        ///< container codes as they are, no table, no padding: bypasses the codec
  coded = 1,      ///< the codec's own format; for dpred: widths
  coded_zero = 2  ///< for dpred: widths and the zero vector Z
};

/// How one tensor's stream is coded: with the layout all that encoders and decoders need. A *container* below
/// is a container code as it lies in memory: values.bits / 8 bytes, little-endian; arrays of 16-bit ones are
/// aligned to 2 bytes.
struct StreamFormat {
  TensorMode mode = TensorMode::raw;
  ValueFormat values;
  SignForm sign = SignForm::twos_complement;
  WidthRounding widths = WidthRounding::any;  ///< for encoders: a stream says its widths
  std::uint8_t width = 0;                     ///< layer-width, coded: of every value, 1..B; else 0
  /// What a codec stores once a tensor, in front of the offset table: whole words of 4 bytes.
  std::vector<std::uint8_t> header{};

  std::size_t container_bytes() const { return values.bits / 8; }
};

/// Sizes in bits, reported apart; they add up to what is stored.
struct StreamSizes {
  std::uint64_t metadata_bits = 0;  ///< widths, zero vectors, bitmaps, run lengths, tags, headers
  std::uint64_t payload_bits = 0;
  std::uint64_t pointer_bits = 0;  ///< the offset table: 32 a block
  std::uint64_t padding_bits = 0;  ///< zeros up to a byte at the end of each block

  std::uint64_t total_bits() const { return metadata_bits + payload_bits + pointer_bits + padding_bits; }
};

/// Everything about a stream but its bytes.
struct StreamPlan {
  StreamFormat format;
  StreamSizes sizes;
  std::vector<std::uint64_t> row_bits;     ///< bit position of each row in its block; empty: see whole_blocks
  std::vector<std::uint64_t> block_bytes;  ///< bytes of each block

  bool has_table() const { return format.mode != TensorMode::raw; }
  /// Decoding can't begin inside a block.
  bool whole_blocks() const { return row_bits.empty(); }
  std::uint64_t stream_bytes() const;  ///< all blocks, without the table
  /// The codec's header, then an offset a block.
  std::uint64_t table_bytes() const {
    return has_table() ? format.header.size() + 4 * block_bytes.size() : 0;
  }
};

/// What a codec is told of a tensor to plan its stream.
struct CodecInput {
  const StreamLayout& layout;
  ValueFormat values;
  const WidthMap& widths;  ///< in the codec's sign form for these options
  CodecOptions options;
  const Tensor* tensor = nullptr;  ///< for codecs whose sizes depend on more than widths: they insist on it
};

/// Consecutive rows of one section.
struct StreamRows {
  const StreamSection& section;
  std::int64_t rows = 0;
  std::int64_t group = 16;  ///< G

  std::int64_t values() const { return rows * section.row_values; }
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual std::string_view name() const = 0;

  /// The form of sign whose widths plan() must be given.
  virtual SignForm sign_form(const CodecOptions&) const { return SignForm::twos_complement; }
  /// Whether sizes follow from a width map alone; else plan() looks at the values.
  virtual bool plans_from_widths() const { return true; }
  /// Chooses the tensor's mode and gives every size.
  /// InputError if a stream with a table would pass the 4 GiB that the table's offsets reach.
  virtual StreamPlan plan(const CodecInput& input) const = 0;

  /// The most bits that encode_rows() can append for such rows, whatever their values.
  virtual std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const = 0;
  /// Appends the bits of a block's rows. Values that the format was not made for (a stream's width or header
  /// comes from other values) are cut off, or an InputError.
  virtual void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                           BitWriter& out) const = 0;
  /// Reads rows from where `in` stands: a whole block from its start, or, unless the plan is for whole
  /// blocks, any of its rows from the bit position that the plan has for the first of them. StreamError if
  /// the bits end early or break the format.
  virtual void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                           std::uint8_t* containers) const = 0;
  /// Bits of a group of a coded stream, where each group can be decoded alone: decode_rows() then also takes
  /// rows that are made of some consecutive groups. Nothing for codecs that decode whole rows or blocks.
  virtual std::optional<std::uint64_t> group_bits(const StreamFormat&, std::int64_t /*values*/, int /*width*/,
                                                  std::int64_t /*non_zeros*/) const {
    return std::nullopt;
  }
};

/// InputError if a table's 32-bit offsets do not reach the end of a stream of so many bytes.
void check_reach(std::uint64_t stream_bytes);
/// The plan that was chosen. InputError as of check_reach(), if it has a table.
StreamPlan within_reach(StreamPlan plan);

/// The registered codecs, in the order in which they are listed.
std::vector<std::string> codec_names();
/// InputError with the nearest name if there is none.
const Codec& find_codec(std::string_view name);
/// A codec's place in the list: its number in layer descriptors.
std::uint8_t codec_index(const Codec& codec);

/// Adds up the parts of a plan; codecs fill `format` and call either row() or block() for all. Shared by
/// their plan().
class StreamPlanBuilder {
 public:
  StreamPlanBuilder(const StreamLayout& layout, const StreamFormat& format);
  /// The next row in stream order.
  void row(std::uint64_t metadata_bits, std::uint64_t payload_bits);
  /// The next block, whose rows can't be decoded alone.
  void block(std::uint64_t metadata_bits, std::uint64_t payload_bits);
  StreamPlan finish();

 private:
  void add(std::uint64_t metadata_bits, std::uint64_t payload_bits);
  void end_block();

  const StreamLayout& layout_;
  StreamPlan plan_;
  std::size_t block_ = 0;
  std::int64_t rows_left_;
  std::uint64_t block_bits_ = 0;
};

/// A stream with its table: blocks one after another in block order.
struct EncodedTensor {
  StreamFormat format;
  std::vector<std::uint8_t> stream;
  std::vector<std::uint32_t> table;  ///< byte offset of each block; empty in raw mode
};

/// Bytes that hold a block of these rows, whatever its values.
std::uint64_t most_block_bytes(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                               std::int64_t block);

EncodedTensor encode(const Codec& codec, const StreamLayout& layout, const StreamPlan& plan,
                     const Tensor& tensor);

/// Encodes one block from its containers, appending to `out`.
void encode_block(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                  std::int64_t block, const std::uint8_t* containers, std::vector<std::uint8_t>& out);

/// Reads the zeros up to the next byte that end a block. StreamError if they are none.
void check_padding(BitReader& in);

/// Decodes one block that starts at `bytes`, reading no further than `size`; returns the bytes it took.
/// StreamError if the block breaks the format: also if its padding isn't zero.
std::size_t decode_block(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                         std::int64_t block, const std::uint8_t* bytes, std::size_t size,
                         std::uint8_t* containers);

/// StreamError unless the table has an entry a block, and none in raw mode.
void check_table(const StreamLayout& layout, const StreamFormat& format,
                 const std::vector<std::uint32_t>& table);

/// That a block starts behind the end of its stream.
StreamError behind_end(std::int64_t block);

/// Decodes a whole stream into `tensor`, whose shape, type and zero point are given. Blocks may lie in any
/// order. StreamError names the block. In raw mode the table must be empty.
void decode(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
            const std::vector<std::uint8_t>& stream, const std::vector<std::uint32_t>& table, Tensor& tensor);

}  // namespace dpred
