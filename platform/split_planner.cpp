#include "platform/split_planner.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "platform/split_builder.h"
#include "platform/split_price.h"
#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// n, n/2, n/4, ... 1, rounded up.
std::vector<std::int64_t> halvings(std::int64_t n) {
  std::vector<std::int64_t> sizes = {n};
  while (sizes.back() > 1)
    sizes.push_back(divide_up<std::int64_t>(sizes.back(), 2));
  return sizes;
}

/// Sizes of parts of `all` in units: every size if that is few, else those that give other numbers of parts.
std::vector<std::int64_t> part_sizes(std::int64_t all, std::int64_t unit, bool every) {
  std::set<std::int64_t> sizes;
  const std::int64_t units = divide_up(all, unit);
  for (std::int64_t n = 1; n <= units; ++n)
    sizes.insert(std::min(all, unit * (every ? n : divide_up(units, n))));
  return {sizes.begin(), sizes.end()};
}

/// Numbers of channels that sums are cut into where nothing larger fits: halves of the channels in whole
/// bricks, of a brick in whole codec groups, and slices.
std::set<std::int64_t> channel_parts(const PlanCuts& cuts) {
  std::set<std::int64_t> parts;
  const std::int64_t channels = cuts.input().shape.channels_per_group();
  const StreamOptions& options = cuts.activations().layout().options();
  const std::int64_t lanes = std::min(cuts.input().lanes, channels);
  const std::int64_t group = std::min(options.group, channels);
  for (const std::int64_t bricks : halvings(divide_up(channels, lanes)))
    parts.insert(std::min(channels, bricks * lanes));
  for (const std::int64_t groups : halvings(divide_up(lanes, group)))
    parts.insert(std::min(channels, groups * group));
  parts.insert(std::min(channels, options.slice_channels));
  return parts;
}

class SplitSearch {
 public:
  SplitSearch(const PlanCuts& cuts, std::uint64_t burst)
      : cuts_(cuts), split_(cuts), pricer_(split_, burst), burst_(burst), shape_(cuts.input().shape) {}

  /// Whole rows of output, sums cut over input channels.
  std::optional<Plan> over_channels(const PlanPrice& bound) {
    const std::int64_t channels = shape_.channels_per_group();
    if (shape_.depthwise() || channels <= cuts_.input().lanes) return std::nullopt;
    lowest_ = bound;
    PlanPricer rows(cuts_, burst_);
    activation_floor_ = rows.activation_floor();
    weight_floor_ = rows.weight_floor();
    if (activation_floor_ + weight_floor_ >= std::get<0>(bound)) return std::nullopt;
    const auto sets = static_cast<std::int64_t>(cuts_.input().schedule->sets().size());
    const std::int64_t chunks = divide_up(channels, cuts_.input().lanes);
    constexpr std::int64_t few = 2000;
    const bool every = sets * chunks <= few && sets * chunks * cuts_.output_rows() <= few;
    if (every) {
      for (std::int64_t size = 1; size <= sets; ++size)
        add_groups(cuts_.grouping(size));
      for (std::int64_t rows = 1; rows <= cuts_.output_rows(); ++rows)
        tiles_.push_back(tiles_of(shape_, rows, shape_.OW));
    } else {
      for (const auto& groups : cuts_.groupings())
        add_groups(groups);
      for (const Bands& bands : cuts_.bands())
        tiles_.push_back(tiles_of(shape_, bands.size, shape_.OW));
    }
    for (const std::int64_t size : part_sizes(channels, cuts_.input().lanes, every)) {
      if (size < channels) reductions_.push_back(reductions_of(shape_, size, shape_.R, shape_.S));
    }
    visit([&](const SplitChoice& choice) {
      if (floor_of(choice) >= std::get<0>(*lowest_)) return;
      take(choice, pricer_.price_of(choice));
    });
    return build();
  }

  /// Jobs as small as one group of channels, one tap, one filter and one output position.
  std::optional<Plan> down_to_groups() {
    for (const auto& groups : cuts_.groupings())
      add_groups(groups);
    const std::vector<FilterSet>& sets = cuts_.input().schedule->sets();
    for (const std::int64_t filters :
         halvings(divide_up(sets[0].filter_end - sets[0].filter_begin, sets[0].filter_step)))
      groups_.push_back(split_.parts_of_sets(filters));
    for (const std::int64_t rows : halvings(cuts_.output_rows()))
      tiles_.push_back(tiles_of(shape_, rows, shape_.OW));
    for (const std::int64_t columns : halvings(shape_.OW)) {
      if (columns < shape_.OW) tiles_.push_back(tiles_of(shape_, 1, columns));
    }
    for (const std::int64_t chunk : channel_parts(cuts_)) {
      for (const std::int64_t tap_rows : halvings(shape_.R))
        reductions_.push_back(reductions_of(shape_, chunk, tap_rows, shape_.S));
      for (const std::int64_t tap_columns : halvings(shape_.S)) {
        if (tap_columns < shape_.S) reductions_.push_back(reductions_of(shape_, chunk, 1, tap_columns));
      }
    }
    std::vector<std::pair<double, SplitChoice>> guesses;
    visit([&](const SplitChoice& choice) {
      if (may_fit(choice)) guesses.emplace_back(pricer_.estimate_of(choice), choice);
    });
    std::stable_sort(guesses.begin(), guesses.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    // The best guesses are looked at closely: the fewer, the larger the layer.
    constexpr std::size_t enough = 16, needs_at_most = 400000;
    std::size_t priced = 0, needs = 0;
    for (const auto& [guess, choice] : guesses) {
      const std::optional<PlanPrice> price = pricer_.price_of(choice);
      needs += choice.tiles->size() * choice.reductions->size();
      if (!price) continue;
      take(choice, price);
      if (++priced == enough || needs > needs_at_most) break;
    }
    return build();
  }

 private:
  void add_groups(std::vector<FilterGroup> groups) {
    if (!groups.empty()) groups_.push_back(std::move(groups));
  }

  /// All combinations; with several reductions over channels only groups that read one conv group.
  template <class Visit>
  void visit(Visit&& visit) {
    for (const auto& groups : groups_) {
      const bool one_conv_group = std::all_of(groups.begin(), groups.end(), [&](const FilterGroup& group) {
        return group.channel_end - group.channel_begin == shape_.channels_per_group();
      });
      for (const auto& tiles : tiles_) {
        for (const auto& reductions : reductions_) {
          const bool cuts_channels = reductions.front().channel_end < shape_.channels_per_group();
          if (cuts_channels && !one_conv_group) continue;
          for (const LoopOrder order : {LoopOrder::weights_outer, LoopOrder::activations_outer}) {
            for (const bool spill : {false, true}) {
              if (spill && reductions.size() == 1) continue;
              for (const int resident : {0, 1, 2, 3}) {
                visit(SplitChoice{order, spill, resident % 2 != 0, resident / 2 != 0, &groups, &tiles,
                                  &reductions});
              }
            }
          }
        }
      }
    }
  }

  void take(const SplitChoice& choice, const std::optional<PlanPrice>& price) {
    if (!price || (lowest_ && !(*price < *lowest_))) return;
    if (lowest_ && !best_ && std::get<0>(*price) >= std::get<0>(*lowest_)) return;  // whole rows are simpler
    lowest_ = price;
    best_ = choice;
  }

  std::optional<Plan> build() const {
    if (!best_) return std::nullopt;
    return build_split_plan(split_, *best_, burst_);
  }

  /// No choice moves less.
  std::uint64_t floor_of(const SplitChoice& choice) const {
    const auto again = [&](std::uint64_t once, std::uint64_t kept, std::size_t times) {
      return once + (once > kept ? once - kept : 0) * (times - 1);
    };
    const bool stay = !choice.partials_spill;
    std::uint64_t floor = pricer_.partial_traffic(choice);
    const bool inputs_again = shape_.groups == 1 && !choice.activations_resident &&
                              (stay || choice.order == LoopOrder::weights_outer);
    const std::uint64_t kept = burst_ * cuts_.activations().layout().sections().size();
    floor += again(activation_floor_, kept, inputs_again ? choice.groups->size() : 1);
    const bool weights_again =
        !choice.weights_resident && (stay || choice.order == LoopOrder::activations_outer);
    return floor +
           again(weight_floor_, burst_ * choice.groups->size(), weights_again ? choice.tiles->size() : 1);
  }

  /// Whether the largest job fits, by its values; of compressed buffers that says little.
  bool may_fit(const SplitChoice& choice) const {
    const bool expanded = cuts_.buffers().store == BufferStore::expanded;
    const auto code_bytes = cuts_.input().output_bytes_per_value;
    const Reduction& reduction = choice.reductions->front();
    const Tile& tile = choice.tiles->front();
    if (!pricer_.fits_output(choice)) return false;
    if (!expanded) return true;
    const std::int64_t tap_rows = (reduction.tap_end - 1) / shape_.S + 1;
    const std::int64_t tap_columns = tap_rows == 1 ? reduction.tap_end : shape_.S;
    const auto extent = [](std::int64_t outputs, std::int64_t stride, std::int64_t taps,
                           std::int64_t dilation) {
      return (outputs - 1) * stride + (taps - 1) * dilation + 1;
    };
    for (const FilterGroup& group : *choice.groups) {
      const RowRange channels = split_.channels(group, reduction);
      const std::int64_t images = divide_up(tile.rows.rows(), shape_.OH);
      const std::int64_t rows = std::min(
          images * shape_.H,
          extent(std::min(tile.rows.rows(), shape_.OH), shape_.stride[0], tap_rows, shape_.dilation[0]) *
              images);
      const std::int64_t columns =
          std::min(shape_.W, extent(tile.columns.rows(), shape_.stride[1], tap_columns, shape_.dilation[1]));
      const auto input = static_cast<std::uint64_t>(rows * columns * channels.rows() * code_bytes);
      if (!choice.activations_resident && input > cuts_.buffers().activation / 2) return false;
      const std::int64_t taps = reduction.tap_end - reduction.tap_begin;
      const std::int64_t filters = shape_.depthwise() ? group.filter_end - group.filter_begin : group.filters;
      const auto weights = static_cast<std::uint64_t>(
          filters * taps * (reduction.channel_end - reduction.channel_begin) * code_bytes);
      if (!choice.weights_resident && weights > cuts_.buffers().weight / 2) return false;
    }
    return true;
  }

  const PlanCuts& cuts_;
  SplitCuts split_;
  SplitPricer pricer_;
  std::uint64_t burst_;
  const LayerShape& shape_;
  // Choices refer to these.
  std::deque<std::vector<FilterGroup>> groups_;
  std::deque<std::vector<Tile>> tiles_;
  std::deque<std::vector<Reduction>> reductions_;
  std::uint64_t activation_floor_ = 0, weight_floor_ = 0;
  std::optional<PlanPrice> lowest_;
  std::optional<SplitChoice> best_;
};

}  // namespace

std::optional<Plan> split_plan(const PlanCuts& cuts, std::uint64_t burst,
                               const std::optional<PlanPrice>& bound) {
  SplitSearch search(cuts, burst);
  return bound ? search.over_channels(*bound) : search.down_to_groups();
}

}  // namespace dpred
