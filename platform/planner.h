// Makes a layer's plan: least traffic first, then the most overlap.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/array/layer_schedule.h"
#include "platform/plan.h"

namespace dpred {

/// Capacities in bytes. Each half of a buffer serves one job, unless the whole tensor stays.
struct BufferSizes {
  std::uint64_t activation = 262144;
  std::uint64_t weight = 262144;
  std::uint64_t output = 65536;
  BufferStore store = BufferStore::expanded;  ///< of activations and weights

  friend bool operator==(const BufferSizes& a, const BufferSizes& b) {
    return a.activation == b.activation && a.weight == b.weight && a.output == b.output && a.store == b.store;
  }
};

/// What the planner is told about a layer.
struct PlannerInput {
  std::string name;  ///< for error messages
  LayerShape shape;
  const LayerSchedule* schedule = nullptr;
  LayerStreams streams;
  bool has_bias = false;
  std::int64_t output_bytes_per_value = 1;
  std::int64_t output_channels = 0;
  std::int64_t lanes = 16;  ///< channels of a brick
  /// The input is in its buffer already, outside of what BufferSizes offers: it is not filled.
  bool input_on_chip = false;
};

/// The plan with the least traffic. Ties: at most 16 bands, the least that cannot overlap (first fills and
/// last drain), weights outer, fewer jobs. It depends on the values only through the sizes of blocks, and not
/// on memory speed.
///
/// Jobs are whole filter sets (or a part of one, where one is too large) x bands of output rows, over all
/// input channels. InputError if half a buffer can't hold the smallest such job: says which and how much.
Plan make_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst);

/// The same; nothing where there is no such plan.
std::optional<Plan> find_plan(const PlannerInput& input, const BufferSizes& buffers, std::uint64_t burst);

/// The plan in words and a table of its jobs, for people. Of a long plan the first and the last jobs, unless
/// `all_jobs`.
std::string describe(const Plan& plan, const PlannerInput& input, const BufferSizes& buffers,
                     std::uint64_t burst, bool all_jobs);

}  // namespace dpred
