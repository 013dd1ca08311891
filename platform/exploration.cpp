#include "platform/exploration.h"

namespace dpred {

PlanPoint::PlanPoint(const DesignPoint& point)
    : stream{point.codec, point.codec_options, point.stream},
      array{point.design, point.geometry},
      buffers(point.buffers),
      inter_layer(point.inter_layer),
      burst_bytes(point.burst_bytes) {}

struct Exploration::Planned {
  Preparation preparation;
  AnalyticModel model;

  Planned(const std::shared_ptr<NetworkFindings>& findings, const DesignPoint& point)
      : preparation(findings, point), model(preparation) {}
};

Exploration::Exploration(const Network& network) : findings_(std::make_shared<NetworkFindings>(network)) {}

Exploration::~Exploration() = default;

RunResult Exploration::analyse(const DesignPoint& point, bool find_next) {
  findings_->check(point);
  const PlanPoint key(point);
  return planned_.get(key, [&] { return std::make_shared<Planned>(findings_, point); })
      ->model.run(point, find_next);
}

}  // namespace dpred
