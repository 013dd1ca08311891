// Where the fills of one operand go in its buffer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "platform/plan.h"

namespace dpred {

/// Turn by turn into the halves, or one behind the other if all stays.
class FillPlaces {
 public:
  /// What a fill brings: one with the key of the fill before it needs nothing new.
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  explicit FillPlaces(std::uint64_t capacity) : half_(capacity / 2) {}

  std::optional<Fill> place(Fill fill, const Key& key, bool resident, std::size_t job) {
    if (resident) {
      if (fill.rows.empty()) return std::nullopt;
      fill.buffer_address = used_;
      used_ += fill.buffer_bytes;
      most_used_ = used_;
      return fill;
    }
    if (key == key_) {
      last_job_[turn_] = static_cast<std::int64_t>(job);
      return std::nullopt;
    }
    key_ = key;
    turn_ = 1 - turn_;
    fill.buffer_address = turn_ * half_;
    fill.after_job = last_job_[turn_];
    last_job_[turn_] = static_cast<std::int64_t>(job);
    most_used_ = std::max(most_used_, fill.buffer_bytes);
    if (fill.rows.empty()) return std::nullopt;  // a band of padding alone
    return fill;
  }
  std::uint64_t most_used() const { return most_used_; }

 private:
  std::uint64_t half_;
  std::uint64_t used_ = 0, most_used_ = 0;
  std::optional<Key> key_;
  std::size_t turn_ = 1;
  std::optional<std::int64_t> last_job_[2];
};

}  // namespace dpred
