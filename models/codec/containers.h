// Container codes as they lie in memory, seen as numbers.
#pragma once

#include <cstdint>

namespace dpred {

/// Calls visit(const Value* values) with the unsigned type that has the containers' size.
template <class Visit>
decltype(auto) visit_containers(int bits, const std::uint8_t* containers, Visit&& visit) {
  if (bits == 8) return visit(containers);
  return visit(reinterpret_cast<const std::uint16_t*>(containers));
}

/// Calls visit(Value* values) likewise.
template <class Visit>
decltype(auto) visit_containers(int bits, std::uint8_t* containers, Visit&& visit) {
  if (bits == 8) return visit(containers);
  return visit(reinterpret_cast<std::uint16_t*>(containers));
}

}  // namespace dpred
