// Recorded memory requests.
#include "models/dram/trace_reader.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t capacity = 1 << 20;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::read_or_refuse<InputError>("x.csv:", [&] {
    dram::TraceReader reader(InputFile("x.csv", bytes), capacity);
    std::uint64_t earlier = 0;
    while (const auto request = reader.next()) {
      fuzz::require(request->time_fs >= earlier, "times don't go back");
      earlier = request->time_fs;
      fuzz::require(
          request->bytes >= 1 && request->bytes <= capacity && request->address <= capacity - request->bytes,
          "requests lie in the memory");
    }
    fuzz::require(reader.progress() == 1, "all of it was read");
  });
  return 0;
}
