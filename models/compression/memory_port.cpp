#include "models/compression/memory_port.h"

#include <algorithm>

#include "models/tlm/memory_access.h"

namespace dpred {

MemoryPort::MemoryPort(const sc_core::sc_module_name& name, tlm::tlm_initiator_socket<>& socket,
                       const MemoryPortConfig& config)
    : sc_module(name),
      socket_(socket),
      config_(config),
      elided_bytes_(static_cast<std::size_t>(config.request_bytes)) {
  initiator_.socket.bind(socket);
}

/// The first request of [address, end) is [address, request_end).
std::uint64_t MemoryPort::request_end(std::uint64_t address, std::uint64_t end) const {
  return std::min((address / config_.request_bytes + 1) * config_.request_bytes, end);
}

std::string MemoryPort::error_of(tlm::tlm_response_status status, std::uint64_t address) const {
  tlm::tlm_generic_payload payload;
  payload.set_response_status(status);
  return std::string(socket_.name()) + ": " + payload.get_response_string() + " at address " +
         std::to_string(address);
}

void MemoryPort::access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
                        std::uint64_t address, std::size_t at, std::uint64_t length, bool elided) {
  if (length == 0) return;
  if (!config_.four_phases) return call(*transfer, command, address, at, length, elided);
  const std::uint64_t end = address + length;
  while (must_wait(command, address, end))
    wait(progress_);
  const auto access =
      std::make_shared<Access>(Access{transfer, command, address, end, address, 0, at, elided});
  accesses_.push_back(access);
  ++transfer->under_way;
  channel(command).issuing.push_back(access);
  issue(channel(command));
  while (access->next < end)
    wait(progress_);
}

void MemoryPort::call(MemoryTransfer& transfer, tlm::tlm_command command, std::uint64_t address,
                      std::size_t at, std::uint64_t length, bool elided) {
  std::deque<sc_core::sc_time>& completions = channel(command).completions;
  const std::uint64_t end = address + length;
  while (address < end) {
    const std::uint64_t bytes = request_end(address, end) - address;
    if (completions.size() == config_.outstanding) {
      const sc_core::sc_time free = completions.front();
      completions.pop_front();
      if (free > sc_core::sc_time_stamp()) wait(free - sc_core::sc_time_stamp());
    }
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_response_status status = initiator_.transport(
        command, address, elided ? elided_bytes_.data() : transfer.bytes.data() + at, bytes, delay, elided);
    if (status != tlm::TLM_OK_RESPONSE) throw TransportError(error_of(status, address));
    completions.push_back(sc_core::sc_time_stamp() + delay);
    transfer.completed = std::max(transfer.completed, completions.back());
    at += static_cast<std::size_t>(bytes);
    address += bytes;
  }
}

void MemoryPort::await(MemoryTransfer& transfer) {
  while (transfer.under_way > 0)
    wait(progress_);
  if (!transfer.error.empty()) throw TransportError(transfer.error);
}

/// The order of accesses to the same bytes is kept by waiting, whatever the memory does.
bool MemoryPort::must_wait(tlm::tlm_command command, std::uint64_t begin, std::uint64_t end) const {
  return std::any_of(accesses_.begin(), accesses_.end(), [&](const auto& other) {
    return other->begin < end && begin < other->end &&
           (command == tlm::TLM_WRITE_COMMAND || other->command == tlm::TLM_WRITE_COMMAND);
  });
}

void MemoryPort::issue(Channel& channel) {
  while (!channel.issuing.empty() && channel.under_way < config_.outstanding) {
    Access& access = *channel.issuing.front();
    const std::uint64_t address = access.next;
    access.next = request_end(address, access.end);
    ++access.under_way;
    ++channel.under_way;
    std::uint8_t* const data = access.elided ? elided_bytes_.data()
                                             : access.transfer->bytes.data() + access.at +
                                                   static_cast<std::size_t>(address - access.begin);
    if (access.next == access.end) {
      channel.issuing.pop_front();  // still one of those under way
      progress_.notify(sc_core::SC_ZERO_TIME);
    }
    initiator_.send(
        access.command, address, data, access.next - address,
        [this, &access](tlm::tlm_response_status status, std::uint64_t at) { answered(access, status, at); },
        access.elided);
  }
}

void MemoryPort::answered(Access& access, tlm::tlm_response_status status, std::uint64_t address) {
  MemoryTransfer& transfer = *access.transfer;
  transfer.completed = std::max(transfer.completed, sc_core::sc_time_stamp());
  if (status != tlm::TLM_OK_RESPONSE && transfer.error.empty()) transfer.error = error_of(status, address);
  --access.under_way;
  Channel& answering = channel(access.command);
  --answering.under_way;
  issue(answering);
  if (access.under_way > 0 || access.next < access.end) return;
  --transfer.under_way;
  accesses_.erase(std::find_if(accesses_.begin(), accesses_.end(),
                               [&](const auto& one) { return one.get() == &access; }));
  progress_.notify(sc_core::SC_ZERO_TIME);
}

}  // namespace dpred
