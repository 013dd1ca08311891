// Loom with activation widths found at run time; DNNsim's Loom with dynamic widths.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign loom_dynamic = {
    "loom-dynamic",
    "both bit-serial; activations at each brick's width",
    WidthSource::brick,
    WidthSource::tensor,
};

}  // namespace dpred
