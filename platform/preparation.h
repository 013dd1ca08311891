// From a network and a design point to everything that a run needs: formats, sizes, plans, a memory image.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/array/requantisation.h"
#include "models/buffer/banks.h"
#include "models/energy/energy_table.h"
#include "platform/inter_layer.h"
#include "platform/layer_descriptor.h"
#include "platform/memory_point.h"
#include "platform/network_findings.h"
#include "platform/parameters.h"
#include "platform/planner.h"
#include "workloads/network.h"

namespace dpred {

/// How time is found.
enum class Fidelity : std::uint8_t {
  analytic,  ///< in closed form from the plans
  lt,        ///< by a loosely timed simulation
  at         ///< by an approximately timed one: bursts in four phases
};

std::string to_string(Fidelity fidelity);
std::vector<std::string> fidelity_names();
/// The fidelity with a name of fidelity_names().
Fidelity find_fidelity(std::string_view name);

/// The parameters of the models, read once from the registry's values.
struct DesignPoint {
  const ComputeDesign* design = nullptr;
  ArrayGeometry geometry;
  const Codec* codec = nullptr;
  CodecOptions codec_options;
  StreamOptions stream;
  BufferSizes buffers;
  BufferOrganisation banks;
  bool inter_layer = false;  ///< outputs may stay on chip for the next layer
  MemoryPoint memory;
  std::uint64_t burst_bytes = 64;
  std::uint64_t clock_mhz = 1000;
  std::uint64_t request_bytes = 512, outstanding = 8;
  std::uint64_t decoders = 0, encoders = 0, detect_latency = 2;
  Fidelity fidelity = Fidelity::lt;
  bool elided = false;
  std::shared_ptr<const EnergyTable> energy;

  /// Marks what it reads, and reads the file of a DRAM preset that is one. InputError for combinations that
  /// cannot be.
  explicit DesignPoint(const Parameters& parameters);
  /// For a network: of one without values, nothing is carried. InputError if the user asks for it.
  DesignPoint(const Parameters& parameters, const Network& network);

  /// The same hardware with time found in another way.
  DesignPoint with_fidelity(const Parameters& parameters, Fidelity other) const;
};

/// Parameters of the codec alone, for commands that need no more. Without the group, which codecs have for
/// themselves.
StreamOptions stream_options(const Parameters& parameters);
CodecOptions codec_options(const Parameters& parameters);  ///< those of dpred

/// A tensor's place in memory.
struct StoredTensor {
  const TensorStream* stream = nullptr;
  std::uint64_t address = 0, table_address = 0;
  bool written_by_host = true;  ///< else by the layer that computes it
};

struct PreparedLayer {
  const Layer* layer = nullptr;
  LayerDescriptor descriptor;
  std::uint64_t descriptor_address = 0;
  const LayerCompute* compute = nullptr;
  const LayerTensors* tensors = nullptr;
  const TensorStream* output = nullptr;  ///< of these; null: the result doesn't leave the array
  LayerStreams streams, raw_streams;
  PlannerInput planner_input;
  BufferSizes buffers;  ///< what the plan has of them: less where the output stays on chip
  Plan plan;
  OutputStay stay;
  std::shared_ptr<const StreamDirectory> output_directory;  ///< of `streams`, also of later layers'
  Traffic traffic;                                          ///< closed form
  Traffic raw_traffic;                                      ///< the same plan with every tensor uncompressed
  std::optional<Requantisation> requantisation;             ///< none: the results are the recorded ones
  /// Whether results leave through the encoder.
  bool coded_output() const {
    return output != nullptr && plan.output_in_memory && output->coded.has_table();
  }
};

class Preparation {
 public:
  /// The network must outlive it. InputError if a layer has no plan that fits the buffers, or the point needs
  /// values that the network doesn't have.
  Preparation(const Network& network, const DesignPoint& point);
  /// With what other preparations of the network have found.
  Preparation(std::shared_ptr<NetworkFindings> findings, const DesignPoint& point);
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  const Network& network() const { return findings_->network(); }
  const DesignPoint& point() const { return point_; }
  /// InputError if the network is larger than this memory.
  void check_capacity(const MemoryPoint& memory) const;
  const std::vector<PreparedLayer>& layers() const { return layers_; }
  /// Every tensor in memory, in the order of their addresses.
  const std::vector<std::unique_ptr<StoredTensor>>& stored() const { return stored_; }
  /// 4 bytes a filter, as the host writes them: accumulator units.
  std::vector<std::uint8_t> bias_bytes(const Layer& layer) const;
  std::uint64_t memory_end() const { return next_address_; }

 private:
  StoredTensor& place(const TensorStream& stream, bool written_by_host);
  std::uint64_t allocate(std::uint64_t bytes);
  void prepare(const Layer& layer, const LayerTensors& tensors, const LayerCompute& compute);
  void plan();
  void place(PreparedLayer& layer);
  OperandDescriptor describe(const TensorStream& stream) const;
  OperandDescriptor describe(const StoredTensor& stored) const;

  std::shared_ptr<NetworkFindings> findings_;
  DesignPoint point_;
  std::shared_ptr<const NetworkTensors> tensors_;
  std::shared_ptr<const NetworkCompute> compute_;
  std::uint64_t next_address_ = 0;
  std::map<const TensorStream*, StoredTensor*> places_;
  std::vector<std::unique_ptr<StoredTensor>> stored_;
  std::vector<PreparedLayer> layers_;
};

}  // namespace dpred
