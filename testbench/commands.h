// The subcommands of `dpred`: each takes the arguments behind its name and returns the exit status.
#pragma once

#include <string>
#include <vector>

namespace dpred {

/// 0: done. 1: a check failed. Bad usage or input is an InputError: exit status 2.
struct Command {
  const char* name;
  const char* usage;    ///< behind the name
  const char* summary;  ///< one line
  int (*run)(const std::vector<std::string>& arguments);
};

int run_command(const std::vector<std::string>& arguments);
int compress_command(const std::vector<std::string>& arguments);
int explain_command(const std::vector<std::string>& arguments);
int vectors_command(const std::vector<std::string>& arguments);
int memory_command(const std::vector<std::string>& arguments);
int params_command(const std::vector<std::string>& arguments);

const std::vector<Command>& commands();

}  // namespace dpred
