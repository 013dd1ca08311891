#include "models/dram/timing_core.h"

#include <algorithm>
#include <stdexcept>

namespace dpred::dram {

TimingCore::TimingCore(const Preset& preset, const std::string& mapping, int channels)
    : preset_(preset), map_(preset, mapping, channels) {
  if (!preset_.ideal) channels_.assign(map_.channels(), Channel(preset_));
}

Booking TimingCore::book(std::uint64_t address, bool is_write, Clock arrival) {
  check_range(address, 1);
  if (preset_.ideal) return {book_run(address, 1, is_write, arrival), arrival, true};
  return book_burst(address, is_write, arrival);
}

Clock TimingCore::book_run(std::uint64_t address, std::uint64_t bytes, bool is_write, Clock arrival) {
  if (bytes == 0) return arrival;
  check_range(address, bytes);
  const std::uint64_t burst_bytes = preset_.organisation.burst_bytes;
  const std::uint64_t first = address / burst_bytes;
  const std::uint64_t last = (address + bytes - 1) / burst_bytes;
  if (preset_.ideal) {
    counts_[is_write].bursts += last - first + 1;
    counts_[is_write].row_hits += last - first + 1;
    return arrival;
  }
  Clock end = arrival;
  for (std::uint64_t burst = first; burst <= last; ++burst) {
    end = std::max(end, book_burst(burst * burst_bytes, is_write, arrival).data_end);
  }
  return end;
}

Booking TimingCore::book_burst(std::uint64_t address, bool is_write, Clock arrival) {
  const Location at = map_.decode(address);
  const Booking booking = channels_[at.channel].book(at, is_write, arrival);
  ++counts_[is_write].bursts;
  counts_[is_write].row_hits += booking.row_hit;
  return booking;
}

void TimingCore::check_range(std::uint64_t address, std::uint64_t bytes) const {
  if (address >= map_.capacity() || bytes > map_.capacity() - address) {
    throw std::out_of_range("DRAM address out of range");
  }
}

Statistics TimingCore::statistics() const {
  return {traffic(counts_[0]), traffic(counts_[1])};
}

Traffic TimingCore::traffic(const Count& count) const {
  const std::uint64_t burst_clocks = preset_.ideal ? 0 : preset_.timings.burst_clocks();
  return {count.bursts, count.row_hits, count.bursts * preset_.organisation.burst_bytes,
          count.bursts * burst_clocks};
}

void TimingCore::observe(const CommandObserver& observer) {
  for (Channel& channel : channels_)
    channel.observe(observer);
}

}  // namespace dpred::dram
