#include "models/compression/burst_initiator.h"

#include <algorithm>
#include <utility>

namespace dpred {

BurstInitiator::BurstInitiator(const sc_core::sc_module_name& name) : sc_module(name) {
  socket.bind(*this);
  SC_HAS_PROCESS(BurstInitiator);
  SC_METHOD(send_next);
  sensitive << send_event_;
  dont_initialize();
  SC_METHOD(take_responses);
  sensitive << response_event_;
  dont_initialize();
}

BurstInitiator::Request& BurstInitiator::take(tlm::tlm_command command, std::uint64_t address,
                                              std::uint8_t* data, std::uint64_t length, bool elided) {
  if (free_.empty()) {
    requests_.push_back(std::make_unique<Request>());
    requests_.back()->set_mm(this);
    free_.push_back(requests_.back().get());
  }
  Request& request = *free_.back();
  free_.pop_back();
  request.acquire();
  request.set_command(command);
  request.set_address(address);
  request.set_data_ptr(data);
  request.set_data_length(static_cast<unsigned int>(length));
  request.set_streaming_width(static_cast<unsigned int>(length));
  request.set_byte_enable_ptr(nullptr);
  request.set_dmi_allowed(false);
  request.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  if (elided) {
    request.set_extension(&request.elided);
  } else {
    request.clear_extension(&request.elided);
  }
  return request;
}

void BurstInitiator::free(tlm::tlm_generic_payload* payload) {
  payload->reset();
  free_.push_back(static_cast<Request*>(payload));
}

tlm::tlm_response_status BurstInitiator::transport(tlm::tlm_command command, std::uint64_t address,
                                                   std::uint8_t* data, std::uint64_t length,
                                                   sc_core::sc_time& delay, bool elided) {
  Request& request = take(command, address, data, length, elided);
  socket->b_transport(request, delay);
  const tlm::tlm_response_status status = request.get_response_status();
  request.release();
  return status;
}

bool BurstInitiator::debug(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data,
                           std::uint64_t length) {
  Request& request = take(command, address, data, length, false);
  const bool is_served = socket->transport_dbg(request) == length;
  request.release();
  return is_served;
}

void BurstInitiator::send(tlm::tlm_command command, std::uint64_t address, std::uint8_t* data,
                          std::uint64_t length, Done done, bool elided) {
  Request& request = take(command, address, data, length, elided);
  request.done = std::move(done);
  waiting_.push_back(&request);
  send_event_.notify(sc_core::SC_ZERO_TIME);
}

void BurstInitiator::send_next() {
  while (open_request_ == nullptr && !waiting_.empty()) {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    if (request_end_ > now) {
      send_event_.notify(request_end_ - now);
      return;
    }
    Request& request = *waiting_.front();
    waiting_.pop_front();
    open_request_ = &request;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum answer = socket->nb_transport_fw(request, phase, delay);
    if (answer == tlm::TLM_ACCEPTED) continue;
    const bool is_completed = answer == tlm::TLM_COMPLETED;
    if (open_request_ == &request) end_request(is_completed ? sc_core::SC_ZERO_TIME : delay);
    if (is_completed || phase == tlm::BEGIN_RESP) respond(request, delay, !is_completed);
  }
}

void BurstInitiator::end_request(const sc_core::sc_time& delay) {
  open_request_ = nullptr;
  request_end_ = sc_core::sc_time_stamp() + delay;
}

tlm::tlm_sync_enum BurstInitiator::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                                   sc_core::sc_time& delay) {
  auto& request = static_cast<Request&>(payload);
  if (open_request_ == &request) {  // END_REQ may be left out
    end_request(delay);
    send_event_.notify(sc_core::SC_ZERO_TIME);
  }
  if (phase == tlm::BEGIN_RESP) respond(request, delay, true);
  return tlm::TLM_ACCEPTED;
}

void BurstInitiator::respond(Request& request, const sc_core::sc_time& delay, bool takes_end) {
  request.response = sc_core::sc_time_stamp() + delay;
  request.takes_end = takes_end;
  responding_.push_back(&request);
  response_event_.notify(delay);
}

void BurstInitiator::take_responses() {
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  const auto there = std::stable_partition(responding_.begin(), responding_.end(),
                                           [&](const Request* request) { return request->response > now; });
  std::vector<Request*> taken(there, responding_.end());
  responding_.erase(there, responding_.end());
  for (const Request* request : responding_)
    response_event_.notify(request->response - now);
  for (Request* request : taken) {
    if (request->takes_end) {
      tlm::tlm_phase phase = tlm::END_RESP;
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      socket->nb_transport_fw(*request, phase, delay);
    }
    const Done done = std::move(request->done);
    const tlm::tlm_response_status status = request->get_response_status();
    const std::uint64_t address = request->get_address();
    request->release();
    done(status, address);
  }
}

}  // namespace dpred
