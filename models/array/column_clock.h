// The columns of an array in time: how long steps take together.
#pragma once

#include <cstdint>
#include <vector>

namespace dpred {

/// Columns that may run `registers` steps ahead of the slowest one.
class ColumnClock {
 public:
  ColumnClock(std::int64_t columns, std::int64_t registers)
      : column_end_(static_cast<std::size_t>(columns), 0),
        step_end_(static_cast<std::size_t>(registers + 1), 0) {}

  /// Consecutive steps: step i takes time_of_width[widths[j][i]] * weight_time[i] in column j. Columns beyond
  /// those given are missing and take no time. Where `latest` is given, latest[i] is raised to E of step i.
  void run(const std::vector<const std::uint8_t*>& widths, std::int64_t steps,
           const std::uint8_t* time_of_width, const std::uint8_t* weight_time,
           std::uint64_t* latest = nullptr);

  /// E of the last step.
  std::uint64_t end() const { return end_; }

 private:
  std::vector<std::uint64_t> column_end_;  ///< of each column's last step
  std::vector<std::uint64_t> step_end_;    ///< ring of E for the last k + 1 steps
  std::size_t oldest_ = 0;                 ///< E[n-1-k] in the ring
  std::uint64_t end_ = 0;
};

/// The steps of a single window, dealt over the columns one after another.
class DealtSteps {
 public:
  explicit DealtSteps(std::int64_t columns) : column_end_(static_cast<std::size_t>(columns), 0) {}

  /// The next step takes activation_time * weight_time; the one after it starts weight_time later at the
  /// earliest. Returns when it starts.
  std::uint64_t step(std::uint64_t activation_time, std::uint64_t weight_time) {
    std::uint64_t& column = column_end_[turn_];
    if (++turn_ == column_end_.size()) turn_ = 0;
    const std::uint64_t start = column > earliest_ ? column : earliest_;
    column = start + activation_time * weight_time;
    earliest_ = start + weight_time;
    if (column > end_) end_ = column;
    return start;
  }
  std::uint64_t end() const { return end_; }

 private:
  std::vector<std::uint64_t> column_end_;
  std::size_t turn_ = 0;
  std::uint64_t earliest_ = 0, end_ = 0;
};

}  // namespace dpred
