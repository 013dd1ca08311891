// Memory requests from a CSV file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "workloads/input_file.h"

namespace dpred::dram {

/// One line of a trace.
struct TraceRequest {
  std::uint64_t time_fs;  ///< femtoseconds, not before those of earlier lines
  bool is_write;
  std::uint64_t address;
  std::uint64_t bytes;  ///< from 1; all of them in the memory
};

/// Reads a trace line by line, in constant memory.
///
/// A line is `time_ns,operation,address,bytes`, without quotes: a decimal number of 0..1e12, of which a
/// millionth counts; `read`, `r`, `write` or `w` in any case; an address, decimal or hexadecimal with `0x`;
/// a whole number from 1. The names of the columns may stand as a header above the first request (four
/// fields, the first `time_ns`). Blanks around fields, empty lines and lines that begin with `#` are skipped.
/// Lines end with LF or CRLF.
///
/// InputError for a file that cannot be read or has no request, and, as `FILE:LINE: ...`, for a line that is
/// anything else, a time before that of an earlier line, and bytes beyond the memory.
class TraceReader {
 public:
  static constexpr std::string_view header = "time_ns,operation,address,bytes";
  static constexpr std::size_t longest_line = 4096;

  /// `capacity`: bytes of the memory.
  TraceReader(const std::filesystem::path& path, std::uint64_t capacity)
      : TraceReader(InputFile(path), capacity) {}
  /// The same of a file that was just opened.
  TraceReader(InputFile file, std::uint64_t capacity);

  /// The next request, or nothing behind the last one.
  std::optional<TraceRequest> next();

  /// The part of the file that was read, 0..1.
  double progress() const;

 private:
  [[noreturn]] void fail(const std::string& problem) const;
  [[noreturn]] void fail_field(std::string_view column, std::string_view text,
                               const std::string& expected) const;
  std::optional<std::string_view> next_line();
  bool fill();
  void check_characters(std::string_view line) const;
  TraceRequest request(std::string_view line);
  std::uint64_t time_fs(std::string_view text);
  bool is_write(std::string_view text) const;
  std::uint64_t whole_number(std::string_view column, std::string_view text,
                             const std::string& expected) const;

  InputFile file_;
  std::uint64_t capacity_;
  std::uint64_t unread_;  ///< bytes of the file
  std::string buffer_;
  std::size_t position_ = 0;  ///< in buffer_, of the next line
  std::size_t line_ = 0;
  bool has_begun_ = false;  ///< the header, or the first request, was seen
  std::size_t last_line_ = 0;
  std::uint64_t last_fs_ = 0;
  bool has_request_ = false;
};

}  // namespace dpred::dram
