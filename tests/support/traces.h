// The real trace sets, which tests read where they are at hand.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

namespace dpred::test {

/// The folder of the real trace sets, from the environment variable DPRED_TRACES. Where it is unset, prints
/// "skipped: <test case> needs DPRED_TRACES" and returns nothing: the case then returns at once. Such cases
/// carry the tag [traces].
inline std::optional<std::filesystem::path> require_traces() {
  const char* folder = std::getenv("DPRED_TRACES");
  if (folder == nullptr || *folder == '\0') {
    std::cout << "skipped: " << Catch::getResultCapture().getCurrentTestName() << " needs DPRED_TRACES"
              << std::endl;
    return std::nullopt;
  }
  return std::filesystem::path(folder);
}

}  // namespace dpred::test
