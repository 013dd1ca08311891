#include "platform/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>

#include "platform/parameter_text.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace po = boost::program_options;

namespace {

std::string default_text(const ParameterSpec& spec) {
  return spec.default_value.empty() ? "\"\"" : with_unit(spec.default_value, spec);
}

const char* value_name(ParameterType type) {
  switch (type) {
    case ParameterType::integer:
    case ParameterType::number:
      return "N";
    case ParameterType::choice:
      return "NAME";
    case ParameterType::choice_or_file:
      return "NAME|FILE";
    case ParameterType::text:
      break;
  }
  return "TEXT";
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
    options.add_options()(spec.key.c_str(), po::value<std::string>()->value_name(value_name(spec.type)),
                          help.c_str());
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

}  // namespace dpred
