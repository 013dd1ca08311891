// What the tests of the dpred command share: running it, as root and as a plain user, and reading its output.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"

namespace dpred::test {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

enum class User { own, plain };

/// Root and a plain user where the tests run as root, else only the user they run as.
inline std::vector<User> users() {
  return geteuid() == 0 ? std::vector<User>{User::own, User::plain} : std::vector<User>{User::own};
}

inline std::string user_name(User user) {
  return user == User::plain || geteuid() != 0 ? "a plain user" : "root";
}

/// The program, copied to where every user may run it: a build folder may be its owner's alone.
inline const fs::path& command() {
  static const TempDir folder;
  static const fs::path path = [] {
    fs::permissions(folder.path(), fs::perms(0755));
    const fs::path copy = folder.path() / "dpred";
    fs::copy_file(DPRED_COMMAND, copy);
    fs::permissions(copy, fs::perms(0755));
    return copy;
  }();
  return path;
}

/// A folder to work in, which is its user's own.
class WorkFolder {
 public:
  explicit WorkFolder(User user = User::own) : user_(user) { hand_over(); }

  const fs::path& path() const { return folder_.path(); }
  User user() const { return user_; }

  fs::path write_set(const std::string& name, const TraceBuilder& set) const {
    fs::create_directory(path() / name);
    set.write(path() / name);
    return path() / name;
  }
  void write(const std::string& name, const std::string& bytes) const { write_file(path() / name, bytes); }

  /// Makes all that is in it its user's.
  void hand_over() const {
    fs::permissions(path(), fs::perms(0755));
    if (user_ == User::own) return;
    const auto give = [](const fs::path& file) {
      if (lchown(file.c_str(), nobody, nobody) != 0) fail_with_errno(file.string());
    };
    give(path());
    for (const auto& entry : fs::recursive_directory_iterator(path()))
      give(entry.path());
  }

 private:
  TempDir folder_;
  User user_;
};

inline ProcessOptions dpred_options(const std::vector<std::string>& arguments, const fs::path& directory = {},
                                    User user = User::own) {
  ProcessOptions options;
  options.arguments = {command().string()};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  const char* given = std::getenv("ASAN_OPTIONS");
  // SystemC leaks; that is not what is tested here.
  options.environment["ASAN_OPTIONS"] = (given == nullptr ? "" : std::string(given) + ":") + "detect_leaks=0";
  options.directory = directory;
  if (user == User::plain) options.user = nobody;
  return options;
}

#ifdef __SANITIZE_ADDRESS__
/// Takes out AddressSanitizer's warning that it does not know SystemC's stacks, which it gives at the _exit()
/// of a child that has simulated. Its errors stay.
inline std::string without_stack_warnings(const std::string& text) {
  std::istringstream lines(text);
  std::string kept, line;
  int skipped = 0;
  while (std::getline(lines, line)) {
    if (line.find("ASan is ignoring requested __asan_handle_no_return") != std::string::npos) skipped = 3;
    if (skipped > 0) {
      --skipped;
    } else {
      kept += line + '\n';
    }
  }
  return kept;
}
#endif

inline ProcessResult run_dpred(const std::vector<std::string>& arguments, const fs::path& directory = {},
                               User user = User::own) {
  ProcessResult result = run_process(dpred_options(arguments, directory, user));
#ifdef __SANITIZE_ADDRESS__
  result.err = without_stack_warnings(result.err);
#endif
  return result;
}

/// Standard output of a run that must succeed and say nothing else.
inline std::string quiet_output(const std::vector<std::string>& arguments, const fs::path& directory = {}) {
  const ProcessResult result = run_dpred(arguments, directory);
  std::string shown;
  for (const std::string& argument : arguments)
    shown += argument + ' ';
  INFO("dpred " << shown);
  CHECK(result.err == "");
  REQUIRE(result.status == 0);
  return result.out;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Everything in a folder: kind and content by relative path.
inline std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    std::string& content = all[fs::relative(entry.path(), folder).string()];
    if (entry.is_symlink()) {
      content = "link to " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      content = "folder";
    } else if (entry.is_regular_file()) {
      content = "file: " + read_file(entry.path());
    } else {
      content = "other";
    }
  }
  return all;
}

/// Fields of a CSV file as RFC 4180 defines it, without its freedoms: every record ends with CRLF, and all
/// have equally many fields. std::runtime_error for anything else.
inline std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  std::size_t at = 0;
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error("CSV, byte " + std::to_string(at) + ": " + what);
  };
  while (at < text.size()) {
    std::vector<std::string> record;
    for (bool more = true; more;) {
      std::string field;
      if (at < text.size() && text[at] == '"') {
        for (++at;; ++at) {
          if (at >= text.size()) fail("a quoted field does not end");
          if (text[at] == '"') {
            ++at;
            if (at >= text.size() || text[at] != '"') break;
          }
          field += text[at];
        }
      } else {
        for (; at < text.size() && text[at] != ',' && text[at] != '\r'; ++at) {
          if (text[at] == '"' || text[at] == '\n') fail("a quote or line feed outside quotes");
          field += text[at];
        }
      }
      record.push_back(field);
      if (at < text.size() && text[at] == ',') {
        ++at;
      } else {
        if (text.compare(at, 2, "\r\n") != 0) fail("a field does not end with a comma or CRLF");
        at += 2;
        more = false;
      }
    }
    if (!records.empty() && record.size() != records[0].size()) fail("another number of fields");
    records.push_back(record);
  }
  return records;
}

/// A CSV file with a header.
class Table {
 public:
  explicit Table(const std::string& csv) : records_(parse_csv(csv)) {
    if (records_.empty()) throw std::runtime_error("CSV without a header");
  }

  const std::vector<std::string>& header() const { return records_[0]; }
  std::size_t rows() const { return records_.size() - 1; }
  const std::string& text(std::size_t row, const std::string& column) const {
    for (std::size_t i = 0; i < header().size(); ++i) {
      if (header()[i] == column) return records_.at(row + 1)[i];
    }
    throw std::runtime_error("no column " + column);
  }
  /// A count, which is written in digits only.
  std::uint64_t count(std::size_t row, const std::string& column) const {
    const std::string& digits = text(row, column);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
      throw std::runtime_error(column + " is no whole number: " + digits);
    return std::stoull(digits);
  }
  std::uint64_t sum(const std::string& column) const {
    std::uint64_t total = 0;
    for (std::size_t row = 0; row < rows(); ++row)
      total += count(row, column);
    return total;
  }

 private:
  std::vector<std::vector<std::string>> records_;
};

/// Whether text for a terminal holds control characters other than line feeds.
inline bool has_control_characters(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) return true;
  }
  return false;
}

inline std::vector<int> some_codes(std::size_t count, int step) {
  std::vector<int> codes;
  for (std::size_t i = 0; i < count; ++i)
    codes.push_back(static_cast<int>(i * static_cast<std::size_t>(step) % 11) - 4);
  return codes;
}

/// Two convolutions with a bias and weight scales, 8 bits.
inline TraceBuilder small_set() {
  TraceBuilder set;
  set.tensor("a0", "act", {1, 4, 4, 4}, DType::int8, 0, some_codes(64, 3));
  set.tensor("a1", "act", {1, 4, 4, 4}, DType::int8, -4, some_codes(64, 5));
  set.tensor("a2", "act", {1, 2, 4, 4}, DType::int8, 0, some_codes(32, 7));
  set.tensor("w0", "wgt", {4, 4, 3, 3}, DType::int8, 0, some_codes(144, 2));
  set.tensor("w1", "wgt", {2, 4, 1, 1}, DType::int8, 0, some_codes(8, 4));
  set.aux_int32("b0", {1, -2, 3, -4});
  set.aux_float64("s0", {0.5, 0.25, 0.125, 1});
  LayerShape first{1, 4, 4, 4, 4, 3, 3};
  first.pad_tblr = {1, 1, 1, 1};
  set.layer("conv1", LayerOp::conv, with_output_size(first), "a0", "w0", "a1", "b0", "s0");
  set.layer("conv2", LayerOp::conv, with_output_size({1, 4, 4, 4, 2, 1, 1}), "a1", "w1", "a2");
  return set;
}

}  // namespace dpred::test
