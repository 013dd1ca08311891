// The reader of .npy files. An input is the file, then a byte that says what it should hold.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/npy_kinds.h"
#include "workloads/error.h"
#include "workloads/npy.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const fuzz::NpyKind& kind = fuzz::npy_kinds[input.ConsumeIntegral<std::uint8_t>() % fuzz::npy_kinds.size()];
  const std::string bytes = input.ConsumeRemainingBytesAsString();
  fuzz::read_or_refuse<InputError>("x.npy: ", [&] {
    InputFile file("x.npy", bytes);
    const NpyFile npy = read_npy(file, kind.type, kind.shape);
    const std::size_t header = npy.header.size();
    fuzz::require(header + npy.data.size() == bytes.size(), "every byte is header or data");
    fuzz::require(bytes.compare(0, header, npy.header) == 0, "the header is the file's");
    fuzz::require(std::memcmp(npy.data.data(), bytes.data() + header, npy.data.size()) == 0,
                  "the data are the file's");
  });
  return 0;
}
