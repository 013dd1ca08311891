// Many design points on one network, of which each costs what it changes.
#pragma once

#include <memory>

#include "platform/analytic.h"
#include "platform/preparation.h"
#include "platform/recently_used.h"
#include "platform/run.h"

namespace dpred {

/// What a layer's jobs are planned by: of a design point, all that no time depends on but that of the array.
struct PlanPoint {
  StreamPoint stream;
  ArrayPoint array;
  BufferSizes buffers;
  bool inter_layer = false;
  std::uint64_t burst_bytes = 64;

  explicit PlanPoint(const DesignPoint& point);

  friend bool operator==(const PlanPoint& a, const PlanPoint& b) {
    return a.stream == b.stream && a.array == b.array && a.buffers == b.buffers &&
           a.inter_layer == b.inter_layer && a.burst_bytes == b.burst_bytes;
  }
};

/// Results of the fidelity `analytic` at any points in any order: what a point has in common with earlier
/// ones is found once. A point that differs from one of these in its memory or its clock takes the recurrence
/// over the jobs alone; with other buffers, plans too; with another array, one pass over the brick maps; with
/// another codec, sizes. Of each, those that were used last are kept. Not for several threads at a time.
class Exploration {
 public:
  /// The network must outlive it.
  explicit Exploration(const Network& network);
  ~Exploration();

  /// What analyse(Preparation(network, point), find_next) gives, errors included.
  RunResult analyse(const DesignPoint& point, bool find_next = true);

 private:
  struct Planned;

  std::shared_ptr<NetworkFindings> findings_;
  RecentlyUsed<PlanPoint, Planned> planned_{16};
};

}  // namespace dpred
