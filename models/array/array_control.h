// What the sequencer asks of the processing array.
#pragma once

#include <cstdint>
#include <systemc>
#include <vector>

#include "models/array/array_job.h"
#include "models/array/layer_schedule.h"
#include "models/array/operand_reads.h"
#include "models/array/requantisation.h"

namespace dpred {

struct ArrayLayer {
  LayerShape shape;
  LayerPrecision precision;
  ValueFormat activation_format, weight_format;
  TileSplit tile_split = TileSplit::filters;  ///< decided: not `best`
  bool folded = false;
  const StreamLayout* activation_layout = nullptr;
  const StreamLayout* weight_layout = nullptr;
  /// Data elided: the widths of all bricks, found beforehand. Null: found from the values that arrive.
  const BrickMap* activation_bricks = nullptr;
  /// Designs with brick-wise weights only: weights' widths are static, found before the layer. Those of the
  /// weights that arrive are compared with them.
  const BrickMap* weight_bricks = nullptr;
  /// The recorded output, (N, channels, OH, OW). Null: stays on chip.
  const Tensor* results = nullptr;
  /// How accumulators become codes. Null: they do not, and the recorded output is written.
  const Requantisation* requantisation = nullptr;
  /// What is computed will be checked: it is multiplied bit by bit, as the design's hardware does it, and its
  /// codes are written whatever they are. Else whole values are multiplied, which gives the same sums sooner,
  /// and the recorded codes are written: plan and sizes hold for no others.
  bool checked = false;
  bool elided = false;  ///< no values arrive, none are computed
};

/// A job's use of the operands' buffers.
struct JobBufferUse {
  OperandsRead reads;  ///< as rows lie now; nothing where banks are not limited
  /// Cycles of the job's steps without conflicts. Where a filter set is cut, those of the whole set.
  std::uint64_t step_cycles = 0;
};

class ArrayControl : public virtual sc_core::sc_interface {
 public:
  virtual void begin_layer(const ArrayLayer& layer) = 0;
  virtual const LayerSchedule& schedule() const = 0;
  /// Reads rows from the operand's buffer, finds the widths of their bricks and keeps what it computes with.
  virtual void take_activations(const ArrivedRows& arrived) = 0;
  virtual void take_weights(const ArrivedRows& arrived) = 0;
  /// Biases of filters from `first_filter` on, in units of the accumulator: before the first job that needs
  /// them.
  virtual void take_biases(std::int64_t first_filter, const std::vector<std::int32_t>& biases) = 0;
  /// Computes a job and returns its cycles: the difference of its end times in the uncut layer's schedule.
  virtual std::uint64_t compute(const ArrayJob& job) = 0;
  virtual JobBufferUse buffer_use(const ArrayJob& job) = 0;
  /// Writes results into the output buffer: rows (n * OH + oy), output columns (none: all), then the
  /// channels.
  virtual void write_results(RowRange rows, std::int64_t channel_begin, std::int64_t channel_end,
                             std::int64_t channel_step, std::uint64_t buffer_address,
                             RowRange columns = {}) = 0;
  /// Partial sums of a split job, 4 bytes each, from and to the output buffer: rows, output columns, filters.
  virtual void take_partials(const ArrayJob& job, std::uint64_t buffer_address) = 0;
  virtual void write_partials(const ArrayJob& job, std::uint64_t buffer_address) = 0;
};

}  // namespace dpred
