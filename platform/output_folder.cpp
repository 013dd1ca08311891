#include "platform/output_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "workloads/error.h"

namespace dpred {

namespace fs = std::filesystem;

namespace {

std::string problem(const fs::path& path, int error) {
  return "cannot write '" + printable(path.string()) + "': " + std::strerror(error);
}

[[noreturn]] void fail(const fs::path& path, int error) {
  throw InputError(problem(path, error));
}

/// Creates `path` with `contents`, synchronised to the disk. Returns 0, or the error after which it is
/// removed.
int write_file(const fs::path& path, const std::string& contents) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return errno;
  int error = 0;
  std::size_t done = 0;
  while (done < contents.size() && error == 0) {
    const ssize_t written = ::write(file, contents.data() + done, contents.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(file) != 0 && errno != EINVAL) error = errno;
  if (::close(file) != 0 && error == 0) error = errno;
  if (error != 0) ::unlink(path.c_str());
  return error;
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& folder) : folder_(folder) {
  try {
    make();
    const fs::path probe = folder_ / (".dpred-probe-" + std::to_string(::getpid()));
    if (const int error = write_file(probe, "x")) fail(folder_, error);
    ::unlink(probe.c_str());
  } catch (...) {
    remove_made();
    throw;
  }
}

OutputFolder::~OutputFolder() {
  if (!committed_) remove_made();
}

void OutputFolder::make() {
  if (folder_.empty()) fail(folder_, ENOENT);
  fs::path path;
  for (const fs::path& part : folder_) {
    if (part.empty()) continue;  // behind a slash at the end
    path /= part;
    std::error_code error;
    if (fs::is_directory(path, error)) continue;
    if (fs::exists(path, error)) fail(folder_, ENOTDIR);
    if (::mkdir(path.c_str(), 0777) == 0) {
      made_.push_back(path);
    } else if (errno != EEXIST || !fs::is_directory(path, error)) {
      fail(folder_, errno);
    }
  }
}

void OutputFolder::remove_made() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path)
    ::rmdir(path->c_str());
  made_.clear();
}

std::string OutputFolder::commit(const std::map<std::string, std::string>& contents_by_name) {
  std::vector<std::pair<fs::path, fs::path>> renames;
  const auto give_up = [&renames](const fs::path& path, int error) {
    for (const auto& [from, to] : renames)
      ::unlink(from.c_str());
    return problem(path, error);
  };
  for (const auto& [name, contents] : contents_by_name) {
    const fs::path to = folder_ / name;
    const fs::path part = folder_ / ("." + name + ".part-" + std::to_string(::getpid()));
    std::error_code ignored;
    // Else found out by its rename, when other files are replaced already.
    if (fs::is_directory(to, ignored)) return give_up(to, EISDIR);
    if (const int error = write_file(part, contents)) return give_up(to, error);
    renames.emplace_back(part, to);
  }
  for (const auto& [from, to] : renames) {
    if (::rename(from.c_str(), to.c_str()) != 0) return give_up(to, errno);
  }
  committed_ = true;
  return {};
}

}  // namespace dpred
