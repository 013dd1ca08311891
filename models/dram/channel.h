// Timing of one DRAM channel: books bursts in the order of the calls.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "models/dram/address_map.h"
#include "models/dram/timings.h"

namespace dpred::dram {

/// A command that a booking implies. `location` names what the command addresses: a precharge_all or refresh
/// the rank, an activate or precharge the bank (its `row` is the one opened or closed), a read or write
/// everything.
struct Command {
  enum class Kind { activate, precharge, precharge_all, read, write, refresh };
  Kind kind;
  Clock clock;
  Location location;
};
using CommandObserver = std::function<void(const Command&)>;

/// When the data of a burst is on the bus: clocks [data_start, data_end).
struct Booking {
  Clock data_start;
  Clock data_end;
  bool row_hit;  ///< the row was open, no activate was needed
};

/// Computes the earliest legal time of each burst from the state that the bursts before it left; nothing
/// ticks, and the state has a constant size.
///
/// Column commands follow each other in the order of booking, and so does the data. A precharge or an
/// activate goes out as soon as its bank and the rank allow, though not before the burst arrived, and so
/// overlaps with the data of earlier bursts. Rows stay open (open page). A refresh of all banks of a rank
/// falls due every REFI clocks, at staggered times in each rank; a burst whose column command cannot go out
/// before that waits until the refresh is done, which closes all rows. Refreshes are worked out when the next
/// burst of the rank is booked.
class Channel {
 public:
  /// `preset` must have passed check() and not be ideal.
  explicit Channel(const Preset& preset);

  /// `arrival` may lie before that of an earlier booking: the order of the calls counts.
  Booking book(const Location& at, bool is_write, Clock arrival);

  void observe(CommandObserver observer) { observer_ = std::move(observer); }

 private:
  static constexpr std::uint32_t no_row = std::numeric_limits<std::uint32_t>::max();

  // Members named next_* are the earliest clocks at which such a command may be issued.
  struct Bank {
    std::uint32_t open_row = no_row;
    Clock next_activate = 0;
    Clock next_precharge = 0;
    Clock next_column = 0;
  };
  /// What commands to the same group, or to any group of the rank, leave behind.
  struct Spacing {
    Clock next_activate = 0;
    Clock next_column = 0;
    Clock next_read = 0;
  };
  struct Rank {
    Spacing spacing;
    Clock window[4] = {};  ///< ends of the four-activate windows begun last
    std::uint32_t oldest = 0;
    Clock refresh_due = 0;
  };
  struct Plan {
    bool precharges;
    bool activates;
    Clock precharge;
    Clock activate;
    Clock column;
  };

  Plan plan(const Rank& rank, const Spacing& group, const Bank& bank, const Location& at, bool is_write,
            Clock arrival) const;
  void refresh(const Location& at, Clock reached);
  void emit(Command::Kind kind, Clock clock, const Location& at) const {
    if (observer_) observer_({kind, clock, at});
  }

  Timings t_;
  std::uint32_t groups_per_rank_;
  std::uint32_t banks_per_group_;
  std::vector<Rank> ranks_;
  std::vector<Spacing> groups_;
  std::vector<Bank> banks_;
  Clock next_column_ = 0;
  Clock bus_free_ = 0;
  std::uint32_t bus_rank_ = 0;
  bool bus_write_ = false;
  CommandObserver observer_;
};

}  // namespace dpred::dram
