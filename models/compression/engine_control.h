// What the sequencer asks of the compression engine.
#pragma once

#include <cstdint>
#include <systemc>
#include <vector>

#include "models/codec/codec.h"
#include "models/codec/stream_directory.h"

namespace dpred {

enum class Operand : std::uint8_t { activation, weight, output };

/// A tensor's stream in memory. `directory` tells how far a fetch of rows reaches: hardware learns it while
/// it decodes, the model knows it from the encoder and compares the two when data is carried.
struct EngineStream {
  const Codec* codec = nullptr;
  const StreamDirectory* directory = nullptr;
  std::uint64_t address = 0;
  std::uint64_t table_address = 0;
  std::uint64_t capacity = 0;  ///< output only: bytes of the region
};

struct EngineLayer {
  EngineStream activation, weight;
  EngineStream output;             ///< without a directory: nothing leaves the chip
  std::uint64_t bias_address = 0;  ///< 0: none
  bool elided = false;             ///< no bytes are copied or coded; time and counts as usual
  bool ideal_memory = false;       ///< what-if: no access is made and none takes time; only with `elided`
  bool ideal_codec = false;        ///< what-if: as many decoders and encoders as needed
};

/// When the bytes of a fetch were all at the engine, and when the decoded values were in the buffer.
struct FetchTimes {
  sc_core::sc_time at_engine;
  sc_core::sc_time in_buffer;
};

/// When the values of a drain were encoded, and when they were in memory.
struct DrainTimes {
  sc_core::sc_time encoded;
  sc_core::sc_time written;
};

/// Results of a job in the output buffer: rows, output columns, then channels [begin, end) by `step`.
struct JobResults {
  RowRange rows;  ///< n * OH + oy
  std::int64_t channel_begin = 0, channel_end = 0, channel_step = 1;
  std::uint64_t buffer_address = 0;

  std::int64_t channels() const { return (channel_end - channel_begin + channel_step - 1) / channel_step; }
};

/// All functions may wait: to be called from an SC_THREAD. A function returns when its last request is
/// issued; the times returned may lie ahead. Fetches are called by one process, drains by one other.
/// TransportError if the memory answers with an error; StreamError if a stream or table is not what its
/// directory says, or does not fit its region.
class EngineControl : public virtual sc_core::sc_interface {
 public:
  virtual void begin_layer(const EngineLayer& layer) = 0;
  /// The whole offset table; the current time if there is none.
  virtual sc_core::sc_time fetch_table(Operand operand) = 0;
  /// Rows into the operand's buffer, one after another from `buffer_address`.
  virtual FetchTimes fetch(Operand operand, const std::vector<RowRange>& rows,
                           std::uint64_t buffer_address) = 0;
  /// `biases` gets those of the filters, or nothing where data is elided.
  virtual sc_core::sc_time fetch_biases(RowRange filters, std::vector<std::int32_t>& biases) = 0;
  /// Takes a job's results in and writes the blocks that they complete.
  virtual DrainTimes drain(const JobResults& results, const std::vector<std::int64_t>& blocks) = 0;
  /// Writes what is left of the stream, and the table.
  virtual sc_core::sc_time finish_output() = 0;
  /// Bytes from memory that are no tensor: a descriptor. Waits until they are there; takes no time with
  /// `ideal_memory`. Not while a layer is under way.
  virtual void read_memory(std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                           bool ideal_memory) = 0;
};

}  // namespace dpred
