// Counts x table, and the table's own lines.
#include "models/energy/energy_model.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

using namespace dpred;

namespace {

/// What one action costs, at banks of the reference size.
Energy of_one(std::uint64_t ActionCounts::*member, const EnergyPoint& point = {"lpddr4-3200", 8}) {
  ActionCounts counts;
  counts.*member = 1;
  return EnergyModel(EnergyTable(), point).of(counts);
}

}  // namespace

TEST_CASE("every line of the energy table names unit, technology and source") {
  const EnergyTable table;
  std::set<std::string> names;
  for (const EnergyLine& line : table.lines()) {
    CAPTURE(line.action);
    CHECK(names.insert(line.action).second);
    CHECK(line.picojoules > 0);
    CHECK(line.picojoules <= most_picojoules);
    CHECK_FALSE(line.unit.empty());
    CHECK_FALSE(line.technology.empty());
    CHECK(line.source.size() > 10);
    CHECK_FALSE(line.replaced);
    // What was derived or only heard of says so.
    const bool labelled = line.source.find("assumed") != std::string::npos ||
                          line.source.find("derived") != std::string::npos ||
                          line.source.find("not checked") != std::string::npos ||
                          line.source.find("lines above") != std::string::npos ||
                          line.source.find("public repository") != std::string::npos;
    CHECK(labelled);
  }
  CHECK_THROWS_AS(table.line("multiply"), std::logic_error);
}

TEST_CASE("derived lines of the energy table follow from the published ones") {
  const EnergyTable table;
  const auto pj = [&](const char* action) { return table.line(action).picojoules; };
  CHECK(pj("multiply_16") == Approx(4 * pj("multiply_8")));
  CHECK(8 * pj("serial_step_8") == Approx(pj("multiply_8")));
  CHECK(16 * pj("serial_step_16") == Approx(pj("multiply_16")));
  CHECK(64 * pj("bit_product") == Approx(pj("multiply_8")));
  CHECK(32 * pj("adder_bit") == Approx(0.1));
  for (const char* family : {"lpddr4", "ddr4", "hbm2", "other"}) {
    const std::string dram = std::string("dram_") + family;
    CHECK(pj((dram + "_low").c_str()) < pj((dram + "_high").c_str()));
    CHECK(pj((dram + "_low").c_str()) >= pj("dram_other_low"));
    CHECK(pj((dram + "_high").c_str()) <= pj("dram_other_high"));
  }
}

TEST_CASE("each action counts in one part, at its line's price") {
  const auto parts = [](const Energy& e) {
    return std::vector<double>{e.dram_low, e.dram_high, e.buffers, e.compute, e.codec, e.registers};
  };
  using Parts = std::vector<double>;
  const auto dram = parts(of_one(&ActionCounts::dram_weight_read_bits));
  CHECK(dram == Parts{4, 14, 0, 0, 0, 0});
  CHECK(parts(of_one(&ActionCounts::dram_activation_read_bits)) == dram);
  CHECK(parts(of_one(&ActionCounts::dram_output_write_bits)) == dram);
  CHECK(parts(of_one(&ActionCounts::dram_control_read_bits)) == dram);
  for (const auto member :
       {&ActionCounts::activation_buffer_read_bytes, &ActionCounts::activation_buffer_write_bytes,
        &ActionCounts::weight_buffer_read_bytes, &ActionCounts::weight_buffer_write_bytes,
        &ActionCounts::output_buffer_read_bytes, &ActionCounts::output_buffer_write_bytes})
    CHECK(parts(of_one(member)) == Parts{0, 0, 1.25, 0, 0, 0});
  CHECK(parts(of_one(&ActionCounts::multiplies)) == Parts{0, 0, 0, 0.2, 0, 0});
  CHECK(parts(of_one(&ActionCounts::serial_steps)) == Parts{0, 0, 0, 0.025, 0, 0});
  CHECK(parts(of_one(&ActionCounts::bit_products)) == Parts{0, 0, 0, 0.003125, 0, 0});
  CHECK(parts(of_one(&ActionCounts::adder_bits)) == Parts{0, 0, 0, 0.003125, 0, 0});
  CHECK(parts(of_one(&ActionCounts::register_bits)) == Parts{0, 0, 0, 0, 0, 0.009});
  CHECK(parts(of_one(&ActionCounts::decoded_bits)) == Parts{0, 0, 0, 0, 0.025, 0});
  CHECK(parts(of_one(&ActionCounts::encoded_bits)) == Parts{0, 0, 0, 0, 0.025, 0});
  CHECK(parts(of_one(&ActionCounts::detected_bits)) == Parts{0, 0, 0, 0, 0.0011, 0});
  for (const auto member :
       {&ActionCounts::activation_groups, &ActionCounts::weight_groups, &ActionCounts::output_groups})
    CHECK(parts(of_one(member)) == Parts{0, 0, 0, 0, 0.1, 0});
  CHECK(of_one(&ActionCounts::multiplies, {"ddr4-2400", 16}).compute == 0.8);
  CHECK(of_one(&ActionCounts::serial_steps, {"ddr4-2400", 16}).compute == 0.05);
}

TEST_CASE("a memory is priced by its family") {
  const auto price = [](const char* memory) {
    const Energy energy = of_one(&ActionCounts::dram_output_write_bits, {memory, 8});
    return std::make_pair(energy.dram_low, energy.dram_high);
  };
  CHECK(price("lpddr4-3200") == std::make_pair(4.0, 14.0));
  CHECK(price("ddr4-2400") == std::make_pair(4.5, 20.0));
  CHECK(price("hbm2") == std::make_pair(3.9, 7.0));
  CHECK(price("ideal") == std::make_pair(3.9, 20.0));
  CHECK(price("ddr45") == std::make_pair(3.9, 20.0));
}

TEST_CASE("an access costs with the square root of its bank's capacity") {
  EnergyPoint point{"hbm2", 8};
  point.weight_bank = 4 * 8192;
  point.activation_bank = 8192.0 / 16;
  ActionCounts counts;
  counts.weight_buffer_read_bytes = 10;
  CHECK(EnergyModel(EnergyTable(), point).of(counts).buffers == Approx(25));
  counts.activation_buffer_write_bytes = 100;
  CHECK(EnergyModel(EnergyTable(), point).of(counts).buffers == Approx(25 + 31.25));
  // The published figures: 10, 20 and 100 pJ for 64 bits of 8 KB, 32 KB and 1 MB.
  for (const auto& [kilobytes, published] :
       {std::make_pair(8, 10), std::make_pair(32, 20), std::make_pair(1024, 100)}) {
    CHECK(8 * 1.25 * std::sqrt(kilobytes / 8.0) == Approx(published).epsilon(0.14));
  }

  CHECK(bank_bytes(262144, 0, 1024) == 4096);
  CHECK(bank_bytes(262144, 0, 1025) == Approx(262144.0 / 65));
  CHECK(bank_bytes(262144, 0, 0) == 262144);
  CHECK(bank_bytes(262144, 8, 1024) == 32768);
  CHECK(bank_bytes(64, 0, 1024) == 16);
}

TEST_CASE("totals are the sums of parts, and of layers") {
  ActionCounts counts;
  std::uint64_t n = 1;
  for (const ActionField& field : action_fields)
    counts.*field.member = n += 1000;
  const EnergyModel model(EnergyTable(), {"lpddr4-3200", 16});
  const Energy energy = model.of(counts);
  const double on_chip = energy.buffers + energy.compute + energy.codec + energy.registers;
  CHECK(energy.total_low() == Approx(energy.dram_low + on_chip));
  CHECK(energy.total_high() == Approx(energy.dram_high + on_chip));

  ActionCounts twice = counts;
  twice += counts;
  for (const ActionField& field : action_fields)
    CHECK(twice.*field.member == 2 * (counts.*field.member));
  Energy sum = energy;
  sum += energy;
  const Energy of_twice = model.of(twice);
  for (const EnergyField& field : energy_fields)
    CHECK(field.of(sum) == Approx(field.of(of_twice)));
}

TEST_CASE("a replaced line counts, and says whose it is") {
  EnergyTable table;
  table.replace("bit_product", 7, "7 nm", "own");
  CHECK(table.line("bit_product").replaced);
  CHECK(table.line("bit_product").source == "own");
  ActionCounts counts;
  counts.bit_products = 3;
  CHECK(EnergyModel(table, {"hbm2", 8}).of(counts).compute == 21);
  const std::vector<std::string> read = EnergyModel::lines_read(table, {"hbm2", 8});
  const std::set<std::string> lines(read.begin(), read.end());
  CHECK(lines.count("dram_hbm2_low") == 1);
  CHECK(lines.count("dram_ddr4_low") == 0);
  CHECK(lines.count("multiply_8") == 1);
  CHECK(lines.count("serial_step_16") == 0);
  CHECK(lines.count("bit_product") == 1);
}
