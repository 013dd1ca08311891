// For tests of errors in files and text.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"
#include "workloads/error.h"

namespace dpred::test {

/// A folder to write files into.
class FileFolder {
 public:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  /// Folders on the way are made.
  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  TempDir folder_;
};

/// The message of the InputError that `call` must raise; every one has to be one line.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const InputError& error) {
    const std::string message = error.what();
    CHECK_FALSE(message.empty());
    CHECK(message.find_first_of("\n\r") == std::string::npos);
    return message;
  }
  FAIL("no InputError was raised");
  return {};
}

}  // namespace dpred::test
