// The baseline: DaDianNao-like inner-product units that take whole values; time does not depend on widths.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign bit_parallel = {
    "bit-parallel",
    WidthSource::none,
    WidthSource::none,
};

}  // namespace dpred
