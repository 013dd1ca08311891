// Where in a DRAM an address lies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dram/preset.h"

namespace dpred::dram {

/// One burst: every member counts from 0, `column` in units of a burst.
struct Location {
  std::uint32_t channel = 0;
  std::uint32_t rank = 0;
  std::uint32_t bank_group = 0;
  std::uint32_t bank = 0;
  std::uint32_t row = 0;
  std::uint32_t column = 0;
};

/// A bijection between burst addresses and locations, written as the list of address fields from the most
/// significant bit down, separated by blanks: `Ro Ba Co Bg`.
///
/// - Fields: `Ch` channel, `Ra` rank, `Ro` row, `Ba` bank of a group, `Bg` bank group, `Co` column. The
///   bits inside a burst are implied below the list.
/// - Entries are read from the bottom (the last) upwards. `X:n` takes the lowest n bits of X that no entry
///   below it has taken; plain `X` takes all that remain. So `Ro Ba Co Bg Co:3` puts the three lowest column
///   bits right above the burst, the bank group above them and the rest of the column above that.
/// - `Ch` not listed lies directly above the bits inside a burst, `Ra` not listed above everything else.
/// - Errors: an unknown field, a field that the preset has only one of (`Bg` without bank groups, `Ra` with
///   one rank; `Ch` alone is welcome with one channel too, so that a mapping serves any count), an entry with
///   no bits or too few bits left to take, and bits that no entry takes. InputError with key `dram.mapping`,
///   the text and the entry.
class AddressMap {
 public:
  /// An empty `mapping` stands for the preset's own. `channels` is a power of two from 1 to 64, otherwise
  /// InputError with key `dram.channels`. The preset is checked.
  AddressMap(const Preset& preset, const std::string& mapping, int channels);

  /// `address` in bytes, below capacity().
  Location decode(std::uint64_t address) const {
    std::uint32_t fields[field_count] = {};
    std::uint64_t rest = address >> burst_bits_;
    for (const Slice& slice : slices_) {
      fields[slice.field] |= (static_cast<std::uint32_t>(rest) & slice.mask) << slice.shift;
      rest >>= slice.width;
    }
    return {fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]};
  }
  /// The address of the first byte of that burst.
  std::uint64_t encode(const Location& location) const;

  /// The number of the burst that holds the byte at `address`, and the address of its first byte.
  std::uint64_t burst_of(std::uint64_t address) const { return address >> burst_bits_; }
  std::uint64_t address_of(std::uint64_t burst) const { return burst << burst_bits_; }

  /// Bytes of all channels together.
  std::uint64_t capacity() const { return capacity_; }
  std::uint32_t channels() const { return channels_; }
  /// The mapping in force, as given or the preset's own.
  const std::string& text() const { return text_; }

 private:
  static constexpr int field_count = 6;

  /// Neighbouring address bits of one field; slices_ runs from the least significant upwards.
  struct Slice {
    std::uint32_t field;  ///< index into the members of Location
    std::uint32_t shift;  ///< lowest bit of the field that the slice holds
    std::uint32_t width;
    std::uint32_t mask;
  };

  std::vector<Slice> slices_;
  std::uint32_t burst_bits_ = 0;
  std::uint32_t channels_ = 1;
  std::uint64_t capacity_ = 0;
  std::string text_;
};

}  // namespace dpred::dram
