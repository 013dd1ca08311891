// Things that are kept for those who ask again, up to a number of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace dpred {

/// Values by key, of which the last that were asked for are kept. Keys are compared one by one: for few.
template <class Key, class Value>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(std::size_t most) : most_(most) {}

  /// The value of a key. One that isn't kept is made by make(), which returns a std::shared_ptr<Value>.
  template <class Make>
  std::shared_ptr<Value> get(const Key& key, Make&& make) {
    auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const Entry& entry) { return entry.first == key; });
    if (found == kept_.end()) {
      Entry made{key, make()};
      if (kept_.size() == most_) kept_.pop_back();
      found = kept_.insert(kept_.end(), std::move(made));
    }
    std::rotate(kept_.begin(), found, found + 1);
    return kept_.front().second;
  }

 private:
  using Entry = std::pair<Key, std::shared_ptr<Value>>;

  std::size_t most_;
  std::vector<Entry> kept_;  ///< the last used first
};

}  // namespace dpred
