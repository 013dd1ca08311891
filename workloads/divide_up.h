// Division of counts that rounds up.
#pragma once

namespace dpred {

/// ceil(a / b) for a >= 0, b > 0.
template <class T>
constexpr T divide_up(T a, T b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

}  // namespace dpred
