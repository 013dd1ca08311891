// The controller's queue of one DRAM channel: which waiting burst goes next (FR-FCFS).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/dram/channel.h"
#include "models/dram/controller.h"

namespace dpred::dram {

/// A burst that waits for its turn.
struct BurstRequest {
  Location at;
  bool is_write;
  Clock arrival;      ///< no command for it goes out before
  std::uint64_t tag;  ///< the caller's, given back with the booking
};

/// First ready, first come, first served: of all commands that could go out, the one that can at the earliest
/// clock; at the same clock a column command before others, then the older burst. A bank serves the bursts
/// that find their row open before it closes the row for others.
///
/// Reads go before writes. Writes gather until ControllerSettings::write_high of them wait, or no read does;
/// then they are drained until write_low are left, or to the last while no read waits. Bursts to the same
/// address, one of them a write, keep their order.
///
/// Of each bank it looks at the oldest ControllerSettings::queue_entries reads and as many writes, but for
/// those that an older burst of the other direction to their address holds back. Further bursts, of all banks
/// together entry_queue, wait for a place among them.
///
/// A burst is passed over by at most ControllerSettings::starvation_cap younger ones: then nothing younger
/// than it is served.
///
/// The clock of the next command is computed from the channel's state; nothing ticks. Cost per command: a
/// look at each bank that has bursts waiting.
class Scheduler {
 public:
  /// `channel` must outlive the scheduler.
  Scheduler(Channel& channel, const ControllerSettings& settings);

  bool has_room(const Location& at, bool is_write) const {
    return overflow_ < settings_.entry_queue ||
           banks_[channel_->index(at).bank].counts[is_write] < settings_.queue_entries;
  }
  std::size_t waiting() const { return reads_.all + writes_.all; }

  /// Takes a burst for which there is room. All commands before `request.arrival` should have been
  /// issued: a later command may be chosen with the burst in mind, an earlier one can't.
  void push(const BurstRequest& request);

  /// The clock of the next command, or of a refresh before it, if nothing else arrives; Channel::never if
  /// nothing waits.
  Clock next_command() {
    if (!choice_is_valid_) choose();
    return choice_.clock;
  }

  /// Issues all commands up to and at clock `until`. Calls `served(tag, is_write, arrival, booking)` for each
  /// burst whose column command went out, in the order of the data. It may push further bursts.
  template <class Served>
  void advance(Clock until, Served&& served) {
    while (next_command() <= until) {
      const Done done = issue();
      if (done.served) served(done.tag, done.is_write, done.arrival, done.booking);
    }
  }

  /// Someone else used the channel: what was found out about it is out of date.
  void forget();

 private:
  using Slot = std::uint32_t;
  static constexpr Slot none = ~Slot{0};

  struct Waiting {
    BurstRequest request;
    std::uint64_t age;  ///< how many came before
    std::uint32_t bank;
    Slot older, newer;    ///< of the whole channel, by age
    bool row_hit = true;  ///< until a row was opened for it
    bool held = false;    ///< an older burst to the same address has to go first
    bool holds = false;   ///< some younger one may be held for it
  };
  struct Bank {
    BankIndex index;
    std::vector<Slot> waiting;     ///< by age
    std::uint32_t counts[2] = {};  ///< of reads, writes
    std::uint32_t position = 0;    ///< in active_
  };
  /// The next command of a bank.
  struct Candidate {
    Clock ready = Channel::never;  ///< as far as the burst and the bank are concerned
    std::uint64_t rank = 0;        ///< at the same clock the lower goes first
    std::uint32_t allowed = 0;     ///< index into allowed_: what others have to say
    std::uint32_t bank = 0;
    Slot slot = none;
    Command::Kind kind = Command::Kind::read;
    bool stale = false;  ///< out of date, and its bank is in stale_banks_
  };
  /// What candidates are compared by: the clock above the rank.
  __extension__ typedef unsigned __int128 Precedence;
  struct Counts {
    std::size_t all = 0;
    std::size_t held = 0;
    std::size_t free() const { return all - held; }
  };
  struct Choice {
    Clock clock = Channel::never;
    std::uint32_t position = 0;  ///< in active_
    bool is_refresh = false;     ///< of the channel's next rank to refresh, in place of a command
  };
  struct Done {
    bool served;
    bool is_write;
    std::uint64_t tag;
    Clock arrival;
    Booking booking;
  };

  Counts& counts(bool is_write) { return is_write ? writes_ : reads_; }
  /// By how many younger bursts the oldest one was passed over: all that came before it were served.
  std::uint64_t passed(const Waiting& oldest) const { return served_ - oldest.age; }
  void choose();
  void mark_stale(const Bank& bank);
  void update_candidates();
  void set_direction();
  void set_direction(bool writes);
  void find_allowed();
  void find_candidate(Bank& bank);
  Precedence precedence_of(const Candidate& candidate) const {
    const Clock clock = std::max({candidate.ready, allowed_[candidate.allowed], free_clock_});
    return Precedence{clock} << 64 | candidate.rank;
  }
  void choose_among_candidates();
  Done issue();
  void refresh();
  void remove(Bank& bank, Slot slot);
  void hold_behind_older(Bank& bank, std::size_t position);

  Channel* channel_;
  ControllerSettings settings_;
  std::vector<Bank> banks_;
  std::vector<Candidate> active_;  ///< one for each bank with bursts waiting, in no order
  std::vector<Clock> allowed_;     ///< by group and kind: from when on commands to other banks allow one
  std::vector<Waiting> slots_;
  std::vector<Slot> free_;
  Slot oldest_ = none;
  Slot newest_ = none;
  Counts reads_, writes_;
  bool writing_ = false;        ///< the direction that is served
  std::uint32_t overflow_ = 0;  ///< bursts beyond the queues of their banks
  std::uint64_t served_ = 0;
  Clock free_clock_ = 0;  ///< first clock at which the command bus is free
  Clock waiting_since_ = 0;
  Slot forced_ = none;                      ///< the burst that was passed over too often
  bool all_stale_ = false;                  ///< all of active_ are out of date
  std::vector<std::uint32_t> stale_banks_;  ///< else those of these banks
  bool columns_changed_ = true;             ///< those of allowed_ are out of date
  bool activates_changed_ = true;           ///< likewise
  bool allowed_write_ = false;              ///< the direction for which the columns of allowed_ hold
  bool choice_is_valid_ = false;
  Choice choice_;
};

}  // namespace dpred::dram
