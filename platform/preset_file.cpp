#include "platform/preset_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "models/dram/address_map.h"
#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

constexpr const char* no_base = "none";
constexpr std::size_t longest_name = 64;

/// The presets that have numbers to start from.
std::vector<std::string> bases() {
  std::vector<std::string> names = {no_base};
  for (const std::string& name : dram::preset_names()) {
    if (!dram::find_preset(name).ideal) names.push_back(name);
  }
  return names;
}

template <class Numbers>
std::string key_of(const char* section, const dram::PresetNumber<Numbers>& field) {
  return std::string(section) + "." + field.name;
}

/// The keys of a preset file, in the same terms as the program's parameters. The defaults are not used.
const ParameterRegistry& file_keys() {
  static const ParameterRegistry keys([] {
    std::vector<ParameterSpec> specs = {
        text_parameter("preset.name", "", "How reports name the preset."),
        text_parameter("preset.source", "", "Where the numbers come from."),
        choice_parameter("preset.base", no_base, bases(), "Where missing numbers come from."),
        text_parameter("preset.mapping", "", "Default address mapping."),
    };
    const auto add = [&](const char* section, const auto& fields) {
      for (const auto& field : fields) {
        specs.push_back(
            integer_parameter(key_of(section, field), 1, {1, field.largest}, field.unit, "A number."));
      }
    };
    add("timings", dram::timing_fields);
    add("organisation", dram::organisation_fields);
    return specs;
  }());
  return keys;
}

class PresetFile {
 public:
  PresetFile(const std::vector<IniEntry>& settings, const std::string& path)
      : path_(path), keys_(file_keys()) {
    for (const IniEntry& entry : settings) {
      const ParameterOrigin origin = ParameterOrigin::file(path, entry.line);
      if (registry().find(entry.full_key()) != nullptr) {
        throw InputError(origin.named(entry.full_key()) +
                         " belongs in a file for --config, this is read as a DRAM preset");
      }
      keys_.set(entry.full_key(), entry.value, origin);
    }
  }

  dram::Preset preset() const {
    dram::Preset preset = {};
    const bool has_base = keys_.text("preset.base") != no_base;
    if (has_base) preset = dram::find_preset(keys_.text("preset.base"));
    preset.source = keys_.text("preset.source").empty() ? path_ : keys_.text("preset.source");
    set_name(preset);
    set_numbers("timings", dram::timing_fields, preset.timings, has_base);
    set_numbers("organisation", dram::organisation_fields, preset.organisation, has_base);
    check_rules(preset);
    set_mapping(preset, has_base);
    return preset;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(printable(path_) + ": " + problem);
  }

  void set_name(dram::Preset& preset) const {
    const std::string& given = keys_.text("preset.name");
    preset.name = given.empty() ? std::filesystem::path(path_).stem().string() : given;
    if (given.size() > longest_name) {
      throw InputError(fmt::format("{} is {}, longer than {} characters", keys_.named("preset.name"),
                                   quote(given), longest_name));
    }
    const std::vector<std::string> taken = dram::preset_names();
    if (std::find(taken.begin(), taken.end(), preset.name) == taken.end()) return;
    if (given.empty()) {
      fail(fmt::format("{} is a preset of the program: give the file's another name, as preset.name",
                       quote(preset.name)));
    }
    throw InputError(
        fmt::format("{} is {}, which is a preset of the program", keys_.named("preset.name"), quote(given)));
  }

  template <class Fields, class Numbers>
  void set_numbers(const char* section, const Fields& fields, Numbers& numbers, bool has_base) const {
    for (const auto& field : fields) {
      const std::string key = key_of(section, field);
      if (keys_.was_set(key)) {
        numbers.*field.member = static_cast<std::uint32_t>(keys_.integer(key));
      } else if (!has_base) {
        fail(key + " is missing (or name a preset that has it, as preset.base)");
      }
    }
  }

  /// A rule that speaks of several numbers is told at the first that the file sets.
  void check_rules(const dram::Preset& preset) const {
    const std::optional<dram::BrokenRule> broken = dram::broken_rule(preset);
    if (!broken) return;
    for (const std::string& key : broken->keys) {
      if (keys_.was_set(key)) throw InputError(keys_.named(key) + ": " + broken->rule);
    }
    fail(broken->keys.front() + ": " + broken->rule);
  }

  void set_mapping(dram::Preset& preset, bool has_base) const {
    const std::string& given = keys_.text("preset.mapping");
    if (!given.empty()) preset.default_mapping = given;
    if (given.empty() && !has_base) fail("preset.mapping is missing, such as: mapping = Ro Ba Co Bg");
    try {
      const dram::AddressMap map(preset, preset.default_mapping, 1);
    } catch (const InputError& error) {
      constexpr std::string_view key = "dram.mapping";  // how AddressMap starts what it says
      const std::string problem = std::string(error.what()).substr(key.size());
      if (!given.empty()) throw InputError(keys_.named("preset.mapping") + problem);
      throw InputError(keys_.named("preset.base") + ": its mapping does not suit this organisation, set " +
                       "preset.mapping:" + problem);
    }
  }

  std::string path_;
  Parameters keys_;
};

}  // namespace

dram::Preset read_preset_file(const std::string& path) {
  return preset_of(read_ini(path), path);
}

dram::Preset preset_of(const std::vector<IniEntry>& settings, const std::string& path) {
  return PresetFile(settings, path).preset();
}

dram::Preset chosen_preset(const Parameters& parameters) {
  const std::string& value = parameters.text("dram.preset");
  if (!names_file(value)) return dram::find_preset(value);
  const std::string path = parameters.path("dram.preset");
  try {
    const InputFile opened(path);
  } catch (const InputError& error) {
    throw InputError(parameters.named("dram.preset") + ": " + error.what());
  }
  return read_preset_file(path);
}

}  // namespace dpred
