#include "platform/parameter_text.h"

#include <fmt/format.h>

#include "workloads/error.h"

namespace dpred {

namespace {

template <class T>
std::string range_text(const ParameterRange<T>& range) {
  return fmt::format("{}..{}", range.minimum, range.maximum);
}

/// The name the user may have meant: the same one in the right section, or the nearest. Empty where there is
/// none.
std::string meant(std::string_view given, const std::vector<std::string>& names) {
  const std::string ending = "." + std::string(given.substr(given.rfind('.') + 1));
  for (const std::string& name : names) {
    if (name.size() > ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0) {
      return name;
    }
  }
  return nearest_choice(given, names);
}

}  // namespace

std::string allowed_text(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::integer:
      return range_text(spec.integers);
    case ParameterType::number:
      return range_text(spec.numbers);
    case ParameterType::choice:
      return fmt::format("{}", fmt::join(spec.choices, ", "));
    case ParameterType::choice_or_file:
      return fmt::format("{}, or FILE.ini", fmt::join(spec.choices, ", "));
    case ParameterType::text:
      break;
  }
  return "text";
}

std::string with_unit(const std::string& text, const ParameterSpec& spec) {
  return spec.unit.empty() ? text : text + " " + spec.unit;
}

std::string did_you_mean(std::string_view given, const std::vector<std::string>& names,
                         std::string_view prefix) {
  const std::string name = meant(given, names);
  return name.empty() ? std::string() : fmt::format(" (did you mean '{}{}'?)", prefix, name);
}

}  // namespace dpred
