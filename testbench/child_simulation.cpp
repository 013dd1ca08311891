#include "testbench/child_simulation.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "platform/layer_actions.h"

namespace dpred {

namespace {

/// The numbers of a result, in one order for both directions; names and raw traffic are known to the parent.
template <class Visit>
void visit_numbers(RunResult& result, Visit&& visit) {
  visit(result.control_read_bytes);
  visit(result.fill_cycles);
  for (LayerResult& layer : result.layers) {
    visit(layer.traffic.activation_read_bytes);
    visit(layer.traffic.weight_read_bytes);
    visit(layer.traffic.output_write_bytes);
    visit(layer.traffic.output_read_bytes);
    for (std::size_t cause = 0; cause < cycle_causes; ++cause) {
      std::uint64_t cycles = layer.ledger.of(static_cast<CycleCause>(cause));
      const std::uint64_t before = cycles;
      visit(cycles);
      layer.ledger.charge(static_cast<CycleCause>(cause), cycles - before);
    }
    for (std::uint64_t& cycles : layer.array_cycles)
      visit(cycles);
    for (const ActionField& field : action_fields)
      visit(layer.actions.*field.member);
    auto binds = static_cast<std::uint64_t>(layer.binds);
    visit(binds);
    layer.binds = static_cast<Resource>(binds);
    auto next = static_cast<std::uint64_t>(layer.binds_next);
    visit(next);
    layer.binds_next = static_cast<Resource>(next);
  }
}

void write_all(int file, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno != EINTR) return;  // the parent is gone
    if (written > 0) done += static_cast<std::size_t>(written);
  }
}

std::string read_all(int file) {
  std::string bytes;
  char part[4096];
  for (;;) {
    const ssize_t count = ::read(file, part, sizeof part);
    if (count == 0) return bytes;
    if (count > 0) bytes.append(part, static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) return bytes;
  }
}

/// 'R' and the numbers, or 'E' and a message.
std::string run_and_pack(const Preparation& preparation) {
  try {
    SimulationOptions without_next;
    without_next.find_next = false;
    RunResult result = simulate(preparation, {}, without_next);
    std::string packed = "R";
    visit_numbers(result, [&](std::uint64_t& number) {
      packed.append(reinterpret_cast<const char*>(&number), sizeof number);
    });
    return packed;
  } catch (const std::exception& error) {
    return std::string("E") + error.what();
  }
}

}  // namespace

ChildSimulation::ChildSimulation(const Preparation& preparation) : preparation_(preparation) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw std::runtime_error(std::string("cannot start a process: ") + std::strerror(errno));
  }
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::close(ends[0]);
    write_all(ends[1], run_and_pack(preparation));
    // Not exit(): the parent's buffers and static objects are the parent's to flush and destroy.
    ::_exit(0);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

ChildSimulation::~ChildSimulation() {
  if (pipe_ >= 0) ::close(pipe_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

RunResult ChildSimulation::result() {
  const std::string packed = read_all(pipe_);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  if (packed.empty()) throw std::runtime_error("a simulation process ended without a result");
  if (packed[0] == 'E') throw std::runtime_error(packed.substr(1));
  RunResult result;
  for (const PreparedLayer& layer : preparation_.layers())
    result.layers.push_back(planned_row(layer, preparation_.point()));
  std::size_t at = 1;
  visit_numbers(result, [&](std::uint64_t& number) {
    if (at + sizeof number > packed.size())
      throw std::runtime_error("a simulation process's result is cut short");
    std::memcpy(&number, packed.data() + at, sizeof number);
    at += sizeof number;
  });
  const DesignPoint& point = preparation_.point();
  const EnergyModel energy(*point.energy, energy_point(point, preparation_.network().bits));
  for (LayerResult& layer : result.layers)
    layer.energy = energy.of(layer.actions);
  return result;
}

}  // namespace dpred
