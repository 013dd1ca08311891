#include "platform/output_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "workloads/error.h"

namespace dpred {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path, int error) {
  throw InputError("cannot write '" + printable(path.string()) + "': " + std::strerror(error));
}

/// Creates `path` with `contents`, synchronised to the disk. Removes it and throws if that fails.
void write_file(const fs::path& path, const std::string& contents) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(path, errno);
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
  if (error == 0) return;
  ::unlink(path.c_str());
  fail(path, error);
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& folder) : folder_(folder) {
  std::error_code error;
  made_ = !fs::exists(folder_, error);
  if (made_) {
    fs::create_directories(folder_, error);
    if (error) fail(folder_, error.value());
  } else if (!fs::is_directory(folder_, error)) {
    fail(folder_, ENOTDIR);
  }
  const fs::path probe = folder_ / (".dpred-probe-" + std::to_string(::getpid()));
  try {
    write_file(probe, "x");
  } catch (...) {
    if (made_) fs::remove(folder_, error);
    throw;
  }
  fs::remove(probe, error);
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (made_ && !committed_) fs::remove(folder_, ignored);
}

void OutputFolder::commit(const std::map<std::string, std::string>& contents_by_name) {
  std::vector<std::pair<fs::path, fs::path>> renames;
  const auto remove_all = [&] {
    std::error_code ignored;
    for (const auto& [from, to] : renames)
      fs::remove(from, ignored);
  };
  try {
    for (const auto& [name, contents] : contents_by_name) {
      const fs::path part = folder_ / ("." + name + ".part-" + std::to_string(::getpid()));
      renames.emplace_back(part, folder_ / name);
      write_file(part, contents);
    }
    for (const auto& [from, to] : renames) {
      if (::rename(from.c_str(), to.c_str()) != 0) fail(to, errno);
    }
  } catch (...) {
    remove_all();
    throw;
  }
  committed_ = true;
}

}  // namespace dpred
