// At most so many at a time: when the next one may come in.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace dpred {

/// Items come in one after another and are numbered so; a place is free again when the item that took it has
/// left, and places are taken in turns: item n takes that of item n - places. Times are clocks.
class Window {
 public:
  explicit Window(std::uint64_t places) : places_(places) {}

  /// From when on `items` more, at most the number of places, have room; none while that is not known.
  std::optional<std::uint64_t> room(std::uint64_t items) const {
    const std::uint64_t end = next_ + items;
    std::uint64_t clock = 0;
    for (std::uint64_t item = first_; item + places_ < end; ++item) {
      const std::optional<std::uint64_t>& left = left_[static_cast<std::size_t>(item - first_)];
      if (!left) return std::nullopt;
      clock = *left > clock ? *left : clock;
    }
    return clock;
  }
  /// Returns the number of the first of them. They must have room.
  std::uint64_t enter(std::uint64_t items) {
    const std::uint64_t item = next_;
    next_ += items;
    left_.resize(left_.size() + static_cast<std::size_t>(items));
    for (; next_ - first_ > places_; ++first_)
      left_.pop_front();
    return item;
  }
  void leave(std::uint64_t item, std::uint64_t clock) {
    left_[static_cast<std::size_t>(item - first_)] = clock;
  }

 private:
  std::uint64_t places_;
  std::uint64_t first_ = 0, next_ = 0;
  std::deque<std::optional<std::uint64_t>> left_;  ///< of items first_ .. next_ - 1
};

}  // namespace dpred
