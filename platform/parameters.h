// Every parameter of a design point, described once. The command line, the INI files, the listing of
// `dpred params`, the page docs/parameters.md, the axes of a sweep and the echo in a result all come from
// ParameterRegistry; a new parameter is one entry of the table in parameter_table.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dpred {

enum class ParameterType : std::uint8_t { integer, number, choice, choice_or_file, text };

std::string_view to_string(ParameterType type);

/// Both ends included.
template <class T>
struct ParameterRange {
  T minimum{};
  T maximum{};
};

struct ParameterSpec {
  std::string key;  ///< `section.name`
  ParameterType type = ParameterType::integer;
  std::string unit;  ///< empty for counts; `bytes` also takes values such as 256KiB, 1MiB and 1GiB
  std::string default_value;
  ParameterRange<std::int64_t> integers;  ///< of an integer
  ParameterRange<double> numbers;         ///< of a number
  std::vector<std::string> choices;       ///< of a choice, and of one that may be a file instead
  /// What is taken for a choice and isn't one, and what it is: for the error.
  std::vector<std::pair<std::string, std::string>> not_choices{};
  std::string help;  ///< one sentence

  std::string section() const { return key.substr(0, key.find('.')); }
};

ParameterSpec integer_parameter(std::string key, std::int64_t default_value,
                                ParameterRange<std::int64_t> range, std::string unit, std::string help);
ParameterSpec number_parameter(std::string key, double default_value, ParameterRange<double> range,
                               std::string unit, std::string help);
ParameterSpec choice_parameter(std::string key, std::string default_value, std::vector<std::string> choices,
                               std::string help);
/// A choice that may also be the path of an INI file, see names_file(): no control character and no double
/// quote, so that every value can be written in an INI file.
ParameterSpec choice_or_file_parameter(std::string key, std::string default_value,
                                       std::vector<std::string> choices, std::string help);
/// Any printable ASCII without double quotes, so that every value can be written in an INI file. May be
/// empty.
ParameterSpec text_parameter(std::string key, std::string default_value, std::string help);

/// Whether a value of a choice or file stands for a file: it has a `/`, or ends in `.ini`.
bool names_file(std::string_view value);

class ParameterRegistry {
 public:
  /// Throws std::logic_error where a key is not `section.name`, occurs twice or has a default that is not
  /// allowed.
  explicit ParameterRegistry(std::vector<ParameterSpec> specs);

  /// In the order in which they are shown; the parameters of a section stand together.
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  /// Null where there is none.
  const ParameterSpec* find(std::string_view key) const;
  std::vector<std::string> keys() const;

 private:
  std::vector<ParameterSpec> specs_;
};

/// The parameters of the program.
const ParameterRegistry& registry();

/// Where a value comes from.
struct ParameterOrigin {
  enum class Kind : std::uint8_t { default_value, file, command_line };

  Kind kind = Kind::default_value;
  std::string path;      ///< of a file
  std::size_t line = 0;  ///< in the file

  static ParameterOrigin file(std::string path, std::size_t line) {
    return {Kind::file, std::move(path), line};
  }
  static ParameterOrigin command_line() { return {Kind::command_line, {}, 0}; }

  /// `default`, `<path>:<line>` or `command line`.
  std::string text() const;
  /// A parameter as errors name it: `dram.preset`, `<path>:<line>: dram.preset` or `--dram.preset`.
  std::string named(std::string_view key) const;
};

/// One line of the echo in a result.
struct ParameterEcho {
  const ParameterSpec* spec;
  std::string value;
  std::string origin;
  bool was_read;
};

/// The values of one design point. Later settings replace earlier ones. A copy shares nothing with its
/// original, not even the note of what was read. A key that the registry lacks is a std::logic_error in every
/// function but set(), where it comes from the user.
class Parameters {
 public:
  /// All defaults. The registry must outlive this object.
  explicit Parameters(const ParameterRegistry& specs = registry());

  /// Throws InputError that names the origin, the key, what is allowed and the nearest valid name for a key
  /// that does not exist or a value that is not allowed. Numbers are kept in one spelling: `+`, hexadecimal,
  /// spaces and units (other than KiB, MiB and GiB for bytes) are not accepted, 1MiB is kept as 1048576.
  void set(std::string_view key, std::string_view text, const ParameterOrigin& origin);

  /// Applies an INI file, see ini.h. Throws InputError; settings before the bad one then stay.
  void load_file(const std::string& path);

  /// The value of an integer, or of a choice between integers. Reading marks as read, here and below.
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  /// The value of a choice, of a choice or file, or a text.
  const std::string& text(std::string_view key) const;
  /// The path of a choice or file that names_file(). One that was set in an INI file is relative to the
  /// folder of that.
  std::string path(std::string_view key) const;

  /// Whether the user set it, even to its default.
  bool was_set(std::string_view key) const;
  const ParameterOrigin& origin(std::string_view key) const;
  /// See ParameterOrigin::named().
  std::string named(std::string_view key) const { return origin(key).named(key); }

  /// Keys that the user set and no model has read.
  std::vector<std::string> unread_settings() const;

  /// All values in the order of the registry. Does not mark anything as read.
  std::vector<ParameterEcho> echo() const;

 private:
  struct Value {
    std::string text;
    ParameterOrigin origin;
  };

  std::size_t index(std::string_view key) const;
  const Value& read(std::string_view key, std::initializer_list<ParameterType> types) const;

  const ParameterRegistry* registry_;
  std::vector<Value> values_;
  mutable std::vector<bool> read_;
};

/// What `dpred params` prints: a table of at most 100 columns, or CSV (RFC 4180) with a line per parameter.
void print_parameters(std::ostream& out, bool csv);

/// The page docs/parameters.md.
std::string parameters_markdown();

}  // namespace dpred
