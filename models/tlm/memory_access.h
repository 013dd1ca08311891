// One blocking access over an initiator socket, with the response checked.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <systemc>
#include <tlm>

#include "models/tlm/elided_payload.h"

namespace dpred {

/// A target answered with an error response.
class TransportError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reuses one payload for the blocking accesses of a component. The payload lives here, not on the stack of
/// a process.
class MemoryAccess {
 public:
  MemoryAccess() = default;
  ~MemoryAccess() { payload_.clear_extension(&elided_); }
  MemoryAccess(const MemoryAccess&) = delete;
  MemoryAccess& operator=(const MemoryAccess&) = delete;

  /// Transfers `length` bytes, below 4 GiB; returns the delay that the target annotated. With `elided` the
  /// bytes need not be copied; `data` must be as valid as without. TransportError names the socket and the
  /// address.
  template <class Socket>
  sc_core::sc_time transfer(Socket& socket, tlm::tlm_command command, std::uint64_t address,
                            std::uint8_t* data, std::uint64_t length, bool elided) {
    prepare(command, address, data, length);
    payload_.clear_extension(&elided_);
    if (elided) payload_.set_extension(&elided_);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload_, delay);
    if (payload_.is_response_error()) {
      throw TransportError(std::string(socket.name()) + ": " + payload_.get_response_string() +
                           " at address " + std::to_string(address));
    }
    return delay;
  }

  /// Transfers bytes, below 4 GiB, without time or trace; returns how many the target served.
  template <class Socket>
  std::uint64_t debug_transfer(Socket& socket, tlm::tlm_command command, std::uint64_t address,
                               std::uint8_t* data, std::uint64_t length) {
    prepare(command, address, data, length);
    payload_.clear_extension(&elided_);
    return socket->transport_dbg(payload_);
  }

 private:
  void prepare(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data, std::uint64_t length) {
    payload_.set_command(command);
    payload_.set_address(address);
    payload_.set_data_ptr(data);
    payload_.set_data_length(static_cast<unsigned int>(length));
    payload_.set_streaming_width(static_cast<unsigned int>(length));
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  }

  tlm::tlm_generic_payload payload_;
  ElidedPayload elided_;
};

}  // namespace dpred
