// Reader of NumPy's .npy files, as far as trace sets need them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/input_file.h"

namespace dpred {

/// The bytes of one .npy file.
struct NpyFile {
  std::string header;              ///< everything before the data: magic, version, length, dictionary
  std::vector<std::uint8_t> data;  ///< the values, little-endian, last dimension innermost
};

/// Reads a file that must hold values of `type` (int8, uint8, int16, uint16, int32, float32 or float64) in
/// an array of `shape` (each at least 1; the product times the value's size fits 63 bits).
///
/// Versions 1, 2 and 3 of the format are accepted, in C order and little-endian. InputError, naming the file,
/// for everything else: a header that cannot be read or is longer than 64 KiB, Fortran order, big-endian or
/// Python object values, another type or shape, a file shorter or longer than its shape says. The size is
/// checked before memory for the values is taken.
NpyFile read_npy(const std::filesystem::path& path, std::string_view type,
                 const std::vector<std::int64_t>& shape);
/// The same of a file that was just opened.
NpyFile read_npy(InputFile& file, std::string_view type, const std::vector<std::int64_t>& shape);

}  // namespace dpred
