// Distribution of latencies in constant memory.
#pragma once

#include <cstdint>
#include <vector>

namespace dpred::dram {

/// Counts of values in buckets that are exact below 128 and at most 1/64 of the value wide above.
class LatencyHistogram {
 public:
  void add(std::uint64_t value) {
    const std::size_t bucket = bucket_of(value);
    if (bucket >= counts_.size()) counts_.resize(bucket + 1);
    ++counts_[bucket];
    ++count_;
    sum_ += value;
    if (value > largest_) largest_ = value;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t largest() const { return largest_; }
  /// 0 without values.
  double mean() const { return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  /// The smallest value that at least `share` (0..1) of all values do not exceed, as the largest value of its
  /// bucket: not too low, and at most 1/64 too high. 0 without values.
  std::uint64_t quantile(double share) const {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > 0 && static_cast<double>(seen) >= wanted) {
        const std::uint64_t edge = last_of(bucket);
        return edge < largest_ ? edge : largest_;
      }
    }
    return largest_;
  }

 private:
  static constexpr int bits = 6;
  static constexpr std::uint64_t steps = std::uint64_t{1} << bits;

  // Values below 2 * steps have a bucket each; then every doubling has `steps` of them.
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < 2 * steps) return value;
    const int shift = 63 - __builtin_clzll(value) - bits;
    return static_cast<std::size_t>(shift) * steps + (value >> shift);
  }
  static std::uint64_t last_of(std::size_t bucket) {
    if (bucket < 2 * steps) return bucket;
    const std::size_t shift = bucket / steps - 1;
    return (((bucket - shift * steps) + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  __extension__ typedef unsigned __int128 Wide;
  Wide sum_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace dpred::dram
