// Payload extension: a transaction whose bytes nobody needs.
#pragma once

#include <tlm>

namespace dpred {

/// Marks a payload whose bytes need not be copied: a target that knows the extension skips the copy, and
/// takes the time and counts the transfer as usual. Ignorable: a target that does not know it copies, so the
/// data pointer of the payload is as valid as without the extension.
struct ElidedPayload : tlm::tlm_extension<ElidedPayload> {
  tlm::tlm_extension_base* clone() const override { return new ElidedPayload; }
  void copy_from(const tlm::tlm_extension_base&) override {}
};

}  // namespace dpred
