#include "models/dram/address_map.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <sstream>

#include "workloads/error.h"

namespace dpred::dram {

namespace {

constexpr int largest_channels = 64;

enum Field : std::uint32_t { channel, rank, bank_group, bank, row, column };
struct FieldName {
  const char* shorthand;
  const char* meaning;
};
constexpr std::array<FieldName, 6> field_names = {{{"Ch", "channels"},
                                                   {"Ra", "ranks"},
                                                   {"Bg", "bank groups"},
                                                   {"Ba", "banks"},
                                                   {"Ro", "rows"},
                                                   {"Co", "columns"}}};

struct Entry {
  std::string text;
  std::uint32_t field;
  std::optional<std::uint32_t> width;  ///< none: all that remain
};

std::uint32_t log2_of(std::uint64_t power) {
  std::uint32_t bits = 0;
  while (power > 1) {
    power >>= 1;
    ++bits;
  }
  return bits;
}

[[noreturn]] void fail(const std::string& mapping, const std::string& what) {
  throw InputError("dram.mapping '" + printable(mapping) + "': " + what);
}

Entry parse_entry(const std::string& mapping, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::vector<std::string> known;
  for (const FieldName& field : field_names)
    known.push_back(field.shorthand);
  const auto found = std::find(known.begin(), known.end(), name);
  if (found == known.end()) {
    std::string cased = name;  // `co` means Co rather than the equally near Ro
    for (std::size_t i = 0; i < cased.size(); ++i) {
      const auto c = static_cast<unsigned char>(cased[i]);
      cased[i] = static_cast<char>(i == 0 ? std::toupper(c) : std::tolower(c));
    }
    fail(mapping, "unknown field in entry '" + printable(text) + "'" + suggestion(cased, known) +
                      "; fields are Ch Ra Ro Ba Bg Co");
  }
  Entry entry{text, static_cast<std::uint32_t>(found - known.begin()), std::nullopt};
  if (colon != std::string::npos) {
    const std::string digits = text.substr(colon + 1);
    const bool number =
        !digits.empty() && digits.size() <= 2 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || std::stoul(digits) == 0) {
      fail(mapping, "entry '" + printable(text) + "' needs a number of bits from 1 to 99 after the colon");
    }
    entry.width = static_cast<std::uint32_t>(std::stoul(digits));
  }
  return entry;
}

/// The entries from the least significant upwards.
std::vector<Entry> parse(const std::string& mapping) {
  std::vector<Entry> entries;
  std::istringstream words(mapping);
  for (std::string word; words >> word;)
    entries.push_back(parse_entry(mapping, word));
  std::reverse(entries.begin(), entries.end());
  return entries;
}

}  // namespace

AddressMap::AddressMap(const Preset& preset, const std::string& mapping, int channels)
    : text_(mapping.empty() ? preset.default_mapping : mapping) {
  check(preset);
  if (channels < 1 || channels > largest_channels || (channels & (channels - 1)) != 0) {
    throw InputError("dram.channels: " + std::to_string(channels) + " is not a power of two from 1 to " +
                     std::to_string(largest_channels));
  }
  const Organisation& o = preset.organisation;
  channels_ = static_cast<std::uint32_t>(channels);
  burst_bits_ = log2_of(o.burst_bytes);
  const std::array<std::uint32_t, field_count> bits = {log2_of(channels_),     log2_of(o.ranks),
                                                       log2_of(o.bank_groups), log2_of(o.banks),
                                                       log2_of(o.rows),        log2_of(o.columns())};
  std::uint32_t total_bits = burst_bits_;
  for (const std::uint32_t width : bits)
    total_bits += width;
  if (total_bits > 63) throw InputError("dram.channels: more than 2^63 bytes of memory");
  capacity_ = std::uint64_t{1} << total_bits;

  std::vector<Entry> entries = parse(text_);
  const auto listed = [&](Field field) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.field == field; });
  };
  if (!listed(channel)) entries.insert(entries.begin(), {"Ch", channel, std::nullopt});
  if (!listed(rank) && o.ranks > 1) entries.push_back({"Ra", rank, std::nullopt});

  std::array<std::uint32_t, field_count> taken = {};
  std::array<bool, field_count> complete = {};
  for (const Entry& entry : entries) {
    const std::uint32_t f = entry.field;
    const std::string quoted = "entry '" + printable(entry.text) + "'";
    if (bits[f] == 0 && f != channel) {
      fail(text_, quoted + ": preset " + printable(preset.name) + " has no " + field_names[f].meaning +
                      " to choose from");
    }
    const std::uint32_t left = bits[f] - taken[f];
    if (complete[f] || (left == 0 && bits[f] != 0)) {
      fail(text_, quoted + ": the entries below it take all " + std::to_string(bits[f]) + " bits of " +
                      field_names[f].shorthand);
    }
    const std::uint32_t width = entry.width.value_or(left);
    if (width > left) {
      fail(text_, quoted + " takes " + std::to_string(width) + " bits where " + std::to_string(left) +
                      " of " + field_names[f].shorthand + " are left");
    }
    complete[f] = !entry.width;
    if (width > 0) {
      const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << width) - 1);
      slices_.push_back({f, taken[f], width, mask});
    }
    taken[f] += width;
  }
  for (std::uint32_t f = 0; f < field_count; ++f) {
    if (taken[f] != bits[f]) {
      fail(text_, std::string("no entry takes the upper ") + std::to_string(bits[f] - taken[f]) + " of " +
                      std::to_string(bits[f]) + " bits of '" + field_names[f].shorthand + "'");
    }
  }
}

std::uint64_t AddressMap::encode(const Location& location) const {
  const std::uint32_t fields[field_count] = {location.channel, location.rank, location.bank_group,
                                             location.bank,    location.row,  location.column};
  std::uint64_t address = 0;
  std::uint32_t position = burst_bits_;
  for (const Slice& slice : slices_) {
    address |= std::uint64_t{(fields[slice.field] >> slice.shift) & slice.mask} << position;
    position += slice.width;
  }
  return address;
}

}  // namespace dpred::dram
