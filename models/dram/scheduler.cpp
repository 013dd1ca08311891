#include "models/dram/scheduler.h"

#include <algorithm>

namespace dpred::dram {

namespace {

bool is_column(Command::Kind kind) {
  return kind == Command::Kind::read || kind == Command::Kind::write;
}

}  // namespace

Scheduler::Scheduler(Channel& channel, const ControllerSettings& settings)
    : channel_(&channel), settings_(settings), banks_(channel.banks()), position_(channel.banks()) {
  for (Bank& bank : banks_)
    bank.waiting.reserve(settings.queue_entries);
}

void Scheduler::push(const BurstRequest& request) {
  const BankIndex index = channel_->index(request.at);
  Bank& bank = banks_[index.bank];
  if (waiting() == 0) waiting_since_ = request.arrival;
  if (bank.waiting.empty()) {
    bank.index = index;
    position_[index.bank] = static_cast<std::uint32_t>(active_.size());
    active_.push_back(index.bank);
  }

  if (free_.empty()) {
    free_.push_back(static_cast<Slot>(slots_.size()));
    slots_.emplace_back();
  }
  const Slot slot = free_.back();
  free_.pop_back();
  slots_[slot] = {request, served_ + waiting(), index.bank, newest_, none};
  if (newest_ != none) slots_[newest_].newer = slot;
  if (oldest_ == none) oldest_ = slot;
  newest_ = slot;
  bank.waiting.push_back(slot);
  ++counts(request.is_write).all;
  if (++bank.counts[request.is_write] > settings_.queue_entries) ++overflow_;
  hold_behind_older(bank, bank.waiting.size() - 1);
  bank.stale = true;

  if (!choice_is_valid_) return;
  // The direction may change, or else at most this bank has something better to offer.
  const bool direction = writing_;
  set_direction();
  if (writing_ != direction || choice_.clock == Channel::never || choice_.bank == index.bank) {
    choice_is_valid_ = false;
    return;
  }
  find_next(bank);
  better(bank, choice_);
  if (choice_.clock >= channel_->refresh_due(banks_[choice_.bank].index)) choice_is_valid_ = false;
}

/// Holds the burst at that position back if an older one goes to the same address and one of them is a write.
void Scheduler::hold_behind_older(Bank& bank, std::size_t position) {
  Waiting& w = slots_[bank.waiting[position]];
  bool held = false;
  for (std::size_t i = 0; i < position; ++i) {
    Waiting& older = slots_[bank.waiting[i]];
    if (older.request.at.row == w.request.at.row && older.request.at.column == w.request.at.column &&
        older.request.is_write != w.request.is_write) {
      older.holds = held = true;
    }
  }
  if (held != w.held) {
    Counts& c = counts(w.request.is_write);
    held ? ++c.held : --c.held;
    w.held = held;
  }
}

void Scheduler::set_direction(bool writes) {
  if (writes == writing_) return;
  writing_ = writes;
  for (const std::uint32_t bank : active_)
    banks_[bank].stale = true;
}

void Scheduler::set_direction() {
  if (writing_) {
    if (writes_.free() == 0 || (writes_.all <= settings_.write_low && reads_.free() > 0))
      set_direction(false);
  } else if (writes_.free() > 0 && (reads_.free() == 0 || writes_.all >= settings_.write_high)) {
    set_direction(true);
  }
}

void Scheduler::find_next(Bank& bank) {
  bank.stale = false;
  bank.next = none;
  if (forced_ != none) {
    if (&banks_[slots_[forced_].bank] == &bank) bank.next = forced_;
  } else {
    std::uint32_t seen = 0;
    for (const Slot slot : bank.waiting) {
      const Waiting& w = slots_[slot];
      if (w.request.is_write != writing_ || w.held) continue;
      if (++seen > settings_.queue_entries) break;
      if (channel_->is_open(bank.index, w.request.at.row)) {
        bank.next = slot;
        break;
      }
      if (bank.next == none) bank.next = slot;
    }
  }
  if (bank.next == none) return;
  const BurstRequest& request = slots_[bank.next].request;
  if (channel_->is_open(bank.index, request.at.row)) {
    bank.kind = request.is_write ? Command::Kind::write : Command::Kind::read;
  } else {
    bank.kind = channel_->is_open(bank.index) ? Command::Kind::precharge : Command::Kind::activate;
  }
}

/// Puts the bank's next command into `best` if it comes first.
void Scheduler::better(Bank& bank, Choice& best) const {
  if (bank.next == none) return;
  const Waiting& w = slots_[bank.next];
  const Clock from = std::max(free_clock_, w.request.arrival);
  Clock clock = 0;
  if (is_column(bank.kind)) {
    clock = channel_->earliest_column(bank.index, w.request.is_write, from);
  } else if (bank.kind == Command::Kind::activate) {
    clock = channel_->earliest_activate(bank.index, from);
  } else {
    clock = channel_->earliest_precharge(bank.index, from);
  }
  if (clock > best.clock) return;
  if (clock == best.clock) {
    const Bank& other = banks_[best.bank];
    const bool column = is_column(bank.kind);
    if (column != is_column(other.kind)) {
      if (!column) return;
    } else if (w.passed_base > slots_[other.next].passed_base) {
      return;
    }
  }
  best = {clock, bank.index.bank};
}

void Scheduler::choose() {
  choice_is_valid_ = true;
  const Slot forced = oldest_ != none && passed(slots_[oldest_]) >= settings_.starvation_cap ? oldest_ : none;
  if (forced != forced_) {
    forced_ = forced;
    for (const std::uint32_t bank : active_)
      banks_[bank].stale = true;
  }
  set_direction();
  for (;;) {
    choice_ = Choice();
    for (const std::uint32_t index : active_) {
      Bank& bank = banks_[index];
      if (bank.stale) find_next(bank);
      better(bank, choice_);
    }
    if (choice_.clock == Channel::never) return;
    const Bank& bank = banks_[choice_.bank];
    if (choice_.clock < channel_->refresh_due(bank.index)) return;
    const BurstRequest& request = slots_[bank.next].request;
    channel_->refresh(request.at, std::max(request.arrival, free_clock_));
    for (const std::uint32_t index : active_)
      banks_[index].stale = true;
  }
}

Scheduler::Done Scheduler::issue() {
  Bank& bank = banks_[choice_.bank];
  const Clock clock = choice_.clock;
  const Slot slot = bank.next;
  Waiting& w = slots_[slot];
  const BurstRequest request = w.request;
  free_clock_ = clock + 1;
  choice_is_valid_ = false;
  bank.stale = true;
  if (bank.kind == Command::Kind::precharge) {
    channel_->precharge(bank.index, request.at, clock);
    return {};
  }
  if (bank.kind == Command::Kind::activate) {
    channel_->activate(bank.index, request.at, clock);
    w.row_hit = false;
    return {};
  }
  const Booking booking = channel_->column(bank.index, request.at, request.is_write, clock, w.row_hit,
                                           request.arrival, waiting_since_);
  remove(bank, slot);
  ++served_;
  return {true, request.is_write, request.tag, request.arrival, booking};
}

void Scheduler::remove(Bank& bank, Slot slot) {
  const Waiting& w = slots_[slot];
  --counts(w.request.is_write).all;
  if (bank.counts[w.request.is_write]-- > settings_.queue_entries) --overflow_;
  (w.older == none ? oldest_ : slots_[w.older].newer) = w.newer;
  (w.newer == none ? newest_ : slots_[w.newer].older) = w.older;
  bank.waiting.erase(std::find(bank.waiting.begin(), bank.waiting.end(), slot));
  if (w.holds) {
    for (std::size_t i = 0; i < bank.waiting.size(); ++i)
      hold_behind_older(bank, i);
  }
  free_.push_back(slot);
  if (!bank.waiting.empty()) return;
  const std::uint32_t at = position_[bank.index.bank];
  active_[at] = active_.back();
  position_[active_[at]] = at;
  active_.pop_back();
}

void Scheduler::forget() {
  choice_is_valid_ = false;
  for (const std::uint32_t bank : active_)
    banks_[bank].stale = true;
}

}  // namespace dpred::dram
