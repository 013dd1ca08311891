// The compression engine: moves streams between memory and buffers, decoding and encoding on the way.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/compression/engine_control.h"
#include "models/compression/memory_port.h"
#include "models/tlm/cycle_clock.h"
#include "models/tlm/memory_access.h"
#include "models/tlm/no_backward_path.h"

namespace dpred {

struct EngineConfig {
  bool four_phases = false;           ///< accesses by the non-blocking path, a request a burst
  std::uint64_t burst_bytes = 64;     ///< of the bound memory; accesses are whole bursts
  std::uint64_t request_bytes = 512;  ///< longest access of a blocking call
  std::uint64_t outstanding = 8;   ///< accesses under way, for reads and for writes; bursts for as many bytes
  std::uint64_t decoders = 0;      ///< per operand, each a group per array cycle; 0: as many as needed
  std::uint64_t encoders = 0;      ///< likewise
  std::uint64_t clock_mhz = 1000;  ///< of the array
};

/// Bytes at the memory socket, by cause.
struct EngineTraffic {
  std::uint64_t activation_read_bytes = 0;
  std::uint64_t weight_read_bytes = 0;
  std::uint64_t output_write_bytes = 0;  ///< partial sums included
  std::uint64_t output_read_bytes = 0;   ///< partial sums
  std::uint64_t control_read_bytes = 0;  ///< descriptors
};

class CompressionEngine : public sc_core::sc_module, public EngineControl {
 public:
  tlm::tlm_initiator_socket<> mem{"mem"};
  tlm::tlm_initiator_socket<> activation_buffer{"activation_buffer"};
  tlm::tlm_initiator_socket<> weight_buffer{"weight_buffer"};
  tlm::tlm_initiator_socket<> output_buffer{"output_buffer"};

  CompressionEngine(const sc_core::sc_module_name& name, const EngineConfig& config);

  void begin_layer(const EngineLayer& layer) override;
  Pending<sc_core::sc_time> fetch_table(Operand operand) override;
  Pending<FetchTimes> fetch(Operand operand, const std::vector<RowRange>& rows, std::uint64_t buffer_address,
                            const std::vector<RowPart>& parts = {}) override;
  Pending<sc_core::sc_time> fetch_partials(std::uint64_t offset, std::uint64_t bytes,
                                           std::uint64_t buffer_address) override;
  Pending<DrainTimes> drain_partials(std::uint64_t offset, std::uint64_t bytes,
                                     std::uint64_t buffer_address) override;
  Pending<FetchedBiases> fetch_biases(RowRange filters) override;
  Pending<DrainTimes> drain(const JobResults& results, const std::vector<std::int64_t>& blocks) override;
  Pending<sc_core::sc_time> finish_output() override;
  void read_memory(std::uint64_t address, std::uint8_t* data, std::uint64_t length,
                   bool ideal_memory) override;

  /// Since the start of the simulation.
  const EngineTraffic& traffic() const { return traffic_; }

 private:
  /// The state of a stream that is being read.
  struct Source {
    EngineStream stream;
    FetchCursor cursor{1};
    std::map<std::size_t, std::vector<std::uint8_t>>
        kept;  ///< last burst of each section, if data is carried
    sc_core::sc_time decoder_free;
  };
  struct PartialBurst {
    std::vector<std::uint8_t> bytes;
    std::uint64_t filled = 0;
  };
  struct ReadyBursts {
    std::uint64_t begin = 0;  ///< in the stream
    std::uint64_t length = 0;
  };
  /// The state of the stream that is being written.
  struct Sink {
    EngineStream stream;
    std::vector<std::uint32_t> table;
    std::map<std::int64_t, std::vector<std::uint8_t>> rows;  ///< rows of blocks that are not complete
    std::map<std::uint64_t, PartialBurst> partial;           ///< by their place in the stream
    std::vector<ReadyBursts> ready;                          ///< encoded, not yet written
    std::vector<std::uint8_t> ready_bytes;                   ///< theirs, one after another
    std::uint64_t offset = 0;                                ///< end of the block that was encoded last
    sc_core::sc_time encoder_free;
    std::vector<std::shared_ptr<MemoryTransfer>> writes;  ///< of the layer, a transfer a drain
    sc_core::sc_time last_write;                          ///< of those that were awaited
  };
  /// A fetch whose requests are issued.
  struct Fetch : MemoryTransfer {
    struct Piece {
      ByteRange range;
      std::vector<RowPiece> parts;  ///< of its rows; none: all of them
      std::size_t section = 0;
      BurstRange bursts;             ///< that were asked for
      std::uint64_t first_byte = 0;  ///< of the burst in which the range begins
      std::size_t at = 0;            ///< of that byte in `bytes`
    };
    Operand operand = Operand::activation;
    std::vector<Piece> pieces;
    std::uint64_t buffer_address = 0, values = 0;
    sc_core::sc_time decoded;  ///< when the decoder is through, if its bytes are there
  };

  Source& source(Operand operand) { return operand == Operand::activation ? activation_ : weight_; }
  std::uint64_t& read_counter(Operand operand);
  void access(const std::shared_ptr<MemoryTransfer>& transfer, tlm::tlm_command command,
              std::uint64_t address, std::size_t at, std::uint64_t length);
  FetchTimes take_in(Fetch& fetch);
  void check_table(const Source& from, const std::uint8_t* bytes) const;
  void decode(const Source& from, const ByteRange& range, const std::uint8_t* bytes,
              std::uint64_t first_byte);
  void decode_parts(const Source& from, const Fetch::Piece& piece, const std::uint8_t* bytes);
  void store_codes(Operand operand, const ValueFormat& format, std::uint64_t buffer_address);
  void take_results(const JobResults& results);
  void collect_block(const StreamBlock& block);
  void leave_on_chip(std::int64_t block);
  void encode(std::int64_t block);
  void put(std::uint64_t at, const std::vector<std::uint8_t>& bytes);
  void make_ready(std::uint64_t at, const std::uint8_t* bytes, std::uint64_t length);
  std::shared_ptr<MemoryTransfer> write_out(bool all);
  void await_write(MemoryTransfer& write);

  NoBackwardPath no_backward_path_;
  EngineConfig config_;
  CycleClock clock_;
  EngineLayer layer_;
  EngineTraffic traffic_;
  MemoryPort port_;
  MemoryAccess fill_access_, drain_access_, stay_access_;
  Source activation_, weight_;
  FetchCursor bias_cursor_{1};
  std::vector<std::uint8_t> bias_bytes_;  ///< that have been fetched, from the first filter's on
  Sink output_;
  std::vector<std::uint8_t> fill_staging_, drain_staging_;
  std::vector<std::uint8_t> containers_;          ///< of the fetch that is being decoded
  std::vector<std::uint8_t> block_containers_;    ///< of a block that can only be decoded whole
  std::vector<std::uint8_t> drained_containers_;  ///< of a block of results, empty where data is elided
  std::vector<std::uint8_t> drained_codes_;
};

}  // namespace dpred
