// Loom (Sharify et al., DAC 2018): activation and weight bits serially, at the layer's profiled widths.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign loom = {
    "loom",
    WidthSource::tensor,
    WidthSource::tensor,
};

}  // namespace dpred
