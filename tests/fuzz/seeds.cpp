// Writes valid inputs for the fuzzers of text and files, a folder a fuzzer. Those of streams make their own.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "models/dram/preset.h"
#include "models/energy/energy_table.h"
#include "platform/layer_descriptor.h"
#include "platform/parameters.h"
#include "tests/fuzz/npy_kinds.h"
#include "tests/support/trace_builder.h"

using namespace dpred;
using namespace dpred::test;

namespace {

namespace fs = std::filesystem;

class Seeds {
 public:
  Seeds(const fs::path& folder, const std::string& fuzzer) : folder_(folder / fuzzer) {
    fs::create_directories(folder_);
  }
  void add(const std::string& bytes) { write_file(folder_ / ("seed-" + std::to_string(count_++)), bytes); }

 private:
  fs::path folder_;
  int count_ = 0;
};

void npy_seeds(Seeds seeds) {
  for (std::size_t kind = 0; kind < fuzz::npy_kinds.size(); ++kind) {
    const fuzz::NpyKind& k = fuzz::npy_kinds[kind];
    for (const int version : {1, 2, 3})
      seeds.add(npy_bytes(k.descr, k.shape, std::string(8, '\1'), version) + static_cast<char>(kind));
  }
}

void manifest_seeds(Seeds seeds) {
  TraceBuilder small;
  LayerShape conv{1, 2, 4, 4, 4, 3, 3};
  conv.pad_tblr = {1, 1, 0, 0};
  conv = with_output_size(conv);
  small.tensor("a", "act", conv.input(), DType::int8, -3, std::vector<int>(32));
  small.tensor("w", "wgt", conv.weight(), DType::int8, 0, std::vector<int>(72));
  small.tensor("o", "act", {1, 4, conv.OH, conv.OW}, DType::uint8, 7,
               std::vector<int>(static_cast<std::size_t>(4 * conv.OH * conv.OW)));
  small.aux_int32("b", {1, 2, 3, 4}).aux_float64("s", {0.5});
  small.layer("c", LayerOp::conv, conv, "a", "w", "o", "b", "s");
  small.manifest["tensors"]["w"]["scale"] = {0.5, 0.25};
  seeds.add(small.manifest.dump());

  TraceBuilder recurrent(16);
  LayerShape lstm{3, 2, 1, 1, 8};
  lstm.recurrent = true;
  recurrent.tensor("h", "act", lstm.input(), DType::int16, 0, std::vector<int>(6));
  recurrent.tensor("w", "wgt", lstm.weight(), DType::uint16, 5, std::vector<int>(16));
  recurrent.tensor("p", "act", {1, 1, 1, 1}, DType::int16, 0, {0});
  recurrent.layer("l", LayerOp::lstm_h, lstm, "h", "w");
  recurrent.manifest["graph"] = {{{"op", "pool"}, {"output", "p"}}};
  seeds.add(recurrent.manifest.dump(1));
}

void parameter_seeds(Seeds seeds) {
  std::string all, section;
  for (const ParameterSpec& spec : registry().specs()) {
    if (spec.section() != section) all += "[" + (section = spec.section()) + "]\n";
    const std::string line = spec.key.substr(section.size() + 1) + " = \"" + spec.default_value + "\"\n";
    all += line;
    seeds.add("[" + section + "]\r\n" + line + "; end");
  }
  seeds.add(all);
}

void preset_seeds(Seeds seeds) {
  seeds.add("[preset]\nbase = ddr4-3200\nname = x\nmapping = Ro Ba Co Bg\n[timings]\nrcd = 24 # slow\n");
  for (const std::string& name : dram::preset_names()) {
    const dram::Preset& preset = dram::find_preset(name);
    if (preset.ideal) continue;
    std::ostringstream text;
    text << "[preset]\nname = mine\nmapping = " << preset.default_mapping << "\n[timings]\n";
    for (const auto& field : dram::timing_fields)
      text << field.name << " = " << preset.timings.*field.member << "\n";
    text << "[organisation]\n";
    for (const auto& field : dram::organisation_fields)
      text << field.name << " = " << preset.organisation.*field.member << "\n";
    seeds.add(text.str());
  }
}

void energy_table_seeds(Seeds seeds) {
  std::string all;
  for (const std::string& action : EnergyTable().actions()) {
    const std::string lines = "[" + action + "]\npj = 1e-3\ntechnology = 7 nm\nsource = \"s; s\" # s\n";
    seeds.add(lines);
    all += lines;
  }
  seeds.add(all);
}

void descriptor_seeds(Seeds seeds) {
  LayerDescriptor d;
  d.shape = {1, 8, 6, 6, 8, 3, 3};
  d.shape.pad_tblr = {1, 1, 1, 1};
  d.activation.width = d.weight.width = 8;
  for (const std::int64_t groups : {1, 8}) {
    d.shape.groups = groups;
    d.shape = with_output_size(d.shape);
    const auto bytes = d.to_bytes();
    seeds.add({bytes.begin(), bytes.end()});
  }
}

void request_seeds(Seeds seeds) {
  seeds.add("time_ns,operation,address,bytes\n0,read,0x40,64\n# later\n1.5,W,128,32\n1e3,write,0,1\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  const fs::path folder = argv[1];
  npy_seeds({folder, "npy_fuzz"});
  manifest_seeds({folder, "manifest_fuzz"});
  parameter_seeds({folder, "parameters_fuzz"});
  preset_seeds({folder, "preset_fuzz"});
  energy_table_seeds({folder, "energy_table_fuzz"});
  descriptor_seeds({folder, "descriptor_fuzz"});
  request_seeds({folder, "request_trace_fuzz"});
}
