// What a general compressor makes of each block: Zstandard, which no accelerator has. Format:
// docs/contracts.md, "The zstd stream".
#define ZSTD_STATIC_LINKING_ONLY  // names the parameter for frames without a magic number; linked as any
                                  // other

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "models/codec/block_plan.h"
#include "models/codec/raw_rows.h"
#include "models/codec/registry.h"
#include "models/precision/width.h"

namespace dpred {

namespace {

constexpr int level = 12;

std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result) != 0) {
    throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(result));
  }
  return result;
}

/// Compresses blocks; reused, since its tables take longer to set up than a block to compress.
class Compressor {
 public:
  Compressor() : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    if (!context_) throw std::bad_alloc();
    const auto set = [&](ZSTD_cParameter parameter, int value) {
      checked(ZSTD_CCtx_setParameter(context_.get(), parameter, value));
    };
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_format, ZSTD_f_zstd1_magicless);
    set(ZSTD_c_contentSizeFlag, 0);
    set(ZSTD_c_checksumFlag, 0);
  }
  /// The frame of these bytes, valid until the next call.
  const std::vector<std::uint8_t>& frame(const std::uint8_t* bytes, std::size_t size) {
    frame_.resize(ZSTD_compressBound(size));
    frame_.resize(checked(ZSTD_compress2(context_.get(), frame_.data(), frame_.size(), bytes, size)));
    return frame_;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::vector<std::uint8_t> frame_;
};

Compressor& compressor() {
  thread_local Compressor one;
  return one;
}

class Decompressor {
 public:
  Decompressor() : context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    if (!context_) throw std::bad_alloc();
    checked(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_format, ZSTD_f_zstd1_magicless));
    // Decodes into the block itself, not by way of a window.
    checked(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_stableOutBuffer, 1));
  }
  /// Reads a frame of exactly `size` bytes. StreamError if there is none.
  void read(BitReader& in, std::uint8_t* bytes, std::size_t size) {
    checked(ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only));
    // Of a window only what reaches over all of the block, and not what a frame may ask for.
    const auto last = static_cast<std::uint32_t>(std::min<std::size_t>(size - 1, 0x7fffffff));
    const int window = std::max(ZSTD_WINDOWLOG_MIN, bit_length(last));
    checked(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window));
    ZSTD_inBuffer from{in.rest(), in.left() / 8, 0};
    ZSTD_outBuffer to{bytes, size, 0};
    const auto fail = [&](const char* what) {
      throw StreamError(std::string("a zstd frame ") + what, in.position() + 8 * from.pos);
    };
    for (std::size_t result = 1; result != 0;) {
      const std::size_t taken = from.pos, made = to.pos;
      result = ZSTD_decompressStream(context_.get(), &to, &from);
      if (ZSTD_isError(result) != 0)
        fail(("is damaged (" + std::string(ZSTD_getErrorName(result)) + ")").c_str());
      if (result != 0 && from.pos == taken && to.pos == made) {
        fail(from.pos == from.size ? "ends early" : "holds more than the block");
      }
    }
    if (to.pos != size) fail("holds less than the block");
    in.skip(8 * from.pos);
  }

 private:
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context_;
};

class ZstdCodec final : public Codec {
 public:
  std::string_view name() const override { return "zstd"; }
  bool plans_from_widths() const override { return false; }

  StreamPlan plan(const CodecInput& input) const override {
    const StreamFormat format{TensorMode::coded, input.values};
    return coded_or_raw(
        plan_blocks(
            input, format,
            [&](const StreamRows& rows, const std::uint8_t* containers) {
              return BlockBits{0, 8 * compressor().frame(containers, raw_bits(format, rows) / 8).size()};
            }),
        input);
  }

  std::uint64_t most_bits(const StreamFormat& format, const StreamRows& rows) const override {
    const std::uint64_t raw = raw_bits(format, rows);
    return format.mode == TensorMode::raw ? raw : 8 * ZSTD_compressBound(raw / 8);
  }

  void encode_rows(const StreamFormat& format, const StreamRows& rows, const std::uint8_t* containers,
                   BitWriter& out) const override {
    if (format.mode == TensorMode::raw) return encode_raw(format, rows, containers, out);
    const std::vector<std::uint8_t>& frame = compressor().frame(containers, raw_bits(format, rows) / 8);
    out.put_bytes(frame.data(), frame.size());
  }

  void decode_rows(const StreamFormat& format, const StreamRows& rows, BitReader& in,
                   std::uint8_t* containers) const override {
    if (format.mode == TensorMode::raw) return decode_raw(format, rows, in, containers);
    thread_local Decompressor decompressor;
    decompressor.read(in, containers, raw_bits(format, rows) / 8);
  }
};

}  // namespace

const Codec& zstd_codec() {
  static const ZstdCodec codec;
  return codec;
}

}  // namespace dpred
