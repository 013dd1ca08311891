// Test vectors of the dpred codec for a testbench of the hardware. The files are described in
// docs/vectors.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/codec/codec.h"
#include "models/codec/stream_layout.h"

namespace dpred {

/// A tensor to make vectors of.
struct VectorTensor {
  const Tensor* tensor = nullptr;
  StreamRole role = StreamRole::activation;
};

struct VectorOptions {
  StreamOptions stream;
  CodecOptions codec;
  /// Blocks of each tensor: so many from the first on, but the last of them is the tensor's last block, which
  /// may be short. 0: all.
  std::int64_t blocks = 4;
  std::string source;  ///< what the values are, for the reader of vectors.json
};

/// Contents of all files by name; vectors.json, which describes the others, comes last.
std::map<std::string, std::string> make_vectors(const std::vector<VectorTensor>& tensors,
                                                const VectorOptions& options);

/// What a check of a folder of vectors went through, and what it found.
struct VectorCheck {
  std::uint64_t tensors = 0, blocks = 0, values = 0, stream_bytes = 0;
  std::string mismatch;  ///< the first one, with file and address; empty: none
};

/// Reads the files back and goes through them with the codec's C interface: every block of values must encode
/// to its bytes, and every block of bytes decode to its values; table, widths, zeros and sizes must be
/// theirs. InputError names file and line where the files are not what docs/vectors.md says.
VectorCheck check_vectors(const std::filesystem::path& folder);

/// Made up tensors of all types, roles and kinds of values, from all zero to the whole range: the same for a
/// seed on every machine.
struct RandomTensor {
  Tensor tensor;
  StreamRole role = StreamRole::activation;
};
std::vector<RandomTensor> random_tensors(std::int64_t count, std::uint64_t seed);

}  // namespace dpred
