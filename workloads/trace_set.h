// Reader of a trace set: a folder with manifest.json (format 1) and .npy files.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "workloads/manifest.h"
#include "workloads/network.h"

namespace dpred {

/// Reads and checks a whole trace set. Every tensor that is returned was found complete, of the declared
/// shape and type, and every layer fits its tensors. Raises InputError that names the file and the key
/// otherwise; memory use is bounded by the files that are really there.
///
/// The manifest is a JSON object of at most 64 MiB. Keys (those in brackets are optional, others that are
/// not listed are ignored; a key must not occur twice in an object):
///
/// - `format` 1, `bits` (8 or 16), [`network`: the folder's name, `source`, `provenance`: real, profiled or
/// synthetic; real],
///   `tensors` and [`aux`] by name, `layers` in order of execution, [`graph`: what happens between them].
/// - tensor: `file`, `shape` (four dimensions), `dtype` (int8, uint8, int16, uint16; as wide as `bits`),
/// `kind`
///   (act, wgt), `bits` (the network's), `zero_point` (a code of `dtype`); `frac_bits` (-64 to 64) in 16-bit
///   sets; [`scale`] in 8-bit sets: one number, or a list (weights: a number for each of equal groups of
///   filters, at most one a filter), or a text that refers to the layer's `weight_scales`; [`signed`],
///   informational.
/// - aux: `file`, `shape` (one dimension), `dtype` (int32, float32, float64; finite values).
/// - layer: `name`, `op`, `input`, `weight`, `output` (tensors; output may be null), N C H W K R S OH OW,
/// `stride`
///   and `dilation` [y, x], `pad_tblr`, `groups`, [`macs`, `fused_activation`: none, relu, relu6,
///   relu_n1_to_1, tanh or sign_bit; `bias`, `weight_scales` (aux vectors of K values; weight_scales may be
///   one), `recurrent`, `weight_is_activation`, `steps`].
///
/// Dimensions are 1 to 2^31 - 1. A `file` is a plain name in the folder (a symbolic link must not lead out of
/// it), and no two names share one. Only regular files are read.
///
/// A layer's tensors must have the shapes its dimensions give: input (N,C,H,W), weight (K,C/groups,R,S),
/// output (N,K,OH,OW), or (N,K/4,1,1) of an lstm_h layer, whose four gates make one value. The output is
/// neither input nor weight of its layer. All operations but conv and dwconv have H = W = R = S = 1. A tensor
/// that no layer reads or writes, and that `graph` does not mention (what pooling makes, say), is an error;
/// `graph` isn't read otherwise.
///
/// Network::hash covers the manifest, then the tensors' files in order of key, then those of `aux`.
Network read_trace_set(const std::filesystem::path& folder);

/// What a manifest says, checked as far as it can be without the other files.
struct Manifest {
  Network network;  ///< without values, vectors and hash; the name is empty where the manifest has none
  std::map<std::string, std::string> tensor_files;  ///< by the tensor's key; files in the set's folder
  std::map<std::string, AuxEntry> vectors;          ///< those of `aux`
};

/// The part of read_trace_set() that reads the manifest; `file` is its name in messages.
Manifest parse_manifest(const std::string& bytes, const std::string& file);

}  // namespace dpred
