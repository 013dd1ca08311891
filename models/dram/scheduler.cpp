#include "models/dram/scheduler.h"

#include <algorithm>

namespace dpred::dram {

namespace {

// Kinds of commands in Scheduler::allowed_.
constexpr std::uint32_t kinds = 3;
constexpr std::uint32_t column_kind = 0;
constexpr std::uint32_t activate_kind = 1;
constexpr std::uint32_t precharge_kind = 2;

/// Above all ages: at the same clock, column commands go before others.
constexpr std::uint64_t not_column = std::uint64_t{1} << 63;

template <class Precedence>
Clock clock_of(Precedence precedence) {
  return static_cast<Clock>(precedence >> 64);
}

}  // namespace

Scheduler::Scheduler(Channel& channel, const ControllerSettings& settings)
    : channel_(&channel), settings_(settings), banks_(channel.banks()), allowed_(channel.groups() * kinds) {
  for (Bank& bank : banks_)
    bank.waiting.reserve(settings.queue_entries);
}

void Scheduler::push(const BurstRequest& request) {
  const BankIndex index = channel_->index(request.at);
  Bank& bank = banks_[index.bank];
  if (waiting() == 0) waiting_since_ = request.arrival;
  // What the burst changes, as the direction, it can't change before it came.
  free_clock_ = std::max(free_clock_, request.arrival);
  if (bank.waiting.empty()) {
    bank.index = index;
    bank.position = static_cast<std::uint32_t>(active_.size());
    active_.emplace_back().bank = index.bank;
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
  mark_stale(bank);

  const bool direction = writing_;
  set_direction();

  if (!choice_is_valid_) return;
  // Unless the direction changed, at most this bank has something better to offer.
  if (writing_ != direction || choice_.is_refresh || choice_.clock == Channel::never ||
      choice_.position == bank.position) {
    choice_is_valid_ = false;
    return;
  }
  find_candidate(bank);
  const Precedence own = precedence_of(active_[bank.position]);
  if (own < precedence_of(active_[choice_.position])) {
    choice_ = {clock_of(own), bank.position};
  }
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
  all_stale_ = true;
}

void Scheduler::mark_stale(const Bank& bank) {
  Candidate& candidate = active_[bank.position];
  if (!candidate.stale) stale_banks_.push_back(candidate.bank);
  candidate.stale = true;
}

void Scheduler::set_direction() {
  if (writing_) {
    if (writes_.free() == 0 || (writes_.all <= settings_.write_low && reads_.free() > 0))
      set_direction(false);
  } else if (writes_.free() > 0 && (reads_.free() == 0 || writes_.all >= settings_.write_high)) {
    set_direction(true);
  }
}

void Scheduler::find_candidate(Bank& bank) {
  Candidate& candidate = active_[bank.position];
  candidate.stale = false;
  candidate.slot = none;
  candidate.ready = Channel::never;
  if (forced_ != none) {
    if (slots_[forced_].bank == candidate.bank) candidate.slot = forced_;
  } else {
    std::uint32_t seen = 0;
    for (const Slot slot : bank.waiting) {
      const Waiting& w = slots_[slot];
      if (w.request.is_write != writing_ || w.held) continue;
      if (++seen > settings_.queue_entries) break;
      if (channel_->is_open(bank.index, w.request.at.row)) {
        candidate.slot = slot;
        break;
      }
      if (candidate.slot == none) candidate.slot = slot;
    }
  }
  if (candidate.slot == none) return;
  const Waiting& w = slots_[candidate.slot];
  const bool hit = channel_->is_open(bank.index, w.request.at.row);
  candidate.rank = hit ? w.age : w.age | not_column;
  std::uint32_t kind = column_kind;
  Clock ready = 0;
  if (hit) {
    candidate.kind = w.request.is_write ? Command::Kind::write : Command::Kind::read;
    ready = channel_->column_ready(bank.index);
  } else if (channel_->is_open(bank.index)) {
    candidate.kind = Command::Kind::precharge;
    kind = precharge_kind;
    ready = channel_->precharge_ready(bank.index);
  } else {
    candidate.kind = Command::Kind::activate;
    kind = activate_kind;
    ready = channel_->activate_ready(bank.index);
  }
  candidate.ready = ready;  // the arrival is no later than free_clock_
  candidate.allowed = bank.index.group * kinds + kind;
}

/// What holds for all banks of a group until the next command of that kind.
void Scheduler::find_allowed() {
  const bool is_write = forced_ == none ? writing_ : slots_[forced_].request.is_write;
  const bool columns = columns_changed_ || is_write != allowed_write_;
  for (std::uint32_t group = 0; columns && group < channel_->groups(); ++group)
    allowed_[group * kinds + column_kind] = channel_->column_allowed(group, is_write);
  for (std::uint32_t group = 0; activates_changed_ && group < channel_->groups(); ++group)
    allowed_[group * kinds + activate_kind] = channel_->activate_allowed(group);
  allowed_write_ = is_write;
  columns_changed_ = activates_changed_ = false;
}

void Scheduler::choose_among_candidates() {
  Precedence first = ~Precedence{0};
  std::uint32_t position = 0;
  for (std::uint32_t i = 0; i < active_.size(); ++i) {
    const Precedence own = precedence_of(active_[i]);
    const bool better = own < first;  // can't be predicted: no branch
    first = better ? own : first;
    position = better ? i : position;
  }
  choice_ = {clock_of(first), position};
}

void Scheduler::update_candidates() {
  find_allowed();
  if (all_stale_) {
    for (const Candidate& candidate : active_)
      find_candidate(banks_[candidate.bank]);
  } else {
    for (const std::uint32_t index : stale_banks_) {
      Bank& bank = banks_[index];
      if (!bank.waiting.empty() && active_[bank.position].stale) find_candidate(bank);
    }
  }
  all_stale_ = false;
  stale_banks_.clear();
}

void Scheduler::choose() {
  choice_is_valid_ = true;
  const Slot forced = oldest_ != none && passed(slots_[oldest_]) >= settings_.starvation_cap ? oldest_ : none;
  if (forced != forced_) {
    forced_ = forced;
    all_stale_ = true;
  }
  update_candidates();
  choose_among_candidates();
  if (choice_.clock == Channel::never || choice_.clock < channel_->refresh_due()) return;
  // Not done at once: what comes until it is due may still go before it.
  choice_ = {std::max(free_clock_, channel_->refresh_due()), 0, true};
}

void Scheduler::refresh() {
  Location rank;
  rank.channel = slots_[oldest_].request.at.channel;
  rank.rank = channel_->next_to_refresh();
  channel_->refresh(rank, free_clock_);
  choice_is_valid_ = false;
  all_stale_ = true;
}

Scheduler::Done Scheduler::issue() {
  if (choice_.is_refresh) {
    refresh();
    return {};
  }
  const Candidate chosen = active_[choice_.position];
  Bank& bank = banks_[chosen.bank];
  Waiting& w = slots_[chosen.slot];
  const BurstRequest request = w.request;
  const Clock clock = choice_.clock;
  free_clock_ = clock + 1;
  choice_is_valid_ = false;
  mark_stale(bank);
  if (chosen.kind == Command::Kind::precharge) {
    channel_->precharge(bank.index, request.at, clock);
    return {};
  }
  if (chosen.kind == Command::Kind::activate) {
    channel_->activate(bank.index, request.at, clock);
    activates_changed_ = true;
    w.row_hit = false;
    return {};
  }
  const Booking booking = channel_->column(bank.index, request.at, request.is_write, clock, w.row_hit,
                                           request.arrival, waiting_since_);
  columns_changed_ = true;
  remove(bank, chosen.slot);
  ++served_;
  set_direction();
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
  active_[bank.position] = active_.back();
  banks_[active_[bank.position].bank].position = bank.position;
  active_.pop_back();
}

void Scheduler::forget() {
  choice_is_valid_ = false;
  columns_changed_ = activates_changed_ = true;
  all_stale_ = true;
}

}  // namespace dpred::dram
