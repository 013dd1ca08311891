// The timing core against closed forms, and command by command against an independent reading of the rules.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "models/dram/timing_core.h"

using namespace dpred::dram;

namespace {

double utilisation(const TimingCore& core, Clock end) {
  const Statistics s = core.statistics();
  return static_cast<double>(s.read.busy_clocks + s.write.busy_clocks) / static_cast<double>(end);
}

/// Addresses through the map of `core`.
std::uint64_t address_of(const TimingCore& core, std::uint32_t group, std::uint32_t bank, std::uint32_t row,
                         std::uint32_t column) {
  Location location;
  location.bank_group = group;
  location.bank = bank;
  location.row = row;
  location.column = column;
  return core.map().encode(location);
}

Preset two_ranks() {
  Preset preset = find_preset("ddr4-3200");
  preset.organisation.ranks = 2;
  preset.organisation.rows = 32768;
  return preset;
}

/// Timings that no device has, each a different number, to tell apart rules that coincide in the presets.
Preset odd() {
  Preset preset = find_preset("ddr4-3200");
  preset.name = "odd";
  preset.timings = {1000, 8, 17, 19, 13, 11, 71, 89, 5, 13, 7, 15, 43, 9, 23, 10, 29, 3, 307, 2011};
  preset.organisation = {64, 1024, 2, 2, 2, 8};
  return preset;
}

using Kind = Command::Kind;

/// The rules as gaps between two commands of a channel, in the manner of a data sheet. Shares nothing with
/// the core but the parameters.
class Rules {
 public:
  explicit Rules(const Preset& preset) : t_(preset.timings) {}

  /// The clocks that `later` must lie after `earlier`.
  Clock gap(const Command& earlier, const Command& later) const {
    const bool same_rank = earlier.location.rank == later.location.rank;
    if (column(earlier) && column(later)) return column_gap(earlier, later, same_rank);
    if (!same_rank) return 0;
    if (earlier.kind == Kind::refresh) return t_.rfc;
    const bool same_group = earlier.location.bank_group == later.location.bank_group;
    const bool whole_rank = earlier.kind == Kind::precharge_all || later.kind == Kind::precharge_all ||
                            later.kind == Kind::refresh;
    const bool same_bank = whole_rank || (same_group && earlier.location.bank == later.location.bank);
    if (earlier.kind == Kind::activate && later.kind == Kind::activate && !same_bank) {
      return same_group ? t_.rrd_l : t_.rrd_s;
    }
    return same_bank ? bank_gap(earlier, later) : 0;
  }

  /// No gap is longer.
  Clock horizon() const { return t_.rfc + t_.rc + t_.faw; }

  static bool column(const Command& c) { return c.kind == Kind::read || c.kind == Kind::write; }
  static bool precharge(const Command& c) {
    return c.kind == Kind::precharge || c.kind == Kind::precharge_all;
  }

 private:
  Clock bank_gap(const Command& earlier, const Command& later) const {
    const Clock burst = t_.bl / 2;
    switch (earlier.kind) {
      case Kind::activate:
        if (column(later)) return t_.rcd;
        return precharge(later) ? t_.ras : t_.rc;
      case Kind::read:
        return precharge(later) ? t_.rtp : 0;
      case Kind::write:
        return precharge(later) ? t_.cwl + burst + t_.wr : 0;
      default:
        return later.kind == Kind::activate || later.kind == Kind::refresh ? t_.rp : 0;
    }
  }

  Clock column_gap(const Command& earlier, const Command& later, bool same_rank) const {
    const std::int64_t burst = t_.bl / 2;
    const bool from_write = earlier.kind == Kind::write;
    const bool to_write = later.kind == Kind::write;
    const bool same_group = earlier.location.bank_group == later.location.bank_group;
    const std::int64_t from = from_write ? t_.cwl : t_.cl;
    const std::int64_t to = to_write ? t_.cwl : t_.cl;
    const bool turn = from_write != to_write || !same_rank;
    std::int64_t gap = std::max<std::int64_t>(1, from + burst + (turn ? t_.turnaround : 0) - to);
    if (same_rank) {
      gap = std::max<std::int64_t>(gap, same_group ? t_.ccd_l : t_.ccd_s);
      if (from_write && !to_write) gap = std::max(gap, from + burst + (same_group ? t_.wtr_l : t_.wtr_s));
    }
    return static_cast<Clock>(gap);
  }

  Timings t_;
};

/// Replays commands in the order of time, and keeps what breaks a rule.
std::vector<std::string> broken_rules(const Preset& preset, std::vector<Command> commands) {
  const Rules rules(preset);
  std::vector<std::string> broken;
  const auto note = [&](const char* what, const Command& c) {
    broken.push_back(std::string(what) + " at " + std::to_string(c.clock));
  };
  std::stable_sort(commands.begin(), commands.end(),
                   [](const Command& a, const Command& b) { return a.clock < b.clock; });
  const Organisation& o = preset.organisation;
  const std::size_t rank_banks = std::size_t{o.bank_groups} * o.banks;
  std::vector<std::int64_t> open(o.ranks * rank_banks, -1);
  std::vector<std::vector<Clock>> activates(o.ranks);
  std::vector<Clock> refreshes(o.ranks, 0);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const Command& c = commands[i];
    for (std::size_t j = i; j-- > 0 && commands[j].clock + rules.horizon() > c.clock;) {
      if (c.clock - commands[j].clock < rules.gap(commands[j], c)) note("gap", c);
    }
    const std::size_t base = c.location.rank * rank_banks;
    std::int64_t& row = open[base + c.location.bank_group * o.banks + c.location.bank];
    switch (c.kind) {
      case Kind::activate: {
        if (row != -1) note("activate of an open bank", c);
        row = c.location.row;
        std::vector<Clock>& previous = activates[c.location.rank];
        if (previous.size() >= 4 && c.clock - previous[previous.size() - 4] < preset.timings.faw)
          note("tFAW", c);
        previous.push_back(c.clock);
        break;
      }
      case Kind::precharge:
        if (row != c.location.row) note("precharge of another row", c);
        row = -1;
        break;
      case Kind::precharge_all:
        std::fill_n(open.begin() + static_cast<std::ptrdiff_t>(base), rank_banks, -1);
        break;
      case Kind::refresh: {
        const auto first = open.begin() + static_cast<std::ptrdiff_t>(base);
        if (std::any_of(first, first + static_cast<std::ptrdiff_t>(rank_banks),
                        [](std::int64_t r) { return r != -1; })) {
          note("refresh of an open bank", c);
        }
        const Clock stagger = preset.timings.refi * c.location.rank / o.ranks;
        const Clock due = ++refreshes[c.location.rank] * preset.timings.refi + stagger;
        if (c.clock < due) note("early refresh", c);
        if (c.clock > due + 2 * preset.timings.rc + preset.timings.cwl + preset.timings.wr)
          note("late refresh", c);
        break;
      }
      default:
        if (row != c.location.row) note("access to a row that is not open", c);
    }
  }
  return broken;
}

struct Request {
  std::uint64_t address;
  bool is_write;
  Clock arrival;
};

/// Bursts of all habits: runs, hits in few rows, far jumps, idle times from none to several refresh
/// intervals.
std::vector<Request> random_requests(const TimingCore& core, int count, unsigned seed) {
  std::mt19937_64 random(seed);
  const std::uint64_t burst = core.preset().organisation.burst_bytes;
  const std::uint64_t bursts = core.map().capacity() / burst;
  std::vector<Request> requests;
  std::uint64_t at = 0;
  bool is_write = false;
  Clock arrival = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t habit = random() % 16;
    if (habit < 8) at = (at + 1) % bursts;
    if (habit >= 8 && habit < 12) at = random() % std::min<std::uint64_t>(bursts, 4096);
    if (habit >= 12) at = random() % bursts;
    if (random() % 4 == 0) is_write = !is_write;
    if (random() % 2 == 0) arrival += random() % 100;
    if (random() % 512 == 0) arrival += random() % (5 * core.preset().timings.refi);
    requests.push_back({at * burst, is_write, arrival});
  }
  return requests;
}

/// Books by trying clock after clock until no command booked before forbids it. Commands between which there
/// is a rule keep the order of booking.
class NaiveChannel {
 public:
  explicit NaiveChannel(const Preset& preset) : preset_(preset), rules_(preset), open_(1024, -1) {
    for (std::uint32_t r = 0; r < preset.organisation.ranks; ++r) {
      due_.push_back(preset.timings.refi + preset.timings.refi * r / preset.organisation.ranks);
    }
  }

  Booking book(const Location& at, bool is_write, Clock arrival) {
    for (;;) {
      const std::vector<Command> before = history_;
      std::int64_t& row = open_[bank_index(at)];
      const bool hit = row == at.row;
      if (!hit) {
        if (row != -1) place({Kind::precharge, arrival, at});
        place({Kind::activate, arrival, at});
      }
      const Clock column = place({is_write ? Kind::write : Kind::read, arrival, at});
      if (column < due_[at.rank]) {
        row = at.row;
        const Clock start = column + (is_write ? preset_.timings.cwl : preset_.timings.cl);
        return {start, start + preset_.timings.bl / 2, hit};
      }
      history_ = before;
      refresh(at.rank);
    }
  }

 private:
  static std::size_t bank_index(const Location& at) { return (at.rank * 16 + at.bank_group) * 16 + at.bank; }

  void refresh(std::uint32_t rank) {
    Location at;
    at.rank = rank;
    const auto first = open_.begin() + rank * 256;
    if (std::any_of(first, first + 256, [](std::int64_t row) { return row != -1; })) {
      place({Kind::precharge_all, due_[rank], at});
    }
    place({Kind::refresh, due_[rank], at});
    std::fill(first, first + 256, -1);
    due_[rank] += preset_.timings.refi;
  }

  bool legal(const Command& c) const {
    int window = 0;
    for (std::size_t i = history_.size(); i-- > 0 && history_[i].clock + rules_.horizon() > c.clock;) {
      const Command& earlier = history_[i];
      const Clock gap = rules_.gap(earlier, c);
      if (gap > 0 && c.clock < earlier.clock + gap) return false;
      window += c.kind == Kind::activate && earlier.kind == Kind::activate &&
                earlier.location.rank == c.location.rank && c.clock < earlier.clock + preset_.timings.faw;
    }
    return window < 4;
  }

  Clock place(Command c) {
    while (!legal(c))
      ++c.clock;
    const auto after = std::upper_bound(history_.begin(), history_.end(), c,
                                        [](const Command& a, const Command& b) { return a.clock < b.clock; });
    history_.insert(after, c);
    if (history_.size() > 600) history_.erase(history_.begin(), history_.begin() + 200);
    return c.clock;
  }

  Preset preset_;
  Rules rules_;
  std::vector<Command> history_;
  std::vector<std::int64_t> open_;
  std::vector<Clock> due_;
};

}  // namespace

TEST_CASE("idle DRAM answers after the latencies of the data sheet") {
  TimingCore core(find_preset("ddr4-3200"), "", 1);
  const std::uint64_t first = address_of(core, 0, 0, 0, 0);
  const auto latency = [&](std::uint64_t address, Clock arrival) {
    return core.book(address, false, arrival).data_end - arrival;
  };
  CHECK(latency(first, 100) == 22 + 22 + 4);                               // closed bank, 30 ns
  CHECK(latency(address_of(core, 0, 0, 0, 1), 1000) == 22 + 4);            // hit, 16.25 ns
  CHECK(latency(address_of(core, 0, 0, 1, 0), 2000) == 22 + 22 + 22 + 4);  // conflict, 43.75 ns
  CHECK(latency(first, 12480) == 22 + 560 + 22 + 22 + 4);                  // refresh with an open row
  CHECK(latency(first, 12480 * 1000 + 700) == 22 + 22 + 4);  // refreshes while idle cost nothing
  CHECK(latency(first, 12480 * 1001 + 200) == 560 - 200 + 22 + 22 + 4 + 22);  // arrives during one
  CHECK(core.book(first, true, 12480 * 1001 + 5000).data_start == 12480 * 1001 + 5000 + 16);
}

TEST_CASE("refreshes of a long idle time are caught up at once") {
  TimingCore core(find_preset("ddr4-3200"), "", 1);
  const Clock late = Clock{12480} * 400'000'000'000'000;  // a loop over them would never end
  core.book(0, false, 0);
  CHECK(core.book(0, false, late + 1000).data_end == late + 1000 + 48);

  TimingCore pair(two_ranks(), "", 1);  // one rank idle while the other, and so the bus, is far ahead
  pair.book(0, false, late + 1000);
  const Booking other = pair.book(pair.map().capacity() / 2, false, 0);
  CHECK(other.data_start > late + 1000);
  CHECK(other.data_start < late + 2000);
}

TEST_CASE("a stream comes close to the refresh bound") {
  for (const std::string name : {"ddr4-3200", "lpddr4-3200"}) {
    for (const bool is_write : {false, true}) {
      INFO(name << (is_write ? " write" : " read"));
      const Preset& preset = find_preset(name);
      TimingCore core(preset, "", 1);
      const Clock end =
          core.book_run(0, std::uint64_t{200000} * preset.organisation.burst_bytes, is_write, 0);
      const double bound = 1.0 - static_cast<double>(preset.timings.rfc) / preset.timings.refi;
      CHECK(utilisation(core, end) <= bound);
      CHECK(utilisation(core, end) >= bound - 0.0175);
      if (!is_write) CHECK(utilisation(core, end) >= bound - 0.015);
      CHECK(core.statistics().row_hit_rate() > 0.95);
    }
  }
}

TEST_CASE("one bank group is bound by its column spacing and one bank by its row cycle") {
  const Preset& preset = find_preset("ddr4-3200");
  const double refresh = 1.0 - 560.0 / 12480.0;

  TimingCore group(preset, "Ro Ba Bg Co", 1);
  const Clock group_end = group.book_run(0, 64 * 200000, false, 0);
  CHECK(utilisation(group, group_end) <= 4.0 / 8.0);
  CHECK(utilisation(group, group_end) == Approx(4.0 / 8.0 * refresh).margin(0.003));

  TimingCore bank(preset, "", 1);
  Clock bank_end = 0;
  for (std::uint32_t i = 0; i < 20000; ++i)
    bank_end = bank.book(address_of(bank, 0, 0, i, 0), false, 0).data_end;
  CHECK(utilisation(bank, bank_end) <= 4.0 / 74.0);
  CHECK(utilisation(bank, bank_end) == Approx(4.0 / 74.0 * refresh).margin(0.0005));
  CHECK(bank.statistics().read.row_hits == 0);
}

TEST_CASE("new rows are bound by the four-activate window") {
  const Preset& preset = find_preset("ddr4-3200");
  const double bound = 4 * 4.0 / 34.0;
  TimingCore rotating(preset, "", 1);
  Clock end = 0;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    end = rotating.book(address_of(rotating, i % 4, i / 4 % 4, i / 16, 0), false, 0).data_end;
  }
  CHECK(utilisation(rotating, end) <= bound);
  CHECK(utilisation(rotating, end) >= bound - 0.04);

  // Served in order, a burst to a busy bank holds up those behind it: far below the bound.
  TimingCore anywhere(preset, "", 1);
  std::mt19937_64 random(5);
  for (int i = 0; i < 50000; ++i) {
    end = anywhere.book(random() % anywhere.map().capacity(), false, 0).data_end;
  }
  CHECK(utilisation(anywhere, end) < bound / 2);
  CHECK(utilisation(anywhere, end) > 0.15);
}

TEST_CASE("the data bus turns around") {
  TimingCore core(find_preset("ddr4-3200"), "", 1);
  const auto book = [&](std::uint32_t group, bool is_write) {
    return core.book(address_of(core, group, 0, 0, 0), is_write, 2000);
  };
  for (std::uint32_t g = 0; g < 4; ++g)
    core.book(address_of(core, g, 0, 0, 0), false, 0);
  const Booking read = book(0, false);
  const Booking write = book(1, true);
  CHECK(write.data_start == read.data_end + 2);
  const Booking other_group = book(2, false);
  CHECK(other_group.data_start == write.data_end + 4 + 22);  // WTR_S, CL
  const Booking write_again = book(3, true);
  CHECK(book(3, false).data_start == write_again.data_end + 12 + 22);  // WTR_L, CL
}

TEST_CASE("channels add their bandwidth") {
  const auto run = [](int channels) {
    TimingCore core(find_preset("ddr4-3200"), "", channels);
    return static_cast<double>(core.book_run(0, std::uint64_t{64} << 20, false, 0));
  };
  CHECK(run(1) / run(2) >= 1.9);
  CHECK(run(1) / run(4) >= 3.8);
}

TEST_CASE("counts are kept by direction in whole bursts") {
  TimingCore core(find_preset("ddr4-3200"), "Ro Ba Bg Co", 1);
  CHECK(core.book_run(0, 0, false, 77) == 77);
  CHECK(core.statistics().read.bursts == 0);
  CHECK(core.statistics().row_hit_rate() == 0.0);
  core.book_run(63, 2, false, 0);  // the last byte of one burst and the first of the next
  core.book_run(64, 64, true, 0);
  const Statistics s = core.statistics();
  CHECK(s.read.bursts == 2);
  CHECK(s.read.row_hits == 1);
  CHECK(s.read.bytes == 128);
  CHECK(s.read.busy_clocks == 8);
  CHECK(s.write.bursts == 1);
  CHECK(s.write.row_hits == 1);
  CHECK(s.write.bytes == 64);
  CHECK(s.row_hit_rate() == Approx(2.0 / 3.0));

  TimingCore twin(find_preset("ddr4-3200"), "Ro Ba Bg Co", 1);
  twin.book_run(63, 2, false, 0);
  twin.book_run(64, 64, true, 0);
  Clock end = 0;
  for (int i = 0; i < 100; ++i)
    end = twin.book(6400 + 64 * i, false, 500).data_end;
  CHECK(core.book_run(6400, 6400, false, 500) == end);

  CHECK_THROWS_AS(core.book(core.map().capacity(), false, 0), std::out_of_range);
  CHECK_THROWS_AS(core.book_run(core.map().capacity() - 64, 65, false, 0), std::out_of_range);
}

TEST_CASE("an ideal memory takes no time") {
  TimingCore core(find_preset("ideal"), "", 2);
  CHECK(core.book_run(1, std::uint64_t{1} << 38, true, 123) == 123);
  CHECK(core.book(0, false, 5).data_end == 5);
  CHECK(core.statistics().write.bytes == (std::uint64_t{1} << 38) + 64);
  CHECK(core.statistics().write.busy_clocks == 0);
}

TEST_CASE("every command of random traffic keeps the rules") {
  for (const Preset& preset : {find_preset("ddr4-3200"), find_preset("lpddr4-3200"), two_ranks(), odd()}) {
    INFO(preset.name << " ranks " << preset.organisation.ranks);
    TimingCore core(preset, preset.default_mapping, 2);
    std::vector<std::vector<Command>> commands(2);
    core.observe([&](const Command& c) { commands[c.location.channel].push_back(c); });
    std::vector<Clock> bus_free(2, 0);
    bool in_order = true;
    for (const Request& r : random_requests(core, 50000, 11)) {
      const Booking booking = core.book(r.address, r.is_write, r.arrival);
      Clock& free = bus_free[core.map().decode(r.address).channel];
      in_order = in_order && booking.data_start >= free && booking.data_start > r.arrival &&
                 booking.data_end == booking.data_start + preset.timings.bl / 2;
      free = booking.data_end;
    }
    CHECK(in_order);
    for (const std::vector<Command>& channel : commands) {
      CHECK(channel.size() > 40000);
      const std::vector<std::string> broken = broken_rules(preset, channel);
      CHECK(broken.size() == 0);
      if (!broken.empty()) FAIL_CHECK(broken.front());
    }
  }
}

TEST_CASE("no burst is later than the rules demand") {
  for (const Preset& preset : {find_preset("ddr4-3200"), find_preset("lpddr4-3200"), two_ranks(), odd()}) {
    INFO(preset.name << " ranks " << preset.organisation.ranks);
    TimingCore core(preset, preset.default_mapping, 1);
    NaiveChannel naive(preset);
    int differing = 0;
    for (const Request& r : random_requests(core, 6000, 12)) {
      const Booking a = core.book(r.address, r.is_write, r.arrival);
      const Booking b = naive.book(core.map().decode(r.address), r.is_write, r.arrival);
      differing += a.data_start != b.data_start || a.data_end != b.data_end || a.row_hit != b.row_hit;
    }
    CHECK(differing == 0);
  }
}
