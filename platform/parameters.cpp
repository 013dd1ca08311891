#include "platform/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <utility>

#include "platform/ini.h"
#include "platform/parameter_text.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

template <class T>
bool parse_all(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_integer(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Turns the text of a user into the spelling that is kept. A failure is told as the end of a sentence that
/// starts with the parameter's name.
class ValueParser {
 public:
  ValueParser(const ParameterSpec& spec, std::string_view given) : spec_(spec), given_(given) {}

  std::string canonical() const {
    if (given_.empty() && spec_.type != ParameterType::text) throw InputError("has no value");
    switch (spec_.type) {
      case ParameterType::integer:
        return canonical_integer();
      case ParameterType::number:
        return canonical_number();
      case ParameterType::choice:
        return canonical_choice();
      case ParameterType::choice_or_file:
        return names_file(given_) ? canonical_path() : canonical_choice();
      case ParameterType::text:
        break;
    }
    return canonical_text();
  }

 private:
  [[noreturn]] void fail_range() const {
    throw InputError(fmt::format("is {}, outside {}", quote(given_), with_unit(allowed_text(spec_), spec_)));
  }

  std::string canonical_integer() const {
    std::string_view digits = given_;
    std::int64_t factor = 1;
    if (spec_.unit == "bytes") {
      constexpr std::pair<std::string_view, int> prefixes[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
      for (const auto& [suffix, shift] : prefixes) {
        if (digits.size() <= suffix.size()) continue;
        if (digits.substr(digits.size() - suffix.size()) != suffix) continue;
        digits.remove_suffix(suffix.size());
        factor = std::int64_t{1} << shift;
        break;
      }
    }
    if (!is_integer(digits)) {
      const std::string what = spec_.unit.empty() ? "a whole number" : "a whole number of " + spec_.unit;
      const std::string forms = spec_.unit == "bytes" ? ", such as 65536, 64KiB or 1MiB" : "";
      throw InputError(
          fmt::format("is {}, expected {} in {}{}", quote(given_), what, allowed_text(spec_), forms));
    }
    std::int64_t value = 0;
    if (!parse_all(digits, value)) fail_range();  // beyond 64 bits
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    if (value > largest / factor || value < -(largest / factor)) fail_range();
    value *= factor;
    if (value < spec_.integers.minimum || value > spec_.integers.maximum) fail_range();
    return fmt::format("{}", value);
  }

  std::string canonical_number() const {
    double value = 0;
    if (!parse_all(given_, value) || !std::isfinite(value)) {
      const std::string what = spec_.unit.empty() ? "a number" : "a number of " + spec_.unit;
      throw InputError(fmt::format("is {}, expected {} in {}", quote(given_), what, allowed_text(spec_)));
    }
    if (value < spec_.numbers.minimum || value > spec_.numbers.maximum) fail_range();
    return fmt::format("{}", value);
  }

  std::string canonical_choice() const {
    const auto& choices = spec_.choices;
    for (const auto& [name, what] : spec_.not_choices) {
      if (given_ == name) {
        throw InputError(
            fmt::format("is {}, {}; expected one of {}", quote(given_), what, allowed_text(spec_)));
      }
    }
    if (std::find(choices.begin(), choices.end(), given_) == choices.end()) {
      throw InputError(fmt::format("is {}, expected one of {}{}", quote(given_), allowed_text(spec_),
                                   suggestion(given_, choices)));
    }
    return std::string(given_);
  }

  std::string canonical_path() const {
    const auto allowed = [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte >= 0x20 && byte != 0x7f && c != '"';
    };
    if (!std::all_of(given_.begin(), given_.end(), allowed)) {
      throw InputError(
          fmt::format("is {}, expected a path without control characters and double quotes", quote(given_)));
    }
    return std::string(given_);
  }

  std::string canonical_text() const {
    const auto allowed = [](char c) { return c >= 0x20 && c < 0x7f && c != '"'; };
    if (!std::all_of(given_.begin(), given_.end(), allowed)) {
      throw InputError(fmt::format("is {}, expected printable ASCII without double quotes", quote(given_)));
    }
    return std::string(given_);
  }

  const ParameterSpec& spec_;
  std::string_view given_;
};

std::string place(const ParameterOrigin& origin) {
  return origin.kind == ParameterOrigin::Kind::file ? origin.text() + ": " : std::string();
}

std::string dashes(const ParameterOrigin& origin) {
  return origin.kind == ParameterOrigin::Kind::command_line ? "--" : "";
}

std::logic_error no_such_parameter(std::string_view key) {
  return std::logic_error(fmt::format("no parameter has the key '{}'", key));
}

}  // namespace

std::string_view to_string(ParameterType type) {
  switch (type) {
    case ParameterType::integer:
      return "integer";
    case ParameterType::number:
      return "number";
    case ParameterType::choice:
      return "choice";
    case ParameterType::choice_or_file:
      return "choice or file";
    case ParameterType::text:
      break;
  }
  return "text";
}

ParameterSpec integer_parameter(std::string key, std::int64_t default_value,
                                ParameterRange<std::int64_t> range, std::string unit, std::string help) {
  ParameterSpec spec;
  spec.key = std::move(key);
  spec.type = ParameterType::integer;
  spec.unit = std::move(unit);
  spec.default_value = fmt::format("{}", default_value);
  spec.integers = range;
  spec.help = std::move(help);
  return spec;
}

ParameterSpec number_parameter(std::string key, double default_value, ParameterRange<double> range,
                               std::string unit, std::string help) {
  ParameterSpec spec;
  spec.key = std::move(key);
  spec.type = ParameterType::number;
  spec.unit = std::move(unit);
  spec.default_value = fmt::format("{}", default_value);
  spec.numbers = range;
  spec.help = std::move(help);
  return spec;
}

ParameterSpec choice_parameter(std::string key, std::string default_value, std::vector<std::string> choices,
                               std::string help) {
  ParameterSpec spec;
  spec.key = std::move(key);
  spec.type = ParameterType::choice;
  spec.default_value = std::move(default_value);
  spec.choices = std::move(choices);
  spec.help = std::move(help);
  return spec;
}

ParameterSpec choice_or_file_parameter(std::string key, std::string default_value,
                                       std::vector<std::string> choices, std::string help) {
  ParameterSpec spec =
      choice_parameter(std::move(key), std::move(default_value), std::move(choices), std::move(help));
  spec.type = ParameterType::choice_or_file;
  return spec;
}

bool names_file(std::string_view value) {
  constexpr std::string_view ending = ".ini";
  return value.find('/') != std::string_view::npos ||
         (value.size() >= ending.size() && value.substr(value.size() - ending.size()) == ending);
}

ParameterSpec text_parameter(std::string key, std::string default_value, std::string help) {
  ParameterSpec spec;
  spec.key = std::move(key);
  spec.type = ParameterType::text;
  spec.default_value = std::move(default_value);
  spec.help = std::move(help);
  return spec;
}

ParameterRegistry::ParameterRegistry(std::vector<ParameterSpec> specs) : specs_(std::move(specs)) {
  for (const ParameterSpec& spec : specs_) {
    const std::size_t dot = spec.key.find('.');
    if (dot == 0 || dot == std::string::npos || dot + 1 == spec.key.size() || spec.key.rfind('.') != dot) {
      throw std::logic_error(fmt::format("the key '{}' is not 'section.name'", spec.key));
    }
    if (find(spec.key) != &spec) throw std::logic_error(fmt::format("'{}' is described twice", spec.key));
    try {
      ValueParser(spec, spec.default_value).canonical();
    } catch (const InputError& error) {
      throw std::logic_error(fmt::format("the default of '{}' {}", spec.key, error.what()));
    }
  }
}

const ParameterSpec* ParameterRegistry::find(std::string_view key) const {
  const auto found =
      std::find_if(specs_.begin(), specs_.end(), [key](const auto& s) { return s.key == key; });
  return found == specs_.end() ? nullptr : &*found;
}

std::vector<std::string> ParameterRegistry::keys() const {
  std::vector<std::string> keys;
  for (const ParameterSpec& spec : specs_)
    keys.push_back(spec.key);
  return keys;
}

std::string ParameterOrigin::text() const {
  switch (kind) {
    case Kind::file:
      return fmt::format("{}:{}", printable(path), line);
    case Kind::command_line:
      return "command line";
    case Kind::default_value:
      break;
  }
  return "default";
}

std::string ParameterOrigin::named(std::string_view key) const {
  return fmt::format("{}{}{}", place(*this), dashes(*this), key);
}

Parameters::Parameters(const ParameterRegistry& specs) : registry_(&specs), read_(specs.specs().size()) {
  for (const ParameterSpec& spec : specs.specs())
    values_.push_back({spec.default_value, {}});
}

void Parameters::set(std::string_view key, std::string_view text, const ParameterOrigin& origin) {
  const ParameterSpec* spec = registry_->find(key);
  if (spec == nullptr) {
    throw InputError(fmt::format("{}unknown parameter {}{}", place(origin),
                                 quote(dashes(origin) + std::string(key)),
                                 did_you_mean(key, registry_->keys(), dashes(origin))));
  }
  try {
    values_[index(key)] = {ValueParser(*spec, text).canonical(), origin};
  } catch (const InputError& error) {
    throw InputError(fmt::format("{} {}", origin.named(key), error.what()));
  }
}

void Parameters::load_file(const std::string& path) {
  for (const IniEntry& entry : read_ini(path)) {
    set(entry.full_key(), entry.value, ParameterOrigin::file(path, entry.line));
  }
}

std::size_t Parameters::index(std::string_view key) const {
  const ParameterSpec* spec = registry_->find(key);
  if (spec == nullptr) throw no_such_parameter(key);
  return static_cast<std::size_t>(spec - registry_->specs().data());
}

const Parameters::Value& Parameters::read(std::string_view key,
                                          std::initializer_list<ParameterType> types) const {
  const std::size_t i = index(key);
  const ParameterType type = registry_->specs()[i].type;
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    throw std::logic_error(fmt::format("the parameter '{}' is read as the wrong type", key));
  }
  read_[i] = true;
  return values_[i];
}

std::int64_t Parameters::integer(std::string_view key) const {
  std::int64_t value = 0;
  if (!parse_all(read(key, {ParameterType::integer, ParameterType::choice}).text, value)) {
    throw std::logic_error(fmt::format("the choice '{}' is not between integers", key));
  }
  return value;
}

double Parameters::number(std::string_view key) const {
  double value = 0;
  parse_all(read(key, {ParameterType::number}).text, value);
  return value;
}

const std::string& Parameters::text(std::string_view key) const {
  return read(key, {ParameterType::choice, ParameterType::choice_or_file, ParameterType::text}).text;
}

std::string Parameters::path(std::string_view key) const {
  const Value& value = read(key, {ParameterType::choice_or_file});
  if (value.origin.kind != ParameterOrigin::Kind::file) return value.text;
  return (std::filesystem::path(value.origin.path).parent_path() / value.text).string();
}

bool Parameters::was_set(std::string_view key) const {
  return origin(key).kind != ParameterOrigin::Kind::default_value;
}

const ParameterOrigin& Parameters::origin(std::string_view key) const {
  return values_[index(key)].origin;
}

std::vector<std::string> Parameters::unread_settings() const {
  std::vector<std::string> unread;
  for (const ParameterEcho& parameter : echo()) {
    if (was_set(parameter.spec->key) && !parameter.was_read) unread.push_back(parameter.spec->key);
  }
  return unread;
}

std::vector<ParameterEcho> Parameters::echo() const {
  std::vector<ParameterEcho> lines;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    lines.push_back({&registry_->specs()[i], values_[i].text, values_[i].origin.text(), read_[i]});
  }
  return lines;
}

}  // namespace dpred
