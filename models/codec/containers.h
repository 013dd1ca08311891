// Container codes as they lie in memory, seen as numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

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

/// to[i] = from[i] + addend modulo 2^bits, of `count` containers or codes: a zero point more is a code, one
/// less a container. `from` and `to` may be the same.
inline void add_to_containers(int bits, const std::uint8_t* from, std::size_t count, std::int32_t addend,
                              std::uint8_t* to) {
  const auto add = [&](const auto* values, auto* sums) {
    for (std::size_t i = 0; i < count; ++i)
      sums[i] = static_cast<std::decay_t<decltype(*sums)>>(values[i] + addend);
  };
  if (bits == 8) return add(from, to);
  add(reinterpret_cast<const std::uint16_t*>(from), reinterpret_cast<std::uint16_t*>(to));
}

}  // namespace dpred
