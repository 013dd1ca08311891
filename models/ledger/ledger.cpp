#include "models/ledger/ledger.h"

#include <numeric>
#include <optional>

namespace dpred {

std::string_view to_string(CycleCause cause) {
  switch (cause) {
    case CycleCause::compute:
      return "compute";
    case CycleCause::stall_activation:
      return "stall_activation";
    case CycleCause::stall_weight:
      return "stall_weight";
    case CycleCause::stall_output:
      return "stall_output";
    case CycleCause::stall_codec:
      return "stall_codec";
    case CycleCause::overhead:
      break;
  }
  return "overhead";
}

std::string_view to_string(Resource resource) {
  switch (resource) {
    case Resource::compute:
      return "compute";
    case Resource::dram:
      return "dram";
    case Resource::codec:
      return "codec";
    case Resource::overhead:
      break;
  }
  return "overhead";
}

Resource resource_of(CycleCause cause) {
  switch (cause) {
    case CycleCause::compute:
      return Resource::compute;
    case CycleCause::stall_codec:
      return Resource::codec;
    case CycleCause::overhead:
      return Resource::overhead;
    case CycleCause::stall_activation:
    case CycleCause::stall_weight:
    case CycleCause::stall_output:
      break;
  }
  return Resource::dram;
}

std::uint64_t Ledger::of(Resource resource) const {
  std::uint64_t cycles = 0;
  for (std::size_t i = 0; i < cycle_causes; ++i) {
    if (resource_of(static_cast<CycleCause>(i)) == resource) cycles += cycles_[i];
  }
  return cycles;
}

std::uint64_t Ledger::total() const {
  return std::accumulate(cycles_.begin(), cycles_.end(), std::uint64_t{0});
}

namespace {

Resource largest(const Ledger& ledger, std::optional<Resource> left_out) {
  std::optional<Resource> best;
  for (std::size_t i = 0; i < resources; ++i) {
    const auto resource = static_cast<Resource>(i);
    if (resource == left_out) continue;
    if (!best || ledger.of(resource) > ledger.of(*best)) best = resource;
  }
  return *best;
}

}  // namespace

Resource Ledger::binds() const {
  return largest(*this, std::nullopt);
}

Resource Ledger::binds_without(Resource ideal) const {
  return largest(*this, ideal);
}

Ledger& Ledger::operator+=(const Ledger& other) {
  for (std::size_t i = 0; i < cycle_causes; ++i)
    cycles_[i] += other.cycles_[i];
  return *this;
}

}  // namespace dpred
