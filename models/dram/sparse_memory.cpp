#include "models/dram/sparse_memory.h"

#include <algorithm>
#include <cstring>

namespace dpred::dram {

void SparseMemory::read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) const {
  while (bytes > 0) {
    const std::size_t offset = address % page_bytes;
    const std::size_t part = std::min(bytes, page_bytes - offset);
    const Page* page = find(address / page_bytes);
    if (page == nullptr) {
      std::memset(to, 0, part);
    } else {
      std::memcpy(to, page->data() + offset, part);
    }
    address += part;
    to += part;
    bytes -= part;
  }
}

void SparseMemory::write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes) {
  while (bytes > 0) {
    const std::size_t offset = address % page_bytes;
    const std::size_t part = std::min(bytes, page_bytes - offset);
    Page* page = find(address / page_bytes);
    if (page == nullptr) {
      page = (pages_[address / page_bytes] = std::make_unique<Page>()).get();
    }
    std::memcpy(page->data() + offset, from, part);
    address += part;
    from += part;
    bytes -= part;
  }
}

}  // namespace dpred::dram
