#include "workloads/input_file.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "workloads/error.h"

namespace dpred {

namespace fs = std::filesystem;

std::string clipped(std::string_view text) {
  constexpr std::size_t longest = 200;
  if (text.size() <= longest) return printable(text);
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;  // not within a character
  return printable(text.substr(0, end)) + "...";
}

std::string quote(std::string_view text) {
  return "'" + clipped(text) + "'";
}

InputFile::InputFile(const fs::path& path) : name_(printable(path.string())) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) fail("no such file");
  if (error) fail("cannot be read: " + error.message());
  if (status.type() == fs::file_type::directory) fail("a folder, not a file");
  if (status.type() != fs::file_type::regular) fail("not a regular file");
  size_ = fs::file_size(path, error);
  if (error) fail("cannot be read: " + error.message());
  errno = 0;
  stream_ = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*stream_) fail("cannot be read: " + std::generic_category().message(errno));
}

InputFile::InputFile(const std::string& name, const std::string& bytes)
    : name_(printable(name)), size_(bytes.size()), stream_(std::make_unique<std::istringstream>(bytes)) {}

void InputFile::read(void* to, std::size_t count) {
  stream_->read(static_cast<char*>(to), static_cast<std::streamsize>(count));
  if (static_cast<std::size_t>(stream_->gcount()) != count) fail("cannot be read to its end");
}

void InputFile::fail(const std::string& problem) const {
  throw InputError(name_ + ": " + problem);
}

}  // namespace dpred
