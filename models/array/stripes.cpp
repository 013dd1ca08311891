// Stripes (Judd et al., MICRO 2016): activation bits serially, at the layer's profiled width.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign stripes = {
    "stripes",
    WidthSource::tensor,
    WidthSource::none,
};

}  // namespace dpred
