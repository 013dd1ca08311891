#include "tests/bench/codec_bench.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/codec/codec.h"
#include "platform/first_readings.h"
#include "workloads/trace_set.h"

#ifdef DPRED_BENCH_LZ4
#include <lz4.h>
#endif

namespace dpred::bench {

namespace {

/// A tensor's containers in stream order, and what a codec makes of them.
struct Stream {
  std::unique_ptr<StreamLayout> layout;
  std::vector<std::uint8_t> containers;
  std::vector<std::size_t> block_begin;  ///< of each block in `containers`, and the end
  StreamFormat format;
  EncodedTensor encoded;
};

class Set {
 public:
  Set(const Network& network, const Codec& codec) : codec_(codec) {
    for (const TensorReading& reading : first_readings(network))
      add(*reading.tensor, reading.role);
  }

  double gigabytes() const { return static_cast<double>(bytes_) * 1e-9; }
  double ratio() const { return static_cast<double>(encoded_bytes_) / static_cast<double>(bytes_); }

  void encode_all() {
    for (const Stream& s : streams_) {
      out_.clear();
      for (std::size_t b = 0; b < s.layout->blocks().size(); ++b) {
        encode_block(codec_, *s.layout, s.format, static_cast<std::int64_t>(b),
                     s.containers.data() + s.block_begin[b], out_);
      }
    }
    keep(out_);
  }

  void decode_all() {
    for (Stream& s : streams_) {
      std::size_t at = 0;
      for (std::size_t b = 0; b < s.layout->blocks().size(); ++b) {
        at += decode_block(codec_, *s.layout, s.format, static_cast<std::int64_t>(b),
                           s.encoded.stream.data() + at, s.encoded.stream.size() - at,
                           s.containers.data() + s.block_begin[b]);
      }
    }
    keep(streams_);
  }

  /// What decoding raw streams comes to.
  void copy_all() {
    for (Stream& s : streams_)
      std::memcpy(s.containers.data(), s.encoded.stream.data(), s.containers.size());
    keep(streams_);
  }

  /// Calls visit(bytes, size) for each tensor's containers.
  template <class Visit>
  void visit_containers(Visit&& visit) {
    for (Stream& s : streams_)
      visit(s.containers.data(), s.containers.size());
  }

 private:
  void add(const Tensor& tensor, StreamRole role) {
    const ValueFormat values = profile_of(tensor).format;
    Stream s;
    s.layout = std::make_unique<StreamLayout>(role, tensor.shape, StreamOptions{});
    const CodecOptions options;
    const WidthMap widths = WidthMap::of(tensor, values, *s.layout, codec_.sign_form(options));
    const StreamPlan plan = codec_.plan({*s.layout, values, widths, options, &tensor});
    s.format = plan.format;
    s.encoded = encode(codec_, *s.layout, plan, tensor);
    s.containers.resize(tensor.data.size());
    std::size_t at = 0;
    for (std::size_t b = 0; b < s.layout->blocks().size(); ++b) {
      const StreamBlock& block = s.layout->blocks()[b];
      s.block_begin.push_back(at);
      s.layout->gather(tensor, values, block.first_row, block.rows, s.containers.data() + at);
      at += static_cast<std::size_t>(s.layout->block_values(static_cast<std::int64_t>(b))) *
            s.format.container_bytes();
    }
    bytes_ += tensor.data.size();
    encoded_bytes_ += plan.sizes.total_bits() / 8;
    streams_.push_back(std::move(s));
  }

  const Codec& codec_;
  std::vector<Stream> streams_;
  std::vector<std::uint8_t> out_;
  std::uint64_t bytes_ = 0, encoded_bytes_ = 0;
};

#ifdef DPRED_BENCH_LZ4
/// Whole tensors at a time, which LZ4 is made for: blocks of 1024 values cost it ratio and speed.
void lz4(Bench& bench, Set& set, const std::string& name) {
  std::vector<std::vector<char>> compressed;
  std::size_t bytes = 0, largest = 0;
  const auto chars = [](const std::uint8_t* from) { return reinterpret_cast<const char*>(from); };
  set.visit_containers([&](const std::uint8_t* from, std::size_t size) {
    std::vector<char> to(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(size))));
    to.resize(static_cast<std::size_t>(
        LZ4_compress_default(chars(from), to.data(), static_cast<int>(size), static_cast<int>(to.size()))));
    bytes += to.size();
    largest = std::max(largest, size);
    compressed.push_back(std::move(to));
  });
  bench.add({"lz4 ratio, " + name, "", static_cast<double>(bytes) * 1e-9 / set.gigabytes(), 0, std::nullopt,
             false});
  std::vector<char> out(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(largest))));
  bench.rate("lz4 encode, " + name, "GB/s", set.gigabytes(), [&] {
    set.visit_containers([&](const std::uint8_t* from, std::size_t size) {
      keep(LZ4_compress_default(chars(from), out.data(), static_cast<int>(size),
                                static_cast<int>(out.size())));
    });
  });
  bench.rate("lz4 decode, " + name, "GB/s", set.gigabytes(), [&] {
    for (const std::vector<char>& from : compressed) {
      keep(LZ4_decompress_safe(from.data(), out.data(), static_cast<int>(from.size()),
                               static_cast<int>(out.size())));
    }
  });
}
#endif

}  // namespace

void codecs(Bench& bench, const std::filesystem::path& folder) {
  const std::string name = "values of " + folder.filename().string();
  // A filter that names something else need not wait for the values.
  bool wanted = bench.wanted("memcpy, " + name) || bench.wanted("lz4 encode, " + name) ||
                bench.wanted("lz4 decode, " + name);
  for (const std::string& codec : codec_names())
    wanted = wanted || bench.wanted(codec + " encode, " + name) || bench.wanted(codec + " decode, " + name);
  if (!wanted) return;
  const Network network = read_trace_set(folder);
  for (const std::string& codec : codec_names()) {
    if (!bench.wanted(codec + " encode, " + name) && !bench.wanted(codec + " decode, " + name)) continue;
    Set set(network, find_codec(codec));
    if (codec == "dpred") {
#ifdef DPRED_BENCH_LZ4
      lz4(bench, set, name);
#endif
    }
    if (codec == "raw") bench.rate("memcpy, " + name, "GB/s", set.gigabytes(), [&] { set.copy_all(); });
    bench.add({codec + " ratio, " + name, "", set.ratio(), 0, std::nullopt, false});
    bench.rate(codec + " encode, " + name, "GB/s", set.gigabytes(), [&] { set.encode_all(); });
    bench.rate(codec + " decode, " + name, "GB/s", set.gigabytes(), [&] { set.decode_all(); });
  }
}

}  // namespace dpred::bench
