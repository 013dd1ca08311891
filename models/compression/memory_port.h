// The engine's way to memory: accesses of any length, cut into requests, of which few are under way at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/tlm/memory_access.h"

namespace dpred {

struct MemoryPortConfig {
  std::uint64_t request_bytes = 512;  ///< longest request; none crosses a multiple of it
  std::uint64_t outstanding = 8;      ///< requests under way, for reads and for writes
};

/// Accesses that are waited for together, and their bytes.
struct MemoryTransfer {
  std::vector<std::uint8_t> bytes;
  sc_core::sc_time completed;  ///< the latest of what it was begun with and those that have completed
};

/// Issue and completion are apart: access() returns when the last request is issued, await() when all of a
/// transfer's accesses have completed or the time is known at which they will. To be called from SC_THREADs.
class MemoryPort {
 public:
  MemoryPort(tlm::tlm_initiator_socket<>& socket, const MemoryPortConfig& config);

  /// An access to [address, address + length) from or to `transfer->bytes`, `at` and on, which have to stay
  /// where they are until the transfer is awaited; with `elided` there need not be any. Waits only while as
  /// many requests as allowed are under way. TransportError if the memory answers with an error.
  void access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
              std::uint64_t address, std::size_t at, std::uint64_t length, bool elided);
  /// Afterwards `transfer.completed` is when the last access completes, which may lie ahead. TransportError
  /// if the memory answered one of them with an error.
  void await(MemoryTransfer& transfer);

 private:
  /// The requests of one direction.
  struct Channel {
    std::deque<sc_core::sc_time> completions;
    MemoryAccess access;
  };

  tlm::tlm_initiator_socket<>& socket_;
  MemoryPortConfig config_;
  Channel reads_, writes_;
  std::vector<std::uint8_t> elided_bytes_;  ///< for requests whose bytes nobody needs
};

}  // namespace dpred
