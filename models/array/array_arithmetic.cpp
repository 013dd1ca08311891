#include "models/array/array_arithmetic.h"

#include <algorithm>

#include "models/array/step_time.h"
#include "workloads/divide_up.h"

// Three times the speed of the loom kind on processors that count ones in one instruction.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DPRED_WITH_POPCNT __attribute__((target_clones("popcnt", "default")))
#else
#define DPRED_WITH_POPCNT
#endif

namespace dpred {

namespace {

constexpr std::int64_t word_lanes = 64;
constexpr std::int64_t block_filters = 16;  ///< filters that take a bit plane at a time

/// The largest magnitude that a width allows.
std::int64_t magnitude(int width, bool is_signed) {
  return is_signed ? std::int64_t{1} << (width - 1) : (std::int64_t{1} << width) - 1;
}

bool fits_16_bits(int width, bool is_signed) {
  return width <= (is_signed ? 16 : 15);
}

/// The accumulator at the end of a step.
void add_step(std::int64_t step, std::int64_t& sum, std::uint8_t& state) {
  sum += step;
  const auto kept = static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum)));
  if (kept != sum) state |= Accumulators::overflowed;
  sum = kept;
}

/// What a bit of a value of `width` bits stands for.
std::int64_t weight_of_bit(int bit, int width, bool is_signed) {
  const std::int64_t power = std::int64_t{1} << bit;
  return is_signed && bit == width - 1 ? -power : power;
}

/// a * b with the bits of `a` taken one after another.
std::int64_t serial_product(std::int32_t a, int width, bool is_signed, std::int64_t b) {
  std::int64_t product = 0;
  for (int bit = 0; bit < width; ++bit) {
    if ((a >> bit & 1) != 0) product += b * weight_of_bit(bit, width, is_signed);
  }
  return product;
}

}  // namespace

Multiplication multiplication_of(const ComputeDesign& design) {
  if (design.serial_weights()) return Multiplication::serial;
  return design.serial_activations() ? Multiplication::serial_activations : Multiplication::whole;
}

ArrayArithmetic::ArrayArithmetic(Multiplication multiplication, std::int64_t lanes, const Layer& layer)
    : multiplication_(multiplication),
      lanes_(lanes),
      layer_(layer),
      taps_(layer.shape.R * layer.shape.S),
      channels_(layer.shape.channels_per_group()),
      activations_(static_cast<std::size_t>(volume(layer.shape.input()))),
      weights_(static_cast<std::size_t>(volume(layer.shape.weight()))),
      positions_(static_cast<std::size_t>(taps_)),
      patch_(static_cast<std::size_t>(taps_ * channels_)) {
  const LayerPrecision& precision = layer.precision;
  const std::int64_t largest_product = magnitude(precision.activation_width, layer.activation_signed) *
                                       magnitude(precision.weight_width, layer.weight_signed);
  narrow_ = largest_product <= 0x7fffffff / (taps_ * channels_);
  if (multiplication == Multiplication::whole) {
    narrow_ = narrow_ && fits_16_bits(precision.activation_width, layer.activation_signed) &&
              fits_16_bits(precision.weight_width, layer.weight_signed);
  }
  // Where a sum may leave 32 bits, each step is looked at: words stay within bricks.
  const std::int64_t values = taps_ * channels_;
  for (std::int64_t at = 0; at < values;) {
    const std::int64_t channel = at % channels_;
    const std::int64_t to_brick_end = std::min(lanes - channel % lanes, channels_ - channel);
    const std::int64_t end = narrow_ ? values : at + to_brick_end;
    const std::int64_t stop = std::min(at + word_lanes, end);
    words_.push_back({at, stop - at, stop == end});
    at = stop;
  }
}

void ArrayArithmetic::compute(RowRange rows, const FilterSet& set, std::int64_t filter_begin,
                              std::int64_t filter_end, Accumulators& accumulators) {
  if (rows.rows() == 0 || !choose_filters(set, filter_begin, filter_end)) return;
  const std::int64_t first = filters_.front();
  const std::int64_t step = set.filter_step;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t ox = 0; ox < layer_.shape.OW; ++ox) {
      std::fill(states_.begin(), states_.end(), std::uint8_t{Accumulators::computed});
      gather(row, ox);
      multiply();
      const std::int64_t window = row * layer_.shape.OW + ox;
      for (std::size_t f = 0; f < filters_.size(); ++f) {
        const std::size_t at = accumulators.at(window, first + static_cast<std::int64_t>(f) * step);
        accumulators.sums[at] = sums_[f];
        accumulators.states[at] = states_[f];
      }
    }
  }
}

void ArrayArithmetic::add(RowRange rows, RowRange columns, const std::vector<PatchRange>& products,
                          const FilterSet& set, std::int64_t filter_begin, std::int64_t filter_end,
                          Accumulators& accumulators) {
  if (!choose_filters(set, filter_begin, filter_end)) return;
  const std::int64_t first = filters_.front();
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t ox = columns.begin; ox < columns.end; ++ox) {
      std::fill(states_.begin(), states_.end(), std::uint8_t{Accumulators::computed});
      gather(row, ox);
      leave(products);
      multiply();
      const std::int64_t window = row * layer_.shape.OW + ox;
      for (std::size_t f = 0; f < filters_.size(); ++f) {
        const std::size_t at =
            accumulators.at(window, first + static_cast<std::int64_t>(f) * set.filter_step);
        std::int64_t sum = accumulators.sums[at];
        add_step(sums_[f], sum, states_[f]);
        accumulators.sums[at] = static_cast<std::int32_t>(sum);
        accumulators.states[at] |= states_[f];
      }
    }
  }
}

/// Whether there are filters to compute.
bool ArrayArithmetic::choose_filters(const FilterSet& set, std::int64_t filter_begin,
                                     std::int64_t filter_end) {
  filters_.clear();
  for (const std::int64_t k : set.filters()) {
    if (k >= filter_begin && k < filter_end) filters_.push_back(k);
  }
  if (filters_.empty()) return false;
  load_filters(set);
  sums_.resize(filters_.size());
  states_.resize(filters_.size());
  return true;
}

/// Makes zeros of a window's values but those of the products.
void ArrayArithmetic::leave(const std::vector<PatchRange>& products) {
  std::int64_t end = 0;
  const auto clear = [&](std::int64_t begin, std::int64_t past) {
    if (layer_.shape.depthwise()) {
      std::fill(positions_.begin() + begin, positions_.begin() + past, -1);
    } else {
      std::fill(patch_.begin() + begin, patch_.begin() + past, 0);
    }
  };
  for (const PatchRange& range : products) {
    clear(end, range.begin);
    end = range.end;
  }
  clear(end, taps_ * channels_);
}

void ArrayArithmetic::load_filters(const FilterSet& set) {
  if (layer_.shape.depthwise()) {
    load_depthwise_widths(set);
  } else if (multiplication_ == Multiplication::serial) {
    load_planes(set);
  } else if (multiplication_ == Multiplication::serial_activations) {
    load_blocks();
  } else if (narrow_) {
    load_rows();
  }
}

void ArrayArithmetic::multiply() {
  if (layer_.shape.depthwise()) {
    multiply_depthwise();
  } else if (multiplication_ == Multiplication::serial) {
    make_planes();
    multiply_serial();
  } else if (multiplication_ == Multiplication::serial_activations) {
    make_planes();
    if (narrow_) {
      multiply_serial_activations<std::uint32_t>();
    } else {
      multiply_serial_activations<std::int64_t>();
    }
  } else if (narrow_) {
    multiply_whole_narrow();
  } else {
    multiply_whole();
  }
}

void ArrayArithmetic::load_rows() {
  rows16_.clear();
  for (const std::int64_t k : filters_) {
    const std::int32_t* values = weights(k, 0);
    for (std::int64_t i = 0; i < taps_ * channels_; ++i)
      rows16_.push_back(static_cast<std::int16_t>(values[i]));
  }
}

void ArrayArithmetic::load_blocks() {
  const std::int64_t values = taps_ * channels_;
  const auto filters = static_cast<std::int64_t>(filters_.size());
  const std::int64_t blocks = divide_up(filters, block_filters);
  blocks_.assign(static_cast<std::size_t>(blocks * values * block_filters), 0);
  for (std::int64_t f = 0; f < filters; ++f) {
    const std::int32_t* row = weights(filters_[static_cast<std::size_t>(f)], 0);
    std::int32_t* block = blocks_.data() + f / block_filters * values * block_filters + f % block_filters;
    for (std::int64_t i = 0; i < values; ++i)
      block[i * block_filters] = row[i];
  }
}

void ArrayArithmetic::load_planes(const FilterSet& set) {
  weight_planes_.clear();
  weight_plane_begin_.clear();
  // All rows take as many bits as the widest brick of the set has.
  std::vector<std::uint8_t> widths(patch_.size(), static_cast<std::uint8_t>(layer_.precision.weight_width));
  if (layer_.weight_widths != nullptr) {
    const std::int64_t bricks = divide_up(channels_, lanes_);
    const std::vector<std::uint8_t> widest =
        widest_weights(*layer_.weight_widths, taps_, bricks, set.filters());
    for (std::int64_t tap = 0; tap < taps_; ++tap) {
      for (std::int64_t c = 0; c < channels_; ++c)
        widths[static_cast<std::size_t>(tap * channels_ + c)] =
            widest[static_cast<std::size_t>(tap * bricks + c / lanes_)];
    }
  }
  for (const std::int64_t k : filters_)
    append_planes(weights(k, 0), widths.data(), layer_.weight_signed, weight_planes_, weight_plane_begin_);
}

/// A tile takes as many bits as its unit's widest weight has; here, all tiles of the set the most that one
/// takes, which are copies of the sign to the others.
void ArrayArithmetic::load_depthwise_widths(const FilterSet& set) {
  if (layer_.weight_widths != nullptr) {
    tap_widths_ = widest_weights(*layer_.weight_widths, taps_, 1, set.filters());
  } else {
    tap_widths_.assign(static_cast<std::size_t>(taps_),
                       static_cast<std::uint8_t>(layer_.precision.weight_width));
  }
}

/// Takes a window's values for the filters at hand, which are all of one conv group.
void ArrayArithmetic::gather(std::int64_t row, std::int64_t ox) {
  const LayerShape& shape = layer_.shape;
  const std::int64_t n = row / shape.OH;
  const std::int64_t oy = row % shape.OH;
  const std::int64_t channel = filters_.front() / shape.filters_per_group() * channels_;
  std::int32_t* patch = patch_.data();
  std::size_t tap = 0;
  for (std::int64_t r = 0; r < shape.R; ++r) {
    const std::int64_t y = shape.input_row(oy, r);
    for (std::int64_t s = 0; s < shape.S; ++s, ++tap, patch += channels_) {
      const std::int64_t x = shape.input_column(ox, s);
      const bool inside = y >= 0 && y < shape.H && x >= 0 && x < shape.W;
      positions_[tap] = inside ? (n * shape.H + y) * shape.W + x : -1;
      if (shape.depthwise()) continue;
      if (inside) {
        std::copy_n(activations(positions_[tap]) + channel, channels_, patch);
      } else {
        std::fill_n(patch, channels_, 0);
      }
    }
  }
}

void ArrayArithmetic::make_planes() {
  patch_widths_.assign(patch_.size(), static_cast<std::uint8_t>(layer_.precision.activation_width));
  if (const BrickMap* map = layer_.activation_widths; map != nullptr) {
    const std::int64_t channel = filters_.front() / layer_.shape.filters_per_group() * channels_;
    const std::int64_t first_brick = map->shape().brick_of(channel);
    std::uint8_t* width = patch_widths_.data();
    for (const std::int64_t position : positions_) {
      if (position >= 0) {
        for (std::int64_t c = 0; c < channels_; ++c)
          width[c] = map->at(position)[first_brick + c / lanes_];
      }
      width += channels_;
    }
  }
  planes_.clear();
  plane_begin_.clear();
  append_planes(patch_.data(), patch_widths_.data(), layer_.activation_signed, planes_, plane_begin_);
}

/// Planes without a bit are left out.
void ArrayArithmetic::append_planes(const std::int32_t* values, const std::uint8_t* widths, bool is_signed,
                                    std::vector<Plane>& planes, std::vector<std::size_t>& begin) const {
  for (const Word& word : words_) {
    std::uint64_t positive[32] = {}, negative[32] = {};
    for (std::int64_t lane = 0; lane < word.lanes; ++lane) {
      const int width = widths[word.begin + lane];
      const std::uint32_t sign = is_signed ? 1u << (width - 1) : 0;
      std::uint32_t bits = static_cast<std::uint32_t>(values[word.begin + lane]) & ((1u << width) - 1);
      const std::uint64_t mask = std::uint64_t{1} << lane;
      if ((bits & sign) != 0) negative[width - 1] |= mask;
      for (bits &= ~sign; bits != 0; bits &= bits - 1)
        positive[__builtin_ctz(bits)] |= mask;
    }
    begin.push_back(planes.size());
    for (int bit = 0; bit < 32; ++bit) {
      const std::int64_t power = std::int64_t{1} << bit;
      if (positive[bit] != 0) planes.push_back({positive[bit], power});
      if (negative[bit] != 0) planes.push_back({negative[bit], -power});
    }
  }
  begin.push_back(planes.size());
}

void ArrayArithmetic::multiply_whole_narrow() {
  patch16_.resize(patch_.size());
  for (std::size_t i = 0; i < patch_.size(); ++i)
    patch16_[i] = static_cast<std::int16_t>(patch_[i]);
  const std::size_t values = patch_.size();
  const std::int16_t* a = patch16_.data();
  const std::int16_t* w = rows16_.data();
  for (std::size_t f = 0; f < filters_.size(); ++f, w += values) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < values; ++i)
      sum += static_cast<std::uint32_t>(std::int32_t{a[i]} * w[i]);
    sums_[f] = static_cast<std::int32_t>(sum);
  }
}

void ArrayArithmetic::multiply_whole() {
  for (std::size_t f = 0; f < filters_.size(); ++f) {
    const std::int32_t* w = weights(filters_[f], 0);
    const std::int32_t* a = patch_.data();
    std::int64_t sum = 0, step = 0;
    for (const Word& word : words_) {
      for (std::int64_t lane = 0; lane < word.lanes; ++lane)
        step += std::int64_t{*a++} * *w++;
      if (!word.ends_step) continue;
      add_step(step, sum, states_[f]);
      step = 0;
    }
    sums_[f] = static_cast<std::int32_t>(sum);
  }
}

/// A bit plane of the activations selects the weights that are added up. Sums of 32 bits serve where none can
/// leave them.
template <class Sum>
void ArrayArithmetic::multiply_serial_activations() {
  constexpr bool checked = sizeof(Sum) > 4;
  for (std::size_t first = 0; first < filters_.size(); first += block_filters) {
    const std::int32_t* block = blocks_.data() + first * patch_.size();
    Sum step[block_filters] = {};
    std::int64_t sum[block_filters] = {};
    std::uint8_t state[block_filters] = {};
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::int32_t* values = block + words_[i].begin * block_filters;
      for (std::size_t p = plane_begin_[i]; p < plane_begin_[i + 1]; ++p) {
        const Plane& plane = planes_[p];
        std::uint32_t selected[block_filters] = {};
        for (std::uint64_t bits = plane.bits; bits != 0; bits &= bits - 1) {
          const std::int32_t* lane = values + __builtin_ctzll(bits) * block_filters;
          for (int f = 0; f < block_filters; ++f)
            selected[f] += static_cast<std::uint32_t>(lane[f]);
        }
        const int shift = __builtin_ctzll(static_cast<std::uint64_t>(plane.weight));
        for (int f = 0; f < block_filters; ++f) {
          if constexpr (checked) {
            step[f] += static_cast<std::int32_t>(selected[f]) * plane.weight;
          } else {
            const Sum shifted = selected[f] << shift;
            step[f] += plane.weight < 0 ? 0 - shifted : shifted;
          }
        }
      }
      if (!checked || !words_[i].ends_step) continue;
      for (int f = 0; f < block_filters; ++f) {
        add_step(static_cast<std::int64_t>(step[f]), sum[f], state[f]);
        step[f] = 0;
      }
    }
    for (std::size_t f = first; f < std::min(filters_.size(), first + block_filters); ++f) {
      sums_[f] =
          static_cast<std::int32_t>(checked ? sum[f - first] : static_cast<std::int64_t>(step[f - first]));
      states_[f] |= state[f - first];
    }
  }
}

DPRED_WITH_POPCNT void ArrayArithmetic::multiply_serial() {
  const std::size_t* begin = weight_plane_begin_.data();
  for (std::size_t f = 0; f < filters_.size(); ++f, begin += words_.size() + 1) {
    std::int64_t sum = 0, step = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::size_t p = plane_begin_[i]; p < plane_begin_[i + 1]; ++p) {
        std::int64_t ones = 0;
        for (std::size_t w = begin[i]; w < begin[i + 1]; ++w)
          ones += __builtin_popcountll(planes_[p].bits & weight_planes_[w].bits) * weight_planes_[w].weight;
        step += ones * planes_[p].weight;
      }
      if (!words_[i].ends_step) continue;
      add_step(step, sum, states_[f]);
      step = 0;
    }
    sums_[f] = static_cast<std::int32_t>(sum);
  }
}

/// A filter of a depthwise layer has one lane.
void ArrayArithmetic::multiply_depthwise() {
  const std::int64_t multiplier = layer_.shape.filters_per_group();
  const BrickMap* map = layer_.activation_widths;
  for (std::size_t f = 0; f < filters_.size(); ++f) {
    const std::int64_t channel = filters_[f] / multiplier;
    const std::int32_t* w = weights(filters_[f], 0);
    std::int64_t sum = 0;
    for (std::size_t tap = 0; tap < positions_.size(); ++tap) {
      const std::int64_t position = positions_[tap];
      if (position < 0) continue;
      const std::int32_t a = activations(position)[channel];
      std::int64_t product = std::int64_t{a} * w[tap];
      if (multiplication_ != Multiplication::whole) {
        const int width = map == nullptr ? layer_.precision.activation_width
                                         : map->at(position)[map->shape().brick_of(channel)];
        const std::int64_t weight = multiplication_ == Multiplication::serial
                                        ? serial_product(w[tap], tap_widths_[tap], layer_.weight_signed, 1)
                                        : w[tap];
        product = serial_product(a, width, layer_.activation_signed, weight);
      }
      add_step(product, sum, states_[f]);
    }
    sums_[f] = static_cast<std::int32_t>(sum);
  }
}

}  // namespace dpred
