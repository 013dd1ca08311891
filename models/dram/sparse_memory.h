// Contents of a large memory of which little is ever written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace dpred::dram {

/// Bytes over the whole 64-bit address space. A page is allocated when it is first written; what was never
/// written reads as zero and costs nothing. The caller keeps `address + bytes` from passing 2^64.
class SparseMemory {
 public:
  static constexpr std::size_t page_bytes = 64 * 1024;

  void read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) const;
  void write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes);

  /// Bytes of host memory in pages.
  std::uint64_t allocated_bytes() const { return pages_.size() * page_bytes; }

 private:
  using Page = std::array<std::uint8_t, page_bytes>;

  Page* find(std::uint64_t number) const {
    if (number != last_number_ || last_ == nullptr) {
      const auto page = pages_.find(number);
      if (page == pages_.end()) return nullptr;
      last_number_ = number;
      last_ = page->second.get();
    }
    return last_;
  }

  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  // The page that was used last, likely to be used next. Pages never go away.
  mutable std::uint64_t last_number_ = 0;
  mutable Page* last_ = nullptr;
};

}  // namespace dpred::dram
