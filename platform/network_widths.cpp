#include "platform/network_widths.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>

#include "models/array/brick_maps.h"
#include "models/array/fold.h"
#include "platform/preparation.h"
#include "platform/width_profile.h"
#include "platform/width_profile_names.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

/// Found in the values.
class MeasuredWidths final : public NetworkWidths {
 public:
  explicit MeasuredWidths(const Network& network) : network_(network) {}

  void check(const DesignPoint&) const override {}
  const TensorProfile& profile(const Tensor& tensor) override {
    const auto [place, is_new] = profiles_.try_emplace(&tensor);
    if (is_new) place->second = profile_of(tensor);
    return place->second;
  }
  WidthMap groups(const Tensor& tensor, const StreamLayout& layout, SignForm sign) override {
    return WidthMap::of(tensor, profile(tensor).format, layout, sign);
  }
  const Tensor* values(const Tensor& tensor) const override { return &tensor; }

  std::shared_ptr<const BrickMap> activation_bricks(const Layer& layer,
                                                    const ArrayGeometry& geometry) override {
    return bricks(layer.input, dpred::activation_bricks(layer.shape, geometry));
  }
  std::shared_ptr<const BrickMap> weight_bricks(const Layer& layer, const ArrayGeometry& geometry) override {
    return bricks(layer.weight, dpred::weight_bricks(layer.shape, geometry));
  }
  SlotCount useful_slots(const ComputeDesign& design, const Layer& layer) override {
    const Tensor& input = network_.tensor(layer.input);
    const Tensor& weight = network_.tensor(layer.weight);
    return dpred::useful_slots(design, layer.shape, {input, profile(input).format, nullptr},
                               {weight, profile(weight).format, nullptr});
  }

 private:
  std::shared_ptr<const BrickMap> bricks(const std::string& key, const OperandBricks& bricks) {
    const Tensor& tensor = network_.tensor(key);
    return maps_.of(tensor, profile(tensor).format, bricks);
  }

  const Network& network_;
  BrickMaps maps_;
  std::map<const Tensor*, TensorProfile> profiles_;
};

/// Estimated from a profile.
class ProfiledWidths final : public NetworkWidths {
 public:
  explicit ProfiledWidths(const Network& network) : network_(network), profile_(*network.profile) {}

  void check(const DesignPoint& point) const override {
    if (!point.codec->plans_from_widths()) {
      std::vector<std::string> served;
      for (const std::string& name : codec_names()) {
        if (find_codec(name).plans_from_widths()) served.push_back(name);
      }
      fail(fmt::format("codec.name = {}", point.codec->name()),
           fmt::format("no values to find sizes from, but widths for {}", fmt::join(served, ", ")));
    }
    if (!point.elided) fail("sim.data = carried", "no values to carry: use elided");
    if (point.design->activation != WidthSource::brick && point.design->weight != WidthSource::brick) return;
    if (point.geometry.lanes != profile_.lanes)
      fail(fmt::format("array.lanes = {}", point.geometry.lanes),
           fmt::format("bricks of {} lanes", profile_.lanes));
  }
  const TensorProfile& profile(const Tensor& tensor) override { return of(tensor.key).profile; }
  WidthMap groups(const Tensor& tensor, const StreamLayout& layout, SignForm sign) override {
    const StreamOptions& options = layout.options();
    if (options.group != profile_.group)
      fail(fmt::format("codec.group = {}", options.group), fmt::format("groups of {}", profile_.group));
    if (options.slice_channels != profile_.slice_channels)
      fail(fmt::format("codec.slice_channels = {}", options.slice_channels),
           fmt::format("slices of {} channels", profile_.slice_channels));
    const TensorWidths& widths = of(tensor.key);
    if (!widths.profile.format.is_signed) sign = SignForm::twos_complement;
    const auto found = widths.groups.find({layout.role(), sign});
    if (found == widths.groups.end())
      fail(fmt::format("codec.sign = {}", sign_names[static_cast<std::size_t>(sign)]),
           fmt::format("no such widths of tensor {}, but those of {}", quote(tensor.key),
                       sign_names[static_cast<std::size_t>(SignForm::twos_complement)]));
    return width_map_with(found->second, layout);
  }
  const Tensor* values(const Tensor&) const override { return nullptr; }

  std::shared_ptr<const BrickMap> activation_bricks(const Layer& layer,
                                                    const ArrayGeometry& geometry) override {
    if (folds(layer.shape, geometry))
      fail("array.fold = auto", fmt::format("bricks of the unfolded layer {} only", quote(layer.name)));
    return bricks(layer.input, activation_order(layer.shape, profile_.lanes));
  }
  std::shared_ptr<const BrickMap> weight_bricks(const Layer& layer, const ArrayGeometry&) override {
    return bricks(layer.weight, weight_order());
  }
  SlotCount useful_slots(const ComputeDesign& design, const Layer& layer) override {
    return dpred::useful_slots(design, layer.shape, network_.bits, of(layer.input).value_bits,
                               of(layer.weight).value_bits);
  }

 private:
  const TensorWidths& of(const std::string& key) const { return profile_.tensors.at(key); }

  [[noreturn]] void fail(const std::string& wanted, const std::string& known) const {
    throw InputError(wanted + ": the width profile " + profile_.file + " has " + known);
  }

  std::shared_ptr<const BrickMap> bricks(const std::string& key, const BrickOrder& order) {
    std::shared_ptr<const BrickMap>& map = maps_[{key, order}];
    if (!map) {
      const Shape& shape = network_.tensor(key).shape;
      map = std::make_shared<BrickMap>(map_with(of(key).bricks.at(order),
                                                bricks_in(order, shape, profile_.lanes),
                                                sequences_in(order, shape, profile_.lanes)));
    }
    return map;
  }

  const Network& network_;
  const WidthProfile& profile_;
  std::map<std::pair<std::string, BrickOrder>, std::shared_ptr<const BrickMap>> maps_;
};

}  // namespace

std::unique_ptr<NetworkWidths> NetworkWidths::of(const Network& network) {
  if (network.profile) return std::make_unique<ProfiledWidths>(network);
  return std::make_unique<MeasuredWidths>(network);
}

}  // namespace dpred
