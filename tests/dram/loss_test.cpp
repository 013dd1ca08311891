// Where the data bus of a DRAM loses time, cause by cause, against a count clock by clock; and the histogram
// of latencies against sorted values.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "models/dram/request_source.h"
#include "models/dram/traffic.h"
#include "tests/dram/command_rules.h"

using namespace dpred::dram;
using dpred::test::is_column;
using dpred::test::RandomBurst;
using dpred::test::RandomBursts;
using dpred::test::timed_presets;
using dpred::test::two_ranks;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr int requests_a_run = 300;
#else
constexpr int requests_a_run = 1500;
#endif

using Kind = Command::Kind;

/// Finds a cause for every clock without data of one channel, from its commands alone.
///
/// A clock is lost before the burst whose data comes next. It counts as
/// - idle, when no command that a waiting burst could have sent would have data on the bus by then;
/// - else for the first reason for which the burst's data could not start in it: the last refresh of its
///   rank; the turn of the bus; commands to its bank group or any; its row, or that it had not arrived while
///   others waited; none, which is idle again.
class LostClocks {
 public:
  explicit LostClocks(const Preset& preset) : t_(preset.timings), o_(preset.organisation), ranks_(o_.ranks) {
    groups_.resize(ranks_.size() * o_.bank_groups);
    row_ready_.resize(groups_.size() * o_.banks);
  }

  void see(const Command& c) {
    Rank& rank = ranks_[c.location.rank];
    if (c.kind == Kind::refresh) {
      rank.refresh_due = ++rank.refreshes * t_.refi + Clock{t_.refi} * c.location.rank / o_.ranks;
      rank.refresh_end = c.clock + t_.rfc;
    }
    if (c.kind == Kind::activate) row_ready_[bank(c.location)] = c.clock + t_.rcd;
    if (is_column(c.kind)) column_ = c;
  }

  /// The burst of the last column command: its arrival, and since when any burst was waiting.
  void serve(Clock arrival, Clock waiting_since) {
    const bool is_write = column_.kind == Kind::write;
    const std::int64_t latency = is_write ? t_.cwl : t_.cl;
    const std::int64_t start = static_cast<std::int64_t>(column_.clock) + latency;
    if (bus.data == 0) begin = bus_free_ = static_cast<std::int64_t>(std::min(arrival, waiting_since));
    for (std::int64_t clock = bus_free_; clock < start; ++clock)
      ++bus[cause(clock - latency, arrival, waiting_since, is_write)];

    bus.data += t_.bl / 2;
    bus_free_ = end = start + t_.bl / 2;
    last_ = column_;
    any_ = true;
    for (Columns* columns : {&ranks_[column_.location.rank].columns, &groups_[group(column_.location)]}) {
      columns->last = static_cast<std::int64_t>(column_.clock);
      if (is_write) columns->write_end = end;
    }
  }

  BusClocks bus;
  std::int64_t begin = 0;  ///< the first arrival
  std::int64_t end = 0;    ///< of the last data

 private:
  static constexpr std::int64_t long_ago = -1'000'000'000;
  struct Columns {
    std::int64_t last = long_ago;
    std::int64_t write_end = long_ago;
  };
  struct Rank {
    Columns columns;
    Clock refreshes = 0;
    Clock refresh_due = 0;
    Clock refresh_end = 0;
  };

  std::size_t group(const Location& at) const { return at.rank * o_.bank_groups + at.bank_group; }
  std::size_t bank(const Location& at) const { return group(at) * o_.banks + at.bank; }

  /// `sent`: the clock of the column command whose data would begin in the lost clock.
  Loss cause(std::int64_t sent, Clock arrival, Clock waiting_since, bool is_write) const {
    const auto before = [&](Clock clock) { return sent < static_cast<std::int64_t>(clock); };
    const Location& at = column_.location;
    const Rank& rank = ranks_[at.rank];
    const Columns& of_group = groups_[group(at)];
    if (before(waiting_since)) return Loss::idle;
    if (!before(rank.refresh_due) && before(rank.refresh_end)) return Loss::refresh;
    const std::int64_t data = sent + (is_write ? t_.cwl : t_.cl);
    const bool turns = any_ && (last_.location.rank != at.rank || (last_.kind == Kind::write) != is_write);
    if (turns && data < bus_free_ + t_.turnaround) return Loss::turnaround;
    const bool written = sent < rank.columns.write_end + t_.wtr_s || sent < of_group.write_end + t_.wtr_l;
    if (!is_write && written) return Loss::turnaround;
    if (sent < rank.columns.last + t_.ccd_s || sent < of_group.last + t_.ccd_l) return Loss::bank_group;
    return before(std::max(row_ready_[bank(at)], arrival)) ? Loss::activate : Loss::idle;
  }

  Timings t_;
  Organisation o_;
  std::vector<Rank> ranks_;
  std::vector<Columns> groups_;
  std::vector<Clock> row_ready_;
  std::int64_t bus_free_ = 0;
  Command column_{};
  Command last_{};
  bool any_ = false;
};

/// A core whose lost clocks are found a second time.
class Watched {
 public:
  Watched(const Preset& preset, const std::string& mapping, int channels, const ControllerSettings& settings)
      : core_(preset, mapping, channels, settings),
        lost_(core_.map().channels(), LostClocks(preset)),
        waiting_since_(lost_.size()),
        counts_(lost_.size()) {
    core_.observe([this](const Command& c) { lost_[c.location.channel].see(c); });
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void book(std::uint64_t address, bool is_write, Clock arrival) {
    const std::uint32_t channel = core_.map().decode(address).channel;
    core_.book(address, is_write, arrival);
    ++counts_[channel];
    lost_[channel].serve(arrival, arrival);
  }

  /// As soon as fewer than 32 wait in its channel.
  void queue(std::uint64_t address, bool is_write, Clock earliest) {
    const Location at = core_.map().decode(address);
    now_ = std::max(now_, earliest);
    for (;;) {
      if (now_ > 0) advance(at.channel, now_ - 1);
      if (core_.waiting(at.channel) < 32 && core_.has_room(at, is_write)) break;
      now_ = std::max(now_, core_.next_command(at.channel)) + 1;
    }
    if (core_.waiting(at.channel) == 0) waiting_since_[at.channel] = now_;
    core_.push(at, is_write, now_, arrivals_.size());
    arrivals_.push_back(now_);
    ++counts_[at.channel];
  }
  void finish() {
    for (std::uint32_t channel = 0; channel < lost_.size(); ++channel)
      advance(channel, Channel::never - 1);
  }

  /// Empty if the statistics agree in every clock.
  std::string difference() const {
    const Statistics s = core_.statistics();
    std::int64_t begin = std::numeric_limits<std::int64_t>::max();
    std::int64_t end = 0;
    for (std::size_t i = 0; i < lost_.size(); ++i) {
      if (counts_[i] == 0) continue;
      begin = std::min(begin, lost_[i].begin);
      end = std::max(end, lost_[i].end);
    }
    const auto span = static_cast<Clock>(end - begin);
    std::string text;
    const auto compare = [&](const std::string& what, Clock found, Clock expected) {
      if (found == expected) return;
      text += what + " " + std::to_string(found) + " instead of " + std::to_string(expected) + "; ";
    };
    compare("channels", s.channels.size(), lost_.size());
    for (std::size_t i = 0; i < lost_.size(); ++i) {
      BusClocks expected = lost_[i].bus;
      expected[Loss::idle] += span - expected.total();
      compare("data", s.channels[i].data, counts_[i] * (core_.preset().timings.bl / 2));
      compare("all", s.channels[i].total(), span);
      for (std::size_t loss = 0; loss < loss_count; ++loss)
        compare(to_string(static_cast<Loss>(loss)), s.channels[i].lost[loss], expected.lost[loss]);
    }
    return text;
  }
  TimingCore& core() { return core_; }

 private:
  void advance(std::uint32_t channel, Clock until) {
    core_.advance(channel, until, [&](const ServedBurst& s) {
      lost_[channel].serve(arrivals_[s.tag], waiting_since_[channel]);
    });
  }

  TimingCore core_;
  std::vector<LostClocks> lost_;
  std::vector<Clock> waiting_since_;
  std::vector<std::uint64_t> counts_;
  std::vector<Clock> arrivals_;
  Clock now_ = 0;
};

double share(const BusClocks& bus, Loss loss) {
  return static_cast<double>(bus[loss]) / static_cast<double>(bus.total());
}

/// A pattern through the queues.
BusClocks run(const Preset& preset, const std::string& pattern, const ControllerSettings& settings,
              std::uint32_t outstanding, const std::string& mapping, Clock interval = 0) {
  TimingCore core(preset, mapping, 1, settings);
  RequestSource source(core, outstanding);
  const TrafficShape shape{preset.organisation.burst_bytes, std::uint64_t{1} << 26, 1};
  for (std::uint64_t n = 0; n < 20000; ++n) {
    const TrafficRequest r = find_traffic_pattern(pattern).request(n, shape);
    source.send({r.address % core.map().capacity(), r.is_write, r.stream, n * interval});
  }
  source.finish();
  return core.statistics().bus();
}

ControllerSettings without_refresh() {
  ControllerSettings settings;
  settings.refreshes = false;
  return settings;
}

}  // namespace

TEST_CASE("every clock of the data bus is data or has the cause that a count by clocks finds") {
  std::uint64_t number = 0;
  for (const Preset& preset : timed_presets()) {
    const bool groups = preset.organisation.bank_groups > 1;
    for (const std::string mapping :
         {"", groups ? "Ro Ch Ba Bg Co" : "Ro Ch Ba Co", groups ? "Co Ro Ba Bg" : "Co Ro Ba"}) {
      for (std::size_t pattern = 0; pattern <= traffic_patterns().size(); ++pattern) {
        for (int variant = 0; variant < 4; ++variant) {
          ControllerSettings settings;
          settings.page_policy = variant % 2 == 0 ? PagePolicy::open : PagePolicy::closed;
          settings.refreshes = variant < 2;
          const int channels = 1 << number++ % 3;
          Watched queued(preset, mapping, channels, settings);
          Watched booked(preset, mapping, channels, settings);
          const std::uint64_t capacity = queued.core().map().capacity();
          const TrafficShape shape{preset.organisation.burst_bytes, std::uint64_t{1} << 26, 1};
          RandomBursts bursts(preset, capacity, static_cast<unsigned>(number));
          for (int n = 0; n < requests_a_run; ++n) {
            RandomBurst b = bursts.next();
            if (pattern < traffic_patterns().size()) {
              const auto request = traffic_patterns()[pattern].request(static_cast<std::uint64_t>(n), shape);
              b = {request.address % capacity, request.is_write, 100};
            }
            queued.queue(b.address, b.is_write, b.earliest);
            booked.book(b.address, b.is_write, b.earliest);
          }
          queued.finish();
          if (!queued.difference().empty() || !booked.difference().empty()) {
            INFO(preset.name << ", mapping '" << mapping << "', pattern " << pattern << ", variant "
                             << variant << ", " << channels << " channels");
            CHECK(queued.difference() == "");
            CHECK(booked.difference() == "");
          }
        }
      }
    }
  }
  CHECK(number == 5 * 3 * 10 * 4);
}

TEST_CASE("each cause of lost clocks shows in the traffic made for it") {
  const Preset& preset = find_preset("ddr4-3200");
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
    INFO(name);
    const Timings& t = find_preset(name).timings;
    const BusClocks stream = run(find_preset(name), "seq", {}, 64, "");
    CHECK(share(stream, Loss::refresh) == Approx(static_cast<double>(t.rfc) / t.refi).margin(0.006));
    CHECK(share(stream, Loss::turnaround) == 0);
    CHECK(run(find_preset(name), "seq", without_refresh(), 64, "")[Loss::refresh] == 0);
    const BusClocks sparse = run(find_preset(name), "random", without_refresh(), 64, "", 1000);
    CHECK(share(sparse, Loss::idle) > 0.9);
    // The first CL clocks after each arrival are idle, the way of the command; then its row counts.
    CHECK(sparse[Loss::activate] <= 20000 * Clock{t.rp + t.rcd});
    CHECK(sparse[Loss::activate] >= 20000 * Clock{t.rcd});
  }
  // Refreshes of a memory without requests delay nobody.
  CHECK(share(run(preset, "random", {}, 64, "", 20000), Loss::refresh) < 0.005);

  const BusClocks one_bank = run(preset, "seq", without_refresh(), 64, "Ba Bg Co Ro");
  CHECK(share(one_bank, Loss::activate) == Approx(66.0 / 74.0).margin(0.001));
  CHECK(share(one_bank, Loss::bank_group) == Approx(4.0 / 74.0).margin(0.001));  // goes first

  const BusClocks one_group = run(preset, "seq", without_refresh(), 64, "Bg Ba Ro Co");
  CHECK(share(one_group, Loss::bank_group) == Approx(0.5).margin(0.05));
  CHECK(share(one_group, Loss::bank_group) + share(one_group, Loss::activate) > 0.5);

  // Each burst of another group, but CCD_S is a clock longer than a burst.
  Preset slow = preset;
  slow.timings.ccd_s = 5;
  const BusClocks any_group = run(slow, "seq", without_refresh(), 64, "");
  CHECK(share(any_group, Loss::bank_group) == Approx(0.2).margin(0.01));

  ControllerSettings by_turns = without_refresh();
  by_turns.write_high = 1;
  by_turns.write_low = 0;
  const BusClocks turning = run(preset, "seq5050", by_turns, 2, "Ro Ba Ro:10 Co Bg");  // two banks
  CHECK(share(turning, Loss::turnaround) > 0.4);
  CHECK(turning[Loss::turnaround] > 2 * turning[Loss::activate]);

  TimingCore alternating(preset, "", 1, without_refresh());
  TimingCore ranks(two_ranks(), "", 1, without_refresh());
  for (std::uint64_t i = 0; i < 1000; ++i) {
    alternating.book(i % 4 * 64, i % 2 == 1, 0);
    ranks.book(i % 8 / 2 * 64 + (i % 2) * (ranks.map().capacity() / 2), false, 0);
  }
  const BusClocks directions = alternating.statistics().bus();
  CHECK(directions[Loss::turnaround] == Approx(500 * 2 + 499 * (4 + 22)).margin(8));  // WTR_S and CL
  CHECK(directions.total() - directions[Loss::turnaround] - directions.data < 100);
  CHECK(share(ranks.statistics().bus(), Loss::turnaround) == Approx(2.0 / 6.0).margin(0.01));
}

TEST_CASE("quantiles of latencies are at most 1/64 too high and means exact") {
  std::mt19937_64 random(8);
  for (const int bits : {3, 7, 9, 14, 40}) {
    for (const std::size_t count : {1, 2, 100, 10000}) {
      INFO(bits << " bits, " << count << " values");
      LatencyHistogram histogram;
      std::vector<std::uint64_t> values;
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        values.push_back(random() >> (64 - 1 - random() % static_cast<unsigned>(bits)));
        histogram.add(values.back());
        sum += static_cast<double>(values.back());
      }
      std::sort(values.begin(), values.end());
      CHECK(histogram.count() == count);
      CHECK(histogram.largest() == values.back());
      CHECK(histogram.mean() == sum / static_cast<double>(count));
      bool near = true;
      bool exact = true;
      for (const double part : {0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(count)));
        const std::uint64_t wanted = values[std::max<std::size_t>(rank, 1) - 1];
        const std::uint64_t found = histogram.quantile(part);
        near = near && found >= wanted && found - wanted <= wanted / 64;
        exact = exact && (wanted >= 128 || found == wanted);
      }
      CHECK(near);
      CHECK(exact);
      CHECK(histogram.quantile(1.0) == values.back());
    }
  }
  const LatencyHistogram empty;
  CHECK(empty.mean() == 0.0);
  CHECK(empty.quantile(0.5) == 0);
  LatencyHistogram widest;  // a bucket for each value would not fit into any memory
  widest.add(~std::uint64_t{0});
  widest.add(0);
  CHECK(widest.quantile(0.5) == 0);
  CHECK(widest.quantile(1.0) == ~std::uint64_t{0});
}
