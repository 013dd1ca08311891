#include "models/energy/energy_model.h"

#include <algorithm>
#include <cmath>

#include "workloads/divide_up.h"

namespace dpred {

namespace {

/// "dram_" and the family of a memory: the first part of its name if the table has lines for it, else
/// "other".
std::string dram_lines(const EnergyTable& table, const std::string& memory) {
  const std::string family = "dram_" + memory.substr(0, memory.find('-'));
  for (const EnergyLine& line : table.lines()) {
    if (line.action == family + "_low") return family;
  }
  return "dram_other";
}

std::string by_width(const char* action, int bits) {
  return std::string(action) + (bits == 8 ? "_8" : "_16");
}

}  // namespace

Energy& Energy::operator+=(const Energy& other) {
  dram_low += other.dram_low;
  dram_high += other.dram_high;
  buffers += other.buffers;
  compute += other.compute;
  codec += other.codec;
  registers += other.registers;
  return *this;
}

double bank_bytes(std::uint64_t capacity, std::int64_t banks, std::uint64_t at_once) {
  const std::uint64_t count = banks > 0 ? static_cast<std::uint64_t>(banks)
                                        : std::max<std::uint64_t>(divide_up(at_once, energy_word_bytes), 1);
  return std::max(static_cast<double>(capacity) / static_cast<double>(count),
                  static_cast<double>(energy_word_bytes));
}

EnergyModel::EnergyModel(const EnergyTable& table, const EnergyPoint& point) {
  const auto cost = [&](const std::string& action) { return table.line(action).picojoules; };
  const auto scale = [](double bank) { return std::sqrt(bank / sram_reference_bytes); };
  const std::string dram = dram_lines(table, point.memory);
  dram_low_ = cost(dram + "_low");
  dram_high_ = cost(dram + "_high");
  activation_read_ = cost("sram_read") * scale(point.activation_bank);
  activation_write_ = cost("sram_write") * scale(point.activation_bank);
  weight_read_ = cost("sram_read") * scale(point.weight_bank);
  weight_write_ = cost("sram_write") * scale(point.weight_bank);
  output_read_ = cost("sram_read") * scale(point.output_bank);
  output_write_ = cost("sram_write") * scale(point.output_bank);
  multiply_ = cost(by_width("multiply", point.bits));
  serial_step_ = cost(by_width("serial_step", point.bits));
  bit_product_ = cost("bit_product");
  adder_bit_ = cost("adder_bit");
  register_bit_ = cost("register_bit");
  decode_bit_ = cost("decode_bit");
  encode_bit_ = cost("encode_bit");
  detect_bit_ = cost("detect_bit");
  codec_group_ = cost("codec_group");
}

std::vector<std::string> EnergyModel::lines_read(const EnergyTable& table, const EnergyPoint& point) {
  const std::string dram = dram_lines(table, point.memory);
  std::vector<std::string> read;
  for (const EnergyLine& line : table.lines()) {
    const bool of_memory = line.action.rfind("dram_", 0) == 0;
    const bool of_width = line.action.rfind("multiply_", 0) == 0 || line.action.rfind("serial_step_", 0) == 0;
    if (of_memory && line.action != dram + "_low" && line.action != dram + "_high") continue;
    if (of_width && line.action != by_width("multiply", point.bits) &&
        line.action != by_width("serial_step", point.bits))
      continue;
    read.push_back(line.action);
  }
  return read;
}

Energy EnergyModel::of(const ActionCounts& counts) const {
  const auto times = [](std::uint64_t count, double cost) { return static_cast<double>(count) * cost; };
  const std::uint64_t dram_bits = counts.dram_activation_read_bits + counts.dram_weight_read_bits +
                                  counts.dram_output_write_bits + counts.dram_output_read_bits +
                                  counts.dram_control_read_bits;
  Energy energy;
  energy.dram_low = times(dram_bits, dram_low_);
  energy.dram_high = times(dram_bits, dram_high_);
  energy.buffers = times(counts.activation_buffer_read_bytes, activation_read_) +
                   times(counts.activation_buffer_write_bytes, activation_write_) +
                   times(counts.weight_buffer_read_bytes, weight_read_) +
                   times(counts.weight_buffer_write_bytes, weight_write_) +
                   times(counts.output_buffer_read_bytes, output_read_) +
                   times(counts.output_buffer_write_bytes, output_write_);
  energy.compute = times(counts.multiplies, multiply_) + times(counts.serial_steps, serial_step_) +
                   times(counts.bit_products, bit_product_) + times(counts.adder_bits, adder_bit_);
  energy.codec = times(counts.decoded_bits, decode_bit_) + times(counts.encoded_bits, encode_bit_) +
                 times(counts.detected_bits, detect_bit_) +
                 times(counts.activation_groups + counts.weight_groups + counts.output_groups, codec_group_);
  energy.registers = times(counts.register_bits, register_bit_);
  return energy;
}

}  // namespace dpred
