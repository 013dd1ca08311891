// A simulation in a process of its own: SystemC has one simulation a process.
#pragma once

#include "platform/run.h"

namespace dpred {

/// Starts simulate(), without binds_next, in a forked process, which shares what is loaded. To be made before
/// this process's own first SystemC object.
class ChildSimulation {
 public:
  explicit ChildSimulation(const Preparation& preparation);
  ~ChildSimulation();
  ChildSimulation(const ChildSimulation&) = delete;
  ChildSimulation& operator=(const ChildSimulation&) = delete;

  /// Waits for it. std::runtime_error with what went wrong in the child.
  RunResult result();

 private:
  const Preparation& preparation_;
  int pid_ = -1;
  int pipe_ = -1;
};

}  // namespace dpred
