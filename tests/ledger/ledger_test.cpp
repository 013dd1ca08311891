// The ledger: every cycle is charged once.
#include "models/ledger/ledger.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace dpred;

namespace {

constexpr CycleCause every_cause[] = {CycleCause::compute,      CycleCause::stall_activation,
                                      CycleCause::stall_weight, CycleCause::stall_output,
                                      CycleCause::stall_codec,  CycleCause::overhead};

Ledger ledger(std::uint64_t compute, std::uint64_t activation, std::uint64_t weight, std::uint64_t output,
              std::uint64_t codec, std::uint64_t overhead) {
  Ledger l;
  l.charge(CycleCause::compute, compute);
  l.charge(CycleCause::stall_activation, activation);
  l.charge(CycleCause::stall_weight, weight);
  l.charge(CycleCause::stall_output, output);
  l.charge(CycleCause::stall_codec, codec);
  l.charge(CycleCause::overhead, overhead);
  return l;
}

}  // namespace

TEST_CASE("charges add up by cause, by resource and in total") {
  CHECK(Ledger().total() == 0);
  Ledger l = ledger(1, 20, 300, 4000, 50000, 600000);
  l.charge(CycleCause::stall_weight, 7);
  CHECK(l.of(CycleCause::compute) == 1);
  CHECK(l.of(CycleCause::stall_activation) == 20);
  CHECK(l.of(CycleCause::stall_weight) == 307);
  CHECK(l.of(CycleCause::stall_output) == 4000);
  CHECK(l.of(CycleCause::stall_codec) == 50000);
  CHECK(l.of(CycleCause::overhead) == 600000);
  CHECK(l.of(Resource::compute) == 1);
  CHECK(l.of(Resource::dram) == 4327);
  CHECK(l.of(Resource::codec) == 50000);
  CHECK(l.of(Resource::overhead) == 600000);
  CHECK(l.total() == 654328);
  std::uint64_t sum = 0;
  for (const CycleCause cause : every_cause)
    sum += l.of(cause);
  CHECK(sum == l.total());

  Ledger twice = l;
  CHECK(&(twice += l) == &twice);
  for (const CycleCause cause : every_cause)
    CHECK(twice.of(cause) == 2 * l.of(cause));
}

TEST_CASE("the largest share binds; a tie goes to the first in order") {
  CHECK(Ledger().binds() == Resource::compute);
  CHECK(ledger(5, 2, 2, 2, 5, 5).binds() == Resource::dram);  // 6: the three operands count together
  CHECK(ledger(6, 2, 2, 2, 5, 5).binds() == Resource::compute);
  CHECK(ledger(0, 1, 1, 1, 3, 3).binds() == Resource::dram);
  CHECK(ledger(0, 1, 1, 0, 3, 3).binds() == Resource::codec);
  CHECK(ledger(0, 0, 0, 0, 0, 1).binds() == Resource::overhead);

  const Ledger l = ledger(9, 1, 1, 1, 2, 3);
  CHECK(l.binds_without(Resource::compute) == Resource::dram);
  CHECK(l.binds_without(Resource::dram) == Resource::compute);
  CHECK(l.binds_without(Resource::overhead) == Resource::compute);
  CHECK(Ledger().binds_without(Resource::compute) == Resource::dram);
  CHECK(ledger(0, 0, 0, 0, 1, 1).binds_without(Resource::codec) == Resource::overhead);
}

TEST_CASE("causes and resources have names of their own") {
  CHECK(std::size(every_cause) == cycle_causes);
  std::set<std::string_view> names;
  for (const CycleCause cause : every_cause)
    names.insert(to_string(cause));
  CHECK(names == std::set<std::string_view>{"compute", "stall_activation", "stall_weight", "stall_output",
                                            "stall_codec", "overhead"});
  CHECK(to_string(CycleCause::stall_output) == "stall_output");
  CHECK(to_string(CycleCause::stall_codec) == "stall_codec");
  CHECK(to_string(Resource::compute) == "compute");
  CHECK(to_string(Resource::dram) == "dram");
  CHECK(to_string(Resource::codec) == "codec");
  CHECK(to_string(Resource::overhead) == "overhead");
  CHECK(resource_of(CycleCause::compute) == Resource::compute);
  CHECK(resource_of(CycleCause::stall_activation) == Resource::dram);
  CHECK(resource_of(CycleCause::stall_weight) == Resource::dram);
  CHECK(resource_of(CycleCause::stall_output) == Resource::dram);
  CHECK(resource_of(CycleCause::stall_codec) == Resource::codec);
  CHECK(resource_of(CycleCause::overhead) == Resource::overhead);
}
