// Runs a program and collects what it leaves behind.
//
//   ProcessOptions options;
//   options.arguments = {"/usr/bin/dpred", "--version"};
//   const ProcessResult result = run_process(options);       // result.status, result.out, result.err
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace dpred::test {

struct ProcessOptions {
  std::vector<std::string> arguments;              ///< the program's path first
  std::map<std::string, std::string> environment;  ///< added to this process's
  std::filesystem::path directory;                 ///< to work in; empty: this process's
  std::filesystem::path standard_output;           ///< opened for it; empty: captured
  std::optional<uid_t> user;                       ///< and group, taken on for good; needs root
  std::function<void()> before_exec;               ///< last thing in the new process
  std::chrono::seconds timeout{120};               ///< killed after it: a hang must not hang the tests
};

struct ProcessResult {
  int status = -1;  ///< exit status, or -1 where it was killed
  int signal = 0;   ///< that killed it
  bool timed_out = false;
  std::string out, err;
};

[[noreturn]] inline void fail_with_errno(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Turns this process into one of an unprivileged user.
inline void become_user(uid_t user) {
  if (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0) fail_with_errno("change of user");
  // Otherwise /proc/self stays root's and no user namespace can be made.
  prctl(PR_SET_DUMPABLE, 1);
}

namespace process_detail {

class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) fail_with_errno("pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_end(int end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  int ends_[2];
};

inline std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : added)
    all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all)
    lines.push_back(name + "=" + value);
  return lines;
}

inline std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

[[noreturn]] inline void become_program(const ProcessOptions& options, const Pipe& out, const Pipe& err,
                                        int report) {
  try {
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int output = options.standard_output.empty()
                           ? out.writer()
                           : open(options.standard_output.c_str(), O_WRONLY | O_CLOEXEC);
    if (input < 0 || output < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(err.writer(), 2) < 0)
      fail_with_errno("standard streams");
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0)
      fail_with_errno("working directory");
    if (options.user) become_user(*options.user);
    std::vector<std::string> arguments = options.arguments;
    std::vector<std::string> environment = merged_environment(options.environment);
    if (options.before_exec) options.before_exec();
    execve(arguments.at(0).c_str(), pointers(arguments).data(), pointers(environment).data());
    fail_with_errno(arguments.at(0));
  } catch (const std::exception& error) {
    const ssize_t ignored = write(report, error.what(), std::strlen(error.what()));
    static_cast<void>(ignored);
  }
  _exit(127);
}

inline std::string read_to_end(int file) {
  std::string bytes;
  char part[4096];
  for (;;) {
    const ssize_t count = read(file, part, sizeof part);
    if (count == 0) return bytes;
    if (count > 0) bytes.append(part, static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) fail_with_errno("read");
  }
}

}  // namespace process_detail

/// Standard input is /dev/null. std::runtime_error where the program can't be started.
inline ProcessResult run_process(const ProcessOptions& options) {
  using Clock = std::chrono::steady_clock;
  process_detail::Pipe out, err, report;
  const pid_t child = fork();
  if (child < 0) fail_with_errno("fork");
  if (child == 0) process_detail::become_program(options, out, err, report.writer());
  setpgid(child, child);  // here as well: whoever comes first
  out.close_end(1);
  err.close_end(1);
  report.close_end(1);

  ProcessResult result;
  const auto deadline = Clock::now() + options.timeout;
  pollfd files[2] = {{out.reader(), POLLIN, 0}, {err.reader(), POLLIN, 0}};
  std::string* const texts[2] = {&result.out, &result.err};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 && !result.timed_out) {
      result.timed_out = true;
      kill(-child, SIGKILL);
    }
    if (poll(files, 2, result.timed_out ? 1000 : static_cast<int>(left)) < 0 && errno != EINTR)
      fail_with_errno("poll");
    for (int i = 0; i < 2; ++i) {
      if (files[i].fd < 0 || files[i].revents == 0) continue;
      char part[65536];
      const ssize_t count = read(files[i].fd, part, sizeof part);
      if (count > 0) texts[i]->append(part, static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) files[i].fd = -1;
    }
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail_with_errno("waitpid");
  }
  const std::string problem = process_detail::read_to_end(report.reader());
  if (!problem.empty()) throw std::runtime_error("cannot start the program: " + problem);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

/// Runs `body` in a forked process, for what can't be undone in this one (namespaces, users), and returns the
/// text that it returns. std::runtime_error where it throws.
inline std::string in_forked_process(const std::function<std::string()>& body) {
  process_detail::Pipe pipe;
  const pid_t child = fork();
  if (child < 0) fail_with_errno("fork");
  if (child == 0) {
    std::string packed;
    try {
      packed = "R" + body();
    } catch (const std::exception& error) {
      packed = std::string("E") + error.what();
    }
    for (std::size_t done = 0; done < packed.size();) {
      const ssize_t count = write(pipe.writer(), packed.data() + done, packed.size() - done);
      if (count < 0 && errno != EINTR) _exit(1);
      if (count > 0) done += static_cast<std::size_t>(count);
    }
    _exit(0);
  }
  pipe.close_end(1);
  const std::string packed = process_detail::read_to_end(pipe.reader());
  waitpid(child, nullptr, 0);
  if (packed.empty() || packed[0] != 'R')
    throw std::runtime_error("in a forked process: " + packed.substr(packed.empty() ? 0 : 1));
  return packed.substr(1);
}

}  // namespace dpred::test
