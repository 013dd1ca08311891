// The engine's way to memory: accesses of any length, cut into requests, of which few are under way at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/compression/burst_initiator.h"

namespace dpred {

struct MemoryPortConfig {
  bool four_phases = false;           ///< else blocking calls
  std::uint64_t request_bytes = 512;  ///< longest request; none crosses a multiple of it
  std::uint64_t outstanding = 8;      ///< requests under way, for reads and for writes
};

/// Accesses that are waited for together, and their bytes.
struct MemoryTransfer {
  std::vector<std::uint8_t> bytes;
  sc_core::sc_time completed;   ///< the latest of what it was begun with and those that have completed
  std::uint64_t under_way = 0;  ///< accesses that have not completed
  std::string error;            ///< what the memory answered first that was one
};

/// Issue and completion are apart: access() returns when the last request is issued, await() when all of a
/// transfer's accesses have completed or the time is known at which they will. To be called from SC_THREADs.
///
/// Blocking calls are made as requests are issued, and count as under way until the time that the memory
/// annotates. With four phases, reads may be answered in any order; an access that shares a byte with one
/// under way, one of them a write, is issued when that has completed.
class MemoryPort : public sc_core::sc_module {
 public:
  /// Binds to a socket of the module around it, which gives its name to errors.
  MemoryPort(const sc_core::sc_module_name& name, tlm::tlm_initiator_socket<>& socket,
             const MemoryPortConfig& config);

  /// An access to [address, address + length) from or to `transfer->bytes`, `at` and on, which have to stay
  /// where they are until the transfer is awaited; with `elided` there need not be any. Waits only while as
  /// many requests as allowed are under way. TransportError if the memory answers with an error, here or in
  /// await().
  void access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
              std::uint64_t address, std::size_t at, std::uint64_t length, bool elided);
  /// Afterwards `transfer.completed` is when the last access completes, which may lie ahead with blocking
  /// calls.
  void await(MemoryTransfer& transfer);

  /// Without time. False unless all bytes were served.
  bool debug(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::uint64_t length) {
    return initiator_.debug(command, address, data, length);
  }

 private:
  /// An access with four phases, until its last answer.
  struct Access {
    std::shared_ptr<MemoryTransfer> transfer;
    tlm::tlm_command command = tlm::TLM_READ_COMMAND;
    std::uint64_t begin = 0, end = 0;
    std::uint64_t next = 0;       ///< address of the request that is issued next
    std::uint64_t under_way = 0;  ///< requests
    std::size_t at = 0;           ///< of the first byte, in the transfer's
    bool elided = false;
  };
  /// The requests of one direction.
  struct Channel {
    std::deque<sc_core::sc_time> completions;  ///< of blocking calls
    std::deque<std::shared_ptr<Access>> issuing;
    std::uint64_t under_way = 0;
  };

  Channel& channel(tlm::tlm_command command) { return command == tlm::TLM_READ_COMMAND ? reads_ : writes_; }
  std::uint64_t request_end(std::uint64_t address, std::uint64_t end) const;
  std::string error_of(tlm::tlm_response_status status, std::uint64_t address) const;
  void call(MemoryTransfer& transfer, tlm::tlm_command command, std::uint64_t address, std::size_t at,
            std::uint64_t length, bool elided);
  bool must_wait(tlm::tlm_command command, std::uint64_t begin, std::uint64_t end) const;
  void issue(Channel& channel);
  void answered(Access& access, tlm::tlm_response_status status, std::uint64_t address);

  tlm::tlm_initiator_socket<>& socket_;
  MemoryPortConfig config_;
  BurstInitiator initiator_{"initiator"};
  Channel reads_, writes_;
  std::vector<std::shared_ptr<Access>> accesses_;  ///< with four phases
  std::vector<std::uint8_t> elided_bytes_;         ///< for requests whose bytes nobody needs
  sc_core::sc_event progress_;                     ///< an access is issued, or has completed
};

}  // namespace dpred
