// CSV as RFC 4180 has it.
#pragma once

#include <string>
#include <string_view>

namespace dpred {

/// A field, quoted where it needs to be.
std::string csv_field(std::string_view text);

}  // namespace dpred
