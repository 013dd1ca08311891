#include "models/codec/registry.h"

namespace dpred {

const std::vector<const Codec*>& registered_codecs() {
  static const std::vector<const Codec*> codecs = {
      &dpred_codec(),       &raw_codec(),  &layer_width_codec(), &zvc_codec(),   &rle_scnn_codec(),
      &rle_eyeriss_codec(), &ebpc_codec(), &bdi_codec(),         &apack_codec(), &zstd_codec(),
  };
  return codecs;
}

}  // namespace dpred
