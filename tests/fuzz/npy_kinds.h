// What the fuzzer of .npy files asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dpred::fuzz {

struct NpyKind {
  std::string type;
  std::string descr;  ///< NumPy's name of the type
  std::vector<std::int64_t> shape;
};

inline const std::vector<NpyKind> npy_kinds = {
    {"int8", "|i1", {1, 2, 2, 1}},
    {"uint8", "|u1", {2, 1, 1, 3}},
    {"int16", "<i2", {1, 1, 1, 2}},
    {"uint16", "<u2", {4}},
    {"int32", "<i4", {2}},
    {"float32", "<f4", {2}},
    {"float64", "<f8", {1}},
    // More than any file has, and a product that nearly fills 63 bits.
    {"int8", "|i1", {1, 1024, 1024, 1024}},
    {"int16", "<i2", {0x7fffffff, 0x3fffffff, 1, 1}}};

}  // namespace dpred::fuzz
