// Files with energy tables.
#include "platform/energy_table_file.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::read_or_refuse<InputError>("x.ini:", [&] {
    const EnergyTable table = energy_table_of(scan_ini(text, "x.ini"), "x.ini");
    for (const EnergyLine& line : table.lines()) {
      fuzz::require(line.picojoules >= 0 && line.picojoules <= most_picojoules, "costs are in range");
      fuzz::require(!line.source.empty() && !line.technology.empty(), "lines name their source");
    }
  });
  return 0;
}
