// Where compute designs are declared: one line a design, beside its place in the list of design.cpp.
#pragma once

#include "models/array/design.h"

namespace dpred {

extern const ComputeDesign bit_parallel;
extern const ComputeDesign stripes;
extern const ComputeDesign dpred_stripes;
extern const ComputeDesign loom;
extern const ComputeDesign loom_dynamic;
extern const ComputeDesign dpred_loom;

}  // namespace dpred
