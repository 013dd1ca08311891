// The worked use of docs/engine.md, which shows what stands between the lines "// page" and "// end".
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/compression/inline_engine.h"
#include "models/dram/dram.h"

namespace dpred::test {

// page
/// A tensor of 64 feature maps, 16 x 16 values of int8, that others see as 16384 bytes from 0x80000000 on.
class CompressedRegion : public sc_core::sc_module {
 public:
  dpred::InlineCompressionEngine engine;
  dpred::dram::Dram dram;

  explicit CompressedRegion(const sc_core::sc_module_name& name)
      : sc_module(name), engine("engine", config()), dram("dram", preset(), preset().default_mapping, 1) {
    engine.mem.bind(dram.socket);

    dpred::StreamFormat format;  // of a layer's results: mode and signs come from a profile
    format.mode = dpred::TensorMode::coded_zero;
    format.values.bits = 8;
    format.values.code_is_signed = true;
    format.values.zero_point = -128;

    const dpred::StreamLayout layout(dpred::StreamRole::activation, {1, 64, 16, 16}, {});
    dpred::TensorMapping maps{0x80000000, layout, &dpred::find_codec("dpred"), format};
    maps.store = dpred::BlockStore::slots;
    maps.stream_address = 0;
    maps.table_address = dpred::stream_room(maps, config().burst_bytes);  // behind the slots
    engine.map(maps);
  }

 private:
  static const dpred::dram::Preset& preset() { return dpred::dram::find_preset("lpddr4-3200"); }
  static dpred::InlineEngineConfig config() {
    dpred::InlineEngineConfig config;
    config.burst_bytes = config.request_bytes = preset().organisation.burst_bytes;
    config.decoders = config.encoders = 16;  // 16 groups of 16 values a clock
    config.cache_blocks = 16;                // a row of blocks: see "Locality"
    return config;
  }
};
// end

}  // namespace dpred::test
