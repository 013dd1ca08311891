// Every parameter of the program: a new one is one entry here.
#include "models/array/design.h"
#include "models/buffer/banks.h"
#include "models/codec/codec.h"
#include "models/codec/entropy.h"
#include "models/dram/preset.h"
#include "platform/parameters.h"

namespace dpred {

namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
constexpr std::int64_t gibibyte = std::int64_t{1} << 30;

ParameterSpec codec_name() {
  ParameterSpec spec = choice_parameter(
      "codec.name", "dpred", codec_names(),
      "Format of tensors in memory: dpred packs each group at its own width, raw stores whole values, "
      "layer-width packs each tensor at one width, zvc leaves zeros out, rle-scnn and rle-eyeriss code runs "
      "of "
      "zeros, ebpc these and bit planes of differences, bdi differences from a base, apack codes values by "
      "their frequency, zstd is a general compressor.");
  spec.not_choices = {
      {std::string(entropy_name), "a bound on sizes that 'dpred compress' shows, which encodes nothing"}};
  return spec;
}

/// The one description of every parameter. Choices that a model defines come from the model's own list.
std::vector<ParameterSpec> all_parameters() {
  const auto integer = integer_parameter;
  const auto choice = choice_parameter;
  const auto text = text_parameter;
  return {
      choice("array.design", "dpred-stripes", compute_design_names(), "Design of the processing array."),
      integer("array.lanes", 16, {1, 1024}, "",
              "Values of one filter and one window that are multiplied and added at a time."),
      integer("array.rows", 16, {1, 4096}, "",
              "Filter rows per tile of the bit-parallel array of equal peak throughput."),
      integer("array.tiles", 4, {1, 4096}, "", "Tiles of the array."),
      integer("array.columns", 0, {0, 1024}, "",
              "Window columns per tile; 0 means value bits / bits per cycle where activations are serial, "
              "else 1."),
      choice("array.bits_per_cycle", "1", {"1", "2", "4"},
             "Bits of a value that a serial design processes per cycle."),
      choice("array.widths", "any", {"any", "even", "pow2"},
             "Widths at which a serial design can process a group: any, even ones, or powers of two."),
      integer("array.column_registers", 0, {0, 1024}, "",
              "Registers that let a column of the array run ahead of the slowest one; 0 keeps the columns in "
              "step."),
      choice("array.tile_split", "filters", {"filters", "windows", "best"},
             "What the tiles share out: the filters of a set, or the windows of the output; best takes, "
             "layer by layer, what needs fewer cycles."),
      choice(
          "array.fold", "off", {"off", "auto"},
          "Whether a strided layer with fewer channels than lanes is computed as one with more channels and "
          "stride 1 where that takes fewer steps."),
      integer("array.clock_mhz", 1000, {1, 10000}, "MHz",
              "Clock of the array, of the buffers and of the compression engine."),

      codec_name(),
      integer("codec.group", 16, {1, 256}, "",
              "Values of a group, which share one width (dpred) or one bitmap (zvc)."),
      choice(
          "codec.zero_vector", "auto", {"auto", "always", "never"},
          "Of dpred: whether a bit per value marks the zeros, which are then not stored; auto uses it where "
          "it saves space."),
      choice(
          "codec.sign", "twos-complement", {"twos-complement", "sign-magnitude"},
          "How the values of signed tensors are packed: in two's complement, or as a sign and a magnitude."),
      choice("codec.widths", "any", {"any", "even", "pow2"},
             "Widths at which groups are packed: any, even ones, or powers of two."),
      integer("codec.slice_channels", 64, {1, 65536}, "", "Channels of a slice of activations."),
      integer("codec.block_values", 1024, {1, 1048576}, "",
              "Values that a block of activations has at least; a block can be decoded on its own."),
      integer("codec.block_filters", 16, {1, 65536}, "", "Filters of a block of weights."),

      choice_or_file_parameter(
          "dram.preset", "lpddr4-3200", dram::preset_names(),
          "Off-chip memory: a name, or a file with the numbers of one (docs/dram.md says how it is written); "
          "ideal has no latency and no limit of bandwidth."),
      integer("dram.channels", 1, {1, 64}, "", "Channels of the off-chip memory, a power of two."),
      text("dram.mapping", "",
           "Order of the address bits; empty means the order that belongs to the preset."),
      choice("dram.page_policy", "open", {"open", "closed"},
             "When a row is closed: open, for another row of its bank; closed, by every read and write."),
      choice("dram.refresh", "on", {"on", "off"}, "Whether the off-chip memory refreshes."),
      integer("dram.queue_entries", 8, {1, 1024}, "bursts",
              "Reads, and as many writes, of each bank among which the memory controller can choose."),
      integer("dram.entry_queue", 8, {0, 65536}, "bursts",
              "Bursts of a channel that may wait for a place among those of their banks."),
      integer("dram.write_high", 40, {1, 65536}, "bursts",
              "Waiting writes of a channel at which the memory controller stops to prefer reads."),
      integer("dram.write_low", 4, {0, 65535}, "bursts",
              "Waiting writes at which it returns to reads; below dram.write_high."),
      integer("dram.starvation_cap", 1024, {1, 1048576}, "bursts",
              "Younger bursts of its channel that may be served before one that waits."),

      integer("buffer.activation_bytes", 262144, {64, gibibyte}, "bytes",
              "Capacity of the activation buffer."),
      integer("buffer.weight_bytes", 262144, {64, gibibyte}, "bytes", "Capacity of the weight buffer."),
      integer("buffer.output_bytes", 65536, {64, gibibyte}, "bytes", "Capacity of the output buffer."),
      choice(
          "buffer.inter_layer", "off-chip", {"off-chip", "auto"},
          "Where results go between layers: off-chip, or, with auto, those that fit stay in the activation "
          "buffer for the next layer where that saves traffic."),
      integer("buffer.activation_banks", 0, {0, 65536}, "",
              "Banks of the activation buffer; 0 means as many as are needed."),
      integer("buffer.weight_banks", 0, {0, 65536}, "",
              "Banks of the weight buffer; 0 means as many as are needed."),
      integer("buffer.output_banks", 0, {0, 65536}, "",
              "Banks of the output buffer; 0 means as many as are needed."),
      integer("buffer.word_bytes", 16, {1, 65536}, "bytes",
              "Word of a buffer's bank; words lie in the banks in turn. For buffers with a number of banks."),
      choice("buffer.ports", "1r1w", sram_port_names(),
             "Accesses of a bank in an array cycle: one; one read and one write; or two of either kind. For "
             "buffers with a number of banks."),

      integer("engine.decoders", 0, {0, 65536}, "",
              "Decoders per operand, each of one group per array cycle; 0 means as many as are needed."),
      integer("engine.encoders", 0, {0, 65536}, "",
              "Encoders of results, each of one group per array cycle; 0 means as many as are needed."),
      integer("engine.detect_latency", 2, {0, 1000}, "array cycles",
              "Latency of the width detector at the encoder: OR trees and leading-one detector."),
      integer("engine.request_bytes", 512, {64, mebibyte}, "bytes",
              "Longest read or write at the memory socket at the fidelity lt."),
      integer("engine.outstanding", 8, {1, 1024}, "requests",
              "Requests that may be under way at the memory socket."),

      choice_or_file_parameter(
          "energy.table", "built-in", {"built-in"},
          "What actions cost: the program's table, or a file whose lines replace some of "
          "its own (docs/energy.md says how it is written)."),

      integer("workload.batch", 1, {1, 65536}, "",
              "How often the recorded inputs are repeated, one after another, as a batch."),

      choice("sim.fidelity", "lt", {"analytic", "lt", "at"},
             "How time is found: analytic, in closed form from the plans; lt, by a loosely timed simulation; "
             "at, "
             "by one with a transaction in four phases for each burst."),
      choice(
          "sim.data", "carried", {"carried", "elided"},
          "Whether transactions carry the tensors' bytes; elided moves only addresses, lengths and times."),
  };
}

}  // namespace

const ParameterRegistry& registry() {
  static const ParameterRegistry the_registry(all_parameters());
  return the_registry;
}

}  // namespace dpred
