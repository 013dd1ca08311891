// Energy tables of the user's own, from INI files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/energy/energy_table.h"
#include "platform/ini.h"
#include "platform/parameters.h"

namespace dpred {

/// Puts the lines of an INI file (see ini.h for the syntax) into the program's own table. A section an
/// action, with the keys `pj`, `technology` and `source`, all three of them; actions without a section stay.
///
/// Throws InputError that names the file, with the line of what is to be mended: an unknown action or key, a
/// value that is no number from 0 to most_picojoules, a section that lacks a key, a technology or source of
/// no characters.
EnergyTable read_energy_table(const std::string& path);
/// The same of a file's settings, which were scanned already.
EnergyTable energy_table_of(const std::vector<IniEntry>& settings, const std::string& path);

/// The table that `energy.table` names: the program's own, or one in a file. What keeps the file from being
/// opened is reported with the place where it is named.
std::shared_ptr<const EnergyTable> chosen_energy_table(const Parameters& parameters);

}  // namespace dpred
