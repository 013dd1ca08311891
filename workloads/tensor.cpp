#include "workloads/tensor.h"

namespace dpred {

std::string_view to_string(DType type) {
  switch (type) {
    case DType::int8:
      return "int8";
    case DType::uint8:
      return "uint8";
    case DType::int16:
      return "int16";
    default:
      return "uint16";
  }
}

}  // namespace dpred
