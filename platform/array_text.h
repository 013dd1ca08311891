// Where the array's cycles go, in words for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "models/array/utilisation.h"
#include "platform/preparation.h"

namespace dpred {

/// What is useful, the three largest other causes, and the rest: at most 90 columns.
std::string array_line(const ArrayCycles& cycles);

struct ArrayRow {
  std::size_t number = 0;  ///< of the layer, from 1
  std::string name;
  ArrayCycles cycles{};
};

/// A table of shares with a row a layer and their sum, at most 100 columns, and a sentence on the parameters
/// that the largest loss calls for.
std::string array_table(const std::vector<ArrayRow>& rows, const DesignPoint& point);

}  // namespace dpred
