// dpred run --check: what it says, and its exit status.
#include "models/codec/codec.h"
#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;
using nlohmann::json;

const fs::path digits = fs::path(DPRED_SOURCE_DIR) / "workloads/digits";

/// Two fully connected layers of three tokens. The first one's codes are its accumulators and biases added
/// up, but for one that `changed` is added to; the second has no bias, so that only its accumulators are
/// compared.
TraceBuilder token_set(int changed = 0) {
  const std::vector<int> x = {1, -2, 3, 4, 5, -6, 0, 7, 8};              // 3 tokens, 3 channels
  const std::vector<int> w = {1, 2, -3, 4, -5, 6, 7, 0, 1, -1, -1, -1};  // 4 filters
  const std::vector<int> bias = {10, -20, 30, 0};
  std::vector<int> y;
  for (std::size_t n = 0; n < 3; ++n) {
    for (std::size_t k = 0; k < 4; ++k) {
      int sum = bias[k];
      for (std::size_t c = 0; c < 3; ++c)
        sum += x[3 * n + c] * w[3 * k + c];
      y.push_back(sum);
    }
  }
  y[5] += changed;
  TraceBuilder set(8, "tokens");
  set.tensor("x", "act", {3, 3, 1, 1}, DType::int8, 0, x);
  set.tensor("w", "wgt", {4, 3, 1, 1}, DType::int8, 0, w);
  set.tensor("y", "act", {3, 4, 1, 1}, DType::int8, 0, y);
  set.tensor("v", "wgt", {2, 4, 1, 1}, DType::int8, 0, {1, 2, 3, 4, 5, 6, 7, 8});
  set.tensor("z", "act", {3, 2, 1, 1}, DType::int8, 0, {0, 1, 2, 3, 4, 5});
  set.aux_int32("b", {10, -20, 30, 0});
  set.layer("first", LayerOp::fc, with_output_size({3, 3, 1, 1, 4}), "x", "w", "y", "b");
  set.layer("second", LayerOp::fc, with_output_size({3, 4, 1, 1, 2}), "y", "v", "z");
  return set;
}

/// A copy of a trace set.
fs::path copied(const WorkFolder& work, const fs::path& set) {
  const fs::path copy = work.path() / set.filename();
  fs::copy(set, copy);
  return copy;
}

void flip(const fs::path& file, std::uint64_t from_end, int bit) {
  std::string bytes = read_file(file);
  bytes[bytes.size() - from_end] ^= static_cast<char>(1 << bit);
  write_file(file, bytes);
}

const Words designs = {"bit-parallel", "stripes", "dpred-stripes", "loom", "loom-dynamic", "dpred-loom"};

}  // namespace

TEST_CASE("a check that passes says what was compared", "[command]") {
  WorkFolder work;
  work.write_set("small", token_set());
  for (const std::string& design : designs) {
    INFO(design);
    const std::string out =
        quiet_output({"run", "small", "--check", "--array.design=" + design, "-o", "results"}, work.path());
    CHECK_THAT(out, Catch::Contains("\ncheck     18 accumulators right, and 12 codes in 1 of 2 layers\n"));
    const json summary = json::parse(read_file(work.path() / "results/summary.json"));
    CHECK(summary.at("check") == json{{"layers_by_codes", 1},
                                      {"layers_by_accumulators", 1},
                                      {"accumulators", 18},
                                      {"codes", 12},
                                      {"overflows", 0}});
  }
  const std::string plain = quiet_output({"run", "small", "-o", "results"}, work.path());
  CHECK(plain.find("check") == std::string::npos);
  CHECK(json::parse(read_file(work.path() / "results/summary.json")).count("check") == 0);
  CHECK(quiet_output({"run", "small", "--check", "--csv"}, work.path()) ==
        quiet_output({"run", "small", "--csv"}, work.path()));
}

TEST_CASE("a check that fails names the first wrong output and writes nothing", "[command]") {
  WorkFolder work;
  work.write_set("small", token_set(3));
  for (const std::string& codec : codec_names()) {
    INFO(codec);
    const ProcessResult result = run_dpred(
        {"run", "small", "--check", "-o", "results", std::string("--codec.name=") + codec}, work.path());
    CHECK(result.status == 1);
    CHECK(result.out == "");
    CHECK(result.err == "dpred: check failed: layer 'first', n 1, k 1, y 0, x 0: code: got -65, want -62\n");
    CHECK_FALSE(fs::exists(work.path() / "results/summary.json"));
  }
  // Without a check it is said, and nothing more.
  const ProcessResult plain = run_dpred({"run", "small"}, work.path());
  CHECK(plain.status == 0);
  CHECK(plain.err == "");
  CHECK_THAT(plain.out, Catch::Contains("\nnote: computed codes of 1 layers are not the recorded ones"));
}

TEST_CASE("an overflow of 32 bits ends a check of an 8-bit network and is noted of a 16-bit one",
          "[command]") {
  const auto set_of = [](int bits, std::int64_t channels, int value) {
    TraceBuilder set(bits, "long");
    const DType type = bits == 8 ? DType::int8 : DType::int16;
    const std::vector<int> values(static_cast<std::size_t>(channels), value);
    set.tensor("x", "act", {1, channels, 1, 1}, type, 0, values);
    set.tensor("w", "wgt", {1, channels, 1, 1}, type, 0, values);
    set.tensor("y", "act", {1, 1, 1, 1}, type, 0, {0});
    set.layer("long sum", LayerOp::fc, with_output_size({1, channels}), "x", "w", "y");
    return set;
  };
  WorkFolder work;
  work.write_set("b8", set_of(8, 133145, 127));
  work.write_set("b16", set_of(16, 3, 32767));
  for (const char* design : {"bit-parallel", "dpred-stripes", "dpred-loom"}) {
    const std::string option = std::string("--array.design=") + design;
    const ProcessResult ended = run_dpred({"run", "b8", "--check", option}, work.path());
    CHECK(ended.status == 1);
    CHECK(ended.err == "dpred: check failed: layer 'long sum', n 0, k 0, y 0, x 0: accumulator: got " +
                           std::to_string(127 * 127 * 133145ll - (1ll << 32)) + ", want " +
                           std::to_string(127 * 127 * 133145ll) + ", which overflows 32 bits\n");
    CHECK_THAT(
        quiet_output({"run", "b16", "--check", option}, work.path()),
        Catch::Contains("note: 1 accumulators overflow 32 bits, first n 0, k 0, y 0, x 0 of long sum\n"));
  }
}

TEST_CASE("a check needs values", "[command]") {
  WorkFolder work;
  work.write_set("small", token_set());
  const ProcessResult result = run_dpred({"run", "small", "--check", "--sim.data=elided"}, work.path());
  CHECK(result.status == 2);
  CHECK(result.out == "");
  CHECK_THAT(result.err, Catch::StartsWith("dpred: a check needs values") && Catch::Contains("sim.data"));
}

TEST_CASE("the bundled networks pass a check, and one flipped bit of a weight fails it", "[command]") {
  for (const char* set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    INFO(set);
    CHECK_THAT(quiet_output({"run", (digits / set).string(), "--check"}),
               Catch::Contains("check     336192 accumulators right"));
  }
  WorkFolder work;
  flip(copied(work, digits / "digits_cnn_int8") / "w3.npy", 4321, 6);
  const ProcessResult result = run_dpred({"run", "digits_cnn_int8", "--check"}, work.path());
  CHECK(result.status == 1);
  CHECK_THAT(result.err,
             Catch::StartsWith("dpred: check failed: layer 'conv3', n ") && Catch::Contains(": code: got "));
}

namespace {

/// Number of codes that are compared; all layers' accumulators are.
void check_set(const fs::path& set, std::uint64_t codes, const Words& parameters) {
  WorkFolder work;
  Words arguments = {"run", set.string(), "--check", "-o", (work.path() / "results").string()};
  arguments.insert(arguments.end(), parameters.begin(), parameters.end());
  quiet_output(arguments);
  const json check = json::parse(read_file(work.path() / "results/summary.json")).at("check");
  CHECK(check.at("codes") == codes);
  CHECK(check.at("overflows") == (set.filename() == "mlperf_resnet8_fix16" ? 4 : 0));
}

}  // namespace

TEST_CASE("the small real sets pass a check with every design", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  const std::map<std::string, std::uint64_t> codes = {{"mlperf_ad01_int8", 1672},
                                                      {"mlperf_kws_int8", 72012},
                                                      {"mlperf_resnet8_int8", 86026},
                                                      {"mlperf_resnet8_fix16", 0},
                                                      {"mnist_lstm_int8", 10}};
  for (const auto& [set, count] : codes) {
    for (const std::string& design : designs) {
      INFO(set << " " << design);
      check_set(*traces / set, count, {"--array.design=" + design});
    }
  }
  const Words tiny = {"--buffer.activation_bytes=1024", "--buffer.weight_bytes=1024",
                      "--buffer.output_bytes=1024"};
  for (const char* set : {"mlperf_ad01_int8", "mnist_lstm_int8"})
    check_set(*traces / set, codes.at(set), tiny);
  // A flipped bit of a weight.
  WorkFolder work;
  flip(copied(work, *traces / "mlperf_kws_int8") / "w11.npy", 100, 5);
  const ProcessResult result = run_dpred({"run", "mlperf_kws_int8", "--check"}, work.path());
  CHECK(result.status == 1);
  CHECK_THAT(result.err,
             Catch::StartsWith("dpred: check failed: layer '") && Catch::Contains(": code: got "));
}

TEST_CASE("the large real sets pass a check", "[.long][command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const char* design : {"dpred-stripes", "dpred-loom"}) {
    const Words parameters = {std::string("--array.design=") + design};
    check_set(*traces / "mobilenet_v1_075_int8", 2779625, parameters);
    check_set(*traces / "squeezenet_pruned_fix16p10", 0, parameters);
    check_set(*traces / "use_lite_int8", 0, parameters);
  }
}

}  // namespace dpred::test
