// Feeds a controller with a sequence of bursts, as a device in front of it would.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "models/dram/timing_core.h"

namespace dpred::dram {

/// One burst that a source wants to send.
struct SourceBurst {
  std::uint64_t address;
  bool is_write;
  std::uint8_t stream;
  Clock earliest;  ///< not sent before; below 2^56
};

/// Sends bursts in their order, at most one a clock to each channel, each as soon as fewer than `outstanding`
/// are under way in its channel and the queue of its bank has room; those behind it wait. A burst is under
/// way from its arrival to the end of its data. Constant memory.
class RequestSource {
 public:
  /// `core` must outlive the source and not be ideal; nobody else pushes to it. `outstanding` at least 1.
  RequestSource(TimingCore& core, std::uint32_t outstanding)
      : core_(core), outstanding_(outstanding), channels_(core.map().channels()) {}

  /// Returns the clock at which the burst arrived at the controller.
  Clock send(const SourceBurst& burst) {
    const Location at = core_.map().decode(burst.address);
    Lane& lane = channels_[at.channel];
    now_ = std::max({now_, lane.next_clock, burst.earliest});
    for (;;) {
      if (now_ > 0) advance(at.channel, now_ - 1);
      while (!lane.data_ends.empty() && lane.data_ends.front() <= now_)
        lane.data_ends.pop_front();
      if (lane.data_ends.size() + core_.waiting(at.channel) >= outstanding_) {
        if (lane.data_ends.empty()) {
          advance(at.channel, core_.next_command(at.channel));
        } else {
          now_ = lane.data_ends.front();
        }
      } else if (!core_.has_room(at, burst.is_write)) {
        now_ = core_.next_command(at.channel) + 1;  // a place is free from the clock after the command
      } else {
        break;
      }
    }
    core_.push(at, burst.is_write, now_, burst.earliest, burst.stream);
    lane.next_clock = now_ + 1;
    return now_;
  }

  /// Lets the controller serve all that was sent.
  void finish() {
    for (std::uint32_t channel = 0; channel < channels_.size(); ++channel) {
      while (core_.waiting(channel) > 0)
        advance(channel, core_.next_command(channel));
    }
  }

  /// Clocks from SourceBurst::earliest to the end of data, of the reads or writes that left the queue. The
  /// wait to be sent counts, which it doesn't in Statistics.
  const LatencyHistogram& latency_from_earliest(bool is_write) const { return latency_[is_write]; }

 private:
  struct Lane {
    Clock next_clock = 0;
    std::deque<Clock> data_ends;  ///< of bursts that left the queue; ascending
  };

  void advance(std::uint32_t channel, Clock until) {
    std::deque<Clock>& ends = channels_[channel].data_ends;
    core_.advance(channel, until, [&](const ServedBurst& s) {
      ends.push_back(s.booking.data_end);
      latency_[s.is_write].add(s.booking.data_end - s.tag);
    });
  }

  TimingCore& core_;
  std::uint32_t outstanding_;
  std::vector<Lane> channels_;
  Clock now_ = 0;
  LatencyHistogram latency_[2];  ///< read, write
};

}  // namespace dpred::dram
