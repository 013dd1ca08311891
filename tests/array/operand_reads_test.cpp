// What steps read of the buffers, against a count value by value, written from docs/contracts.md, "Banks and
// ports of the buffers".
#include "models/array/operand_reads.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "models/array/fold.h"
#include "tests/platform/random_layers.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using Words = std::set<std::int64_t>;

BufferBanks random_banks(Random& random) {
  if (random.chance(15)) return {};
  return {random.in(1, random.chance(50) ? 4 : 40), random.of<std::int64_t>({1, 4, 16, 16, 33}),
          find_sram_ports(random.of<std::string>(sram_port_names()))};
}

ArrayGeometry any_geometry(Random& random, const ComputeDesign& design) {
  ArrayGeometry geometry = random_geometry(random, design);
  geometry.rows = std::min<std::int64_t>(geometry.rows, 9);
  geometry.tile_split = random.of<TileSplit>({TileSplit::filters, TileSplit::windows});
  geometry.fold = random.chance(70);
  return geometry;
}

struct Case {
  const ComputeDesign& design;
  ArrayGeometry geometry;
  int bits;
  LayerShape shape;
  Tensor activation, weight;
  StreamLayout activation_layout, weight_layout;
  TensorProfile activation_profile, weight_profile;
  BrickMap activation_map, weight_map;
  BufferBanks activation_banks, weight_banks;
  std::vector<std::int64_t> activation_address, weight_address;  ///< by row

  explicit Case(Random& random)
      : design(random_design(random)),
        geometry(any_geometry(random, design)),
        bits(random.of<int>({8, 16})),
        shape(random.chance(30) ? strided_layer(random, strided_input(random), 20)
                                : random_layer(random, random_input(random, 40, 5), 20)),
        activation(random_tensor(random, "a", shape.input(), bits)),
        weight(random_tensor(random, "w", shape.weight(), bits)),
        activation_layout(StreamRole::activation, activation.shape, random_stream_options(random)),
        weight_layout(weight_role(shape), weight.shape, random_stream_options(random)),
        activation_profile(profile_of(activation)),
        weight_profile(profile_of(weight)),
        activation_map(brick_map(activation, activation_profile.format, activation_bricks(shape, geometry))),
        weight_map(brick_map(weight, weight_profile.format, weight_bricks(shape, geometry))),
        activation_banks(random_banks(random)),
        weight_banks(random_banks(random)) {
    shape.recurrent = shape.OH * shape.OW == 1 && random.chance(50);
  }

  LayerSchedule schedule() const {
    return {design,          geometry,   shape, {bits, activation_profile.width, weight_profile.width},
            &activation_map, &weight_map};
  }
};

/// Rows in pieces at any address, some of them a second time, where they then are.
std::vector<ArrivedRows> place(Random& random, const StreamLayout& layout, int bits,
                               std::vector<std::int64_t>& address) {
  std::vector<ArrivedRows> arrivals;
  address.assign(static_cast<std::size_t>(layout.rows()), -1);
  const auto arrive = [&](std::vector<RowRange> rows) {
    std::int64_t at = random.in(0, 5000);
    arrivals.push_back({rows, static_cast<std::uint64_t>(at)});
    for (const RowRange& range : rows) {
      for (std::int64_t row = range.begin; row < range.end; ++row) {
        address[static_cast<std::size_t>(row)] = at;
        at += layout.row_values(row) * bits / 8;
      }
    }
  };
  for (const StreamSection& section : layout.sections()) {
    for (std::int64_t row = section.first_row; row < section.end_row();) {
      const std::int64_t end = random.in(row + 1, section.end_row());
      arrive({{row, end}});
      row = end;
    }
  }
  const StreamSection& last = layout.sections().back();
  arrive({{last.first_row, last.first_row + 1}, {last.end_row() - 1, last.end_row()}});
  return arrivals;
}

class NaiveReads {
 public:
  explicit NaiveReads(const Case& c) : c_(c), s_(c.shape), given_(c.shape) {
    columns_ = c.geometry.columns;
    if (columns_ == 0) columns_ = c.design.name == "bit-parallel" ? 1 : c.bits / c.geometry.bits_per_cycle;
    loom_ = c.design.name.find("loom") != std::string_view::npos;
    depthwise_ = s_.groups == s_.C && s_.C > 1;
    one_window_ = s_.OH * s_.OW == 1 && (s_.recurrent || s_.N == 1);
    if (c.geometry.tile_split == TileSplit::windows && !depthwise_ && !one_window_)
      tiles_in_turns_ = c.geometry.tiles;
    const std::int64_t f = s_.stride[0];
    const auto parts = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
    folded_ = c.geometry.fold && s_.groups == 1 && s_.dilation[0] == 1 && s_.dilation[1] == 1 && f > 1 &&
              s_.stride[1] == f && s_.C < c.geometry.lanes &&
              parts(s_.R, f) * parts(s_.S, f) * parts(s_.C * f * f, c.geometry.lanes) < s_.R * s_.S;
    if (!folded_) return;
    s_.C *= f * f;
    s_.H = parts(s_.pad_tblr[0] + s_.H + s_.pad_tblr[1], f);
    s_.W = parts(s_.pad_tblr[2] + s_.W + s_.pad_tblr[3], f);
    s_.R = parts(s_.R, f);
    s_.S = parts(s_.S, f);
    s_.stride = {1, 1};
    s_.pad_tblr = {0, 0, 0, 0};
  }

  bool folded() const { return folded_; }
  std::int64_t tiles_in_turns() const { return tiles_in_turns_; }

  OperandsRead of_job(const std::vector<FilterSet>& sets, const ArrayJob& job) {
    result_ = OperandsRead{};
    for (std::int64_t i = job.set_begin; i < job.set_end; ++i) {
      const FilterSet& set = sets[static_cast<std::size_t>(i)];
      const std::vector<std::vector<std::int64_t>> ends = step_ends(set, job.unit_end);
      std::int64_t before = 0;
      std::vector<std::int64_t> together;
      for (std::int64_t unit = 0; unit < job.unit_end; ++unit) {
        const std::vector<std::int64_t>& unit_ends = ends[static_cast<std::size_t>(unit)];
        if (unit < job.unit_begin) {
          before = std::max(before, unit_ends.back());
          continue;
        }
        together.push_back(unit);
        if (unit + 1 < job.unit_end && (unit + 1) % tiles_in_turns_ != 0) continue;
        for (std::size_t step = 0; step < unit_ends.size(); ++step) {
          std::int64_t end = before;
          for (const std::int64_t u : together)
            end = std::max(end, ends[static_cast<std::size_t>(u)][step]);
          count(set, job, together, static_cast<std::int64_t>(step), end - before);
          before = end;
        }
        together.clear();
      }
    }
    return result_;
  }

 private:
  std::int64_t bricks() const {
    return depthwise_ ? 1 : (s_.C / s_.groups + c_.geometry.lanes - 1) / c_.geometry.lanes;
  }
  std::int64_t windows() const { return s_.N * s_.OH * s_.OW; }

  /// What has a clockwork of its own.
  struct Tile {
    std::int64_t first_brick = 0;
    std::vector<std::int64_t> filters;
  };

  std::vector<Tile> tiles_of(const FilterSet& set) const {
    const std::int64_t lanes = c_.geometry.lanes;
    std::vector<Tile> tiles;
    if (!depthwise_) {
      Tile tile;
      tile.first_brick = set.channel_begin / (s_.C / s_.groups) * bricks();
      for (std::int64_t k = set.filter_begin; k < set.filter_end; ++k)
        tile.filters.push_back(k);
      return {tile};
    }
    const std::int64_t rows = c_.geometry.rows * (loom_ ? c_.bits : 1);
    std::int64_t filled = 0;
    for (std::int64_t k = set.filter_begin; k < set.filter_end; k += s_.K / s_.C) {
      const std::int64_t channel = k / (s_.K / s_.C);
      if (tiles.empty() || tiles.back().first_brick != channel / lanes || filled == std::min(lanes, rows)) {
        tiles.push_back({channel / lanes, {}});
        filled = 0;
      }
      tiles.back().filters.push_back(k);
      ++filled;
    }
    return tiles;
  }

  std::int64_t rounded(std::int64_t width) const {
    std::int64_t up = width;
    if (c_.geometry.widths == WidthRounding::even) up += up % 2;
    if (c_.geometry.widths == WidthRounding::pow2)
      while ((up & (up - 1)) != 0)
        ++up;
    return std::min<std::int64_t>(up, c_.bits + 1);
  }

  bool inside(std::int64_t window, std::int64_t tap, std::int64_t& n, std::int64_t& y,
              std::int64_t& x) const {
    n = window / (s_.OH * s_.OW);
    y = window % (s_.OH * s_.OW) / s_.OW * s_.stride[0] + tap / s_.S * s_.dilation[0] - s_.pad_tblr[0];
    x = window % s_.OW * s_.stride[1] + tap % s_.S * s_.dilation[1] - s_.pad_tblr[2];
    return y >= 0 && y < s_.H && x >= 0 && x < s_.W;
  }

  std::int64_t weight_factor(const Tile& tile, std::int64_t tap, std::int64_t brick) const {
    if (!loom_) return 1;
    if (c_.design.name != "dpred-loom") return rounded(c_.weight_profile.width);
    std::int64_t widest = 1;
    for (const std::int64_t k : tile.filters)
      widest = std::max<std::int64_t>(widest, c_.weight_map.at(k * s_.R * s_.S + tap)[brick]);
    return rounded(widest);
  }

  std::int64_t time(const Tile& tile, std::int64_t window, std::int64_t tap, std::int64_t brick) const {
    std::int64_t n, y, x;
    std::int64_t width = c_.activation_profile.width;
    if (c_.design.name == "bit-parallel") return 1;
    if (c_.design.activation == WidthSource::brick) {
      width = inside(window, tap, n, y, x)
                  ? c_.activation_map.at((n * s_.H + y) * s_.W + x)[tile.first_brick + brick]
                  : 1;
    }
    const std::int64_t b = c_.geometry.bits_per_cycle;
    return (rounded(width) + b - 1) / b * weight_factor(tile, tap, brick);
  }

  /// When each step of the first units is over in the slowest tile that runs the unit.
  std::vector<std::vector<std::int64_t>> step_ends(const FilterSet& set, std::int64_t units) const {
    std::vector<std::vector<std::int64_t>> all;
    for (const Tile& tile : tiles_of(set)) {
      for (std::int64_t turn = 0; turn < tiles_in_turns_; ++turn) {
        const auto ends = one_window_ ? deal(tile, units) : run(tile, units, turn);
        if (all.empty()) all = ends;
        for (std::size_t u = 0; u < ends.size(); ++u)
          for (std::size_t i = 0; i < ends[u].size(); ++i)
            all[u][i] = std::max(all[u][i], ends[u][i]);
      }
    }
    return all;
  }

  std::vector<std::vector<std::int64_t>> run(const Tile& tile, std::int64_t units, std::int64_t turn) const {
    std::vector<std::vector<std::int64_t>> ends;
    std::vector<std::int64_t> slowest;  // E
    std::vector<std::int64_t> column(static_cast<std::size_t>(columns_), 0);
    for (std::int64_t unit = 0; unit < units; ++unit) {
      ends.emplace_back();
      if (unit % tiles_in_turns_ != turn) {  // another tile's
        ends.back().resize(static_cast<std::size_t>(s_.R * s_.S * bricks()), 0);
        continue;
      }
      for (std::int64_t step = 0; step < s_.R * s_.S * bricks(); ++step) {
        const std::int64_t m = static_cast<std::int64_t>(slowest.size()) - 1 - c_.geometry.column_registers;
        const std::int64_t released = m < 0 ? 0 : slowest[static_cast<std::size_t>(m)];
        std::int64_t last = 0;
        for (std::int64_t j = 0; j < columns_; ++j) {
          const std::int64_t window = unit * columns_ + j;
          std::int64_t& end = column[static_cast<std::size_t>(j)];
          end = std::max(end, released);
          if (window < windows()) end += time(tile, window, step / bricks(), step % bricks());
          last = std::max(last, end);
        }
        slowest.push_back(last);
        ends.back().push_back(last);
      }
    }
    return ends;
  }

  std::vector<std::vector<std::int64_t>> deal(const Tile& tile, std::int64_t units) const {
    std::vector<std::vector<std::int64_t>> ends;
    std::int64_t begin = 0;
    for (std::int64_t unit = 0; unit < units; ++unit) {
      ends.emplace_back();
      std::vector<std::int64_t> column(static_cast<std::size_t>(columns_), 0);
      std::int64_t start = 0;
      const std::int64_t steps = s_.R * s_.S * bricks();
      for (std::int64_t step = 0; step < steps; ++step) {
        std::int64_t& end = column[static_cast<std::size_t>(step % columns_)];
        if (step > 0) start += weight_factor(tile, (step - 1) / bricks(), (step - 1) % bricks());
        start = std::max(start, end);
        if (step > 0) ends.back().push_back(begin + start);
        end = start + time(tile, unit, step / bricks(), step % bricks());
      }
      begin += *std::max_element(column.begin(), column.end());
      ends.back().push_back(begin);
    }
    return ends;
  }

  void touch(Words& words, const BufferBanks& banks, std::int64_t row_address, std::int64_t value) const {
    for (std::int64_t byte = 0; byte < c_.bits / 8; ++byte)
      words.insert((row_address + value * c_.bits / 8 + byte) / banks.word_bytes);
  }

  static std::int64_t cycles(const Words& words, const BufferBanks& banks) {
    std::map<std::int64_t, std::int64_t> in_bank;
    std::int64_t most = 0;
    for (const std::int64_t word : words)
      most = std::max(most, ++in_bank[word % banks.banks]);
    return banks.ports == SramPorts::two_shared ? (most + 1) / 2 : most;
  }

  void touch_activation(Words& words, std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) const {
    const std::int64_t size = c_.activation_layout.options().slice_channels;
    const std::int64_t slice = c / size;
    const std::int64_t row = slice * given_.N * given_.H + n * given_.H + y;
    const std::int64_t in_slice = std::min(size, given_.C - slice * size);
    touch(words, c_.activation_banks, c_.activation_address[static_cast<std::size_t>(row)],
          x * in_slice + c % size);
  }

  /// Calls found(y, x, c) for the values of a plane with such pads that folding brings to (to_y, to_x) and
  /// the brick.
  template <class Found>
  void unfold(std::int64_t height, std::int64_t width, std::int64_t top, std::int64_t left, std::int64_t to_y,
              std::int64_t to_x, std::int64_t brick, Found&& found) const {
    const std::int64_t f = given_.stride[0];
    for (std::int64_t y = 0; y < height; ++y) {
      if ((y + top) / f != to_y) continue;
      for (std::int64_t x = 0; x < width; ++x) {
        if ((x + left) / f != to_x) continue;
        for (std::int64_t c = 0; c < given_.C; ++c) {
          const std::int64_t channel = ((y + top) % f * f + (x + left) % f) * given_.C + c;
          if (channel / c_.geometry.lanes == brick) found(y, x, c);
        }
      }
    }
  }

  void count(const FilterSet& set, const ArrayJob& job, const std::vector<std::int64_t>& units,
             std::int64_t step, std::int64_t time) {
    const std::int64_t tap = step / bricks();
    const std::int64_t step_brick = step % bricks();
    Words activations, weights;
    std::vector<std::int64_t> channels;
    for (std::int64_t c = set.channel_begin; c < set.channel_end; ++c) {
      const std::int64_t brick = (c - set.channel_begin) / c_.geometry.lanes;
      if (depthwise_ || brick == step % bricks()) channels.push_back(c);
    }
    for (const std::int64_t unit : units) {
      const std::int64_t first = one_window_ ? unit : unit * columns_;
      const std::int64_t end = one_window_ ? unit + 1 : std::min(first + columns_, windows());
      for (std::int64_t window = first; window < end; ++window) {
        std::int64_t n, y, x;
        if (!inside(window, tap, n, y, x)) continue;
        if (folded_) {
          unfold(given_.H, given_.W, given_.pad_tblr[0], given_.pad_tblr[2], y, x, step_brick,
                 [&](std::int64_t from_y, std::int64_t from_x, std::int64_t c) {
                   touch_activation(activations, n, from_y, from_x, c);
                 });
          continue;
        }
        for (const std::int64_t c : channels)
          touch_activation(activations, n, y, x, c);
      }
    }
    for (std::int64_t k = set.filter_begin; k < set.filter_end; k += set.filter_step) {
      const bool elsewhere = k < job.filter_begin || k >= job.filter_end;
      if (job.set_end - job.set_begin == 1 && elsewhere) continue;
      if (depthwise_) {
        touch(weights, c_.weight_banks, c_.weight_address[static_cast<std::size_t>(tap)], k);
        continue;
      }
      if (folded_) {
        unfold(given_.R, given_.S, 0, 0, tap / s_.S, tap % s_.S, step_brick,
               [&](std::int64_t r, std::int64_t s, std::int64_t c) {
                 touch(weights, c_.weight_banks, c_.weight_address[static_cast<std::size_t>(k)],
                       (r * given_.S + s) * given_.C + c);
               });
        continue;
      }
      for (const std::int64_t c : channels) {
        touch(weights, c_.weight_banks, c_.weight_address[static_cast<std::size_t>(k)],
              tap * (s_.C / s_.groups) + c - set.channel_begin);
      }
    }
    std::int64_t a = 0, w = 0;
    if (c_.activation_banks.banks > 0) {
      a = cycles(activations, c_.activation_banks);
      result_.activation.words += activations.size();
    }
    if (c_.weight_banks.banks > 0) {
      w = cycles(weights, c_.weight_banks);
      result_.weight.words += weights.size();
    }
    result_.activation.port_cycles += static_cast<std::uint64_t>(a);
    result_.weight.port_cycles += static_cast<std::uint64_t>(w);
    const std::int64_t longer = std::max(a, w) - (time == 0 ? 1 : time);
    if (longer <= 0) return;
    (a > w ? result_.activation : result_.weight).conflict_cycles += static_cast<std::uint64_t>(longer);
  }

  const Case& c_;
  LayerShape s_;             ///< as it is computed
  const LayerShape& given_;  ///< as it is stored
  std::int64_t columns_ = 1, tiles_in_turns_ = 1;
  bool loom_, depthwise_, one_window_, folded_ = false;
  OperandsRead result_;
};

bool same(const JobReads& a, const JobReads& b) {
  return a.words == b.words && a.port_cycles == b.port_cycles && a.conflict_cycles == b.conflict_cycles;
}

std::string text(const OperandsRead& reads) {
  std::string line;
  for (const JobReads* r : {&reads.activation, &reads.weight})
    line += std::to_string(r->words) + " words " + std::to_string(r->port_cycles) + " busy " +
            std::to_string(r->conflict_cycles) + " conflicts, ";
  return line;
}

/// A layer of one pixel after another: 1x1 kernels over a row of W pixels of 16 channels, 8 b.
OperandsRead pixels(std::int64_t columns, std::int64_t stride, std::int64_t filters,
                    const BufferBanks& activation_banks, const BufferBanks& weight_banks) {
  LayerShape s;
  s.N = s.H = s.R = s.S = s.OH = 1;
  s.C = 16;
  s.OW = columns;
  s.W = (columns - 1) * stride + 1;
  s.K = filters;
  s.stride = {1, stride};
  ArrayGeometry geometry;
  geometry.columns = columns;
  geometry.tiles = filters;
  geometry.rows = 1;
  const StreamLayout activations(StreamRole::activation, s.input(), {});
  const StreamLayout weights(StreamRole::weight, s.weight(), {});
  LayerSchedule schedule(find_compute_design("bit-parallel"), geometry, s, {8, 8, 8}, nullptr, nullptr);
  schedule.keep_step_times();
  OperandReads reads(s, geometry, 8, activations, weights, activation_banks, weight_banks);
  reads.place_activations({{{0, 1}}, 0});
  reads.place_weights({{{0, filters}}, 0});
  return reads.of_job(schedule, {0, 1, 0, filters, 0, schedule.units()});
}

}  // namespace

TEST_CASE("a job's reads are those counted value by value") {
  Random random(82);
  std::map<std::string, int> kinds;
  for (int round = 0; round < 400; ++round) {
    Case c(random);
    CAPTURE(round, c.design.name);
    LayerSchedule schedule = c.schedule();
    schedule.keep_step_times();
    OperandReads reads(c.shape, c.geometry, c.bits, c.activation_layout, c.weight_layout, c.activation_banks,
                       c.weight_banks);
    for (const ArrivedRows& arrived : place(random, c.activation_layout, c.bits, c.activation_address))
      reads.place_activations(arrived);
    for (const ArrivedRows& arrived : place(random, c.weight_layout, c.bits, c.weight_address))
      reads.place_weights(arrived);
    const auto sets = static_cast<std::int64_t>(schedule.sets().size());
    ArrayJob job;
    job.set_begin = random.in(0, sets - 1);
    job.set_end = random.in(job.set_begin + 1, std::min(sets, job.set_begin + 3));
    const FilterSet& first = schedule.sets()[static_cast<std::size_t>(job.set_begin)];
    job.filter_begin = first.filter_begin;
    job.filter_end = schedule.sets()[static_cast<std::size_t>(job.set_end - 1)].filter_end;
    const bool split = job.set_end - job.set_begin == 1 && !c.shape.depthwise() && random.chance(40);
    if (split) {
      job.filter_begin = random.in(first.filter_begin, first.filter_end - 1);
      job.filter_end = random.in(job.filter_begin + 1, first.filter_end);
    }
    const std::int64_t units = std::min<std::int64_t>(schedule.units(), 12);
    job.unit_begin = random.in(0, units - 1);
    job.unit_end = random.in(job.unit_begin + 1, units);
    const OperandsRead found = reads.of_job(schedule, job);
    NaiveReads naive(c);
    const OperandsRead expected = naive.of_job(schedule.sets(), job);
    CAPTURE(text(found), text(expected));
    REQUIRE(same(found.activation, expected.activation));
    REQUIRE(same(found.weight, expected.weight));
    ++kinds[c.shape.depthwise() ? "depthwise" : c.shape.groups > 1 ? "grouped" : "one group"];
    kinds["one window"] += c.shape.OH * c.shape.OW == 1 && (c.shape.recurrent || c.shape.N == 1);
    kinds["registers"] += c.geometry.column_registers > 0;
    kinds["part of a set"] += split;
    kinds["folded"] += naive.folded();
    const std::int64_t tiles = naive.tiles_in_turns();
    kinds["folded, pallets in turns"] += naive.folded() && tiles > 1;
    kinds["pallets side by side"] += tiles > 1 && job.unit_end - job.unit_begin > 1;
    kinds["pallets in turns, cut"] += job.unit_begin % tiles != 0 || job.unit_end % tiles != 0;
    kinds["activation conflicts"] += found.activation.conflict_cycles > 0;
    kinds["weight conflicts"] += found.weight.conflict_cycles > 0;
    kinds["no conflicts"] += found.activation.conflict_cycles + found.weight.conflict_cycles == 0;
  }
  for (const auto& [kind, count] : kinds) {
    CAPTURE(kind);
    CHECK(count >= 15);
  }
}

TEST_CASE("nothing waits where each word has a bank of its own, and more ports never cost time") {
  Random random(84);
  for (int round = 0; round < 80; ++round) {
    CAPTURE(round);
    Case c(random);
    const std::vector<ArrivedRows> activations =
        place(random, c.activation_layout, c.bits, c.activation_address);
    const std::vector<ArrivedRows> weights = place(random, c.weight_layout, c.bits, c.weight_address);
    const auto read = [&](const BufferBanks& banks) {
      LayerSchedule schedule = c.schedule();
      schedule.keep_step_times();
      OperandReads reads(c.shape, c.geometry, c.bits, c.activation_layout, c.weight_layout, banks, banks);
      for (const ArrivedRows& arrived : activations)
        reads.place_activations(arrived);
      for (const ArrivedRows& arrived : weights)
        reads.place_weights(arrived);
      const auto sets = static_cast<std::int64_t>(schedule.sets().size());
      return reads.of_job(schedule, {0, sets, 0, c.shape.K, 0, std::min<std::int64_t>(schedule.units(), 4)});
    };
    const auto conflicts = [](const OperandsRead& reads) {
      return reads.activation.conflict_cycles + reads.weight.conflict_cycles;
    };
    REQUIRE(conflicts(read({1 << 14, 16, SramPorts::read_and_write})) == 0);
    const std::int64_t banks = random.in(1, 9);
    const OperandsRead one = read({banks, 4, SramPorts::one_shared});
    const OperandsRead two = read({banks, 4, SramPorts::two_shared});
    REQUIRE(conflicts(two) <= conflicts(one));
    REQUIRE(one.weight.words == two.weight.words);
    REQUIRE(conflicts(read({banks, 4, SramPorts::read_and_write})) == conflicts(one));
    REQUIRE(conflicts(read({2 * banks, 4, SramPorts::one_shared})) <= conflicts(one));
  }
}

TEST_CASE("times of steps add up to the units'") {
  Random random(83);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    const Case c(random);
    LayerSchedule schedule = c.schedule(), plain = c.schedule();
    schedule.keep_step_times();
    const std::int64_t columns = c.geometry.columns_of(c.design, c.bits);
    for (std::size_t s = 0; s < schedule.sets().size(); ++s) {
      const auto set = static_cast<std::int64_t>(s);
      for (std::int64_t unit = 0; unit < schedule.units(); ++unit) {
        const std::vector<std::uint64_t> times = schedule.step_times(set, unit, unit + 1);
        REQUIRE(static_cast<std::int64_t>(times.size()) == schedule.steps());
        const bool full = schedule.windows(unit).end - schedule.windows(unit).begin == columns;
        if (schedule.units_at_a_time() == 1 && (full || c.shape.recurrent))
          REQUIRE(*std::min_element(times.begin(), times.end()) >= 1);
        REQUIRE(std::accumulate(times.begin(), times.end(), std::uint64_t{0}) ==
                plain.end(set, unit + 1) - plain.end(set, unit));
        if (unit % schedule.units_at_a_time() > 0) continue;
        const std::int64_t end = std::min(unit + schedule.units_at_a_time(), schedule.units());
        const std::vector<std::uint64_t> together = schedule.step_times(set, unit, end);
        REQUIRE(std::accumulate(together.begin(), together.end(), std::uint64_t{0}) ==
                plain.end(set, end) - plain.end(set, unit));
      }
    }
  }
}

TEST_CASE("worked examples of conflicts") {
  const auto banks = [](std::int64_t count) { return BufferBanks{count, 16, SramPorts::read_and_write}; };
  // Eight pixels side by side are eight words one after another: over 8 banks one each, over 4 two.
  CHECK(pixels(8, 1, 1, banks(8), {}).activation.conflict_cycles == 0);
  CHECK(pixels(8, 1, 1, banks(4), {}).activation.conflict_cycles == 1);
  CHECK(pixels(8, 1, 1, banks(1), {}).activation.conflict_cycles == 7);
  // At a stride of 2 every other word: 8 banks are as good as 4, but 9 are enough.
  CHECK(pixels(8, 2, 1, banks(8), {}).activation.conflict_cycles == 1);
  CHECK(pixels(8, 2, 1, banks(9), {}).activation.conflict_cycles == 0);
  // Words of four bricks: two of them hold all eight.
  CHECK(pixels(8, 1, 1, {1, 64, SramPorts::read_and_write}, {}).activation.words == 2);
  // Filters of 16 bytes lie one after another.
  CHECK(pixels(1, 1, 64, {}, banks(64)).weight.conflict_cycles == 0);
  CHECK(pixels(1, 1, 64, {}, banks(16)).weight.conflict_cycles == 3);
  // The longer one decides and is charged, on a tie the weights.
  const OperandsRead both = pixels(8, 1, 16, banks(1), banks(1));
  CHECK(both.activation.conflict_cycles == 0);
  CHECK(both.weight.conflict_cycles == 15);
  CHECK(both.activation.port_cycles == 8);
  CHECK(pixels(8, 1, 4, banks(1), banks(1)).activation.conflict_cycles == 7);
  CHECK(pixels(8, 1, 8, banks(1), banks(1)).weight.conflict_cycles == 7);
}

TEST_CASE("worked example: tiles that take pallets in turns read side by side, weights once") {
  const auto read = [](TileSplit split, std::int64_t unit_begin, std::int64_t unit_end) {
    LayerShape s;  // 12 pixels of one word, and a filter of one word
    s.C = 16, s.W = s.OW = 12;
    ArrayGeometry geometry;
    geometry.rows = 1;
    geometry.tiles = 2;
    geometry.columns = 4;
    geometry.tile_split = split;
    const StreamLayout activations(StreamRole::activation, s.input(), {});
    const StreamLayout weights(StreamRole::weight, s.weight(), {});
    LayerSchedule schedule(find_compute_design("bit-parallel"), geometry, s, {8, 8, 8}, nullptr, nullptr);
    schedule.keep_step_times();
    const BufferBanks banks{4, 16, SramPorts::read_and_write};
    OperandReads reads(s, geometry, 8, activations, weights, banks, banks);
    reads.place_activations({{{0, 1}}, 0});
    reads.place_weights({{{0, 1}}, 0});
    return reads.of_job(schedule, {0, 1, 0, 1, unit_begin, unit_end});
  };
  const OperandsRead one_by_one = read(TileSplit::filters, 0, 3);
  CHECK(one_by_one.activation.conflict_cycles == 0);
  CHECK(one_by_one.activation.port_cycles == 3);
  CHECK(one_by_one.weight.words == 3);
  // Pallets 0 and 1 at a time, then 2.
  const OperandsRead in_turns = read(TileSplit::windows, 0, 3);
  CHECK(in_turns.activation.words == 12);
  CHECK(in_turns.activation.port_cycles == 2 + 1);
  CHECK(in_turns.activation.conflict_cycles == 1);
  CHECK(in_turns.weight.words == 2);
  // A job that ends between two pallets of a turn reads them one by one.
  CHECK(read(TileSplit::windows, 0, 1).activation.conflict_cycles == 0);
  CHECK(read(TileSplit::windows, 1, 3).weight.words == 2);
}

TEST_CASE("worked example: a folded step reads what its brick is made of, where it lies unfolded") {
  LayerShape s;  // five values, kernel 1 x 3, stride 2: "Folding" in docs/contracts.md
  s.W = 5, s.S = 3, s.OW = 2, s.stride = {2, 2};
  ArrayGeometry geometry;
  geometry.lanes = 4;
  geometry.columns = 2;
  geometry.fold = true;
  const StreamLayout activations(StreamRole::activation, s.input(), {});
  const StreamLayout weights(StreamRole::weight, s.weight(), {});
  LayerSchedule schedule(find_compute_design("bit-parallel"), geometry, s, {8, 8, 8}, nullptr, nullptr);
  schedule.keep_step_times();
  REQUIRE(schedule.steps() == 2);
  const BufferBanks banks{1, 1, SramPorts::read_and_write};
  OperandReads reads(s, geometry, 8, activations, weights, banks, {});
  reads.place_activations({{{0, 1}}, 0});
  CHECK(reads.of_job(schedule, {0, 1, 0, 1, 0, 1}).activation.words == 4 + 3);  // 1 2 3 4, then 3 4 5
  OperandReads weight_reads(s, geometry, 8, activations, weights, {}, banks);
  weight_reads.place_weights({{{0, 1}}, 0});
  const OperandsRead read = weight_reads.of_job(schedule, {0, 1, 0, 1, 0, 1});
  CHECK(read.weight.words == 2 + 1);  // a b, then c
  CHECK(read.weight.conflict_cycles == 1);
}

TEST_CASE("a row that has not arrived is not read") {
  LayerShape s;
  s.C = 4, s.K = 2;
  const StreamLayout activations(StreamRole::activation, s.input(), {});
  const StreamLayout weights(StreamRole::weight, s.weight(), {});
  LayerSchedule schedule(find_compute_design("bit-parallel"), {}, s, {8, 8, 8}, nullptr, nullptr);
  schedule.keep_step_times();
  OperandReads reads(s, {}, 8, activations, weights, {}, {1, 16, SramPorts::one_shared});
  reads.place_weights({{{0, 1}}, 0});
  CHECK_THROWS_AS(reads.of_job(schedule, {0, 1, 0, 2, 0, 1}), std::logic_error);
  CHECK(reads.of_job(schedule, {0, 1, 0, 1, 0, 1}).weight.words == 1);
}
