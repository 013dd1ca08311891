// workload.batch: a run of repeated inputs is a run of a trace set that holds them.
#include <nlohmann/json.hpp>

#include "tests/support/split_mix.h"
#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

/// A convolution, a depthwise and a recurrent layer, attention, and a layer of one window, with their inputs
/// written out `times` times.
TraceBuilder set_of(int times) {
  TraceBuilder set(8, "repeated");
  SplitMix64 random(5);
  const auto codes = [&](std::int64_t count, int repeats) {
    std::vector<int> once, all;
    for (std::int64_t i = 0; i < count; ++i)
      once.push_back(static_cast<int>(random.next() % 13) - (random.next() % 4 == 0 ? 100 : 6));
    for (int i = 0; i < repeats; ++i)
      all.insert(all.end(), once.begin(), once.end());
    return all;
  };
  const auto add = [&](const std::string& name, LayerOp op, LayerShape shape, bool made_at_run_time = false) {
    shape = with_output_size(shape);
    const Shape weights = shape.weight();
    set.tensor(name + "_w", made_at_run_time ? "act" : "wgt", weights, DType::int8, 0,
               codes(volume(weights), 1));
    const Shape results{shape.N, op == LayerOp::lstm_h ? shape.K / 4 : shape.K, shape.OH, shape.OW};
    const std::vector<int> inputs = codes(volume(shape.input()), times);
    const std::vector<int> outputs = codes(volume(results), times);
    shape.N *= times;
    Shape repeated = results;
    repeated[0] = shape.N;
    set.tensor(name + "_in", "act", shape.input(), DType::int8, -3, inputs);
    set.tensor(name + "_out", "act", repeated, DType::int8, 0, outputs);
    set.layer(name, op, shape, name + "_in", name + "_w", name + "_out");
    if (made_at_run_time) set.manifest["layers"].back()["weight_is_activation"] = true;
  };
  LayerShape conv{1, 20, 6, 7, 24, 3, 3};
  conv.pad_tblr = {1, 1, 1, 1};
  add("conv", LayerOp::conv, conv);
  LayerShape depthwise{2, 18, 5, 5, 18, 3, 3};
  depthwise.groups = 18;
  add("depthwise", LayerOp::dwconv, depthwise);
  LayerShape steps{3, 8, 1, 1, 32};
  steps.recurrent = true;
  add("steps", LayerOp::lstm_h, steps);
  add("attention", LayerOp::matmul_qk, {5, 16, 1, 1, 7}, true);
  add("one", LayerOp::fc, {1, 40, 1, 1, 12});
  return set;
}

}  // namespace

TEST_CASE("a batch is a run of the inputs written out", "[command]") {
  const WorkFolder work;
  work.write_set("once", set_of(1));
  work.write_set("four", set_of(4));
  const std::vector<Words> points = {
      {},
      {"--array.design=dpred-loom", "--array.rows=4", "--array.tile_split=best"},
      {"--array.column_registers=2", "--buffer.activation_bytes=2048", "--buffer.weight_bytes=4096",
       "--buffer.output_bytes=512", "--codec.name=zvc"},
      {"--sim.data=elided", "--array.design=stripes", "--codec.name=raw"}};
  for (const Words& point : points) {
    for (const char* command : {"run", "explain"}) {
      Words batch = {command, "once", "--workload.batch=4"}, written = {command, "four"};
      for (Words* words : {&batch, &written}) {
        words->insert(words->end(), point.begin(), point.end());
        if (std::string(command) == "run") words->push_back("--csv");
      }
      CHECK(quiet_output(batch, work.path()) == quiet_output(written, work.path()));
    }
  }
  CHECK(quiet_output({"run", "once", "--csv"}, work.path()) !=
        quiet_output({"run", "once", "--csv", "--workload.batch=4"}, work.path()));
  const std::string checked = quiet_output({"run", "once", "--check", "--workload.batch=2"}, work.path());
  CHECK_THAT(checked, Catch::Contains("recorded inputs 2 times"));
}

TEST_CASE("results say how often inputs were repeated", "[command]") {
  const WorkFolder work;
  work.write_set("once", set_of(1));
  const std::string table = quiet_output({"run", "once", "--workload.batch=3", "-o", "out"}, work.path());
  CHECK_THAT(table, Catch::Contains("recorded inputs 3 times"));
  const auto summary = nlohmann::json::parse(read_file(work.path() / "out/summary.json"));
  CHECK(summary.at("workload").at("batch") == 3);
  CHECK(summary.at("parameters").at("workload.batch").at("read") == true);

  // Sizes of tensors don't depend on it.
  const ProcessResult compress = run_dpred({"compress", "once", "--workload.batch=3"}, work.path());
  CHECK(compress.status == 0);
  CHECK_THAT(compress.err, Catch::Contains("workload.batch is set"));
  CHECK(run_dpred({"run", "once", "--workload.batch=0"}, work.path()).status == 2);
}

TEST_CASE("batches of the real sets", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const char* set : {"mlperf_ad01_int8", "mnist_lstm_int8", "mlperf_kws_int8"}) {
    INFO(set);
    const auto run = [&](const std::string& batch) {
      return Table(quiet_output(
          {"run", (*traces / set).string(), "--csv", "--sim.data=elided", "--workload.batch=" + batch}));
    };
    const Table once = run("1"), eight = run("8");
    CHECK(eight.sum("macs") == 8 * once.sum("macs"));
    // Weights that fit the buffer come once, however many inputs there are.
    CHECK(eight.sum("weight_read_bytes") == once.sum("weight_read_bytes"));
    CHECK(eight.sum("compute_cycles") > once.sum("compute_cycles"));
    CHECK(eight.sum("total_cycles") < 8 * once.sum("total_cycles"));
  }
}

}  // namespace dpred::test
