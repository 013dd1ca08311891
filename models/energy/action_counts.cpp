#include "models/energy/action_counts.h"

namespace dpred {

ActionCounts& ActionCounts::operator+=(const ActionCounts& other) {
  for (const ActionField& field : action_fields)
    this->*field.member += other.*field.member;
  return *this;
}

}  // namespace dpred
