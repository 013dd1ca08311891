// What all fuzzers share. A target reads arbitrary bytes; what it must not do ends the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace dpred::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzzer: does not hold: %s\n", what);
  std::abort();
}

/// Reads what must be an input, or refused in one line that begins with the name of the file.
template <class Error, class Read>
void read_or_refuse(const std::string& name, Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string message = error.what();
    require(message.rfind(name, 0) == 0, "an error names the file first");
    require(message.find_first_of(std::string("\n\r\0", 3)) == std::string::npos, "an error is one line");
  }
}

}  // namespace dpred::fuzz
