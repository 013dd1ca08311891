#include "models/dram/dram.h"

#include <algorithm>

#include "models/tlm/cycle_clock.h"
#include "models/tlm/elided_payload.h"

namespace dpred::dram {

namespace {

/// SystemC's default resolution, until elaboration ends.
constexpr std::uint64_t default_femtoseconds_per_unit = 1000;

}  // namespace

Dram::Dram(const sc_core::sc_module_name& name, const Preset& preset, const std::string& mapping,
           int channels)
    : sc_module(name),
      core_(preset, mapping, channels),
      clock_(preset.timings.clock_mhz, default_femtoseconds_per_unit) {
  socket.register_b_transport(this, &Dram::b_transport);
  socket.register_transport_dbg(this, &Dram::transport_dbg);
}

void Dram::end_of_elaboration() {
  clock_ = ClockDomain(core_.preset().timings.clock_mhz, femtoseconds_per_unit());
}

void Dram::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  payload.set_dmi_allowed(false);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return;
  }
  const tlm::tlm_response_status status = check(payload);
  payload.set_response_status(status);
  if (status != tlm::TLM_OK_RESPONSE) return;
  book(payload, delay);
  if (payload.get_extension<ElidedPayload>() == nullptr) copy(payload);
}

tlm::tlm_response_status Dram::check(const tlm::tlm_generic_payload& payload) const {
  const unsigned int length = payload.get_data_length();
  if (length == 0 || payload.get_streaming_width() < length) return tlm::TLM_BURST_ERROR_RESPONSE;
  if (payload.get_byte_enable_ptr() != nullptr && payload.get_byte_enable_length() == 0) {
    return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  }
  if (payload.get_address() >= capacity() || length > capacity() - payload.get_address()) {
    return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  }
  return tlm::TLM_OK_RESPONSE;
}

void Dram::book(const tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const std::uint64_t now = sc_core::sc_time_stamp().value();
  const Clock arrival = clock_.clocks_from_units(now + delay.value());
  const Clock end =
      core_.book_run(payload.get_address(), payload.get_data_length(), payload.is_write(), arrival);
  if (core_.preset().ideal) return;
  delay = sc_core::sc_time::from_value(clock_.units_from_clocks(end) - now);
}

void Dram::copy(const tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  std::uint8_t* const data = payload.get_data_ptr();
  const std::size_t length = payload.get_data_length();
  const std::uint8_t* const enables = payload.get_byte_enable_ptr();
  if (enables == nullptr) {
    copy(address, data, length, payload.is_write());
    return;
  }
  const std::size_t period = payload.get_byte_enable_length();
  const auto enabled = [&](std::size_t i) { return enables[i % period] == TLM_BYTE_ENABLED; };
  for (std::size_t begin = 0; begin < length;) {
    std::size_t end = begin;
    while (end < length && enabled(end))
      ++end;
    copy(address + begin, data + begin, end - begin, payload.is_write());
    begin = end;
    while (begin < length && !enabled(begin))
      ++begin;
  }
}

void Dram::copy(std::uint64_t address, std::uint8_t* data, std::size_t bytes, bool is_write) {
  if (is_write) {
    memory_.write(address, data, bytes);
  } else {
    memory_.read(address, data, bytes);
  }
}

unsigned int Dram::transport_dbg(tlm::tlm_generic_payload& payload) {
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || payload.get_address() >= capacity()) return 0;
  const std::uint64_t room = capacity() - payload.get_address();
  const auto bytes = static_cast<unsigned int>(std::min<std::uint64_t>(payload.get_data_length(), room));
  copy(payload.get_address(), payload.get_data_ptr(), bytes, payload.is_write());
  return bytes;
}

}  // namespace dpred::dram
