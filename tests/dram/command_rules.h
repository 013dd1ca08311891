// The rules between the commands of a DRAM channel, written apart from the model as gaps between two commands
// in the manner of a data sheet, and traffic and presets that provoke them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "models/dram/channel.h"
#include "models/dram/preset.h"

namespace dpred::test {

using dram::Clock;
using dram::Command;
using dram::Location;
using dram::Preset;
using dram::Timings;

inline bool is_column(Command::Kind kind) {
  return kind == Command::Kind::read || kind == Command::Kind::write;
}

/// The smallest part of a channel that holds two commands.
enum class Nearness { bank, group, rank, channel };

/// The clocks by which a command must lie after an earlier one; 0 when there is no rule between them.
class CommandGaps {
 public:
  explicit CommandGaps(const Timings& timings) : t_(timings) {
    for (std::size_t near = 0; near < 4; ++near) {
      for (std::size_t earlier = 0; earlier < kinds; ++earlier) {
        for (std::size_t later = 0; later < kinds; ++later) {
          gaps_[near][later][earlier] =
              find(static_cast<Kind>(earlier), static_cast<Kind>(later), static_cast<Nearness>(near));
        }
      }
    }
  }

  static constexpr std::size_t kinds = 6;
  /// By the kind of the earlier command.
  using Row = std::array<std::int64_t, kinds>;
  const Row& before(Command::Kind later, Nearness near) const {
    return gaps_[static_cast<std::size_t>(near)][static_cast<std::size_t>(later)];
  }

 private:
  using Kind = Command::Kind;

  std::int64_t find(Kind earlier, Kind later, Nearness near) const {
    if (is_column(earlier) && is_column(later)) return column_gap(earlier, later, near);
    if (near == Nearness::channel) return 0;
    if (earlier == Kind::refresh) return t_.rfc;
    const bool whole_rank =
        earlier == Kind::precharge_all || later == Kind::precharge_all || later == Kind::refresh;
    if (whole_rank || near == Nearness::bank) return bank_gap(earlier, later);
    if (earlier == Kind::activate && later == Kind::activate) {
      return near == Nearness::group ? t_.rrd_l : t_.rrd_s;
    }
    return 0;
  }

  std::int64_t bank_gap(Kind earlier, Kind later) const {
    const bool closes = later == Kind::precharge || later == Kind::precharge_all;
    switch (earlier) {
      case Kind::activate:
        if (is_column(later)) return t_.rcd;
        return closes ? t_.ras : t_.rc;
      case Kind::read:
        return closes ? t_.rtp : 0;
      case Kind::write:
        return closes ? t_.cwl + t_.bl / 2 + t_.wr : 0;
      default:
        return later == Kind::activate || later == Kind::refresh ? t_.rp : 0;
    }
  }

  std::int64_t column_gap(Kind earlier, Kind later, Nearness near) const {
    const std::int64_t burst = t_.bl / 2;
    const std::int64_t from = earlier == Kind::write ? t_.cwl : t_.cl;
    const std::int64_t to = later == Kind::write ? t_.cwl : t_.cl;
    const bool turns = earlier != later || near == Nearness::channel;
    std::int64_t gap = std::max<std::int64_t>(1, from + burst + (turns ? t_.turnaround : 0) - to);
    if (near == Nearness::channel) return gap;
    const bool same_group = near != Nearness::rank;
    gap = std::max<std::int64_t>(gap, same_group ? t_.ccd_l : t_.ccd_s);
    if (earlier == Kind::write && later == Kind::read) {
      gap = std::max(gap, from + burst + (same_group ? t_.wtr_l : t_.wtr_s));
    }
    return gap;
  }

  Timings t_;
  std::array<std::array<Row, kinds>, 4> gaps_;
};

/// Takes the commands of one channel in the order in which they were decided, and keeps what breaks a rule.
/// Commands between which there is a rule must come in the order of time; others need not. Cost per command:
/// one look at each kind and part of the channel.
class CommandRules {
 public:
  struct Options {
    bool closed_page = false;  ///< every read and write closes its row
    bool refreshes = true;
    bool command_bus = false;  ///< one command a clock; see check()
  };

  CommandRules(const Preset& preset, const Options& options)
      : preset_(preset),
        gaps_(preset.timings),
        options_(options),
        ranks_(preset.organisation.ranks),
        groups_(ranks_.size() * preset.organisation.bank_groups),
        banks_(groups_.size() * preset.organisation.banks) {}

  /// Whether no command before forbids this one; says nothing about open rows and refreshes that are due.
  bool allows(const Command& c) const {
    if (!late_enough(c, banks_[bank(c)].latest, Nearness::bank)) return false;
    if (!late_enough(c, groups_[group(c)], Nearness::group)) return false;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const Nearness near = r == c.location.rank ? Nearness::rank : Nearness::channel;
      if (!late_enough(c, ranks_[r].latest, near)) return false;
    }
    const Rank& rank = ranks_[c.location.rank];
    return c.kind != Kind::activate || clock(c) >= rank.window[rank.oldest] + preset_.timings.faw;
  }

  void add(const Command& c) {
    const auto kind = static_cast<std::size_t>(c.kind);
    Rank& rank = ranks_[c.location.rank];
    for (Latest* latest : {&banks_[bank(c)].latest, &groups_[group(c)], &rank.latest})
      (*latest)[kind] = std::max((*latest)[kind], clock(c));
    if (c.kind == Kind::activate) {
      rank.window[rank.oldest] = clock(c);
      rank.oldest = (rank.oldest + 1) % 4;
    }
  }

  /// Adds a command and notes the rules that it breaks.
  ///
  /// Not on the command bus: the precharge that a read or write implies under a closed page, and refreshes
  /// with the precharge before, which the model works out afterwards (they take 2 clocks in tREFI).
  void check(const Command& c) {
    ++checked_;
    if (!allows(c)) note("too soon", c);
    add(c);
    const bool implied = c.kind == Kind::precharge && closing_bank_ == bank(c) && closing_;
    if (closing_ && !implied) note("a row that stays open before", c);
    closing_ = options_.closed_page && is_column(c.kind);
    closing_bank_ = bank(c);
    if (options_.command_bus && !implied && c.kind != Kind::refresh && c.kind != Kind::precharge_all) {
      if (clock(c) <= last_on_bus_) note("two commands in a clock or out of order", c);
      last_on_bus_ = clock(c);
    }
    if (c.kind == Kind::activate || is_column(c.kind)) {
      if (options_.refreshes && c.clock >= refresh_due(c)) note("a refresh is due before", c);
    }
    check_rows(c);
  }

  std::uint64_t checked() const { return checked_; }
  std::uint64_t broken() const { return broken_; }
  /// Empty when nothing is broken.
  const std::string& first_broken() const { return first_broken_; }

 private:
  using Kind = Command::Kind;
  /// By kind.
  struct Latest : std::array<std::int64_t, CommandGaps::kinds> {
    Latest() { fill(long_ago); }
  };
  struct Bank {
    Latest latest;
    std::int64_t row = -1;
  };
  struct Rank {
    Latest latest;
    std::int64_t window[4] = {long_ago, long_ago, long_ago, long_ago};  ///< the last four activates
    std::size_t oldest = 0;
    Clock refreshes = 0;
  };

  static constexpr std::int64_t long_ago = std::numeric_limits<std::int64_t>::min() / 2;

  static std::int64_t clock(const Command& c) { return static_cast<std::int64_t>(c.clock); }
  std::size_t group(const Command& c) const {
    return std::size_t{c.location.rank} * preset_.organisation.bank_groups + c.location.bank_group;
  }
  std::size_t bank(const Command& c) const { return group(c) * preset_.organisation.banks + c.location.bank; }

  bool late_enough(const Command& c, const Latest& latest, Nearness near) const {
    const CommandGaps::Row& gaps = gaps_.before(c.kind, near);
    bool legal = true;
    for (std::size_t kind = 0; kind < gaps.size(); ++kind)
      legal &= gaps[kind] == 0 || clock(c) >= latest[kind] + gaps[kind];
    return legal;
  }

  Clock refresh_due(const Command& c) const {
    const Clock refi = preset_.timings.refi;
    return (ranks_[c.location.rank].refreshes + 1) * refi + refi * c.location.rank / ranks_.size();
  }

  void check_rows(const Command& c) {
    std::int64_t& row = banks_[bank(c)].row;
    const std::size_t rank_banks = banks_.size() / ranks_.size();
    Bank* const first = &banks_[c.location.rank * rank_banks];
    Bank* const last = first + rank_banks;
    switch (c.kind) {
      case Kind::activate:
        if (row != -1) note("an open bank at", c);
        row = c.location.row;
        break;
      case Kind::precharge:
        if (row != c.location.row) note("another row at", c);
        row = -1;
        break;
      case Kind::precharge_all:
        if (c.clock < refresh_due(c)) note("a refresh that is not due at", c);
        for (Bank* b = first; b != last; ++b)
          b->row = -1;
        break;
      case Kind::refresh:
        if (std::any_of(first, last, [](const Bank& b) { return b.row != -1; })) note("an open bank at", c);
        if (!options_.refreshes || c.clock < refresh_due(c)) note("a refresh that is not due at", c);
        if (c.clock > refresh_due(c) + longest_wait()) note("a refresh too late at", c);
        ++ranks_[c.location.rank].refreshes;
        break;
      default:
        if (row != c.location.row) note("a row that is not open at", c);
    }
  }

  /// Of a refresh that is due: for the row of the last command before.
  Clock longest_wait() const {
    const Timings& t = preset_.timings;
    const Clock until_precharge = std::max({t.ras, t.rtp, t.cwl + t.bl / 2 + t.wr});
    return std::max<Clock>(t.rc, until_precharge + t.rp) - 1;
  }

  void note(const char* what, const Command& c) {
    static constexpr const char* names[] = {"activate", "precharge", "precharge_all",
                                            "read",     "write",     "refresh"};
    if (broken_++ > 0) return;
    first_broken_ = std::string(what) + " " + names[static_cast<std::size_t>(c.kind)] + " at clock " +
                    std::to_string(c.clock) + ", bank " + std::to_string(bank(c)) + ", row " +
                    std::to_string(c.location.row);
  }

  Preset preset_;
  CommandGaps gaps_;
  Options options_;
  std::vector<Rank> ranks_;
  std::vector<Latest> groups_;
  std::vector<Bank> banks_;
  bool closing_ = false;  ///< the command before implies a precharge
  std::size_t closing_bank_ = 0;
  std::int64_t last_on_bus_ = -1;
  std::uint64_t checked_ = 0;
  std::uint64_t broken_ = 0;
  std::string first_broken_;
};

/// What a naive model of a channel keeps: open rows, refreshes to come, and the rules, by which it finds the
/// clock of a command by trying one after another.
class NaiveBanks {
 protected:
  NaiveBanks(const Preset& preset, const CommandRules::Options& options)
      : preset_(preset), rules_(preset, options), open_(std::size_t{preset.organisation.ranks} * 256, -1) {
    for (std::uint32_t r = 0; r < preset.organisation.ranks; ++r) {
      const Clock refi = preset.timings.refi;
      due_.push_back(options.refreshes ? refi + refi * r / preset.organisation.ranks : dram::Channel::never);
    }
  }

  static std::size_t bank_of(const Location& at) {
    return (std::size_t{at.rank} * 16 + at.bank_group) * 16 + at.bank;
  }

  /// The refresh of the rank that is due, behind the precharge of all its rows.
  void refresh(std::uint32_t rank) {
    Location at;
    at.rank = rank;
    const auto first = open_.begin() + rank * 256;
    if (std::any_of(first, first + 256, [](std::int64_t row) { return row != -1; })) {
      place({Command::Kind::precharge_all, due_[rank], at});
    }
    place({Command::Kind::refresh, due_[rank], at});
    std::fill(first, first + 256, -1);
    due_[rank] += preset_.timings.refi;
  }

  /// Adds a command at the first clock from its own on that the rules allow.
  Clock place(Command c) {
    while (!rules_.allows(c))
      ++c.clock;
    rules_.add(c);
    return c.clock;
  }

  Preset preset_;
  CommandRules rules_;
  std::vector<std::int64_t> open_;  ///< row by bank_of(), -1 where none is
  std::vector<Clock> due_;          ///< next refresh by rank
};

struct RandomBurst {
  std::uint64_t address;
  bool is_write;
  Clock earliest;  ///< never decreases
};

/// Bursts of all habits: runs, hits in few rows, far jumps, changes of direction from often to rarely, idle
/// times from none to several refresh intervals.
class RandomBursts {
 public:
  RandomBursts(const Preset& preset, std::uint64_t capacity, unsigned seed)
      : random_(seed),
        burst_bytes_(preset.organisation.burst_bytes),
        bursts_(capacity / burst_bytes_),
        refi_(preset.timings.refi) {}

  RandomBurst next() {
    if (count_++ % 1024 == 0) {
      far_ = random_() % 16;
      turn_ = 1 + random_() % 12;
      wait_ = 1 + random_() % 8;
      longest_wait_ = 1 + random_() % 100;
    }
    const std::uint64_t habit = random_() % 16;
    if (habit < far_) {
      at_ = random_() % (habit % 2 == 0 ? bursts_ : std::min<std::uint64_t>(bursts_, 4096));
    } else if (habit < 15) {
      at_ = (at_ + 1) % bursts_;
    }
    if (random_() % turn_ == 0) is_write_ = !is_write_;
    if (random_() % wait_ == 0) clock_ += random_() % longest_wait_;
    if (random_() % 2048 == 0) clock_ += random_() % (5 * refi_);
    return {at_ * burst_bytes_, is_write_, clock_};
  }

 private:
  std::mt19937_64 random_;
  std::uint64_t burst_bytes_;
  std::uint64_t bursts_;
  Clock refi_;
  std::uint64_t count_ = 0;
  std::uint64_t far_ = 0;
  std::uint64_t turn_ = 0;
  std::uint64_t wait_ = 0;
  std::uint64_t longest_wait_ = 0;
  std::uint64_t at_ = 0;
  bool is_write_ = false;
  Clock clock_ = 0;
};

inline Preset two_ranks() {
  Preset preset = dram::find_preset("ddr4-3200");
  preset.name = "ddr4-3200, two ranks";
  preset.organisation.ranks = 2;
  preset.organisation.rows = 32768;
  return preset;
}

/// Timings that no device has, each a different number, to tell apart rules that coincide in the presets.
inline Preset odd_preset() {
  Preset preset = dram::find_preset("ddr4-3200");
  preset.name = "odd";
  preset.timings = {1000, 8, 17, 19, 13, 11, 71, 89, 5, 13, 7, 15, 43, 9, 23, 10, 29, 3, 307, 2011};
  preset.organisation = {64, 1024, 2, 2, 2, 8};
  return preset;
}

/// The presets of the table that have timings, and the two above.
inline std::vector<Preset> timed_presets() {
  std::vector<Preset> presets;
  for (const std::string& name : dram::preset_names()) {
    if (!dram::find_preset(name).ideal) presets.push_back(dram::find_preset(name));
  }
  presets.push_back(two_ranks());
  presets.push_back(odd_preset());
  return presets;
}

}  // namespace dpred::test
