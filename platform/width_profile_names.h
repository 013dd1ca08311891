// Names that a width profile's file has for roles and forms of sign, in the order of their enumerations.
#pragma once

#include <string>
#include <vector>

namespace dpred {

inline const std::vector<std::string> role_names = {"activation", "weight", "depthwise-weight"};
inline const std::vector<std::string> sign_names = {"twos-complement", "sign-magnitude"};

}  // namespace dpred
