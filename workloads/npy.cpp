#include "workloads/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "workloads/error.h"

namespace dpred {

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "codes are used as they are stored: little-endian");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t longest_header = 65536;  // of an array that is no record: NumPy writes 128 bytes

struct ValueType {
  std::string_view name;
  std::string_view code;  // what follows the byte order in 'descr'
  std::uint64_t bytes;
};

constexpr ValueType value_types[] = {{"int8", "i1", 1},   {"uint8", "u1", 1}, {"int16", "i2", 2},
                                     {"uint16", "u2", 2}, {"int32", "i4", 4}, {"float32", "f4", 4},
                                     {"float64", "f8", 8}};

const ValueType& value_type(std::string_view name) {
  for (const ValueType& type : value_types) {
    if (type.name == name) return type;
  }
  throw std::invalid_argument("read_npy: no value type " + std::string(name));
}

/// Parser of the header's dictionary, a Python literal such as
/// {'descr': '|i1', 'fortran_order': False, 'shape': (1, 3, 32, 32), }
class Dictionary {
 public:
  Dictionary(std::string_view text, const InputFile& file) : rest_(text), file_(file) {
    expect('{');
    while (!accept('}')) {
      entry();
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_space();
    if (!rest_.empty()) fail("bytes follow the dictionary");
    if (!descr_) fail("no 'descr'");
    if (!fortran_order_) fail("no 'fortran_order'");
    if (!shape_) fail("no 'shape'");
  }

  const std::string& descr() const { return *descr_; }
  bool fortran_order() const { return *fortran_order_; }
  const std::vector<std::int64_t>& shape() const { return *shape_; }

 private:
  void entry() {
    const std::string key = text();
    expect(':');
    if (key == "descr") {
      if (descr_) fail("'descr' occurs twice");
      if (peek() == '[') file_.fail("holds records (a structured type), not plain numbers");
      descr_ = text();
    } else if (key == "fortran_order") {
      if (fortran_order_) fail("'fortran_order' occurs twice");
      fortran_order_ = truth();
    } else if (key == "shape") {
      if (shape_) fail("'shape' occurs twice");
      shape_ = tuple();
    } else {
      fail("unknown key " + quote(key) + suggestion(key, {"descr", "fortran_order", "shape"}));
    }
  }

  std::string text() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("a quoted text is missing");
    rest_.remove_prefix(1);
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) fail("a quoted text does not end");
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return out;
  }

  bool truth() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.substr(0, word.size()) == word) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    fail("'fortran_order' is neither True nor False");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> dimensions;
    expect('(');
    while (!accept(')')) {
      dimensions.push_back(dimension());
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return dimensions;
  }

  std::int64_t dimension() {
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    skip_space();
    if (rest_.empty() || !is_digit(rest_.front())) fail("a dimension of 'shape' is not a number");
    std::int64_t value = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1)) {
      const int digit = rest_.front() - '0';
      if (value > (largest - digit) / 10) fail("a dimension of 'shape' is too large");
      value = value * 10 + digit;
    }
    return value;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  void skip_space() {
    const std::size_t n = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
  }

  /// The next character that is not space, or NUL at the end.
  char peek() {
    skip_space();
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool accept(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}' is missing", c));
  }

  [[noreturn]] void fail(const std::string& problem) const {
    file_.fail("cannot make sense of the .npy header: " + problem);
  }

  std::string_view rest_;
  const InputFile& file_;
  std::optional<std::string> descr_;
  std::optional<bool> fortran_order_;
  std::optional<std::vector<std::int64_t>> shape_;
};

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

struct Header {
  std::string bytes;
  std::size_t dictionary = 0;  ///< where in `bytes` it begins
};

/// Reads up to the first byte of data.
Header read_header(InputFile& file) {
  constexpr std::size_t version_end = 8;
  std::string header;
  const auto extend = [&](std::size_t bytes, std::string_view what) {
    if (file.size() < header.size() + bytes) {
      file.fail(fmt::format("truncated: {} bytes, the {} ends at byte {}", file.size(), what,
                            header.size() + bytes));
    }
    header.resize(header.size() + bytes);
    file.read(header.data() + header.size() - bytes, bytes);
  };

  extend(version_end, ".npy version");
  if (header.compare(0, magic.size(), magic) != 0)
    file.fail("not an .npy file: it does not begin with \\x93NUMPY");
  const int major = static_cast<unsigned char>(header[6]), minor = static_cast<unsigned char>(header[7]);
  if (major < 1 || major > 3 || minor != 0) {
    file.fail(
        fmt::format("version {}.{} of the .npy format; versions 1.0, 2.0 and 3.0 are known", major, minor));
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  extend(length_bytes, ".npy header's length");
  const std::uint32_t length = little_endian(std::string_view(header).substr(version_end));
  if (length > longest_header) file.fail(fmt::format("declares an .npy header of {} bytes", length));
  extend(length, ".npy header");
  return {std::move(header), version_end + length_bytes};
}

void check_type(const InputFile& file, const std::string& descr, const ValueType& type) {
  const char order = descr.empty() ? '\0' : descr[0];
  const std::string_view code = std::string_view(descr).substr(descr.empty() ? 0 : 1);
  if (code.substr(0, 1) == "O") file.fail("holds Python objects (a pickle), which are never read");
  if (code == type.code && type.bytes > 1 && order == '>')
    file.fail("holds big-endian values; save it as little-endian");
  const bool order_fits = type.bytes == 1 ? order == '|' || order == '<' || order == '>' : order == '<';
  if (code != type.code || !order_fits) {
    file.fail(fmt::format("holds values of type {}, not {}", quote(descr), type.name));
  }
}

std::string tuple_text(const std::vector<std::int64_t>& shape) {
  constexpr std::size_t shown = 8;
  const std::size_t n = std::min(shape.size(), shown);
  return fmt::format("({}{})", fmt::join(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(n), ","),
                     n < shape.size() ? ",..." : "");
}

/// A hint for memory that is about to be written: with small pages, the system takes longer to hand out a
/// large array than to read its file (measured: 2.5 times as long in total).
void advise_large_pages([[maybe_unused]] std::uint8_t* memory, [[maybe_unused]] std::uint64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uint64_t worth_it = 4 << 20;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* first_page = memory;
  std::size_t left = bytes;
  if (bytes >= worth_it && std::align(page, page, first_page, left) != nullptr)
    ::madvise(first_page, left, MADV_HUGEPAGE);
#endif
}

}  // namespace

NpyFile read_npy(const std::filesystem::path& path, std::string_view type,
                 const std::vector<std::int64_t>& shape) {
  InputFile file(path);
  return read_npy(file, type, shape);
}

NpyFile read_npy(InputFile& file, std::string_view type_name, const std::vector<std::int64_t>& shape) {
  const ValueType& type = value_type(type_name);
  NpyFile npy;
  Header header = read_header(file);
  const Dictionary dictionary(std::string_view(header.bytes).substr(header.dictionary), file);
  npy.header = std::move(header.bytes);
  check_type(file, dictionary.descr(), type);
  if (dictionary.fortran_order()) file.fail("is in Fortran order (fortran_order: True); save it in C order");
  if (dictionary.shape() != shape) {
    file.fail(fmt::format("has shape {}, not {}", tuple_text(dictionary.shape()), tuple_text(shape)));
  }
  std::uint64_t bytes = type.bytes;
  for (const std::int64_t n : shape)
    bytes *= static_cast<std::uint64_t>(n);
  const std::uint64_t there = file.size() - npy.header.size();
  if (there < bytes) file.fail(fmt::format("truncated: {} of {} bytes of data", there, bytes));
  if (there > bytes) file.fail(fmt::format("{} bytes follow the {} bytes of data", there - bytes, bytes));
  // Piece by piece, so that the zeros which resize() writes are still in the cache when they are replaced.
  constexpr std::uint64_t piece = 128 << 10;
  npy.data.reserve(bytes);
  advise_large_pages(npy.data.data(), bytes);
  for (std::uint64_t at = 0; at < bytes; at = npy.data.size()) {
    npy.data.resize(std::min(at + piece, bytes));
    file.read(npy.data.data() + at, npy.data.size() - at);
  }
  return npy;
}

}  // namespace dpred
