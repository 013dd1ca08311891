// Stripes (Judd et al., MICRO 2016): activation bits serially, at the layer's profiled width.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign stripes = {
    "stripes",
    "activations bit-serial at the layer's profiled width",
    WidthSource::tensor,
    WidthSource::none,
};

}  // namespace dpred
