// The schedule of a layer, unit by unit, against the array that is simulated cycle by cycle.
#include "models/array/layer_schedule.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "tests/array/naive_array.h"

using namespace dpred;
using namespace dpred::test;

namespace {

/// The library's schedule of a case, with what it must be kept together with.
class Scheduled {
 public:
  Scheduled(const Case& c, const LayerPrecision& precision)
      : activations_(activation_bricks(c.layer, c.geometry.lanes)),
        weights_(weight_bricks(c.layer, c.geometry.lanes)),
        schedule_(find_compute_design(c.design), c.geometry, c.layer, precision, &activations_,
                  c.design == "dpred-loom" ? &weights_ : nullptr) {
    activations_.absorb(c.input, profile_of(c.input).format);
    weights_.absorb(c.weight, profile_of(c.weight).format);
  }
  LayerSchedule& operator*() { return schedule_; }
  LayerSchedule* operator->() { return &schedule_; }

 private:
  BrickMap activations_, weights_;
  LayerSchedule schedule_;
};

LayerPrecision precision_of(const Case& c) {
  return {c.bits, profile_of(c.input).width, profile_of(c.weight).width};
}

/// The schedule is that of an unfolded layer whose filters are split over the tiles.
Case draw_scheduled_case(std::uint64_t seed) {
  SplitMix64 rng(seed);
  Case c = draw_case(rng);
  if (c.geometry.tile_split == TileSplit::best) c.geometry.tile_split = TileSplit::windows;
  c.geometry.fold = false;
  return c;
}

std::vector<std::int64_t> filters_in(const FilterSet& set) {
  std::vector<std::int64_t> filters;
  for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step)
    filters.push_back(k);
  return filters;
}

}  // namespace

TEST_CASE("units of output end when they do in an array that is simulated cycle by cycle") {
  std::map<std::string, int> kinds;
  for (std::uint64_t trial = 0; trial < 3000 / fewer_cases; ++trial) {
    const Case c = draw_scheduled_case(21'000'000 + trial);
    const LayerShape& l = c.layer;
    INFO(trial << ": " << describe(c));
    const NaiveArray naive(c);
    Scheduled schedule(c, {c.bits, naive.input_width(), naive.weight_width()});

    REQUIRE(schedule->sets().size() == naive.sets().size());
    REQUIRE(schedule->units() == static_cast<std::int64_t>(naive.sets().front().unit_end.size()));
    std::int64_t wrong = 0;
    for (std::size_t s = 0; s < naive.sets().size(); ++s) {
      const NaiveArray::Set& expected = naive.sets()[s];
      const auto set = static_cast<std::int64_t>(s);
      wrong += filters_in(schedule->sets()[s]) != expected.filters;
      wrong += schedule->sets()[s].channel_begin != expected.channels.front();
      wrong += schedule->sets()[s].channel_end != expected.channels.back() + 1;
      wrong += schedule->end(set, 0) != 0;
      for (std::size_t u = 0; u < expected.unit_end.size(); ++u)
        wrong += schedule->end(set, static_cast<std::int64_t>(u) + 1) != expected.unit_end[u];
    }
    REQUIRE(wrong == 0);
    REQUIRE(schedule->total() == naive.total());
    for (std::int64_t rows = 0; rows <= l.N * l.OH; ++rows)
      wrong += schedule->units_in_rows(rows) != naive.units_in_rows(rows);
    for (std::int64_t units = 0; units <= schedule->units(); ++units)
      wrong += schedule->rows_in_units(units) != naive.rows_in_units(units);
    REQUIRE(wrong == 0);

    ++kinds[c.design];
    kinds["depthwise"] += c.depthwise();
    kinds["grouped"] += !c.depthwise() && l.groups > 1;
    kinds["one window"] += c.one_window() && l.N == 1;
    kinds["recurrent steps"] += c.one_window() && l.N > 1;
    kinds["many sets"] += naive.sets().size() > 1;
    kinds["many units"] += naive.sets().front().unit_end.size() > 1;
  }
  for (const auto& [kind, count] : kinds) {
    CAPTURE(kind);
    CHECK(count * fewer_cases >= 60);
  }
  CHECK(kinds.size() == 12);
}

TEST_CASE("times of jobs add up to the layer, whatever the order in which they are asked for") {
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const Case c = draw_scheduled_case(22'000'000 + trial);
    SplitMix64 rng(trial);
    INFO(trial << ": " << describe(c));
    const std::uint64_t expected = Scheduled(c, precision_of(c))->total();
    Scheduled schedule(c, precision_of(c));
    const std::int64_t rows = c.layer.N * c.layer.OH;
    const std::int64_t band = draw(rng, 1, rows);
    std::uint64_t sum = 0;
    std::int64_t backward = 0;
    for (std::int64_t first = 0; first < rows; first += band) {
      const std::int64_t before = schedule->units_in_rows(first);
      const std::int64_t after = schedule->units_in_rows(std::min(first + band, rows));
      for (std::size_t set = schedule->sets().size(); set-- > 0;) {
        const auto s = static_cast<std::int64_t>(set);
        const std::uint64_t begin = schedule->end(s, before);
        const std::uint64_t end = schedule->end(s, after);
        backward += end < begin;
        sum += end - begin;
      }
    }
    REQUIRE(backward == 0);
    REQUIRE(sum == expected);
    REQUIRE(schedule->total() == expected);
  }
}

TEST_CASE("columns and rows that make peaks equal") {
  ArrayGeometry g;
  CHECK(g.columns_of(find_compute_design("bit-parallel"), 16) == 1);
  CHECK(g.columns_of(find_compute_design("stripes"), 16) == 16);
  CHECK(g.rows_of(find_compute_design("dpred-stripes"), 8) == 16);
  CHECK(g.rows_of(find_compute_design("loom"), 8) == 128);
  g.bits_per_cycle = 4;
  CHECK(g.columns_of(find_compute_design("dpred-loom"), 8) == 2);
  g.columns = 5;
  CHECK(g.columns_of(find_compute_design("bit-parallel"), 8) == 5);
  CHECK(g.columns_of(find_compute_design("loom"), 8) == 5);
  CHECK(g.rows_of(find_compute_design("loom"), 8) == 128);
}

TEST_CASE("designs are found by name") {
  // Each has a reference here.
  CHECK(compute_design_names() == std::vector<std::string>(design_names.begin(), design_names.end()));
  for (const char* name : design_names)
    CHECK(find_compute_design(name).name == name);
  CHECK_THROWS_WITH(find_compute_design("loom-dinamic"), Catch::Contains("'loom-dynamic'"));
}
