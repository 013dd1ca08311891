#include "models/dram/channel.h"

namespace dpred::dram {

Channel::Channel(const Preset& preset, PagePolicy page_policy, bool refreshes)
    : t_(preset.timings),
      groups_per_rank_(preset.organisation.bank_groups),
      banks_per_group_(preset.organisation.banks),
      closes_rows_(page_policy == PagePolicy::closed),
      ranks_(preset.organisation.ranks),
      groups_(ranks_.size() * groups_per_rank_),
      banks_(groups_.size() * banks_per_group_) {
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    ranks_[i].refresh_due = refreshes ? t_.refi + t_.refi * i / ranks_.size() : never;
  }
}

Booking Channel::book(const Location& at, bool is_write, Clock arrival) {
  const BankIndex i = index(at);
  const Rank& rank = ranks_[i.rank];
  const Bank& bank = banks_[i.bank];
  for (;;) {
    const bool hit = bank.open_row == at.row;
    const bool conflict = !hit && bank.open_row != no_row;
    Clock precharge_clock = 0;
    Clock activate_clock = 0;
    Clock ready = arrival;
    if (!hit) {
      activate_clock = std::max({arrival, activate_ready(i), activate_allowed(i.group)});
      if (conflict) {
        precharge_clock = std::max(arrival, precharge_ready(i));
        activate_clock = std::max(activate_clock, precharge_clock + t_.rp);
      }
      ready = activate_clock + t_.rcd;
    }
    if (hit) ready = std::max(ready, column_ready(i));
    const Clock column_clock = std::max(ready, column_allowed(i.group, is_write));
    if (column_clock >= rank.refresh_due) {
      refresh(at, std::max(arrival, next_column_));
      continue;
    }
    if (conflict) precharge(i, at, precharge_clock);
    if (!hit) activate(i, at, activate_clock);
    return column(i, at, is_write, column_clock, hit, arrival, arrival);
  }
}

void Channel::precharge(const BankIndex& i, const Location& at, Clock clock) {
  Bank& bank = banks_[i.bank];
  Location closed = at;
  closed.row = bank.open_row;
  emit(Command::Kind::precharge, clock, closed);
  bank.open_row = no_row;
  bank.next_activate = std::max(bank.next_activate, clock + t_.rp);
}

void Channel::activate(const BankIndex& i, const Location& at, Clock clock) {
  emit(Command::Kind::activate, clock, at);
  Bank& bank = banks_[i.bank];
  Rank& rank = ranks_[i.rank];
  bank.open_row = at.row;
  bank.next_activate = clock + t_.rc;
  bank.next_precharge = clock + t_.ras;
  bank.next_column = clock + t_.rcd;
  rank.spacing.next_activate = clock + t_.rrd_s;
  groups_[i.group].next_activate = clock + t_.rrd_l;
  rank.window[rank.oldest] = clock + t_.faw;
  rank.oldest = (rank.oldest + 1) % 4;
}

Booking Channel::column(const BankIndex& i, const Location& at, bool is_write, Clock clock, bool row_hit,
                        Clock arrival, Clock waiting_since) {
  emit(is_write ? Command::Kind::write : Command::Kind::read, clock, at);
  const Clock start = clock + (is_write ? t_.cwl : t_.cl);
  const Clock end = start + t_.burst_clocks();
  account(i, is_write, start, arrival, waiting_since);

  Bank& bank = banks_[i.bank];
  Rank& rank = ranks_[i.rank];
  Spacing& group = groups_[i.group];
  next_column_ = clock + 1;
  rank.spacing.next_column = clock + t_.ccd_s;
  group.next_column = clock + t_.ccd_l;
  if (is_write) {
    rank.spacing.next_read = end + t_.wtr_s;
    group.next_read = end + t_.wtr_l;
    bank.next_precharge = std::max(bank.next_precharge, end + t_.wr);
  } else {
    bank.next_precharge = std::max(bank.next_precharge, clock + t_.rtp);
  }
  bus_free_ = end;
  bus_rank_ = i.rank;
  bus_write_ = is_write;
  if (closes_rows_) precharge(i, at, bank.next_precharge);
  return {start, end, row_hit};
}

/// Finds the cause of each clock between the data before and that of this burst. Each cause is a span of the
/// data bus that ends where the burst's data could have started, were it for that cause alone.
void Channel::account(const BankIndex& i, bool is_write, Clock start, Clock arrival, Clock waiting_since) {
  if (first_arrival_ == never) bus_free_ = first_arrival_ = std::min(arrival, waiting_since);
  bus_.data += t_.burst_clocks();
  if (start == bus_free_) return;

  const Rank& rank = ranks_[i.rank];
  const Spacing& group = groups_[i.group];
  const Clock latency = is_write ? t_.cwl : t_.cl;
  Clock at = bus_free_;
  const auto lose = [&](Loss loss, Clock until) {
    until = std::min(until, start);
    if (until <= at) return;
    bus_[loss] += until - at;
    at = until;
  };
  const auto lose_before = [&](Clock until) {  // what is lost for other causes than a refresh
    const Clock bus = bus_free_for(i.rank, is_write);
    const Clock turned =
        is_write ? bus : std::max(bus, std::max(rank.spacing.next_read, group.next_read) + latency);
    lose(Loss::turnaround, std::min(turned, until));
    lose(Loss::bank_group, std::min(std::max(rank.spacing.next_column, group.next_column) + latency, until));
    // A burst that waits while its row is ready waits for nothing but the command bus; before it came, those
    // that were there waited for their rows.
    lose(Loss::activate, std::min(std::max(banks_[i.bank].next_column, arrival) + latency, until));
    lose(Loss::idle, until);
  };
  lose(Loss::idle, waiting_since + latency);
  if (at < rank.refresh_ended + latency) {
    lose_before(rank.refresh_began + latency);
    lose(Loss::refresh, rank.refresh_ended + latency);
  }
  lose_before(start);
}

void Channel::refresh(const Location& at, Clock reached) {
  Rank& rank = ranks_[at.rank];
  const std::size_t banks = std::size_t{groups_per_rank_} * banks_per_group_;
  Bank* const first = &banks_[at.rank * banks];
  Bank* const last = first + banks;

  Location whole_rank;
  whole_rank.channel = at.channel;
  whole_rank.rank = at.rank;
  Clock precharge = rank.refresh_due;
  Clock start = rank.refresh_due;
  bool any_open = false;
  for (Bank* bank = first; bank != last; ++bank) {
    start = std::max(start, bank->next_activate);
    any_open = any_open || bank->open_row != no_row;
    precharge = std::max(precharge, bank->next_precharge);  // also of a row that is about to close itself
  }
  if (any_open) {
    emit(Command::Kind::precharge_all, precharge, whole_rank);
    start = std::max(start, precharge + t_.rp);
  }
  emit(Command::Kind::refresh, start, whole_rank);

  // Once all rows are closed nothing delays a refresh: the later ones start when they fall due.
  const Clock further = reached > rank.refresh_due ? (reached - rank.refresh_due) / t_.refi : 0;
  if (observer_) {
    for (Clock i = 1; i <= further; ++i) {
      emit(Command::Kind::refresh, rank.refresh_due + i * t_.refi, whole_rank);
    }
  }
  if (further > 0) start = rank.refresh_due + further * t_.refi;
  rank.refresh_began = rank.refresh_due + further * t_.refi;
  rank.refresh_ended = start + t_.rfc;
  rank.refresh_due += (further + 1) * t_.refi;
  for (Bank* bank = first; bank != last; ++bank) {
    bank->open_row = no_row;
    bank->next_activate = start + t_.rfc;
  }
  const auto due_first = std::min_element(ranks_.begin(), ranks_.end(), [](const Rank& a, const Rank& b) {
    return a.refresh_due < b.refresh_due;
  });
  next_to_refresh_ = static_cast<std::uint32_t>(due_first - ranks_.begin());
}

}  // namespace dpred::dram
