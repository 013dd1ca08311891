// The plans of a network's layers, and which results stay in the activation buffer for the next layer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "platform/planner.h"
#include "workloads/network.h"

namespace dpred {

/// Whether a layer's output stays on chip for the next layer, and why not.
enum class Stay : std::uint8_t {
  off_chip,     ///< nothing is to stay
  kept,         ///< in the activation buffer; in memory too if anybody else needs it
  no_output,    ///< none leaves the array, or no layer follows
  other_input,  ///< the next layer reads another tensor
  too_large,    ///< for the whole activation buffer
  no_room,      ///< beside what the layer needs of the buffer for its own input
  does_not_pay  ///< less room for other tensors costs as much as is saved
};

struct OutputStay {
  Stay stay = Stay::off_chip;
  std::uint64_t bytes = 0;  ///< of the output in the buffer; 0 where there is none
  std::string reader;       ///< who else needs the tensor in memory; empty: nobody
};

/// In words, for people.
std::string describe(const OutputStay& stay, const Layer& layer, const BufferSizes& buffers);

/// In words, who needs the output of layer `index` in memory even if the next layer, whose input it is, finds
/// it on chip; empty: nobody. Readers are the other layers, in either role, and the host: what the manifest's
/// `graph` mentions. Where the manifest has no graph, the host may make an input that no layer writes of any
/// tensor with as many images, rows and columns, as an addition or a concatenation does.
std::string other_reader(const Network& network, std::size_t index);

struct InterLayerOptions {
  BufferSizes buffers;
  std::uint64_t burst_bytes = 64;
  bool automatic = false;  ///< else every output leaves the chip
};

/// A layer's plan, and what it was made for.
struct PlannedLayer {
  Plan plan;
  BufferSizes buffers;   ///< that were left to it
  LayerStreams streams;  ///< as blocks lie when the layer reads them, and when it has written them
  std::shared_ptr<const StreamDirectory> output;  ///< that of `streams`, which later layers may refer to
  OutputStay stay;
};

/// Plans of all layers, in the order of the network. The planner inputs' streams have their blocks in block
/// order, and outlive the plans; blocks that a layer writes lie in the order of its plan for those who read
/// them.
///
/// Which outputs stay is what moves the fewest bytes across the memory socket in all; on a tie, fewer stay.
/// The layers are gone through once, with the best way to get to each layer with its input on chip, and with
/// its input in memory. It doesn't depend on the memory's speed. InputError if a layer has no plan that fits
/// the buffers.
std::vector<PlannedLayer> plan_layers(const Network& network, const std::vector<PlannerInput>& layers,
                                      const InterLayerOptions& options);

}  // namespace dpred
