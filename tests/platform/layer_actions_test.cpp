// Actions of a layer, against an example by hand and against walks that count one value after another, which
// were written from docs/contracts.md, "Energy".
#include "platform/layer_actions.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "tests/platform/random_networks.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using Count = std::uint64_t;

std::int64_t up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// The filter sets and, of depthwise layers, the channels that all their tiles read.
struct NaiveSet {
  std::vector<std::int64_t> filters;
  std::int64_t channels = 0;
};

/// What a layer's actions are, counted one by one.
class NaiveActions {
 public:
  NaiveActions(const PreparedLayer& layer, const DesignPoint& point, int bits)
      : l_(layer.layer->shape), plan_(layer.plan), point_(point), bits_(bits) {
    const std::string design(point.design->name);
    loom_ = design.find("loom") != std::string::npos;
    serial_ = design != "bit-parallel";
    depthwise_ = l_.groups == l_.C && l_.C > 1;
    one_window_ = l_.OH * l_.OW == 1 && (l_.N == 1 || l_.recurrent);
    columns_ = point.geometry.columns != 0 ? point.geometry.columns
               : serial_                   ? bits / point.geometry.bits_per_cycle
                                           : 1;
    rows_ = point.geometry.rows * (loom_ ? bits : 1);
    turns_ = plan_.tile_split == TileSplit::windows && !depthwise_ && !one_window_ ? point.geometry.tiles : 1;
    make_sets();
    for (const Job& job : plan_.jobs)
      walk(job);
  }

  Count activations_read = 0, weights_read = 0;  ///< values
  bool cut = false, shared_turn = false;

 private:
  void make_sets() {
    const std::int64_t tiles = point_.geometry.tiles, lanes = point_.geometry.lanes;
    if (!depthwise_) {
      const std::int64_t size = turns_ > 1 || plan_.tile_split == TileSplit::windows
                                    ? (one_window_ ? rows_ * tiles : rows_)
                                    : rows_ * tiles;
      const std::int64_t out = l_.K / l_.groups;
      for (std::int64_t g = 0; g < l_.groups; ++g) {
        for (std::int64_t k = 0; k < out; ++k) {
          if (k % size == 0) sets_.push_back({{}, l_.C / l_.groups});
          sets_.back().filters.push_back(g * out + k);
        }
      }
      return;
    }
    const std::int64_t multiplier = l_.K / l_.C;
    for (std::int64_t pass = 0; pass < multiplier; ++pass) {
      std::int64_t units = 0;
      for (std::int64_t brick = 0; brick < l_.C; brick += lanes) {
        const std::int64_t end = std::min(brick + lanes, l_.C);
        for (std::int64_t c = brick; c < end; c += std::min(lanes, rows_)) {
          if (units++ % tiles == 0) sets_.emplace_back();
          for (std::int64_t i = c; i < std::min(c + std::min(lanes, rows_), end); ++i) {
            sets_.back().filters.push_back(i * multiplier + pass);
            ++sets_.back().channels;
          }
        }
      }
    }
  }

  /// Units that are complete with the first output rows.
  std::int64_t units(std::int64_t rows) const {
    if (one_window_) return rows;
    return rows == l_.N * l_.OH ? up(rows * l_.OW, columns_) : rows * l_.OW / columns_;
  }

  void walk(const Job& job) {
    const std::int64_t begin = units(job.band.begin), end = units(job.band.end);
    for (std::int64_t s = job.set_begin; s < job.set_end; ++s) {
      const NaiveSet& set = sets_.at(static_cast<std::size_t>(s));
      Count filters = 0;
      for (const std::int64_t k : set.filters)
        filters += job.set_end - job.set_begin > 1 || (k >= job.filter_begin && k < job.filter_end);
      cut = cut || filters < set.filters.size();
      std::int64_t turn_before = -1;
      for (std::int64_t unit = begin; unit < end; ++unit) {
        if (unit / turns_ != turn_before) {
          weights_read += filters * static_cast<Count>(l_.R * l_.S * (l_.C / l_.groups));
          shared_turn = shared_turn || (turn_before == -1 && unit % turns_ != 0);
        }
        turn_before = unit / turns_;
        const std::int64_t first = one_window_ ? unit : unit * columns_;
        const std::int64_t last = one_window_ ? first + 1 : std::min(first + columns_, l_.N * l_.OH * l_.OW);
        for (std::int64_t window = first; window < last; ++window)
          walk_window(window, set.channels);
      }
    }
  }

  void walk_window(std::int64_t window, std::int64_t channels) {
    const std::int64_t oy = window / l_.OW % l_.OH, ox = window % l_.OW;
    const std::int64_t f = plan_.folded ? l_.stride[0] : 1;
    for (std::int64_t r = 0; r < up(l_.R, f) * f; ++r) {
      for (std::int64_t s = 0; s < up(l_.S, f) * f; ++s) {
        const std::int64_t y = oy * l_.stride[0] + r * l_.dilation[0] - l_.pad_tblr[0];
        const std::int64_t x = ox * l_.stride[1] + s * l_.dilation[1] - l_.pad_tblr[2];
        if (y >= 0 && y < l_.H && x >= 0 && x < l_.W) activations_read += static_cast<Count>(channels);
      }
    }
  }

  LayerShape l_;
  const Plan& plan_;
  const DesignPoint& point_;
  int bits_;
  bool loom_, serial_, depthwise_, one_window_;
  std::int64_t columns_ = 1, rows_ = 1, turns_ = 1;
  std::vector<NaiveSet> sets_;
};

/// Values and groups of rows of a stream, from "Order, runs and blocks".
class NaiveStream {
 public:
  NaiveStream(const LayerShape& layer, bool weights, const DesignPoint& point)
      : l_(layer), weights_(weights), o_(point.stream) {}

  Count values = 0, groups = 0;

  /// `whole_blocks`: all rows of the blocks that these rows touch.
  void add(RowRange rows, bool whole_blocks) {
    std::vector<bool> wanted(static_cast<std::size_t>(row_count()));
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      wanted.at(static_cast<std::size_t>(row)) = true;
      for (std::int64_t other = 0; whole_blocks && other < row_count(); ++other)
        if (block_of(other) == block_of(row)) wanted[static_cast<std::size_t>(other)] = true;
    }
    for (std::int64_t row = 0; row < row_count(); ++row) {
      if (!wanted[static_cast<std::size_t>(row)]) continue;
      values += static_cast<Count>(row_values(row));
      groups += static_cast<Count>(row_groups(row));
    }
  }

  std::int64_t row_count() const {
    if (!weights_) return up(l_.C, o_.slice_channels) * l_.N * l_.H;
    return depthwise() ? l_.R * l_.S : l_.K;
  }

 private:
  bool depthwise() const { return l_.groups == l_.C && l_.C > 1; }
  std::int64_t slice_channels(std::int64_t row) const {
    const std::int64_t slice = row / (l_.N * l_.H);
    return std::min(o_.slice_channels, l_.C - slice * o_.slice_channels);
  }
  std::int64_t row_values(std::int64_t row) const {
    if (!weights_) return l_.W * slice_channels(row);
    return depthwise() ? l_.K : l_.R * l_.S * (l_.C / l_.groups);
  }
  std::int64_t row_groups(std::int64_t row) const {
    const std::int64_t g = o_.group;
    std::int64_t run = 0;
    if (!weights_) {
      run = slice_channels(row) >= g ? slice_channels(row) : row_values(row);
    } else {
      run = !depthwise() && l_.C / l_.groups >= g ? l_.C / l_.groups : row_values(row);
    }
    return row_values(row) / run * up(run, g);
  }
  std::pair<std::int64_t, std::int64_t> block_of(std::int64_t row) const {
    if (weights_) return {0, depthwise() ? row : row / o_.block_filters};
    const std::int64_t rows = l_.N * l_.H;
    return {row / rows, row % rows / up(o_.block_values, row_values(row))};
  }

  LayerShape l_;
  bool weights_;
  StreamOptions o_;
};

Count sum_of_rows(const std::optional<Fill>& fill, NaiveStream& stream) {
  const Count before = stream.values;
  if (fill) {
    for (const RowRange& rows : fill->rows)
      stream.add(rows, false);
  }
  return stream.values - before;
}

}  // namespace

TEST_CASE("actions of a small layer, by hand") {
  // The example of docs/contracts.md, "Energy".
  Network network;
  network.name = "hand";
  network.bits = 8;
  Layer layer;
  layer.name = "layer";
  layer.input = "in", layer.weight = "w", layer.output = "out";
  layer.shape.C = 3, layer.shape.W = layer.shape.OW = 3;
  const auto add = [&](const char* key, const Shape& shape, std::vector<std::uint8_t> codes) {
    Tensor& tensor = network.tensors[key];
    tensor.key = key;
    tensor.shape = shape;
    tensor.dtype = DType::uint8;
    tensor.data = std::move(codes);
  };
  add("in", {1, 3, 1, 3}, {1, 8, 3, 2, 0, 1, 1, 1, 7});
  add("w", {1, 3, 1, 1}, {1, 2, 3});
  add("out", {1, 1, 1, 3}, {1, 2, 3});
  network.layers.push_back(layer);
  const auto actions_of = [&](Settings settings) {
    settings.insert(
        {{"array.lanes", "2"}, {"array.columns", "2"}, {"array.rows", "2"}, {"array.tiles", "1"}});
    const DesignPoint point(parameters_of(settings));
    const Preparation preparation(network, point);
    const PreparedLayer& prepared = preparation.layers().front();
    return count_actions(prepared, point);
  };

  const ActionCounts serial = actions_of({{"array.design", "dpred-stripes"}, {"codec.name", "raw"}});
  CHECK(serial.dram_activation_read_bits == 8 * 32);
  CHECK(serial.dram_weight_read_bits == 8 * 32);
  CHECK(serial.dram_output_write_bits == 8 * 32);
  CHECK(serial.dram_control_read_bits == 8 * 256);
  CHECK(serial.activation_buffer_write_bytes == 9);
  CHECK(serial.activation_buffer_read_bytes == 9);
  CHECK(serial.weight_buffer_write_bytes == 3);
  CHECK(serial.weight_buffer_read_bytes == 6);
  CHECK(serial.output_buffer_write_bytes == 3);
  CHECK(serial.output_buffer_read_bytes == 3);
  CHECK(serial.multiplies == 0);
  CHECK(serial.serial_steps == 21);
  CHECK(serial.bit_products == 0);
  CHECK(serial.adder_bits == 13 * 32);
  CHECK(serial.register_bits == (9 + 6) * 8 + 13 * 32);
  CHECK(serial.decoded_bits == 0);
  CHECK(serial.encoded_bits == 0);
  CHECK(serial.detected_bits == 9 * 8);
  CHECK(serial.activation_groups + serial.weight_groups + serial.output_groups == 0);

  const ActionCounts parallel = actions_of({{"array.design", "bit-parallel"}, {"codec.name", "zvc"}});
  CHECK(parallel.multiplies == 9);
  CHECK(parallel.serial_steps == 0);
  CHECK(parallel.adder_bits == 9 * 16 + 6 * 32);
  CHECK(parallel.register_bits == (9 + 6) * 8 + 6 * 32);
  CHECK(parallel.decoded_bits == (9 + 3) * 8);
  CHECK(parallel.encoded_bits == 3 * 8);
  CHECK(parallel.detected_bits == 3 * 8);
  CHECK(parallel.activation_groups == 1);
  CHECK(parallel.weight_groups == 1);
  CHECK(parallel.output_groups == 1);

  // Weights are two bits wide; a narrow accumulator has 8 + 1 bits.
  const ActionCounts loom = actions_of({{"array.design", "dpred-loom"}, {"codec.name", "raw"}});
  CHECK(loom.bit_products == 2 * 21);
  CHECK(loom.adder_bits == 2 * 13 * 9 + 13 * 32);
}

TEST_CASE("actions are those of walks that count them one by one") {
  Random random(811);
  std::map<std::string, int> seen;
  for (int trial = 0; trial < 600; ++trial) {
    const Network network = random_network(random);
    Settings settings = random_settings(random);
    if (random.chance(50)) settings["array.fold"] = "auto";
    for (const char* buffer : {"buffer.activation_bytes", "buffer.weight_bytes", "buffer.output_bytes"})
      if (random.chance(50)) settings[buffer] = "100000";
    const DesignPoint point(parameters_of(settings));
    std::optional<Preparation> preparation;
    try {
      preparation.emplace(network, point);
    } catch (const InputError&) {
      continue;  // buffers that are too small
    }
    const Count code_bytes = static_cast<Count>(network.bits / 8);
    for (const PreparedLayer& layer : preparation->layers()) {
      INFO(trial << " " << layer.layer->name << " " << point.design->name << " " << point.codec->name());
      const ArraySlots& slots = layer.compute->slots();
      const ActionCounts counts = count_actions(layer, point);
      const LayerShape& shape = layer.layer->shape;

      REQUIRE(counts.dram_output_read_bits == 8 * layer.traffic.output_read_bytes);
      if (layer.plan.split) {
        Count read = 0, kept = 0;
        for (const Job& job : layer.plan.jobs) {
          for (std::int64_t i = job.set_begin; i < job.set_end; ++i) {
            const FilterSet& set = layer.compute->schedule().sets()[static_cast<std::size_t>(i)];
            Count filters = 0;
            for (const std::int64_t k : set.filters())
              filters += k >= job.filter_begin && k < job.filter_end;
            const Reduction& sums = job.reduction;
            const Count channels =
                shape.depthwise() ? filters : static_cast<Count>(sums.channel_end - sums.channel_begin);
            for (std::int64_t row = job.band.begin; row < job.band.end; ++row) {
              for (std::int64_t x = job.columns.begin; x < job.columns.end; ++x) {
                kept += filters * 4 * ((job.begins_sums ? 0 : 1) + (job.partials_out ? 1 : 0));
                for (std::int64_t tap = sums.tap_begin; tap < sums.tap_end; ++tap) {
                  const std::int64_t iy = shape.input_row(row % shape.OH, tap / shape.S);
                  const std::int64_t ix = shape.input_column(x, tap % shape.S);
                  if (iy >= 0 && iy < shape.H && ix >= 0 && ix < shape.W) read += channels;
                }
              }
            }
          }
        }
        REQUIRE(counts.activation_buffer_read_bytes == read * code_bytes);
        const Count results = layer.output == nullptr ? 0
                                                      : static_cast<Count>(shape.windows()) *
                                                            layer.descriptor.output_channels * code_bytes;
        REQUIRE(counts.output_buffer_read_bytes == results + kept);
        ++seen["split"];
        continue;
      }
      const NaiveActions naive(layer, point, network.bits);
      REQUIRE(counts.activation_buffer_read_bytes == naive.activations_read * code_bytes);
      REQUIRE(counts.weight_buffer_read_bytes == naive.weights_read * code_bytes);

      NaiveStream filled_a(shape, false, point), filled_w(shape, true, point);
      NaiveStream decoded_a(shape, false, point), decoded_w(shape, true, point);
      Count a = 0, w = 0;
      const auto decode = [&](const std::optional<Fill>& fill, const StreamDirectory& stream,
                              NaiveStream& decoded) {
        if (!fill || stream.plan().format.mode == TensorMode::raw) return;
        for (const RowRange& rows : fill->rows)
          if (rows.rows() > 0) decoded.add(rows, stream.plan().whole_blocks());
      };
      for (const Job& job : layer.plan.jobs) {
        a += sum_of_rows(job.activations, filled_a);
        w += sum_of_rows(job.weights, filled_w);
        decode(job.activations, *layer.streams.activation, decoded_a);
        decode(job.weights, *layer.streams.weight, decoded_w);
      }
      if (layer.plan.output_place) {  // left there for the next layer
        const Shape& out = layer.output->tensor->shape;
        a += static_cast<Count>(out[0] * out[1] * out[2] * out[3]);
      }
      REQUIRE(counts.activation_buffer_write_bytes == a * code_bytes);
      REQUIRE(counts.weight_buffer_write_bytes == w * code_bytes);
      REQUIRE(counts.decoded_bits == (decoded_a.values + decoded_w.values) * 8 * code_bytes);
      Count outputs = 0, encoded_groups = 0, encoded = 0;
      if (layer.output != nullptr) {
        const Shape& out = layer.output->tensor->shape;
        outputs = static_cast<Count>(out[0] * out[1] * out[2] * out[3]);
        if (layer.plan.output_in_memory && layer.output->coded.format.mode != TensorMode::raw) {
          LayerShape as_input;
          as_input.N = out[0], as_input.C = out[1], as_input.H = out[2], as_input.W = out[3];
          NaiveStream stream(as_input, false, point);
          stream.add({0, stream.row_count()}, false);
          encoded = stream.values;
          encoded_groups = stream.groups;
          REQUIRE(encoded == outputs);
        }
      }
      REQUIRE(counts.output_buffer_write_bytes == outputs * code_bytes);
      REQUIRE(counts.output_buffer_read_bytes == outputs * code_bytes);
      REQUIRE(counts.encoded_bits == encoded * 8 * code_bytes);
      REQUIRE(counts.activation_groups == decoded_a.groups);
      REQUIRE(counts.weight_groups == decoded_w.groups);
      REQUIRE(counts.output_groups == encoded_groups);
      const bool run_time = point.design->name == "dpred-stripes" || point.design->name == "loom-dynamic" ||
                            point.design->name == "dpred-loom";
      REQUIRE(counts.detected_bits == (encoded + (run_time ? a : 0)) * 8 * code_bytes);

      REQUIRE(counts.dram_activation_read_bits == 8 * layer.traffic.activation_read_bytes);
      REQUIRE(counts.dram_weight_read_bits == 8 * layer.traffic.weight_read_bytes);
      REQUIRE(counts.dram_output_write_bits == 8 * layer.traffic.output_write_bytes);

      // The array's from the slots, which have tests of their own.
      const auto active =
          static_cast<Count>(slots.of(SlotCause::useful) + slots.of(SlotCause::width_padding));
      const auto in_steps = static_cast<Count>(slots.in_steps()), passes = static_cast<Count>(slots.passes());
      const bool loom = point.design->name.find("loom") != std::string::npos;
      const bool parallel = point.design->name == "bit-parallel";
      const Count bits = static_cast<Count>(network.bits);
      REQUIRE(counts.multiplies == (parallel ? active / bits : 0));
      REQUIRE(counts.serial_steps == (parallel || loom ? 0 : active));
      REQUIRE(counts.bit_products == (loom ? active : 0));
      Count accumulated = 32 * passes;
      if (loom) {
        Count log = 0;
        while ((Count{1} << log) < static_cast<Count>(point.geometry.lanes))
          ++log;
        accumulated += in_steps * (bits + log);
      }
      REQUIRE(counts.adder_bits == accumulated + (parallel ? active / bits * 2 * bits : 0));
      REQUIRE(counts.register_bits == accumulated + bits * (naive.activations_read + naive.weights_read));

      ++seen[std::string(point.design->name)];
      seen["cut sets"] += naive.cut;
      seen["shared turns"] += naive.shared_turn;
      seen["folded"] += layer.plan.folded;
      seen["depthwise"] += shape.depthwise();
      seen["one window"] += shape.single_window();
      seen["several jobs"] += layer.plan.jobs.size() > 1;
      seen["whole blocks"] += layer.streams.activation->plan().whole_blocks();
      seen["decoded"] += counts.decoded_bits > 0;
      seen["encoded"] += counts.encoded_bits > 0;
    }
  }
  CHECK(seen.size() == 16);
  for (const auto& [kind, count] : seen) {
    CAPTURE(kind, count);
    CHECK(count >= 8);
  }
}

TEST_CASE("banks are counted by what the array reads at a time") {
  const auto banks = [](Settings settings) {
    const EnergyPoint point = energy_point(DesignPoint(parameters_of(settings)), 8);
    return std::vector<double>{point.activation_bank, point.weight_bank, point.output_bank};
  };
  using Banks = std::vector<double>;
  // 8 columns x 16 lanes, 16 rows x 4 tiles x 16 lanes, 16 results: 8, 64 and 1 words.
  CHECK(banks({}) == Banks{32768, 4096, 65536});
  CHECK(banks({{"array.design", "bit-parallel"}}) == Banks{262144, 4096, 65536});
  CHECK(banks({{"array.design", "loom"}}) == Banks{32768, 512, 65536});
  CHECK(banks({{"array.tile_split", "windows"}}) == Banks{8192, 16384, 65536});
  CHECK(banks({{"buffer.weight_banks", "2"}, {"buffer.output_bytes", "1024"}}) == Banks{32768, 131072, 1024});
}
