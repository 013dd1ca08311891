// The timing core against closed forms, and command by command against an independent reading of the rules.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "models/dram/timing_core.h"
#include "tests/dram/command_rules.h"

using namespace dpred::dram;
using dpred::test::CommandRules;
using dpred::test::NaiveBanks;
using dpred::test::RandomBurst;
using dpred::test::RandomBursts;
using dpred::test::timed_presets;
using dpred::test::two_ranks;

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

using Kind = Command::Kind;

#ifdef __SANITIZE_ADDRESS__
constexpr int naive_bookings = 1000;
#else
constexpr int naive_bookings = 5000;
#endif

/// Books by trying clock after clock until no command booked before forbids it. Commands between which there
/// is a rule keep the order of booking.
class NaiveChannel : NaiveBanks {
 public:
  NaiveChannel(const Preset& preset, PagePolicy page) : NaiveBanks(preset, {}), page_(page) {}

  Booking book(const Location& at, bool is_write, Clock arrival) {
    for (;;) {
      const CommandRules before = rules_;
      std::int64_t& row = open_[bank_of(at)];
      const bool hit = row == at.row;
      if (!hit) {
        if (row != -1) place({Kind::precharge, arrival, at});
        place({Kind::activate, arrival, at});
      }
      const Clock column = place({is_write ? Kind::write : Kind::read, arrival, at});
      if (column < due_[at.rank]) {
        row = page_ == PagePolicy::open ? std::int64_t{at.row} : -1;
        if (page_ == PagePolicy::closed) place({Kind::precharge, column, at});
        const Clock start = column + (is_write ? preset_.timings.cwl : preset_.timings.cl);
        return {start, start + preset_.timings.bl / 2, hit};
      }
      rules_ = before;
      refresh(at.rank);
    }
  }

 private:
  PagePolicy page_;
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
  for (const std::string name : {"ddr4-3200", "lpddr4-3200", "hbm2"}) {
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
  for (const Preset& preset : timed_presets()) {
    for (const PagePolicy page : {PagePolicy::open, PagePolicy::closed}) {
      INFO(preset.name << (page == PagePolicy::open ? ", open page" : ", closed page"));
      ControllerSettings settings;
      settings.page_policy = page;
      TimingCore core(preset, preset.default_mapping, 2, settings);
      CommandRules::Options options;
      options.closed_page = page == PagePolicy::closed;
      std::vector<CommandRules> rules(2, CommandRules(preset, options));
      core.observe([&](const Command& c) { rules[c.location.channel].check(c); });
      std::vector<Clock> bus_free(2, 0);
      bool in_order = true;
      RandomBursts bursts(preset, core.map().capacity(), 11);
      for (int i = 0; i < 50000; ++i) {
        const RandomBurst burst = bursts.next();
        const Booking booking = core.book(burst.address, burst.is_write, burst.earliest);
        Clock& free = bus_free[core.map().decode(burst.address).channel];
        in_order = in_order && booking.data_start >= free && booking.data_start > burst.earliest &&
                   booking.data_end == booking.data_start + preset.timings.bl / 2;
        free = booking.data_end;
      }
      CHECK(in_order);
      for (const CommandRules& channel : rules) {
        CHECK(channel.checked() > 30000);
        CHECK(channel.first_broken() == "");
      }
    }
  }
}

TEST_CASE("no burst is later than the rules demand") {
  for (const Preset& preset : timed_presets()) {
    for (const PagePolicy page : {PagePolicy::open, PagePolicy::closed}) {
      INFO(preset.name << (page == PagePolicy::open ? ", open page" : ", closed page"));
      ControllerSettings settings;
      settings.page_policy = page;
      TimingCore core(preset, preset.default_mapping, 1, settings);
      NaiveChannel naive(preset, page);
      RandomBursts bursts(preset, core.map().capacity(), 12);
      int differing = 0;
      Clock arrival = 0;
      for (int i = 0; i < naive_bookings; ++i) {
        const RandomBurst burst = bursts.next();
        arrival = std::max(arrival, burst.earliest);
        const Booking a = core.book(burst.address, burst.is_write, arrival);
        const Booking b = naive.book(core.map().decode(burst.address), burst.is_write, arrival);
        differing += a.data_start != b.data_start || a.data_end != b.data_end || a.row_hit != b.row_hit;
        // Not too far behind the bus, for the sake of the one that tries every clock.
        arrival = std::max(arrival, a.data_start - std::min<Clock>(a.data_start, 300));
      }
      CHECK(differing == 0);
    }
  }
}
