// What the dpred command writes and prints: files, tables, notes, help.
#include <algorithm>
#include <cmath>
#include <set>

#include "platform/tensor_sizes.h"
#include "tests/testbench/command.h"
#include "workloads/fnv_hash.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;
using nlohmann::json;

const fs::path digits = fs::path(DPRED_SOURCE_DIR) / "workloads/digits";

const Words counted_columns = {"macs",
                               "compute_cycles",
                               "stall_activation_cycles",
                               "stall_weight_cycles",
                               "stall_output_cycles",
                               "stall_codec_cycles",
                               "overhead_cycles",
                               "total_cycles",
                               "activation_read_bytes",
                               "weight_read_bytes",
                               "output_write_bytes",
                               "raw_activation_read_bytes",
                               "raw_weight_read_bytes",
                               "raw_output_write_bytes"};

const Words array_columns = {"array_useful_cycles",      "array_width_padding_cycles",
                             "array_idle_lanes_cycles",  "array_padding_bricks_cycles",
                             "array_column_wait_cycles", "array_partial_pallets_cycles",
                             "array_tile_wait_cycles",   "array_idle_rows_cycles"};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::string layers_of(const std::string& set, const Words& arguments = {}) {
  return quiet_output(Words{"run", (digits / set).string(), "--csv"} + arguments);
}

/// The hash that docs/contracts.md, "Trace sets", defines.
std::string hash_of(const fs::path& set) {
  const std::string manifest = read_file(set / "manifest.json");
  const json document = json::parse(manifest);
  std::string bytes = manifest;
  for (const char* kind : {"tensors", "aux"}) {
    for (const auto& [key, entry] : document.at(kind).items())  // in order of key
      bytes += read_file(set / entry.at("file").get<std::string>());
  }
  Fnv1a64 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

std::string value_in(const json& summary, const std::string& key) {
  return summary.at("parameters").at(key).at("value");
}

std::string origin_in(const json& summary, const std::string& key) {
  return summary.at("parameters").at(key).at("origin");
}

/// summary.json of a run that must succeed.
json summary_of(const WorkFolder& work, const Words& arguments) {
  const Words all = Words{"run", "small", "-o", "results"} + arguments;
  const ProcessResult result = run_dpred(all, work.path());
  INFO(result.err);
  REQUIRE(result.status == 0);
  return json::parse(read_file(work.path() / "results/summary.json"));
}

/// A set whose names would break a table, a CSV file or a terminal.
TraceBuilder hostile_set(const Words& names) {
  TraceBuilder set(8, "net\x1b[31m,\"\n\r\x07\x7f");
  LayerShape shape = with_output_size({1, 2, 1, 2, 2, 1, 1});
  auto& tensors = set.manifest["tensors"];
  set.tensor("first", "act", {1, 2, 1, 2}, DType::int8, 0, {1, 2, 3, 4});
  tensors["in" + names[0]] = tensors["first"];
  tensors.erase("first");
  std::string input = "in" + names[0];
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string weight = "w" + std::to_string(i), output = "o" + std::to_string(i);
    set.tensor(weight, "wgt", {2, 2, 1, 1}, DType::int8, 0, {1, -2, 3, 4});
    set.tensor(output, "act", {1, 2, 1, 2}, DType::int8, 0, {1, 2, -3, 4});
    for (const auto& [key, hostile] : {std::pair{weight, "wgt" + names[i]}, {output, "out" + names[i]}}) {
      tensors[hostile] = tensors[key];
      tensors.erase(key);
    }
    set.layer(names[i], LayerOp::conv, shape, input, "wgt" + names[i], "out" + names[i]);
    input = "out" + names[i];
  }
  return set;
}

/// Two bytes a letter, so that a cut at any byte of one of two names falls within a letter.
std::string many_accents(const std::string& start) {
  std::string name = start;
  for (int i = 0; i < 30; ++i)
    name += "\xc3\xa9";
  return name;
}

const Words hostile_names = {"a,b",
                             "say \"hi\"",
                             "line\nfeed",
                             "carriage\r\nreturn",
                             "\x1b[31mred",
                             "",
                             "\x01\x02\x7f\t",
                             "\xc3\xa9t\xc3\xa9",
                             "=1+1",
                             "\"",
                             ",",
                             " spaces ",
                             "\xc2\x9b"
                             "2J",
                             std::string(200, 'n'),
                             many_accents(""),
                             many_accents("") + "x"};

/// Columns that the widest line of valid UTF-8 takes, one a code point.
int widest_line(const std::string& text) {
  int widest = 0, width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++width;
    if (c == '\n') width = 0;
    widest = std::max(widest, width);
  }
  return widest;
}

/// Codes in memory that differ from the values are exit status 1.
void check_memory_is_right(const std::string& set, const Words& arguments) {
  const ProcessResult result = run_dpred(Words{"run", (digits / set).string(), "--csv"} + arguments);
  CHECK(result.err == "");
  CHECK(result.status == 0);
}

}  // namespace

TEST_CASE("run -o writes layers.csv and summary.json", "[command]") {
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    INFO(set);
    const WorkFolder work;
    const std::string table = quiet_output({"run", (digits / set).string(), "-o", "new/one"}, work.path());
    CHECK(table.find("conv1") != std::string::npos);
    CHECK(widest_line(table) <= 100);
    const auto files = snapshot(work.path() / "new/one");
    REQUIRE(files.size() == 2);

    const std::string csv = read_file(work.path() / "new/one/layers.csv");
    const std::string start =
        "layer,op,macs,compute_cycles,stall_activation_cycles,stall_weight_cycles,stall_output_cycles,"
        "stall_codec_cycles,overhead_cycles,total_cycles,activation_read_bytes,weight_read_bytes,"
        "output_write_bytes,raw_activation_read_bytes,raw_weight_read_bytes,raw_output_write_bytes,binds,"
        "binds_next";
    CHECK(csv.substr(0, start.size()) == start);
    const Table layers(csv);
    const json manifest = json::parse(read_file(digits / set / "manifest.json"));
    REQUIRE(layers.rows() == manifest.at("layers").size());
    for (std::size_t row = 0; row < layers.rows(); ++row) {
      const json& layer = manifest.at("layers")[row];
      INFO(layers.text(row, "layer"));
      CHECK(layers.text(row, "layer") == layer.at("name"));
      CHECK(layers.text(row, "op") == layer.at("op"));
      CHECK(layers.count(row, "macs") == layer.at("macs"));
      std::uint64_t causes = 0;
      for (const char* cause :
           {"compute", "stall_activation", "stall_weight", "stall_output", "stall_codec", "overhead"})
        causes += layers.count(row, std::string(cause) + "_cycles");
      CHECK(causes == layers.count(row, "total_cycles"));
      std::uint64_t uses = 0;
      for (const std::string& column : array_columns)
        uses += layers.count(row, column);
      CHECK(uses == layers.count(row, "compute_cycles"));
      const std::set<std::string> resources = {"compute", "dram", "codec", "overhead"};
      CHECK(resources.count(layers.text(row, "binds")) == 1);
      CHECK(resources.count(layers.text(row, "binds_next")) == 1);
      CHECK(std::stod(layers.text(row, "time_us")) ==
            Approx(static_cast<double>(layers.count(row, "total_cycles")) / 1000).epsilon(1e-5));
    }

    const json summary = json::parse(read_file(work.path() / "new/one/summary.json"));
    CHECK(summary.at("schema") == 1);
    CHECK("dpred " + summary.at("version").get<std::string>() + "\n" == quiet_output({"--version"}));
    const json& workload = summary.at("workload");
    CHECK(workload.at("name") == manifest.at("network"));
    CHECK(workload.at("hash") == hash_of(digits / set));
    CHECK(workload.at("bits") == manifest.at("bits"));
    CHECK(workload.at("values") == "real");
    CHECK(workload.at("source") == manifest.at("source"));
    CHECK(workload.at("layers") == layers.rows());
    std::uint64_t bytes = 0, raw_bytes = 0;
    for (const std::string& column : counted_columns) {
      INFO(column);
      CHECK(summary.at("totals").at(column) == layers.sum(column));
      if (column.find("_bytes") == std::string::npos) continue;
      (column.rfind("raw_", 0) == 0 ? raw_bytes : bytes) += layers.sum(column);
    }
    double uses = 0;
    for (const std::string& column : array_columns) {
      INFO(column);
      CHECK(summary.at("totals").at(column) == layers.sum(column));
      const std::string cause = column.substr(6, column.size() - 6 - 7);  // array_..._cycles
      uses += summary.at("array").at(cause).get<double>();
      CHECK(summary.at("array").at(cause).get<double>() ==
            Approx(static_cast<double>(layers.sum(column)) /
                   static_cast<double>(layers.sum("compute_cycles"))));
    }
    CHECK(uses == Approx(1));
    CHECK(summary.at("totals").at("traffic_ratio").get<double>() ==
          Approx(static_cast<double>(bytes) / static_cast<double>(raw_bytes)));
    CHECK(summary.at("run").contains("host"));
    CHECK(summary.at("run").at("wall_seconds").get<double>() >= 0);
    CHECK_FALSE(summary.contains("baselines"));
    CHECK(summary.at("set_but_not_read").empty());

    const json& memory = summary.at("memory");
    CHECK(memory.at("preset") == "lpddr4-3200");
    CHECK(memory.at("mapping") == "Ro Co Ba Co:3");
    CHECK(memory.at("timings").at("faw") == 64);
    CHECK(memory.at("organisation").at("row_bytes") == 2048);
    REQUIRE(memory.at("bus_clocks").size() == 1);
    const json& bus = memory.at("bus_clocks")[0];
    const std::uint64_t bursts =
        memory.at("bursts_read").get<std::uint64_t>() + memory.at("bursts_written").get<std::uint64_t>();
    CHECK(bus.at("data") == 8 * bursts);
    CHECK(bus.at("loss_bank_group") == 0);
    std::uint64_t clocks = 0;
    for (const auto& [cause, count] : bus.items())
      clocks += count.get<std::uint64_t>();
    // The bus clocks (1600 MHz) span the run (1000 MHz) but for what lies before and after its traffic.
    const double run_clocks = 1.6 * static_cast<double>(layers.sum("total_cycles"));
    CHECK(static_cast<double>(clocks) < run_clocks + 2);
    CHECK(static_cast<double>(clocks) > 0.97 * run_clocks);
    CHECK(memory.at("read_latency_ns").at("p50") <= memory.at("read_latency_ns").at("p99"));

    const Table parameters(quiet_output({"params", "--csv"}));
    REQUIRE(summary.at("parameters").size() == parameters.rows());
    for (std::size_t row = 0; row < parameters.rows(); ++row) {
      const std::string& key = parameters.text(row, "key");
      INFO(key);
      CHECK(value_in(summary, key) == parameters.text(row, "default"));
      CHECK(summary.at("parameters").at(key).at("unit") == parameters.text(row, "unit"));
      CHECK(origin_in(summary, key) == "default");
    }
  }
}

TEST_CASE("refresh and page policy show in a run", "[command]") {
  const WorkFolder work;
  const auto memory_of = [&](const std::string& setting) {
    quiet_output({"run", (digits / "digits_cnn_int8").string(), "-o", "out", setting}, work.path());
    const json summary = json::parse(read_file(work.path() / "out/summary.json"));
    return std::make_pair(summary.at("totals").at("total_cycles").get<std::uint64_t>(), summary.at("memory"));
  };
  const auto [cycles, memory] = memory_of("--dram.refresh=on");
  const auto [fewer, without_refresh] = memory_of("--dram.refresh=off");
  const auto [more, closed] = memory_of("--dram.page_policy=closed");
  CHECK(fewer < cycles);
  CHECK(more > cycles);
  CHECK(memory.at("bus_clocks")[0].at("loss_refresh") > 0);
  CHECK(without_refresh.at("bus_clocks")[0].at("loss_refresh") == 0);
  CHECK(closed.at("row_hit_rate") == 0);
  CHECK(memory.at("row_hit_rate") > 0.5);
}

TEST_CASE("results are the same from run to run", "[command]") {
  const WorkFolder work;
  const std::string set = (digits / "digits_cnn_int8").string();
  std::string summaries[2];
  for (int i = 0; i < 2; ++i) {
    const std::string folder = "results" + std::to_string(i);
    quiet_output({"run", set, "--baseline", "-o", folder}, work.path());
    json summary = json::parse(read_file(work.path() / folder / "summary.json"));
    CHECK(summary.erase("run") == 1);
    summaries[i] = summary.dump();
  }
  CHECK(summaries[0] == summaries[1]);
  CHECK(read_file(work.path() / "results0/layers.csv") == read_file(work.path() / "results1/layers.csv"));
}

TEST_CASE("results replace those of an earlier run and leave other files alone", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  fs::create_directory(work.path() / "results");
  work.write("results/layers.csv", std::string(100000, 'x'));
  work.write("results/summary.json", "{}");
  work.write("results/notes.txt", "of the user");
  const std::string csv = quiet_output({"run", "small", "--csv", "-o", "results"}, work.path());
  CHECK(read_file(work.path() / "results/layers.csv") == csv);
  CHECK(json::parse(read_file(work.path() / "results/summary.json")).at("schema") == 1);
  CHECK(read_file(work.path() / "results/notes.txt") == "of the user");
  CHECK(snapshot(work.path() / "results").size() == 3);
}

TEST_CASE("elided data gives the same layers.csv", "[command]") {
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    for (const Words& design : {Words{}, Words{"--array.design=dpred-loom"}, Words{"--codec.name=raw"},
                                Words{"--buffer.weight_bytes=16KiB", "--buffer.activation_bytes=16KiB"}}) {
      CHECK(layers_of(set, design) == layers_of(set, design + Words{"--sim.data=elided"}));
    }
  }
}

TEST_CASE("on the ideal memory a layer takes its compute cycles and the fill", "[command]") {
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    const Table tensors(quiet_output({"compress", (digits / set).string(), "--csv"}));
    std::set<std::string> coded, known;
    for (std::size_t row = 0; row < tensors.rows(); ++row) {
      known.insert(tensors.text(row, "tensor"));
      if (tensors.text(row, "codec") == "dpred" && tensors.count(row, "pointer_bits") != 0)
        coded.insert(tensors.text(row, "tensor"));
    }
    const json manifest = json::parse(read_file(digits / set / "manifest.json"));
    for (const std::uint64_t latency : {2, 7, 0}) {
      for (const std::string how : {"", "--codec.name=raw", "--codec.zero_vector=always"}) {
        INFO(set << " " << how << " latency " << latency);
        Words arguments = {"--dram.preset=ideal"};
        // The codec raw has no detector, and says so of its latency.
        if (how != "--codec.name=raw")
          arguments.push_back("--engine.detect_latency=" + std::to_string(latency));
        if (!how.empty()) arguments.push_back(how);
        const Table layers(layers_of(set, arguments));
        int encoded = 0;
        for (std::size_t row = 0; row < layers.rows(); ++row) {
          INFO(layers.text(row, "layer"));
          const std::uint64_t fill = layers.count(row, "total_cycles") - layers.count(row, "compute_cycles");
          const std::string output = manifest.at("layers")[row].at("output");
          // Which outputs `auto` codes is known of those that another layer reads.
          const bool by_output = how.empty() && known.count(output) == 1;
          if (how == "--codec.name=raw" || (by_output && coded.count(output) == 0)) {
            CHECK(fill == 2);
          } else if (how == "--codec.zero_vector=always" || by_output) {
            CHECK(fill == 2 + latency);
            ++encoded;
          } else {
            CHECK((fill == 2 || fill == 2 + latency));
          }
        }
        CHECK((encoded > 0) == (how != "--codec.name=raw"));
      }
    }
  }
}

TEST_CASE("the command line wins over files, and later files over earlier ones", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  work.write("a.ini", "[array]\nrows = 8\ntiles = 2\nlanes = 8\n[buffer]\nweight_bytes = 64KiB\n");
  work.write("b.ini", "# later\n[array]\ntiles = 3\nlanes = 4\n");
  const json summary =
      summary_of(work, {"--array.lanes=2", "--config", "a.ini", "--config", "b.ini", "--codec.group", "16"});
  const auto check = [&](const std::string& key, const std::string& value, const std::string& origin) {
    INFO(key);
    CHECK(value_in(summary, key) == value);
    CHECK(origin_in(summary, key) == origin);
  };
  check("array.rows", "8", "a.ini:2");
  check("array.tiles", "3", "b.ini:3");
  check("array.lanes", "2", "command line");
  check("buffer.weight_bytes", "65536", "a.ini:6");
  check("codec.group", "16", "command line");  // though it is the default
  check("array.columns", "0", "default");
  // The values count, not only their echo.
  const std::string direct = quiet_output({"run", "small", "--csv", "--array.lanes=2", "--array.rows=8",
                                           "--array.tiles=3", "--buffer.weight_bytes=65536"},
                                          work.path());
  CHECK(read_file(work.path() / "results/layers.csv") == direct);
}

TEST_CASE("a parameter that has no effect at a design point is named, and has none", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  struct Case {
    Words point;
    Words inert;
  };
  const std::vector<Case> cases = {
      {{"--array.design=bit-parallel"}, {"--array.bits_per_cycle=2", "--array.column_registers=2"}},
      {{"--array.design=stripes"}, {"--array.column_registers=2"}},
      {{"--array.design=loom"}, {"--array.column_registers=2"}},
      {{"--codec.name=raw"},
       {"--codec.group=8", "--codec.zero_vector=always", "--engine.decoders=1", "--engine.encoders=1",
        "--engine.detect_latency=9"}},
      {{"--dram.preset=ideal"},
       {"--engine.outstanding=1", "--engine.request_bytes=64", "--dram.channels=2",
        "--dram.mapping=Ro Ba Bg Co"}},
  };
  for (const Case& c : cases) {
    Words arguments = {"run", "small", "--csv"};
    arguments.insert(arguments.end(), c.point.begin(), c.point.end());
    const std::string csv = quiet_output(arguments, work.path());
    for (const std::string& setting : c.inert) {
      INFO(c.point.front() << " " << setting);
      Words more = arguments;
      more.push_back(setting);
      const ProcessResult result = run_dpred(more, work.path());
      CHECK(result.status == 0);
      CHECK(result.out == csv);
      const std::string key = setting.substr(2, setting.find('=') - 2);
      CHECK(result.err.rfind("note: " + key + " is set (command line)", 0) == 0);
    }
  }
}

TEST_CASE("what binds next is what binds on the ideal memory", "[command]") {
  // Bursts as long as those of the ideal memory, so that the plans are the same.
  int bound = 0;
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    for (const Words& size : std::vector<Words>{{},
                                                {"--array.tiles=16", "--array.rows=64"},
                                                {"--array.tiles=16", "--buffer.weight_bytes=32KiB"}}) {
      Words arguments = size;
      arguments.push_back("--dram.preset=ddr4-3200");
      const Table real(layers_of(set, arguments));
      arguments.back() = "--dram.preset=ideal";
      const Table ideal(layers_of(set, arguments));
      for (std::size_t row = 0; row < real.rows(); ++row) {
        if (real.text(row, "binds") != "dram") continue;
        INFO(set << " " << real.text(row, "layer"));
        CHECK(real.text(row, "binds_next") == ideal.text(row, "binds"));
        ++bound;
      }
    }
  }
  CHECK(bound > 3);
}

TEST_CASE("parameters that had no effect are named on standard error", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  work.write("a\x1b.ini", "[array]\nwidths = even\n");
  const auto notes = [&](const Words& arguments) {
    const ProcessResult result = run_dpred(arguments, work.path());
    CHECK(result.status == 0);
    CHECK_FALSE(has_control_characters(result.err));
    return result.err;
  };
  const std::string note = notes({"run", "small", "--array.design=bit-parallel", "--array.widths=even"});
  CHECK(note.rfind("note: array.widths is set (command line)", 0) == 0);
  CHECK(std::count(note.begin(), note.end(), '\n') == 1);
  const std::string from_file =
      notes({"run", "small", "--array.design=bit-parallel", "--config", "a\x1b.ini"});
  CHECK(from_file.rfind("note: array.widths is set (a\\x1b.ini:2)", 0) == 0);
  CHECK(notes({"run", "small", "--codec.name=raw", "--codec.zero_vector=never"}).find("codec.zero_vector") !=
        std::string::npos);
  CHECK(notes({"run", "small", "--codec.name=zvc", "--codec.zero_vector=never"}).find("codec.zero_vector") !=
        std::string::npos);
  CHECK(notes({"run", "small", "--codec.name=zvc", "--codec.group=8"}) == "");
  CHECK(notes({"compress", "small", "--array.rows=8"}).find("array.rows") != std::string::npos);
  CHECK(notes({"run", "small", "--array.design=stripes", "--array.widths=even"}) == "");
  CHECK(notes({"compress", "small", "--codec.group=8"}) == "");
  CHECK(notes({"run", "small", "--buffer.ports=1rw"}).find("buffer.ports") != std::string::npos);
  CHECK(notes({"run", "small", "--buffer.ports=1rw", "--buffer.output_banks=2"}) == "");

  const json summary = summary_of(work, {"--array.design=bit-parallel", "--array.widths=even"});
  CHECK(summary.at("set_but_not_read") == json({"array.widths"}));
  CHECK(summary.at("parameters").at("array.widths").at("read") == false);
  CHECK(summary.at("parameters").at("array.design").at("read") == true);
}

TEST_CASE("conflicts of the buffers' banks stand in both results", "[command]") {
  const WorkFolder work;
  const std::string set = (digits / "digits_cnn_fix16").string();
  quiet_output({"run", set, "--buffer.activation_banks=4", "--buffer.weight_banks=64", "-o", "few"},
               work.path());
  const Table layers(read_file(work.path() / "few/layers.csv"));
  const json buffers = json::parse(read_file(work.path() / "few/summary.json")).at("buffers");
  for (const std::string operand : {"activation", "weight", "output"}) {
    INFO(operand);
    const json& buffer = buffers.at(operand);
    CHECK(buffer.at("conflict_cycles") == layers.sum(operand + "_conflict_cycles"));
    CHECK((buffer.at("conflict_cycles") > 0) == (operand != "output"));
    CHECK(buffer.at("bytes") == (operand == "output" ? 65536 : 262144));
    CHECK(buffer.contains("words_read") == (operand != "output"));
    for (std::size_t row = 0; row < layers.rows(); ++row)
      CHECK(layers.count(row, operand + "_conflict_cycles") <=
            layers.count(row, "stall_" + operand + "_cycles"));
  }
  CHECK(buffers.at("activation").at("banks") == 4);
  CHECK(buffers.at("activation").at("word_bytes") == 16);
  CHECK(buffers.at("activation").at("ports") == "1r1w");
  CHECK(buffers.at("output").at("banks") == 0);
}

TEST_CASE("compress prints the sizes of each tensor with each codec", "[command]") {
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    const std::string csv = quiet_output({"compress", (digits / set).string(), "--csv", "--codec.group=8"});
    const std::string header =
        "tensor,role,codec,group,values,raw_bits,metadata_bits,payload_bits,pointer_bits,padding_bits,"
        "total_bits,ratio\r\n";
    CHECK(csv.substr(0, header.size()) == header);
    const Table table(csv);
    const json manifest = json::parse(read_file(digits / set / "manifest.json"));
    std::vector<std::pair<std::string, std::string>> order;  // tensor and role by first reading
    std::set<std::string> seen;
    for (const json& layer : manifest.at("layers")) {
      for (const std::string role : {"input", "weight"}) {
        const std::string key = layer.at(role);
        if (seen.insert(key).second) order.emplace_back(key, role);
      }
    }
    const Words codecs = measured_codec_names();
    REQUIRE(table.rows() == codecs.size() * order.size());
    std::uint64_t of_dpred = 0, of_raw = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const auto& [key, role] = order[row / codecs.size()];
      const std::string& codec = codecs[row % codecs.size()];
      INFO(key << " " << codec);
      CHECK(table.text(row, "tensor") == key);
      CHECK(table.text(row, "role") == role);
      CHECK(table.text(row, "codec") == codec);
      CHECK(table.count(row, "group") == 8);
      std::uint64_t values = 1;
      for (const json& n : manifest.at("tensors").at(key).at("shape"))
        values *= n.get<std::uint64_t>();
      CHECK(table.count(row, "values") == values);
      const std::uint64_t raw = values * manifest.at("bits").get<std::uint64_t>();
      CHECK(table.count(row, "raw_bits") == raw);
      const std::uint64_t total = table.count(row, "total_bits");
      CHECK(table.count(row, "metadata_bits") + table.count(row, "payload_bits") +
                table.count(row, "pointer_bits") + table.count(row, "padding_bits") ==
            total);
      if (codec == "dpred") CHECK(total <= raw);  // `auto` stores nothing larger than raw
      CHECK(std::stod(table.text(row, "ratio")) ==
            Approx(static_cast<double>(total) / static_cast<double>(raw)).margin(1e-6));
      if (codec == "raw") CHECK(table.count(row, "payload_bits") == raw);
      if (codec == "zvc") CHECK(table.count(row, "metadata_bits") == values);
      if (codec == "layer-width") CHECK(table.count(row, "metadata_bits") == 0);
      if (codec == "raw") of_raw += total;
      if (codec == "dpred") of_dpred += total;
    }
    CHECK(of_dpred < of_raw);
  }
}

TEST_CASE("compress prints a tensor once that several layers read", "[command]") {
  TraceBuilder set = small_set();
  LayerShape third{1, 4, 4, 4, 4, 3, 3};
  third.pad_tblr = {1, 1, 1, 1};
  set.layer("again", LayerOp::conv, with_output_size(third), "a1", "w0");
  const WorkFolder work;
  work.write_set("small", set);
  const Table table(quiet_output({"compress", "small", "--csv"}, work.path()));
  const Words order = {"a0", "w0", "a1", "w1"};
  const std::size_t codecs = measured_codec_names().size();
  REQUIRE(table.rows() == codecs * order.size());
  for (std::size_t row = 0; row < table.rows(); ++row)
    CHECK(table.text(row, "tensor") == order[row / codecs]);
}

TEST_CASE("names from a set survive CSV and can't reach a terminal raw", "[command]") {
  const WorkFolder work;
  work.write_set("hostile", hostile_set(hostile_names));
  const std::string csv = quiet_output({"run", "hostile", "--csv", "-o", "results"}, work.path());
  CHECK(read_file(work.path() / "results/layers.csv") == csv);
  const Table layers(csv);
  REQUIRE(layers.rows() == hostile_names.size());
  for (std::size_t row = 0; row < layers.rows(); ++row)
    CHECK(layers.text(row, "layer") == hostile_names[row]);
  CHECK(csv.find("\r\n\"a,b\",conv,") != std::string::npos);
  CHECK(csv.find("\r\n\"say \"\"hi\"\"\",conv,") != std::string::npos);
  const json summary = json::parse(read_file(work.path() / "results/summary.json"));
  CHECK(summary.at("workload").at("name") == "net\x1b[31m,\"\n\r\x07\x7f");

  const Table tensors(quiet_output({"compress", "hostile", "--csv"}, work.path()));
  const std::size_t codecs =
      measured_codec_names().size();  // a row each for a layer's input and for its weight
  REQUIRE(tensors.rows() == 2 * codecs * hostile_names.size());
  for (std::size_t i = 0; i < hostile_names.size(); ++i)
    CHECK(tensors.text(codecs * (2 * i + 1), "tensor") == "wgt" + hostile_names[i]);

  for (const Words& arguments : {Words{"run", "hostile"}, Words{"run", "hostile", "--baseline"},
                                 Words{"compress", "hostile"}, Words{"explain", "hostile"}}) {
    INFO(arguments[0]);
    const std::string text = quiet_output(arguments, work.path());
    CHECK_FALSE(has_control_characters(text));
    CHECK_NOTHROW(json(text).dump());  // valid UTF-8: no name is cut within a character
    if (arguments[0] != "explain") CHECK(widest_line(text) <= 100);
  }
}

TEST_CASE("numbers have a decimal point in every locale", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  ProcessOptions make;
  // The locale is rarely installed; its source often is.
  make.arguments = {
      "/usr/bin/localedef", "-i", "de_DE", "-f", "UTF-8", (work.path() / "de_DE.UTF-8").string()};
  const bool made = fs::exists(make.arguments[0]) && fs::exists("/usr/share/i18n/locales/de_DE") &&
                    run_process(make).status == 0;
  for (const Words& arguments :
       {Words{"run", "small", "--csv"}, Words{"run", "small"}, Words{"compress", "small", "--csv"}}) {
    ProcessOptions options = dpred_options(arguments, work.path());
    options.environment["LC_ALL"] = "C";
    const ProcessResult plain = run_process(options);
    options.environment["LC_ALL"] = options.environment["LANG"] = "de_DE.UTF-8";
    if (made) options.environment["LOCPATH"] = work.path().string();
    const ProcessResult german = run_process(options);
    CHECK(german.status == 0);
    CHECK(german.out == plain.out);
    CHECK(german.out.find('.') != std::string::npos);
    CHECK(german.err == "");
  }
}

TEST_CASE("every command has help", "[command]") {
  CHECK(quiet_output({"--version"}).rfind("dpred ", 0) == 0);
  const std::string usage = quiet_output({"--help"});
  CHECK(quiet_output({"-h"}) == usage);
  CHECK(quiet_output({"help"}) == usage);
  for (const std::string command : {"run", "compress", "vectors", "explain", "params"}) {
    INFO(command);
    CHECK(usage.find("dpred " + command) != std::string::npos);
    const std::string help = quiet_output({command, "--help"});
    CHECK(help.rfind("usage: dpred " + command, 0) == 0);
    CHECK(quiet_output({command, "-h"}) == help);
    if (command != "params") {
      CHECK(help.find("--array.rows") != std::string::npos);
      CHECK(help.find("--config") != std::string::npos);
    }
  }
  const ProcessResult nothing = run_dpred({});
  CHECK(nothing.status == 2);
  CHECK(nothing.out == "");
  CHECK(nothing.err == "dpred: no command given: 'dpred --help' lists them\n");
}

TEST_CASE("explain describes each layer, or the one that is named", "[command]") {
  const std::string set = (digits / "digits_cnn_int8").string();
  const std::string all = quiet_output({"explain", set});
  const std::string second = quiet_output({"explain", set, "--layer", "conv2"});
  CHECK(second.rfind("layer 2", 0) == 0);
  const std::string plan = second.substr(0, second.find("array: "));
  CHECK(all.find(plan) != std::string::npos);
  // One table at the end, with the rows of the layers that are shown.
  const std::string table = second.substr(plan.size());
  const std::size_t row = table.find("  2 conv2");
  REQUIRE(row != std::string::npos);
  CHECK(all.find(table.substr(row, table.find('\n', row) - row)) > all.find("array: "));
  CHECK(table.find("conv1") == std::string::npos);
  CHECK(table.find("largest loss: ") != std::string::npos);
  CHECK(widest_line(all.substr(all.find("array: "))) <= 100);
  CHECK(all.size() > second.size());
  CHECK(quiet_output({"explain", set, "--layer=2"}) == second);
}

TEST_CASE("explain says which layers share out windows, and which are folded", "[command]") {
  const WorkFolder work;
  TraceBuilder set;
  LayerShape shape;
  shape.C = 1, shape.H = shape.W = 9, shape.K = 2, shape.R = shape.S = 3, shape.stride = {2, 2};
  shape = with_output_size(shape);
  set.tensor("a", "act", shape.input(), DType::int8, 0,
             std::vector<std::int32_t>(static_cast<std::size_t>(volume(shape.input())), 3));
  set.tensor("w", "wgt", shape.weight(), DType::int8, 0,
             std::vector<std::int32_t>(static_cast<std::size_t>(volume(shape.weight())), 1));
  set.layer("conv", LayerOp::conv, shape, "a", "w");
  work.write_set("strided", set);
  const auto second_line = [&](const Words& options) {
    Words arguments = {"explain", "strided"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const std::string text = quiet_output(arguments, work.path());
    const std::size_t begin = text.find('\n') + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  CHECK(second_line({}) == second_line({"--array.fold=off"}));
  CHECK(second_line({"--array.fold=auto"}) == "folded to C4 H5 W5 R2 S2");
  CHECK(second_line({"--array.tile_split=windows"}) == "tiles share out windows");
  CHECK(second_line({"--array.tile_split=best", "--array.fold=auto"}) ==
        "tiles share out windows; folded to C4 H5 W5 R2 S2");
  CHECK(second_line({"--array.tile_split=best", "--array.tiles=1"}) == second_line({}));
}

TEST_CASE("compression frees layers of the bundled network from the memory", "[command]") {
  for (const std::string set : {"digits_cnn_fix16", "digits_cnn_int8"}) {
    INFO(set);
    const WorkFolder work;
    const std::string path = (digits / set).string();
    const std::string text = quiet_output({"run", path, "--baseline", "-o", "results"}, work.path());
    CHECK(widest_line(text) <= 100);
    const json summary = json::parse(read_file(work.path() / "results/summary.json"));
    if (set == "digits_cnn_fix16") {
      CHECK(text.find("no longer bound by DRAM: conv") != std::string::npos);
      const std::string before = "ratio ";
      const std::size_t at = text.rfind(before);
      REQUIRE(at != std::string::npos);
      CHECK(std::stod(text.substr(at + before.size())) < 0.4);
      CHECK(summary.at("totals").at("traffic_ratio").get<double>() < 0.4);
    }
    // The baselines run beside this run; they must be what runs of their own give.
    const std::map<std::string, Words> alone = {
        {"uncompressed", {"--codec.name=raw"}},
        {"bit_parallel_uncompressed", {"--codec.name=raw", "--array.design=bit-parallel"}}};
    const Table layers(layers_of(set));
    for (const auto& [name, arguments] : alone) {
      const json& totals = summary.at("baselines").at(name);
      const Table table(layers_of(set, arguments));
      for (const std::string& column : counted_columns + array_columns) {
        INFO(name << " " << column);
        CHECK(totals.at(column) == table.sum(column));
      }
      CHECK(totals.at("speedup").get<double>() == Approx(static_cast<double>(table.sum("total_cycles")) /
                                                         static_cast<double>(layers.sum("total_cycles"))));
    }
  }
}

TEST_CASE("every stream in memory decodes to its values", "[command]") {
  // Slices of an output that finish in turns, when activations come in bands and weights stay.
  for (const std::string codec :
       {"--codec.zero_vector=always", "--codec.zero_vector=auto", "--codec.name=raw"}) {
    INFO(codec);
    check_memory_is_right("digits_cnn_int8", {codec, "--codec.slice_channels=8", "--array.rows=4",
                                              "--array.tiles=2", "--buffer.activation_bytes=8KiB"});
  }
}

}  // namespace dpred::test
