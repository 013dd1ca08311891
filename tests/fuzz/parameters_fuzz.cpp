// The scanner of INI files and the parameters that they set.
#include "platform/ini.h"
#include "platform/parameters.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/error.h"

using namespace dpred;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::read_or_refuse<InputError>("x.ini:", [&] {
    Parameters parameters;
    for (const IniEntry& entry : scan_ini(text, "x.ini"))
      parameters.set(entry.full_key(), entry.value, ParameterOrigin::file("x.ini", entry.line));
    // What is kept is what a file with it in quotes says.
    std::string again;
    std::string section;
    for (const ParameterEcho& line : parameters.echo()) {
      if (line.spec->section() != section) again += "[" + (section = line.spec->section()) + "]\n";
      again += line.spec->key.substr(section.size() + 1) + " = \"" + line.value + "\"\n";
    }
    Parameters same;
    for (const IniEntry& entry : scan_ini(again, "x.ini"))
      same.set(entry.full_key(), entry.value, ParameterOrigin::file("x.ini", entry.line));
    const std::vector<ParameterEcho> before = parameters.echo(), after = same.echo();
    for (std::size_t i = 0; i < before.size(); ++i)
      fuzz::require(before[i].value == after[i].value, "values read again are the same");
  });
  return 0;
}
