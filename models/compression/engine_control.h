// What the sequencer asks of the compression engine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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
  EngineStream output;           ///< without a directory: there is none
  bool output_in_memory = true;  ///< the output's blocks are encoded and written
  /// The output's blocks are left in the activation buffer, as codes, the whole tensor from this address on
  /// in the order of its stream. None: they are not.
  std::optional<std::uint64_t> output_place;
  std::uint64_t bias_address = 0;     ///< 0: none
  std::uint64_t partial_address = 0;  ///< region for partial sums; 0: none leave the chip
  bool elided = false;                ///< no bytes are copied or coded; time and counts as usual
  bool ideal_memory = false;          ///< what-if: no access is made and none takes time; only with `elided`
  bool ideal_codec = false;           ///< what-if: as many decoders and encoders as needed
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
  RowRange rows;     ///< n * OH + oy
  RowRange columns;  ///< of each row; empty: all
  std::int64_t channel_begin = 0, channel_end = 0, channel_step = 1;
  std::uint64_t buffer_address = 0;

  std::int64_t channels() const { return (channel_end - channel_begin + channel_step - 1) / channel_step; }
};

/// Biases of the filters that were asked for, or none where data is elided, and when they were at the engine.
struct FetchedBiases {
  sc_core::sc_time at_engine;
  std::vector<std::int32_t> values;
};

/// What is left of something that was asked for, its requests being issued. To be called once, from an
/// SC_THREAD, in the order in which an operand's fetches, or the drains, were asked for: waits until the
/// memory has answered, does what needs the bytes, and returns the times, which may lie ahead. Empty: nothing
/// was asked for.
template <class Result>
using Pending = std::function<Result()>;

/// A function returns when its last request is issued and may wait until then: to be called from an
/// SC_THREAD. Fetches are asked for by one process, drains by one other; any may complete them. From either
/// call: TransportError if the memory answers with an error; StreamError if a stream or table is not what its
/// directory says, or does not fit its region. What is pending from an earlier layer is not to be called.
class EngineControl : public virtual sc_core::sc_interface {
 public:
  virtual void begin_layer(const EngineLayer& layer) = 0;
  /// The whole offset table; empty if there is none.
  virtual Pending<sc_core::sc_time> fetch_table(Operand operand) = 0;
  /// Rows, or parts of them (none: all of each), into the operand's buffer, one after another from
  /// `buffer_address`: they are in it once this has completed.
  virtual Pending<FetchTimes> fetch(Operand operand, const std::vector<RowRange>& rows,
                                    std::uint64_t buffer_address, const std::vector<RowPart>& parts = {}) = 0;
  /// Partial sums, 4 bytes each, from `offset` of their region into the output buffer.
  virtual Pending<sc_core::sc_time> fetch_partials(std::uint64_t offset, std::uint64_t bytes,
                                                   std::uint64_t buffer_address) = 0;
  /// The other way.
  virtual Pending<DrainTimes> drain_partials(std::uint64_t offset, std::uint64_t bytes,
                                             std::uint64_t buffer_address) = 0;
  virtual Pending<FetchedBiases> fetch_biases(RowRange filters) = 0;
  /// Takes a job's results in, and writes or leaves on chip the blocks that they complete.
  virtual Pending<DrainTimes> drain(const JobResults& results, const std::vector<std::int64_t>& blocks) = 0;
  /// Writes what is left of the stream, and the table. Completes when all that was drained is in memory.
  virtual Pending<sc_core::sc_time> finish_output() = 0;
  /// Bytes from memory that are no tensor: a descriptor. Waits until they are there; takes no time with
  /// `ideal_memory`. Not while a layer is under way.
  virtual void read_memory(std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                           bool ideal_memory) = 0;
};

}  // namespace dpred
