// Width profiles from the command: written by `dpred compress`, run as a workload.
#include <nlohmann/json.hpp>

#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

/// A folder with the set `small` and its profile `small.json`.
struct ProfileFolder : WorkFolder {
  ProfileFolder() {
    write_set("small", small_set());
    quiet_output({"compress", "small", "--width-profile", "small.json"}, path());
  }
};

/// What it prints; on standard error it says that results are estimates, and nothing else.
std::string estimates(const Words& arguments, const WorkFolder& work) {
  const ProcessResult result = run_dpred(arguments, work.path());
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(result.err == "note: small.json is a width profile: sizes and cycles are estimates\n");
  return result.out;
}

}  // namespace

TEST_CASE("a width profile runs as a workload, and its results say what they are", "[command]") {
  const ProfileFolder work;
  CHECK(estimates({"run", "small.json", "-o", "out"}, work).find("profiled values") != std::string::npos);
  const auto summary = nlohmann::json::parse(read_file(work.path() / "out/summary.json"));
  CHECK(summary["workload"]["values"] == "profiled");
  CHECK(summary["workload"]["source"].get<std::string>().find("width profile of synthetic values") !=
        std::string::npos);

  const Table exact(quiet_output({"run", "small", "--csv", "--array.design=stripes"}, work.path()));
  const Table estimated(estimates({"run", "small.json", "--csv", "--array.design=stripes"}, work));
  REQUIRE(estimated.rows() == exact.rows());
  for (const char* column : {"macs", "compute_cycles", "raw_activation_read_bytes", "raw_weight_read_bytes"})
    CHECK(estimated.sum(column) == exact.sum(column));

  // As with any workload: with other arrays beside it, on few banks, in parts.
  estimates({"run", "small.json", "--baseline", "--buffer.activation_banks=2", "--buffer.weight_banks=2"},
            work);
  CHECK(estimates({"explain", "small.json"}, work).find("layer 2: conv2") != std::string::npos);
}

TEST_CASE("sizes from a width profile are those of the workload but for padding", "[command]") {
  const ProfileFolder work;
  const Table exact(quiet_output({"compress", "small", "--csv"}, work.path()));
  const Table estimated(estimates({"compress", "small.json", "--csv"}, work));
  std::map<std::string, std::uint64_t> metadata, payload;
  for (std::size_t row = 0; row < exact.rows(); ++row) {
    const std::string name = exact.text(row, "tensor") + ' ' + exact.text(row, "codec");
    metadata[name] = exact.count(row, "metadata_bits");
    payload[name] = exact.count(row, "payload_bits");
  }
  REQUIRE(estimated.rows() >= 4 * 4);
  for (std::size_t row = 0; row < estimated.rows(); ++row) {
    const std::string name = estimated.text(row, "tensor") + ' ' + estimated.text(row, "codec");
    INFO(name);
    CHECK(estimated.count(row, "metadata_bits") == metadata.at(name));
    CHECK(estimated.count(row, "payload_bits") == payload.at(name));
  }
}

TEST_CASE("what a width profile cannot do is said in one line", "[command]") {
  const ProfileFolder work;
  work.write("broken.json", "{\"width_profile\": 1}");
  struct Refused {
    Words arguments;
    std::string wanted;
  };
  const std::vector<Refused> all = {
      {{"run", "small.json", "--check"}, "small.json is a width profile without any"},
      {{"run", "small.json", "--sim.data=carried"}, "--sim.data: small.json is a width profile"},
      {{"run", "small.json", "--codec.group=8"},
       "codec.group = 8: the width profile small.json has groups of 16"},
      {{"run", "small.json", "--array.lanes=8"}, "small.json has bricks of 16 lanes"},
      {{"compress", "small.json", "--codec.slice_channels=2"}, "small.json has slices of 64 channels"},
      {{"compress", "small.json", "--width-profile=other.json"}, "small.json: a width profile, without"},
      {{"compress", "small", "--width-profile=/dev/null"},
       "/dev/null: the name of a width profile ends in .json"},
      {{"vectors", "small.json", "-o", "vectors"},
       "small.json: a width profile, but what is needed are values"},
      {{"compress", "small.json", "--codec=dpred,entropy"},
       "small.json: a width profile, without the values that entropy"},
      {{"compress", "small.json", "--sweep-group=8,16"}, "codec.group = 8: the width profile small.json"},
      {{"run", "broken.json"}, "broken.json: missing key 'network'"},
      {{"run", "none.json"}, "none.json: no such file"},
  };
  for (const Refused& refused : all) {
    const ProcessResult result = run_dpred(refused.arguments, work.path());
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.err.find(refused.wanted) != std::string::npos);
  }
  CHECK_FALSE(fs::exists(work.path() / "other.json"));
}

TEST_CASE("the profile has the command line's groups, slices and lanes", "[command]") {
  WorkFolder work;
  work.write_set("small", small_set());
  quiet_output({"compress", "small", "--width-profile=p.json", "--codec.group=4", "--codec.slice_channels=2",
                "--array.lanes=2"},
               work.path());
  const auto profile = nlohmann::json::parse(read_file(work.path() / "p.json"));
  CHECK(profile["group"] == 4);
  CHECK(profile["slice_channels"] == 2);
  CHECK(profile["lanes"] == 2);
  // No values: nothing is there but numbers of things.
  CHECK(profile["tensors"]["w0"].count("scale") == 0);
}

}  // namespace dpred::test
