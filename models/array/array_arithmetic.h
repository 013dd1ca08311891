// What the rows of an array compute: sums of products, taken apart into bits as the design's hardware does
// it.
#pragma once

#include <cstdint>
#include <vector>

#include "models/array/computed_layer.h"
#include "models/array/design.h"
#include "models/array/layer_schedule.h"
#include "models/codec/stream_directory.h"
#include "models/precision/brick_map.h"

namespace dpred {

/// How a lane multiplies.
enum class Multiplication : std::uint8_t {
  whole,               ///< both operands at once: bit-parallel
  serial_activations,  ///< a bit of the activation at a time, ANDed with the whole weight: the stripes kind
  serial               ///< a bit of each at a time: the loom kind
};

Multiplication multiplication_of(const ComputeDesign& design);

/// Products [begin, end) of a window, in the order of taps r * S + s, then channels of the conv group.
struct PatchRange {
  std::int64_t begin = 0, end = 0;
};

/// The arithmetic of one layer: keeps the centred values that have arrived and computes accumulators from
/// them. A step's lanes are summed up in full; its sum is added to a 32-bit accumulator, and one that leaves
/// 32 bits is marked. Serial operands are taken in two's complement, the top bit negative in a signed tensor,
/// and no bit beyond the brick's width is taken: a width that is too small gives another result.
class ArrayArithmetic {
 public:
  struct Layer {
    LayerShape shape;
    LayerPrecision precision;
    bool activation_signed = false, weight_signed = false;
    /// Widths of bricks, for designs that take them from there; null: Pa, or Pw. Both outlive the object.
    const BrickMap* activation_widths = nullptr;
    const BrickMap* weight_widths = nullptr;
  };

  ArrayArithmetic(Multiplication multiplication, std::int64_t lanes, const Layer& layer);

  /// The C centred values of an input position (n * H + y) * W + x: zeros until they are written.
  std::int32_t* activations(std::int64_t position) { return activations_.data() + position * layer_.shape.C; }
  /// The C/groups centred values of filter k at tap r * S + s.
  std::int32_t* weights(std::int64_t k, std::int64_t tap) {
    return weights_.data() + (k * taps_ + tap) * channels_;
  }

  /// Computes output rows (n * OH + oy) for those of the set's filters that lie in [filter_begin,
  /// filter_end). `accumulators` is of this layer.
  void compute(RowRange rows, const FilterSet& set, std::int64_t filter_begin, std::int64_t filter_end,
               Accumulators& accumulators);
  /// The same of some output columns and some products of each window, which are added to what the
  /// accumulators hold; only those have to have arrived.
  void add(RowRange rows, RowRange columns, const std::vector<PatchRange>& products, const FilterSet& set,
           std::int64_t filter_begin, std::int64_t filter_end, Accumulators& accumulators);

 private:
  /// Values of a window that are multiplied in one go: within a brick, or of any where no check is due
  /// between the steps.
  struct Word {
    std::int64_t begin = 0, lanes = 0;  ///< places in the patch
    bool ends_step = true;
  };
  /// One bit of each lane, and what it stands for: a power of two, or its negative.
  struct Plane {
    std::uint64_t bits = 0;
    std::int64_t weight = 1;
  };
  void load_filters(const FilterSet& set);
  void load_rows();
  void load_blocks();
  void load_planes(const FilterSet& set);
  void load_depthwise_widths(const FilterSet& set);
  bool choose_filters(const FilterSet& set, std::int64_t filter_begin, std::int64_t filter_end);
  void gather(std::int64_t row, std::int64_t ox);
  void leave(const std::vector<PatchRange>& products);
  void make_planes();
  /// The planes of each word, one word after another: `begin` gets where each begins, and the end.
  void append_planes(const std::int32_t* values, const std::uint8_t* widths, bool is_signed,
                     std::vector<Plane>& planes, std::vector<std::size_t>& begin) const;
  void multiply();
  void multiply_whole();
  void multiply_whole_narrow();
  template <class Sum>
  void multiply_serial_activations();
  void multiply_serial();
  void multiply_depthwise();

  Multiplication multiplication_;
  std::int64_t lanes_;
  Layer layer_;
  std::int64_t taps_, channels_;  ///< R * S; C / groups
  bool narrow_ = false;           ///< no sum of these widths can leave 32 bits
  std::vector<Word> words_;       ///< of a window
  std::vector<std::int32_t> activations_, weights_;

  // The filters at hand.
  std::vector<std::int64_t> filters_;
  std::vector<std::int16_t> rows16_;             ///< whole, narrow: the filters' values one after another
  std::vector<std::int32_t> blocks_;             ///< serial activations: [block of filters][value][filter]
  std::vector<Plane> weight_planes_;             ///< serial
  std::vector<std::size_t> weight_plane_begin_;  ///< of [filter][word], and the end of each filter
  std::vector<std::uint8_t> tap_widths_;         ///< depthwise, serial: weight bits taken at each tap

  // The window at hand.
  std::vector<std::int64_t> positions_;  ///< of each tap; -1: padding
  std::vector<std::int32_t> patch_;      ///< its values: tap, then channel; padding is zero
  std::vector<std::int16_t> patch16_;
  std::vector<std::uint8_t> patch_widths_;  ///< serial: bits taken of each value
  std::vector<Plane> planes_;
  std::vector<std::size_t> plane_begin_;  ///< of each word, and the end
  std::vector<std::int32_t> sums_;        ///< of each filter, as in Accumulators
  std::vector<std::uint8_t> states_;
};

}  // namespace dpred
