// Networks that are measured as a whole: trace sets of 16-bit values from fixed seeds, in folders.
#pragma once

#include <cstdint>
#include <filesystem>

namespace dpred::bench {

/// AlexNet's eight layers, convolutions grouped: 61 M weights and 0.9 M activations, 124 MB. Widths of
/// activations are profiled to 7 to 9 bits, those of weights to 9 to 11. The folder must exist.
void write_alexnet(const std::filesystem::path& folder);

/// A convolution, one of a channel each, one of 1 x 1 and two fully connected layers, of which all values,
/// multiplications and bytes grow with `scale`, a power of 4 (but for those of the small kernels).
inline constexpr double scaled_values = 0.88e6;  ///< of it at 1
void write_scaled_network(const std::filesystem::path& folder, std::int64_t scale);

}  // namespace dpred::bench
