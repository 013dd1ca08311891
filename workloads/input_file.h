// A file that a user names: opened only where it is a regular file, and never read past its real size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <string_view>

namespace dpred {

/// `text` from a file as part of a message: control characters escaped, cut after 200 bytes.
std::string clipped(std::string_view text);

/// The same in single quotes.
std::string quote(std::string_view text);

class InputFile {
 public:
  /// Opens the file. InputError where it is missing, cannot be read, or is not a regular file: a FIFO or a
  /// device would block or never end.
  explicit InputFile(const std::filesystem::path& path);

  /// Bytes that are in memory already, as a file of this name.
  InputFile(const std::string& name, const std::string& bytes);

  /// Size in bytes at the time of opening.
  std::uint64_t size() const { return size_; }

  /// The path for messages, control characters escaped.
  const std::string& name() const { return name_; }

  /// Reads the next `count` bytes into `to`. InputError where the file ends before.
  void read(void* to, std::size_t count);

  /// Throws InputError "<name>: <problem>".
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  std::string name_;
  std::uint64_t size_ = 0;
  std::unique_ptr<std::istream> stream_;
};

}  // namespace dpred
