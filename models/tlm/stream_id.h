// Payload extension: which of several streams of an initiator a transaction belongs to.
#pragma once

#include <cstdint>
#include <tlm>

namespace dpred {

/// A memory that knows the extension counts the traffic of each number apart. Ignorable: without it, or to a
/// target that doesn't know it, a transaction belongs to stream 0.
struct StreamId : tlm::tlm_extension<StreamId> {
  explicit StreamId(std::uint8_t number = 0) : value(number) {}
  tlm::tlm_extension_base* clone() const override { return new StreamId(value); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    value = static_cast<const StreamId&>(other).value;
  }

  std::uint8_t value;
};

}  // namespace dpred
