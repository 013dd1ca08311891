// The queue of a DRAM channel against closed forms, published simulators, the rules between commands, and a
// scheduler that ticks.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "models/dram/request_source.h"
#include "models/dram/traffic.h"
#include "tests/dram/command_rules.h"

using namespace dpred::dram;
using dpred::test::CommandRules;
using dpred::test::is_column;
using dpred::test::NaiveBanks;
using dpred::test::odd_preset;
using dpred::test::RandomBurst;
using dpred::test::RandomBursts;
using dpred::test::timed_presets;
using dpred::test::two_ranks;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t million = 100'000;
constexpr unsigned ticking_runs = 40;
#else
constexpr std::uint64_t million = 1'000'000;
constexpr unsigned ticking_runs = 150;
#endif

using Kind = Command::Kind;

ControllerSettings without_refresh() {
  ControllerSettings settings;
  settings.refreshes = false;
  return settings;
}

ControllerSettings closed_page() {
  ControllerSettings settings;
  settings.page_policy = PagePolicy::closed;
  return settings;
}

Location place(std::uint32_t group, std::uint32_t bank, std::uint32_t row, std::uint32_t column = 0) {
  Location at;
  at.bank_group = group;
  at.bank = bank;
  at.row = row;
  at.column = column;
  return at;
}

/// One channel with single bursts pushed by hand.
class Queue {
 public:
  explicit Queue(const Preset& preset, const ControllerSettings& settings = {})
      : core_(preset, "", 1, settings) {}

  /// Returns the number of the burst.
  std::size_t push(const Location& at, bool is_write, Clock arrival) {
    if (arrival > 0) advance(arrival - 1);
    REQUIRE(core_.has_room(at, is_write));
    core_.push(at, is_write, arrival, bookings_.size());
    bookings_.push_back({});
    return bookings_.size() - 1;
  }
  void advance(Clock until) {
    core_.advance(0, until, [&](const ServedBurst& s) {
      bookings_[s.tag] = s.booking;
      order_.push_back(s.tag);
    });
  }
  void drain() { advance(Channel::never - 1); }
  const Booking& booking(std::size_t burst) const { return bookings_[burst]; }
  /// Numbers of the bursts in the order of their data.
  const std::vector<std::uint64_t>& order() const { return order_; }
  /// A burst with nothing else around.
  Booking serve(const Location& at, bool is_write, Clock arrival) {
    const std::size_t burst = push(at, is_write, arrival);
    drain();
    return booking(burst);
  }
  TimingCore& core() { return core_; }

 private:
  TimingCore core_;
  std::vector<Booking> bookings_;
  std::vector<std::uint64_t> order_;
};

constexpr std::uint64_t range = std::uint64_t{512} << 20;

/// A pattern as fast as the controller takes it.
Statistics run(const Preset& preset, const std::string& pattern, std::uint64_t requests,
               const ControllerSettings& settings = {}, std::uint32_t outstanding = 64,
               const std::string& mapping = "", int channels = 1) {
  TimingCore core(preset, mapping, channels, settings);
  RequestSource source(core, outstanding);
  const TrafficPattern& p = find_traffic_pattern(pattern);
  const TrafficShape shape{preset.organisation.burst_bytes, std::min(range, core.map().capacity()), 1};
  for (std::uint64_t n = 0; n < requests; ++n) {
    const TrafficRequest r = p.request(n, shape);
    source.send({r.address, r.is_write, r.stream, 0});
  }
  source.finish();
  return core.statistics();
}

double utilisation(const Statistics& s) {
  const BusClocks bus = s.bus();
  return static_cast<double>(bus.data) / static_cast<double>(bus.total());
}

/// Of the clocks of one channel.
double share_without_refresh(const Timings& t) {
  return 1.0 - static_cast<double>(t.rfc) / t.refi;
}

/// Follows what a source sends and the commands that come of it, channel by channel.
class Audit {
 public:
  Audit(TimingCore& core, std::uint32_t outstanding) : core_(core), source_(core, outstanding) {
    CommandRules::Options options;
    options.closed_page = core.settings().page_policy == PagePolicy::closed;
    options.refreshes = core.settings().refreshes;
    options.command_bus = true;
    for (std::uint32_t channel = 0; channel < core.map().channels(); ++channel) {
      lanes_.push_back({CommandRules(core.preset(), options), {}});
    }
    core.observe([this](const Command& c) { see(c); });
  }

  void send(const RandomBurst& burst) {
    const Location at = core_.map().decode(burst.address);
    const Clock arrival = source_.send({burst.address, burst.is_write, 0, burst.earliest});
    if (arrival < burst.earliest) note("sent too early");
    if (core_.next_command(at.channel) < arrival) note("a command in the past");
    Lane& lane = lanes_[at.channel];
    lane.waiting.push_back({at, burst.is_write, arrival, lane.sent++});
  }
  void finish() {
    source_.finish();
    for (const Lane& lane : lanes_) {
      if (!lane.waiting.empty()) note("a burst that was never served");
      if (lane.rules.broken() > 0) note(lane.rules.first_broken());
    }
  }

  /// Empty when nothing is wrong.
  const std::string& trouble() const { return trouble_; }
  /// Younger bursts that were served before one, at most.
  std::uint64_t most_passed() const { return most_passed_; }
  std::uint64_t served() const {
    return std::accumulate(lanes_.begin(), lanes_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Lane& lane) { return sum + lane.served; });
  }
  /// From arrival to the end of data, summed.
  std::uint64_t latency_clocks() const { return latency_clocks_; }

 private:
  struct Waiting {
    Location at;
    bool is_write;
    Clock arrival;
    std::uint64_t number;  ///< in the channel
  };
  struct Lane {
    CommandRules rules;
    std::vector<Waiting> waiting;  ///< by age
    std::uint64_t sent = 0;
    std::uint64_t served = 0;
    Clock bus_free = 0;
  };

  void note(const std::string& what) {
    if (trouble_.empty()) trouble_ = what;
  }

  void see(const Command& c) {
    Lane& lane = lanes_[c.location.channel];
    lane.rules.check(c);
    if (c.kind == Kind::activate) see_activate(lane, c);
    if (is_column(c.kind)) see_column(lane, c);
  }

  void see_activate(const Lane& lane, const Command& c) {
    const bool wanted = std::any_of(lane.waiting.begin(), lane.waiting.end(), [&](const Waiting& w) {
      return same_bank(w.at, c.location) && w.at.row == c.location.row && w.arrival <= c.clock;
    });
    if (!wanted) note("an activate that no burst asked for at " + std::to_string(c.clock));
  }

  void see_column(Lane& lane, const Command& c) {
    const std::string when = " at " + std::to_string(c.clock);
    const auto here = [&](const Waiting& w) {
      return w.at.column == c.location.column && w.at.row == c.location.row && same_bank(w.at, c.location);
    };
    const auto found = std::find_if(lane.waiting.begin(), lane.waiting.end(), here);
    if (found == lane.waiting.end()) return note("data that no burst asked for" + when);
    if (found->is_write != (c.kind == Kind::write)) return note("an older burst to the address" + when);
    if (c.clock < found->arrival) note("a burst before its arrival" + when);
    // Served before it: all older ones but those that still wait, and the younger ones.
    const auto older_waiting = static_cast<std::uint64_t>(found - lane.waiting.begin());
    most_passed_ = std::max(most_passed_, lane.served - (found->number - older_waiting));

    const Timings& t = core_.preset().timings;
    const Clock start = c.clock + (found->is_write ? t.cwl : t.cl);
    if (start < lane.bus_free) note("overlapping data" + when);
    lane.bus_free = start + t.bl / 2;
    latency_clocks_ += lane.bus_free - found->arrival;
    lane.waiting.erase(found);
    ++lane.served;
  }

  static bool same_bank(const Location& a, const Location& b) {
    return a.bank == b.bank && a.bank_group == b.bank_group && a.rank == b.rank;
  }

  TimingCore& core_;
  RequestSource source_;
  std::vector<Lane> lanes_;
  std::uint64_t most_passed_ = 0;
  std::uint64_t latency_clocks_ = 0;
  std::string trouble_;
};

/// Random bursts through an Audit with a changing number outstanding, all of it checked.
void check_random(const Preset& preset, const ControllerSettings& settings, std::uint32_t outstanding,
                  std::uint64_t requests, unsigned seed, int channels = 1) {
  INFO(preset.name << ", " << outstanding << " outstanding, "
                   << (settings.page_policy == PagePolicy::open ? "open" : "closed") << " page, "
                   << settings.queue_entries << "+" << settings.entry_queue << " entries, drain "
                   << settings.write_high << ".." << settings.write_low << ", cap " << settings.starvation_cap
                   << ", " << channels << " channels, seed " << seed);
  TimingCore core(preset, "", channels, settings);
  Audit audit(core, outstanding);
  RandomBursts bursts(preset, core.map().capacity(), seed);
  for (std::uint64_t i = 0; i < requests; ++i)
    audit.send(bursts.next());
  audit.finish();
  CHECK(audit.trouble() == "");
  CHECK(audit.served() == requests);
  CHECK(audit.most_passed() <= settings.starvation_cap);
  const Statistics s = core.statistics();
  CHECK(s.read.bursts + s.write.bursts == requests);
  CHECK(s.read_latency.mean() * static_cast<double>(s.read.bursts) +
            s.write_latency.mean() * static_cast<double>(s.write.bursts) ==
        Approx(static_cast<double>(audit.latency_clocks())));
}

/// The policy of the queue, written again from its description: clock by clock, at most one command in each,
/// everything looked up anew. Of the model it uses plain data only.
class TickingScheduler : NaiveBanks {
 public:
  TickingScheduler(const Preset& preset, const ControllerSettings& settings)
      : NaiveBanks(preset, options(settings)), settings_(settings) {}

  /// Bursts of the bank in that direction beyond its queue wait in the entry queue.
  bool has_room(const Location& at, bool is_write) const {
    std::vector<std::uint32_t> counts(open_.size() * 2);
    for (const Burst& b : waiting_)
      ++counts[bank_of(b.at) * 2 + b.is_write];
    std::uint32_t beyond = 0;
    for (const std::uint32_t count : counts)
      beyond += count - std::min(count, settings_.queue_entries);
    return beyond < settings_.entry_queue || counts[bank_of(at) * 2 + is_write] < settings_.queue_entries;
  }

  void push(const Location& at, bool is_write, Clock arrival) {
    waiting_.push_back({at, is_write, arrival, count_++});
    bookings_.push_back({});
    choose_direction();
  }

  /// Lets all clocks pass up to and at `until`, or until nothing waits.
  void advance(Clock until) {
    for (; now_ <= until && !waiting_.empty(); ++now_)
      tick();
    now_ = std::max(now_, until + 1);
  }
  void drain() {
    while (!waiting_.empty())
      tick(), ++now_;
  }
  /// By number of the burst.
  const std::vector<Booking>& bookings() const { return bookings_; }

 private:
  struct Burst {
    Location at;
    bool is_write;
    Clock arrival;
    std::size_t number;
    bool opened = false;  ///< an activate went out for it
  };

  static CommandRules::Options options(const ControllerSettings& settings) {
    return {settings.page_policy == PagePolicy::closed, settings.refreshes, false};
  }
  /// A read waits for an older write to its address, and the reverse. Two writes keep their order anyway.
  bool held(std::size_t i) const {
    const Burst& b = waiting_[i];
    return std::any_of(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(i),
                       [&](const Burst& older) {
                         return bank_of(older.at) == bank_of(b.at) && older.at.row == b.at.row &&
                                older.at.column == b.at.column && older.is_write != b.is_write;
                       });
  }

  void choose_direction() {
    std::size_t all_writes = 0;
    bool read_ready = false;
    bool write_ready = false;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      all_writes += waiting_[i].is_write;
      if (waiting_[i].is_write ? write_ready : read_ready) continue;
      (waiting_[i].is_write ? write_ready : read_ready) = !held(i);
    }
    const bool drained = !write_ready || (all_writes <= settings_.write_low && read_ready);
    const bool begins = write_ready && (all_writes >= settings_.write_high || !read_ready);
    draining_ = draining_ ? !drained : begins;
  }

  /// Of each bank: the next command, and the burst for which it goes out.
  struct Candidate {
    Command command;
    std::size_t burst;
  };

  std::vector<Candidate> candidates() const {
    // The oldest one was passed over too often: nothing else counts.
    const std::uint64_t younger_served = served_ - waiting_[0].number;
    if (younger_served >= settings_.starvation_cap) return {next_command(0)};
    std::vector<Candidate> found;
    std::vector<char> looked_at(open_.size());
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      const std::size_t bank = bank_of(waiting_[i].at);
      if (looked_at[bank]) continue;
      looked_at[bank] = 1;
      std::vector<std::size_t> queue;
      for (std::size_t j = i; j < waiting_.size() && queue.size() < settings_.queue_entries; ++j) {
        if (bank_of(waiting_[j].at) == bank && waiting_[j].is_write == draining_ && !held(j))
          queue.push_back(j);
      }
      if (queue.empty()) continue;
      const auto hit = std::find_if(queue.begin(), queue.end(),
                                    [&](std::size_t j) { return open_[bank] == waiting_[j].at.row; });
      found.push_back(next_command(hit != queue.end() ? *hit : queue.front()));
    }
    return found;
  }

  Candidate next_command(std::size_t i) const {
    const Burst& b = waiting_[i];
    const std::int64_t row = open_[bank_of(b.at)];
    const Kind column = b.is_write ? Kind::write : Kind::read;
    const Kind kind = row == b.at.row ? column : row == -1 ? Kind::activate : Kind::precharge;
    return {{kind, now_, b.at}, i};
  }

  void tick() {
    for (std::uint32_t rank = 0; rank < due_.size(); ++rank) {
      while (due_[rank] <= now_)
        refresh(rank);
    }
    const Candidate* best = nullptr;
    const std::vector<Candidate> all = candidates();
    for (const Candidate& c : all) {
      if (waiting_[c.burst].arrival > now_ || !rules_.allows(c.command)) continue;
      const bool first = best == nullptr || is_column(c.command.kind) > is_column(best->command.kind) ||
                         (is_column(c.command.kind) == is_column(best->command.kind) &&
                          waiting_[c.burst].number < waiting_[best->burst].number);
      if (first) best = &c;
    }
    if (best != nullptr) issue(*best);
  }

  void issue(const Candidate& c) {
    rules_.add(c.command);
    Burst& burst = waiting_[c.burst];
    std::int64_t& row = open_[bank_of(burst.at)];
    if (c.command.kind == Kind::precharge) {
      row = -1;
    } else if (c.command.kind == Kind::activate) {
      row = burst.at.row;
      burst.opened = true;
    } else {
      const Timings& t = preset_.timings;
      const Clock start = now_ + (burst.is_write ? t.cwl : t.cl);
      bookings_[burst.number] = {start, start + t.bl / 2, !burst.opened};
      if (settings_.page_policy == PagePolicy::closed) {
        row = -1;
        place({Kind::precharge, now_, burst.at});
      }
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(c.burst));
      ++served_;
      choose_direction();
    }
  }

  ControllerSettings settings_;
  std::vector<Burst> waiting_;  ///< by age
  std::vector<Booking> bookings_;
  std::size_t count_ = 0;
  std::uint64_t served_ = 0;
  bool draining_ = false;
  Clock now_ = 0;
};

/// Random bursts through both schedulers; returns how many bookings differ.
std::uint64_t differing_bookings(const Preset& preset, const ControllerSettings& settings,
                                 std::size_t most_waiting, int requests, unsigned seed) {
  TimingCore core(preset, "", 1, settings);
  TickingScheduler ticking(preset, settings);
  RandomBursts bursts(preset, core.map().capacity(), seed);
  std::vector<Booking> bookings(static_cast<std::size_t>(requests));
  std::uint64_t differing = 0;
  const auto advance = [&](Clock until) {
    core.advance(0, until, [&](const ServedBurst& s) { bookings[s.tag] = s.booking; });
    ticking.advance(until);
  };
  Clock now = 0;
  for (int i = 0; i < requests; ++i) {
    const RandomBurst burst = bursts.next();
    const Location at = core.map().decode(burst.address);
    now = std::max(now, burst.earliest);
    for (;;) {
      if (now > 0) advance(now - 1);
      const bool room = core.has_room(at, burst.is_write);
      differing += room != ticking.has_room(at, burst.is_write);
      if (room && core.waiting(0) < most_waiting) break;
      now = core.next_command(0) + 1;
    }
    core.push(at, burst.is_write, now, static_cast<std::uint64_t>(i));
    ticking.push(at, burst.is_write, now);
    differing += core.next_command(0) < now;  // into the past
  }
  core.advance(0, Channel::never - 1, [&](const ServedBurst& s) { bookings[s.tag] = s.booking; });
  ticking.drain();
  for (std::size_t i = 0; i < bookings.size(); ++i) {
    const Booking& a = bookings[i];
    const Booking& b = ticking.bookings()[i];
    differing += a.data_start != b.data_start || a.data_end != b.data_end || a.row_hit != b.row_hit;
  }
  return differing;
}

}  // namespace

TEST_CASE("a queue of one burst answers after the latencies of the data sheet") {
  for (const Preset& preset : timed_presets()) {
    INFO(preset.name);
    const Timings& t = preset.timings;
    const Clock burst = t.bl / 2;
    Queue queue(preset);
    const auto latency = [&](const Location& at, Clock arrival) {
      const Booking booking = queue.serve(at, false, arrival);
      CHECK(booking.data_end - booking.data_start == burst);
      return booking.data_end - arrival;
    };
    CHECK(latency(place(0, 0, 0), 100) == t.rcd + t.cl + burst);
    CHECK(latency(place(0, 0, 0, 1), 400) == t.cl + burst);
    CHECK(latency(place(0, 0, 1), 700) == t.rp + t.rcd + t.cl + burst);
    CHECK(queue.serve(place(0, 0, 1, 1), true, 1000).data_start == 1000 + t.cwl);
    CHECK(queue.core().statistics().read.row_hits == 1);
    CHECK(queue.core().statistics().write.row_hits == 1);
    // Arrives when a refresh falls due and the row is open; arrives during a later one.
    CHECK(latency(place(0, 0, 1), t.refi) == t.rp + t.rfc + t.rcd + t.cl + burst);
    const Clock during = t.refi * Clock{400'000'000'000'000} + 10;  // a loop over them would never end
    CHECK(latency(place(0, 0, 1), during) == t.rfc - 10 + t.rcd + t.cl + burst);

    Queue closed(preset, closed_page());
    CHECK(closed.serve(place(0, 0, 0), false, 100).data_end == 100 + t.rcd + t.cl + burst);
    CHECK(closed.serve(place(0, 0, 0), false, 400).data_end == 400 + t.rcd + t.cl + burst);
  }
}

TEST_CASE("rows of one bank follow each other in its row cycle") {
  for (const Preset& preset : timed_presets()) {
    for (const PagePolicy page : {PagePolicy::open, PagePolicy::closed}) {
      for (const bool is_write : {false, true}) {
        INFO(preset.name << (is_write ? " write" : " read"));
        const Timings& t = preset.timings;
        const Clock column = is_write ? t.cwl + t.bl / 2 + t.wr : t.rtp;
        const Clock cycle = std::max<Clock>(t.rc, std::max<Clock>(t.ras, t.rcd + column) + t.rp);
        ControllerSettings settings = without_refresh();
        settings.page_policy = page;
        Queue rows(preset, settings);
        Clock previous = 0;
        bool regular = true;
        for (std::uint32_t i = 0; i < 8; ++i)
          rows.push(place(0, 0, i), is_write, 0);
        rows.drain();
        for (std::size_t i = 0; i < 8; ++i) {
          const Clock start = rows.booking(i).data_start;
          if (i > 0) regular = regular && start - previous == cycle;
          previous = start;
        }
        CHECK(regular);
      }
    }
  }
}

TEST_CASE("column commands of one bank group and of several keep their distance") {
  for (const Preset& preset : timed_presets()) {
    INFO(preset.name);
    const Timings& t = preset.timings;
    const Clock burst = t.bl / 2;
    const std::uint32_t groups = preset.organisation.bank_groups;
    const auto distance = [&](std::uint32_t group_count) {  // of 8 bursts in a steady state
      Queue queue(preset, without_refresh());
      for (std::uint32_t i = 0; i < 16; ++i)
        queue.push(place(i % group_count, 0, 0, i / group_count), false, 0);
      queue.drain();
      return queue.booking(15).data_start - queue.booking(7).data_start;
    };
    CHECK(distance(1) == 8 * std::max<Clock>(t.ccd_l, burst));
    if (groups > 1) {
      const Clock round = std::max<Clock>(t.ccd_l, groups * std::max<Clock>(t.ccd_s, burst));
      CHECK(distance(groups) == 8 / groups * round);
    }
  }
}

TEST_CASE("activates keep their distance and four fill a window") {
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    INFO(name);
    const Preset& preset = find_preset(name);
    const Timings& t = preset.timings;
    const std::uint32_t groups = preset.organisation.bank_groups;
    Queue queue(preset, without_refresh());
    for (std::uint32_t i = 0; i < 6; ++i)
      queue.push(place(i % groups, i / groups, 0), false, 0);
    queue.drain();
    const auto after_first = [&](std::size_t i) {
      return queue.booking(i).data_start - queue.booking(0).data_start;
    };
    const Clock rrd = groups > 1 ? t.rrd_s : t.rrd_l;
    CHECK(after_first(1) == rrd);
    CHECK(after_first(3) == 3 * rrd);
    // The activate may lose the command bus to a column command of the first ones.
    const Clock window = std::max<Clock>(t.faw, 4 * rrd);
    CHECK(after_first(4) >= window);
    CHECK(after_first(4) <= window + 1);
    CHECK(after_first(5) == after_first(4) + rrd);

    Queue group(preset, without_refresh());  // two banks of a group
    group.push(place(0, 0, 0), false, 0);
    group.push(place(0, 1, 0), false, 0);
    group.drain();
    CHECK(group.booking(1).data_start - group.booking(0).data_start == std::max(t.rrd_l, t.ccd_l));
  }
}

TEST_CASE("the data bus turns around between queued bursts") {
  for (const Preset& preset : timed_presets()) {
    INFO(preset.name);
    const Timings& t = preset.timings;
    Queue queue(preset, without_refresh());
    const std::uint32_t groups = preset.organisation.bank_groups;
    for (std::uint32_t g = 0; g < groups; ++g)
      queue.serve(place(g, 0, 0), false, 500 * g);
    Clock now = 10000;
    // Each arrives in the clock after the column command before: none of them waits for anything else.
    const auto after = [&](const Location& at, bool is_write) {
      const Booking booking = queue.serve(at, is_write, now);
      now = booking.data_start - (is_write ? t.cwl : t.cl) + 1;
      return booking;
    };
    const Booking read = after(place(0, 0, 0), false);
    const Booking write = after(place(groups - 1, 0, 0), true);
    CHECK(write.data_start == read.data_end + t.turnaround);
    const Booking same_group = after(place(groups - 1, 0, 0, 1), false);
    CHECK(same_group.data_start == write.data_end + t.wtr_l + t.cl);
    if (groups > 1) {
      const Booking next_write = after(place(groups - 1, 0, 0), true);
      CHECK(after(place(0, 0, 0), false).data_start == next_write.data_end + t.wtr_s + t.cl);
    }
    if (preset.organisation.ranks > 1) {
      Location other = place(0, 0, 0);
      other.rank = 1;
      after(other, false);
      now += 500;
      const Booking one = after(place(0, 0, 0), false);
      CHECK(after(other, false).data_start == one.data_end + t.turnaround);
    }
  }
}

TEST_CASE("the bandwidth of a queue stays below its bounds and comes close") {
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    INFO(name);
    const Preset& preset = find_preset(name);
    const Timings& t = preset.timings;
    const double burst = t.bl / 2;
    const double refresh = share_without_refresh(t);
    for (const char* stream : {"seq", "seqw"}) {
      const double use = utilisation(run(preset, stream, 100000));
      CHECK(use <= refresh + 0.0005);  // the last interval has no refresh
      CHECK(use >= refresh - 0.0175);
      CHECK(utilisation(run(preset, stream, 100000, without_refresh())) > 0.998);
    }
    const double window = std::min(1.0, 4 * burst / t.faw) * refresh;
    const double use = utilisation(run(preset, "random", 100000));
    CAPTURE(use, window);
    CHECK(use <= window + 0.001);
    CHECK(use >= window * 0.8);
  }
  const Preset& preset = find_preset("ddr4-3200");
  const double refresh = share_without_refresh(preset.timings);
  CHECK(utilisation(run(preset, "random", 100000)) >= 4 * 4.0 / 34.0 * refresh - 0.02);  // 44.9 %
  // A row after the other of one bank group, 4096 of them, and a stream of new rows of one bank.
  const double group = utilisation(run(preset, "seq", 100000, {}, 8, "Bg Ro Ba Co"));
  CHECK(group <= 4.0 / 8.0 * refresh + 0.0005);
  CHECK(group >= 4.0 / 8.0 * refresh - 0.01);
  const double bank = utilisation(run(preset, "seq", 20000, {}, 64, "Ba Bg Co Ro"));
  CHECK(bank == Approx(4.0 / 74.0 * refresh).margin(0.0005));
}

TEST_CASE("utilisation is near the mean of two cycle-accurate simulators") {
  // DRAMSys 5.1 and DRAMsim3 with 8 queue entries a bank: DDR4-3200, 64 requests of 64 bytes outstanding.
  const std::pair<const char*, double> expected[] = {
      {"seq", 95.15},      {"seqw", 94.85},   {"seq9010", 91.65}, {"seq9010b", 93.55}, {"seq5050", 77.35},
      {"stride4k", 47.55}, {"random", 44.45}, {"rand9010", 44.4}, {"tiles", 90.7}};
  const Preset& preset = find_preset("ddr4-3200");
  for (const auto& [pattern, percent] : expected) {
    INFO(pattern);
    const double use = 100 * utilisation(run(preset, pattern, 100000, {}, 64, "Ro Ba Co Bg"));
    CHECK(use == Approx(percent).margin(3));
  }
  const Statistics one = run(preset, "random", 100000, {}, 1, "Ro Ba Co Bg");
  CHECK(one.read_latency.mean() / 1.6 == Approx(45.4).margin(1));  // ns
}

TEST_CASE("random traffic through the queues keeps every rule") {
  const ControllerSettings closed = closed_page();
  ControllerSettings impatient;
  impatient.starvation_cap = 16;
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    const Preset& preset = find_preset(name);
    check_random(preset, {}, 48, million / 2, 1);
    check_random(preset, impatient, 64, million / 4, 2);
    check_random(preset, closed, 32, million / 4, 3);
  }
  for (const Preset& preset : {two_ranks(), odd_preset()}) {
    check_random(preset, {}, 48, million / 5, 4);
    check_random(preset, closed, 24, million / 10, 5);
  }
}

TEST_CASE("any settings of the queues lose nothing and starve nobody") {
  std::mt19937 random(9);
  const std::vector<Preset> presets = timed_presets();
  for (unsigned seed = 0; seed < 60; ++seed) {
    ControllerSettings settings;
    settings.page_policy = random() % 3 == 0 ? PagePolicy::closed : PagePolicy::open;
    settings.refreshes = random() % 4 > 0;
    settings.queue_entries = 1 + random() % 9;
    settings.entry_queue = random() % 9;
    settings.write_high = 1 + random() % 40;
    settings.write_low = random() % settings.write_high;
    settings.starvation_cap = 1u << random() % 8;
    const int channels = 1 << random() % 3;
    check_random(presets[seed % presets.size()], settings, 1 + random() % 64, million / 250, seed, channels);
  }
}

TEST_CASE("the smallest settings of the queues work") {
  ControllerSettings settings;
  settings.queue_entries = 1;
  settings.entry_queue = 0;
  settings.write_high = 1;
  settings.write_low = 0;
  settings.starvation_cap = 1;
  for (const Preset& preset : timed_presets()) {
    check_random(preset, settings, 64, 5000, 6);
    settings.page_policy = PagePolicy::closed;
    check_random(preset, settings, 64, 5000, 7);
  }
}

TEST_CASE("a burst is passed over as often as the cap says, and no more") {
  const Preset& preset = find_preset("ddr4-3200");
  for (const std::uint32_t cap : {1u, 2u, 16u, 100u}) {
    ControllerSettings settings = without_refresh();
    settings.starvation_cap = cap;
    Queue queue(preset, settings);
    queue.push(place(0, 0, 0), false, 0);
    const std::size_t conflict = queue.push(place(0, 0, 1), false, 1);
    std::vector<std::size_t> hits;
    for (std::uint32_t i = 0; i < 300; ++i)
      hits.push_back(queue.push(place(0, 0, 0, i % 128), false, 50 + 8 * i));
    queue.drain();
    const auto& order = queue.order();
    const auto position = std::find(order.begin(), order.end(), conflict) - order.begin();
    CHECK(position == 1 + static_cast<std::ptrdiff_t>(cap));
    CHECK(order.size() == 302);
  }
}

TEST_CASE("writes gather until the watermark and drain down to the other") {
  const Preset& preset = find_preset("ddr4-3200");
  ControllerSettings settings = without_refresh();
  settings.write_high = 6;
  settings.write_low = 2;
  const auto order = [&](int writes) {
    Queue queue(preset, settings);
    for (std::uint32_t i = 0; i < 8; ++i)
      queue.push(place(0, 0, 0, i), false, 0);
    for (int i = 0; i < writes; ++i)
      queue.push(place(static_cast<std::uint32_t>(i) % 4, 1, 0, static_cast<std::uint32_t>(i)), true, 0);
    queue.drain();
    std::string text;
    for (const std::uint64_t burst : queue.order())
      text += burst < 8 ? 'r' : 'w';
    return text;
  };
  CHECK(order(5) == "rrrrrrrrwwwww");   // below the upper one: after all reads
  CHECK(order(6) == "wwwwrrrrrrrrww");  // reads wait until two are left
  CHECK(order(7) == "wwwwwrrrrrrrrww");
}

TEST_CASE("bursts to one address keep their order around a write") {
  for (const Preset& preset : timed_presets()) {
    INFO(preset.name);
    ControllerSettings settings;
    settings.entry_queue = 100;
    Queue queue(preset, settings);
    std::vector<std::size_t> same;
    const Location at = place(0, 0, 3, 5);
    queue.serve(place(0, 0, 4), false, 0);
    same.push_back(queue.push(at, false, 300));
    same.push_back(queue.push(at, true, 300));
    for (int i = 0; i < 40; ++i)
      same.push_back(queue.push(at, false, 300));
    same.push_back(queue.push(at, true, 300));
    same.push_back(queue.push(at, true, 300));
    const std::size_t free_read = queue.push(place(0, 0, 3, 6), false, 300);
    same.push_back(queue.push(at, false, 300));
    queue.drain();
    CHECK(queue.order().size() == same.size() + 2);
    Clock last = 0;
    bool in_order = true;
    for (const std::size_t burst : same) {
      in_order = in_order && queue.booking(burst).data_start > last;
      last = queue.booking(burst).data_start;
    }
    CHECK(in_order);
    // The window of the queue is for bursts that may go: those held back take no place in it.
    CHECK(queue.booking(free_read).data_start < queue.booking(same[2]).data_start);
  }
}

TEST_CASE("bursts that reads hold back behind a write leave when it is served") {
  const Preset& preset = find_preset("ddr4-3200");
  ControllerSettings settings;
  settings.entry_queue = 1000;
  settings.starvation_cap = 1u << 20;
  Queue queue(preset, settings);
  const std::size_t write = queue.push(place(1, 1, 7, 3), true, 0);
  for (int i = 0; i < 500; ++i)
    queue.push(place(1, 1, 7, 3), false, 0);
  queue.drain();
  CHECK(queue.order().size() == 501);
  CHECK(queue.order().front() == write);
  CHECK(std::is_sorted(queue.order().begin(), queue.order().end()));
  CHECK(queue.booking(500).data_end < 5000 + 560);
}

TEST_CASE("a scheduler that ticks comes to the same schedule") {
  std::mt19937 random(3);
  const std::vector<Preset> presets = timed_presets();
  for (unsigned seed = 0; seed < ticking_runs; ++seed) {
    const Preset& preset = presets[seed % presets.size()];
    ControllerSettings settings;
    settings.page_policy = random() % 4 == 0 ? PagePolicy::closed : PagePolicy::open;
    settings.refreshes = random() % 4 > 0;
    settings.queue_entries = 1 + random() % (seed % 2 == 0 ? 3 : 9);
    settings.entry_queue = random() % 9;
    settings.write_high = 1 + random() % 20;
    settings.write_low = random() % settings.write_high;
    settings.starvation_cap = 1u << random() % 8;
    const std::size_t most_waiting = 2 + random() % 30;
    INFO(preset.name << ", seed " << seed << ", " << most_waiting << " waiting, " << settings.queue_entries
                     << "+" << settings.entry_queue << " entries, drain " << settings.write_high << ".."
                     << settings.write_low << ", cap " << settings.starvation_cap);
    CHECK(differing_bookings(preset, settings, most_waiting, 1000, seed) == 0);
  }
}

TEST_CASE("to ask for the next command changes nothing") {
  // Six writes begin to drain before the read comes in the same clock, whether anybody looks or not.
  for (const bool ask : {false, true}) {
    Queue queue(find_preset("ddr4-3200"));
    for (std::uint32_t i = 0; i < 6; ++i) {
      queue.push(place(0, 0, 0, i), true, 0);
      if (ask) queue.core().next_command(0);
    }
    queue.push(place(0, 0, 0, 6), false, 0);
    queue.drain();
    CHECK(queue.order() == std::vector<std::uint64_t>{0, 1, 6, 2, 3, 4, 5});
  }
}

TEST_CASE("what waits for the end of a refresh holds up nothing before it") {
  const Preset& preset = find_preset("ddr4-3200");
  const Clock due = preset.timings.refi;
  Queue queue(preset);
  queue.serve(place(1, 0, 0), false, 1000);
  queue.push(place(0, 0, 0), false, due - 60);
  const std::size_t late = queue.push(place(0, 0, 1), false, due - 59);
  queue.advance(due - 6);  // the second one has closed the row; RC ends after the refresh falls due
  const std::size_t hit = queue.push(place(1, 0, 0, 1), false, due - 5);
  queue.drain();
  CHECK(queue.booking(hit).data_start == due - 5 + preset.timings.cl);
  CHECK(queue.booking(late).data_start > due + preset.timings.rfc);
}

TEST_CASE("queued channels add their bandwidth and a faster memory is never slower") {
  for (const char* name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    INFO(name);
    const Preset& preset = find_preset(name);
    const auto clocks = [&](int channels, std::uint32_t outstanding) {
      const Statistics s = run(preset, "seq", 60000, {}, outstanding, "", channels);
      return static_cast<double>(s.channels[0].total());
    };
    CHECK(clocks(1, 64) / clocks(2, 64) >= 1.9);
    CHECK(clocks(1, 64) / clocks(4, 64) >= 3.6);
  }
  for (const char* pattern : {"seq", "seqw", "seq9010b"}) {
    INFO(pattern);
    const auto bandwidth = [&](const char* name) {
      const Preset& preset = find_preset(name);
      return utilisation(run(preset, pattern, 60000)) * preset.peak_bandwidth();
    };
    CHECK(bandwidth("hbm2") > bandwidth("ddr4-3200"));
    CHECK(bandwidth("ddr4-3200") > bandwidth("lpddr4-3200"));
  }
}
