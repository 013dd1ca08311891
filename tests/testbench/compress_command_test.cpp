// dpred compress as a user runs it: which codecs, sums, group sizes, and what it refuses.
#include <algorithm>
#include <map>
#include <set>

#include "platform/tensor_sizes.h"
#include "tests/support/traces.h"
#include "tests/testbench/command.h"

namespace dpred::test {
namespace {

using Words = std::vector<std::string>;

const fs::path digits = fs::path(DPRED_SOURCE_DIR) / "workloads/digits";
const Words size_columns = {"values",       "raw_bits",     "metadata_bits", "payload_bits",
                            "pointer_bits", "padding_bits", "total_bits"};

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Words compress(const std::string& set, const Words& options = {}) {
  return Words{"compress", (digits / set).string()} + options;
}

/// Sums of each size over rows, by codec and role; role "all" too.
std::map<std::pair<std::string, std::string>, std::map<std::string, std::uint64_t>> sums_of(
    const Table& table) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::uint64_t>> sums;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (const std::string& role : {table.text(row, "role"), std::string("all")}) {
      for (const std::string& column : size_columns)
        sums[{table.text(row, "codec"), role}][column] += table.count(row, column);
    }
  }
  return sums;
}

Words lines_of(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

Words words_of(const std::string& line) {
  Words words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

std::string refusal(const Words& arguments) {
  const ProcessResult result = run_dpred(arguments, digits);
  CHECK(result.status == 2);
  CHECK(result.out == "");
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  return result.err;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("compress: the table has a line a tensor with its ratios, and sums by role", "[command]") {
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    INFO(set);
    const Table csv(quiet_output(compress(set, {"--csv"})));
    const Words lines = lines_of(quiet_output(compress(set)));
    for (const std::string& line : lines) {
      CHECK(line.size() <= 100);
      CHECK((line.empty() || line.back() != ' '));
    }
    const Words codecs = measured_codec_names();
    // Tensors: the ratio of every codec but raw; a mark at the smallest that encodes, if it is below raw.
    std::size_t at = 0;
    while (at < lines.size() && lines[at].rfind("tensor", 0) != 0)
      ++at;
    for (std::size_t row = 0; row < csv.rows(); row += codecs.size()) {
      std::map<std::string, std::uint64_t> bits;
      for (std::size_t i = 0; i < codecs.size(); ++i)
        bits[codecs[i]] = csv.count(row + i, "total_bits");
      std::uint64_t least = bits.at("raw");
      for (const auto& [codec, total] : bits) {
        if (codec != "entropy") least = std::min(least, total);
      }
      Words expected = {csv.text(row, "tensor"), csv.text(row, "role")};
      for (std::size_t i = 0; i < codecs.size(); ++i) {
        if (codecs[i] == "raw") continue;
        char ratio[32];
        std::snprintf(ratio, sizeof ratio, "%.3f",
                      static_cast<double>(bits[codecs[i]]) / static_cast<double>(bits["raw"]));
        const bool best = codecs[i] != "entropy" && bits[codecs[i]] == least && least < bits["raw"];
        expected.push_back(ratio + std::string(best ? "*" : ""));
      }
      REQUIRE(++at < lines.size());
      CHECK(words_of(lines[at]) == expected);
    }
    // Sums.
    const auto sums = sums_of(csv);
    const std::pair<const char*, const char*> roles[] = {
        {"inputs", "input"}, {"weights", "weight"}, {"all", "all"}};
    for (const auto& [heading, role] : roles) {
      while (at < lines.size() && lines[at].rfind(heading, 0) != 0)
        ++at;
      for (const std::string& codec : codecs) {
        REQUIRE(++at < lines.size());
        const Words words = words_of(lines[at]);
        REQUIRE(words.size() == 7);
        CHECK(words[0] == codec);
        const auto& sum = sums.at({codec, role});
        CHECK(words[2] == std::to_string(sum.at("total_bits")));
        CHECK(words[3] == std::to_string(sum.at("payload_bits")));
        CHECK(words[4] == std::to_string(sum.at("metadata_bits")));
        CHECK(words[5] == std::to_string(sum.at("pointer_bits")));
        CHECK(words[6] == std::to_string(sum.at("padding_bits")));
        CHECK(std::stod(words[1]) ==
              Approx(static_cast<double>(sum.at("total_bits")) / static_cast<double>(sum.at("raw_bits")))
                  .margin(0.0006));
      }
    }
  }
}

TEST_CASE("compress: --codec restricts to some codecs", "[command]") {
  const std::string set = "digits_cnn_int8";
  const Table all(quiet_output(compress(set, {"--csv"})));
  const Words some = {"dpred", "zvc", "entropy"};  // in the order of listing
  for (const Words& options :
       {Words{"--codec", "zvc,entropy,dpred"}, Words{"--codec=entropy", "--codec", "dpred,zvc"},
        Words{"--codec=zvc,dpred,zvc", "--codec=entropy"}}) {
    const Table table(quiet_output(compress(set, options + Words{"--csv"})));
    REQUIRE(table.rows() == all.rows() / measured_codec_names().size() * some.size());
    std::size_t at = 0;
    for (std::size_t row = 0; row < table.rows(); ++row, ++at) {
      CHECK(table.text(row, "codec") == some[row % some.size()]);
      while (std::find(some.begin(), some.end(), all.text(at, "codec")) == some.end())
        ++at;
      for (const std::string& column : all.header())
        CHECK(table.text(row, column) == all.text(at, column));
    }
  }
  const std::string text = quiet_output(compress(set, {"--codec=raw"}));
  CHECK(contains(text, "raw "));
  CHECK_FALSE(contains(text, "tensor"));  // there is no ratio to show
  CHECK_FALSE(contains(text, "zvc"));
}

TEST_CASE("compress: --sweep-group gives the sums at each group size", "[command]") {
  const Words options = {"--codec.sign=sign-magnitude", "--codec.widths=even"};
  for (const std::string set : {"digits_cnn_int8", "digits_cnn_fix16"}) {
    const Words codecs = {"dpred", "zvc"};
    const Table sweep(quiet_output(
        compress(set, options + Words{"--sweep-group", "1,5,16,256", "--codec=zvc,dpred", "--csv"})));
    REQUIRE(sweep.rows() == 4 * 3 * codecs.size());
    std::size_t row = 0;
    for (const std::string& codec : codecs) {
      for (const std::string group : {"1", "5", "16", "256"}) {
        const auto sums = sums_of(Table(quiet_output(
            compress(set, options + Words{"--codec.group=" + group, "--codec=dpred,zvc", "--csv"}))));
        for (const std::string role : {"input", "weight", "all"}) {
          INFO(set << " " << codec << " " << group << " " << role);
          CHECK(sweep.text(row, "codec") == codec);
          CHECK(sweep.text(row, "group") == group);
          CHECK(sweep.text(row, "role") == role);
          for (const std::string& column : size_columns)
            CHECK(sweep.count(row, column) == sums.at({codec, role}).at(column));
          CHECK(std::stod(sweep.text(row, "ratio")) ==
                Approx(static_cast<double>(sweep.count(row, "total_bits")) /
                       static_cast<double>(sweep.count(row, "raw_bits")))
                    .margin(1e-6));
          ++row;
        }
      }
    }
  }
}

TEST_CASE("compress: the usual group sizes, wherever the option stands", "[command]") {
  const std::string set = (digits / "digits_cnn_int8").string();
  const std::string usual = quiet_output({"compress", set, "--sweep-group=4,8,16,32,64,128,256"});
  CHECK(quiet_output({"compress", set, "--sweep-group"}) == usual);
  CHECK(quiet_output({"compress", "--sweep-group", set}) == usual);
  CHECK(quiet_output({"compress", "--sweep-group", "4,8,16,32,64,128,256", set}) == usual);
  CHECK(quiet_output({"compress", "--sweep-group", "--codec=dpred", set}) == usual);
  std::size_t of_dpred = 0;
  for (const std::string& line : lines_of(usual)) {
    CHECK(line.size() <= 100);
    of_dpred += line.rfind("dpred ", 0) == 0;
  }
  CHECK(of_dpred == 7);
  CHECK(contains(quiet_output({"compress", set, "--sweep-group", "16"}), "dpred          16 "));
  // One group size is not read where there are several.
  const ProcessResult result = run_dpred({"compress", set, "--sweep-group", "--codec.group=8"});
  CHECK(result.status == 0);
  CHECK(result.out == usual);
  CHECK(contains(result.err, "codec.group"));
}

TEST_CASE("compress: what is no codec or group size is refused", "[command]") {
  const std::string set = "digits_cnn_int8";
  CHECK(
      contains(refusal({"compress", set, "--codec=dperd"}), "unknown codec 'dperd' (did you mean 'dpred'?)"));
  CHECK(contains(refusal({"compress", set, "--codec", "zvc,entropie"}), "(did you mean 'entropy'?)"));
  CHECK(contains(refusal({"compress", set, "--codec=zvc,,raw"}), "unknown codec ''"));
  CHECK(contains(refusal({"compress", set, "--codec="}), "--codec"));
  CHECK(contains(refusal({"compress", set, "--codec=a\nb"}), "'a\\x0ab'"));
  for (const std::string bad : {"0", "257", "-1", "x", "4x", "1.5", "", "99999999999999999999"}) {
    INFO(bad);
    for (const std::string& list : {bad, "4," + bad, bad + ",8"}) {
      const std::string error = refusal({"compress", set, "--sweep-group=" + list});
      CHECK(contains(error, "--sweep-group"));
      if (!list.empty())
        CHECK(contains(error, "'" + bad + "' is no group size, expected whole numbers in 1..256"));
    }
  }
  CHECK(contains(refusal({"compress", set, "--sweep-group", "4,x"}), "'x' is no group size"));
  CHECK(contains(refusal({"compress", set, "--sweep-group=8,4,8"}), "8 is given twice"));
  CHECK(contains(refusal({"compress", set, "--sweep-group", "--sweep-group"}), "given twice"));
  // The bound has sizes, and nothing that a run could store.
  CHECK(contains(refusal({"run", set, "--codec.name=entropy"}), "a bound on sizes"));
}

TEST_CASE("compress: sizes by kind add up on the real sets", "[command][traces]") {
  const auto traces = require_traces();
  if (!traces) return;
  for (const std::string set :
       {"mlperf_ad01_int8", "mlperf_kws_int8", "mlperf_resnet8_int8", "mlperf_resnet8_fix16",
        "mnist_lstm_int8", "use_lite_int8", "mobilenet_v1_075_int8", "squeezenet_pruned_fix16p10"}) {
    INFO(set);
    const Table table(quiet_output({"compress", (*traces / set).string(), "--csv"}));
    const Words codecs = measured_codec_names();
    std::uint64_t wrong = table.rows() % codecs.size();
    for (std::size_t row = 0; row < table.rows(); ++row) {
      wrong += table.text(row, "codec") != codecs[row % codecs.size()];
      wrong += table.count(row, "total_bits") !=
               table.count(row, "metadata_bits") + table.count(row, "payload_bits") +
                   table.count(row, "pointer_bits") + table.count(row, "padding_bits");
      if (codecs[row % codecs.size()] != "entropy") wrong += table.count(row, "total_bits") % 8 != 0;
    }
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace dpred::test
