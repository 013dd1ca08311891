// dpred vectors as a user runs it: files against a reader and a decoder written from docs/vectors.md and
// docs/contracts.md, and what --check finds in files that were changed.
#include <algorithm>
#include <set>

#include "tests/codec/reference_order.h"
#include "tests/testbench/command.h"
#include "workloads/trace_set.h"

namespace dpred::test {

namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

const fs::path digits = fs::path(DPRED_SOURCE_DIR) / "workloads/digits";

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// As $readmemh reads a file: words in order, without comments. A comment behind a word, or with `address` in
/// it, gives an address that must be right.
std::vector<std::string> readmemh(const fs::path& path) {
  std::istringstream lines(read_file(path));
  std::vector<std::string> words;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t comment = line.find("//");
    const std::string word = line.substr(0, line.find_first_of(" /"));
    std::string address;
    if (comment != std::string::npos && !word.empty()) address = line.substr(comment + 3);
    if (line.find("address ") != std::string::npos) address = line.substr(line.find("address ") + 8);
    if (!address.empty()) CHECK(std::stoull(address, nullptr, 16) == words.size());
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

std::vector<std::int64_t> numbers(const Words& words, std::size_t digits_a_word) {
  std::vector<std::int64_t> all;
  for (const std::string& word : words) {
    if (word.size() != digits_a_word) throw std::runtime_error("a word of another length: " + word);
    all.push_back(std::stoll(word, nullptr, 16));
  }
  return all;
}

/// The words of a tensor's files.
struct Files {
  std::vector<std::int64_t> values, widths, table;
  std::vector<std::uint8_t> stream;
  Words zeros;

  Files(const fs::path& folder, const json& tensor) {
    const auto file = [&](const char* kind) {
      return readmemh(folder / tensor.at("files").at(kind).get<std::string>());
    };
    values = numbers(file("values"), tensor.at("bits").get<std::size_t>() / 4);
    widths = numbers(file("widths"), 2);
    zeros = file("zeros");
    if (tensor.at("files").contains("table")) table = numbers(file("table"), 8);
    for (const std::int64_t byte : numbers(file("stream"), 2))
      stream.push_back(static_cast<std::uint8_t>(byte));
  }
};

/// Decodes a block from its first bit, and compares values, widths and zeros on the way.
void check_block(const Files& files, const json& tensor, const json& block) {
  const auto& [values, widths, table, stream, zeros] = files;
  const int bits = tensor.at("bits");
  const std::string mode = tensor.at("mode"), sign = tensor.at("sign");
  const bool is_signed = tensor.at("signed");
  const std::int64_t group = tensor.at("group");
  const std::size_t offset = block.at("offset");
  streams::BitSource in(stream, 8 * offset);
  std::int64_t metadata = 0, payload = 0;
  std::size_t v = block.at("first_value"), g = block.at("first_group");
  for (std::int64_t run = 0; run < block.at("runs").get<std::int64_t>(); ++run) {
    const std::int64_t run_values = block.at("run_values");
    for (std::int64_t at = 0; at < run_values; at += group, ++g) {
      const std::int64_t count = std::min(group, run_values - at);
      std::vector<bool> non_zero;
      for (std::int64_t i = 0; i < group; ++i) {
        const std::size_t digit = zeros.at(g).size() - 1 - static_cast<std::size_t>(i) / 4;
        non_zero.push_back((std::stoi(zeros[g].substr(digit, 1), nullptr, 16) >> i % 4 & 1) != 0);
        REQUIRE(non_zero.back() ==
                (i < count && values.at(v + static_cast<std::size_t>(std::min(i, count - 1))) != 0));
      }
      int width = bits;
      if (mode == "widths+Z") {
        for (std::int64_t i = 0; i < count; ++i)
          REQUIRE(in.get(1).value() == (non_zero[static_cast<std::size_t>(i)] ? 1 : 0));
        metadata += count;
      }
      if (mode != "raw") {
        width = static_cast<int>(in.get(bits == 8 ? 3 : 4).value()) + 1;
        metadata += bits == 8 ? 3 : 4;
        REQUIRE(width == widths.at(g));
      }
      for (std::int64_t i = 0; i < count; ++i, ++v) {
        if (mode == "widths+Z" && values[v] == 0) continue;
        std::int64_t value = in.get(width).value();
        payload += width;
        const std::int64_t top = std::int64_t{1} << (width - 1);
        if (mode != "raw" && is_signed && sign == "twos-complement" && value >= top) value -= 2 * top;
        if (mode != "raw" && is_signed && sign == "sign-magnitude" && value >= top) {
          value = value == top ? -(std::int64_t{1} << (bits - 1)) : top - value;
        }
        REQUIRE((value & ((std::int64_t{1} << bits) - 1)) == values[v]);
      }
    }
  }
  CHECK(block.at("metadata_bits") == metadata);
  CHECK(block.at("payload_bits") == payload);
  const std::int64_t padding = (8 - (metadata + payload) % 8) % 8;
  CHECK(in.get(static_cast<int>(padding)).value() == 0);
  CHECK(block.at("padding_bits") == padding);
  CHECK(block.at("bytes") == (metadata + payload + padding) / 8);
  CHECK(in.bit() == 8 * (offset + block.at("bytes").get<std::size_t>()));
}

void check_all_blocks(const fs::path& folder) {
  const json document = json::parse(read_file(folder / "vectors.json"));
  std::set<std::string> names = {"vectors.json"};
  for (const json& tensor : document.at("tensors")) {
    INFO(tensor.at("tensor"));
    const Files files(folder, tensor);
    json sums = {{"metadata_bits", 0}, {"payload_bits", 0}, {"padding_bits", 0}};
    std::vector<std::int64_t> offsets;
    for (const json& block : tensor.at("blocks")) {
      INFO("block " << block.at("number"));
      check_block(files, tensor, block);
      offsets.push_back(block.at("offset"));
      for (auto& [key, sum] : sums.items())
        sum = sum.get<std::int64_t>() + block.at(key).get<std::int64_t>();
    }
    const bool coded = tensor.at("mode") != "raw";
    CHECK(tensor.at("files").contains("table") == coded);
    if (coded) CHECK(files.table == offsets);
    sums["pointer_bits"] = coded ? 32 * offsets.size() : 0;
    CHECK(tensor.at("sizes") == sums);
    for (const auto& [kind, name] : tensor.at("files").items())
      names.insert(name.get<std::string>());
  }
  std::set<std::string> written;
  for (const auto& entry : fs::directory_iterator(folder))
    written.insert(entry.path().filename().string());
  CHECK(written == names);
}

/// One line on standard error that holds all of `wanted`, and nothing else.
void check_refused(int status, const Words& arguments, const Words& wanted, const fs::path& directory) {
  const ProcessResult result = run_dpred(Words{"vectors"} + arguments, directory);
  INFO(result.err);
  CHECK(result.status == status);
  CHECK(result.out == "");
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK_FALSE(has_control_characters(result.err));
  for (const std::string& word : wanted) {
    INFO("wanted: " << word);
    CHECK(result.err.find(word) != std::string::npos);
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("not there: " + from);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("vectors of the bundled network are what its tensors are coded to", "[command]") {
  const WorkFolder work;
  const std::string set = (digits / "digits_cnn_int8").string();
  const std::string said = quiet_output({"vectors", set, "-o", "out"}, work.path());
  CHECK(said.find("12 tensors") != std::string::npos);
  CHECK(said.find("no mismatch") != std::string::npos);
  const fs::path folder = work.path() / "out";
  check_all_blocks(folder);

  const Network network = read_trace_set(set);
  std::set<std::string> modes;
  const json document = json::parse(read_file(folder / "vectors.json"));
  CHECK(document.at("tensors").size() == 12);
  for (const json& described : document.at("tensors")) {
    INFO(described.at("tensor"));
    modes.insert(described.at("mode"));
    const Tensor& tensor = network.tensor(described.at("tensor"));
    const StreamRole role =
        described.at("role") == "activation" ? StreamRole::activation : StreamRole::weight;
    const std::vector<streams::Block> order = streams::reference_order(role, tensor.shape, StreamOptions());
    const std::vector<std::int32_t> centred = centred_values(tensor);
    CHECK(described.at("signed") == any_negative(centred));
    CHECK(described.at("zero_point") == tensor.zero_point);
    CHECK(described.at("blocks_of_tensor") == order.size());
    std::vector<std::int64_t> expected;
    const std::size_t blocks = std::min<std::size_t>(4, order.size());
    REQUIRE(described.at("blocks").size() == blocks);
    for (std::size_t i = 0; i < blocks; ++i) {
      const std::size_t number = i + 1 < blocks ? i : order.size() - 1;  // the last one may be short
      CHECK(described.at("blocks")[i].at("number") == number);
      for (const streams::Row& row : order[number]) {
        for (const streams::Run& run : row) {
          for (const std::size_t index : run)
            expected.push_back(centred[index] & 0xff);
        }
      }
    }
    CHECK(numbers(readmemh(folder / described.at("files").at("values").get<std::string>()), 2) == expected);
  }
  CHECK(modes.size() >= 2);
  CHECK(quiet_output({"vectors", "--check", "out"}, work.path()).find("12 tensors") != std::string::npos);
}

TEST_CASE("random vectors are the same for a seed, of all types and in all modes", "[command]") {
  const WorkFolder work;
  const auto write = [&](const Words& options) {
    quiet_output(Words{"vectors", "--random", "8", "-o", "out"} + options, work.path());
    return snapshot(work.path());
  };
  std::set<std::string> modes, types;
  std::map<std::string, std::string> first;
  for (const Words& options :
       {Words{}, Words{"--seed=2", "--codec.sign=sign-magnitude", "--codec.widths=pow2"},
        Words{"--seed=3", "--codec.zero_vector=always", "--codec.group=7"},
        Words{"--seed=4", "--codec.zero_vector=never", "--codec.group=37"}}) {
    const auto files = write(options);
    if (first.empty()) first = files;
    check_all_blocks(work.path() / "out");
    const json document = json::parse(read_file(work.path() / "out/vectors.json"));
    CHECK(document.at("tensors").size() == 8);
    for (const json& tensor : document.at("tensors")) {
      modes.insert(tensor.at("mode"));
      types.insert(tensor.at("type").get<std::string>() + (tensor.at("signed") ? " signed" : " unsigned"));
    }
    fs::remove_all(work.path() / "out");
  }
  CHECK(modes.size() == 3);
  CHECK(types.size() == 8);
  CHECK(write({"--seed=1"}) == first);
}

TEST_CASE("vectors of the tensors, layers and blocks that are named", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  const auto tensors = [&](const Words& options) {
    quiet_output(Words{"vectors", "small", "-o", "out"} + options, work.path());
    Words keys;
    const json document = json::parse(read_file(work.path() / "out/vectors.json"));
    for (const json& tensor : document.at("tensors"))
      keys.push_back(tensor.at("tensor"));
    fs::remove_all(work.path() / "out");
    return keys;
  };
  CHECK(tensors({}) == Words{"a0", "w0", "a1", "w1"});
  CHECK(tensors({"--tensor", "w1"}) == Words{"w1"});
  CHECK(tensors({"--tensor", "w1", "--tensor=a0"}) == Words{"a0", "w1"});
  CHECK(tensors({"--layer", "conv2"}) == Words{"a1", "w1"});
  CHECK(tensors({"--layer=1", "--tensor=a1"}) == Words{"a0", "w0", "a1"});

  const auto blocks = [&](const Words& options) {
    quiet_output(Words{"vectors", "small", "--tensor=w0", "--codec.block_filters=1", "-o", "out"} + options,
                 work.path());
    std::vector<int> numbers;
    const json document = json::parse(read_file(work.path() / "out/vectors.json"));
    for (const json& block : document.at("tensors")[0].at("blocks"))
      numbers.push_back(block.at("number"));
    return numbers;
  };
  CHECK(blocks({}) == std::vector<int>{0, 1, 2, 3});
  CHECK(blocks({"--blocks=1"}) == std::vector<int>{0});
  CHECK(blocks({"--blocks=2"}) == std::vector<int>{0, 3});
  CHECK(blocks({"--blocks=3"}) == std::vector<int>{0, 1, 3});
  CHECK(blocks({"--blocks=0"}) == std::vector<int>{0, 1, 2, 3});
  const ProcessResult unread = run_dpred({"vectors", "small", "-o", "out", "--array.rows=4"}, work.path());
  CHECK(unread.status == 0);
  CHECK(unread.err.find("array.rows") != std::string::npos);
}

TEST_CASE("vectors refuses what can't be, and then leaves no folder behind", "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  work.write("file", "x");
  const auto before = snapshot(work.path());
  check_refused(2, {"-o", "out"}, {"no workload", "--random"}, work.path());
  check_refused(2, {"small"}, {"-o DIR"}, work.path());
  check_refused(2, {"none", "-o", "out"}, {"none"}, work.path());
  check_refused(2, {"small", "-o", "out", "--tensor=w9"}, {"--tensor", "'w9'", "did you mean"}, work.path());
  check_refused(2, {"small", "-o", "out", "--tensor=a2"}, {"no layer reads", "'a2'"}, work.path());
  check_refused(2, {"small", "-o", "out", "--layer=conf1"}, {"--layer", "did you mean 'conv1'"}, work.path());
  check_refused(2, {"small", "-o", "out", "--layer=3"}, {"--layer", "'3'"}, work.path());
  check_refused(2, {"small", "-o", "out", "--blocks=-1"}, {"--blocks", "-1"}, work.path());
  check_refused(2, {"small", "-o", "out", "--random=3"}, {"--random", "workload"}, work.path());
  check_refused(2, {"small", "-o", "out", "--seed=3"}, {"--seed"}, work.path());
  check_refused(2, {"--random=0", "-o", "out"}, {"--random", "1..1000"}, work.path());
  check_refused(2, {"--random=2", "-o", "out", "--tensor=w1"}, {"--random", "--tensor"}, work.path());
  check_refused(2, {"--random=2", "-o", "file/out"}, {"file/out"}, work.path());
  check_refused(2, {"--check=out", "-o", "out"}, {"--check", "--output"}, work.path());
  check_refused(2, {"--check=out", "small"}, {"--check", "workload"}, work.path());
  check_refused(2, {"--check=out"}, {"out/vectors.json", "no such file"}, work.path());
  CHECK(snapshot(work.path()) == before);
}

TEST_CASE("a check of vectors finds what was changed, and names file and line of what can't be read",
          "[command]") {
  const WorkFolder work;
  work.write_set("small", small_set());
  quiet_output({"vectors", "small", "-o", "out", "--codec.zero_vector=always", "--codec.group=6"},
               work.path());
  const fs::path folder = work.path() / "out";
  const auto with = [&](const std::string& file, const std::string& contents, int status,
                        const Words& wanted) {
    const std::string good = read_file(folder / file);
    INFO(file);
    REQUIRE(contents != good);
    write_file(folder / file, contents);
    check_refused(status, {"--check", "out"}, wanted, work.path());
    write_file(folder / file, good);
  };
  const auto in_file = [&](const std::string& file, const std::string& from, const std::string& to) {
    return replaced(read_file(folder / file), from, to);
  };
  /// The first word of a file with its lowest digit changed.
  const auto next_word = [&](const std::string& file) {
    std::string text = read_file(folder / file);
    const std::size_t place = text.find(" // 00000000") - 1;
    text[place] = text[place] == '0' ? '1' : '0';
    return text;
  };
  for (const std::string tensor : {"001_a0", "002_w0"}) {
    for (const std::string kind : {"values", "stream", "table", "widths", "zeros"}) {
      const std::string file = tensor + "." + kind + ".hex";
      with(file, next_word(file), 1, {"check failed: " + tensor, "00000000"});
      with(file, next_word(file) + "\n", 1, {"check failed"});
      const std::string text = read_file(folder / file);
      with(file, text + "0\n", 2, {"out/" + file, "words where vectors.json describes"});
      with(file, text + "\n zz // 1\n", 2,
           {"out/" + file + ": line " + std::to_string(std::count(text.begin(), text.end(), '\n') + 2),
            "'zz'"});
      with(file, text + "123456789\n", 2, {"out/" + file + ": line ", "'123456789'"});
      with(file, "", 2, {"out/" + file, "has 0 words"});
    }
  }
  fs::rename(folder / "001_a0.table.hex", folder / "moved");
  check_refused(2, {"--check", "out"}, {"001_a0.table.hex", "no such file"}, work.path());
  fs::rename(folder / "moved", folder / "001_a0.table.hex");

  const std::string json_file = "vectors.json";
  with(json_file, in_file(json_file, "\"payload_bits\": ", "\"payload_bits\": 1"), 1, {"check failed"});
  with(json_file, in_file(json_file, "\"signed\": true", "\"signed\": false"), 1, {"check failed"});
  with(json_file, in_file(json_file, "widths+Z", "widths"), 1, {"check failed"});
  with(json_file, in_file(json_file, "widths+Z", "width"), 2, {"tensors[0].mode", "widths"});
  with(json_file, in_file(json_file, "\"bits\": 8", "\"bits\": 9"), 2, {"tensors[0].bits", "8 or 16"});
  with(json_file, in_file(json_file, "\"runs\": ", "\"runs\": 9999999999"), 2, {"tensors[0].blocks[0].runs"});
  with(json_file, in_file(json_file, "\"first_value\": 0", "\"first_value\": 1"), 2,
       {"first_value", "must be 0"});
  with(json_file, in_file(json_file, "001_a0.values.hex", "../x"), 2, {"files.values", "'../x'"});
  with(json_file, in_file(json_file, "\"schema\": 1", "\"schema\": 2"), 2, {"schema"});
  with(json_file, in_file(json_file, "\"tensors\": [", "\"tensors\": [],\"others\": ["), 2,
       {"tensors", "empty"});
  with(json_file, "{", 2, {"vectors.json", "parse error"});
  CHECK(quiet_output({"vectors", "--check", "out"}, work.path()).find("no mismatch") != std::string::npos);
}

}  // namespace dpred::test
