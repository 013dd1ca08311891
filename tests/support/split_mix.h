// Numbers for random tests and benchmarks.
#pragma once

#include <cstdint>

namespace dpred::test {

/// SplitMix64: the same numbers on every machine and with every standard library, and cheap to seed.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// As the standard's generators are called.
  std::uint64_t operator()() { return next(); }
  /// 0..limit-1
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }

 private:
  std::uint64_t state_;
};

}  // namespace dpred::test
