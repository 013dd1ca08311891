// How dpred_bench measures: CPU time, medians, and each speed relative to a calibration loop.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/split_mix.h"

namespace dpred::bench {

/// Keeps the compiler from dropping a computation whose result nobody reads.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

/// CPU time of this thread: time for which another program has the core is not counted.
inline double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::duration<double>(std::chrono::seconds(now.tv_sec) +
                                       std::chrono::nanoseconds(now.tv_nsec))
      .count();
}

inline double cpu_seconds_of(const std::function<void()>& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

inline double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

using Random = test::SplitMix64;

inline constexpr int integer_steps = 500'000;

/// The unit that everything is compared in: integer operations that wait for each other, without memory.
inline void integer_loop() {
  std::uint64_t x = 1;
  for (int i = 0; i < integer_steps; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  keep(x);
}

struct Metric {
  std::string name;
  std::string unit;
  double value = 0;
  double milliseconds = 0;         ///< of one pass; 0 where there is none
  std::optional<double> relative;  ///< value over the calibration loop's G steps/s, of the same moment
  bool higher_is_better = true;
};

class Bench {
 public:
  Bench(std::string filter, double scale) : filter_(std::move(filter)), seconds_(0.15 * scale) {}

  /// Measures `work`, a pass of which does `amount`: the result is in amounts a second.
  void rate(const std::string& name, const std::string& unit, double amount,
            const std::function<void()>& work) {
    if (!wanted(name)) return;
    work();  // warm-up: caches, page faults, allocations
    int passes = 1;
    while (cpu_seconds_of([&] { repeat(work, passes); }) < 0.004)
      passes *= 2;
    std::vector<double> values, relatives, times;
    const double until = cpu_seconds() + seconds_;
    while (values.size() < 9 || (cpu_seconds() < until && values.size() < 101)) {
      const double before = calibration_seconds();
      const double seconds = cpu_seconds_of([&] { repeat(work, passes); }) / passes;
      const double calibration = (before + calibration_seconds()) / 2;
      times.push_back(seconds * 1e3);
      values.push_back(amount / seconds);
      relatives.push_back(amount / seconds * calibration / (integer_steps * 1e-9));
    }
    add({name, unit, median(values), median(times), median(relatives), true});
  }

  void add(Metric metric) {
    if (!wanted(metric.name)) return;
    std::cout << std::left << std::setw(44) << metric.name << std::right << std::fixed << std::setw(12)
              << std::setprecision(3) << metric.value << ' ' << std::left << std::setw(14) << metric.unit
              << std::right;
    if (metric.milliseconds != 0) {
      std::cout << std::setw(11) << metric.milliseconds;
    } else {
      std::cout << std::setw(11) << "";
    }
    if (metric.relative) std::cout << std::setw(12) << std::setprecision(4) << *metric.relative;
    std::cout << std::endl;
    metrics_.push_back(std::move(metric));
  }

  bool wanted(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  const std::vector<Metric>& metrics() const { return metrics_; }

  static double calibration_seconds() { return cpu_seconds_of(integer_loop); }

 private:
  static void repeat(const std::function<void()>& work, int passes) {
    for (int i = 0; i < passes; ++i)
      work();
  }

  std::string filter_;
  double seconds_;
  std::vector<Metric> metrics_;
};

}  // namespace dpred::bench
