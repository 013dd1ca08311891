// Where codecs are registered: one line a codec.
#pragma once

#include <vector>

#include "models/codec/codec.h"

namespace dpred {

const Codec& raw_codec();
const Codec& dpred_codec();
const Codec& layer_width_codec();
const Codec& zvc_codec();
const Codec& rle_scnn_codec();
const Codec& rle_eyeriss_codec();
const Codec& ebpc_codec();
const Codec& bdi_codec();
const Codec& apack_codec();
const Codec& zstd_codec();

/// All codecs, in the order in which they are listed.
const std::vector<const Codec*>& registered_codecs();

}  // namespace dpred
