#include "models/array/array_geometry.h"

namespace dpred {

std::int64_t ArrayGeometry::columns_of(const ComputeDesign& design, int bits) const {
  if (columns != 0) return columns;
  return design.serial_activations() ? bits / bits_per_cycle : 1;
}

std::int64_t ArrayGeometry::rows_of(const ComputeDesign& design, int bits) const {
  return design.serial_weights() ? rows * bits : rows;
}

int ArrayGeometry::rounded(int width, int bits) const {
  return rounded_width(width, widths, bits + 1);
}

}  // namespace dpred
