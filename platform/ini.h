// Scanner of INI files that keeps the line of every setting, so that an error can name it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// One `key = value` line.
struct IniEntry {
  std::string section;
  std::string key;
  std::string value;     ///< trimmed, without its quotes; empty only where the file says `""`
  std::size_t line = 0;  ///< from 1

  std::string full_key() const { return section + "." + key; }
};

/// Longest file and longest line that are read, in bytes.
constexpr std::size_t ini_longest_file = std::size_t{16} << 20;
constexpr std::size_t ini_longest_line = std::size_t{64} << 10;

/// Settings of `text` in order; `name` stands for the file in errors.
///
/// A line is blank, a comment, `[section]` or `key = value`. Names of sections and keys are letters, digits,
/// `_` and `-`. A comment starts with `#` or `;` at the start of a line or after a space or tab, so that both
/// may stand inside a value. A value may be in double quotes, which keep spaces, `#` and `;`; there are no
/// escapes. Lines end in LF or CRLF, a UTF-8 byte order mark at the start is skipped, a section may be opened
/// again. Throws InputError with `name:line:` for anything else: other control characters, a key outside a
/// section, without a value or set twice, a line that is too long.
std::vector<IniEntry> scan_ini(std::string_view text, const std::string& name);

/// scan_ini() of a file. Throws InputError that names the file also where it is missing, unreadable, too long
/// or no regular file (a directory, pipe or device).
std::vector<IniEntry> read_ini(const std::string& path);

}  // namespace dpred
