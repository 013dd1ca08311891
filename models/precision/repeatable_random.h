// Numbers that look random and are the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dpred {

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). The standard's distributions and std::shuffle may differ
/// between libraries.
class RepeatableRandom {
 public:
  explicit RepeatableRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0..limit - 1; the bias of the remainder doesn't matter for limits far below 2^64.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }

  /// 0 <= fraction < 1
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace dpred
