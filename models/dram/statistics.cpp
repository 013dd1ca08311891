#include "models/dram/statistics.h"

namespace dpred::dram {

const char* to_string(Loss loss) {
  switch (loss) {
    case Loss::refresh:
      return "refresh";
    case Loss::turnaround:
      return "turnaround";
    case Loss::bank_group:
      return "bank_group";
    case Loss::activate:
      return "activate";
    default:
      return "idle";
  }
}

}  // namespace dpred::dram
