#include "models/dram/dram.h"

#include <algorithm>

#include "models/tlm/cycle_clock.h"
#include "models/tlm/elided_payload.h"
#include "models/tlm/stream_id.h"

namespace dpred::dram {

namespace {

/// SystemC's default resolution, until elaboration ends.
constexpr std::uint64_t default_femtoseconds_per_unit = 1000;

std::uint8_t stream_of(const tlm::tlm_generic_payload& payload) {
  const StreamId* id = payload.get_extension<StreamId>();
  return id == nullptr ? std::uint8_t{0} : id->value;
}

}  // namespace

Dram::Dram(const sc_core::sc_module_name& name, const Preset& preset, const std::string& mapping,
           int channels, const ControllerSettings& settings)
    : sc_module(name),
      core_(preset, mapping, channels, settings),
      clock_(preset.timings.clock_mhz, default_femtoseconds_per_unit),
      shortest_latency_(std::min(preset.timings.cl, preset.timings.cwl) + preset.timings.burst_clocks()),
      ports_(core_.map().channels()) {
  socket.register_b_transport(this, &Dram::b_transport);
  socket.register_nb_transport_fw(this, &Dram::nb_transport_fw);
  socket.register_transport_dbg(this, &Dram::transport_dbg);
  SC_HAS_PROCESS(Dram);
  SC_METHOD(wake);
  sensitive << wake_;
  dont_initialize();
}

void Dram::end_of_elaboration() {
  clock_ = ClockDomain(core_.preset().timings.clock_mhz, femtoseconds_per_unit());
}

// Loosely timed.

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
  if (payload.get_extension<ElidedPayload>() == nullptr) copy(payload, 0, payload.get_data_length());
}

tlm::tlm_response_status Dram::check(const tlm::tlm_generic_payload& payload) const {
  const unsigned int length = payload.get_data_length();
  if (length == 0 || payload.get_streaming_width() < length) return tlm::TLM_BURST_ERROR_RESPONSE;
  if (payload.get_data_ptr() == nullptr && payload.get_extension<ElidedPayload>() == nullptr) {
    return tlm::TLM_GENERIC_ERROR_RESPONSE;
  }
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
  settle();
  const Clock arrival = clock_after(delay);
  const Clock end = core_.book_run(payload.get_address(), payload.get_data_length(), payload.is_write(),
                                   arrival, stream_of(payload));
  if (core_.preset().ideal) return;
  delay = sc_core::sc_time::from_value(clock_.units_from_clocks(end) - now);
}

/// Decides the commands of the past, if any are waiting, before somebody goes ahead of them.
void Dram::settle() {
  bool any = false;
  for (std::uint32_t channel = 0; !core_.preset().ideal && channel < core_.map().channels(); ++channel) {
    if (core_.waiting(channel) == 0 && ports_[channel].waiting.empty()) continue;
    any = true;
    if (clock_now() > 0) advance(channel, clock_now() - 1);
  }
  if (any) wake_.notify(sc_core::SC_ZERO_TIME);  // to plan anew, once the caller is done
}

// Approximately timed. Commands of a clock are decided at some later time, but no later than the data of any
// of them can end: all that arrived until then is known, and one wake-up decides many commands.

tlm::tlm_sync_enum Dram::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) {
  if (phase == tlm::BEGIN_REQ) return begin_request(payload, phase, delay);
  if (phase == tlm::END_REQ || phase == tlm::BEGIN_RESP ||
      (phase == tlm::END_RESP && open_response_ != &payload)) {
    SC_REPORT_ERROR("dpred/dram", "a phase that this transaction can't have now");
  }
  if (phase != tlm::END_RESP || open_response_ != &payload) return tlm::TLM_ACCEPTED;
  end_response(delay);
  plan_next_wake();
  return tlm::TLM_COMPLETED;
}

void Dram::end_response(const sc_core::sc_time& delay) {
  response_free_ = clock_after(delay);
  if (open_response_->has_mm()) open_response_->release();
  open_response_ = nullptr;
}

tlm::tlm_sync_enum Dram::begin_request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       const sc_core::sc_time& delay) {
  if (open_request_ != no_slot) {
    SC_REPORT_ERROR("dpred/dram", "BEGIN_REQ before the END_REQ of the request before it");
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return tlm::TLM_COMPLETED;
  }
  const bool takes_time = !core_.preset().ideal && payload.get_command() != tlm::TLM_IGNORE_COMMAND &&
                          check(payload) == tlm::TLM_OK_RESPONSE;
  if (!takes_time) {
    sc_core::sc_time unchanged = delay;
    b_transport(payload, unchanged);
    return tlm::TLM_COMPLETED;
  }

  if (payload.has_mm())
    payload.acquire();  // the protocol asks for a memory manager, not all initiators have one
  const std::uint32_t slot = take_slot(payload);
  const Clock arrival = clock_after(delay);
  if (delay == sc_core::SC_ZERO_TIME && queue_bursts(slot, arrival)) {
    plan_next_wake();
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  open_request_ = slot;
  open_request_start_ = arrival;
  plan_next_wake();
  return tlm::TLM_ACCEPTED;
}

std::uint32_t Dram::take_slot(tlm::tlm_generic_payload& payload) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(in_flight_.size()));
    in_flight_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  const std::uint64_t first = core_.map().burst_of(payload.get_address());
  const std::uint64_t last = core_.map().burst_of(payload.get_address() + payload.get_data_length() - 1);
  const bool elided = payload.get_extension<ElidedPayload>() != nullptr;
  in_flight_[slot] = {&payload, first, last - first + 1, 0, 0, 0, stream_of(payload), !elided, 0, {}};
  if (last > first) ++long_payloads_;
  if (long_payloads_ > 0) keep_order(slot);
  return slot;
}

/// Lets the response of a payload wait for those of older ones that share a burst with it, one of them a
/// write. Of payloads of one burst the queues keep the order.
void Dram::keep_order(std::uint32_t slot) {
  InFlight& f = in_flight_[slot];
  for (InFlight& older : in_flight_) {
    if (&older == &f || older.payload == nullptr) continue;
    const bool apart =
        older.first_burst + older.bursts <= f.first_burst || f.first_burst + f.bursts <= older.first_burst;
    if (apart || (older.payload->is_read() && f.payload->is_read())) continue;
    older.followers.push_back(slot);
    ++f.waits_for;
  }
}

/// Queues bursts of a payload until one finds no room; says whether all are queued.
bool Dram::queue_bursts(std::uint32_t slot, Clock arrival) {
  const bool is_write = in_flight_[slot].payload->is_write();
  for (; in_flight_[slot].queued < in_flight_[slot].bursts; ++in_flight_[slot].queued) {
    const InFlight& f = in_flight_[slot];
    const Location at = core_.map().decode(core_.map().address_of(f.first_burst + f.queued));
    const PortBurst burst{at, is_write, f.stream, arrival, std::uint64_t{slot} << 32 | f.queued};
    if (arrival > 0) advance(at.channel, arrival - 1);
    if (!queue_burst(burst)) {
      full_ = burst;
      return false;
    }
  }
  return true;
}

bool Dram::queue_burst(const PortBurst& burst) {
  Port& port = ports_[burst.at.channel];
  if (port.waiting.empty() && port.free <= burst.arrival && core_.has_room(burst.at, burst.is_write)) {
    enter(burst, burst.arrival);
    return true;
  }
  if (port.waiting.size() >= core_.settings().port_entries) return false;
  port.waiting.push_back(burst);
  return true;
}

void Dram::enter(const PortBurst& burst, Clock clock) {
  core_.push(burst.at, burst.is_write, clock, burst.tag, burst.stream);
  ports_[burst.at.channel].free = clock + 1;
}

/// Issues all commands up to and at clock `until` and takes bursts from the port until the clock after.
void Dram::advance(std::uint32_t channel, Clock until) {
  const auto served = [this](const ServedBurst& burst) { serve(burst); };
  Port& port = ports_[channel];
  while (!port.waiting.empty()) {
    const PortBurst& first = port.waiting.front();
    const Clock command = core_.next_command(channel);
    const bool has_room = core_.has_room(first.at, first.is_write);
    const Clock entry = std::max(first.arrival, port.free);
    if (has_room && entry <= command) {
      if (entry > until + 1) return;
      enter(first, entry);
      port.waiting.pop_front();
      continue;
    }
    if (command > until) return;
    core_.advance(channel, command, served);
    if (!has_room) port.free = std::max(port.free, command + 1);
  }
  core_.advance(channel, until, served);
}

void Dram::serve(const ServedBurst& burst) {
  const auto slot = static_cast<std::uint32_t>(burst.tag >> 32);
  InFlight& f = in_flight_[slot];
  if (f.copied) {
    const std::uint64_t address = f.payload->get_address();
    const std::uint64_t number = f.first_burst + (burst.tag & 0xffffffff);
    const std::uint64_t begin = core_.map().address_of(number);
    const std::uint64_t end =
        std::min(core_.map().address_of(number + 1), address + f.payload->get_data_length());
    copy(*f.payload, std::max(begin, address) - address, end - address);
  }
  f.data_end = std::max(f.data_end, burst.booking.data_end);
  ++f.served;
  if (f.served == f.bursts && f.waits_for == 0) complete(slot);
}

void Dram::complete(std::uint32_t slot) {
  InFlight& f = in_flight_[slot];
  responses_.push({f.data_end, response_count_++, f.payload});
  if (f.bursts > 1) --long_payloads_;
  f.payload = nullptr;
  free_slots_.push_back(slot);
  const std::vector<std::uint32_t> followers = std::move(f.followers);
  const Clock data_end = f.data_end;
  for (const std::uint32_t follower : followers) {
    InFlight& next = in_flight_[follower];
    next.data_end = std::max(next.data_end, data_end);
    if (--next.waits_for == 0 && next.served == next.bursts) complete(follower);
  }
}

/// The last clock that is not after the current time.
Clock Dram::clock_now() const {
  return clock_.clocks_from_units(sc_core::sc_time_stamp().value() + 1) - 1;
}

/// The first clock at or after the current time and a delay.
Clock Dram::clock_after(const sc_core::sc_time& delay) const {
  return clock_.clocks_from_units(sc_core::sc_time_stamp().value() + delay.value());
}

void Dram::wake() {
  next_wake_ = Channel::never;
  const Clock now = clock_now();
  for (std::uint32_t channel = 0; now > 0 && channel < core_.map().channels(); ++channel)
    advance(channel, now - 1);
  if (open_request_ != no_slot && open_request_start_ <= now) continue_request();
  send_responses();
  plan_next_wake();
}

void Dram::continue_request() {
  if (!queue_bursts(open_request_, clock_now())) return;
  tlm::tlm_generic_payload& payload = *in_flight_[open_request_].payload;
  open_request_ = no_slot;  // the initiator may begin its next request within the call
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->nb_transport_bw(payload, phase, delay);
}

void Dram::send_responses() {
  const Clock now = clock_now();
  while (open_response_ == nullptr && !responses_.empty() && responses_.top().clock <= now &&
         response_free_ <= now) {
    tlm::tlm_generic_payload& payload = *responses_.top().payload;
    responses_.pop();
    open_response_ = &payload;
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum answer = socket->nb_transport_bw(payload, phase, delay);
    const bool ended = answer == tlm::TLM_COMPLETED || (answer == tlm::TLM_UPDATED && phase == tlm::END_RESP);
    if (ended && open_response_ == &payload) end_response(delay);
  }
}

/// When the next burst of the port, or the one that waits for the port, enters the queues at the earliest.
Clock Dram::next_entry(std::uint32_t channel) {
  const Port& port = ports_[channel];
  const PortBurst& first = port.waiting.empty() ? full_ : port.waiting.front();
  if (core_.has_room(first.at, first.is_write)) return std::max(first.arrival, port.free);
  // A place is free from the clock after the command that empties it.
  const Clock command = core_.next_command(channel);
  return command == Channel::never ? command : command + 1;
}

void Dram::plan_next_wake() {
  Clock next = Channel::never;
  if (open_response_ == nullptr && !responses_.empty()) {
    next = std::max(responses_.top().clock, response_free_);
  }
  for (std::uint32_t channel = 0; channel < core_.map().channels(); ++channel) {
    Clock command = core_.next_command(channel);
    if (!ports_[channel].waiting.empty()) command = std::min(command, next_entry(channel));
    if (command != Channel::never) next = std::min(next, command + shortest_latency_);
  }
  if (open_request_ != no_slot) {
    const bool is_tried = open_request_start_ <= clock_now();
    next = std::min(next, is_tried ? next_entry(full_.at.channel) : open_request_start_);
  }
  if (next >= next_wake_) return;
  next_wake_ = next;
  const std::uint64_t now = sc_core::sc_time_stamp().value();
  const std::uint64_t at = clock_.units_from_clocks(next);
  wake_.notify(sc_core::sc_time::from_value(at > now ? at - now : 0));
}

// Contents.

/// Bytes [begin, end) of the payload.
void Dram::copy(const tlm::tlm_generic_payload& payload, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t address = payload.get_address();
  std::uint8_t* const data = payload.get_data_ptr();
  const std::uint8_t* const enables = payload.get_byte_enable_ptr();
  if (enables == nullptr) {
    copy(address + begin, data + begin, end - begin, payload.is_write());
    return;
  }
  const std::size_t period = payload.get_byte_enable_length();
  const auto enabled = [&](std::size_t i) { return enables[i % period] == TLM_BYTE_ENABLED; };
  for (std::size_t first = begin; first < end;) {
    std::size_t last = first;
    while (last < end && enabled(last))
      ++last;
    copy(address + first, data + first, last - first, payload.is_write());
    first = last;
    while (first < end && !enabled(first))
      ++first;
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
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || payload.get_address() >= capacity() ||
      payload.get_data_ptr() == nullptr) {
    return 0;
  }
  const std::uint64_t room = capacity() - payload.get_address();
  const auto bytes = static_cast<unsigned int>(std::min<std::uint64_t>(payload.get_data_length(), room));
  copy(payload.get_address(), payload.get_data_ptr(), bytes, payload.is_write());
  return bytes;
}

}  // namespace dpred::dram
