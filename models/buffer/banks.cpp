#include "models/buffer/banks.h"

#include <algorithm>
#include <stdexcept>

#include "workloads/divide_up.h"

namespace dpred {

namespace {

constexpr SramPorts all_ports[] = {SramPorts::one_shared, SramPorts::read_and_write, SramPorts::two_shared};

}  // namespace

std::string_view to_string(SramPorts ports) {
  switch (ports) {
    case SramPorts::one_shared:
      return "1rw";
    case SramPorts::read_and_write:
      return "1r1w";
    case SramPorts::two_shared:
      break;
  }
  return "2rw";
}

std::vector<std::string> sram_port_names() {
  std::vector<std::string> names;
  for (const SramPorts ports : all_ports)
    names.emplace_back(to_string(ports));
  return names;
}

SramPorts find_sram_ports(std::string_view name) {
  for (const SramPorts ports : all_ports) {
    if (to_string(ports) == name) return ports;
  }
  throw std::logic_error("no ports of an SRAM are named '" + std::string(name) + "'");
}

std::uint64_t BufferBanks::words(std::uint64_t address, std::uint64_t bytes) const {
  if (bytes == 0) return 0;
  const auto word = static_cast<std::uint64_t>(word_bytes);
  return (address + bytes - 1) / word - address / word + 1;
}

std::uint64_t BufferBanks::run_cycles(std::uint64_t words) const {
  return limited() ? divide_up(words, static_cast<std::uint64_t>(banks * accesses_per_cycle())) : 0;
}

void BankAccesses::add(std::uint64_t address, std::uint64_t bytes) {
  const std::uint64_t first = address / static_cast<std::uint64_t>(banks_.word_bytes);
  const std::uint64_t count = banks_.words(address, bytes);
  for (std::uint64_t i = 0; i < count; ++i)
    words_.push_back(first + i);
}

ServedWords BankAccesses::serve() {
  std::sort(words_.begin(), words_.end());
  words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
  const auto banks = static_cast<std::uint64_t>(banks_.banks);
  std::int64_t most = 0;
  for (const std::uint64_t word : words_)
    most = std::max(most, ++in_bank_[static_cast<std::size_t>(word % banks)]);
  for (const std::uint64_t word : words_)
    in_bank_[static_cast<std::size_t>(word % banks)] = 0;
  const ServedWords served{words_.size(),
                           static_cast<std::uint64_t>(divide_up(most, banks_.accesses_per_cycle()))};
  words_.clear();
  return served;
}

BufferUse& BufferUse::operator+=(const BufferUse& other) {
  words_read += other.words_read;
  words_written += other.words_written;
  conflict_cycles += other.conflict_cycles;
  return *this;
}

BuffersUse& BuffersUse::operator+=(const BuffersUse& other) {
  activation += other.activation;
  weight += other.weight;
  output += other.output;
  return *this;
}

}  // namespace dpred
