// Parameters listed: on a terminal, as CSV, as the page docs/parameters.md.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <ostream>

#include "platform/csv.h"
#include "platform/parameter_text.h"

namespace dpred {

namespace {

/// Lines of at most `width` characters, broken at spaces.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
    start = end + 1;
  }
  return lines;
}

void print_table(std::ostream& out) {
  constexpr std::size_t page_width = 100;
  constexpr std::size_t help_indent = 4;
  std::size_t key_width = 0, default_width = 0, unit_width = 0;
  for (const ParameterSpec& spec : registry().specs()) {
    key_width = std::max(key_width, spec.key.size());
    default_width = std::max(default_width, spec.default_value.size());
    unit_width = std::max(unit_width, spec.unit.size());
  }
  key_width = std::max(key_width, std::string_view("parameter").size());
  const std::size_t allowed_indent = key_width + default_width + unit_width + 6;

  fmt::print(out, "{:{}}  {:{}}  {:{}}  {}\n", "parameter", key_width, "default", default_width, "unit",
             unit_width, "range or choices");
  std::string section;
  for (const ParameterSpec& spec : registry().specs()) {
    if (spec.section() != section) {
      section = spec.section();
      fmt::print(out, "\n[{}]\n", section);
    }
    const std::vector<std::string> allowed = wrapped(allowed_text(spec), page_width - allowed_indent);
    const std::string shown_default = spec.default_value.empty() ? "\"\"" : spec.default_value;
    fmt::print(out, "{:{}}  {:{}}  {:{}}  {}\n", spec.key, key_width, shown_default, default_width, spec.unit,
               unit_width, allowed.front());
    for (std::size_t i = 1; i < allowed.size(); ++i)
      fmt::print(out, "{:{}}{}\n", "", allowed_indent, allowed[i]);
    for (const std::string& line : wrapped(spec.help, page_width - help_indent)) {
      fmt::print(out, "{:{}}{}\n", "", help_indent, line);
    }
  }
}

void print_csv(std::ostream& out) {
  fmt::print(out, "key,type,unit,default,range_or_choices,help\r\n");
  for (const ParameterSpec& spec : registry().specs()) {
    fmt::print(out, "{},{},{},{},{},{}\r\n", csv_field(spec.key), to_string(spec.type), csv_field(spec.unit),
               csv_field(spec.default_value), csv_field(allowed_text(spec)), csv_field(spec.help));
  }
}

}  // namespace

void print_parameters(std::ostream& out, bool csv) {
  if (csv) {
    print_csv(out);
  } else {
    print_table(out);
  }
}

std::string parameters_markdown() {
  std::string page =
      "# Parameters\n"
      "\n"
      "This page is generated from the table in `platform/parameter_table.cpp`; `dpred params` prints the "
      "same.\n"
      "\n"
      "Every parameter can be set on the command line as `--section.name VALUE` or `--section.name=VALUE`, "
      "and\n"
      "in an INI file that is given with `--config FILE`:\n"
      "\n"
      "```ini\n"
      "# A comment starts a line or follows a space.\n"
      "[array]\n"
      "rows = 8\n"
      "\n"
      "[buffer]\n"
      "weight_bytes = 64KiB   ; bytes also take KiB, MiB and GiB\n"
      "```\n"
      "\n"
      "A later `--config` file wins over an earlier one, and the command line wins over all of them. Values\n"
      "are decimal. A text may be in double quotes, and `\"\"` is the empty one.\n";
  std::string section;
  for (const ParameterSpec& spec : registry().specs()) {
    if (spec.section() != section) {
      section = spec.section();
      page +=
          fmt::format("\n## {}\n\n| Parameter | Default | Unit | Range or choices | Meaning |\n", section);
      page += "|---|---|---|---|---|\n";
    }
    std::string allowed;
    if (spec.choices.empty()) {
      allowed = allowed_text(spec);
    } else {
      allowed = fmt::format("`{}`", fmt::join(spec.choices, "`, `"));
      if (spec.type == ParameterType::choice_or_file) allowed += ", or `FILE.ini`";
    }
    const std::string shown_default = spec.default_value.empty() ? "\"\"" : spec.default_value;
    page += fmt::format("| `{}` | `{}` | {} | {} | {} |\n", spec.key, shown_default, spec.unit, allowed,
                        spec.help);
  }
  return page;
}

}  // namespace dpred
