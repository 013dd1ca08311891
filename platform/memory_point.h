// The off-chip memory that the parameters ask for.
#pragma once

#include <cstdint>
#include <string>

#include "models/dram/controller.h"
#include "models/dram/preset.h"
#include "platform/parameters.h"

namespace dpred {

struct MemoryPoint {
  dram::Preset preset;
  std::string setting;  ///< `dram.preset '...'`, with the place where it was set: for messages
  std::string mapping;  ///< checked; empty for the preset's own
  int channels = 1;
  std::uint64_t capacity = 0;  ///< bytes of all channels
  dram::ControllerSettings controller;

  /// Which of the controller's settings count: bursts booked in order have no queues.
  enum class Order { as_they_arrive, scheduled };

  /// Marks what it reads (of the ideal memory, only the preset), and reads the file of a preset that is one.
  /// InputError, with the place where the value was set, for a preset that cannot be read and for values that
  /// don't go together.
  MemoryPoint(const Parameters& parameters, Order order);
};

}  // namespace dpred
