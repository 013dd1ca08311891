#include "models/dram/controller.h"

#include <string>

#include "workloads/error.h"

namespace dpred::dram {

void check(const ControllerSettings& settings) {
  if (settings.queue_entries == 0) throw InputError("dram.queue_entries: at least 1 is needed");
  if (settings.write_high == 0) throw InputError("dram.write_high: at least 1 is needed");
  if (settings.write_low >= settings.write_high) {
    throw InputError("dram.write_low: " + std::to_string(settings.write_low) +
                     " is not below dram.write_high, " + std::to_string(settings.write_high));
  }
}

}  // namespace dpred::dram
