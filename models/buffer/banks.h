// How the SRAM of a buffer is organised, and how long its banks take to serve what is asked for at a time.
// Stated in docs/contracts.md, "Banks and ports of the buffers".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// Array cycles from an access's address to its data. Accesses are pipelined.
inline constexpr std::uint64_t buffer_access_cycles = 1;

/// Ports of a bank, by the names of SRAM macros.
enum class SramPorts : std::uint8_t {
  one_shared,      ///< 1rw: a read or a write a cycle
  read_and_write,  ///< 1r1w: a read and a write a cycle
  two_shared       ///< 2rw: two accesses a cycle, of either kind
};

std::vector<std::string> sram_port_names();
/// std::logic_error if there is none: names come from a list of choices.
SramPorts find_sram_ports(std::string_view name);
std::string_view to_string(SramPorts ports);

/// A buffer of `banks` banks. Word i, bytes [i * word_bytes, (i + 1) * word_bytes) of the buffer, lies in
/// bank i mod banks. 0 banks: as many as are needed, so that nothing ever waits.
struct BufferBanks {
  std::int64_t banks = 0;
  std::int64_t word_bytes = 16;
  SramPorts ports = SramPorts::read_and_write;

  bool limited() const { return banks > 0; }
  /// Reads and writes take each other's place.
  bool shares_ports() const { return ports != SramPorts::read_and_write; }
  /// Reads that a bank serves a cycle, if there are no writes; or the reverse.
  std::int64_t accesses_per_cycle() const { return ports == SramPorts::two_shared ? 2 : 1; }
  /// Words that bytes [address, address + bytes) touch.
  std::uint64_t words(std::uint64_t address, std::uint64_t bytes) const;
  /// Cycles for so many words that lie one after another; 0 if the banks are not limited.
  std::uint64_t run_cycles(std::uint64_t words) const;
};

/// The buffers of an accelerator.
struct BufferOrganisation {
  BufferBanks activation, weight, output;
};

/// Words and the cycles that it takes to serve them.
struct ServedWords {
  std::uint64_t words = 0, cycles = 0;
};

/// Bytes that are wanted at the same time. A word that several ask for is read once.
class BankAccesses {
 public:
  /// Of a buffer with limited banks.
  explicit BankAccesses(const BufferBanks& banks)
      : banks_(banks), in_bank_(static_cast<std::size_t>(banks.banks)) {}

  void add(std::uint64_t address, std::uint64_t bytes);
  /// The fullest bank decides. Forgets what was added.
  ServedWords serve();

 private:
  BufferBanks banks_;
  std::vector<std::uint64_t> words_;
  std::vector<std::int64_t> in_bank_;  ///< all 0 between calls
};

/// What a buffer did in a layer, or a run. Words are counted where its banks are limited.
struct BufferUse {
  std::uint64_t words_read = 0, words_written = 0;
  std::uint64_t conflict_cycles = 0;  ///< array cycles that were lost for want of a bank's port

  BufferUse& operator+=(const BufferUse& other);
};

struct BuffersUse {
  BufferUse activation, weight, output;

  BuffersUse& operator+=(const BuffersUse& other);
};

}  // namespace dpred
