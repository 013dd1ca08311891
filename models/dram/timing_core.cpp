#include "models/dram/timing_core.h"

#include <algorithm>
#include <stdexcept>

namespace dpred::dram {

TimingCore::TimingCore(const Preset& preset, const std::string& mapping, int channels,
                       const ControllerSettings& settings)
    : preset_(preset), map_(preset, mapping, channels), settings_(settings) {
  check(settings);
  if (preset_.ideal) return;
  channels_.assign(map_.channels(), Channel(preset_, settings.page_policy, settings.refreshes));
  for (Channel& channel : channels_)
    schedulers_.emplace_back(channel, settings);
}

Booking TimingCore::book(std::uint64_t address, bool is_write, Clock arrival, std::uint8_t stream) {
  check_range(address, 1);
  if (preset_.ideal) return {book_run(address, 1, is_write, arrival, stream), arrival, true};
  return book_burst(address, is_write, arrival, stream);
}

Clock TimingCore::book_run(std::uint64_t address, std::uint64_t bytes, bool is_write, Clock arrival,
                           std::uint8_t stream) {
  if (bytes == 0) return arrival;
  check_range(address, bytes);
  const std::uint64_t first = map_.burst_of(address);
  const std::uint64_t last = map_.burst_of(address + bytes - 1);
  if (preset_.ideal) {
    counts_[is_write].bursts += last - first + 1;
    counts_[is_write].row_hits += last - first + 1;
    return arrival;
  }
  Clock end = arrival;
  for (std::uint64_t burst = first; burst <= last; ++burst) {
    end = std::max(end, book_burst(map_.address_of(burst), is_write, arrival, stream).data_end);
  }
  return end;
}

Booking TimingCore::book_burst(std::uint64_t address, bool is_write, Clock arrival, std::uint8_t stream) {
  const Location at = map_.decode(address);
  const Booking booking = channels_[at.channel].book(at, is_write, arrival);
  schedulers_[at.channel].forget();
  count(is_write, stream, booking.data_end - arrival, booking.row_hit);
  return booking;
}

void TimingCore::count(bool is_write, std::uint8_t stream, Clock latency, bool row_hit) {
  Count& count = counts_[is_write];
  ++count.bursts;
  count.row_hits += row_hit;
  count.latency.add(latency);
  if (stream >= streams_.size()) streams_.resize(std::size_t{stream} + 1);
  ++streams_[stream].bursts[is_write];
  streams_[stream].latency_clocks[is_write] += latency;
}

void TimingCore::check_range(std::uint64_t address, std::uint64_t bytes) const {
  if (address >= map_.capacity() || bytes > map_.capacity() - address) {
    throw std::out_of_range("DRAM address out of range");
  }
}

Statistics TimingCore::statistics() const {
  Statistics s;
  s.read = traffic(counts_[0]);
  s.write = traffic(counts_[1]);
  s.read_latency = counts_[0].latency;
  s.write_latency = counts_[1].latency;
  s.streams = streams_;
  Clock first = Channel::never;
  Clock last = 0;
  for (const Channel& channel : channels_) {
    if (channel.first_arrival() == Channel::never) continue;
    first = std::min(first, channel.first_arrival());
    last = std::max(last, channel.last_data());
  }
  for (const Channel& channel : channels_) {
    BusClocks bus = channel.bus();
    if (last > first) bus[Loss::idle] += last - first - bus.total();
    s.channels.push_back(bus);
  }
  return s;
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
