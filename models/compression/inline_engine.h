// A compression engine in front of a memory: tensors at one side, their streams at the other.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/compression/burst_initiator.h"
#include "models/compression/mapped_tensor.h"
#include "models/compression/window.h"
#include "models/tlm/cycle_clock.h"

namespace dpred {

struct InlineEngineConfig {
  std::uint64_t clock_mhz = 1000;
  std::uint64_t decoders = 0;            ///< each a group a clock; 0: as many as needed
  std::uint64_t encoders = 0;            ///< likewise
  std::uint64_t detect_latency = 2;      ///< clocks from a group's values to its width, in the encoder
  std::uint64_t read_fifo_bursts = 16;   ///< between memory and decoders: asked for, or not yet decoded
  std::uint64_t write_fifo_bursts = 16;  ///< between encoders and memory: not yet written
  std::uint64_t outstanding = 8;         ///< requests under way at the memory
  std::uint64_t burst_bytes = 64;        ///< of the memory; accesses are whole bursts
  /// Longest request: whole bursts, at least one, no more than either FIFO holds. None crosses a multiple.
  std::uint64_t request_bytes = 64;
  std::uint64_t transactions = 4;      ///< that are under way on the non-blocking path
  std::uint64_t cache_blocks = 1;      ///< decoded blocks that are kept, least recently used out first
  std::uint64_t collected_blocks = 1;  ///< packed tensors: blocks of each that are written in part
};

/// Since the start of the simulation; debug accesses don't count.
struct InlineEngineCounters {
  std::uint64_t bytes_read = 0;  ///< at `socket`, by accesses that succeeded; disabled bytes aren't counted
  std::uint64_t bytes_written = 0;      ///< likewise
  std::uint64_t stream_read_bytes = 0;  ///< at `mem`, whole bursts, as the next three
  std::uint64_t stream_written_bytes = 0;
  std::uint64_t table_read_bytes = 0;
  std::uint64_t table_written_bytes = 0;
  std::uint64_t blocks_decoded = 0;
  std::uint64_t blocks_encoded = 0;
  std::uint64_t cache_hits = 0;     ///< blocks that were there when an access needed them
  std::uint64_t refused = 0;        ///< accesses that are malformed, or that the store can't serve
  std::uint64_t memory_errors = 0;  ///< accesses that failed because the memory answered with an error
  std::uint64_t stream_errors = 0;  ///< accesses that failed at a damaged stream or table
};

/// Behind `socket` lies uncompressed space. It holds each mapped tensor as it would lie in a plain memory:
/// codes of B / 8 bytes, little-endian, in the tensor's own order (last dimension innermost). `mem` goes to a
/// memory that holds streams and tables.
///
/// Reads and writes may have any alignment, length and byte enables, but lie within one tensor. Slots serve
/// all of them; a write that covers a block in part reads it first. A packed tensor serves reads of blocks
/// that are complete, and writes of bytes that were never written before. Responses, time, and what counts:
/// docs/contracts.md, "The inline engine".
///
/// Both paths of `socket` are served, a blocking access over the blocking path of `mem`, a non-blocking one
/// over the non-blocking path. A blocking access waits for what is under way, and else only if the memory
/// does. Debug accesses read and write the same data without time, through debug accesses of `mem`. Direct
/// memory access is refused.
class InlineCompressionEngine : public sc_core::sc_module {
 public:
  /// Clocks of every access, to look up tensor and cache.
  static constexpr std::uint64_t lookup_clocks = 1;

  tlm_utils::simple_target_socket<InlineCompressionEngine> socket{"socket"};
  tlm::tlm_initiator_socket<> mem{"mem"};

  /// InputError if a number in `config` but for decoders, encoders and detect_latency is 0.
  InlineCompressionEngine(const sc_core::sc_module_name& name, const InlineEngineConfig& config);
  ~InlineCompressionEngine() override;

  /// Adds a tensor, at any time. InputError if it overlaps another, in uncompressed space or in memory, or if
  /// its mapping can't be served: an address that isn't that of a burst, a room that is too small.
  void map(const TensorMapping& mapping);
  /// Takes away the tensor at `base`, for instance because something else writes to its stream. What was
  /// collected of blocks that are not complete is lost. InputError if there is none; std::logic_error while
  /// accesses are under way.
  void unmap(std::uint64_t base);

  const InlineEngineCounters& counters() const { return counters_; }
  /// What was wrong with the last access that failed; empty if none has.
  const std::string& last_error() const { return last_error_; }

 private:
  using Clock = std::uint64_t;
  using Bytes = std::vector<std::uint8_t>;
  using Image = std::shared_ptr<const Bytes>;  ///< the codes of a block

  enum class Path : std::uint8_t { blocking, non_blocking, debug };
  struct Fetch;
  struct Access;
  struct Failure;
  struct CachedBlock {
    const MappedTensor* tensor;
    std::int64_t block;
    Image image;
    Clock ready;
  };
  struct FifoBurst {
    Fetch* fetch;
    Clock clocks;  ///< that its groups take the decoders
    std::optional<Clock> arrival;
  };
  struct OpenRequest {
    tlm::tlm_generic_payload* payload = nullptr;
    sc_core::sc_time start;
  };

  // The target side.
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay);
  unsigned int transport_dbg(tlm::tlm_generic_payload& payload);
  tlm::tlm_response_status check(const tlm::tlm_generic_payload& payload, std::string& problem) const;
  bool is_answered_at_once(tlm::tlm_generic_payload& payload);
  MappedTensor* tensor_at(std::uint64_t address) const;
  void begin(tlm::tlm_generic_payload& payload);
  void accept_request();
  void send_responses();
  void end_response(const sc_core::sc_time& delay);
  void work();

  // An access from start to end.
  Access prepare(Path path, tlm::tlm_generic_payload& payload, std::uint64_t begin, std::uint64_t end) const;
  bool touches(const Access& a, const Access& b) const;
  void enter(Access& access);
  void leave(Access& access);
  void wait_for_earlier(const Access& access);
  Clock serve(Access& access, Clock start);
  Clock run(Access& access, Clock start);
  bool lacks_table(const MappedTensor& tensor, Path path) const;
  Clock read_blocks(Access& access, Clock start);
  Clock write_slots(Access& access, Clock start);
  Clock write_packed(Access& access, Clock start);
  Clock load_table(Access& access, Clock start);
  std::map<std::int64_t, Image> images_of(Access& access, const std::vector<std::int64_t>& blocks,
                                          Clock& clock);
  Bytes encoded(const Access& access, std::int64_t block, const Bytes& codes) const;
  void keep(const Access& access, std::int64_t block, const Image& image, Clock ready);
  Image find_image(const Access& access, std::int64_t block, Clock& ready);
  void drop(const MappedTensor* tensor, std::optional<std::int64_t> block);

  // The memory side. Functions that may have to wait do so on the non-blocking path only.
  struct Admission {
    Clock entry, issue;
  };
  template <class Earliest>
  Admission admit(const Access& access, Window* fifo, std::uint64_t bursts, Earliest&& earliest);
  void fetch(Access& access, Fetch& fetch, Clock earliest);
  Clock write_block(Access& access, std::int64_t block, std::vector<BurstWrite>& writes, Clock ready);
  void write_table(Access& access, std::uint64_t offset, Clock earliest);
  template <class Arrived>
  void request(Access& access, tlm::tlm_command command, std::uint64_t address, std::uint8_t* data,
               std::uint64_t length, Clock issue, Arrived arrived);
  static void note_response(Access& access, std::uint64_t address, tlm::tlm_response_status status);
  void debug_request(Access& access, tlm::tlm_command command, std::uint64_t address, std::uint8_t* data,
                     std::uint64_t length);
  std::uint64_t request_end(std::uint64_t address, std::uint64_t end) const;
  void decode_arrived();
  void wait_for_requests(Access& access);
  void throw_memory_error(const Access& access) const;
  void wait_until(Clock clock);
  void check_config() const;
  Clock now_clock() const { return clock_.cycle_at(sc_core::sc_time_stamp()); }
  InlineEngineCounters& counters_of(const Access& access);

  InlineEngineConfig config_;
  CycleClock clock_;
  BurstInitiator initiator_{"initiator"};
  std::map<std::uint64_t, std::unique_ptr<MappedTensor>> tensors_;  ///< by base
  std::set<const MappedTensor*> tables_fetched_;  ///< in time: those of debug accesses aren't here
  InlineEngineCounters counters_, uncounted_;
  std::string last_error_;

  std::list<CachedBlock> cache_;  ///< most recently used first
  std::list<Access*> in_flight_;  ///< in the order in which they came
  sc_core::sc_event progress_;    ///< an access or a request has ended

  Window outstanding_, read_fifo_, write_fifo_;
  std::deque<FifoBurst> arriving_;  ///< bursts of the read FIFO that are not decoded
  std::uint64_t first_arriving_ = 0;
  Clock decoder_free_ = 0, encoder_free_ = 0;

  std::uint64_t transactions_ = 0;  ///< accepted, and not yet ended by END_RESP
  OpenRequest open_request_;        ///< its END_REQ is still to come
  std::deque<std::unique_ptr<Access>> accepted_;
  std::deque<tlm::tlm_generic_payload*> responses_;
  tlm::tlm_generic_payload* open_response_ = nullptr;  ///< its END_RESP is still to come
  sc_core::sc_time response_free_;                     ///< no BEGIN_RESP before
  sc_core::sc_event accept_event_, work_event_, response_event_;
};

}  // namespace dpred
