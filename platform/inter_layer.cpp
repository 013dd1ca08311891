#include "platform/inter_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "workloads/error.h"

namespace dpred {

namespace {

/// Of a tensor in the activation buffer: words of any usual width start there.
constexpr std::uint64_t place_alignment = 64;

std::string numbered(std::size_t index) {
  return "layer " + std::to_string(index + 1);
}

bool is_written(const Network& network, const std::string& key) {
  return std::any_of(network.layers.begin(), network.layers.end(),
                     [&](const Layer& layer) { return layer.output == key; });
}

/// The first layer after `index` whose input or run-time weight the host may make of that layer's output.
std::optional<std::size_t> possible_host_reader(const Network& network, std::size_t index) {
  const Shape& shape = network.tensor(network.layers[index].output).shape;
  const auto known_before = [&](const std::string& key) {
    return std::any_of(network.layers.begin(),
                       network.layers.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                       [&](const Layer& layer) { return layer.input == key || layer.weight == key; });
  };
  for (std::size_t i = index + 1; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const Shape& input = network.tensor(layer.input).shape;
    const bool alike = input[0] == shape[0] && input[2] == shape[2] && input[3] == shape[3];
    if (alike && !is_written(network, layer.input) && !known_before(layer.input)) return i;
    if (layer.weight_is_activation && !is_written(network, layer.weight) && !known_before(layer.weight))
      return i;
  }
  return std::nullopt;
}

}  // namespace

std::string other_reader(const Network& network, std::size_t index) {
  const std::string& key = network.layers[index].output;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (layer.weight == key) return numbered(i) + ", as its weights";
    if (i != index + 1 && layer.input == key) return numbered(i);
    if (i != index && layer.output == key) return numbered(i) + ", which writes it again";
  }
  if (network.host_tensors) return network.host_tensors->count(key) != 0 ? "the host" : "";
  const auto reader = possible_host_reader(network, index);
  return reader ? "what the host may make for " + numbered(*reader) : "";
}

std::string describe(const OutputStay& stay, const Layer& layer, const BufferSizes& buffers) {
  const std::string tensor = "'" + printable(layer.output) + "'";
  switch (stay.stay) {
    case Stay::kept:
      if (stay.reader.empty()) return tensor + " stays on chip for the next layer";
      return tensor + " stays on chip for the next layer, and is written for " + stay.reader;
    case Stay::off_chip:
      return {};
    case Stay::no_output:
      return layer.output.empty() ? "no output" : tensor + " is a result of the network";
    case Stay::other_input:
      return tensor + " is not the next layer's input";
    case Stay::too_large:
      return fmt::format("{} has {} bytes, {} more than the activation buffer", tensor, stay.bytes,
                         stay.bytes - buffers.activation);
    case Stay::no_room:
      return fmt::format("{} has {} bytes, which leave too little of the activation buffer for other tensors",
                         tensor, stay.bytes);
    default:
      return fmt::format("{} has {} bytes: keeping them would save no traffic in all", tensor, stay.bytes);
  }
}

namespace {

/// A tensor in the activation buffer.
struct Held {
  std::uint64_t place = 0, bytes = 0;
};

/// A way to run the layers up to some one.
struct Path {
  std::uint64_t traffic = 0;  ///< bytes
  std::size_t stays = 0;      ///< outputs on chip
  std::vector<std::shared_ptr<const PlannedLayer>> layers;
  std::optional<Held> left;  ///< the last layer's output, where it is on chip
};

class LayersPlanner {
 public:
  LayersPlanner(const Network& network, const std::vector<PlannerInput>& layers,
                const InterLayerOptions& options)
      : network_(network), layers_(layers), options_(options) {}

  std::vector<PlannedLayer> run() {
    // The best with the last layer's output in memory alone, and with it on chip.
    std::array<std::optional<Path>, 2> paths;
    paths[0].emplace();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const OutputStay stay = possible_stay(i);
      std::array<std::optional<Path>, 2> next;
      for (const std::optional<Path>& path : paths) {
        if (!path) continue;
        const Plan off_chip = make(i, *path);
        take(*path, planned(i, *path, options_.buffers, off_chip), std::nullopt, next[0]);
        if (stay.stay == Stay::kept) keep(i, *path, off_chip, stay, next[1]);
      }
      paths = std::move(next);
      stays_.push_back({stay, paths[1].has_value()});
    }
    return result(*paths[0]);
  }

 private:
  struct Possible {
    OutputStay stay;
    bool has_room = false;
  };

  std::uint64_t tensor_bytes(const StreamDirectory& stream) const {
    const std::int64_t code_bytes = stream.plan().format.values.bits / 8;
    return static_cast<std::uint64_t>(stream.layout().values() * code_bytes);
  }

  /// Whether the output can stay, as far as the layers and the size of the buffer say.
  OutputStay possible_stay(std::size_t index) const {
    OutputStay stay;
    if (!options_.automatic) return stay;
    const Layer& layer = network_.layers[index];
    stay.stay = Stay::no_output;
    if (layer.output.empty()) return stay;
    stay.bytes = tensor_bytes(*layers_[index].streams.output);
    if (index + 1 == layers_.size()) return stay;
    stay.stay = Stay::other_input;
    if (network_.layers[index + 1].input != layer.output) return stay;
    stay.reader = other_reader(network_, index);
    stay.stay = stay.bytes > options_.buffers.activation ? Stay::too_large : Stay::kept;
    return stay;
  }

  /// A place for the output at the end of the buffer that the input leaves free, or at its other end.
  std::optional<Held> room_beside(const std::optional<Held>& input, std::uint64_t bytes) const {
    if (input && input->place > 0)
      return bytes <= input->place ? std::optional(Held{0, bytes}) : std::nullopt;
    const std::uint64_t last = options_.buffers.activation - bytes;
    const std::uint64_t place = last - last % place_alignment;
    if (input ? place < input->bytes : place == 0) return std::nullopt;
    return Held{place, bytes};
  }

  /// Goes on from a path with the output on chip, if there is room for it.
  void keep(std::size_t index, const Path& path, const Plan& off_chip, const OutputStay& stay,
            std::optional<Path>& best) const {
    const std::optional<Held> held = room_beside(path.left, stay.bytes);
    if (!held) return;
    BufferSizes buffers = options_.buffers;
    std::optional<Plan> plan = off_chip;
    if (!path.left) {
      buffers.activation = held->place;
      plan = find_plan(input_behind(index, path), buffers, options_.burst_bytes);
      if (!plan) return;  // too little is left for the input
    }
    plan->output_place = held->place;
    plan->output_in_memory = !stay.reader.empty();
    take(path, planned(index, path, buffers, *std::move(plan)), held, best);
  }

  /// The layer's, with its input as the path has left it.
  PlannerInput input_behind(std::size_t index, const Path& path) const {
    PlannerInput input = layers_[index];
    input.streams.activation = input_of(index, path);
    input.input_on_chip = path.left.has_value();
    return input;
  }

  /// A plan that has all of the buffers but what its input takes.
  Plan make(std::size_t index, const Path& path) const {
    Plan plan = make_plan(input_behind(index, path), options_.buffers, options_.burst_bytes);
    if (path.left) {
      plan.input_place = path.left->place;
      plan.activation_half_used = path.left->bytes;
    }
    return plan;
  }

  std::shared_ptr<const PlannedLayer> planned(std::size_t index, const Path& path, const BufferSizes& buffers,
                                              Plan plan) const {
    auto layer = std::make_shared<PlannedLayer>();
    layer->buffers = buffers;
    layer->streams = layers_[index].streams;
    layer->streams.activation = input_of(index, path);
    if (const StreamDirectory* output = layers_[index].streams.output) {
      layer->output = std::make_shared<StreamDirectory>(
          output->layout(), output->plan(),
          output->plan().has_table() ? plan.output_order() : std::vector<std::int64_t>{}, output->groups());
      layer->streams.output = layer->output.get();
    }
    layer->plan = std::move(plan);
    return layer;
  }

  /// As the layer that wrote it last has left it; in block order where the host has written it.
  const StreamDirectory* input_of(std::size_t index, const Path& path) const {
    const std::string& key = network_.layers[index].input;
    for (std::size_t i = index; i-- > 0;)
      if (network_.layers[i].output == key) return path.layers[i]->output.get();
    return layers_[index].streams.activation;
  }

  /// Goes on from a path with one layer more, if that is better than the best so far.
  void take(const Path& from, std::shared_ptr<const PlannedLayer> layer, const std::optional<Held>& left,
            std::optional<Path>& best) const {
    const std::uint64_t traffic =
        from.traffic + traffic_of(layer->plan, layer->streams, options_.burst_bytes).total();
    const std::size_t stays = from.stays + left.has_value();
    if (best && std::tie(best->traffic, best->stays) <= std::tie(traffic, stays)) return;
    best = from;
    best->traffic = traffic;
    best->stays = stays;
    best->left = left;
    best->layers.push_back(std::move(layer));
  }

  std::vector<PlannedLayer> result(const Path& path) const {
    std::vector<PlannedLayer> layers;
    for (std::size_t i = 0; i < path.layers.size(); ++i) {
      layers.push_back(*path.layers[i]);
      OutputStay& stay = layers.back().stay;
      stay = stays_[i].stay;
      if (stay.stay != Stay::kept || layers.back().plan.output_place) continue;
      stay.stay = stays_[i].has_room ? Stay::does_not_pay : Stay::no_room;
    }
    return layers;
  }

  const Network& network_;
  const std::vector<PlannerInput>& layers_;
  const InterLayerOptions& options_;
  std::vector<Possible> stays_;
};

}  // namespace

std::vector<PlannedLayer> plan_layers(const Network& network, const std::vector<PlannerInput>& layers,
                                      const InterLayerOptions& options) {
  return LayersPlanner(network, layers, options).run();
}

}  // namespace dpred
