// Timing of a whole DRAM: address map, channels, their queues and counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dram/address_map.h"
#include "models/dram/channel.h"
#include "models/dram/controller.h"
#include "models/dram/scheduler.h"
#include "models/dram/statistics.h"

namespace dpred::dram {

/// A burst that left the queue of its channel.
struct ServedBurst {
  std::uint64_t tag;  ///< as given to TimingCore::push
  bool is_write;
  Booking booking;
};

/// Two ways to use it, which may be mixed: book bursts in the order of the calls (loosely timed), or push
/// them into the queues of a reordering controller and advance (approximately timed). Needs no SystemC; all
/// times are DRAM clocks from 0.
///
/// An ideal preset takes no time: its bursts are row hits that are booked at their arrival, and it has no
/// queues.
class TimingCore {
 public:
  /// Arguments and errors as for AddressMap; InputError with key `dram.…` for settings out of range.
  TimingCore(const Preset& preset, const std::string& mapping, int channels,
             const ControllerSettings& settings = {});
  TimingCore(const TimingCore&) = delete;
  TimingCore& operator=(const TimingCore&) = delete;

  // In the order of the calls (Channel::book).

  /// Books the burst that holds the byte at `address`. Throws std::out_of_range at or above map().capacity().
  Booking book(std::uint64_t address, bool is_write, Clock arrival, std::uint8_t stream = 0);

  /// Books every burst that the `bytes` bytes from `address` touch, in ascending order, all with the same
  /// arrival. Returns the end of the last data on any channel; the arrival when `bytes` is 0.
  Clock book_run(std::uint64_t address, std::uint64_t bytes, bool is_write, Clock arrival,
                 std::uint8_t stream = 0);

  // Through the queues (Scheduler). Not for an ideal preset.

  bool has_room(const Location& at, bool is_write) const {
    return schedulers_[at.channel].has_room(at, is_write);
  }
  /// Takes a burst for whose bank there is room. All commands of its channel before the arrival should have
  /// been issued by advance().
  void push(const Location& at, bool is_write, Clock arrival, std::uint64_t tag, std::uint8_t stream = 0) {
    schedulers_[at.channel].push({at, is_write, arrival, tag << 8 | stream});
  }
  /// The clock of that channel's next command if nothing else arrives; Channel::never if nothing waits.
  Clock next_command(std::uint32_t channel) { return schedulers_[channel].next_command(); }
  std::size_t waiting(std::uint32_t channel) const { return schedulers_[channel].waiting(); }
  /// Issues all commands of that channel up to and at clock `until`; `served(ServedBurst)` for each burst
  /// whose data that settles, in the order of the data.
  template <class Served>
  void advance(std::uint32_t channel, Clock until, Served&& served) {
    schedulers_[channel].advance(
        until, [&](std::uint64_t tag, bool is_write, Clock arrival, const Booking& booking) {
          count(is_write, static_cast<std::uint8_t>(tag), booking.data_end - arrival, booking.row_hit);
          served(ServedBurst{tag >> 8, is_write, booking});
        });
  }

  Statistics statistics() const;
  const Preset& preset() const { return preset_; }
  const AddressMap& map() const { return map_; }
  const ControllerSettings& settings() const { return settings_; }

  /// Calls `observer` for every later command: in the order of decision, not of time.
  void observe(const CommandObserver& observer);

 private:
  struct Count {
    std::uint64_t bursts = 0;
    std::uint64_t row_hits = 0;
    LatencyHistogram latency;
  };

  void check_range(std::uint64_t address, std::uint64_t bytes) const;
  Booking book_burst(std::uint64_t address, bool is_write, Clock arrival, std::uint8_t stream);
  void count(bool is_write, std::uint8_t stream, Clock latency, bool row_hit);
  Traffic traffic(const Count& count) const;

  Preset preset_;
  AddressMap map_;
  ControllerSettings settings_;
  std::vector<Channel> channels_;      ///< none for an ideal preset
  std::vector<Scheduler> schedulers_;  ///< one a channel
  Count counts_[2];                    ///< read, write
  std::vector<StreamTraffic> streams_;
};

}  // namespace dpred::dram
