#include "platform/preparation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "platform/energy_table_file.h"
#include "platform/width_profile.h"
#include "workloads/error.h"

namespace dpred {

namespace {

constexpr std::uint64_t alignment = 4096;  // streams, tables and biases start on whole bursts of any preset

WidthRounding width_rounding(const std::string& name) {
  if (name == "even") return WidthRounding::even;
  return name == "pow2" ? WidthRounding::pow2 : WidthRounding::any;
}

TileSplit tile_split(const std::string& name) {
  if (name == "windows") return TileSplit::windows;
  return name == "best" ? TileSplit::best : TileSplit::filters;
}

}  // namespace

StreamOptions stream_options(const Parameters& parameters) {
  StreamOptions options;
  options.slice_channels = parameters.integer("codec.slice_channels");
  options.block_values = parameters.integer("codec.block_values");
  options.block_filters = parameters.integer("codec.block_filters");
  return options;
}

CodecOptions codec_options(const Parameters& parameters) {
  CodecOptions options;
  const std::string& name = parameters.text("codec.zero_vector");
  if (name == "always") options.zero_vector = ZeroVector::always;
  if (name == "never") options.zero_vector = ZeroVector::never;
  if (parameters.text("codec.sign") == "sign-magnitude") options.sign = SignForm::sign_magnitude;
  options.widths = width_rounding(parameters.text("codec.widths"));
  return options;
}

std::vector<std::string> fidelity_names() {
  return {"analytic", "lt", "at"};
}

std::string to_string(Fidelity fidelity) {
  return fidelity_names()[static_cast<std::size_t>(fidelity)];
}

Fidelity find_fidelity(std::string_view name) {
  const std::vector<std::string> names = fidelity_names();
  return static_cast<Fidelity>(std::find(names.begin(), names.end(), name) - names.begin());
}

namespace {

/// Bursts booked in order have no queues.
MemoryPoint::Order order_of(Fidelity fidelity) {
  return fidelity == Fidelity::at ? MemoryPoint::Order::scheduled : MemoryPoint::Order::as_they_arrive;
}

}  // namespace

DesignPoint::DesignPoint(const Parameters& p) : memory(p, order_of(find_fidelity(p.text("sim.fidelity")))) {
  // A parameter is read where it acts; what is not read is said so.
  const auto unsigned_of = [&](const char* key) { return static_cast<std::uint64_t>(p.integer(key)); };
  design = &find_compute_design(p.text("array.design"));
  geometry.lanes = p.integer("array.lanes");
  geometry.rows = p.integer("array.rows");
  geometry.tiles = p.integer("array.tiles");
  geometry.columns = p.integer("array.columns");
  if (design->serial_activations()) {
    geometry.bits_per_cycle = p.integer("array.bits_per_cycle");
    geometry.widths = width_rounding(p.text("array.widths"));
  }
  // Columns that all take the same time have nothing to wait for.
  if (design->activation == WidthSource::brick)
    geometry.column_registers = p.integer("array.column_registers");
  geometry.tile_split = tile_split(p.text("array.tile_split"));
  geometry.fold = p.text("array.fold") == "auto";
  clock_mhz = unsigned_of("array.clock_mhz");

  codec = &find_codec(p.text("codec.name"));
  stream = stream_options(p);
  if (codec->name() != "raw") {
    if (codec->name() == "dpred") codec_options = dpred::codec_options(p);
    stream.group = p.integer("codec.group");
    decoders = unsigned_of("engine.decoders");
    encoders = unsigned_of("engine.encoders");
    detect_latency = unsigned_of("engine.detect_latency");
  }

  buffers.activation = unsigned_of("buffer.activation_bytes");
  buffers.weight = unsigned_of("buffer.weight_bytes");
  buffers.output = unsigned_of("buffer.output_bytes");
  inter_layer = p.text("buffer.inter_layer") == "auto";
  banks.activation.banks = p.integer("buffer.activation_banks");
  banks.weight.banks = p.integer("buffer.weight_banks");
  banks.output.banks = p.integer("buffer.output_banks");
  for (BufferBanks* organisation : {&banks.activation, &banks.weight, &banks.output}) {
    if (!organisation->limited()) continue;
    organisation->word_bytes = p.integer("buffer.word_bytes");
    organisation->ports = find_sram_ports(p.text("buffer.ports"));
  }

  burst_bytes = memory.preset.organisation.burst_bytes;
  if (!memory.preset.ideal) {
    request_bytes = unsigned_of("engine.request_bytes");
    outstanding = unsigned_of("engine.outstanding");
  }
  fidelity = find_fidelity(p.text("sim.fidelity"));
  elided = p.text("sim.data") == "elided";
  energy = chosen_energy_table(p);
}

DesignPoint::DesignPoint(const Parameters& parameters, const Network& network) : DesignPoint(parameters) {
  if (!network.profile || elided) return;
  if (parameters.origin("sim.data").kind != ParameterOrigin::Kind::default_value)
    throw InputError(parameters.named("sim.data") + ": " + network.profile->file +
                     " is a width profile, without values that could be carried");
  elided = true;
}

DesignPoint DesignPoint::with_fidelity(const Parameters& parameters, Fidelity other) const {
  DesignPoint point = *this;
  point.fidelity = other;
  point.memory = MemoryPoint(parameters, order_of(other));
  return point;
}

Preparation::Preparation(const Network& network, const DesignPoint& point)
    : Preparation(std::make_shared<NetworkFindings>(network), point) {}

Preparation::Preparation(std::shared_ptr<NetworkFindings> findings, const DesignPoint& point)
    : findings_(std::move(findings)), point_(point) {
  findings_->check(point);
  tensors_ = findings_->tensors({point.codec, point.codec_options, point.stream});
  compute_ = findings_->compute({point.design, point.geometry});
  const std::vector<Layer>& layers = network().layers;
  allocate(layers.size() * LayerDescriptor::size);
  layers_.reserve(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i)
    prepare(layers[i], (*tensors_)[i], *(*compute_)[i]);
  plan();
  for (PreparedLayer& layer : layers_)
    place(layer);
  check_capacity(point.memory);
}

void Preparation::check_capacity(const MemoryPoint& memory) const {
  if (next_address_ <= memory.capacity) return;
  throw InputError(memory.setting + " with " + std::to_string(memory.channels) + " channels holds " +
                   std::to_string(memory.capacity) + " bytes, the network needs " +
                   std::to_string(next_address_));
}

std::uint64_t Preparation::allocate(std::uint64_t bytes) {
  const std::uint64_t address = next_address_;
  next_address_ += (bytes + alignment - 1) / alignment * alignment;
  return address;
}

StoredTensor& Preparation::place(const TensorStream& stream, bool written_by_host) {
  StoredTensor*& place = places_[&stream];
  if (place == nullptr) {
    stored_.push_back(std::make_unique<StoredTensor>());
    place = stored_.back().get();
    place->stream = &stream;
    place->written_by_host = written_by_host;
    place->address = allocate(stream.coded.stream_bytes());
    place->table_address = stream.coded.has_table() ? allocate(stream.coded.table_bytes()) : 0;
  }
  return *place;
}

/// Without a place.
OperandDescriptor Preparation::describe(const TensorStream& stream) const {
  OperandDescriptor operand;
  operand.codec = codec_index(*point_.codec);
  operand.format = stream.coded.format;
  operand.width = static_cast<std::uint8_t>(stream.profile.width);
  return operand;
}

OperandDescriptor Preparation::describe(const StoredTensor& stored) const {
  OperandDescriptor operand = describe(*stored.stream);
  const StreamPlan& plan = stored.stream->coded;
  operand.address = stored.address;
  operand.table_address = stored.table_address;
  operand.bytes = plan.stream_bytes();
  operand.table_bytes = static_cast<std::uint32_t>(plan.table_bytes());
  return operand;
}

/// What doesn't depend on plans, with streams in block order.
void Preparation::prepare(const Layer& layer, const LayerTensors& tensors, const LayerCompute& compute) {
  PreparedLayer prepared;
  prepared.layer = &layer;
  prepared.compute = &compute;
  prepared.tensors = &tensors;
  prepared.output = tensors.output.get();
  const TensorStream* output = prepared.output;
  prepared.streams = {&tensors.input->coded_directory, &tensors.weight->coded_directory,
                      output == nullptr ? nullptr : &output->coded_directory};
  prepared.raw_streams = {&tensors.input->raw_directory, &tensors.weight->raw_directory,
                          output == nullptr ? nullptr : &output->raw_directory};

  PlannerInput& planner = prepared.planner_input;
  planner.name = layer.name;
  planner.shape = layer.shape;
  planner.schedule = &compute.schedule();
  planner.streams = prepared.streams;
  planner.has_bias = !layer.bias.empty();
  planner.output_channels = output == nullptr ? 0 : output->tensor->shape[1];
  planner.output_bytes_per_value = network().bits / 8;
  planner.lanes = point_.geometry.lanes;
  prepared.requantisation = requantisation_of(network(), layer);
  layers_.push_back(std::move(prepared));
}

void Preparation::plan() {
  std::vector<PlannerInput> inputs;
  for (const PreparedLayer& layer : layers_)
    inputs.push_back(layer.planner_input);
  InterLayerOptions options;
  options.buffers = point_.buffers;
  options.burst_bytes = point_.burst_bytes;
  options.automatic = point_.inter_layer;
  std::vector<PlannedLayer> planned = plan_layers(network(), inputs, options);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    PreparedLayer& layer = layers_[i];
    layer.streams = layer.planner_input.streams = planned[i].streams;
    layer.planner_input.input_on_chip = planned[i].plan.input_place.has_value();
    layer.output_directory = std::move(planned[i].output);
    layer.buffers = planned[i].buffers;
    layer.stay = std::move(planned[i].stay);
    layer.plan = std::move(planned[i].plan);
    layer.traffic = traffic_of(layer.plan, layer.streams, point_.burst_bytes);
    layer.raw_traffic = traffic_of(layer.plan, layer.raw_streams, point_.burst_bytes);
  }
}

/// In memory, where it isn't on chip; and the descriptor, which says where.
void Preparation::place(PreparedLayer& prepared) {
  const Layer& layer = *prepared.layer;
  prepared.descriptor_address =
      static_cast<std::uint64_t>(&prepared - layers_.data()) * LayerDescriptor::size;
  LayerDescriptor& descriptor = prepared.descriptor;
  descriptor.shape = layer.shape;
  descriptor.weight_is_activation = layer.weight_is_activation;
  descriptor.stream = point_.stream;
  const LayerTensors& tensors = *prepared.tensors;
  if (prepared.plan.input_place) {
    descriptor.activation = describe(*tensors.input);
    descriptor.activation.address = *prepared.plan.input_place;
    descriptor.on_chip |= LayerDescriptor::input_stays;
  } else {
    descriptor.activation = describe(place(*tensors.input, true));
  }
  descriptor.weight = describe(place(*tensors.weight, true));
  if (!layer.bias.empty()) descriptor.bias_address = allocate(4 * static_cast<std::uint64_t>(layer.shape.K));
  descriptor.tile_split = prepared.compute->schedule().tile_split();
  descriptor.folded = prepared.compute->schedule().is_folded();
  if (tensors.output) {
    const TensorStream& output = *tensors.output;
    descriptor.output = prepared.plan.output_in_memory ? describe(place(output, false)) : describe(output);
    descriptor.output_channels = static_cast<std::uint32_t>(output.tensor->shape[1]);
  } else {
    descriptor.output.format.values.bits = static_cast<std::uint8_t>(network().bits);
  }
  if (!prepared.plan.output_in_memory) descriptor.on_chip |= LayerDescriptor::not_written;
  if (prepared.plan.output_place) {
    descriptor.on_chip |= LayerDescriptor::output_stays;
    descriptor.output_place = static_cast<std::uint32_t>(*prepared.plan.output_place);
  }
  if (prepared.plan.partial_bytes > 0) descriptor.partial_address = allocate(prepared.plan.partial_bytes);
}

std::vector<std::uint8_t> Preparation::bias_bytes(const Layer& layer) const {
  const Auxiliary& bias = network().aux.at(layer.bias);
  // A fixed-point network's bias is a real number: its accumulator has the operands' fraction bits.
  const int shift =
      bias.integer ? 0 : network().tensor(layer.input).frac_bits + network().tensor(layer.weight).frac_bits;
  std::vector<std::uint8_t> bytes;
  for (const double value : bias.values) {
    constexpr double lowest = std::numeric_limits<std::int32_t>::min();
    constexpr double highest = std::numeric_limits<std::int32_t>::max();
    const auto word =
        static_cast<std::int32_t>(std::clamp(std::nearbyint(std::ldexp(value, shift)), lowest, highest));
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(word) >> (8 * i)));
  }
  return bytes;
}

}  // namespace dpred
