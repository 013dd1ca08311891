#include "platform/parameters.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "models/array/design.h"
#include "models/codec/codec.h"
#include "models/dram/preset.h"
#include "platform/ini.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace po = boost::program_options;

namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
constexpr std::int64_t gibibyte = std::int64_t{1} << 30;

/// The one description of every parameter. Choices that a model defines come from the model's own list.
std::vector<ParameterSpec> all_parameters() {
  const auto integer = integer_parameter;
  const auto choice = choice_parameter;
  const auto text = text_parameter;
  return {
      choice("array.design", "dpred-stripes", compute_design_names(), "Design of the processing array."),
      integer("array.lanes", 16, {1, 1024}, "",
              "Values of one filter and one window that are multiplied and added at a time."),
      integer("array.rows", 16, {1, 4096}, "",
              "Filter rows per tile of the bit-parallel array of equal peak throughput."),
      integer("array.tiles", 4, {1, 4096}, "", "Tiles of the array."),
      integer("array.columns", 0, {0, 1024}, "",
              "Window columns per tile; 0 means value bits / bits per cycle where activations are serial, "
              "else 1."),
      choice("array.bits_per_cycle", "1", {"1", "2", "4"},
             "Bits of a value that a serial design processes per cycle."),
      choice("array.widths", "any", {"any", "even", "pow2"},
             "Widths at which a serial design can process a group: any, even ones, or powers of two."),
      integer("array.column_registers", 0, {0, 1024}, "",
              "Registers that let a column of the array run ahead of the slowest one; 0 keeps the columns in "
              "step."),
      integer("array.clock_mhz", 1000, {1, 10000}, "MHz",
              "Clock of the array, of the buffers and of the compression engine."),

      choice(
          "codec.name", "dpred", codec_names(),
          "Format of tensors in memory: dpred packs each group at its own width, raw stores whole values."),
      integer("codec.group", 16, {1, 256}, "", "Values of a group, which share one width."),
      choice("codec.zero_vector", "auto", {"auto", "always", "never"},
             "Whether a bit per value marks the zeros, which are then not stored; auto uses it where it "
             "saves space."),
      integer("codec.slice_channels", 64, {1, 65536}, "", "Channels of a slice of activations."),
      integer("codec.block_values", 1024, {1, 1048576}, "",
              "Values that a block of activations has at least; a block can be decoded on its own."),
      integer("codec.block_filters", 16, {1, 65536}, "", "Filters of a block of weights."),

      choice("dram.preset", "lpddr4-3200", dram::preset_names(),
             "Off-chip memory; ideal has no latency and no limit of bandwidth."),
      integer("dram.channels", 1, {1, 64}, "", "Channels of the off-chip memory, a power of two."),
      text("dram.mapping", "",
           "Order of the address bits; empty means the order that belongs to the preset."),

      integer("buffer.activation_bytes", 262144, {64, gibibyte}, "bytes",
              "Capacity of the activation buffer."),
      integer("buffer.weight_bytes", 262144, {64, gibibyte}, "bytes", "Capacity of the weight buffer."),
      integer("buffer.output_bytes", 65536, {64, gibibyte}, "bytes", "Capacity of the output buffer."),

      integer("engine.decoders", 0, {0, 65536}, "",
              "Decoders per operand, each of one group per array cycle; 0 means as many as are needed."),
      integer("engine.encoders", 0, {0, 65536}, "",
              "Encoders of results, each of one group per array cycle; 0 means as many as are needed."),
      integer("engine.detect_latency", 2, {0, 1000}, "array cycles",
              "Latency of the width detector at the encoder: OR trees and leading-one detector."),
      integer("engine.request_bytes", 512, {64, mebibyte}, "bytes",
              "Longest read or write at the memory socket at the fidelity lt."),
      integer("engine.outstanding", 8, {1, 1024}, "requests",
              "Requests that may be under way at the memory socket."),

      choice("sim.fidelity", "lt", {"lt"}, "Abstraction of the simulation: lt is loosely timed."),
      choice(
          "sim.data", "carried", {"carried", "elided"},
          "Whether transactions carry the tensors' bytes; elided moves only addresses, lengths and times."),
  };
}

template <class T>
bool parse_all(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_integer(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

template <class T>
std::string range_text(const ParameterRange<T>& range) {
  return fmt::format("{}..{}", range.minimum, range.maximum);
}

/// `1..1024`, the choices, or `text`, without the unit.
std::string allowed_text(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::integer:
      return range_text(spec.integers);
    case ParameterType::number:
      return range_text(spec.numbers);
    case ParameterType::choice:
      return fmt::format("{}", fmt::join(spec.choices, ", "));
    case ParameterType::text:
      break;
  }
  return "text";
}

std::string with_unit(const std::string& text, const ParameterSpec& spec) {
  return spec.unit.empty() ? text : text + " " + spec.unit;
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
    if (std::find(choices.begin(), choices.end(), given_) == choices.end()) {
      throw InputError(fmt::format("is {}, expected one of {}{}", quote(given_), allowed_text(spec_),
                                   suggestion(given_, choices)));
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

std::string did_you_mean(std::string_view given, const std::vector<std::string>& names,
                         std::string_view prefix) {
  const std::string name = meant(given, names);
  return name.empty() ? std::string() : fmt::format(" (did you mean '{}{}'?)", prefix, name);
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

const ParameterRegistry& registry() {
  static const ParameterRegistry the_registry(all_parameters());
  return the_registry;
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
    throw InputError(fmt::format("{}{}{} {}", place(origin), dashes(origin), key, error.what()));
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
  return read(key, {ParameterType::choice, ParameterType::text}).text;
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

// --- Command line
// -------------------------------------------------------------------------------------------

namespace {

std::string default_text(const ParameterSpec& spec) {
  return spec.default_value.empty() ? "\"\"" : with_unit(spec.default_value, spec);
}

std::string_view without_dashes(std::string_view token) {
  token = token.substr(0, token.find('='));
  return token.substr(std::min(token.find_first_not_of('-'), token.size()));
}

[[noreturn]] void fail_unknown(const std::string& token, const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) {
    if (!option->long_name().empty()) names.push_back(option->long_name());
  }
  throw InputError(fmt::format("unknown option {}{}", quote(token.substr(0, token.find('='))),
                               did_you_mean(without_dashes(token), names, "--")));
}

/// Whether the token after an option that needs a value is another option rather than `-` or a negative
/// number.
bool looks_like_option(std::string_view token) {
  return token.size() > 1 && token[0] == '-' && token.find_first_of("0123456789.") != 1;
}

/// Names the positional arguments and refuses what Boost lets pass or would describe less well.
void check_options(po::parsed_options& parsed, const po::options_description& options,
                   const po::positional_options_description& positional) {
  std::vector<std::string> given;
  for (po::option& option : parsed.options) {
    const std::string token = option.original_tokens.empty() ? "" : option.original_tokens.front();
    if (option.unregistered) fail_unknown(token, options);
    if (option.string_key.empty()) {
      if (option.value.empty() || option.value.front() != token) fail_unknown(token, options);  // `--=x`
      const auto position = static_cast<unsigned>(option.position_key);
      if (position >= positional.max_total_count()) {
        throw InputError(fmt::format("unexpected argument {}", quote(token)));
      }
      option.string_key = positional.name_for_position(position);
      continue;
    }
    const std::string shown = quote("--" + option.string_key);
    if (option.original_tokens.size() > 1 && looks_like_option(option.original_tokens[1])) {
      throw InputError(
          fmt::format("the option {} needs a value, found {} (if that is the value, write it after '=')",
                      shown, quote(option.original_tokens[1])));
    }
    if (options.find(option.string_key, false).semantic()->is_composing()) continue;
    if (std::find(given.begin(), given.end(), option.string_key) != given.end()) {
      throw InputError(fmt::format("the option {} is given twice", shown));
    }
    given.push_back(option.string_key);
  }
}

}  // namespace

void add_options(po::options_description& options) {
  options.add_options()(
      "config", po::value<std::vector<std::string>>()->composing()->value_name("FILE"),
      "INI file with settings; may be repeated, later files win, the command line wins over all.");
  for (const ParameterSpec& spec : registry().specs()) {
    const std::string help = fmt::format("{} [default {}; {}]", spec.help, default_text(spec),
                                         with_unit(allowed_text(spec), spec));
    const std::string value_name = spec.type == ParameterType::integer || spec.type == ParameterType::number
                                       ? "N"
                                       : std::string(spec.type == ParameterType::choice ? "NAME" : "TEXT");
    options.add_options()(spec.key.c_str(), po::value<std::string>()->value_name(value_name), help.c_str());
  }
}

po::variables_map parse_options(const std::vector<std::string>& arguments,
                                const po::options_description& options,
                                const po::positional_options_description& positional) {
  try {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    // Unknown options are let through here, and positions left unnamed, to describe both in our own words.
    po::parsed_options parsed =
        po::command_line_parser(arguments).options(options).style(style).allow_unregistered().run();
    check_options(parsed, options, positional);
    parsed.description = &options;
    po::variables_map values;
    po::store(parsed, values);
    const bool help_wanted = values.count("help") != 0 && !values["help"].defaulted();
    if (!help_wanted) po::notify(values);
    return values;
  } catch (const po::invalid_command_line_syntax& error) {
    using Syntax = po::invalid_command_line_syntax;
    if (error.kind() != Syntax::missing_parameter && error.kind() != Syntax::empty_adjacent_parameter) {
      throw InputError(printable(error.what()));
    }
    throw InputError(fmt::format("the option {} needs a value", quote(error.get_option_name())));
  } catch (const po::error& error) {
    throw InputError(printable(error.what()));
  }
}

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const po::options_description& command_options,
                               const po::positional_options_description& positional) {
  po::options_description all;
  all.add(command_options);
  add_options(all);

  CommandLine line{parse_options(arguments, all, positional), Parameters()};
  if (line.options.count("config") != 0) {
    for (const auto& path : line.options["config"].as<std::vector<std::string>>())
      line.parameters.load_file(path);
  }
  for (const std::string& key : registry().keys()) {
    if (line.options.count(key) == 0) continue;
    line.parameters.set(key, line.options[key].as<std::string>(), ParameterOrigin::command_line());
  }
  return line;
}

// --- Listings
// -----------------------------------------------------------------------------------------------

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

/// A field of a CSV line, RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + '"';
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
      "This page is generated from the table in `platform/parameters.cpp`; `dpred params` prints the same.\n"
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
    if (spec.type == ParameterType::choice) {
      allowed = fmt::format("`{}`", fmt::join(spec.choices, "`, `"));
    } else {
      allowed = allowed_text(spec);
    }
    const std::string shown_default = spec.default_value.empty() ? "\"\"" : spec.default_value;
    page += fmt::format("| `{}` | `{}` | {} | {} | {} |\n", spec.key, shown_default, spec.unit, allowed,
                        spec.help);
  }
  return page;
}

}  // namespace dpred
