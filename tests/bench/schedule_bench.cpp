#include "tests/bench/schedule_bench.h"

#include <string>

#include "models/array/fold.h"
#include "models/array/layer_schedule.h"
#include "tests/bench/generated.h"

namespace dpred::bench {

namespace {

using Designs = std::vector<const ComputeDesign*>;

/// Layers with 16-bit values and their maps.
class Stack {
 public:
  Stack(std::string name, const std::vector<LayerShape>& shapes, const ArrayGeometry& geometry)
      : name_(std::move(name)), geometry_(geometry) {
    for (const LayerShape& shape : shapes) {
      const Tensor input = make_tensor(shape.input(), 16, false, 10 + layers_.size());
      const Tensor weight = make_tensor(shape.weight(), 16, true, 20 + layers_.size());
      const TensorProfile activations = profile_of(input);
      const TensorProfile weights = profile_of(weight);
      layers_.push_back({shape,
                         {16, activations.width, weights.width},
                         brick_map(input, activations.format, activation_bricks(shape, geometry)),
                         brick_map(weight, weights.format, weight_bricks(shape, geometry))});
      macs_ += static_cast<double>(shape.macs());
    }
  }

  /// `change` changes what maps don't depend on.
  template <class Change>
  void measure(Bench& bench, const std::string& point, const Designs& designs, Change&& change) const {
    ArrayGeometry geometry = geometry_;
    change(geometry);
    for (const ComputeDesign* design : designs) {
      bench.rate(metric(point, *design), "G MAC/s", macs_ * 1e-9, [&] {
        for (const Prepared& layer : layers_) {
          LayerSchedule schedule(*design, geometry, layer.shape, layer.precision, &layer.activations,
                                 &layer.weights);
          keep(schedule.total());
        }
      });
    }
  }

 private:
  struct Prepared {
    LayerShape shape;
    LayerPrecision precision;
    BrickMap activations, weights;
  };

  std::string metric(const std::string& point, const ComputeDesign& design) const {
    return "schedule " + name_ + (point.empty() ? "" : ", " + point) + ", " + std::string(design.name);
  }

  std::string name_;
  ArrayGeometry geometry_;
  std::vector<Prepared> layers_;
  double macs_ = 0;
};

}  // namespace

/// For comparison, value-exact simulation by DNNsim (C++, one thread) of convolutions of AlexNet's shapes, 16
/// bits, measured on a machine of this kind: Stripes and ShapeShifter 5.5 s of CPU time, Loom 6.6 s,
/// DaDianNao 44 s; with the fully connected layers 104 s.
void schedules(Bench& bench) {
  const Designs all = compute_designs();
  const Designs stripes = {&find_compute_design("dpred-stripes")};
  const Designs brick_wise = {&find_compute_design("dpred-stripes"), &find_compute_design("dpred-loom")};
  const auto as_it_is = [](ArrayGeometry&) {};

  const Stack convolutions("AlexNet conv", alexnet_convolutions(), {});
  convolutions.measure(bench, "", all, as_it_is);
  convolutions.measure(bench, "16 tiles", all, [](ArrayGeometry& g) { g.tiles = 16; });
  convolutions.measure(bench, "1 tile of 8 rows", brick_wise, [](ArrayGeometry& g) {
    g.rows = 8;
    g.tiles = 1;
  });
  convolutions.measure(bench, "windows", brick_wise,
                       [](ArrayGeometry& g) { g.tile_split = TileSplit::windows; });
  convolutions.measure(bench, "1 register", brick_wise, [](ArrayGeometry& g) { g.column_registers = 1; });

  ArrayGeometry fold;
  fold.fold = true;
  Stack("AlexNet conv1 folded", {alexnet_convolutions().front()}, fold).measure(bench, "", stripes, as_it_is);
  Stack("1x1 1024 to 512, 14x14", {convolution(1024, 14, 512, 1, 1, 0, 1)}, {})
      .measure(bench, "", stripes, as_it_is);
  Stack("3x3 depthwise 384, 14x14", {convolution(384, 14, 384, 3, 1, 1, 384)}, {})
      .measure(bench, "", brick_wise, as_it_is);
  if (bench.wanted("schedule AlexNet fc"))
    Stack("AlexNet fc", alexnet_fully_connected(), {}).measure(bench, "", brick_wise, as_it_is);
}

}  // namespace dpred::bench
