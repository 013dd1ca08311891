// Watches one hop of the TLM-2.0 base protocol.
//
//   BaseProtocolChecker checker("checker");                  // options as a second argument
//   initiator.socket.bind(checker.target_socket);
//   checker.initiator_socket.bind(target.socket);
//   sc_core::sc_start();
//   CHECK(checker.finish() == std::vector<std::string>{});   // in the body of the case, not in a process
//   CHECK(checker.most_in_flight() == 4);
//
// Every call of both paths is passed on as it is. What breaks a rule is recorded and passed on as well;
// nothing is thrown. A violation reads "10 ns: request exclusion: BEGIN_REQ of read 0x40+4 ...": simulation
// time, rule, what happened. Transactions are named by command, address and length as at their start. One
// mistake gives one violation as far as that can be: a call that makes no sense does not change the state of
// its transaction.
//
// The rules, with the clauses of IEEE 1666-2011 they are from. Local time is the current time plus the delay.
//
//   phase path          forward calls carry BEGIN_REQ and END_RESP, backward calls END_REQ and BEGIN_RESP;
//                       15.2.3. Other phases are refused too, though 15.2.5 lets components ignore them.
//   phase order         BEGIN_REQ, END_REQ (may be left out), BEGIN_RESP, END_RESP, for a transaction that is
//                       in flight; 15.2.4
//   return              after BEGIN_REQ: TLM_ACCEPTED, TLM_UPDATED to END_REQ or BEGIN_RESP, TLM_COMPLETED;
//                       after END_REQ: TLM_ACCEPTED; after BEGIN_RESP: TLM_ACCEPTED, TLM_UPDATED to END_RESP,
//                       TLM_COMPLETED; after END_RESP: TLM_ACCEPTED, TLM_COMPLETED; 15.2.4. Where a nested
//                       call has ended the transaction, TLM_ACCEPTED alone is left.
//   accepted            TLM_ACCEPTED leaves phase, delay, response status and DMI hint as they were; 11.1.2
//   request exclusion   no BEGIN_REQ before the request before it has ended: by END_REQ, BEGIN_RESP or
//                       TLM_COMPLETED; 15.2.6
//   response exclusion  no BEGIN_RESP before the response before it has ended: by END_RESP or TLM_COMPLETED;
//                       15.2.6
//   reuse               no payload starts a transaction while it is in one; 14.5
//   mixing              a payload in b_transport is in no call of nb_transport, and the reverse; 15.2.10
//   timing              the local times of a transaction's calls and returns never decrease (15.2.7), nor
//   does
//                       that of b_transport from call to return. The exclusion rules hold in local time as
//                       well: BEGIN_REQ not before the end of the request before, BEGIN_RESP not before the
//                       end of the response before; a request that ends by TLM_COMPLETED counts as ended at
//                       its BEGIN_REQ. A delay beyond half the range of sc_time is a negative one.
//   waiting             no call but b_transport waits (11.1.2, 11.3), and b_transport is not called from a
//                       method process (11.1.1)
//   memory manager      present, with a reference count of 1 or more, for nb_transport; a count of 1 or more
//                       where one is present for b_transport; 14.5
//   start values        response status incomplete, DMI hint false, option TLM_MIN_PAYLOAD; streaming width
//                       not 0; data pointer and length neither null nor 0 (but for TLM_IGNORE_COMMAND); byte
//                       enable length not 0 where there are byte enables; 14.8 to 14.17
//   attributes          command, address, data pointer and length, byte enables and streaming width as at the
//                       start until the end; 14.7
//   response status     no longer incomplete at BEGIN_RESP, at TLM_COMPLETED in the place of a response, and
//   at
//                       the return of b_transport; the same at END_RESP as at BEGIN_RESP; 14.17
//   same address        no response overtakes that of an earlier request with which it shares a byte, if one
//   of
//                       them is a write; 15.2.9. Only for nb_transport, in the order of the calls.
//   debug               transport_dbg with data has a pointer to it, and serves no more than it; 11.3
//   unfinished          see finish()
//
// Not seen: bytes (data, byte enables), extensions, what is granted or refused as direct memory access, and
// whatever takes more than one hop to see. A call that never returns shows as an unfinished transaction.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <sstream>
#include <string>
#include <systemc>
#include <tlm>
#include <unordered_map>
#include <vector>

namespace dpred::test {

struct BaseProtocolOptions {
  /// Lets pass null data, lengths of 0 and a streaming width of 0, for tests of error responses.
  bool malformed_payloads = false;
  /// For a hop in front of an interconnect, which may translate the address.
  bool address_may_change = false;
  /// The exclusion rules hold for the order of the calls only.
  bool exclusion_ignores_delays = false;
  /// Adds a rule "end response call": initiators answer BEGIN_RESP with TLM_ACCEPTED and call with END_RESP.
  bool end_resp_by_call = false;
};

class BaseProtocolChecker : public sc_core::sc_module,
                            private tlm::tlm_fw_transport_if<>,
                            private tlm::tlm_bw_transport_if<> {
 public:
  /// Calls passed on, whether right or wrong.
  struct Counts {
    std::uint64_t blocking = 0;     ///< b_transport
    std::uint64_t nonblocking = 0;  ///< nb_transport_fw with BEGIN_REQ
    std::uint64_t debug = 0;        ///< transport_dbg
    std::uint64_t direct = 0;       ///< get_direct_mem_ptr
  };

  /// Of violations(): later ones are dropped, but for a line that says so.
  static constexpr std::size_t most_violations = 1000;

  tlm::tlm_target_socket<> target_socket{"target_socket"};           ///< for the initiator
  tlm::tlm_initiator_socket<> initiator_socket{"initiator_socket"};  ///< for the target

  explicit BaseProtocolChecker(const sc_core::sc_module_name& name, const BaseProtocolOptions& options = {})
      : sc_module(name), options_(options) {
    target_socket.bind(*this);
    initiator_socket.bind(*this);
  }

  const std::vector<std::string>& violations() const { return violations_; }

  /// To be called once the simulation is over: a violation for each transaction that has not ended, in the
  /// order of their starts. Returns violations(). A second call adds nothing.
  const std::vector<std::string>& finish() {
    std::vector<const Transaction*> open;
    for (const auto& [payload, transaction] : in_flight_)
      open.push_back(&transaction);
    std::sort(open.begin(), open.end(),
              [](const Transaction* a, const Transaction* b) { return a->id < b->id; });
    for (const Transaction* transaction : open) {
      if (transaction->id > last_unfinished_)
        violation("unfinished", name_of(*transaction) + " " + name_of(transaction->state));
    }
    last_unfinished_ = last_id_;
    return violations_;
  }

  Counts counts() const { return counts_; }
  /// Transactions that have started and not ended (END_RESP, TLM_COMPLETED, return of b_transport).
  std::size_t open_transactions() const { return in_flight_.size(); }
  /// The largest open_transactions() so far.
  std::size_t most_in_flight() const { return most_in_flight_; }
  /// Responses of nb_transport that came while an earlier request had none.
  std::uint64_t reordered_responses() const { return reordered_responses_; }
  /// Whether the rule "same address" was broken.
  bool same_address_reordered() const { return same_address_reordered_; }

 private:
  using Payload = tlm::tlm_generic_payload;

  enum class State { blocking, requested, accepted, responding };

  struct Attributes {
    tlm::tlm_command command = tlm::TLM_IGNORE_COMMAND;
    std::uint64_t address = 0;
    const unsigned char* data = nullptr;
    unsigned length = 0;
    const unsigned char* byte_enables = nullptr;
    unsigned byte_enable_length = 0;
    unsigned streaming_width = 0;

    static Attributes of(const Payload& payload) {
      return {payload.get_command(),        payload.get_address(),         payload.get_data_ptr(),
              payload.get_data_length(),    payload.get_byte_enable_ptr(), payload.get_byte_enable_length(),
              payload.get_streaming_width()};
    }
    /// Bytes of the address range: a streaming width below the length goes over the same bytes again.
    std::uint64_t extent() const {
      if (command == tlm::TLM_IGNORE_COMMAND) return 0;
      return streaming_width == 0 ? length : std::min(length, streaming_width);
    }
  };

  struct Transaction {
    std::uint64_t id = 0;  ///< from 1, in the order of the starts
    State state = State::requested;
    Attributes start;
    std::uint64_t time = 0;  ///< local time of the last call or return, in units of sc_time
    std::uint64_t calls = 0;
    tlm::tlm_response_status response = tlm::TLM_INCOMPLETE_RESPONSE;  ///< as of BEGIN_RESP
    bool bad_reference = false;
  };

  /// A call of nb_transport before it is passed on.
  struct Call {
    tlm::tlm_phase phase;
    sc_core::sc_time delay;
    std::uint64_t transaction = 0;  ///< its id; 0 for a call that makes no sense
    std::uint64_t calls = 0;        ///< of the transaction, this one included
    tlm::tlm_response_status response = tlm::TLM_INCOMPLETE_RESPONSE;
    bool dmi_allowed = false;
  };

  // --- calls ---

  tlm::tlm_sync_enum nb_transport_fw(Payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    const Call call = called(payload, phase, delay, true);
    const std::uint64_t deltas = sc_core::sc_delta_count();
    const tlm::tlm_sync_enum status = initiator_socket->nb_transport_fw(payload, phase, delay);
    check_no_wait(deltas, "nb_transport_fw");
    if (call.transaction != 0) returned(call, payload, status, phase, delay);
    return status;
  }

  tlm::tlm_sync_enum nb_transport_bw(Payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    const Call call = called(payload, phase, delay, false);
    const std::uint64_t deltas = sc_core::sc_delta_count();
    const tlm::tlm_sync_enum status = target_socket->nb_transport_bw(payload, phase, delay);
    check_no_wait(deltas, "nb_transport_bw");
    if (call.transaction != 0) returned(call, payload, status, phase, delay);
    return status;
  }

  void b_transport(Payload& payload, sc_core::sc_time& delay) override {
    ++counts_.blocking;
    if (sc_core::sc_get_current_process_handle().proc_kind() == sc_core::SC_METHOD_PROC_)
      violation("waiting", "b_transport called from a method process");
    if (payload.has_mm() && payload.get_ref_count() < 1)
      violation("memory manager", name_of(payload) + ": reference count 0 at b_transport");
    Transaction* const transaction = start(payload, State::blocking, local_time(delay));
    initiator_socket->b_transport(payload, delay);
    if (transaction == nullptr) return;
    check_time(*transaction, local_time(delay), "return of b_transport");
    check_attributes(*transaction, payload);
    if (payload.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE)
      violation("response status", name_of(*transaction) + ": incomplete at the return of b_transport");
    in_flight_.erase(&payload);
  }

  unsigned transport_dbg(Payload& payload) override {
    ++counts_.debug;
    const unsigned length = payload.get_data_length();
    if (length != 0 && payload.get_data_ptr() == nullptr)
      violation("debug", name_of(payload) + ": transport_dbg without a data pointer");
    const std::uint64_t deltas = sc_core::sc_delta_count();
    const unsigned served = initiator_socket->transport_dbg(payload);
    check_no_wait(deltas, "transport_dbg");
    if (served > length)
      violation("debug", "transport_dbg served " + std::to_string(served) + " of " + std::to_string(length));
    return served;
  }

  bool get_direct_mem_ptr(Payload& payload, tlm::tlm_dmi& dmi) override {
    ++counts_.direct;
    const std::uint64_t deltas = sc_core::sc_delta_count();
    const bool granted = initiator_socket->get_direct_mem_ptr(payload, dmi);
    check_no_wait(deltas, "get_direct_mem_ptr");
    return granted;
  }

  void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override {
    target_socket->invalidate_direct_mem_ptr(first, last);
  }

  // --- nb_transport, before and after a call ---

  Call called(const Payload& payload, const tlm::tlm_phase& phase, const sc_core::sc_time& delay,
              bool forward) {
    Call call;
    call.phase = phase;
    call.delay = delay;
    call.response = payload.get_response_status();
    call.dmi_allowed = payload.is_dmi_allowed();
    const std::uint64_t time = local_time(delay);
    if (forward && phase == tlm::BEGIN_REQ) ++counts_.nonblocking;
    if (forward ? phase != tlm::BEGIN_REQ && phase != tlm::END_RESP
                : phase != tlm::END_REQ && phase != tlm::BEGIN_RESP) {
      violation("phase path", name_of(payload) + ": " + phase.get_name() + " in a " +
                                  (forward ? "forward" : "backward") + " call");
      return call;
    }
    Transaction* transaction;
    if (phase == tlm::BEGIN_REQ) {
      if (!payload.has_mm()) {
        violation("memory manager", name_of(payload) + ": none at BEGIN_REQ");
      } else if (payload.get_ref_count() < 1) {
        violation("memory manager", name_of(payload) + ": reference count 0 at BEGIN_REQ");
      }
      transaction = start(payload, State::requested, time);
      if (transaction == nullptr) return call;
      transaction->bad_reference = !payload.has_mm() || payload.get_ref_count() < 1;
    } else {
      transaction = find(payload);
      if (transaction == nullptr) {
        violation("phase order",
                  name_of(payload) + ": " + phase.get_name() + " of a transaction that is not in flight");
        return call;
      }
      if (!advance(*transaction, payload, phase, time)) return call;
      if (payload.get_ref_count() < 1 && !transaction->bad_reference) {
        violation("memory manager", name_of(*transaction) + ": reference count 0 at " + phase.get_name());
        transaction->bad_reference = true;
      }
    }
    call.transaction = transaction->id;
    call.calls = ++transaction->calls;
    if (phase == tlm::END_RESP) end(payload);
    return call;
  }

  void returned(const Call& call, const Payload& payload, tlm::tlm_sync_enum status,
                const tlm::tlm_phase& phase, const sc_core::sc_time& delay) {
    // From here on the payload may be gone, freed by whoever has ended its transaction: only its address is
    // certain to be valid, and the rest of it as long as the transaction is in flight.
    Transaction* transaction = find(payload);
    if (transaction != nullptr && transaction->id != call.transaction) transaction = nullptr;
    const auto in_return = [&] { return std::string(" in return to ") + call.phase.get_name(); };

    if (call.phase == tlm::BEGIN_RESP && options_.end_resp_by_call && status != tlm::TLM_ACCEPTED)
      violation("end response call", "an initiator answers BEGIN_RESP with " + name_of(status));
    switch (status) {
      case tlm::TLM_ACCEPTED:
        if (phase != call.phase || delay != call.delay) {
          violation("accepted", "phase or delay changed" + in_return());
        } else if (transaction != nullptr && transaction->calls == call.calls &&
                   (payload.get_response_status() != call.response ||
                    payload.is_dmi_allowed() != call.dmi_allowed)) {
          violation("accepted",
                    name_of(*transaction) + ": response status or DMI hint changed" + in_return());
        }
        if (transaction != nullptr) check_attributes(*transaction, payload);
        return;
      case tlm::TLM_UPDATED:
      case tlm::TLM_COMPLETED:
        break;
      default:
        violation("return", "neither TLM_ACCEPTED nor TLM_UPDATED nor TLM_COMPLETED" + in_return());
        return;
    }

    const bool completed = status == tlm::TLM_COMPLETED;
    if (call.phase == tlm::END_RESP && completed) return;
    if (call.phase == tlm::END_REQ || call.phase == tlm::END_RESP) {
      violation("return", name_of(status) + in_return());
    } else if (transaction == nullptr) {
      violation("return", name_of(status) + in_return() + ", after the end of the transaction");
    } else if (call.phase == tlm::BEGIN_REQ) {
      if (completed) {
        complete_request(*transaction, payload, local_time(delay));
      } else if (phase == tlm::END_REQ || phase == tlm::BEGIN_RESP) {
        advance(*transaction, payload, phase, local_time(delay));
      } else {
        violation("return", name_of(*transaction) + ": TLM_UPDATED to " + phase.get_name() + in_return());
      }
    } else if (completed || phase == tlm::END_RESP) {
      const std::uint64_t time = local_time(delay);
      check_time(*transaction, time, completed ? "TLM_COMPLETED" : "END_RESP");
      response_end_ = time;
      end(payload);
    } else {
      violation("return", name_of(*transaction) + ": TLM_UPDATED to " + phase.get_name() + in_return());
    }
  }

  // --- transactions ---

  Transaction* find(const Payload& payload) {
    const auto found = in_flight_.find(&payload);
    return found == in_flight_.end() ? nullptr : &found->second;
  }

  /// Null where the payload is in a transaction already.
  Transaction* start(const Payload& payload, State state, std::uint64_t time) {
    const char* const call = state == State::blocking ? "b_transport" : "BEGIN_REQ";
    const auto [entry, is_new] = in_flight_.try_emplace(&payload);
    Transaction& transaction = entry->second;
    if (!is_new) {
      const bool is_same_kind = (state == State::blocking) == (transaction.state == State::blocking);
      violation(is_same_kind ? "reuse" : "mixing",
                std::string(call) + " with the payload of " + name_of(transaction) + ", which is in flight");
      return nullptr;
    }
    transaction.id = ++last_id_;
    transaction.state = state;
    transaction.start = Attributes::of(payload);
    transaction.time = time;
    most_in_flight_ = std::max(most_in_flight_, in_flight_.size());
    check_start(transaction, payload, call);
    if (state == State::blocking) return &transaction;

    if (open_request_ != nullptr) {
      violation("request exclusion",
                "BEGIN_REQ of " + name_of(transaction) + " during the request of " + name_of(*open_request_));
    } else if (time < request_end_ && !options_.exclusion_ignores_delays) {
      violation("timing", "BEGIN_REQ of " + name_of(transaction) + " for " + text_of(time) +
                              ", before the end of the request before at " + text_of(request_end_));
    }
    open_request_ = &transaction;
    unanswered_.push_back(&transaction);
    return &transaction;
  }

  /// Takes a phase after BEGIN_REQ. False, and nothing done, for one that is out of order.
  bool advance(Transaction& transaction, const Payload& payload, const tlm::tlm_phase& phase,
               std::uint64_t time) {
    if (transaction.state == State::blocking) {
      violation("mixing", name_of(transaction) + ": " + phase.get_name() + " during b_transport");
      return false;
    }
    const bool in_order = phase == tlm::END_REQ      ? transaction.state == State::requested
                          : phase == tlm::BEGIN_RESP ? transaction.state != State::responding
                                                     : transaction.state == State::responding;
    if (!in_order) {
      violation("phase order", name_of(transaction) + ": " + phase.get_name() + " of a transaction that is " +
                                   name_of(transaction.state));
      return false;
    }
    const bool is_on_time = check_time(transaction, time, phase.get_name());
    check_attributes(transaction, payload);
    if (phase == tlm::END_RESP) {
      if (payload.get_response_status() != transaction.response)
        violation("response status", name_of(transaction) + ": changed between BEGIN_RESP and END_RESP");
      response_end_ = time;
      return true;
    }
    end_request(transaction, time);
    if (phase == tlm::END_REQ) {
      transaction.state = State::accepted;
      return true;
    }
    if (open_response_ != nullptr) {
      violation("response exclusion", "BEGIN_RESP of " + name_of(transaction) + " during the response of " +
                                          name_of(*open_response_));
    } else if (is_on_time && time < response_end_ && !options_.exclusion_ignores_delays) {
      violation("timing", "BEGIN_RESP of " + name_of(transaction) + " for " + text_of(time) +
                              ", before the end of the response before at " + text_of(response_end_));
    }
    open_response_ = &transaction;
    transaction.state = State::responding;
    answer(transaction, payload, "BEGIN_RESP");
    return true;
  }

  /// TLM_COMPLETED in return to BEGIN_REQ.
  void complete_request(Transaction& transaction, const Payload& payload, std::uint64_t time) {
    if (transaction.state == State::responding) {
      violation("return", name_of(transaction) + ": TLM_COMPLETED of a transaction that is " +
                              name_of(transaction.state));
      return;
    }
    const std::uint64_t begin = transaction.time;
    check_time(transaction, time, "TLM_COMPLETED");
    check_attributes(transaction, payload);
    end_request(transaction, begin);
    answer(transaction, payload, "TLM_COMPLETED");
    end(payload);
  }

  void end_request(const Transaction& transaction, std::uint64_t time) {
    if (open_request_ != &transaction) return;
    open_request_ = nullptr;
    request_end_ = time;
  }

  void answer(Transaction& transaction, const Payload& payload, const char* at) {
    transaction.response = payload.get_response_status();
    if (transaction.response == tlm::TLM_INCOMPLETE_RESPONSE)
      violation("response status", name_of(transaction) + ": incomplete at " + at);
    const auto place = std::find(unanswered_.begin(), unanswered_.end(), &transaction);
    if (place != unanswered_.begin()) ++reordered_responses_;
    for (auto earlier = unanswered_.begin(); earlier != place; ++earlier) {
      if (!conflict((*earlier)->start, transaction.start)) continue;
      same_address_reordered_ = true;
      violation("same address", "the response of " + name_of(transaction) + " overtakes that of " +
                                    name_of(**earlier) + ", which was requested before");
    }
    unanswered_.erase(place);
  }

  void end(const Payload& payload) {
    const auto ended = in_flight_.find(&payload);
    if (open_response_ == &ended->second) open_response_ = nullptr;
    in_flight_.erase(ended);
  }

  static bool conflict(const Attributes& a, const Attributes& b) {
    if (a.command != tlm::TLM_WRITE_COMMAND && b.command != tlm::TLM_WRITE_COMMAND) return false;
    return a.address <= b.address ? b.address - a.address < a.extent() && b.extent() != 0
                                  : a.address - b.address < b.extent() && a.extent() != 0;
  }

  // --- checks ---

  void check_start(const Transaction& transaction, const Payload& payload, const char* call) {
    const auto bad = [&](const char* what) {
      violation("start values", name_of(transaction) + ": " + what + " at " + call);
    };
    if (payload.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE) bad("response status not incomplete");
    if (payload.is_dmi_allowed()) bad("DMI hint set");
    if (payload.get_gp_option() != tlm::TLM_MIN_PAYLOAD) bad("option not TLM_MIN_PAYLOAD");
    if (options_.malformed_payloads) return;
    if (transaction.start.command != tlm::TLM_IGNORE_COMMAND) {
      if (transaction.start.data == nullptr) bad("no data pointer");
      if (transaction.start.length == 0) bad("no data");
    }
    if (transaction.start.streaming_width == 0) bad("streaming width 0");
    if (transaction.start.byte_enables != nullptr && transaction.start.byte_enable_length == 0)
      bad("byte enables of length 0");
  }

  void check_attributes(Transaction& transaction, const Payload& payload) {
    const Attributes now = Attributes::of(payload);
    const Attributes& start = transaction.start;
    std::string changed;
    if (now.command != start.command) changed += ", command";
    if (now.address != start.address && !options_.address_may_change) changed += ", address";
    if (now.data != start.data) changed += ", data pointer";
    if (now.length != start.length) changed += ", data length";
    if (now.byte_enables != start.byte_enables) changed += ", byte enable pointer";
    if (now.byte_enable_length != start.byte_enable_length) changed += ", byte enable length";
    if (now.streaming_width != start.streaming_width) changed += ", streaming width";
    if (changed.empty()) return;
    violation("attributes", name_of(transaction) + ": changed in flight: " + changed.substr(2));
    transaction.start = now;  // Told once.
  }

  /// False where the local time has gone back.
  bool check_time(Transaction& transaction, std::uint64_t time, const char* what) {
    const bool is_on_time = time >= transaction.time;
    if (!is_on_time) {
      violation("timing", name_of(transaction) + ": " + what + " for " + text_of(time) +
                              ", after a local time of " + text_of(transaction.time));
    }
    transaction.time = time;
    return is_on_time;
  }

  void check_no_wait(std::uint64_t deltas, const char* call) {
    if (sc_core::sc_delta_count() != deltas) violation("waiting", std::string(call) + " has waited");
  }

  std::uint64_t local_time(const sc_core::sc_time& delay) {
    const std::uint64_t now = sc_core::sc_time_stamp().value();
    if (delay.value() >> 63 == 0) return now + delay.value();
    violation("timing", "a delay of " + delay.to_string() + ": less than nothing");
    return now;
  }

  // --- texts ---

  void violation(const char* rule, const std::string& what) {
    if (violations_.size() > most_violations) return;
    const std::string now = sc_core::sc_time_stamp().to_string();
    violations_.push_back(violations_.size() == most_violations
                              ? now + ": further violations are not recorded"
                              : now + ": " + rule + ": " + what);
  }

  static std::string name_of(const Attributes& attributes) {
    std::ostringstream text;
    text << (attributes.command == tlm::TLM_READ_COMMAND    ? "read"
             : attributes.command == tlm::TLM_WRITE_COMMAND ? "write"
                                                            : "ignore")
         << " 0x" << std::hex << attributes.address << '+' << std::dec << attributes.length;
    return text.str();
  }
  static std::string name_of(const Transaction& transaction) { return name_of(transaction.start); }
  static std::string name_of(const Payload& payload) { return name_of(Attributes::of(payload)); }

  static std::string name_of(tlm::tlm_sync_enum status) {
    return status == tlm::TLM_UPDATED ? "TLM_UPDATED" : "TLM_COMPLETED";
  }

  static std::string name_of(State state) {
    switch (state) {
      case State::blocking:
        return "in b_transport";
      case State::requested:
        return "after BEGIN_REQ";
      case State::accepted:
        return "after END_REQ";
      default:
        return "after BEGIN_RESP";
    }
  }

  static std::string text_of(std::uint64_t time) { return sc_core::sc_time::from_value(time).to_string(); }

  BaseProtocolOptions options_;
  std::vector<std::string> violations_;
  Counts counts_;
  std::size_t most_in_flight_ = 0;
  std::uint64_t reordered_responses_ = 0;
  bool same_address_reordered_ = false;

  std::unordered_map<const Payload*, Transaction> in_flight_;  // its elements stay where they are
  std::deque<Transaction*> unanswered_;  // of nb_transport, in the order of the requests
  const Transaction* open_request_ = nullptr;
  const Transaction* open_response_ = nullptr;
  std::uint64_t request_end_ = 0;  // local time, in units of sc_time, as the next
  std::uint64_t response_end_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_unfinished_ = 0;
};

}  // namespace dpred::test
