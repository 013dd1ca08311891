// What the steps of a layer read from the operands' buffers, and how long the buffers' banks take over it.
// Stated in docs/contracts.md, "Banks and ports of the buffers".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/array/array_job.h"
#include "models/array/layer_schedule.h"
#include "models/buffer/banks.h"
#include "models/codec/stream_layout.h"

namespace dpred {

/// A job's reads of one operand's buffer.
struct JobReads {
  std::uint64_t words = 0;
  std::uint64_t port_cycles = 0;      ///< cycles that the buffer is busy with them
  std::uint64_t conflict_cycles = 0;  ///< by which steps take longer, since this operand came last
};

struct OperandsRead {
  JobReads activation, weight;
};

/// One layer's reads. Depends on values through the steps' times alone.
class OperandReads {
 public:
  /// The layouts must outlive it. `geometry` is that of the layer's schedule, `bits` B. Buffers whose banks
  /// are not limited take no time.
  OperandReads(const LayerShape& layer, const ArrayGeometry& geometry, int bits,
               const StreamLayout& activations, const StreamLayout& weights,
               const BufferBanks& activation_banks, const BufferBanks& weight_banks);

  /// Where rows lie from now on.
  void place_activations(const ArrivedRows& arrived);
  void place_weights(const ArrivedRows& arrived);

  /// The schedule must keep its steps' times. std::logic_error if a row that the job reads was never placed.
  OperandsRead of_job(LayerSchedule& schedule, const ArrayJob& job);

 private:
  /// The buffer of an operand: where each row of its stream lies.
  struct Source {
    const StreamLayout& layout;
    std::optional<BankAccesses> banks;  ///< none: not limited
    std::vector<std::optional<std::uint64_t>> row_address;

    Source(const StreamLayout& stream, const BufferBanks& organisation);
    void place(const ArrivedRows& arrived, std::uint64_t code_bytes);
    void read(std::int64_t row, std::int64_t first_value, std::int64_t values, std::uint64_t code_bytes);
  };

  /// What a step of the layer as it is computed reads of a window or a filter. Where that is folded, a brick
  /// has channels of several taps.
  struct TapChannels {
    std::int64_t r = 0, s = 0;
    RowRange channels;
  };

  std::vector<TapChannels> parts_of_step(const FilterSet& set, std::int64_t step) const;
  std::vector<ServedWords> activation_steps(const FilterSet& set, WindowRange windows);
  std::vector<ServedWords> weight_steps(const FilterSet& set, const ArrayJob& job);
  void read_window(std::int64_t window, const TapChannels& part);

  LayerShape layer_;
  LayerShape computed_;  ///< folded, where it is
  std::int64_t lanes_;
  std::int64_t factor_;  ///< of the fold; 1: none
  std::int64_t steps_;   ///< of a window
  std::uint64_t code_bytes_;
  Source activations_, weights_;
};

}  // namespace dpred
