#include "models/buffer/on_chip_buffer.h"

#include <algorithm>

#include "models/tlm/elided_payload.h"

namespace dpred {

OnChipBuffer::OnChipBuffer(const sc_core::sc_module_name& name, std::uint64_t capacity)
    : sc_module(name), bytes_(static_cast<std::size_t>(capacity)) {
  for (auto* port : {&write_port, &read_port}) {
    port->register_b_transport(this, &OnChipBuffer::b_transport);
    port->register_transport_dbg(this, &OnChipBuffer::transport_dbg);
    port->register_get_direct_mem_ptr(this, &OnChipBuffer::get_direct_mem_ptr);
  }
}

tlm::tlm_response_status OnChipBuffer::check(const tlm::tlm_generic_payload& payload) const {
  const std::uint64_t length = payload.get_data_length();
  if (!payload.is_read() && !payload.is_write()) return tlm::TLM_COMMAND_ERROR_RESPONSE;
  if (length == 0 || payload.get_streaming_width() < length) return tlm::TLM_BURST_ERROR_RESPONSE;
  if (payload.get_data_ptr() == nullptr) return tlm::TLM_GENERIC_ERROR_RESPONSE;
  if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (length > bytes_.size() || payload.get_address() > bytes_.size() - length) {
    return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  }
  return tlm::TLM_OK_RESPONSE;
}

void OnChipBuffer::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& /*delay*/) {
  payload.set_dmi_allowed(false);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return;
  }
  const tlm::tlm_response_status status = check(payload);
  payload.set_response_status(status);
  if (status != tlm::TLM_OK_RESPONSE) return;
  payload.set_dmi_allowed(true);
  (payload.is_write() ? bytes_written_ : bytes_read_) += payload.get_data_length();
  if (payload.get_extension<ElidedPayload>() == nullptr) transport_dbg(payload);
}

unsigned int OnChipBuffer::transport_dbg(tlm::tlm_generic_payload& payload) {
  if (payload.get_address() >= bytes_.size() || payload.get_data_ptr() == nullptr) return 0;
  if (!payload.is_read() && !payload.is_write()) return 0;
  const std::size_t length = std::min<std::size_t>(
      payload.get_data_length(), bytes_.size() - static_cast<std::size_t>(payload.get_address()));
  std::uint8_t* at = bytes_.data() + payload.get_address();
  if (payload.is_write()) {
    std::copy_n(payload.get_data_ptr(), length, at);
  } else {
    std::copy_n(at, length, payload.get_data_ptr());
  }
  return static_cast<unsigned int>(length);
}

bool OnChipBuffer::get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  dmi.allow_read_write();
  dmi.set_start_address(0);
  dmi.set_read_latency(sc_core::SC_ZERO_TIME);
  dmi.set_write_latency(sc_core::SC_ZERO_TIME);
  if (payload.get_address() >= bytes_.size()) {
    // Refused, and so is all that lies beyond.
    dmi.set_start_address(bytes_.size());
    dmi.set_end_address(~sc_dt::uint64{0});
    return false;
  }
  dmi.set_dmi_ptr(bytes_.data());
  dmi.set_end_address(bytes_.size() - 1);
  return true;
}

}  // namespace dpred
