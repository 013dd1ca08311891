// Files with DRAM presets.
#include "models/dram/address_map.h"
#include "platform/preset_file.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::read_or_refuse<InputError>("x.ini:", [&] {
    const dram::Preset preset = preset_of(scan_ini(text, "x.ini"), "x.ini");
    fuzz::require(!dram::broken_rule(preset), "presets keep the rules");
    const dram::AddressMap map(preset, preset.default_mapping, 1);
    for (const std::uint64_t address : {map.capacity() - 1, map.capacity() / 3, std::uint64_t{0}}) {
      const std::uint64_t burst = map.address_of(map.burst_of(address));
      fuzz::require(map.encode(map.decode(address)) == burst, "mappings are bijections");
    }
  });
  return 0;
}
