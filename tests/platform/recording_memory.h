// A memory that notes every access and whether its payload is one that TLM-2.0 allows.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <systemc>
#include <tlm>
#include <utility>
#include <vector>

namespace dpred::test {

struct Access {
  bool is_write = false;
  std::uint64_t address = 0, length = 0;
  sc_core::sc_time issued, completed;
};

/// One access after another, 20 ns and 1 ns for each 16 bytes.
class RecordingMemory : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket_optional<RecordingMemory> socket{"socket"};

  RecordingMemory(const sc_core::sc_module_name& name, std::size_t capacity)
      : sc_module(name), bytes(capacity, filler) {
    socket.register_b_transport(this, &RecordingMemory::b_transport);
  }

  static constexpr std::uint8_t filler = 0xa5;

  std::vector<std::uint8_t> bytes;
  std::vector<Access> accesses;
  std::vector<std::string> illegal;
  std::pair<std::uint64_t, std::uint64_t> broken{0, 0};  ///< addresses that answer with an error

  void store(std::uint64_t address, const std::vector<std::uint8_t>& data) {
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(address));
  }
  std::vector<std::uint8_t> load(std::uint64_t address, std::uint64_t length) const {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(address);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
  }
  std::uint64_t moved(bool writes) const {
    std::uint64_t sum = 0;
    for (const Access& access : accesses)
      if (access.is_write == writes) sum += access.length;
    return sum;
  }
  /// Accesses of one direction that were under way at one time, at most.
  std::size_t most_under_way(bool writes) const {
    std::size_t most = 0;
    for (const Access& one : accesses) {
      if (one.is_write != writes) continue;
      std::size_t under_way = 0;
      for (const Access& other : accesses) {
        if (&other > &one) break;
        under_way += other.is_write == writes && other.completed > one.issued;
      }
      most = std::max(most, under_way);
    }
    return most;
  }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const auto require = [&](bool holds, const char* what) {
      if (!holds) illegal.emplace_back(what);
    };
    const std::uint64_t length = payload.get_data_length();
    require(payload.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE, "response status");
    require(payload.get_data_ptr() != nullptr, "data pointer");
    require(length > 0, "data length");
    require(payload.get_streaming_width() == length, "streaming width");
    require(payload.get_byte_enable_ptr() == nullptr, "byte enables");
    require(!payload.is_dmi_allowed(), "DMI hint");
    require(payload.is_read() || payload.is_write(), "command");
    const std::uint64_t address = payload.get_address();
    if (address + length > bytes.size() || (address < broken.second && address + length > broken.first)) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    std::uint8_t* at = bytes.data() + address;
    if (payload.is_write()) std::memcpy(at, payload.get_data_ptr(), length);
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), at, length);
    const sc_core::sc_time arrived = sc_core::sc_time_stamp() + delay;
    free_ = std::max(free_, arrived) +
            sc_core::sc_time(20.0 + static_cast<double>((length + 15) / 16), sc_core::SC_NS);
    accesses.push_back({payload.is_write(), address, length, arrived, free_});
    delay = free_ - sc_core::sc_time_stamp();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }

  sc_core::sc_time free_;
};

/// Runs `body` in a process; what it throws is kept as text with its type.
class Driver : public sc_core::sc_module {
 public:
  std::function<void()> body;
  bool finished = false;

  SC_HAS_PROCESS(Driver);
  explicit Driver(const sc_core::sc_module_name& name) : sc_module(name) { SC_THREAD(run); }

 private:
  void run() {
    body();
    finished = true;
  }
};

/// A codec's header and the offsets behind it, little-endian.
inline std::vector<std::uint8_t> table_in_memory(const std::vector<std::uint8_t>& header,
                                                 const std::vector<std::uint32_t>& offsets) {
  std::vector<std::uint8_t> bytes = header;
  for (const std::uint32_t word : offsets)
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  return bytes;
}

}  // namespace dpred::test
