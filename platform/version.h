// The version of the program, as CMakeLists.txt has it.
#pragma once

namespace dpred {

const char* version();

}  // namespace dpred
