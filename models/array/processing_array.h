// The processing array: TLM initiator on the three buffers; computes with what arrives, timed by its design.
#pragma once

#include <cstdint>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/array/array_arithmetic.h"
#include "models/array/array_control.h"
#include "models/array/computed_layer.h"
#include "models/array/fold.h"
#include "models/tlm/memory_access.h"
#include "models/tlm/no_backward_path.h"

namespace dpred {

class ProcessingArray : public sc_core::sc_module, public ArrayControl {
 public:
  tlm::tlm_initiator_socket<> activation_buffer{"activation_buffer"};
  tlm::tlm_initiator_socket<> weight_buffer{"weight_buffer"};
  tlm::tlm_initiator_socket<> output_buffer{"output_buffer"};

  ProcessingArray(const sc_core::sc_module_name& name, const ComputeDesign& design,
                  const ArrayGeometry& geometry, const BufferBanks& activation_banks = {},
                  const BufferBanks& weight_banks = {});
  ~ProcessingArray() override;

  /// InputError if the layer is to be folded and cannot be on this array.
  void begin_layer(const ArrayLayer& layer) override;
  const LayerSchedule& schedule() const override { return *schedule_; }
  void take_activations(const ArrivedRows& arrived) override;
  void take_weights(const ArrivedRows& arrived) override;
  void take_biases(std::int64_t first_filter, const std::vector<std::int32_t>& biases) override;
  std::uint64_t compute(const ArrayJob& job) override;
  JobBufferUse buffer_use(const ArrayJob& job) override;
  void write_results(RowRange rows, std::int64_t channel_begin, std::int64_t channel_end,
                     std::int64_t channel_step, std::uint64_t buffer_address, RowRange columns = {}) override;
  void take_partials(const ArrayJob& job, std::uint64_t buffer_address) override;
  void write_partials(const ArrayJob& job, std::uint64_t buffer_address) override;

  /// What has been computed since begin_layer(); nothing where data is elided.
  const ComputedLayer& computed() const { return computed_; }

 private:
  template <class Visit>
  void read_rows(tlm::tlm_initiator_socket<>& buffer, const ArrivedRows& arrived, const StreamLayout& layout,
                 const ValueFormat& format, Visit&& visit);
  void compute_values(const ArrayJob& job);
  void requantise(RowRange rows, RowRange columns, const FilterSet& set, std::int64_t filter_begin,
                  std::int64_t filter_end);
  std::vector<PatchRange> patch_ranges(const Reduction& reduction) const;
  template <class Visit>
  void visit_sums(const ArrayJob& job, Visit&& visit);

  NoBackwardPath no_backward_path_;
  const ComputeDesign& design_;
  ArrayGeometry geometry_;
  BufferBanks activation_banks_, weight_banks_;
  ArrayLayer layer_;
  OperandBricks activation_bricks_, weight_bricks_;
  std::unique_ptr<BrickMap> arrived_activations_;
  std::unique_ptr<LayerSchedule> schedule_;
  std::unique_ptr<ArrayArithmetic> arithmetic_;  ///< null where data is elided
  std::vector<std::int32_t> biases_;
  ComputedLayer computed_;
  std::unique_ptr<OperandReads> reads_;  ///< null where no banks are limited
  MemoryAccess access_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint16_t> containers_;
};

}  // namespace dpred
