#include "platform/check.h"

#include <fmt/format.h>

#include <cstddef>
#include <vector>

#include "models/array/plain_convolution.h"
#include "workloads/error.h"

namespace dpred {

namespace {

/// An output: its place among the accumulators, and in the order of a tensor (N,K,OH,OW).
struct Output {
  std::size_t accumulator = 0;
  std::int64_t in_tensor = 0;
};

/// The first output, in the order of a tensor, of which `wrong(output, state)` holds.
template <class Wrong>
std::optional<Output> find_first(const LayerShape& shape, const ComputedLayer& computed, Wrong&& wrong) {
  std::optional<Output> first;
  const std::vector<std::uint8_t>& states = computed.accumulators.states;
  const std::int64_t plane = shape.OH * shape.OW;
  Output output;
  // Before a layer begins, what is there is that of the one before, or nothing.
  const bool of_this_layer = states.size() == static_cast<std::size_t>(shape.N * plane * shape.K);
  for (std::int64_t n = 0; n < shape.N && of_this_layer; ++n) {
    for (std::int64_t position = 0; position < plane; ++position) {
      output.in_tensor = n * shape.K * plane + position;
      for (std::int64_t k = 0; k < shape.K; ++k, ++output.accumulator, output.in_tensor += plane) {
        const std::uint8_t state = states[output.accumulator];
        if (!wrong(output, state)) continue;
        if (!first || output.in_tensor < first->in_tensor) first = output;
      }
    }
  }
  return first;
}

std::string place(const LayerShape& shape, std::int64_t in_tensor) {
  const std::int64_t plane = shape.OH * shape.OW;
  return fmt::format("n {}, k {}, y {}, x {}", in_tensor / plane / shape.K, in_tensor / plane % shape.K,
                     in_tensor % plane / shape.OW, in_tensor % shape.OW);
}

std::string place(const Layer& layer, std::int64_t in_tensor) {
  return fmt::format("layer '{}', {}", printable(layer.name), place(layer.shape, in_tensor));
}

bool overflowed(const Output&, std::uint8_t state) {
  return (state & Accumulators::overflowed) != 0;
}

}  // namespace

std::optional<std::string> find_wrong_code(const Network& network, const Layer& layer,
                                           const ComputedLayer& computed) {
  if (network.bits == 8) {
    const auto lost = find_first(layer.shape, computed, overflowed);
    if (lost) return place(layer, lost->in_tensor) + ": accumulator: got an overflow of 32 bits, want none";
  }
  if (computed.codes.empty()) return std::nullopt;
  const Tensor& recorded = network.tensor(layer.output);
  const auto wrong = find_first(layer.shape, computed, [&](const Output& output, std::uint8_t state) {
    return state != 0 && computed.codes[output.accumulator] != recorded.code(output.in_tensor);
  });
  if (!wrong) return std::nullopt;
  return fmt::format("{}: code: got {}, want {}", place(layer, wrong->in_tensor),
                     computed.codes[wrong->accumulator], recorded.code(wrong->in_tensor));
}

std::optional<std::string> find_wrong_accumulator(const Network& network, const Layer& layer,
                                                  const ComputedLayer& computed, bool finished) {
  const std::vector<std::int64_t> want =
      plain_convolution(layer.shape, network.tensor(layer.input), network.tensor(layer.weight));
  const std::vector<std::int32_t>& sums = computed.accumulators.sums;
  const auto wrong = find_first(layer.shape, computed, [&](const Output& output, std::uint8_t state) {
    const std::size_t i = output.accumulator;
    if (state == 0) return finished;
    if (sums[i] == want[i]) return false;
    const auto kept = static_cast<std::uint32_t>(static_cast<std::uint64_t>(want[i]));
    return network.bits == 8 || !overflowed(output, state) || static_cast<std::uint32_t>(sums[i]) != kept;
  });
  if (!wrong) return std::nullopt;
  const std::int64_t right = want[wrong->accumulator];
  if (computed.accumulators.states[wrong->accumulator] == 0)
    return fmt::format("{}: accumulator: got none, want {}", place(layer, wrong->in_tensor), right);
  const bool fits = right == static_cast<std::int32_t>(right);
  return fmt::format("{}: accumulator: got {}, want {}{}", place(layer, wrong->in_tensor),
                     sums[wrong->accumulator], right, fits ? "" : ", which overflows 32 bits");
}

void count_checked(const Layer& layer, const ComputedLayer& computed, CheckCounts& counts) {
  ++(computed.codes.empty() ? counts.layers_by_accumulators : counts.layers_by_codes);
  counts.accumulators += computed.accumulators.sums.size();
  counts.codes += computed.codes.size();
  const std::uint64_t before = counts.overflows;
  const auto first = find_first(layer.shape, computed, [&](const Output& output, std::uint8_t state) {
    counts.overflows += overflowed(output, state);
    return overflowed(output, state);
  });
  if (before > 0 || !first) return;
  counts.overflow_layer = layer.name;
  counts.overflow_place = place(layer.shape, first->in_tensor);
}

}  // namespace dpred
