// Loom with activation widths found at run time; DNNsim's Loom with dynamic widths.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign loom_dynamic = {
    "loom-dynamic",
    WidthSource::brick,
    WidthSource::tensor,
};

}  // namespace dpred
