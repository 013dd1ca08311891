#include "models/compression/memory_port.h"

#include <algorithm>

namespace dpred {

MemoryPort::MemoryPort(tlm::tlm_initiator_socket<>& socket, const MemoryPortConfig& config)
    : socket_(socket), config_(config), elided_bytes_(static_cast<std::size_t>(config.request_bytes)) {}

void MemoryPort::access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
                        std::uint64_t address, std::size_t at, std::uint64_t length, bool elided) {
  Channel& channel = command == tlm::TLM_READ_COMMAND ? reads_ : writes_;
  const std::uint64_t end = address + length;
  while (address < end) {
    const std::uint64_t boundary = (address / config_.request_bytes + 1) * config_.request_bytes;
    const std::uint64_t bytes = std::min(boundary, end) - address;
    if (channel.completions.size() == config_.outstanding) {
      const sc_core::sc_time free = channel.completions.front();
      channel.completions.pop_front();
      if (free > sc_core::sc_time_stamp()) sc_core::wait(free - sc_core::sc_time_stamp());
    }
    std::uint8_t* const data = elided ? elided_bytes_.data() : transfer->bytes.data() + at;
    const sc_core::sc_time delay = channel.access.transfer(socket_, command, address, data, bytes, elided);
    channel.completions.push_back(sc_core::sc_time_stamp() + delay);
    transfer->completed = std::max(transfer->completed, channel.completions.back());
    at += static_cast<std::size_t>(bytes);
    address += bytes;
  }
}

void MemoryPort::await(MemoryTransfer&) {}  // a blocking access tells when it completes

}  // namespace dpred
