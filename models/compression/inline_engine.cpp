#include "models/compression/inline_engine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "models/codec/stream_directory.h"
#include "workloads/divide_up.h"
#include "workloads/error.h"

namespace dpred {

/// A block that is read from memory.
struct InlineCompressionEngine::Fetch {
  std::int64_t block = 0;
  BlockPlace place;
  Bytes bytes;                ///< whole bursts
  std::uint64_t skipped = 0;  ///< bytes in front of the block
  std::uint64_t bursts_left = 0;
  Clock decoded = 0;
};

struct InlineCompressionEngine::Access {
  Path path = Path::blocking;
  tlm::tlm_generic_payload* payload = nullptr;
  MappedTensor* tensor = nullptr;
  bool is_write = false;
  std::uint64_t begin = 0, end = 0;      ///< in uncompressed space
  std::vector<BlockPart> parts;          ///< of the bytes that are enabled
  std::vector<std::int64_t> blocks;      ///< in ascending order
  std::map<std::int64_t, Image> images;  ///< what blocks hold from now on, while memory is written
  std::deque<Bytes> table_bursts;        ///< that are being written

  std::uint64_t pending = 0;  ///< requests without response
  Clock last_response = 0;
  tlm::tlm_response_status memory_status = tlm::TLM_OK_RESPONSE;
  std::string memory_problem;

  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const BlockPart& part : parts)
      sum += part.bytes;
    return sum;
  }
};

/// Why an access fails.
struct InlineCompressionEngine::Failure {
  tlm::tlm_response_status status;
  std::uint64_t InlineEngineCounters::*counter;
  std::string text;

  static Failure refused(const std::string& text) {
    return {tlm::TLM_GENERIC_ERROR_RESPONSE, &InlineEngineCounters::refused, text};
  }
};

InlineCompressionEngine::InlineCompressionEngine(const sc_core::sc_module_name& name,
                                                 const InlineEngineConfig& config)
    : sc_module(name),
      config_(config),
      clock_(config.clock_mhz),
      outstanding_(config.outstanding),
      read_fifo_(config.read_fifo_bursts),
      write_fifo_(config.write_fifo_bursts) {
  check_config();
  const std::uint64_t bursts = std::min(
      {config.request_bytes / config.burst_bytes, config.read_fifo_bursts, config.write_fifo_bursts});
  config_.request_bytes = std::max(bursts, std::uint64_t{1}) * config.burst_bytes;
  initiator_.socket.bind(mem);
  socket.register_b_transport(this, &InlineCompressionEngine::b_transport);
  socket.register_nb_transport_fw(this, &InlineCompressionEngine::nb_transport_fw);
  socket.register_transport_dbg(this, &InlineCompressionEngine::transport_dbg);
  SC_HAS_PROCESS(InlineCompressionEngine);
  SC_METHOD(accept_request);
  sensitive << accept_event_;
  dont_initialize();
  SC_METHOD(send_responses);
  sensitive << response_event_;
  dont_initialize();
  for (std::uint64_t worker = 0; worker < config_.transactions; ++worker)
    sc_core::sc_spawn([this] { work(); }, sc_core::sc_gen_unique_name("worker"));
}

InlineCompressionEngine::~InlineCompressionEngine() = default;

void InlineCompressionEngine::check_config() const {
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"clock_mhz", config_.clock_mhz},
      {"read_fifo_bursts", config_.read_fifo_bursts},
      {"write_fifo_bursts", config_.write_fifo_bursts},
      {"outstanding", config_.outstanding},
      {"burst_bytes", config_.burst_bytes},
      {"request_bytes", config_.request_bytes},
      {"transactions", config_.transactions},
      {"cache_blocks", config_.cache_blocks},
      {"collected_blocks", config_.collected_blocks},
  };
  for (const auto& [key, number] : numbers) {
    if (number == 0) throw InputError(std::string(name()) + ": " + key + " must be at least 1");
  }
  if (config_.burst_bytes % 4 != 0)
    throw InputError(std::string(name()) + ": burst_bytes must be a multiple of 4");
}

// The stream table.

void InlineCompressionEngine::map(const TensorMapping& mapping) {
  auto added = std::make_unique<MappedTensor>(mapping, config_.burst_bytes);
  struct Room {
    std::uint64_t begin, bytes;
    bool overlaps(const Room& other) const {
      return bytes != 0 && other.bytes != 0 && begin < other.begin + other.bytes &&
             other.begin < begin + bytes;
    }
  };
  const auto rooms = [this](const TensorMapping& m) {
    return std::pair<Room, Room>{{m.stream_address, stream_room(m, config_.burst_bytes)},
                                 {m.table_address, table_room(m, config_.burst_bytes)}};
  };
  const auto [stream, table] = rooms(mapping);
  if (stream.overlaps(table))
    throw InputError(added->name() + ": its stream and its table overlap in memory");
  for (const auto& [base, other] : tensors_) {
    const std::string pair = added->name() + " and " + other->name() + " overlap in ";
    if (Room{mapping.base, added->bytes()}.overlaps({base, other->bytes()}))
      throw InputError(pair + "uncompressed space");
    const auto [other_stream, other_table] = rooms(other->mapping());
    for (const Room& room : {stream, table}) {
      if (room.overlaps(other_stream) || room.overlaps(other_table)) throw InputError(pair + "memory");
    }
  }
  tensors_[mapping.base] = std::move(added);
}

void InlineCompressionEngine::unmap(std::uint64_t base) {
  const auto found = tensors_.find(base);
  if (found == tensors_.end()) throw InputError("no tensor at address " + std::to_string(base));
  if (!in_flight_.empty()) throw std::logic_error("a tensor is unmapped while accesses are under way");
  drop(found->second.get(), std::nullopt);
  tables_fetched_.erase(found->second.get());
  tensors_.erase(found);
}

MappedTensor* InlineCompressionEngine::tensor_at(std::uint64_t address) const {
  const auto next = tensors_.upper_bound(address);
  if (next == tensors_.begin()) return nullptr;
  const auto& [base, tensor] = *std::prev(next);
  return address - base < tensor->bytes() ? tensor.get() : nullptr;
}

// The target side.

tlm::tlm_response_status InlineCompressionEngine::check(const tlm::tlm_generic_payload& payload,
                                                        std::string& problem) const {
  const auto answer = [&](tlm::tlm_response_status status, const char* text) {
    problem = std::string(text) + " at address " + std::to_string(payload.get_address());
    return status;
  };
  const std::uint64_t length = payload.get_data_length();
  if (!payload.is_read() && !payload.is_write())
    return answer(tlm::TLM_COMMAND_ERROR_RESPONSE, "neither read nor write");
  if (length == 0 || payload.get_streaming_width() < length)
    return answer(tlm::TLM_BURST_ERROR_RESPONSE, "no data, or a streaming width below its length,");
  if (payload.get_data_ptr() == nullptr) return answer(tlm::TLM_GENERIC_ERROR_RESPONSE, "no data pointer");
  if (payload.get_byte_enable_ptr() != nullptr && payload.get_byte_enable_length() == 0)
    return answer(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE, "byte enables of length 0");
  const MappedTensor* const tensor = tensor_at(payload.get_address());
  if (tensor == nullptr) return answer(tlm::TLM_ADDRESS_ERROR_RESPONSE, "no tensor");
  if (length > tensor->bytes() - (payload.get_address() - tensor->mapping().base))
    return answer(tlm::TLM_ADDRESS_ERROR_RESPONSE, "an access that passes the end of its tensor");
  return tlm::TLM_OK_RESPONSE;
}

/// Answers what takes neither time nor effect.
bool InlineCompressionEngine::is_answered_at_once(tlm::tlm_generic_payload& payload) {
  payload.set_dmi_allowed(false);
  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
  if (payload.get_command() != tlm::TLM_IGNORE_COMMAND) {
    std::string problem;
    status = check(payload, problem);
    if (status == tlm::TLM_OK_RESPONSE) return false;
    ++counters_.refused;
    last_error_ = problem;
  }
  payload.set_response_status(status);
  return true;
}

void InlineCompressionEngine::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (is_answered_at_once(payload)) return;
  const sc_core::sc_time arrival = sc_core::sc_time_stamp() + delay;
  const std::uint64_t address = payload.get_address();
  Access access = prepare(Path::blocking, payload, address, address + payload.get_data_length());
  enter(access);
  wait_for_earlier(access);
  const Clock end = serve(access, clock_.cycle_at(std::max(arrival, sc_core::sc_time_stamp())));
  leave(access);
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  delay = std::max(clock_.time_of(end), now) - now;
}

unsigned int InlineCompressionEngine::transport_dbg(tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  const MappedTensor* const tensor = tensor_at(address);
  const bool is_possible = payload.is_read() || payload.is_write();
  if (tensor == nullptr || payload.get_data_ptr() == nullptr || !is_possible) return 0;
  const std::uint64_t room = tensor->mapping().base + tensor->bytes() - address;
  const std::uint64_t length = std::min<std::uint64_t>(payload.get_data_length(), room);
  Access access = prepare(Path::debug, payload, address, address + length);
  if (access.is_write) {
    for (const Access* other : in_flight_) {
      if (touches(*other, access)) return 0;
    }
  }
  try {
    run(access, 0);
  } catch (const Failure&) {
    return 0;
  } catch (const StreamError&) {
    return 0;
  }
  return static_cast<unsigned int>(length);
}

tlm::tlm_sync_enum InlineCompressionEngine::nb_transport_fw(tlm::tlm_generic_payload& payload,
                                                            tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  if (phase == tlm::END_RESP && open_response_ == &payload) {
    end_response(delay);
    return tlm::TLM_COMPLETED;
  }
  if (phase != tlm::BEGIN_REQ || open_request_.payload != nullptr) {
    SC_REPORT_ERROR("dpred/inline_engine", "a phase that this transaction can't have now");
    return tlm::TLM_ACCEPTED;
  }
  if (is_answered_at_once(payload)) return tlm::TLM_COMPLETED;
  if (payload.has_mm()) payload.acquire();  // the protocol asks for one, not all initiators have it
  if (delay == sc_core::SC_ZERO_TIME && transactions_ < config_.transactions) {
    begin(payload);
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  open_request_ = {&payload, sc_core::sc_time_stamp() + delay};
  accept_event_.notify(delay);
  return tlm::TLM_ACCEPTED;
}

void InlineCompressionEngine::begin(tlm::tlm_generic_payload& payload) {
  ++transactions_;
  const std::uint64_t address = payload.get_address();
  accepted_.push_back(std::make_unique<Access>(
      prepare(Path::non_blocking, payload, address, address + payload.get_data_length())));
  enter(*accepted_.back());
  work_event_.notify(sc_core::SC_ZERO_TIME);
}

void InlineCompressionEngine::accept_request() {
  const bool is_due = open_request_.payload != nullptr && open_request_.start <= sc_core::sc_time_stamp();
  if (!is_due || transactions_ == config_.transactions) return;
  tlm::tlm_generic_payload& payload = *open_request_.payload;
  open_request_ = {};  // the initiator may begin its next request within the call
  begin(payload);
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->nb_transport_bw(payload, phase, delay);
}

void InlineCompressionEngine::work() {
  for (;;) {
    while (accepted_.empty())
      wait(work_event_);
    const std::unique_ptr<Access> access = std::move(accepted_.front());
    accepted_.pop_front();
    wait_for_earlier(*access);
    wait_until(serve(*access, now_clock()));
    leave(*access);
    responses_.push_back(access->payload);
    response_event_.notify(sc_core::SC_ZERO_TIME);
  }
}

void InlineCompressionEngine::send_responses() {
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  while (open_response_ == nullptr && !responses_.empty()) {
    if (response_free_ > now) {
      response_event_.notify(response_free_ - now);
      return;
    }
    tlm::tlm_generic_payload& payload = *responses_.front();
    responses_.pop_front();
    open_response_ = &payload;
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum answer = socket->nb_transport_bw(payload, phase, delay);
    const bool is_ended =
        answer == tlm::TLM_COMPLETED || (answer == tlm::TLM_UPDATED && phase == tlm::END_RESP);
    if (is_ended && open_response_ == &payload) end_response(delay);
  }
}

void InlineCompressionEngine::end_response(const sc_core::sc_time& delay) {
  response_free_ = sc_core::sc_time_stamp() + delay;
  if (open_response_->has_mm()) open_response_->release();
  open_response_ = nullptr;
  --transactions_;
  response_event_.notify(delay);
  if (open_request_.payload != nullptr && open_request_.start <= sc_core::sc_time_stamp())
    accept_event_.notify(sc_core::SC_ZERO_TIME);
}

// An access from start to end.

InlineCompressionEngine::Access InlineCompressionEngine::prepare(Path path, tlm::tlm_generic_payload& payload,
                                                                 std::uint64_t begin,
                                                                 std::uint64_t end) const {
  Access access;
  access.path = path;
  access.payload = &payload;
  access.tensor = tensor_at(begin);
  access.is_write = payload.is_write();
  access.begin = begin;
  access.end = end;
  const std::uint64_t base = access.tensor->mapping().base;
  access.parts = access.tensor->parts(begin - base, end - base,
                                      path == Path::debug ? nullptr : payload.get_byte_enable_ptr(),
                                      payload.get_byte_enable_length());
  for (const BlockPart& part : access.parts)
    access.blocks.push_back(part.block);
  std::sort(access.blocks.begin(), access.blocks.end());
  access.blocks.erase(std::unique(access.blocks.begin(), access.blocks.end()), access.blocks.end());
  return access;
}

bool InlineCompressionEngine::touches(const Access& a, const Access& b) const {
  if (a.tensor != b.tensor) return false;
  if (lacks_table(*a.tensor, Path::blocking)) return true;
  const bool overlap = a.begin < b.end && b.begin < a.end;  // also in bytes that aren't enabled
  if ((overlap || a.tensor->is_packed()) && (a.is_write || b.is_write)) return true;
  return std::find_first_of(a.blocks.begin(), a.blocks.end(), b.blocks.begin(), b.blocks.end()) !=
         a.blocks.end();
}

void InlineCompressionEngine::enter(Access& access) {
  in_flight_.push_back(&access);
}

void InlineCompressionEngine::leave(Access& access) {
  in_flight_.remove(&access);
  progress_.notify(sc_core::SC_ZERO_TIME);
}

void InlineCompressionEngine::wait_for_earlier(const Access& access) {
  const auto has_to_wait = [&] {
    for (const Access* earlier : in_flight_) {
      if (earlier == &access) return false;
      if (earlier->path == Path::blocking || access.path == Path::blocking || touches(*earlier, access))
        return true;
    }
    return false;
  };
  while (has_to_wait())
    wait(progress_);
}

InlineCompressionEngine::Clock InlineCompressionEngine::serve(Access& access, Clock start) {
  const auto fail = [&](const Failure& failure) {
    ++(counters_.*failure.counter);
    last_error_ = failure.text;
    access.payload->set_response_status(failure.status);
    return std::max(start + lookup_clocks, access.last_response);
  };
  try {
    const Clock end = run(access, start);
    (access.is_write ? counters_.bytes_written : counters_.bytes_read) += access.bytes();
    access.payload->set_response_status(tlm::TLM_OK_RESPONSE);
    return end;
  } catch (const Failure& failure) {
    return fail(failure);
  } catch (const StreamError& error) {
    return fail({tlm::TLM_GENERIC_ERROR_RESPONSE, &InlineEngineCounters::stream_errors, error.what()});
  }
}

/// Whether the table has to be fetched before an access; debug accesses are content with what is known.
bool InlineCompressionEngine::lacks_table(const MappedTensor& tensor, Path path) const {
  if (path == Path::debug) return !tensor.table_known();
  const bool is_in_memory = tensor.table_bytes() > 0 && (!tensor.is_packed() || tensor.mapping().written);
  return is_in_memory && tables_fetched_.count(&tensor) == 0;
}

InlineCompressionEngine::Clock InlineCompressionEngine::run(Access& access, Clock start) {
  Clock clock = start + lookup_clocks;
  if (access.parts.empty()) return clock;
  if (lacks_table(*access.tensor, access.path)) clock = load_table(access, clock);
  if (!access.is_write) return read_blocks(access, clock);
  return access.tensor->is_packed() ? write_packed(access, clock) : write_slots(access, clock);
}

InlineCompressionEngine::Clock InlineCompressionEngine::load_table(Access& access, Clock start) {
  MappedTensor& tensor = *access.tensor;
  Bytes bytes(static_cast<std::size_t>(tensor.table_bytes()));
  const std::uint64_t first = tensor.mapping().table_address;
  const std::uint64_t end = first + bytes.size();
  for (std::uint64_t address = first; address < end;) {
    const std::uint64_t length = request_end(address, end) - address;
    std::uint8_t* const data = bytes.data() + (address - first);
    if (access.path == Path::debug) {
      debug_request(access, tlm::TLM_READ_COMMAND, address, data, length);
    } else {
      const Clock issue = admit(access, nullptr, 0, [&] { return start; }).issue;
      counters_.table_read_bytes += length;
      request(access, tlm::TLM_READ_COMMAND, address, data, length, issue, [](Clock) {});
    }
    address += length;
  }
  wait_for_requests(access);
  throw_memory_error(access);
  tensor.set_table(bytes);
  if (access.path != Path::debug) {
    tables_fetched_.insert(&tensor);
    progress_.notify(sc_core::SC_ZERO_TIME);
  }
  return std::max(start, access.last_response);
}

InlineCompressionEngine::Clock InlineCompressionEngine::read_blocks(Access& access, Clock start) {
  Clock clock = start;
  const std::map<std::int64_t, Image> images = images_of(access, access.blocks, clock);
  for (const BlockPart& part : access.parts) {
    std::copy_n(images.at(part.block)->begin() + static_cast<std::ptrdiff_t>(part.at), part.bytes,
                access.payload->get_data_ptr() + part.offset);
  }
  return clock;
}

InlineCompressionEngine::Clock InlineCompressionEngine::write_slots(Access& access, Clock start) {
  MappedTensor& tensor = *access.tensor;
  std::map<std::int64_t, std::size_t> covered;
  for (const BlockPart& part : access.parts)
    covered[part.block] += part.bytes;
  std::vector<std::int64_t> read_first;
  for (const auto& [block, bytes] : covered) {
    if (bytes < tensor.block_bytes(block)) read_first.push_back(block);
  }
  Clock clock = start;
  const std::map<std::int64_t, Image> before = images_of(access, read_first, clock);

  std::map<std::int64_t, std::shared_ptr<Bytes>> after;
  for (const std::int64_t block : access.blocks) {
    const auto found = before.find(block);
    after[block] = found == before.end() ? std::make_shared<Bytes>(tensor.block_bytes(block))
                                         : std::make_shared<Bytes>(*found->second);
  }
  for (const BlockPart& part : access.parts) {
    std::copy_n(access.payload->get_data_ptr() + part.offset, part.bytes,
                after.at(part.block)->begin() + static_cast<std::ptrdiff_t>(part.at));
  }
  std::map<std::int64_t, Bytes> streams;  // all of them before anything is changed
  for (const auto& [block, codes] : after)
    streams[block] = encoded(access, block, *codes);

  std::vector<std::vector<BurstWrite>> writes(access.blocks.size());
  for (std::size_t i = 0; i < access.blocks.size(); ++i) {
    const std::int64_t block = access.blocks[i];
    access.images[block] = after.at(block);
    MappedTensor::SlotWrites put = tensor.put_slot(block, std::move(streams.at(block)));
    writes[i] = std::move(put.stream);
    const Clock out = write_block(access, block, writes[i], clock);
    if (put.table_burst) write_table(access, *put.table_burst, out);
  }
  wait_for_requests(access);
  if (access.memory_status != tlm::TLM_OK_RESPONSE) {
    for (const std::int64_t block : access.blocks)
      drop(&tensor, block);
  }
  throw_memory_error(access);
  for (const auto& [block, image] : access.images)
    keep(access, block, image, clock);
  return std::max(clock, access.last_response);
}

InlineCompressionEngine::Clock InlineCompressionEngine::write_packed(Access& access, Clock start) {
  MappedTensor& tensor = *access.tensor;
  if (!tensor.collect(access.parts, access.payload->get_data_ptr(),
                      static_cast<std::size_t>(config_.collected_blocks))) {
    throw Failure::refused(tensor.name() +
                           ": a packed store takes each byte once, and no more incomplete blocks than "
                           "are collected");
  }
  Clock clock = start;
  std::optional<MappedTensor::Appended> appended;
  try {
    std::vector<std::pair<std::int64_t, Bytes>> blocks;
    for (const auto& [block, codes] : tensor.complete())
      blocks.emplace_back(block, encoded(access, block, *codes));
    appended = tensor.append(blocks);
    if (!appended) throw Failure::refused(tensor.name() + ": its stream does not fit its room in memory");
    for (std::size_t i = 0; i < blocks.size(); ++i)
      clock = std::max(clock, write_block(access, blocks[i].first, appended->stream[i], start));
    wait_for_requests(access);
    throw_memory_error(access);
  } catch (const Failure&) {
    tensor.uncollect(access.parts);
    throw;
  }
  clock = std::max(clock, access.last_response);
  for (const auto& [block, codes] : tensor.complete())
    keep(access, block, std::make_shared<Bytes>(*codes), clock);
  for (const std::uint64_t offset : tensor.commit(std::move(*appended)))
    write_table(access, offset, clock);
  wait_for_requests(access);
  throw_memory_error(access);
  return std::max(clock, access.last_response);
}

/// What blocks hold; `clock`, from which on they are wanted, becomes the one at which all are there.
std::map<std::int64_t, InlineCompressionEngine::Image> InlineCompressionEngine::images_of(
    Access& access, const std::vector<std::int64_t>& blocks, Clock& clock) {
  const MappedTensor& tensor = *access.tensor;
  std::map<std::int64_t, Image> images;
  std::vector<std::unique_ptr<Fetch>> fetches;
  Clock ready = clock;
  for (const std::int64_t block : blocks) {
    if (Image image = find_image(access, block, ready)) {
      ++counters_of(access).cache_hits;
      images[block] = std::move(image);
      continue;
    }
    if (!tensor.is_written(block)) {
      if (tensor.is_packed()) {
        throw Failure::refused(tensor.name() + ": block " + std::to_string(block) + " is not complete yet");
      }
      images[block] = std::make_shared<Bytes>(tensor.zeros(block));
      continue;
    }
    fetches.push_back(std::make_unique<Fetch>());
    fetches.back()->block = block;
    fetches.back()->place = tensor.place(block);
  }
  for (const auto& fetched : fetches)
    fetch(access, *fetched, clock);
  wait_for_requests(access);
  for (const auto& fetched : fetches) {
    while (fetched->bursts_left > 0)
      wait(progress_);
  }
  throw_memory_error(access);
  for (const auto& fetched : fetches) {
    const std::size_t size = static_cast<std::size_t>(fetched->place.end - fetched->place.begin);
    Image image = std::make_shared<Bytes>(
        tensor.decode(fetched->block, fetched->bytes.data() + fetched->skipped, size));
    if (!tensor.is_raw()) ++counters_of(access).blocks_decoded;
    ready = std::max(ready, fetched->decoded);
    keep(access, fetched->block, image, fetched->decoded);
    images[fetched->block] = std::move(image);
  }
  clock = ready;
  return images;
}

InlineCompressionEngine::Bytes InlineCompressionEngine::encoded(const Access& access, std::int64_t block,
                                                                const Bytes& codes) const {
  std::optional<Bytes> bytes = access.tensor->encode(block, codes);
  if (!bytes) {
    throw Failure::refused(access.tensor->name() + ": block " + std::to_string(block) +
                           " gets a value that its stream's format can't hold");
  }
  return std::move(*bytes);
}

/// From an access under way (debug accesses only: others wait for it) or the cache; `ready` is raised.
InlineCompressionEngine::Image InlineCompressionEngine::find_image(const Access& access, std::int64_t block,
                                                                   Clock& ready) {
  if (access.path == Path::debug) {
    for (const Access* other : in_flight_) {
      const auto found = other->images.find(block);
      if (other->tensor == access.tensor && found != other->images.end()) return found->second;
    }
  }
  for (auto cached = cache_.begin(); cached != cache_.end(); ++cached) {
    if (cached->tensor != access.tensor || cached->block != block) continue;
    ready = std::max(ready, cached->ready);
    if (access.path != Path::debug) cache_.splice(cache_.begin(), cache_, cached);
    return cached->image;
  }
  return nullptr;
}

/// Debug accesses bring nothing into the cache, but what is there follows them.
void InlineCompressionEngine::keep(const Access& access, std::int64_t block, const Image& image,
                                   Clock ready) {
  const auto cached = std::find_if(cache_.begin(), cache_.end(), [&](const CachedBlock& c) {
    return c.tensor == access.tensor && c.block == block;
  });
  if (access.path == Path::debug) {
    if (cached != cache_.end()) cached->image = image;
    return;
  }
  if (cached != cache_.end()) cache_.erase(cached);
  cache_.push_front({access.tensor, block, image, ready});
  if (cache_.size() > config_.cache_blocks) cache_.pop_back();
}

void InlineCompressionEngine::drop(const MappedTensor* tensor, std::optional<std::int64_t> block) {
  cache_.remove_if([&](const CachedBlock& c) { return c.tensor == tensor && (!block || c.block == *block); });
}

InlineEngineCounters& InlineCompressionEngine::counters_of(const Access& access) {
  return access.path == Path::debug ? uncounted_ : counters_;
}

// The memory side.

/// When `bursts` come into a FIFO (none for tables) and may be asked for: not before earliest(). On the
/// non-blocking path it is then.
template <class Earliest>
InlineCompressionEngine::Admission InlineCompressionEngine::admit(const Access& access, Window* fifo,
                                                                  std::uint64_t bursts, Earliest&& earliest) {
  for (;;) {
    const std::optional<Clock> room = fifo == nullptr ? Clock{0} : fifo->room(bursts);
    const std::optional<Clock> slot = outstanding_.room(1);
    if (!room || !slot) {
      wait(progress_);
      continue;
    }
    const Clock entry = std::max<Clock>(earliest(), *room);
    const Clock issue = std::max(entry, *slot);
    if (access.path == Path::blocking || clock_.time_of(issue) <= sc_core::sc_time_stamp())
      return {entry, issue};
    wait_until(issue);
  }
}

/// One request; arrived(clock) is called when its response is there. On the blocking path that is at once.
template <class Arrived>
void InlineCompressionEngine::request(Access& access, tlm::tlm_command command, std::uint64_t address,
                                      std::uint8_t* data, std::uint64_t length, Clock issue,
                                      Arrived arrived) {
  const std::uint64_t slot = outstanding_.enter(1);
  ++access.pending;
  const auto done = [this, &access, slot, address, arrived](tlm::tlm_response_status status, Clock clock) {
    outstanding_.leave(slot, clock);
    note_response(access, address, status);
    access.last_response = std::max(access.last_response, clock);
    --access.pending;
    arrived(clock);
  };
  if (access.path == Path::blocking) {
    const sc_core::sc_time now = sc_core::sc_time_stamp();
    sc_core::sc_time delay = std::max(clock_.time_of(issue), now) - now;
    const tlm::tlm_response_status status = initiator_.transport(command, address, data, length, delay);
    done(status, clock_.cycle_at(sc_core::sc_time_stamp() + delay));
    return;
  }
  initiator_.send(command, address, data, length,
                  [this, done](tlm::tlm_response_status status, std::uint64_t) {
                    done(status, now_clock());
                    progress_.notify(sc_core::SC_ZERO_TIME);
                  });
}

void InlineCompressionEngine::note_response(Access& access, std::uint64_t address,
                                            tlm::tlm_response_status status) {
  if (status == tlm::TLM_OK_RESPONSE || access.memory_status != tlm::TLM_OK_RESPONSE) return;
  access.memory_status = status == tlm::TLM_INCOMPLETE_RESPONSE ? tlm::TLM_GENERIC_ERROR_RESPONSE : status;
  access.memory_problem = "the memory answers with an error at address " + std::to_string(address);
}

void InlineCompressionEngine::debug_request(Access& access, tlm::tlm_command command, std::uint64_t address,
                                            std::uint8_t* data, std::uint64_t length) {
  const bool is_served = initiator_.debug(command, address, data, length);
  note_response(access, address, is_served ? tlm::TLM_OK_RESPONSE : tlm::TLM_GENERIC_ERROR_RESPONSE);
}

/// Where the request that begins at `address` ends.
std::uint64_t InlineCompressionEngine::request_end(std::uint64_t address, std::uint64_t end) const {
  return std::min((address / config_.request_bytes + 1) * config_.request_bytes, end);
}

void InlineCompressionEngine::fetch(Access& access, Fetch& fetch, Clock earliest) {
  const MappedTensor& tensor = *access.tensor;
  const std::uint64_t burst = config_.burst_bytes;
  const BurstRange bursts = round_to_bursts(fetch.place.begin, fetch.place.end, burst);
  const std::uint64_t stream = tensor.mapping().stream_address;
  fetch.bytes.resize(static_cast<std::size_t>(bursts.bytes()));
  fetch.skipped = fetch.place.begin - bursts.begin;
  const std::uint64_t count = bursts.bytes() / burst;
  const bool is_bypassed = tensor.is_raw() || config_.decoders == 0;
  const Clock clocks = is_bypassed ? 0 : divide_up(tensor.block_groups(fetch.block), config_.decoders);
  fetch.decoded = earliest + clocks;  // of a block without bytes
  std::uint64_t passed = 0;           // bursts
  for (std::uint64_t at = bursts.begin; at < bursts.end;) {
    std::uint8_t* const data = fetch.bytes.data() + (at - bursts.begin);
    const Bytes* const kept = tensor.kept_burst(at);
    std::uint64_t end = at + burst;
    if (kept == nullptr) {
      const std::uint64_t most = request_end(stream + at, stream + bursts.end) - stream;
      while (end < most && tensor.kept_burst(end) == nullptr)
        end += burst;
    }
    const std::uint64_t length = end - at;
    if (kept != nullptr) std::copy(kept->begin(), kept->end(), data);
    if (access.path == Path::debug) {
      if (kept == nullptr) debug_request(access, tlm::TLM_READ_COMMAND, stream + at, data, length);
      at = end;
      continue;
    }
    const std::uint64_t asked = length / burst;
    const Clock issue = admit(access, &read_fifo_, asked, [&] { return earliest; }).issue;
    const std::uint64_t item = read_fifo_.enter(asked);
    fetch.bursts_left += asked;
    for (std::uint64_t i = 0; i < asked; ++i, ++passed) {
      const Clock share = clocks * (passed + 1) / count - clocks * passed / count;
      arriving_.push_back({&fetch, share, std::nullopt});
    }
    const auto arrived = [this, item, asked](Clock clock) {
      for (std::uint64_t i = item; i < item + asked; ++i)
        arriving_[static_cast<std::size_t>(i - first_arriving_)].arrival = clock;
      decode_arrived();
    };
    if (kept == nullptr) {
      counters_.stream_read_bytes += length;
      request(access, tlm::TLM_READ_COMMAND, stream + at, data, length, issue, arrived);
    } else {
      arrived(issue);
    }
    earliest = issue;
    at = end;
  }
}

/// Bursts leave the read FIFO in the order in which they came in, when their groups are decoded.
void InlineCompressionEngine::decode_arrived() {
  for (; !arriving_.empty() && arriving_.front().arrival; arriving_.pop_front(), ++first_arriving_) {
    const FifoBurst& burst = arriving_.front();
    decoder_free_ = std::max(decoder_free_, *burst.arrival) + burst.clocks;
    burst.fetch->decoded = decoder_free_;
    --burst.fetch->bursts_left;
    read_fifo_.leave(first_arriving_, decoder_free_);
  }
}

/// Encodes a block whose values are there at `ready` and writes the bursts that it fills. Returns when the
/// last of them is encoded.
InlineCompressionEngine::Clock InlineCompressionEngine::write_block(Access& access, std::int64_t block,
                                                                    std::vector<BurstWrite>& writes,
                                                                    Clock ready) {
  const bool is_raw = access.tensor->is_raw();
  const bool is_free = is_raw || config_.encoders == 0;
  const Clock clocks = is_free ? 0 : divide_up(access.tensor->block_groups(block), config_.encoders);
  const Clock latency = is_raw ? 0 : config_.detect_latency;
  if (!is_raw) ++counters_of(access).blocks_encoded;
  std::uint64_t count = 0;
  for (const BurstWrite& write : writes)
    count += write.bytes.size() / config_.burst_bytes;
  std::uint64_t passed = 0;
  Clock encoded = ready;
  for (BurstWrite& write : writes) {
    const std::uint64_t write_end = write.address + write.bytes.size();
    for (std::uint64_t at = write.address; at < write_end;) {
      const std::uint64_t length = request_end(at, write_end) - at;
      std::uint8_t* const data = write.bytes.data() + (at - write.address);
      if (access.path == Path::debug) {
        debug_request(access, tlm::TLM_WRITE_COMMAND, at, data, length);
        at += length;
        continue;
      }
      const std::uint64_t given = length / config_.burst_bytes;
      const Clock share = clocks * (passed + given) / count - clocks * passed / count;
      passed += given;
      const Admission admission = admit(access, &write_fifo_, given, [&] {
        return (is_raw ? ready : std::max(encoder_free_, ready)) + share + latency;
      });
      encoded = admission.entry;
      if (!is_raw) encoder_free_ = encoded - latency;  // a full FIFO holds the encoder up
      const std::uint64_t item = write_fifo_.enter(given);
      counters_.stream_written_bytes += length;
      request(access, tlm::TLM_WRITE_COMMAND, at, data, length, admission.issue,
              [this, item, given](Clock clock) {
                for (std::uint64_t i = item; i < item + given; ++i)
                  write_fifo_.leave(i, clock);
              });
      at += length;
    }
  }
  if (count == 0 && !is_raw && access.path != Path::debug) {
    encoder_free_ = std::max(encoder_free_, ready) + clocks;
    encoded = encoder_free_ + latency;
  }
  return encoded;
}

/// A burst of the table passes neither FIFO. It is put together when it is sent: of two accesses that change
/// entries in one burst, the one that writes it last writes both.
void InlineCompressionEngine::write_table(Access& access, std::uint64_t offset, Clock earliest) {
  const MappedTensor& tensor = *access.tensor;
  const std::uint64_t address = tensor.mapping().table_address + offset;
  if (access.path == Path::debug) {
    Bytes bytes = tensor.table_burst(offset);
    debug_request(access, tlm::TLM_WRITE_COMMAND, address, bytes.data(), bytes.size());
    return;
  }
  const Clock issue = admit(access, nullptr, 0, [&] { return earliest; }).issue;
  access.table_bursts.push_back(tensor.table_burst(offset));
  Bytes& bytes = access.table_bursts.back();
  counters_.table_written_bytes += bytes.size();
  request(access, tlm::TLM_WRITE_COMMAND, address, bytes.data(), bytes.size(), issue, [](Clock) {});
}

void InlineCompressionEngine::wait_for_requests(Access& access) {
  while (access.pending > 0)
    wait(progress_);
}

void InlineCompressionEngine::throw_memory_error(const Access& access) const {
  if (access.memory_status == tlm::TLM_OK_RESPONSE) return;
  throw Failure{access.memory_status, &InlineEngineCounters::memory_errors, access.memory_problem};
}

void InlineCompressionEngine::wait_until(Clock clock) {
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  const sc_core::sc_time then = clock_.time_of(clock);
  if (then > now) wait(then - now);
}

}  // namespace dpred
