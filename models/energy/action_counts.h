// What a layer makes the hardware do, counted: the half of an energy model that doesn't depend on technology.
// Stated in docs/contracts.md, "Energy".
#pragma once

#include <array>
#include <cstdint>

namespace dpred {

/// Actions of a layer. What a design has no use for is 0. Nothing here depends on the memory's speed, nor on
/// how time is found.
struct ActionCounts {
  // Bits across the memory socket.
  std::uint64_t dram_activation_read_bits = 0;
  std::uint64_t dram_weight_read_bits = 0;
  std::uint64_t dram_output_write_bits = 0;  ///< partial sums included
  std::uint64_t dram_output_read_bits = 0;   ///< partial sums
  std::uint64_t dram_control_read_bits = 0;  ///< the layer's descriptor

  // Bytes at the ports of the buffers.
  std::uint64_t activation_buffer_read_bytes = 0;
  std::uint64_t activation_buffer_write_bytes = 0;
  std::uint64_t weight_buffer_read_bytes = 0;
  std::uint64_t weight_buffer_write_bytes = 0;
  std::uint64_t output_buffer_read_bytes = 0;
  std::uint64_t output_buffer_write_bytes = 0;

  // Multiplying, by what a design's lane does at a time.
  std::uint64_t multiplies = 0;    ///< bit-parallel: whole values
  std::uint64_t serial_steps = 0;  ///< a bit of an activation with a whole weight
  std::uint64_t bit_products = 0;  ///< loom kind: a bit of an activation with a bit of a weight
  std::uint64_t adder_bits = 0;    ///< bits of additions that these don't include

  std::uint64_t register_bits = 0;  ///< written to registers of operands and accumulators

  // Bits of values, at their container's width.
  std::uint64_t decoded_bits = 0;
  std::uint64_t encoded_bits = 0;
  std::uint64_t detected_bits = 0;  ///< that the widths of groups or bricks are found in
  // Groups of these.
  std::uint64_t activation_groups = 0;
  std::uint64_t weight_groups = 0;
  std::uint64_t output_groups = 0;

  ActionCounts& operator+=(const ActionCounts& other);
};

/// A count and its name in results.
struct ActionField {
  const char* name;
  std::uint64_t ActionCounts::*member;
};

/// All counts, in the order above.
inline constexpr std::array<ActionField, 22> action_fields = {{
    {"dram_activation_read_bits", &ActionCounts::dram_activation_read_bits},
    {"dram_weight_read_bits", &ActionCounts::dram_weight_read_bits},
    {"dram_output_write_bits", &ActionCounts::dram_output_write_bits},
    {"dram_output_read_bits", &ActionCounts::dram_output_read_bits},
    {"dram_control_read_bits", &ActionCounts::dram_control_read_bits},
    {"activation_buffer_read_bytes", &ActionCounts::activation_buffer_read_bytes},
    {"activation_buffer_write_bytes", &ActionCounts::activation_buffer_write_bytes},
    {"weight_buffer_read_bytes", &ActionCounts::weight_buffer_read_bytes},
    {"weight_buffer_write_bytes", &ActionCounts::weight_buffer_write_bytes},
    {"output_buffer_read_bytes", &ActionCounts::output_buffer_read_bytes},
    {"output_buffer_write_bytes", &ActionCounts::output_buffer_write_bytes},
    {"multiplies", &ActionCounts::multiplies},
    {"serial_steps", &ActionCounts::serial_steps},
    {"bit_products", &ActionCounts::bit_products},
    {"adder_bits", &ActionCounts::adder_bits},
    {"register_bits", &ActionCounts::register_bits},
    {"decoded_bits", &ActionCounts::decoded_bits},
    {"encoded_bits", &ActionCounts::encoded_bits},
    {"detected_bits", &ActionCounts::detected_bits},
    {"activation_groups", &ActionCounts::activation_groups},
    {"weight_groups", &ActionCounts::weight_groups},
    {"output_groups", &ActionCounts::output_groups},
}};
// A count that the list lacks would be lost in sums and results.
static_assert(sizeof(ActionCounts) == action_fields.size() * sizeof(std::uint64_t));

}  // namespace dpred
