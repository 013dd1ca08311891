#include "platform/energy_table_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/parameter_text.h"
#include "workloads/error.h"
#include "workloads/fnv_hash.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

/// The keys of a table's file, in the same terms as the program's parameters. The defaults are not used.
const ParameterRegistry& file_keys() {
  static const ParameterRegistry keys([] {
    std::vector<ParameterSpec> specs;
    const EnergyTable own;
    for (const EnergyLine& line : own.lines()) {
      specs.push_back(number_parameter(line.action + ".pj", line.picojoules, {0, most_picojoules}, "pJ",
                                       "Energy of one " + line.unit + "."));
      specs.push_back(text_parameter(line.action + ".technology", "", "Technology of the figure."));
      specs.push_back(text_parameter(line.action + ".source", "", "Where the figure comes from."));
    }
    return specs;
  }());
  return keys;
}

}  // namespace

EnergyTable energy_table_of(const std::vector<IniEntry>& settings, const std::string& path) {
  EnergyTable table;
  Parameters keys(file_keys());
  for (const IniEntry& entry : settings) {
    const ParameterOrigin origin = ParameterOrigin::file(path, entry.line);
    if (registry().find(entry.full_key()) != nullptr) {
      throw InputError(origin.named(entry.full_key()) +
                       " belongs in a file for --config, this is read as an energy table");
    }
    const std::vector<std::string> actions = table.actions();
    if (std::find(actions.begin(), actions.end(), entry.section) == actions.end()) {
      throw InputError(fmt::format("{}: no action is called {}{}", origin.text(), quote(entry.section),
                                   suggestion(entry.section, actions)));
    }
    keys.set(entry.full_key(), entry.value, origin);
  }
  for (const std::string& action : table.actions()) {
    std::string set;  // a key of the action that the file has
    for (const char* key : {".pj", ".technology", ".source"}) {
      if (keys.was_set(action + key)) set = action + key;
    }
    if (set.empty()) continue;
    for (const char* key : {".pj", ".technology", ".source"}) {
      if (!keys.was_set(action + key))
        throw InputError(fmt::format("{}: the action has no {}", keys.named(set), key + 1));
    }
    for (const char* key : {".technology", ".source"}) {
      if (keys.text(action + key).empty()) throw InputError(keys.named(action + key) + " is empty");
    }
    table.replace(action, keys.number(action + ".pj"), keys.text(action + ".technology"),
                  keys.text(action + ".source"));
  }
  table.name = path;
  return table;
}

EnergyTable read_energy_table(const std::string& path) {
  EnergyTable table = energy_table_of(read_ini(path), path);
  InputFile file(path);
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size());
  Fnv1a64 hash;
  hash.add(bytes.data(), bytes.size());
  table.hash = hash.hex();
  return table;
}

std::shared_ptr<const EnergyTable> chosen_energy_table(const Parameters& parameters) {
  const std::string& value = parameters.text("energy.table");
  static const auto own = std::make_shared<const EnergyTable>();
  if (!names_file(value)) return own;
  const std::string path = parameters.path("energy.table");
  try {
    const InputFile opened(path);
  } catch (const InputError& error) {
    throw InputError(parameters.named("energy.table") + ": " + error.what());
  }
  return std::make_shared<const EnergyTable>(read_energy_table(path));
}

}  // namespace dpred
