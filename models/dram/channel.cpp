#include "models/dram/channel.h"

#include <algorithm>

namespace dpred::dram {

Channel::Channel(const Preset& preset)
    : t_(preset.timings),
      groups_per_rank_(preset.organisation.bank_groups),
      banks_per_group_(preset.organisation.banks),
      ranks_(preset.organisation.ranks),
      groups_(ranks_.size() * groups_per_rank_),
      banks_(groups_.size() * banks_per_group_) {
  for (std::size_t i = 0; i < ranks_.size(); ++i)
    ranks_[i].refresh_due = t_.refi + t_.refi * i / ranks_.size();
}

Channel::Plan Channel::plan(const Rank& rank, const Spacing& group, const Bank& bank, const Location& at,
                            bool is_write, Clock arrival) const {
  Plan plan{};
  Clock ready = std::max(arrival, bank.next_column);
  if (bank.open_row != at.row) {
    Clock activate = std::max({arrival, bank.next_activate, rank.spacing.next_activate, group.next_activate,
                               rank.window[rank.oldest]});
    if (bank.open_row != no_row) {
      plan.precharges = true;
      plan.precharge = std::max(arrival, bank.next_precharge);
      activate = std::max(activate, plan.precharge + t_.rp);
    }
    plan.activates = true;
    plan.activate = activate;
    ready = activate + t_.rcd;
  }

  Clock column = std::max({ready, next_column_, rank.spacing.next_column, group.next_column});
  if (!is_write) column = std::max({column, rank.spacing.next_read, group.next_read});
  const bool driver_changes = is_write != bus_write_ || at.rank != bus_rank_;
  const Clock bus = bus_free_ + (driver_changes ? t_.turnaround : 0);
  const Clock latency = is_write ? t_.cwl : t_.cl;
  plan.column = std::max(column + latency, bus) - latency;
  return plan;
}

Booking Channel::book(const Location& at, bool is_write, Clock arrival) {
  Rank& rank = ranks_[at.rank];
  const std::size_t group_index = std::size_t{at.rank} * groups_per_rank_ + at.bank_group;
  Spacing& group = groups_[group_index];
  Bank& bank = banks_[group_index * banks_per_group_ + at.bank];

  Plan p = plan(rank, group, bank, at, is_write, arrival);
  while (p.column >= rank.refresh_due) {
    refresh(at, std::max(arrival, next_column_));
    p = plan(rank, group, bank, at, is_write, arrival);
  }

  if (p.precharges) {
    Location closed = at;
    closed.row = bank.open_row;
    emit(Command::Kind::precharge, p.precharge, closed);
  }
  if (p.activates) {
    emit(Command::Kind::activate, p.activate, at);
    bank.open_row = at.row;
    bank.next_activate = p.activate + t_.rc;
    bank.next_precharge = p.activate + t_.ras;
    bank.next_column = p.activate + t_.rcd;
    rank.spacing.next_activate = p.activate + t_.rrd_s;
    group.next_activate = p.activate + t_.rrd_l;
    rank.window[rank.oldest] = p.activate + t_.faw;
    rank.oldest = (rank.oldest + 1) % 4;
  }

  emit(is_write ? Command::Kind::write : Command::Kind::read, p.column, at);
  const Clock start = p.column + (is_write ? t_.cwl : t_.cl);
  const Clock end = start + t_.burst_clocks();
  next_column_ = p.column + 1;
  rank.spacing.next_column = p.column + t_.ccd_s;
  group.next_column = p.column + t_.ccd_l;
  if (is_write) {
    rank.spacing.next_read = end + t_.wtr_s;
    group.next_read = end + t_.wtr_l;
    bank.next_precharge = std::max(bank.next_precharge, end + t_.wr);
  } else {
    bank.next_precharge = std::max(bank.next_precharge, p.column + t_.rtp);
  }
  bus_free_ = end;
  bus_rank_ = at.rank;
  bus_write_ = is_write;
  return {start, end, !p.activates};
}

/// Does the refresh that is due and all further ones that fell due until `reached`, where the rank was idle.
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
    if (bank->open_row == no_row) continue;
    any_open = true;
    precharge = std::max(precharge, bank->next_precharge);
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
  rank.refresh_due += (further + 1) * t_.refi;
  for (Bank* bank = first; bank != last; ++bank) {
    bank->open_row = no_row;
    bank->next_activate = start + t_.rfc;
  }
}

}  // namespace dpred::dram
