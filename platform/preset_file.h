// DRAM presets of the user's own, from INI files.
#pragma once

#include <string>
#include <vector>

#include "models/dram/preset.h"
#include "platform/ini.h"
#include "platform/parameters.h"

namespace dpred {

/// Reads a preset from an INI file (see ini.h for the syntax).
///
/// - `[preset]`: `name` (the file's name without its ending where there is none; not that of a preset of the
///   program), `source`, `base` (the preset of the program from which what is missing is taken), `mapping`
///   (the default mapping, for any number of channels).
/// - `[timings]` and `[organisation]`: the members of Timings and Organisation; bytes also take KiB and MiB.
///
/// Without a base, every number and the mapping are needed. Throws InputError that names the file, with the
/// line of what is to be mended: an unknown or repeated key, a value that is no number or out of range,
/// numbers that break a rule (dram::broken_rule), a mapping that does not suit the organisation. Without a
/// line: a key that is missing, a file that cannot be read.
dram::Preset read_preset_file(const std::string& path);
/// The same of a file's settings, which were scanned already.
dram::Preset preset_of(const std::vector<IniEntry>& settings, const std::string& path);

/// The preset that `dram.preset` names: of the program, or in a file. What keeps the file from being opened
/// is reported with the place where it is named.
dram::Preset chosen_preset(const Parameters& parameters);

}  // namespace dpred
