#include "platform/width_profile.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "models/precision/width.h"
#include "platform/output_folder.h"
#include "platform/width_profile_names.h"
#include "workloads/error.h"

namespace dpred {

namespace {

using Json = nlohmann::ordered_json;

std::vector<std::int64_t> count_value_bits(const Tensor& tensor, const ValueFormat& format) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(format.bits + 2), 0);
  tensor.visit([&](const auto* codes) {
    for (std::int64_t i = 0; i < tensor.values(); ++i) {
      const std::int32_t value = codes[i] - format.zero_point;
      ++counts[static_cast<std::size_t>(value == 0 ? 0 : width_of(value, format.is_signed))];
    }
  });
  return counts;
}

/// Adds the counts of one tensor that a layer needs and that it hasn't yet.
class Profiler {
 public:
  Profiler(const Network& network, const StreamOptions& options, WidthProfile& profile)
      : network_(network), options_(options), profile_(profile) {}

  void add_groups(const std::string& key, StreamRole role) {
    TensorWidths& widths = of(key);
    if (widths.groups.count({role, SignForm::twos_complement}) != 0) return;
    const StreamLayout layout(role, network_.tensor(key).shape, options_);
    for (const SignForm sign : {SignForm::twos_complement, SignForm::sign_magnitude}) {
      if (sign == SignForm::sign_magnitude && !widths.profile.format.is_signed) continue;
      const WidthMap map = WidthMap::of(network_.tensor(key), widths.profile.format, layout, sign);
      widths.groups[{role, sign}] = count_groups(map, layout);
    }
  }

  void add_bricks(const std::string& key, const BrickOrder& order) {
    TensorWidths& widths = of(key);
    if (widths.bricks.count(order) != 0) return;
    const Tensor& tensor = network_.tensor(key);
    BrickMap map(bricks_in(order, tensor.shape, profile_.lanes));
    map.absorb(tensor, widths.profile.format);
    widths.bricks[order] =
        runs_of(map, sequences_in(order, tensor.shape, profile_.lanes), widths.profile.width);
  }

 private:
  TensorWidths& of(const std::string& key) {
    const auto [place, is_new] = profile_.tensors.try_emplace(key);
    if (is_new) {
      const Tensor& tensor = network_.tensor(key);
      place->second.profile = profile_of(tensor);
      place->second.value_bits = count_value_bits(tensor, place->second.profile.format);
    }
    return place->second;
  }

  const Network& network_;
  StreamOptions options_;
  WidthProfile& profile_;
};

/// Counts without the zeros at the end.
Json counts_json(const std::vector<std::int64_t>& counts) {
  std::size_t length = counts.size();
  while (length > 0 && counts[length - 1] == 0)
    --length;
  return Json(
      std::vector<std::int64_t>(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(length)));
}

Json runs_json(const BrickOrder& order, const WidthRuns& runs) {
  Json json;
  json["operand"] = order.weights ? "weight" : "activation";
  json["groups"] = order.groups;
  json["step"] = {order.step_y, order.step_x};
  if (!runs.columns.empty()) {
    for (const WidthCounts& counts : runs.columns)
      json["columns"].push_back(counts_json(counts));
  }
  for (const CellRuns& cell : runs.cells) {
    Json of_cell;
    for (const WidthCounts& counts : cell.blocks)
      of_cell["blocks"].push_back(counts_json(counts));
    for (const auto& last : cell.last)
      of_cell["last"].push_back(std::vector<int>(last.begin(), last.end()));
    json["cells"].push_back(std::move(of_cell));
  }
  return json;
}

Json tensor_json(const Tensor& tensor, const TensorWidths& widths, bool is_weight) {
  Json json;
  json["shape"] = tensor.shape;
  json["dtype"] = to_string(tensor.dtype);
  json["kind"] = is_weight ? "wgt" : "act";
  json["zero_point"] = tensor.zero_point;
  json["signed"] = widths.profile.format.is_signed;
  json["width"] = widths.profile.width;
  json["value_bits"] = counts_json(widths.value_bits);
  for (const auto& [of, counts] : widths.groups) {
    Json groups = {{"role", role_names[static_cast<std::size_t>(of.first)]},
                   {"sign", sign_names[static_cast<std::size_t>(of.second)]}};
    for (const GroupCount& count : counts)
      groups["counts"].push_back({count.values, count.width, count.non_zeros, count.groups});
    json["groups"].push_back(std::move(groups));
  }
  json["bricks"] = Json::array();  // none of a tensor that is only written
  for (const auto& [order, runs] : widths.bricks)
    json["bricks"].push_back(runs_json(order, runs));
  return json;
}

Json layer_json(const Layer& layer) {
  const LayerShape& s = layer.shape;
  Json json = {
      {"name", layer.name}, {"op", to_string(layer.op)}, {"input", layer.input}, {"weight", layer.weight}};
  json["output"] = layer.output.empty() ? Json(nullptr) : Json(layer.output);
  if (!layer.bias.empty()) json["bias"] = layer.bias;
  json.update({{"N", s.N},
               {"C", s.C},
               {"H", s.H},
               {"W", s.W},
               {"K", s.K},
               {"R", s.R},
               {"S", s.S},
               {"OH", s.OH},
               {"OW", s.OW},
               {"stride", s.stride},
               {"dilation", s.dilation},
               {"pad_tblr", s.pad_tblr},
               {"groups", s.groups},
               {"recurrent", s.recurrent},
               {"weight_is_activation", layer.weight_is_activation}});
  return json;
}

/// A line for each member, so that two files can be compared.
template <class Members>
std::string lines(const Members& members, char open, char close) {
  std::string text(1, open);
  const char* separator = "\n";
  for (const auto& member : members) {
    text += separator + member;
    separator = ",\n";
  }
  return text + "\n" + close;
}

/// As text; a folder's name need not be UTF-8.
std::string text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string line(const std::string& key, const std::string& value) {
  return text(key) + ": " + value;
}
std::string line(const std::string& key, const Json& value) {
  return line(key, text(value));
}

}  // namespace

bool operator<(const BrickOrder& a, const BrickOrder& b) {
  return std::tie(a.weights, a.groups, a.step_y, a.step_x) <
         std::tie(b.weights, b.groups, b.step_y, b.step_x);
}

BrickOrder activation_order(const LayerShape& layer, std::int64_t lanes) {
  const BrickSequences sequences = BrickSequences::of_activations(layer, lanes);
  return {false, activation_bricks(layer, lanes).groups, sequences.step_y(), sequences.step_x()};
}

BrickOrder weight_order() {
  return {true, 1, 1, 1};
}

BrickShape bricks_in(const BrickOrder& order, const Shape& tensor, std::int64_t lanes) {
  return {lanes, order.groups, tensor[1] / order.groups, tensor[0] * tensor[2] * tensor[3]};
}

BrickSequences sequences_in(const BrickOrder& order, const Shape& tensor, std::int64_t lanes) {
  const BrickShape bricks = bricks_in(order, tensor, lanes);
  return order.weights ? BrickSequences::of_weights(bricks, tensor[0])
                       : BrickSequences::of_activations(bricks, tensor, order.step_y, order.step_x);
}

WidthProfile profile_widths(const Network& network, const StreamOptions& options, std::int64_t lanes) {
  if (network.profile) {
    throw InputError(network.profile->file + ": a width profile, without the values to make one from");
  }
  WidthProfile profile;
  profile.values = network.provenance;
  profile.group = options.group;
  profile.slice_channels = options.slice_channels;
  profile.lanes = lanes;
  Profiler profiler(network, options, profile);
  for (const Layer& layer : network.layers) {
    profiler.add_groups(layer.input, StreamRole::activation);
    profiler.add_groups(layer.weight, weight_role(layer.shape));
    if (!layer.output.empty()) profiler.add_groups(layer.output, StreamRole::activation);
    profiler.add_bricks(layer.input, activation_order(layer.shape, lanes));
    profiler.add_bricks(layer.weight, weight_order());
  }
  return profile;
}

std::string width_profile_json(const Network& network, const WidthProfile& profile) {
  std::set<std::string> weights;
  std::vector<std::string> tensors, vectors, layers;
  for (const Layer& layer : network.layers) {
    if (!layer.weight_is_activation) weights.insert(layer.weight);
    if (!layer.bias.empty()) {
      Json shape;
      shape["shape"].push_back(layer.shape.K);
      const std::string vector = line(layer.bias, shape);
      if (std::find(vectors.begin(), vectors.end(), vector) == vectors.end()) vectors.push_back(vector);
    }
    layers.push_back(text(layer_json(layer)));
  }
  for (const auto& [key, widths] : profile.tensors) {
    tensors.push_back(line(key, tensor_json(network.tensor(key), widths, weights.count(key) != 0)));
  }
  std::vector<std::string> members = {line("width_profile", Json(1)),
                                      line("network", Json(network.name)),
                                      line("source", Json(network.source)),
                                      line("values", Json(to_string(profile.values))),
                                      line("bits", Json(network.bits)),
                                      line("group", Json(profile.group)),
                                      line("slice_channels", Json(profile.slice_channels)),
                                      line("lanes", Json(profile.lanes)),
                                      line("tensors", lines(tensors, '{', '}')),
                                      line("aux", lines(vectors, '{', '}')),
                                      line("layers", lines(layers, '[', ']'))};
  if (network.host_tensors) {
    // What the host does is nobody's business; which of these tensors it needs is.
    Json host = Json::array();
    for (const std::string& key : *network.host_tensors)
      if (profile.tensors.count(key) != 0) host.push_back(key);
    members.push_back(line("graph", host));
  }
  return lines(members, '{', '}') + "\n";
}

void write_width_profile(const std::filesystem::path& path, const Network& network,
                         const StreamOptions& options, std::int64_t lanes) {
  const auto fail = [&](const std::string& problem) {
    throw InputError(printable(path.string()) + ": " + problem);
  };
  if (path.extension() != ".json") fail("the name of a width profile ends in .json");
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail("not a regular file");
  OutputFolder folder(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  const WidthProfile profile = profile_widths(network, options, lanes);
  const std::string problem =
      folder.commit({{path.filename().string(), width_profile_json(network, profile)}});
  if (!problem.empty()) throw InputError(problem);
}

}  // namespace dpred
