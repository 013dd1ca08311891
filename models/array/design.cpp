#include "models/array/design.h"

#include "models/array/designs.h"
#include "workloads/error.h"

namespace dpred {

const std::vector<const ComputeDesign*>& compute_designs() {
  static const std::vector<const ComputeDesign*> designs = {
      &bit_parallel, &stripes, &dpred_stripes, &loom, &loom_dynamic, &dpred_loom,
  };
  return designs;
}

std::vector<std::string> compute_design_names() {
  std::vector<std::string> names;
  for (const ComputeDesign* design : compute_designs())
    names.emplace_back(design->name);
  return names;
}

const ComputeDesign& find_compute_design(std::string_view name) {
  for (const ComputeDesign* design : compute_designs()) {
    if (design->name == name) return *design;
  }
  throw InputError("unknown design '" + printable(name) + "'" + suggestion(name, compute_design_names()));
}

}  // namespace dpred
