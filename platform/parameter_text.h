// How parameters are spoken of: in errors, help and listings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/parameters.h"

namespace dpred {

/// `1..1024`, the choices (`, or FILE.ini`), or `text`, without the unit.
std::string allowed_text(const ParameterSpec& spec);
/// `text` and the parameter's unit.
std::string with_unit(const std::string& text, const ParameterSpec& spec);
/// ` (did you mean '<prefix><name>'?)` with the name that the user may have meant: the same one in the right
/// section, or the nearest; empty where there is none.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& names,
                         std::string_view prefix);

}  // namespace dpred
