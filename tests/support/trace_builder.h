// Builds small trace sets for tests.
//
//   TraceBuilder set;                                        // 8 bits; TraceBuilder set(16) for 16
//   set.tensor("a0", "act", {1, 1, 2, 2}, DType::int8, -128, {1, 2, 3, 4});
//   set.tensor("w0", "wgt", {1, 1, 1, 1}, DType::int8, 0, {5});
//   set.layer("conv", LayerOp::conv, with_output_size({1, 1, 2, 2, 1, 1, 1}), "a0", "w0");
//   TempDir folder;
//   set.write(folder.path());
//   const Network network = read_trace_set(folder.path());
//
// `manifest` and `files` are open to changes before write(), which is how the tests of bad input make theirs.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "workloads/network.h"

namespace dpred::test {

/// The bytes of an .npy file, version 1.0 unless told otherwise, header padded to a multiple of 64 as NumPy
/// does.
inline std::string npy_bytes(const std::string& descr, const std::vector<std::int64_t>& shape,
                             const std::string& data, int version = 1, bool fortran_order = false) {
  std::string tuple;
  for (const std::int64_t n : shape)
    tuple += std::to_string(n) + ", ";
  std::string dictionary = "{'descr': '" + descr +
                           "', 'fortran_order': " + (fortran_order ? "True" : "False") + ", 'shape': (" +
                           tuple + "), }";
  const std::size_t preamble = version == 1 ? 10 : 12;
  while ((preamble + dictionary.size() + 1) % 64 != 0)
    dictionary += ' ';
  dictionary += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (std::size_t i = 0; i < preamble - 8; ++i)
    bytes += static_cast<char>(dictionary.size() >> (8 * i) & 0xff);
  return bytes + dictionary + data;
}

/// The bytes of values of type T as this (little-endian) machine stores them.
template <class T, class Values>
std::string raw_bytes(const Values& values) {
  std::string bytes;
  for (const auto& given : values) {
    const T value = static_cast<T>(given);
    if (static_cast<double>(value) != static_cast<double>(given))
      throw std::invalid_argument("value does not fit");
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

/// `shape` with OH and OW computed from the rest.
inline LayerShape with_output_size(LayerShape shape) {
  shape.OH = output_extent(shape.H, shape.pad_tblr[0] + shape.pad_tblr[1], shape.R, shape.dilation[0],
                           shape.stride[0]);
  shape.OW = output_extent(shape.W, shape.pad_tblr[2] + shape.pad_tblr[3], shape.S, shape.dilation[1],
                           shape.stride[1]);
  return shape;
}

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);  // not truncated: ext4 would flush it to disk, slow in thousands
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path.string());
}

struct TraceBuilder {
  nlohmann::json manifest;
  std::map<std::string, std::string> files;  ///< content by name; manifest.json is not among them

  explicit TraceBuilder(int bits = 8, const std::string& network = "small") {
    manifest = {{"network", network},
                {"format", 1},
                {"source", "made by a test"},
                {"provenance", "synthetic"},
                {"bits", bits},
                {"tensors", nlohmann::json::object()},
                {"layers", nlohmann::json::array()},
                {"aux", nlohmann::json::object()}};
  }

  /// A tensor of `kind` "act" or "wgt" with one code a value, in file `<key>.npy`. Scale 1 or frac_bits 0:
  /// set manifest["tensors"][key]["scale"] or ["frac_bits"] for others.
  TraceBuilder& tensor(const std::string& key, const std::string& kind, const Shape& shape, DType dtype,
                       int zero_point, const std::vector<int>& codes) {
    if (static_cast<std::int64_t>(codes.size()) != volume(shape))
      throw std::invalid_argument(key + ": codes and shape");
    nlohmann::json entry = {{"file", key + ".npy"},        {"shape", shape},
                            {"dtype", to_string(dtype)},   {"kind", kind},
                            {"bits", 8 * bytes_of(dtype)}, {"signed", is_signed_type(dtype)},
                            {"zero_point", zero_point}};
    if (bytes_of(dtype) == 1) {
      entry["scale"] = 1.0;
    } else {
      entry["frac_bits"] = 0;
    }
    manifest["tensors"][key] = entry;
    const std::vector<std::int64_t> dimensions(shape.begin(), shape.end());
    switch (dtype) {
      case DType::int8:
        files[key + ".npy"] = npy_bytes("|i1", dimensions, raw_bytes<std::int8_t>(codes));
        break;
      case DType::uint8:
        files[key + ".npy"] = npy_bytes("|u1", dimensions, raw_bytes<std::uint8_t>(codes));
        break;
      case DType::int16:
        files[key + ".npy"] = npy_bytes("<i2", dimensions, raw_bytes<std::int16_t>(codes));
        break;
      default:
        files[key + ".npy"] = npy_bytes("<u2", dimensions, raw_bytes<std::uint16_t>(codes));
        break;
    }
    return *this;
  }

  /// A vector of int32, such as an 8-bit layer's bias, in file `<key>.npy`.
  TraceBuilder& aux_int32(const std::string& key, const std::vector<std::int32_t>& values) {
    return aux(key, "int32", "<i4", values.size(), raw_bytes<std::int32_t>(values));
  }

  /// A vector of float64, such as weight scales or a 16-bit layer's bias, in file `<key>.npy`.
  TraceBuilder& aux_float64(const std::string& key, const std::vector<double>& values) {
    return aux(key, "float64", "<f8", values.size(),
               {reinterpret_cast<const char*>(values.data()), 8 * values.size()});
  }

  /// A layer of tensors by key; an empty `output` is null, an empty `bias` or `weight_scales` is left out.
  TraceBuilder& layer(const std::string& name, LayerOp op, const LayerShape& s, const std::string& input,
                      const std::string& weight, const std::string& output = "", const std::string& bias = "",
                      const std::string& weight_scales = "") {
    nlohmann::json entry = {{"name", name},
                            {"op", to_string(op)},
                            {"input", input},
                            {"weight", weight},
                            {"output", nullptr},
                            {"N", s.N},
                            {"C", s.C},
                            {"H", s.H},
                            {"W", s.W},
                            {"K", s.K},
                            {"R", s.R},
                            {"S", s.S},
                            {"OH", s.OH},
                            {"OW", s.OW},
                            {"stride", s.stride},
                            {"dilation", s.dilation},
                            {"pad_tblr", s.pad_tblr},
                            {"groups", s.groups},
                            {"macs", s.macs()},
                            {"fused_activation", "none"}};
    if (!output.empty()) entry["output"] = output;
    if (!bias.empty()) entry["bias"] = bias;
    if (!weight_scales.empty()) entry["weight_scales"] = weight_scales;
    if (s.recurrent) entry["recurrent"] = true;
    manifest["layers"].push_back(entry);
    return *this;
  }

  /// Writes manifest.json and the files into a folder that exists.
  void write(const std::filesystem::path& folder) const {
    for (const auto& [name, bytes] : files)
      write_file(folder / name, bytes);
    write_file(folder / "manifest.json", manifest.dump(1) + "\n");
  }

 private:
  TraceBuilder& aux(const std::string& key, const char* dtype, const char* descr, std::size_t length,
                    const std::string& data) {
    manifest["aux"][key] = {{"file", key + ".npy"}, {"shape", {length}}, {"dtype", dtype}};
    files[key + ".npy"] = npy_bytes(descr, {static_cast<std::int64_t>(length)}, data);
    return *this;
  }
};

}  // namespace dpred::test
