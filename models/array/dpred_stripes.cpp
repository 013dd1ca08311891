// DPRed Stripes (arXiv 1804.06732; ShapeShifter's Dynamic Stripes): each brick at the width found at run
// time.
#include "models/array/designs.h"

namespace dpred {

const ComputeDesign dpred_stripes = {
    "dpred-stripes",
    WidthSource::brick,
    WidthSource::none,
};

}  // namespace dpred
