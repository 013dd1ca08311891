#include "models/dram/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "workloads/error.h"

namespace dpred::dram {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr double longest_ns = 1e12;
constexpr std::size_t columns = 4;

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Fields without the blanks around them. Returns how many there are, of which `fields` holds the first.
std::size_t split(std::string_view line, std::string_view (&fields)[columns]) {
  std::size_t count = 0;
  for (;;) {
    const std::size_t comma = line.find(',');
    if (count < columns) fields[count] = trim(line.substr(0, comma));
    ++count;
    if (comma == std::string_view::npos) return count;
    line.remove_prefix(comma + 1);
  }
}

bool is_header(const std::string_view (&fields)[columns]) {
  std::string_view names[columns];
  split(TraceReader::header, names);
  return fields[0] == names[0];  // others may call their columns `op` or `size`
}

/// Whether `text` is `word`, which is in lower case, in any case.
bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace

TraceReader::TraceReader(InputFile file, std::uint64_t capacity)
    : file_(std::move(file)), capacity_(capacity), unread_(file_.size()) {
  fill();
  if (std::string_view(buffer_).substr(0, byte_order_mark.size()) == byte_order_mark)
    position_ = byte_order_mark.size();
}

std::optional<TraceRequest> TraceReader::next() {
  while (const std::optional<std::string_view> line = next_line()) {
    check_characters(*line);
    const std::string_view text = trim(*line);
    if (text.empty() || text.front() == '#') continue;
    std::string_view fields[columns];
    const bool may_be_header = !has_begun_;
    has_begun_ = true;
    if (may_be_header && split(text, fields) == columns && is_header(fields)) continue;
    has_request_ = true;
    return request(text);
  }
  if (!has_request_) file_.fail("no request in it");
  return std::nullopt;
}

double TraceReader::progress() const {
  const std::uint64_t read = file_.size() - unread_ - (buffer_.size() - position_);
  return file_.size() == 0 ? 1.0 : static_cast<double>(read) / static_cast<double>(file_.size());
}

void TraceReader::fail(const std::string& problem) const {
  throw InputError(fmt::format("{}:{}: {}", file_.name(), line_, problem));
}

void TraceReader::fail_field(std::string_view column, std::string_view text,
                             const std::string& expected) const {
  fail(fmt::format("{} is {}, expected {}", column, quote(text), expected));
}

/// Points into the buffer, until the next call. Nothing at the end of the file.
std::optional<std::string_view> TraceReader::next_line() {
  ++line_;
  std::size_t searched = 0;
  std::size_t end = std::string::npos;
  for (;;) {
    end = buffer_.find('\n', position_ + searched);
    if (end != std::string::npos) break;
    searched = buffer_.size() - position_;
    if (searched > longest_line || !fill()) {
      end = buffer_.size();
      break;
    }
  }
  if (position_ == buffer_.size()) return std::nullopt;
  std::string_view line = std::string_view(buffer_).substr(position_, end - position_);
  position_ = std::min(end + 1, buffer_.size());
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.size() > longest_line) fail(fmt::format("the line is longer than {} bytes", longest_line));
  return line;
}

/// Reads on; false at the end of the file.
bool TraceReader::fill() {
  constexpr std::uint64_t block = 1 << 16;
  buffer_.erase(0, position_);
  position_ = 0;
  const auto count = static_cast<std::size_t>(std::min(unread_, block));
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + count);
  file_.read(buffer_.data() + kept, count);
  unread_ -= count;
  return count > 0;
}

void TraceReader::check_characters(std::string_view line) const {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      fail(fmt::format("control character 0x{:02x}: this is not a text file", byte));
    }
  }
}

TraceRequest TraceReader::request(std::string_view line) {
  std::string_view fields[columns];
  const std::size_t count = split(line, fields);
  if (count != columns) fail(fmt::format("expected {} fields, {}; found {}", columns, header, count));
  TraceRequest request{};
  request.time_fs = time_fs(fields[0]);
  request.is_write = is_write(fields[1]);
  request.address = whole_number("address", fields[2], "a whole number, decimal or hexadecimal with 0x");
  request.bytes = whole_number("bytes", fields[3], "a whole number from 1");
  if (request.bytes == 0) fail_field("bytes", fields[3], "a whole number from 1");
  if (request.address >= capacity_ || request.bytes > capacity_ - request.address) {
    fail(fmt::format("address {} and bytes {}: beyond the memory of {} bytes", clipped(fields[2]),
                     clipped(fields[3]), capacity_));
  }
  return request;
}

std::uint64_t TraceReader::time_fs(std::string_view text) {
  long double ns = 0;  // a double has too few bits for femtoseconds of more than 9 s
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ns);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || !(ns >= 0 && ns <= longest_ns)) fail_field("time_ns", text, "a number of 0..1e12");
  const auto fs = static_cast<std::uint64_t>(std::llround(ns * 1e6L));
  if (fs < last_fs_) {
    fail(fmt::format("time_ns is {}, before the time in line {}", quote(text), last_line_));
  }
  last_fs_ = fs;
  last_line_ = line_;
  return fs;
}

bool TraceReader::is_write(std::string_view text) const {
  if (is_word(text, "read") || is_word(text, "r")) return false;
  if (is_word(text, "write") || is_word(text, "w")) return true;
  fail_field("operation", text, "read or write");
}

std::uint64_t TraceReader::whole_number(std::string_view column, std::string_view text,
                                        const std::string& expected) const {
  const bool is_hexadecimal = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  const std::string_view digits = is_hexadecimal ? text.substr(2) : text;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hexadecimal ? 16 : 10);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) {
    fail_field(column, text, expected);
  }
  if (error == std::errc::result_out_of_range) {
    fail(fmt::format("{} is {}, beyond 64 bits", column, quote(text)));
  }
  return value;
}

}  // namespace dpred::dram
