// The state of one DRAM channel, the rules between its commands, and bursts booked in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "models/dram/address_map.h"
#include "models/dram/statistics.h"
#include "models/dram/timings.h"

namespace dpred::dram {

/// A command on its way to the devices. `location` names what it addresses: a precharge_all or refresh the
/// rank, an activate or precharge the bank (its `row` is the one opened or closed), a read or write
/// everything. Under a closed page policy the precharge that a read or write implies is a command of its own.
struct Command {
  enum class Kind { activate, precharge, precharge_all, read, write, refresh };
  Kind kind;
  Clock clock;
  Location location;
};
using CommandObserver = std::function<void(const Command&)>;

/// When the data of a burst is on the bus: clocks [data_start, data_end).
struct Booking {
  Clock data_start;
  Clock data_end;
  bool row_hit;  ///< no activate was needed for this burst
};

/// When rows are closed.
enum class PagePolicy {
  open,   ///< when another row of the bank is needed, or at a refresh
  closed  ///< by every read and write
};

/// Where a burst lies in the arrays of a Channel: found once per burst.
struct BankIndex {
  std::uint32_t rank;
  std::uint32_t group;  ///< of all ranks
  std::uint32_t bank;   ///< of all ranks and groups
};

/// The state that earlier commands left, from which the earliest clock of any next command follows: of a
/// constant size, and nothing ticks. Two users share it, book() here and Scheduler; they may take turns.
///
/// Refreshes of all banks of a rank fall due every REFI clocks, at staggered times in each rank. No column
/// command and no activate goes out at or after that time before the refresh is done. They are worked out
/// when the next burst of the rank is booked, or when they fall due while bursts wait in a Scheduler.
///
/// Every clock of the data bus is accounted for when the data of the next burst is known (Loss).
class Channel {
 public:
  /// `preset` must have passed check() and not be ideal.
  Channel(const Preset& preset, PagePolicy page_policy, bool refreshes);

  // Whole bursts in the order of the calls.

  /// Books a burst at the earliest legal time. Column commands follow each other in the order of the calls,
  /// and so does the data. A precharge or an activate goes out as soon as its bank and the rank allow, though
  /// not before the burst arrived, and so overlaps with the data of earlier bursts. `arrival` may lie before
  /// that of an earlier booking.
  Booking book(const Location& at, bool is_write, Clock arrival);

  // Single commands, for a scheduler.

  BankIndex index(const Location& at) const {
    const std::uint32_t group = at.rank * groups_per_rank_ + at.bank_group;
    return {at.rank, group, group * banks_per_group_ + at.bank};
  }
  std::size_t banks() const { return banks_.size(); }
  std::size_t groups() const { return groups_.size(); }
  bool is_open(const BankIndex& i) const { return banks_[i.bank].open_row != no_row; }
  bool is_open(const BankIndex& i, std::uint32_t row) const { return banks_[i.bank].open_row == row; }
  /// The rank whose refresh falls due first, and when.
  std::uint32_t next_to_refresh() const { return next_to_refresh_; }
  Clock refresh_due() const { return ranks_[next_to_refresh_].refresh_due; }

  // The earliest clock for a command has two parts, and is the later of them: what its bank allows, and what
  // commands to other banks allow, which is the same for all banks of a group (`group` as in BankIndex).

  /// A column command to an open row.
  Clock column_ready(const BankIndex& i) const { return banks_[i.bank].next_column; }
  Clock column_allowed(std::uint32_t group, bool is_write) const {
    const Rank& rank = ranks_[group / groups_per_rank_];
    const Spacing& spacing = groups_[group];
    Clock column = std::max({next_column_, rank.spacing.next_column, spacing.next_column});
    if (!is_write) column = std::max({column, rank.spacing.next_read, spacing.next_read});
    const Clock latency = is_write ? t_.cwl : t_.cl;
    return std::max(column + latency, bus_free_for(group / groups_per_rank_, is_write)) - latency;
  }
  /// An activate of a closed bank.
  Clock activate_ready(const BankIndex& i) const { return banks_[i.bank].next_activate; }
  Clock activate_allowed(std::uint32_t group) const {
    const Rank& rank = ranks_[group / groups_per_rank_];
    return std::max({rank.spacing.next_activate, groups_[group].next_activate, rank.window[rank.oldest]});
  }
  /// A precharge of an open bank, which others don't hold up.
  Clock precharge_ready(const BankIndex& i) const { return banks_[i.bank].next_precharge; }

  /// Issues a command at a clock that is not before the earliest.
  void precharge(const BankIndex& i, const Location& at, Clock clock);
  void activate(const BankIndex& i, const Location& at, Clock clock);
  /// `arrival` is that of the burst, `waiting_since` the clock since when any burst has been waiting: what
  /// the bus lost before is idle.
  Booking column(const BankIndex& i, const Location& at, bool is_write, Clock clock, bool row_hit,
                 Clock arrival, Clock waiting_since);
  /// Does the refresh that is due and all further ones that fell due until `reached`, before which no burst
  /// was waiting for the rank.
  void refresh(const Location& at, Clock reached);

  // Counts.

  /// Clocks of the data bus from the first arrival to the end of the last data.
  const BusClocks& bus() const { return bus_; }
  Clock first_arrival() const { return first_arrival_; }  ///< `never` before the first burst
  Clock last_data() const { return bus_free_; }

  void observe(CommandObserver observer) { observer_ = std::move(observer); }

  static constexpr Clock never = std::numeric_limits<Clock>::max();

 private:
  static constexpr std::uint32_t no_row = std::numeric_limits<std::uint32_t>::max();

  // Members named next_* are the earliest clocks at which such a command may be issued.
  struct Bank {
    std::uint32_t open_row = no_row;
    Clock next_activate = 0;
    Clock next_precharge = 0;
    Clock next_column = 0;
  };
  /// What commands to the same group, or to any group of the rank, leave behind.
  struct Spacing {
    Clock next_activate = 0;
    Clock next_column = 0;
    Clock next_read = 0;
  };
  struct Rank {
    Spacing spacing;
    Clock window[4] = {};  ///< ends of the four-activate windows begun last
    std::uint32_t oldest = 0;
    Clock refresh_due = 0;
    Clock refresh_began = 0;  ///< when the last refresh fell due
    Clock refresh_ended = 0;
  };

  Clock bus_free_for(std::uint32_t rank, bool is_write) const {
    return bus_free_ + (is_write != bus_write_ || rank != bus_rank_ ? t_.turnaround : 0);
  }
  void account(const BankIndex& i, bool is_write, Clock start, Clock arrival, Clock waiting_since);
  void emit(Command::Kind kind, Clock clock, const Location& at) const {
    if (observer_) observer_({kind, clock, at});
  }

  Timings t_;
  std::uint32_t groups_per_rank_;
  std::uint32_t banks_per_group_;
  bool closes_rows_;
  std::vector<Rank> ranks_;
  std::uint32_t next_to_refresh_ = 0;
  std::vector<Spacing> groups_;
  std::vector<Bank> banks_;
  Clock next_column_ = 0;
  Clock bus_free_ = 0;
  std::uint32_t bus_rank_ = 0;
  bool bus_write_ = false;
  Clock first_arrival_ = never;
  BusClocks bus_;
  CommandObserver observer_;
};

}  // namespace dpred::dram
