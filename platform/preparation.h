// From a network and a design point to everything that a run needs: formats, sizes, plans, a memory image.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/array/brick_maps.h"
#include "models/array/layer_schedule.h"
#include "models/array/requantisation.h"
#include "models/array/utilisation.h"
#include "models/buffer/banks.h"
#include "models/codec/codec.h"
#include "models/codec/stream_directory.h"
#include "platform/layer_descriptor.h"
#include "platform/memory_point.h"
#include "platform/network_widths.h"
#include "platform/parameters.h"
#include "platform/planner.h"
#include "workloads/network.h"

namespace dpred {

/// How time is found.
enum class Fidelity : std::uint8_t {
  analytic,  ///< in closed form from the plans
  lt         ///< by a loosely timed simulation
};

/// The parameters of the models, read once from the registry's values.
struct DesignPoint {
  const ComputeDesign* design = nullptr;
  ArrayGeometry geometry;
  const Codec* codec = nullptr;
  CodecOptions codec_options;
  StreamOptions stream;
  BufferSizes buffers;
  BufferOrganisation banks;
  MemoryPoint memory;
  std::uint64_t burst_bytes = 64;
  std::uint64_t clock_mhz = 1000;
  std::uint64_t request_bytes = 512, outstanding = 8;
  std::uint64_t decoders = 0, encoders = 0, detect_latency = 2;
  Fidelity fidelity = Fidelity::lt;
  bool elided = false;

  /// Marks what it reads, and reads the file of a DRAM preset that is one. InputError for combinations that
  /// cannot be.
  explicit DesignPoint(const Parameters& parameters);
  /// For a network: of one without values, nothing is carried. InputError if the user asks for it.
  DesignPoint(const Parameters& parameters, const Network& network);
};

/// Parameters of the codec alone, for commands that need no more. Without the group, which codecs have for
/// themselves.
StreamOptions stream_options(const Parameters& parameters);
CodecOptions codec_options(const Parameters& parameters);  ///< those of dpred

/// A tensor in the role of its first reader: found once, used by every layer that reads it.
struct TensorStream {
  const Tensor* tensor = nullptr;
  TensorProfile profile;
  StreamLayout layout;
  WidthMap widths;   ///< empty where the codec is raw
  StreamPlan coded;  ///< with the codec of the design point
  StreamPlan raw;    ///< uncompressed: for the raw_* columns

  /// `widths` knows the tensor's values.
  TensorStream(NetworkWidths& widths, const Tensor& values, StreamRole role, const StreamOptions& options,
               const Codec& codec, const CodecOptions& codec_options);
};

/// A tensor's place in memory.
struct StoredTensor {
  const TensorStream* stream = nullptr;
  std::uint64_t address = 0, table_address = 0;
  bool written_by_host = true;                           ///< else by the layer that computes it
  std::shared_ptr<const StreamDirectory> directory;      ///< blocks as they lie
  std::shared_ptr<const StreamDirectory> raw_directory;  ///< the same blocks uncompressed
};

struct PreparedLayer {
  const Layer* layer = nullptr;
  LayerDescriptor descriptor;
  std::uint64_t descriptor_address = 0;
  std::unique_ptr<LayerSchedule> schedule;  ///< without widths: sets and units only
  const StoredTensor* output = nullptr;
  LayerStreams streams, raw_streams;
  PlannerInput planner_input;
  Plan plan;
  Traffic traffic;      ///< closed form
  Traffic raw_traffic;  ///< the same plan with every tensor uncompressed
  std::shared_ptr<const BrickMap> activation_bricks, weight_bricks;  ///< null where the design needs none
  std::optional<Requantisation> requantisation;  ///< none: the results are the recorded ones
  bool coded_output() const { return output != nullptr && output->directory->plan().has_table(); }
};

class Preparation {
 public:
  /// The network must outlive it. Preparations of one network that are given the same maps find each map
  /// once. InputError if a layer has no plan that fits the buffers, or the point needs values that the
  /// network doesn't have.
  Preparation(const Network& network, const DesignPoint& point,
              std::shared_ptr<BrickMaps> maps = std::make_shared<BrickMaps>());
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  const Network& network() const { return network_; }
  const DesignPoint& point() const { return point_; }
  const std::vector<PreparedLayer>& layers() const { return layers_; }
  /// Every tensor in memory, in the order of their addresses.
  const std::vector<std::unique_ptr<StoredTensor>>& stored() const { return stored_; }
  /// The layer's schedule with the widths of its bricks.
  std::unique_ptr<LayerSchedule> schedule(const PreparedLayer& layer) const;
  /// Where the layer's compute cycles go. Takes about as long as the layer's schedule.
  ArrayCycles array_cycles(const PreparedLayer& layer) const;
  /// 4 bytes a filter, as the host writes them: accumulator units.
  std::vector<std::uint8_t> bias_bytes(const Layer& layer) const;
  std::uint64_t memory_end() const { return next_address_; }

 private:
  TensorStream& stream_of(const std::string& key, StreamRole role);
  StoredTensor& place(const std::string& key, StreamRole role, bool written_by_host);
  std::uint64_t allocate(std::uint64_t bytes);
  void prepare(const Layer& layer);
  OperandDescriptor describe(const StoredTensor& stored) const;
  ArrayGeometry geometry_of(const PreparedLayer& layer) const;
  LayerPrecision precision_of(const PreparedLayer& layer) const;

  const Network& network_;
  const DesignPoint& point_;
  std::unique_ptr<NetworkWidths> widths_;
  std::uint64_t next_address_ = 0;
  std::map<std::pair<std::string, StreamRole>, std::unique_ptr<TensorStream>> streams_;
  std::map<std::pair<std::string, StreamRole>, StoredTensor*> places_;
  std::vector<std::unique_ptr<StoredTensor>> stored_;
  /// Directories that earlier layers still refer to.
  std::vector<std::shared_ptr<const StreamDirectory>> retired_;
  std::vector<PreparedLayer> layers_;
};

}  // namespace dpred
