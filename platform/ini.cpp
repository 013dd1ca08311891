#include "platform/ini.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_comment_mark(char c) {
  return c == '#' || c == ';';
}

bool is_blank(char c) {
  return blanks.find(c) != std::string_view::npos;
}

std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_comment_mark(text[i]) && (i == 0 || is_blank(text[i - 1]))) return text.substr(0, i);
  }
  return text;
}

bool is_name(std::string_view text) {
  // Spelled out, because <cctype> follows the locale.
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

class IniScanner {
 public:
  explicit IniScanner(const std::string& name) : name_(printable(name)) {}

  void scan_line(std::string_view line) {
    ++line_;
    check_characters(line);
    // A value in quotes may hold the marks of a comment: cut comments from the other parts only.
    const std::string_view trimmed = trim(line);
    if (trimmed.empty() || is_comment_mark(trimmed.front())) return;
    if (trimmed.front() == '[') {
      scan_section(trim(without_comment(trimmed)));
    } else {
      scan_setting(trimmed);
    }
  }

  std::vector<IniEntry> take() { return std::move(entries_); }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw InputError(fmt::format("{}:{}: {}", name_, line_, message));
  }

  void check_characters(std::string_view line) const {
    if (line.size() > ini_longest_line)
      fail(fmt::format("the line is longer than {} bytes", ini_longest_line));
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
        fail(fmt::format("control character 0x{:02x}: this is not a text file", byte));
      }
    }
  }

  void scan_section(std::string_view text) {
    const std::string_view section =
        text.size() > 2 && text.back() == ']' ? trim(text.substr(1, text.size() - 2)) : std::string_view();
    if (!is_name(section)) fail(fmt::format("expected '[section]', found {}", quote(text)));
    section_ = section;
  }

  void scan_setting(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
      fail(fmt::format("expected 'key = value' or '[section]', found {}", quote(text)));
    }
    const std::string_view key = trim(text.substr(0, equals));
    if (!is_name(key)) fail(fmt::format("{} cannot be a key", quote(key)));
    if (section_.empty()) fail(fmt::format("the key {} stands before any '[section]'", quote(key)));

    IniEntry entry{section_, std::string(key), scan_value(key, text.substr(equals + 1)), line_};
    const auto [earlier, is_new] = line_of_key_.emplace(entry.full_key(), line_);
    if (!is_new) fail(fmt::format("{} is already set on line {}", quote(entry.full_key()), earlier->second));
    entries_.push_back(std::move(entry));
  }

  std::string scan_value(std::string_view key, std::string_view text) const {
    const std::string_view opened = trim(text);
    if (!opened.empty() && opened.front() == '"') {
      const std::size_t closing = opened.find('"', 1);
      if (closing == std::string_view::npos)
        fail(fmt::format("the value of {} lacks its closing quote", quote(key)));
      const std::string_view rest = opened.substr(closing + 1);
      const bool adjacent = !rest.empty() && !is_blank(rest.front());
      if (adjacent || !trim(without_comment(rest)).empty()) {
        fail(fmt::format("{} follows the quoted value of {}", quote(trim(rest)), quote(key)));
      }
      return std::string(opened.substr(1, closing - 1));
    }
    const std::string_view value = trim(without_comment(text));
    if (value.empty()) fail(fmt::format("the key {} has no value", quote(key)));
    return std::string(value);
  }

  std::string name_;
  std::size_t line_ = 0;
  std::string section_;
  std::vector<IniEntry> entries_;
  std::unordered_map<std::string, std::size_t> line_of_key_;
};

}  // namespace

std::vector<IniEntry> scan_ini(std::string_view text, const std::string& name) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
  IniScanner scanner(name);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    scanner.scan_line(line);
  }
  return scanner.take();
}

std::vector<IniEntry> read_ini(const std::string& path) {
  if (path.empty()) throw InputError("the path of an INI file is empty");
  InputFile file(path);
  if (file.size() > ini_longest_file) {
    file.fail(fmt::format("an INI file may have at most {} bytes", ini_longest_file));
  }
  std::string text(file.size(), '\0');
  file.read(text.data(), text.size());
  return scan_ini(text, path);
}

}  // namespace dpred
