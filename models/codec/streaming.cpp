#include "models/codec/streaming.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace dpred {

namespace {

std::size_t container_bytes(const StreamLayout& layout, const StreamFormat& format, std::int64_t block) {
  return static_cast<std::size_t>(layout.block_values(block)) * format.container_bytes();
}

constexpr std::size_t beyond = 64;  // encoders store whole words of which some bytes count

/// Reserves room for the largest block.
void reserve(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
             std::vector<std::uint8_t>& containers, std::vector<std::uint8_t>& bytes) {
  std::size_t most_containers = 0;
  std::uint64_t most_bytes = 0;
  for (std::int64_t b = 0; b < static_cast<std::int64_t>(layout.blocks().size()); ++b) {
    most_containers = std::max(most_containers, container_bytes(layout, format, b));
    most_bytes = std::max(most_bytes, most_block_bytes(codec, layout, format, b));
  }
  containers.reserve(most_containers);
  bytes.reserve(most_bytes + beyond);
}

}  // namespace

StreamEncoder::StreamEncoder(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                             Sink sink)
    : codec_(codec), layout_(layout), format_(format), sink_(std::move(sink)) {
  reserve(codec_, layout_, format_, containers_, encoded_);
}

void StreamEncoder::put(const std::uint8_t* containers, std::size_t bytes) {
  while (bytes > 0) {
    if (done()) throw std::logic_error("a stream encoder was given more values than its tensor has");
    const std::size_t wanted = container_bytes(layout_, format_, block_) - containers_.size();
    const std::size_t some = std::min(wanted, bytes);
    containers_.insert(containers_.end(), containers, containers + some);
    containers += some;
    bytes -= some;
    if (some < wanted) return;
    encoded_.clear();
    encode_block(codec_, layout_, format_, block_, containers_.data(), encoded_);
    containers_.clear();
    if (format_.mode != TensorMode::raw) check_reach(offset_ + encoded_.size());
    const EncodedBlock finished{block_, offset_, encoded_.data(), encoded_.size()};
    ++block_;
    offset_ += encoded_.size();
    sink_(finished);
  }
}

StreamDecoder::StreamDecoder(const Codec& codec, const StreamLayout& layout, const StreamFormat& format,
                             Sink sink, const std::vector<std::uint32_t>& table)
    : codec_(codec), layout_(layout), format_(format), sink_(std::move(sink)), table_(table) {
  reserve(codec_, layout_, format_, containers_, held_);
  if (table_.empty()) return;
  check_table(layout_, format_, table_);
  order_.resize(table_.size());
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](std::int64_t a, std::int64_t b) {
    return table_[static_cast<std::size_t>(a)] < table_[static_cast<std::size_t>(b)];
  });
}

std::int64_t StreamDecoder::block() const {
  return order_.empty() ? static_cast<std::int64_t>(decoded_) : order_[decoded_];
}

std::uint64_t StreamDecoder::block_offset() const {
  return table_.empty() ? end_ : table_[static_cast<std::size_t>(block())];
}

/// Lets go of held bytes in front of the next block. Whether the bytes that follow the held ones are its own.
bool StreamDecoder::reach_block() {
  const auto before = std::min<std::uint64_t>(block_offset() - held_offset_, held_.size());
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(before));
  held_offset_ += before;
  return held_offset_ == block_offset();
}

void StreamDecoder::put(const std::uint8_t* bytes, std::size_t size) {
  while (!done()) {
    if (!reach_block()) {
      const auto skipped = std::min<std::uint64_t>(block_offset() - held_offset_, size);
      bytes += skipped;
      size -= skipped;
      held_offset_ += skipped;
      if (held_offset_ < block_offset()) return;
    }
    const std::uint64_t most = most_block_bytes(codec_, layout_, format_, block());
    if (held_.size() < most) {
      const auto some = std::min<std::uint64_t>(most - held_.size(), size);
      held_.insert(held_.end(), bytes, bytes + some);
      bytes += some;
      size -= some;
      if (held_.size() < most) return;
    }
    decode_next();
  }
}

void StreamDecoder::finish() {
  while (!done()) {
    if (!reach_block()) throw behind_end(block());
    decode_next();
  }
}

void StreamDecoder::decode_next() {
  const std::int64_t number = block();
  containers_.resize(container_bytes(layout_, format_, number));
  try {
    end_ = block_offset() +
           decode_block(codec_, layout_, format_, number, held_.data(), held_.size(), containers_.data());
  } catch (const StreamError& error) {
    throw error.within("block " + std::to_string(number));
  }
  ++decoded_;
  sink_({number, containers_.data(), containers_.size()});
}

}  // namespace dpred
