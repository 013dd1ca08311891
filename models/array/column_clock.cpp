#include "models/array/column_clock.h"

#include <algorithm>

namespace dpred {

void ColumnClock::run(const std::vector<const std::uint8_t*>& widths, std::int64_t steps,
                      const std::uint8_t* time_of_width, const std::uint8_t* weight_time,
                      std::uint64_t* latest) {
  const std::size_t columns = widths.size();
  std::uint64_t* column_end = column_end_.data();
  std::uint64_t end = end_;
  for (std::int64_t i = 0; i < steps; ++i) {
    // E[n-1-k] stands where E[n] will be written.
    std::uint64_t& step_end = step_end_[oldest_];
    if (++oldest_ == step_end_.size()) oldest_ = 0;
    const std::uint64_t released = step_end;
    const std::uint64_t weight = weight_time[i];
    for (std::size_t j = 0; j < columns; ++j) {
      column_end[j] = std::max(column_end[j], released) + time_of_width[widths[j][i]] * weight;
      end = std::max(end, column_end[j]);
    }
    step_end = end;
    if (latest != nullptr) latest[i] = std::max(latest[i], end);
  }
  end_ = end;
}

}  // namespace dpred
