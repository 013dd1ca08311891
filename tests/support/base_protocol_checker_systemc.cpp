// The checker itself: silent on what the base protocol permits, and one violation of the right rule for each
// mistake.
#define SC_INCLUDE_DYNAMIC_PROCESSES  // sc_spawn
#include "tests/support/base_protocol_checker.h"

#include <tlm_utils/peq_with_get.h>

#include <array>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "tests/support/fresh_simulation.h"

using namespace dpred::test;
using sc_core::SC_NS;
using sc_core::sc_time;
using tlm::BEGIN_REQ;
using tlm::BEGIN_RESP;
using tlm::END_REQ;
using tlm::END_RESP;
using tlm::TLM_ACCEPTED;
using tlm::TLM_COMPLETED;
using tlm::TLM_UPDATED;

namespace {

using Payload = tlm::tlm_generic_payload;
using Texts = std::vector<std::string>;

struct Rig;
using Step = std::function<void(Rig&)>;
using Steps = std::vector<Step>;
/// How the called side answers a call of nb_transport.
using Reply = std::function<tlm::tlm_sync_enum(Rig&, Payload&, tlm::tlm_phase&, sc_time&)>;

constexpr auto read = tlm::TLM_READ_COMMAND;
constexpr auto write = tlm::TLM_WRITE_COMMAND;
constexpr auto ignore = tlm::TLM_IGNORE_COMMAND;

sc_time ns(double time) {
  return {time, SC_NS};
}

/// A checker between two ends that do as a list of steps says, which are the initiator's and the target's.
struct Rig : sc_core::sc_module,
             tlm::tlm_fw_transport_if<>,
             tlm::tlm_bw_transport_if<>,
             tlm::tlm_mm_interface {
  tlm::tlm_initiator_socket<> initiator{"initiator"};
  tlm::tlm_target_socket<> target{"target"};
  BaseProtocolChecker checker;

  Steps steps;
  Reply reply;  ///< to the next call of nb_transport; others are accepted
  std::function<void(Payload&, sc_time&)> blocking = [](Payload& payload, sc_time&) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  };
  std::function<unsigned(Payload&)> debug = [](Payload& payload) { return payload.get_data_length(); };
  std::function<bool(tlm::tlm_dmi&)> direct = [](tlm::tlm_dmi&) { return false; };
  Texts invalidated;

  SC_HAS_PROCESS(Rig);
  explicit Rig(const sc_core::sc_module_name& name, const BaseProtocolOptions& options = {})
      : sc_module(name), checker("checker", options) {
    initiator.bind(*this);
    target.bind(*this);
    initiator.bind(checker.target_socket);
    checker.initiator_socket.bind(target);
    SC_THREAD(run);
  }
  void run() { do_steps(steps); }
  void do_steps(const Steps& some) {
    for (const Step& step : some)
      step(*this);
  }

  /// Payload `i`, in its first use a referenced read of 4 bytes at 8 i.
  Payload& payload(int i) {
    std::unique_ptr<Payload>& owned = payloads_[i];
    if (!owned) {
      owned = std::make_unique<Payload>(this);
      owned->set_command(read);
      owned->set_address(8 * static_cast<std::uint64_t>(i));
      owned->set_data_ptr(bytes_.data());
      owned->set_data_length(4);
      owned->set_streaming_width(4);
      owned->acquire();
    }
    return *owned;
  }

 private:
  tlm::tlm_sync_enum answer(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
    const Reply given = std::move(reply);
    reply = nullptr;
    return given ? given(*this, payload, phase, delay) : TLM_ACCEPTED;
  }
  tlm::tlm_sync_enum nb_transport_fw(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) override {
    return answer(payload, phase, delay);
  }
  tlm::tlm_sync_enum nb_transport_bw(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) override {
    return answer(payload, phase, delay);
  }
  void b_transport(Payload& payload, sc_time& delay) override { blocking(payload, delay); }
  unsigned transport_dbg(Payload& payload) override { return debug(payload); }
  bool get_direct_mem_ptr(Payload&, tlm::tlm_dmi& dmi) override { return direct(dmi); }
  void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) override {
    invalidated.push_back(std::to_string(first) + " to " + std::to_string(last));
  }
  // Gone for good, so that the sanitizers see a checker that looks at a payload after its end.
  void free(Payload* payload) override {
    for (auto& [i, owned] : payloads_) {
      if (owned.get() == payload) owned.reset();
    }
  }

  std::map<int, std::unique_ptr<Payload>> payloads_;
  std::array<unsigned char, 256> bytes_{};
};

// --- steps ---

constexpr int p = 0, q = 1, r = 2, s = 3;

Step fw(int i, const tlm::tlm_phase& phase, double delay = 0, const Reply& reply = nullptr) {
  return [=](Rig& rig) {
    rig.reply = reply;
    tlm::tlm_phase passed = phase;
    sc_time time = ns(delay);
    rig.initiator->nb_transport_fw(rig.payload(i), passed, time);
  };
}
Step bw(int i, const tlm::tlm_phase& phase, double delay = 0, const Reply& reply = nullptr) {
  return [=](Rig& rig) {
    rig.reply = reply;
    tlm::tlm_phase passed = phase;
    sc_time time = ns(delay);
    rig.target->nb_transport_bw(rig.payload(i), passed, time);
  };
}
Step begin(int i, double delay = 0, const Reply& reply = nullptr) {
  return fw(i, BEGIN_REQ, delay, reply);
}
Step set(int i, const std::function<void(Payload&)>& change) {
  return [=](Rig& rig) { change(rig.payload(i)); };
}
Step is(int i, tlm::tlm_command command, std::uint64_t address, unsigned length) {
  return set(i, [=](Payload& payload) {
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_length(length);
    payload.set_streaming_width(length);
  });
}
Step status(int i, tlm::tlm_response_status status) {
  return set(i, [=](Payload& payload) { payload.set_response_status(status); });
}
Step all(const Steps& steps) {
  return [=](Rig& rig) { rig.do_steps(steps); };
}
Step respond(int i, double delay = 0, const Reply& reply = nullptr) {
  return all({status(i, tlm::TLM_OK_RESPONSE), bw(i, BEGIN_RESP, delay, reply)});
}
/// A response and its end.
Step answer(int i) {
  return all({respond(i), fw(i, END_RESP)});
}
/// What follows BEGIN_REQ.
Step finish(int i) {
  return all({bw(i, END_REQ), answer(i)});
}
Step release(int i) {
  return set(i, [](Payload& payload) { payload.release(); });
}
Step b(int i, double delay = 0) {
  return [=](Rig& rig) {
    sc_time time = ns(delay);
    rig.initiator->b_transport(rig.payload(i), time);
  };
}
Step debug(int i) {
  return [=](Rig& rig) { rig.initiator->transport_dbg(rig.payload(i)); };
}
Step direct(int i) {
  return [=](Rig& rig) {
    tlm::tlm_dmi dmi;
    rig.initiator->get_direct_mem_ptr(rig.payload(i), dmi);
  };
}
Step pass(double time) {
  return [=](Rig&) { wait(ns(time)); };
}
/// In a process of its own: a thread, or a method.
Step at_once(const Step& step, bool is_method = false) {
  return [=](Rig& rig) {
    sc_core::sc_spawn_options options;
    if (is_method) options.spawn_method();
    sc_core::sc_spawn([&rig, step] { step(rig); }, sc_core::sc_gen_unique_name("process"), &options);
  };
}
void end_simulation(Rig& rig) {
  rig.checker.finish();
}

/// b_transport waits for `time`, and returns `delay`.
Step target_waits(double time, double delay = 0) {
  return [=](Rig& rig) {
    rig.blocking = [=](Payload& payload, sc_time& returned) {
      wait(ns(time));
      returned = ns(delay);
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    };
  };
}
/// b_transport consists of a step.
Step target_does(const Step& step) {
  return [=](Rig& rig) { rig.blocking = [&rig, step](Payload&, sc_time&) { step(rig); }; };
}
/// transport_dbg waits for `time`, and serves `served` bytes.
Step target_serves(unsigned served, double time = 0) {
  return [=](Rig& rig) {
    rig.debug = [=](Payload&) {
      if (time > 0) wait(ns(time));
      return served;
    };
  };
}
void target_waits_for_direct(Rig& rig) {
  rig.direct = [](tlm::tlm_dmi&) {
    wait(ns(1));
    return false;
  };
}

// --- replies ---

Reply updated(const tlm::tlm_phase& next, double delay = 0) {
  return [=](Rig&, Payload& payload, tlm::tlm_phase& phase, sc_time& time) {
    if (next == BEGIN_RESP) payload.set_response_status(tlm::TLM_OK_RESPONSE);
    phase = next;
    time = ns(delay);
    return TLM_UPDATED;
  };
}
Reply completed(double delay = 0) {
  return [=](Rig&, Payload& payload, tlm::tlm_phase&, sc_time& time) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    time = ns(delay);
    return TLM_COMPLETED;
  };
}
/// Does a step before it replies.
Reply after(const Step& step, const Reply& reply) {
  return [=](Rig& rig, Payload& payload, tlm::tlm_phase& phase, sc_time& time) {
    step(rig);
    return reply(rig, payload, phase, time);
  };
}
/// Does a step, and returns without another change.
Reply doing(const Step& step, tlm::tlm_sync_enum status = TLM_ACCEPTED) {
  return [=](Rig& rig, Payload&, tlm::tlm_phase&, sc_time&) {
    step(rig);
    return status;
  };
}
Reply accepted_with(const tlm::tlm_phase& next, double delay) {
  return [=](Rig&, Payload&, tlm::tlm_phase& phase, sc_time& time) {
    phase = next;
    time = ns(delay);
    return TLM_ACCEPTED;
  };
}

// --- payloads without a reference ---

struct Keeper : tlm::tlm_mm_interface {
  void free(Payload*) override {}
};
Keeper keeper;

struct Unreferenced : Payload {
  explicit Unreferenced(tlm::tlm_mm_interface* manager) {
    set_mm(manager);
    set_command(ignore);
    set_streaming_width(1);
  }
};

Step b_of_unreferenced(tlm::tlm_mm_interface* manager) {
  return [=](Rig& rig) {
    Unreferenced payload(manager);
    sc_time delay;
    rig.initiator->b_transport(payload, delay);
  };
}
/// BEGIN_REQ, END_REQ and BEGIN_RESP, with a reference for BEGIN_REQ or none.
Step request_of_unreferenced(bool first_referenced) {
  return [=](Rig& rig) {
    Unreferenced payload(&keeper);
    if (first_referenced) payload.acquire();
    tlm::tlm_phase phase = BEGIN_REQ;
    sc_time delay;
    rig.initiator->nb_transport_fw(payload, phase, delay);
    if (first_referenced) payload.release();
    phase = END_REQ;
    rig.target->nb_transport_bw(payload, phase, delay);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    phase = BEGIN_RESP;
    rig.target->nb_transport_bw(payload, phase, delay);
  };
}

// --- cases ---

struct Case {
  std::string rule;  ///< that is broken; empty: none is
  std::string what;
  Steps steps;
  BaseProtocolOptions options = {};
};

BaseProtocolOptions with(bool BaseProtocolOptions::*option) {
  BaseProtocolOptions options;
  options.*option = true;
  return options;
}

/// Runs the cases next to one another in one simulation.
void check_cases(const std::vector<Case>& cases) {
  fresh_simulation();
  std::deque<Rig> rigs;
  for (const Case& c : cases)
    rigs.emplace_back(sc_core::sc_gen_unique_name("rig"), c.options).steps = c.steps;
  sc_core::sc_start();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO((cases[i].rule.empty() ? "permitted" : cases[i].rule) << ": " << cases[i].what);
    if (cases[i].rule.empty()) {
      CHECK(rigs[i].checker.finish() == Texts{});
      continue;
    }
    const Texts& violations = rigs[i].checker.violations();
    CAPTURE(violations);
    CHECK(violations.size() == 1);
    if (!violations.empty()) CHECK(violations[0].find("s: " + cases[i].rule + ": ") != std::string::npos);
  }
}

// What is permitted.

const std::vector<Case> permitted = {
    {"", "four phases in four calls", {begin(p), bw(p, END_REQ), answer(p)}},
    {"", "BEGIN_RESP without END_REQ", {begin(p), answer(p)}},
    {"",
     "END_REQ in return, END_RESP answered by TLM_COMPLETED",
     {begin(p, 0, updated(END_REQ, 2)), pass(2), respond(p), fw(p, END_RESP, 0, completed())}},
    {"",
     "BEGIN_RESP and END_RESP in return",
     {begin(p, 0, updated(BEGIN_RESP)), fw(p, END_RESP), begin(q), respond(q, 0, updated(END_RESP))}},
    {"",
     "completion in return to BEGIN_REQ and to BEGIN_RESP",
     {begin(p, 0, completed(7)), begin(q), bw(q, END_REQ), respond(q, 0, completed())}},
    {"",
     "nested calls, the last of which ends the transaction and frees the payload",
     {begin(p, 0, doing(all({bw(p, END_REQ), respond(p, 0, doing(all({fw(p, END_RESP), release(p)})))})))}},
    {"", "a nested BEGIN_RESP", {begin(p, 0, doing(respond(p))), fw(p, END_RESP)}},
    {"",
     "a payload freed while BEGIN_RESP is answered",
     {begin(p), respond(p, 0, doing(release(p), TLM_COMPLETED))}},
    {"",
     "a payload used again, by either interface",
     {begin(p), finish(p), status(p, tlm::TLM_INCOMPLETE_RESPONSE), begin(p), finish(p),
      status(p, tlm::TLM_INCOMPLETE_RESPONSE), b(p), status(p, tlm::TLM_INCOMPLETE_RESPONSE), begin(p),
      finish(p)}},
    {"",
     "requests during a response, and answers out of order",
     {is(p, read, 0, 4), is(q, write, 4, 4), is(r, read, 2, 4), is(s, read, 0, 4), begin(p), bw(p, END_REQ),
      begin(q), respond(q), begin(r), fw(q, END_RESP), bw(r, END_REQ), begin(s), finish(s), answer(r),
      answer(p)}},
    {"",
     "a write, overtaken by a read right before it",
     {is(p, write, 4, 4), is(q, read, 0, 4), begin(p), bw(p, END_REQ), begin(q, 0, completed()), answer(p)}},
    {"",
     "a write that streams over its first bytes only, overtaken beyond them",
     {is(p, write, 0, 16), set(p, [](Payload& x) { x.set_streaming_width(4); }), is(q, read, 4, 4), begin(p),
      bw(p, END_REQ), begin(q, 0, completed()), answer(p)}},
    {"",
     "delays that keep order",
     {begin(p, 5, updated(END_REQ, 6)), begin(q, 6, updated(END_REQ, 7)),
      respond(p, 10, updated(END_RESP, 12)), pass(12), respond(q, 0, completed(3))}},
    {"",
     "options: transactions in any order of local time",
     {begin(p, 5, updated(END_REQ, 6)), begin(q, 1, updated(END_REQ, 2)), respond(p, 10, completed(12)),
      respond(q, 4, completed(5))},
     with(&BaseProtocolOptions::exclusion_ignores_delays)},
    {"", "options: END_RESP by a call", {begin(p), finish(p)}, with(&BaseProtocolOptions::end_resp_by_call)},
    {"",
     "b_transport that waits, several at once, and nb_transport meanwhile",
     {target_waits(15), at_once(b(p, 5)), at_once(b(q, 5)), pass(1), begin(r), finish(r)}},
    {"", "b_transport without a memory manager", {b_of_unreferenced(nullptr)}},
    {"",
     "TLM_IGNORE_COMMAND without data or bytes, overtaken by a write and before one",
     {is(p, ignore, 2, 4), set(p, [](Payload& x) { x.set_data_ptr(nullptr); }), is(q, write, 0, 4),
      is(r, ignore, 2, 4), begin(p), bw(p, END_REQ), begin(q), bw(q, END_REQ), begin(r, 0, completed()),
      answer(q), answer(p)}},
    {"",
     "a DMI hint from the target",
     {begin(p), set(p, [](Payload& x) { x.set_dmi_allowed(true); }), finish(p)}},
    {"",
     "options: malformed payloads",
     {is(p, read, 0, 0), set(p, [](Payload& x) { x.set_byte_enable_ptr(x.get_data_ptr()); }), begin(p),
      finish(p), is(q, read, 0, 4), set(q, [](Payload& x) { x.set_data_ptr(nullptr); }), b(q)},
     with(&BaseProtocolOptions::malformed_payloads)},
    {"",
     "options: an address that is translated",
     {begin(p), set(p, [](Payload& x) { x.set_address(0x1000); }), finish(p)},
     with(&BaseProtocolOptions::address_may_change)},
    {"",
     "debug access, in part and of nothing",
     {target_serves(2), debug(p), target_serves(0), is(q, read, 0, 0),
      set(q, [](Payload& x) { x.set_data_ptr(nullptr); }), debug(q)}},
};

// What is not.

TLM_DECLARE_EXTENDED_PHASE(extra_phase);

const std::vector<Case> broken_phases = {
    {"phase path", "END_REQ in a forward call", {begin(p), fw(p, END_REQ), finish(p)}},
    {"phase path", "BEGIN_REQ in a backward call", {bw(p, BEGIN_REQ)}},
    {"phase path", "END_RESP in a backward call", {begin(p), respond(p), bw(p, END_RESP), fw(p, END_RESP)}},
    {"phase path", "a phase that was never set", {fw(p, tlm::UNINITIALIZED_PHASE)}},
    {"phase path", "a phase of another protocol", {begin(p), bw(p, extra_phase), finish(p)}},

    {"phase order", "END_REQ twice", {begin(p), bw(p, END_REQ), finish(p)}},
    {"phase order",
     "END_REQ by a nested call and in return",
     {begin(p, 0, after(bw(p, END_REQ), updated(END_REQ))), answer(p)}},
    {"phase order", "END_REQ after BEGIN_RESP", {begin(p), respond(p), bw(p, END_REQ), fw(p, END_RESP)}},
    {"phase order", "BEGIN_RESP twice", {begin(p), respond(p), answer(p)}},
    {"phase order", "END_RESP before BEGIN_RESP", {begin(p), bw(p, END_REQ), fw(p, END_RESP), answer(p)}},
    {"phase order", "a response to no request", {respond(p)}},
    {"phase order", "END_RESP after the end", {begin(p, 0, completed()), fw(p, END_RESP)}},

    {"return", "TLM_UPDATED to the same phase", {begin(p, 0, updated(BEGIN_REQ)), finish(p)}},
    {"return", "BEGIN_REQ updated to END_RESP", {begin(p, 0, updated(END_RESP)), finish(p)}},
    {"return", "END_REQ updated to END_RESP", {begin(p), bw(p, END_REQ, 0, updated(END_RESP)), answer(p)}},
    {"return", "END_REQ completed", {begin(p), bw(p, END_REQ, 0, completed()), answer(p)}},
    {"return", "BEGIN_RESP updated to END_REQ", {begin(p), respond(p, 0, updated(END_REQ)), fw(p, END_RESP)}},
    {"return", "END_RESP updated", {begin(p), respond(p), fw(p, END_RESP, 0, updated(BEGIN_REQ))}},
    {"return",
     "completion after a nested BEGIN_RESP",
     {begin(p, 0, doing(respond(p), TLM_COMPLETED)), fw(p, END_RESP)}},
    {"return",
     "completion after a nested END_RESP",
     {begin(p), respond(p, 0, doing(fw(p, END_RESP), TLM_COMPLETED))}},
    {"return",
     "an update after a nested end, with the payload in its next transaction",
     {begin(p, 0,
            after(all({respond(p, 0, completed()), status(p, tlm::TLM_INCOMPLETE_RESPONSE), begin(p)}),
                  updated(END_REQ))),
      finish(p)}},
    {"return",
     "no value of tlm_sync_enum",
     {begin(p, 0, doing(all({}), static_cast<tlm::tlm_sync_enum>(3))), finish(p)}},

    {"accepted", "the phase changed", {begin(p, 0, accepted_with(END_REQ, 0)), finish(p)}},
    {"accepted", "the delay changed", {begin(p), bw(p, END_REQ, 0, accepted_with(END_REQ, 1)), answer(p)}},
    {"accepted",
     "the response status changed",
     {begin(p, 0, doing(status(p, tlm::TLM_OK_RESPONSE))), finish(p)}},
    {"accepted",
     "the DMI hint changed",
     {begin(p, 0, doing(set(p, [](Payload& x) { x.set_dmi_allowed(true); }))), finish(p)}},

    {"end response call",
     "completed",
     {begin(p), respond(p, 0, completed())},
     with(&BaseProtocolOptions::end_resp_by_call)},
    {"end response call",
     "updated",
     {begin(p), respond(p, 0, updated(END_RESP))},
     with(&BaseProtocolOptions::end_resp_by_call)},
};

const Step two_requests = all({begin(p, 0, updated(END_REQ)), begin(q, 0, updated(END_REQ))});

const std::vector<Case> broken_between_transactions = {
    {"request exclusion", "a request during a request", {begin(p), begin(q), finish(p), finish(q)}},
    {"response exclusion",
     "a response during a response",
     {two_requests, respond(p), respond(q), fw(p, END_RESP), fw(q, END_RESP)}},
    {"response exclusion",
     "a response in return during a response",
     {begin(p), respond(p), begin(q, 0, updated(BEGIN_RESP)), fw(p, END_RESP), fw(q, END_RESP)}},
    {"reuse", "BEGIN_REQ in flight", {begin(p), bw(p, END_REQ), begin(p), answer(p)}},
    {"reuse", "b_transport in b_transport", {target_waits(5), at_once(b(p)), b(p), pass(5)}},
    {"mixing", "b_transport in flight", {begin(p), b(p), status(p, tlm::TLM_INCOMPLETE_RESPONSE), finish(p)}},
    {"mixing",
     "BEGIN_REQ in b_transport",
     {target_does(all({begin(p), status(p, tlm::TLM_OK_RESPONSE)})), b(p)}},
    {"mixing", "BEGIN_RESP in b_transport", {target_does(respond(p)), b(p)}},
    {"same address",
     "a read before an earlier write",
     {is(p, write, 0, 8), is(q, read, 7, 1), begin(p), bw(p, END_REQ), begin(q), finish(q), answer(p)}},
    {"same address",
     "a write, completed at once, before an earlier read",
     {is(p, read, 7, 1), is(q, write, 0, 8), begin(p), bw(p, END_REQ), begin(q, 0, completed()), answer(p)}},
    {"unfinished", "BEGIN_REQ alone", {begin(p), end_simulation, end_simulation}},
    {"unfinished",
     "b_transport that does not return",
     {target_waits(1000), at_once(b(p)), pass(1), end_simulation}},
};

const std::vector<Case> broken_times = {
    {"timing",
     "END_REQ before BEGIN_REQ",
     {begin(p, 5), bw(p, END_REQ, 4), respond(p, 5), fw(p, END_RESP, 5)}},
    {"timing",
     "END_REQ in return before BEGIN_REQ",
     {begin(p, 5, updated(END_REQ, 4)), respond(p, 5), fw(p, END_RESP, 5)}},
    {"timing",
     "BEGIN_RESP before END_REQ",
     {begin(p), bw(p, END_REQ, 5), pass(1), respond(p, 3), fw(p, END_RESP, 3)}},
    {"timing", "END_RESP before BEGIN_RESP", {begin(p), respond(p, 5), fw(p, END_RESP, 4)}},
    {"timing", "END_RESP in return before BEGIN_RESP", {begin(p), respond(p, 5, updated(END_RESP, 4))}},
    {"timing", "completion before BEGIN_REQ", {begin(p, 5, completed(4))}},
    {"timing", "completion before BEGIN_RESP", {begin(p), respond(p, 5, completed(4))}},
    {"timing", "b_transport that goes back", {target_waits(3, 1), b(p, 5)}},
    {"timing",
     "a request in the time of the request before",
     {begin(p, 0, updated(END_REQ, 5)), begin(q, 4, completed(6)), pass(9), respond(p, 0, completed())}},
    {"timing",
     "a request before one that was completed",
     {begin(p, 5, completed(9)), begin(q, 4, completed(9))}},
    {"timing",
     "a response in the time of one that was completed",
     {two_requests, respond(p, 0, completed(5)), respond(q, 4, completed(6))}},
    {"timing",
     "a response in the time of one that was ended by a call",
     {two_requests, respond(p), fw(p, END_RESP, 5), respond(q, 4), fw(q, END_RESP, 5)}},
    {"timing",
     "BEGIN_RESP before END_REQ and in the time of the response before",
     {begin(p, 0, updated(END_REQ)), begin(q, 0, updated(END_REQ, 7)), respond(p, 0, completed(5)),
      respond(q, 4, completed(6))}},
    {"timing",
     "a delay below zero",
     {[](Rig& rig) {
        sc_time delay = ns(1);
        delay -= ns(2);
        tlm::tlm_phase phase = BEGIN_REQ;
        rig.initiator->nb_transport_fw(rig.payload(p), phase, delay);
      },
      finish(p)}},

    {"waiting", "nb_transport_fw", {begin(p, 0, doing(pass(1))), finish(p)}},
    {"waiting",
     "nb_transport_bw, for a delta cycle",
     {begin(p), bw(p, END_REQ, 0, doing(pass(0))), answer(p)}},
    {"waiting", "transport_dbg", {target_serves(4, 1), debug(p)}},
    {"waiting", "get_direct_mem_ptr", {target_waits_for_direct, direct(p)}},
    {"waiting", "b_transport from a method process", {at_once(b(p), true), pass(1)}},
};

/// A transaction that starts as `change` has left it.
Case malformed(const std::string& what, const std::function<void(Payload&)>& change) {
  return {"start values", what, {set(p, change), begin(p), finish(p)}};
}
/// A transaction that `change` alters after its start.
Case changed(const std::string& what, const std::function<void(Payload&)>& change) {
  return {"attributes", what, {begin(p), set(p, change), finish(p)}};
}

const std::vector<Case> broken_payloads = {
    {"memory manager", "none", {set(p, [](Payload& x) { x.set_mm(nullptr); }), begin(p), finish(p)}},
    {"memory manager", "no reference from BEGIN_REQ on", {request_of_unreferenced(false)}},
    {"memory manager", "no reference in flight", {request_of_unreferenced(true)}},
    {"memory manager", "no reference in b_transport", {b_of_unreferenced(&keeper)}},

    malformed("response status", [](Payload& x) { x.set_response_status(tlm::TLM_OK_RESPONSE); }),
    malformed("DMI hint", [](Payload& x) { x.set_dmi_allowed(true); }),
    malformed("option", [](Payload& x) { x.set_gp_option(tlm::TLM_FULL_PAYLOAD); }),
    malformed("data pointer", [](Payload& x) { x.set_data_ptr(nullptr); }),
    malformed("data length", [](Payload& x) { x.set_data_length(0); }),
    malformed("streaming width", [](Payload& x) { x.set_streaming_width(0); }),
    malformed("byte enable length", [](Payload& x) { x.set_byte_enable_ptr(x.get_data_ptr()); }),
    {"start values", "b_transport", {set(p, [](Payload& x) { x.set_streaming_width(0); }), b(p)}},
    {"start values",
     "options: a response status is no part of a malformed payload",
     {status(p, tlm::TLM_OK_RESPONSE), b(p)},
     with(&BaseProtocolOptions::malformed_payloads)},

    changed("command", [](Payload& x) { x.set_command(write); }),
    changed("address", [](Payload& x) { x.set_address(4); }),
    changed("data pointer", [](Payload& x) { x.set_data_ptr(x.get_data_ptr() + 1); }),
    changed("data length", [](Payload& x) { x.set_data_length(8); }),
    changed("byte enable pointer", [](Payload& x) { x.set_byte_enable_ptr(x.get_data_ptr()); }),
    changed("byte enable length", [](Payload& x) { x.set_byte_enable_length(1); }),
    changed("streaming width", [](Payload& x) { x.set_streaming_width(2); }),
    {"attributes", "two, by a target that accepts", {begin(p, 0, doing(is(p, read, 8, 2)))}},
    {"attributes",
     "by a target that completes",
     {begin(p, 0, doing(all({is(p, read, 0, 2), status(p, tlm::TLM_OK_RESPONSE)}), TLM_COMPLETED))}},
    {"attributes",
     "in b_transport",
     {target_does(all({is(p, read, 0, 2), status(p, tlm::TLM_OK_RESPONSE)})), b(p)}},

    {"response status", "incomplete at BEGIN_RESP", {begin(p), bw(p, BEGIN_RESP), fw(p, END_RESP)}},
    {"response status", "incomplete at TLM_COMPLETED", {begin(p, 0, doing(all({}), TLM_COMPLETED))}},
    {"response status", "incomplete at the return of b_transport", {target_does(all({})), b(p)}},
    {"response status",
     "changed by the initiator",
     {begin(p), respond(p), status(p, tlm::TLM_GENERIC_ERROR_RESPONSE), fw(p, END_RESP)}},

    {"debug", "no data pointer", {set(p, [](Payload& x) { x.set_data_ptr(nullptr); }), debug(p)}},
    {"debug", "more than was asked for", {target_serves(5), debug(p)}},
};

// --- a pair as they are in earnest ---

/// Keeps up to `most` transactions open, with payloads of its own pool, and times all phases.
struct PipelinedInitiator : sc_core::sc_module, tlm::tlm_bw_transport_if<>, tlm::tlm_mm_interface {
  tlm::tlm_initiator_socket<> socket{"socket"};
  int transactions;
  int most;
  int open = 0;
  int good_responses = 0;
  int freed = 0;
  Payload* request = nullptr;
  sc_core::sc_event request_ended, response_ended;
  tlm_utils::peq_with_get<Payload> responses{"responses"};
  std::deque<Payload> pool;
  std::array<unsigned char, 64> bytes{};

  SC_HAS_PROCESS(PipelinedInitiator);
  PipelinedInitiator(const sc_core::sc_module_name& name, int transactions, int most)
      : sc_module(name), transactions(transactions), most(most) {
    socket.bind(*this);
    SC_THREAD(send);
    SC_THREAD(receive);
  }

  void send() {
    for (int i = 0; i < transactions; ++i) {
      while (open == most)
        wait(response_ended);
      Payload& payload = pool.emplace_back(this);
      payload.acquire();
      payload.set_command(i % 3 == 0 ? write : read);
      payload.set_address(64 * static_cast<std::uint64_t>(i));
      payload.set_data_ptr(bytes.data());
      payload.set_data_length(64);
      payload.set_streaming_width(64);
      ++open;
      request = &payload;
      tlm::tlm_phase phase = BEGIN_REQ;
      sc_time delay = ns(i % 2);
      if (socket->nb_transport_fw(payload, phase, delay) == TLM_UPDATED) {
        request = nullptr;
        wait(delay);
      } else if (request != nullptr) {
        wait(request_ended);
      }
    }
  }

  void receive() {
    for (;;) {
      wait(responses.get_event());
      while (Payload* payload = responses.get_next_transaction()) {
        wait(ns(2));
        good_responses += payload->is_response_ok();
        tlm::tlm_phase phase = END_RESP;
        sc_time delay;
        socket->nb_transport_fw(*payload, phase, delay);
        payload->release();
        --open;
        response_ended.notify();
      }
    }
  }

  tlm::tlm_sync_enum nb_transport_bw(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) override {
    if (&payload == request) {
      request = nullptr;
      request_ended.notify(delay);
    }
    if (phase == BEGIN_RESP) responses.notify(payload, delay);
    return TLM_ACCEPTED;
  }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  void free(Payload*) override { ++freed; }
};

/// Answers after times that reorder. Every fourth request is accepted in return, every fourth of the others
/// by its response.
struct ReorderingTarget : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
  tlm::tlm_target_socket<> socket{"socket"};
  int requests = 0;
  bool responding = false;
  sc_core::sc_event response_ended;
  tlm_utils::peq_with_get<Payload> accepted{"accepted"}, done{"done"};

  SC_HAS_PROCESS(ReorderingTarget);
  explicit ReorderingTarget(const sc_core::sc_module_name& name) : sc_module(name) {
    socket.bind(*this);
    SC_METHOD(accept);
    sensitive << accepted.get_event();
    dont_initialize();
    SC_THREAD(respond);
  }

  tlm::tlm_sync_enum nb_transport_fw(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) override {
    if (phase == END_RESP) {
      payload.release();
      responding = false;
      response_ended.notify(delay);
      return TLM_ACCEPTED;
    }
    payload.acquire();
    const int i = requests++;
    done.notify(payload, delay + ns(4 + i * 7 % 40));
    if (i % 4 == 1) {
      phase = END_REQ;
      delay += ns(3);
      return TLM_UPDATED;
    }
    if (i % 16 != 2) accepted.notify(payload, delay + ns(3));
    return TLM_ACCEPTED;
  }

  void accept() {
    while (Payload* payload = accepted.get_next_transaction()) {
      tlm::tlm_phase phase = END_REQ;
      sc_time delay;
      socket->nb_transport_bw(*payload, phase, delay);
    }
  }

  void respond() {
    for (;;) {
      wait(done.get_event());
      while (Payload* payload = done.get_next_transaction()) {
        payload->set_response_status(tlm::TLM_OK_RESPONSE);
        responding = true;
        tlm::tlm_phase phase = BEGIN_RESP;
        sc_time delay;
        socket->nb_transport_bw(*payload, phase, delay);
        if (responding) wait(response_ended);
      }
    }
  }

  void b_transport(Payload&, sc_time&) override {}
  unsigned transport_dbg(Payload&) override { return 0; }
  bool get_direct_mem_ptr(Payload&, tlm::tlm_dmi&) override { return false; }
};

}  // namespace

TEST_CASE("the protocol checker is silent on what the protocol permits", "[protocol]") {
  check_cases(permitted);
}

TEST_CASE("the protocol checker sees each mistake in the phases of a transaction", "[protocol]") {
  check_cases(broken_phases);
}

TEST_CASE("the protocol checker sees each mistake between transactions", "[protocol]") {
  check_cases(broken_between_transactions);
}

TEST_CASE("the protocol checker sees local time that goes back, and waits", "[protocol]") {
  check_cases(broken_times);
}

TEST_CASE("the protocol checker sees each mistake in a payload", "[protocol]") {
  check_cases(broken_payloads);
}

TEST_CASE("the protocol checker follows a pipelined pair", "[protocol]") {
  fresh_simulation();
  PipelinedInitiator initiator("initiator", 500, 5);
  ReorderingTarget target("target");
  BaseProtocolOptions options;
  options.end_resp_by_call = true;
  BaseProtocolChecker checker("checker", options);
  initiator.socket.bind(checker.target_socket);
  checker.initiator_socket.bind(target.socket);
  sc_core::sc_start();
  CHECK(checker.finish() == Texts{});
  CHECK(initiator.good_responses == 500);
  CHECK(initiator.freed == 500);
  CHECK(checker.counts().nonblocking == 500);
  CHECK(checker.most_in_flight() == 5);
  CHECK(checker.open_transactions() == 0);
  CHECK(checker.reordered_responses() > 0);
  CHECK_FALSE(checker.same_address_reordered());
}

TEST_CASE("the protocol checker counts, and says what was where and when", "[protocol]") {
  fresh_simulation();
  Rig rig("rig");
  rig.steps = {is(p, write, 0x40, 16),
               is(q, read, 0x48, 4),
               is(r, read, 0x80, 4),
               pass(10),
               begin(p, 0, updated(END_REQ)),
               begin(q, 0, completed()),
               begin(r),
               b(4),
               b(5),
               debug(6),
               pass(5),
               bw(r, END_REQ),
               respond(p)};
  sc_core::sc_start();
  CHECK(rig.checker.counts().nonblocking == 3);
  CHECK(rig.checker.counts().blocking == 2);
  CHECK(rig.checker.counts().debug == 1);
  CHECK(rig.checker.counts().direct == 0);
  CHECK(rig.checker.most_in_flight() == 3);
  CHECK(rig.checker.open_transactions() == 2);
  CHECK(rig.checker.reordered_responses() == 1);
  CHECK(rig.checker.same_address_reordered());
  CHECK(rig.checker.finish() ==
        Texts{"10 ns: same address: the response of read 0x48+4 overtakes that of write 0x40+16, which was "
              "requested before",
              "15 ns: unfinished: write 0x40+16 after BEGIN_RESP",
              "15 ns: unfinished: read 0x80+4 after END_REQ"});
}

TEST_CASE("the protocol checker passes calls on as they are", "[protocol]") {
  fresh_simulation();
  Rig rig("rig");
  Texts seen;
  const auto note = [&](const std::string& what, const Payload& payload, const sc_time& delay) {
    seen.push_back(what + " " + std::to_string(payload.get_address()) + " " + delay.to_string());
  };
  const auto reply = [&](tlm::tlm_phase_enum next, double delay) {
    return [&note, next, delay](Rig& x, Payload& payload, tlm::tlm_phase& phase, sc_time& time) {
      note(phase.get_name(), payload, time);
      return updated(next, delay)(x, payload, phase, time);
    };
  };
  rig.blocking = [&](Payload& payload, sc_time& delay) {
    note("b_transport", payload, delay);
    delay += ns(1);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  };
  rig.debug = [](Payload&) { return 3u; };
  rig.direct = [](tlm::tlm_dmi& dmi) {
    dmi.set_end_address(77);
    return true;
  };
  rig.steps = {[&](Rig& x) {
    sc_time delay = ns(2);
    x.initiator->b_transport(x.payload(p), delay);
    note("returned", x.payload(p), delay);

    tlm::tlm_phase phase = BEGIN_REQ;
    delay = ns(3);
    x.reply = reply(END_REQ, 4);
    if (x.initiator->nb_transport_fw(x.payload(q), phase, delay) == TLM_UPDATED)
      note(phase.get_name(), x.payload(q), delay);

    x.payload(q).set_response_status(tlm::TLM_OK_RESPONSE);
    phase = BEGIN_RESP;
    delay = ns(5);
    x.reply = reply(END_RESP, 6);
    if (x.target->nb_transport_bw(x.payload(q), phase, delay) == TLM_UPDATED)
      note(phase.get_name(), x.payload(q), delay);

    seen.push_back("debug " + std::to_string(x.initiator->transport_dbg(x.payload(p))));
    tlm::tlm_dmi dmi;
    const bool granted = x.initiator->get_direct_mem_ptr(x.payload(p), dmi);
    seen.push_back("direct " + std::to_string(granted ? dmi.get_end_address() : 0));
    x.target->invalidate_direct_mem_ptr(5, 6);
  }};
  sc_core::sc_start();
  CHECK(rig.checker.finish() == Texts{});
  CHECK(seen == Texts{"b_transport 0 2 ns", "returned 0 3 ns", "BEGIN_REQ 8 3 ns", "END_REQ 8 4 ns",
                      "BEGIN_RESP 8 5 ns", "END_RESP 8 6 ns", "debug 3", "direct 77"});
  CHECK(rig.invalidated == Texts{"5 to 6"});
  CHECK(rig.checker.counts().direct == 1);
}

TEST_CASE("the protocol checker stops recording where there is no end of mistakes", "[protocol]") {
  fresh_simulation();
  Rig rig("rig");
  rig.steps = Steps(2000, bw(p, END_REQ));
  sc_core::sc_start();
  const Texts& violations = rig.checker.violations();
  REQUIRE(violations.size() == BaseProtocolChecker::most_violations + 1);
  CHECK(violations[violations.size() - 2].find(": phase order: ") != std::string::npos);
  CHECK(violations.back() == "0 s: further violations are not recorded");
}
