// DPRed Loom: activation bricks at run-time widths, weight bricks at static widths of a filter set.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign dpred_loom = {
    "dpred-loom",
    WidthSource::brick,
    WidthSource::brick,
};

}  // namespace dpred
