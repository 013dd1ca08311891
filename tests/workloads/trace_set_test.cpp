#include "workloads/trace_set.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <random>

#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"
#include "tests/support/traces.h"
#include "workloads/error.h"
#include "workloads/fnv_hash.h"

using namespace dpred;
using namespace dpred::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace fs = std::filesystem;

namespace {

std::vector<int> ramp(std::int64_t n, int first = -3) {
  std::vector<int> codes;
  for (std::int64_t i = 0; i < n; ++i)
    codes.push_back(first + static_cast<int>(i % 90));
  return codes;
}

/// Three layers: a grouped, padded, strided convolution, a fully connected layer and a recurrent one.
TraceBuilder good_set() {
  LayerShape conv{2, 4, 5, 6, 6, 3, 2};
  conv.stride = {2, 1};
  conv.dilation = {1, 2};
  conv.pad_tblr = {1, 0, 0, 2};
  conv.groups = 2;
  conv = with_output_size(conv);
  LayerShape fc{1, 12, 1, 1, 5};
  LayerShape lstm{3, 2, 1, 1, 8};
  lstm.recurrent = true;

  TraceBuilder set;
  set.tensor("a0", "act", conv.input(), DType::int8, -128, ramp(2 * 4 * 5 * 6));
  set.tensor("w0", "wgt", conv.weight(), DType::int8, 0, ramp(6 * 2 * 3 * 2));
  set.tensor("a1", "act", {2, 6, conv.OH, conv.OW}, DType::int8, -5, ramp(2 * 6 * conv.OH * conv.OW));
  set.tensor("a2", "act", fc.input(), DType::uint8, 255, ramp(12, 100));
  set.tensor("w2", "wgt", fc.weight(), DType::uint8, 7, ramp(60, 0));
  set.tensor("h0", "act", lstm.input(), DType::int8, 0, ramp(6));
  set.tensor("wh", "wgt", lstm.weight(), DType::int8, 0, ramp(16));
  set.tensor("h1", "act", {3, 2, 1, 1}, DType::int8, 0, ramp(6));
  set.aux_int32("b0", {1, -2, 3, 2147483647, 5, -6});
  set.aux_float64("s0", {0.5, 1, 2, 3, 4, 5});
  set.aux_float64("s2", {0.25});
  set.layer("conv", LayerOp::conv, conv, "a0", "w0", "a1", "b0", "s0");
  set.layer("fc", LayerOp::fc, fc, "a2", "w2", "", "", "s2");
  set.layer("lstm", LayerOp::lstm_h, lstm, "h0", "wh", "h1");
  set.manifest["layers"][0]["fused_activation"] = "relu6";
  set.manifest["tensors"]["w0"]["scale"] = {0.5, 0.25, 0.125};
  set.manifest["tensors"]["w2"]["scale"] = "per-channel(5)";
  return set;
}

/// The message of reading `folder`, or an empty string where it is accepted.
std::string error_of_folder(const fs::path& folder) {
  try {
    read_trace_set(folder);
  } catch (const InputError& e) {
    const std::string message = e.what();
    CHECK(message.find_first_of(std::string_view("\n\r\0", 3)) == std::string::npos);
    return message;
  }
  return {};
}

/// The same for a set that `set` describes; the message begins with the folder.
std::string error_of(const TraceBuilder& set) {
  const TempDir folder;
  set.write(folder.path());
  const std::string message = error_of_folder(folder.path());
  if (!message.empty()) CHECK(message.rfind(folder.path().string() + "/", 0) == 0);
  return message.substr(std::min(message.size(), folder.path().string().size() + 1));
}

std::string error_of_text(const std::string& manifest) {
  const TempDir folder;
  good_set().write(folder.path());
  write_file(folder.path() / "manifest.json", manifest);
  return error_of_folder(folder.path());
}

/// Sets the value at a JSON pointer in the good set's manifest, and gives the error.
std::string error_with(const std::string& pointer, const json& value) {
  TraceBuilder set = good_set();
  set.manifest[json::json_pointer(pointer)] = value;
  return error_of(set);
}

std::string error_without(const std::string& pointer) {
  TraceBuilder set = good_set();
  const json::json_pointer p(pointer);
  set.manifest[p.parent_pointer()].erase(p.back());
  return error_of(set);
}

}  // namespace

TEST_CASE("trace set: what was written is read") {
  const TempDir folder;
  const TraceBuilder set = good_set();
  set.write(folder.path());
  const Network network = read_trace_set(folder.path());
  CHECK(network.name == "small");
  CHECK(network.source == "made by a test");
  CHECK(network.bits == 8);
  CHECK(network.provenance == Provenance::synthetic);
  REQUIRE(network.layers.size() == 3);
  CHECK(network.tensors.size() == 8);
  CHECK(network.aux.size() == 3);

  const Layer& conv = network.layers[0];
  CHECK(conv.name == "conv");
  CHECK(conv.op == LayerOp::conv);
  CHECK(conv.shape.input() == Shape{2, 4, 5, 6});
  CHECK(conv.shape.weight() == Shape{6, 2, 3, 2});
  CHECK(conv.shape.OH == 2);
  CHECK(conv.shape.OW == 6);
  CHECK(conv.shape.stride == std::array<std::int64_t, 2>{2, 1});
  CHECK(conv.shape.dilation == std::array<std::int64_t, 2>{1, 2});
  CHECK(conv.shape.pad_tblr == std::array<std::int64_t, 4>{1, 0, 0, 2});
  CHECK(conv.shape.groups == 2);
  CHECK_FALSE(conv.shape.recurrent);
  CHECK(conv.input == "a0");
  CHECK(conv.weight == "w0");
  CHECK(conv.output == "a1");
  CHECK(conv.bias == "b0");
  CHECK(conv.weight_scales == "s0");
  CHECK(conv.fused_activation == "relu6");
  CHECK(network.layers[1].op == LayerOp::fc);
  CHECK(network.layers[1].output == "");
  CHECK(network.layers[1].bias == "");
  CHECK(network.layers[1].fused_activation == "none");
  CHECK(network.layers[2].op == LayerOp::lstm_h);
  CHECK(network.layers[2].shape.recurrent);

  const Tensor& a0 = network.tensor("a0");
  CHECK(a0.key == "a0");
  CHECK(a0.dtype == DType::int8);
  CHECK(a0.zero_point == -128);
  CHECK(a0.bits == 8);
  CHECK(a0.scale == std::vector<double>{1});
  CHECK(a0.code(0) == -3);
  CHECK(a0.code(239) == -3 + 239 % 90);
  CHECK(network.tensor("w0").scale == std::vector<double>{0.5, 0.25, 0.125});
  CHECK(network.tensor("a2").dtype == DType::uint8);
  CHECK(network.tensor("a2").zero_point == 255);
  CHECK(network.tensor("a2").code(11) == 111);
  CHECK(network.tensor("w2").scale.empty());
  CHECK(network.aux.at("b0").integer);
  CHECK(network.aux.at("b0").values == std::vector<double>{1, -2, 3, 2147483647, 5, -6});
  CHECK_FALSE(network.aux.at("s0").integer);
  CHECK(network.aux.at("s2").values == std::vector<double>{0.25});

  Fnv1a64 hash;
  std::string all = set.manifest.dump(1) + "\n";
  for (const char* file : {"a0", "a1", "a2", "h0", "h1", "w0", "w2", "wh", "b0", "s0", "s2"}) {
    all += set.files.at(std::string(file) + ".npy");
  }
  hash.add(all.data(), all.size());
  CHECK(network.hash == hash.hex());
}

TEST_CASE("trace set: 16-bit codes and float vectors are read") {
  TraceBuilder set(16);
  set.tensor("a", "act", {1, 3, 1, 1}, DType::int16, 0, {-32768, 0, 32767});
  set.tensor("w", "wgt", {2, 3, 1, 1}, DType::uint16, 65535, {0, 1, 2, 65535, 4, 5});
  set.aux_float64("b", {0.1, -2e100});
  set.layer("fc", LayerOp::matmul, {1, 3, 1, 1, 2}, "a", "w", "", "b");
  set.manifest["tensors"]["a"]["frac_bits"] = -3;
  set.files["s.npy"] = npy_bytes("<f4", {2}, raw_bytes<float>(std::vector<float>{0.5f, 3}));
  set.manifest["aux"]["s"] = {{"file", "s.npy"}, {"shape", {2}}, {"dtype", "float32"}};
  set.manifest.erase("provenance");
  const TempDir folder;
  set.write(folder.path());
  const Network network = read_trace_set(folder.path());
  CHECK(network.bits == 16);
  CHECK(network.provenance == Provenance::real);
  CHECK(network.tensor("a").frac_bits == -3);
  CHECK(network.tensor("a").code(0) == -32768);
  CHECK(network.tensor("a").code(2) == 32767);
  CHECK(network.tensor("w").zero_point == 65535);
  CHECK(network.tensor("w").code(3) == 65535);
  CHECK(network.aux.at("b").values == std::vector<double>{0.1, -2e100});
  CHECK(network.aux.at("s").values == std::vector<double>{0.5, 3});

  set.manifest["tensors"]["a"].erase("frac_bits");
  CHECK_THAT(error_of(set), Contains("tensors.a: missing key 'frac_bits'"));
  set.manifest["tensors"]["a"]["frac_bits"] = 65;
  CHECK_THAT(error_of(set), Contains("tensors.a.frac_bits: must be within -64 to 64, not 65"));
}

TEST_CASE("trace set: what is optional may be left out, and other keys are ignored") {
  TraceBuilder set = good_set();
  for (json& layer : set.manifest["layers"]) {
    for (const char* key : {"macs", "fused_activation", "bias", "weight_scales", "recurrent"})
      layer.erase(key);
    layer["remark"] = {{"deep", {1, 2.5, nullptr}}};
  }
  for (json& tensor : set.manifest["tensors"]) {
    for (const char* key : {"signed", "scale"})
      tensor.erase(key);
    tensor["min"] = "anything";
  }
  set.manifest["layers"][1]["bias"] = nullptr;
  set.manifest["layers"][0]["weight_is_activation"] = true;
  set.manifest["layers"][0]["steps"] = 2;
  set.manifest.erase("aux");
  CHECK(error_of(set) == "");
}

TEST_CASE("trace set: a folder or manifest that cannot be read") {
  const TempDir folder;
  const fs::path set = folder.path() / "mobilenet";
  fs::create_directory(set);
  CHECK_THAT(error_of_folder(folder.path() / "mobilnet"),
             Contains("mobilnet: no such folder (did you mean 'mobilenet'?)"));
  CHECK_THAT(error_of_folder(folder.path() / "mobilnet/"),
             Contains("no such folder (did you mean 'mobilenet'?)"));
  CHECK_THAT(error_of_folder("/no/such/place"), Contains("/no/such/place: no such folder"));
  CHECK_THAT(error_of_folder(""), Contains("no such folder"));
  CHECK_THAT(error_of_folder(folder.path() / "a\nb"), Contains("a\\x0ab: no such folder"));
  CHECK_THAT(error_of_folder(set), Contains("mobilenet/manifest.json: no such file"));
  write_file(folder.path() / "file", "{}");
  CHECK_THAT(error_of_folder(folder.path() / "file"), Contains("/file: not a folder"));
  CHECK_THAT(error_of_folder(folder.path() / "file" / "x"), Contains("/file/x: "));
  fs::create_directory(set / "manifest.json");
  CHECK_THAT(error_of_folder(set), Contains("manifest.json: a folder, not a file"));
  fs::remove(set / "manifest.json");
  REQUIRE(mkfifo((set / "manifest.json").c_str(), 0600) == 0);
  CHECK_THAT(error_of_folder(set), Contains("manifest.json: not a regular file"));
  fs::remove(set / "manifest.json");
  fs::create_symlink("/dev/zero", set / "manifest.json");
  CHECK_THAT(error_of_folder(set), Contains("manifest.json: not a regular file"));
  fs::remove(set / "manifest.json");
  write_file(set / "manifest.json", "");
  fs::resize_file(set / "manifest.json", (64u << 20) + 1);  // sparse
  CHECK_THAT(error_of_folder(set), Contains("67108865 bytes, a manifest has at most 67108864"));
}

TEST_CASE("trace set: files without permission") {
  const TempDir folder;
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  good_set().write(folder.path());
  // The superuser may read everything: read as nobody then.
  const auto error_unprivileged = [&] {
    if (geteuid() != 0) return error_of_folder(folder.path());
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      constexpr uid_t nobody = 65534;
      std::string message = "no error";
      if (setgid(nobody) != 0 || setuid(nobody) != 0) {
        message = "cannot become nobody";
      } else {
        try {
          read_trace_set(folder.path());
        } catch (const std::exception& e) {
          message = e.what();
        }
      }
      const bool written =
          write(ends[1], message.data(), message.size()) == static_cast<ssize_t>(message.size());
      _exit(written ? 0 : 1);
    }
    close(ends[1]);
    char message[1024];
    const ssize_t size = read(ends[0], message, sizeof message);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(status == 0);
    return std::string(message, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  };
  const fs::path manifest = folder.path() / "manifest.json", tensor = folder.path() / "w2.npy";
  REQUIRE(chmod(tensor.c_str(), 0) == 0);
  CHECK_THAT(error_unprivileged(), Contains(tensor.string() + ": cannot be read: Permission denied"));
  REQUIRE(chmod(manifest.c_str(), 0) == 0);
  CHECK_THAT(error_unprivileged(), Contains(manifest.string() + ": cannot be read: Permission denied"));
  REQUIRE(chmod(folder.path().c_str(), 0) == 0);
  CHECK_THAT(error_unprivileged(),
             Contains(folder.path().string()) && Contains("cannot be read: Permission denied"));
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
}

TEST_CASE("trace set: a manifest that is no JSON") {
  CHECK_THAT(error_of_text(""), Contains("manifest.json: parse error at line 1, column 1"));
  CHECK_THAT(error_of_text("{\n \"network\": \"x\",\n \"format\" 1}"), Contains("line 3, column 11"));
  CHECK_THAT(error_of_text("{}{}"), Contains("line 1, column 3"));
  CHECK_THAT(error_of_text("{\"a\": 1e999}"), Contains("1e999"));
  CHECK_THAT(error_of_text("{\"a\": NaN}"), Contains("line 1"));
  CHECK_THAT(error_of_text("{\"a\": \"\xff\xfe\"}"), Contains("line 1"));
  CHECK_THAT(error_of_text(std::string("\0\0\0", 3)), Contains("line 1"));
  CHECK_THAT(error_of_text(std::string(1 << 20, 'x')), Contains("line 1"));
  CHECK(error_of_text(std::string(1 << 20, 'x')).size() < 1000);
  for (const char* brackets : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 1000000; ++i)
      deep += brackets;
    CHECK_THAT(error_of_text(deep), Contains("nested deeper than 64 levels"));
  }
  const std::string whole = good_set().manifest.dump();
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    CHECK_THAT(error_of_text(whole.substr(0, size)), Contains("parse error at line 1"));
  }
  CHECK_THAT(error_of_text("[]"), Contains("manifest.json: must be an object, not of type array"));
  CHECK_THAT(error_of_text("3"), Contains("manifest.json: must be an object, not 3"));
  CHECK_THAT(error_of_text("{\"format\": 1, \"format\": 1}"), Contains("key 'format' occurs twice"));
  CHECK_THAT(error_of_text("{\"tensors\": {\"a\\nb\": {}, \"a\\nb\": {}}}"),
             Contains("tensors: key 'a\\x0ab' occurs twice"));
}

TEST_CASE("trace set: without a name it has its folder's") {
  const TempDir dir;
  TraceBuilder set = good_set();
  set.manifest.erase("network");
  set.write(dir.path());
  CHECK(read_trace_set(dir.path() / "").name == dir.path().filename());
}

TEST_CASE("trace set: missing keys") {
  for (const char* key : {"format", "bits", "tensors", "layers"}) {
    CHECK_THAT(error_without("/" + std::string(key)),
               Contains("manifest.json: missing key '" + std::string(key) + "'"));
  }
  for (const char* key : {"file", "shape", "dtype", "kind", "bits", "zero_point"}) {
    CHECK_THAT(error_without("/tensors/a2/" + std::string(key)),
               Contains("manifest.json: tensors.a2: missing key '" + std::string(key) + "'"));
  }
  for (const char* key : {"file", "shape", "dtype"}) {
    CHECK_THAT(error_without("/aux/s2/" + std::string(key)),
               Contains("manifest.json: aux.s2: missing key '" + std::string(key) + "'"));
  }
  for (const char* key : {"name", "op", "input", "weight", "output", "N", "C", "H", "W", "K", "R", "S", "OH",
                          "OW", "stride", "dilation", "pad_tblr", "groups"}) {
    CHECK_THAT(error_without("/layers/1/" + std::string(key)),
               Contains("manifest.json: layers[1]: missing key '" + std::string(key) + "'"));
  }
}

TEST_CASE("trace set: values of the wrong type or out of range") {
  struct Case {
    std::string pointer;
    json value;
    std::string message;
  };
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  const std::vector<Case> cases = {
      {"/format", 2, "format: 2, but this reader knows format 1"},
      {"/format", "1", "format: must be an integer, not of type string"},
      {"/format", 1.0, "format: must be an integer, not 1.0"},
      {"/network", 7, "network: must be a string, not 7"},
      {"/source", 7, "source: must be a string, not 7"},
      {"/bits", 12, "bits: must be 8 or 16, not 12"},
      {"/bits", -8, "bits: must be within 1 to 64, not -8"},
      {"/bits", 16, "tensors.a0.bits: 8, but the network has 16"},
      {"/provenance", "reel", "provenance: 'reel' is unknown (did you mean 'real'?)"},
      {"/provenance", 1, "provenance: must be a string, not 1"},
      {"/tensors", json::array(), "tensors: must be an object, not of type array"},
      {"/tensors/a0", 5, "tensors.a0: must be an object, not 5"},
      {"/aux", "x", "aux: must be an object, not of type string"},
      {"/layers", json::object(), "layers: must be an array, not of type object"},
      {"/layers", json::array(), "layers: must have at least one layer"},
      {"/layers/1", nullptr, "layers[1]: must be an object, not null"},
      {"/tensors/a0/shape", 5, "tensors.a0.shape: must be an array, not 5"},
      {"/tensors/a0/shape", {2, 4, 5}, "tensors.a0.shape: must have 4 elements, not 3"},
      {"/tensors/a0/shape/1", 0, "tensors.a0.shape[1]: must be within 1 to 2147483647, not 0"},
      {"/tensors/a0/shape/1", -4, "tensors.a0.shape[1]: must be within 1 to 2147483647, not -4"},
      {"/tensors/a0/shape/1", 4.5, "tensors.a0.shape[1]: must be an integer, not 4.5"},
      {"/tensors/a0/shape/1", std::int64_t{1} << 31, "tensors.a0.shape[1]: must be within"},
      {"/tensors/a0/shape/1", std::uint64_t{1} << 63,
       "must be within 1 to 2147483647, not 9223372036854775808"},
      {"/tensors/a0/shape",
       {2147483647, 2147483647, 2, 2},
       "tensors.a0.shape: (2147483647,2147483647,2,2) has too many"},
      {"/tensors/a0/dtype", "int9", "tensors.a0.dtype: 'int9' is unknown (did you mean 'int8'?)"},
      {"/tensors/a0/dtype", "float64", "tensors.a0.dtype: 'float64' is unknown"},
      {"/tensors/a0/dtype", "int16", "tensors.a0.dtype: int16 does not have the network's 8 bits"},
      {"/tensors/a0/kind", "actt", "tensors.a0.kind: 'actt' is unknown (did you mean 'act'?)"},
      {"/tensors/a0/bits", 16, "tensors.a0.bits: 16, but the network has 8"},
      {"/tensors/a0/zero_point", -129, "tensors.a0.zero_point: must be within -128 to 127, not -129"},
      {"/tensors/a0/zero_point", 128, "tensors.a0.zero_point: must be within -128 to 127, not 128"},
      {"/tensors/a2/zero_point", -1, "tensors.a2.zero_point: must be within 0 to 255, not -1"},
      {"/tensors/a2/zero_point", huge, "tensors.a2.zero_point: must be within"},
      {"/tensors/a2/signed", "no", "tensors.a2.signed: must be true or false"},
      {"/tensors/a0/scale", true, "tensors.a0.scale: must be a number, not of type boolean"},
      {"/tensors/a0/scale", -0.5, "tensors.a0.scale: a scale must not be negative"},
      {"/tensors/a0/scale", {1.0, 2.0}, "tensors.a0.scale: must have one scale, not 2"},
      {"/tensors/a0/scale", json::array(), "tensors.a0.scale: must have one scale, not 0"},
      {"/tensors/w0/scale", {1, 2, 3, 4}, "tensors.w0.scale: 4 scales cannot be shared out to 6 filters"},
      {"/tensors/w0/scale/1", "x", "tensors.w0.scale[1]: must be a number"},
      {"/aux/b0/dtype", "int64", "aux.b0.dtype: 'int64' is unknown"},
      {"/aux/b0/shape", {2, 3}, "aux.b0.shape: must have 1 elements, not 2"},
      {"/aux/b0/shape/0", 0, "aux.b0.shape[0]: must be within"},
      {"/layers/0/name", 1, "layers[0].name: must be a string"},
      {"/layers/0/op", "convv", "layers[0].op: 'convv' is unknown (did you mean 'conv'?)"},
      {"/layers/0/N", 0, "layers[0].N: must be within"},
      {"/layers/0/N", "2", "layers[0].N: must be an integer"},
      {"/layers/0/K", 1e3, "layers[0].K: must be an integer, not 1000.0"},
      {"/layers/0/stride", 2, "layers[0].stride: must be an array"},
      {"/layers/0/stride", {2}, "layers[0].stride: must have 2 elements, not 1"},
      {"/layers/0/stride/0", 0, "layers[0].stride[0]: must be within 1"},
      {"/layers/0/dilation/1", 0, "layers[0].dilation[1]: must be within 1"},
      {"/layers/0/pad_tblr/2", -1, "layers[0].pad_tblr[2]: must be within 0"},
      {"/layers/0/pad_tblr/1", 257, "layers[0].pad_tblr[1]: a pad of 257 is larger than 256"},
      {"/layers/0/pad_tblr/1", 3, "layers[0].OH: 2, but the other dimensions give 4"},
      {"/layers/0/pad_tblr", {1, 0, 0}, "layers[0].pad_tblr: must have 4 elements, not 3"},
      {"/layers/0/groups", 0, "layers[0].groups: must be within 1"},
      {"/layers/0/groups", 3, "layers[0].groups: 3 does not divide C = 4"},
      {"/layers/0/groups", 4, "layers[0].groups: 4 does not divide K = 6"},
      {"/layers/0/OH", 3, "layers[0].OH: 3, but the other dimensions give 2"},
      {"/layers/0/OW", 5, "layers[0].OW: 5, but the other dimensions give 6"},
      {"/layers/0/dilation/1", 8, "layers[0].OW: the kernel is larger than the padded input"},
      {"/layers/0/macs", 1, "layers[0].macs: 1, but the dimensions give 1728"},
      {"/layers/0/macs", "many", "layers[0].macs: must be an integer"},
      {"/layers/0/N", 3, "layers[0].macs: 1728, but the dimensions give 2592"},
      {"/layers/0/recurrent", true, "layers[0].recurrent: a recurrent layer has OH = OW = 1, not 2 and 6"},
      {"/layers/0/recurrent", 1, "layers[0].recurrent: must be true or false, not 1"},
      {"/layers/0/weight_is_activation", "x", "layers[0].weight_is_activation: must be true or false"},
      {"/layers/0/steps", 0, "layers[0].steps: must be within 1"},
      {"/layers/0/fused_activation", "relu_n1_to1",
       "layers[0].fused_activation: 'relu_n1_to1' is unknown (did you mean 'relu_n1_to_1'?)"},
      {"/layers/0/op", "fc", "layers[0].H: must be 1 in a layer of op fc, not 5"},
      {"/layers/2/K", 6, "layers[2].K: 6 is not a multiple of the four gates of lstm_h"},
      {"/layers/0/input", 4, "layers[0].input: must be a string, not 4"},
      {"/layers/0/input", "a3", "layers[0].input: no tensor 'a3' (did you mean 'a0'?)"},
      {"/layers/0/weight", "w9", "layers[0].weight: no tensor 'w9' (did you mean 'w0'?)"},
      {"/layers/0/output", "a\n", "layers[0].output: no tensor 'a\\x0a'"},
      {"/layers/0/output", 3, "layers[0].output: must be a string, not 3"},
      {"/layers/0/bias", "b1", "layers[0].bias: no aux vector 'b1' (did you mean 'b0'?)"},
      {"/layers/0/weight_scales", 1, "layers[0].weight_scales: must be a string, not 1"},
      {"/layers/1/bias", "b0", "layers[1].bias: vector 'b0' has 6 values, the layer needs K = 5"},
      {"/layers/1/bias", "s2", "layers[1].bias: vector 's2' has 1 values, the layer needs K = 5"},
      {"/layers/1/weight_scales", "s0",
       "layers[1].weight_scales: vector 's0' has 6 values, the layer needs 1 or K = 5"},
      {"/layers/0/input", "a2",
       "layers[0].input: tensor 'a2' has shape (1,12,1,1), the layer needs (N,C,H,W) = (2,4,5,6)"},
      {"/layers/0/weight", "w2",
       "layers[0].weight: tensor 'w2' has shape (5,12,1,1), the layer needs (K,C/groups,R,S) = (6,2,3,2)"},
      {"/layers/0/output", "a0",
       "layers[0].output: tensor 'a0' has shape (2,4,5,6), the layer needs (N,K,OH,OW) = (2,6,2,6)"},
      {"/layers/2/output", "a2",
       "layers[2].output: tensor 'a2' has shape (1,12,1,1), the layer needs (N,K/4,1,1) = (3,2,1,1)"},
      {"/layers/2/output", "h0", "layers[2].output: 'h0' is what the layer reads"},
      {"/tensors/a0/kind", "wgt", "layers[0].input: tensor 'a0' is of kind wgt, not act"},
      {"/tensors/w0/kind", "act", "tensors.w0.scale: must have one scale"},
      {"/tensors/w2/kind", "act", "layers[1].weight: tensor 'w2' is of kind act, not wgt"},
      {"/layers/0/output", nullptr, "tensors.a1: no layer reads or writes this tensor of shape (2,6,2,6)"},
      {"/aux/b0/file", "a0.npy", "a0.npy: is the file of tensors.a0 too (aux.b0 in manifest.json)"},
  };
  for (const Case& c : cases) {
    INFO(c.pointer << " = " << c.value);
    const std::string message = error_with(c.pointer, c.value);
    CHECK_THAT(message, Contains(c.message));
    if (c.message.find(".npy") == std::string::npos) CHECK(message.rfind("manifest.json: ", 0) == 0);
  }
}

TEST_CASE("trace set: dimensions whose products overflow") {
  TraceBuilder set = good_set();
  json& layer = set.manifest["layers"][1];
  layer.erase("macs");
  layer["N"] = 4194305;
  CHECK_THAT(error_of(set), Contains("layers[1]: N * OH = 4194305 * 1 output rows are more than 4194304"));
  layer["N"] = 4194304;
  for (const char* key : {"C", "K"})
    layer[key] = 2147483647;
  CHECK_THAT(error_of(set), Contains("layers[1]: the number of multiplications does not fit 63 bits"));
  json& conv = set.manifest["layers"][0];
  for (const char* key : {"H", "W", "R", "S"})
    conv[key] = 2147483647;
  for (const char* key : {"stride", "dilation"})
    conv[key] = {2147483647, 2147483647};
  conv["pad_tblr"] = {2147483647, 2147483647, 2147483647, 2147483647};
  CHECK_THAT(error_of(set), Contains("layers[0].OH: the kernel is larger than the padded input"));
}

TEST_CASE("trace set: a tensor between the layers is known from the graph") {
  TraceBuilder set = good_set();
  set.tensor("pooled", "act", {1, 1, 1, 1}, DType::int8, 0, {3});
  CHECK_THAT(error_of(set), Contains("tensors.pooled: no layer reads or writes this tensor"));
  set.manifest["graph"] = {{{"op", "max_pool"}, {"inputs", {"a1"}}, {"output", "pooled"}}};
  CHECK(error_of(set) == "");
}

TEST_CASE("trace set: files that leave the folder or are not files") {
  for (const std::string name :
       {"/etc/passwd", "../a0.npy", "..", ".", "", "sub/a0.npy", "..\\a0.npy", "C:\\a0.npy"}) {
    CHECK_THAT(error_with("/tensors/a0/file", name), Contains("manifest.json: tensors.a0.file: '" + name) &&
                                                         Contains("is not the plain name of a file"));
  }
  CHECK_THAT(error_with("/tensors/a0/file", std::string("a0.npy\0x", 8)),
             Contains("tensors.a0.file: 'a0.npy\\x00x'"));
  CHECK_THAT(error_with("/tensors/a0/file", 3), Contains("tensors.a0.file: must be a string, not 3"));
  CHECK_THAT(error_with("/tensors/a0/file", "none.npy"),
             Contains("none.npy: no such file (tensors.a0 in manifest.json)"));
  CHECK_THAT(error_with("/tensors/a0/file", std::string(5000, 'x')),
             Contains("cannot be read: File name too long"));
  CHECK_THAT(error_with("/aux/s2/file", "../s2.npy"),
             Contains("aux.s2.file: '../s2.npy' is not the plain name"));
  CHECK_THAT(error_with("/tensors/a0/file", "w0.npy"),
             Contains("w0.npy: has shape (6,2,3,2), not (2,4,5,6)"));

  const TempDir folder, other;
  good_set().write(folder.path());
  const fs::path file = folder.path() / "a2.npy", moved = other.path() / "a2.npy";
  fs::rename(file, moved);
  CHECK_THAT(error_of_folder(folder.path()), Contains(file.string() + ": no such file (tensors.a2 "));
  fs::create_symlink(moved, file);
  CHECK_THAT(error_of_folder(folder.path()),
             Contains(file.string() + ": a link that leads out of the folder"));
  fs::remove(file);
  fs::create_symlink("a2.npy", file);
  CHECK_THAT(error_of_folder(folder.path()), Contains(file.string() + ": cannot be read: Too many levels"));
  fs::remove(file);
  fs::create_symlink("w2.npy", file);
  CHECK_THAT(error_of_folder(folder.path()), Contains(file.string() + ": has shape"));
  fs::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  CHECK_THAT(error_of_folder(folder.path()), Contains(file.string() + ": not a regular file"));
  fs::remove(file);
  fs::create_directory(file);
  CHECK_THAT(error_of_folder(folder.path()), Contains(file.string() + ": a folder, not a file"));
  fs::remove(file);
  fs::copy_file(moved, folder.path() / "elsewhere");
  fs::create_symlink("elsewhere", file);  // within the folder
  CHECK(error_of_folder(folder.path()) == "");
  const fs::path link = other.path() / "set";
  fs::create_directory_symlink(folder.path(), link);
  CHECK(error_of_folder(link) == "");
}

TEST_CASE("trace set: tensor files that do not hold what the manifest says") {
  const auto error = [](const std::string& file, const std::string& bytes) {
    TraceBuilder set = good_set();
    set.files[file] = bytes;
    const std::string message = error_of(set);
    CHECK(message.rfind(file + ": ", 0) == 0);
    return message;
  };
  const std::string good = good_set().files.at("h1.npy");
  CHECK_THAT(error("h1.npy", ""), Contains("truncated") && Contains("(tensors.h1 in manifest.json)"));
  CHECK_THAT(error("h1.npy", good.substr(0, good.size() - 1)), Contains("truncated: 5 of 6 bytes"));
  CHECK_THAT(error("h1.npy", good + " "), Contains("1 bytes follow"));
  CHECK_THAT(error("h1.npy", npy_bytes("|u1", {3, 2, 1, 1}, "abcdef")), Contains("'|u1', not int8"));
  CHECK_THAT(error("h1.npy", npy_bytes("|i1", {2, 3, 1, 1}, "abcdef")), Contains("(2,3,1,1), not (3,2,1,1)"));
  CHECK_THAT(error("h1.npy", npy_bytes("|i1", {3, 2, 1, 1}, "abcdef", 1, true)), Contains("Fortran order"));
  const auto vector = [](double value) {
    return npy_bytes("<f8", {1}, raw_bytes<double>(std::vector<double>{value}));
  };
  const std::string nan_bytes("\0\0\0\0\0\0\xf8\x7f", 8);
  CHECK_THAT(error("s2.npy", npy_bytes("<f8", {1}, nan_bytes)),
             Contains("value 0 is nan (aux.s2 in manifest.json)"));
  CHECK_THAT(error("s2.npy", vector(-std::numeric_limits<double>::infinity())), Contains("value 0 is -inf"));
  CHECK_THAT(error("b0.npy", npy_bytes("<f4", {6}, std::string(24, 'x'))), Contains("'<f4', not int32"));

  // A shape as large as it can be, agreed upon by manifest and header: memory is not taken for it.
  TraceBuilder set(8);
  set.tensor("a", "act", {1, 1, 1, 1}, DType::int8, 0, {1})
      .tensor("w", "wgt", {1, 1, 1, 1}, DType::int8, 0, {1});
  const LayerShape large{4194304, 2147483647, 1, 1, 1};
  set.layer("fc", LayerOp::fc, large, "a", "w");
  set.manifest["tensors"]["a"]["shape"] = large.input();
  set.manifest["tensors"]["w"]["shape"] = large.weight();
  set.manifest["layers"][0].erase("macs");
  set.files["a.npy"] = npy_bytes("|i1", {4194304, 2147483647, 1, 1}, "abc");
  CHECK_THAT(error_of(set), Contains("a.npy: truncated: 3 of 9007199250546688 bytes of data"));
}

TEST_CASE("trace set: long names are cut in messages") {
  const std::string name(100000, 'n');
  const std::string message = error_with("/layers/0/input", name);
  CHECK_THAT(message, Contains("no tensor 'nnn"));
  CHECK(message.size() < 1000);
  CHECK(error_with("/tensors/" + name, 5).size() < 1000);
}

namespace {

/// Reads mutations of the good set: each must be accepted or raise InputError, nothing else.
void fuzz(unsigned seed, int rounds) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const TraceBuilder good = good_set();
  const json whole = good.manifest;
  const json flat = whole.flatten();
  std::vector<std::string> pointers;
  for (const auto& item : flat.items())
    pointers.push_back(item.key());
  std::vector<std::string> files;
  for (const auto& item : good.files)
    files.push_back(item.first);
  const std::vector<json> values = {nullptr,
                                    true,
                                    -1,
                                    0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    16,
                                    255,
                                    2147483647,
                                    2147483648,
                                    -2147483649.0,
                                    1e300,
                                    0.5,
                                    std::int64_t{1} << 62,
                                    ~std::uint64_t{0},
                                    "",
                                    "a0",
                                    "w0",
                                    "b0",
                                    "conv",
                                    "int16",
                                    "..",
                                    "lstm_h",
                                    "a0.npy",
                                    json::array(),
                                    json::object(),
                                    {1, 1},
                                    {0, 0, 0, 0},
                                    {1, 2, 3, 4}};
  const std::vector<std::string> tokens = {"{",        "}",       "[",    "]",     ",",
                                           ":",        "\"",      "null", "1e999", "-",
                                           "0",        "\\u0000", "\xff", "\n",    "9999999999999999999999",
                                           "NaN",      "(",       ")",    "'",     "True",
                                           "'descr': "};
  const auto mutate_bytes = [&](std::string& bytes) {
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      if (bytes.empty()) return;
      const std::size_t at = below(bytes.size());
      switch (below(5)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] ^= static_cast<char>(1 << below(8));
          break;
        case 2:
          bytes.erase(at, 1 + below(20));
          break;
        case 3:
          bytes.insert(at, tokens[below(tokens.size())]);
          break;
        default:
          bytes.resize(below(8) == 0 ? at : bytes.size());
          break;
      }
    }
  };

  const TempDir folder;
  good.write(folder.path());
  int accepted = 0, refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string name = "manifest.json", bytes;
    switch (below(3)) {
      case 0: {
        json changed = whole;
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
          json::json_pointer at(pointers[below(pointers.size())]);
          if (below(4) == 0) at = at.parent_pointer();
          try {
            json& target = changed.at(at);  // an earlier edit may have removed it
            target = values[below(values.size())];
          } catch (const json::exception&) {
          }
        }
        bytes = changed.dump();
        break;
      }
      case 1:
        bytes = whole.dump(1);
        mutate_bytes(bytes);
        break;
      default:
        name = files[below(files.size())];
        bytes = good.files.at(name);
        if (below(2) == 0) {  // the header more often than the data
          std::string header = bytes.substr(0, 80);
          mutate_bytes(header);
          bytes = header + bytes.substr(80);
        } else {
          mutate_bytes(bytes);
        }
    }
    write_file(folder.path() / name, bytes);
    try {
      const Network network = read_trace_set(folder.path());
      ++accepted;
      for (const Layer& layer : network.layers) {
        const Tensor& input = network.tensor(layer.input);
        const Tensor& weight = network.tensor(layer.weight);
        if (input.shape != layer.shape.input() || weight.shape != layer.shape.weight() ||
            input.data.size() != static_cast<std::size_t>(input.values()) * bytes_of(input.dtype)) {
          FAIL("round " << round << ": an accepted layer does not fit its tensors");
        }
      }
    } catch (const InputError& e) {
      ++refused;
      const std::string message = e.what();
      if (message.find_first_of("\n\r") != std::string::npos ||
          message.rfind(folder.path().string(), 0) != 0) {
        FAIL("round " << round << ": " << message);
      }
    } catch (const std::exception& e) {
      FAIL("round " << round << ", " << name << ": not an InputError: " << e.what());
    }
    write_file(folder.path() / name, name == "manifest.json" ? whole.dump() : good.files.at(name));
  }
  // Both happen: the mutations are neither harmless nor all caught by the first check.
  CHECK(accepted > rounds / 50);
  CHECK(refused > rounds / 4);
}

}  // namespace

TEST_CASE("trace set: mutations are accepted or refused, never more") {
  fuzz(1, 3000);
}

TEST_CASE("trace set: many mutations", "[.long]") {
  for (unsigned seed = 2; seed < 22; ++seed)
    fuzz(seed, 10000);
}

namespace {

struct Expected {
  const char* folder;
  std::size_t layers, tensors, aux;
  int bits;
};

/// Loads a set and compares every tensor's codes with the statistics that the manifest records.
void check_set(const fs::path& folder, const Expected& expected) {
  INFO(folder);
  const Network network = read_trace_set(folder);
  CHECK(network.layers.size() == expected.layers);
  CHECK(network.tensors.size() == expected.tensors);
  CHECK(network.aux.size() == expected.aux);
  CHECK(network.bits == expected.bits);
  CHECK(network.provenance == Provenance::real);
  CHECK(network.hash.size() == 16);
  std::ifstream stream(folder / "manifest.json");
  const json manifest = json::parse(stream);
  for (const auto& [key, tensor] : network.tensors) {
    INFO(key);
    std::int32_t low = tensor.code(0), high = low;
    tensor.visit([&, n = tensor.values()](const auto* codes) {
      for (std::int64_t i = 0; i < n; ++i) {
        low = std::min<std::int32_t>(low, codes[i]);
        high = std::max<std::int32_t>(high, codes[i]);
      }
    });
    CHECK(low == manifest["tensors"][key]["min"].get<int>());
    CHECK(high == manifest["tensors"][key]["max"].get<int>());
  }
}

}  // namespace

TEST_CASE("trace set: the sets of the project are read") {
  const fs::path digits = fs::path(DPRED_SOURCE_DIR) / "workloads" / "digits";
  check_set(digits / "digits_cnn_int8", {"", 6, 16, 12, 8});
  check_set(digits / "digits_cnn_fix16", {"", 6, 16, 6, 16});
}

TEST_CASE("trace set: the real sets are read (needs DPRED_TRACES)", "[traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const Expected& expected : {Expected{"mlperf_ad01_int8", 10, 21, 20, 8},
                                   {"mlperf_kws_int8", 10, 22, 20, 8},
                                   {"mlperf_resnet8_fix16", 10, 24, 10, 16},
                                   {"mlperf_resnet8_int8", 10, 24, 20, 8},
                                   {"mnist_lstm_int8", 3, 8, 2, 8},
                                   {"mobilenet_v1_075_int8", 28, 58, 56, 8},
                                   {"squeezenet_pruned_fix16p10", 26, 62, 26, 16},
                                   {"use_lite_int8", 26, 74, 26, 8}}) {
    check_set(*traces / expected.folder, expected);
  }
}

TEST_CASE("names of types, operations and provenances") {
  CHECK(to_string(DType::int8) == "int8");
  CHECK(to_string(DType::uint8) == "uint8");
  CHECK(to_string(DType::int16) == "int16");
  CHECK(to_string(DType::uint16) == "uint16");
  CHECK(to_string(Provenance::real) == "real");
  CHECK(to_string(Provenance::profiled) == "profiled");
  CHECK(to_string(Provenance::synthetic) == "synthetic");
  // Reading a layer's op and writing its name agree.
  for (const char* op : {"fc", "lstm_x", "matmul", "matmul_qk", "matmul_av", "conv", "dwconv"}) {
    TraceBuilder set = good_set();
    set.manifest["layers"][1]["op"] = op;
    const TempDir folder;
    set.write(folder.path());
    CHECK(to_string(read_trace_set(folder.path()).layers[1].op) == op);
  }
  CHECK(to_string(LayerOp::lstm_h) == "lstm_h");
}

TEST_CASE("errors: the nearest choice is suggested only where it is near") {
  const std::vector<std::string> choices{"stride", "dilation", "groups"};
  CHECK(nearest_choice("strides", choices) == "stride");
  CHECK(nearest_choice("dilatoin", choices) == "dilation");
  CHECK(nearest_choice("completely other", choices) == "");
  CHECK(nearest_choice("stride", {}) == "");
  CHECK(nearest_choice(std::string(1000, 's'), choices) == "");
  CHECK(suggestion("group", choices) == " (did you mean 'groups'?)");
  CHECK(suggestion("completely other", choices) == "");
}

TEST_CASE("errors: a name from a file cannot break a line") {
  CHECK(printable("plain, \xc3\xa9") == "plain, \xc3\xa9");
  CHECK(printable(std::string_view("a\n\r\t\x1b\x7f\0z", 8)) == "a\\x0a\\x0d\\x09\\x1b\\x7f\\x00z");
  CHECK(printable("\xc2\x9b"
                  "31m\xc2\xa0\xc2") == "\\u009b31m\xc2\xa0\xc2");  // CSI as one character
}
