#include "workloads/network.h"

namespace dpred {

std::string_view to_string(LayerOp op) {
  switch (op) {
    case LayerOp::conv:
      return "conv";
    case LayerOp::dwconv:
      return "dwconv";
    case LayerOp::fc:
      return "fc";
    case LayerOp::lstm_x:
      return "lstm_x";
    case LayerOp::lstm_h:
      return "lstm_h";
    case LayerOp::matmul:
      return "matmul";
    case LayerOp::matmul_qk:
      return "matmul_qk";
    default:
      return "matmul_av";
  }
}

std::string_view to_string(Provenance provenance) {
  switch (provenance) {
    case Provenance::real:
      return "real";
    case Provenance::profiled:
      return "profiled";
    default:
      return "synthetic";
  }
}

}  // namespace dpred
