// Reads test vectors back and goes through them with the codec's C interface.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "platform/test_vectors.h"
#include "platform/vector_format.h"
#include "workloads/input_file.h"
#include "workloads/json_field.h"

namespace dpred {

namespace {

namespace fs = std::filesystem;

std::string contents(InputFile& file) {
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size());
  return bytes;
}

/// The words of a file as $readmemh reads it, of at most `digits` hexadecimal digits each. Calls
/// visit(digits).
template <class Visit>
void read_hex(const fs::path& path, std::size_t digits, Visit&& visit) {
  InputFile file(path);
  const std::string text = contents(file);
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    ++line_number;
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    line = line.substr(0, line.find("//"));
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!line.empty() && is_blank(line.back()))
      line.remove_suffix(1);
    while (!line.empty() && is_blank(line.front()))
      line.remove_prefix(1);
    if (line.empty()) continue;
    if (line.size() > digits || line.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      file.fail(fmt::format("line {}: {} is no word of {} hexadecimal digit{}", line_number, quote(line),
                            digits, digits == 1 ? "" : "s"));
    }
    visit(line);
  }
}

std::vector<std::uint32_t> read_words(const fs::path& path, std::size_t bits) {
  std::vector<std::uint32_t> words;
  read_hex(path, hex_digits(bits), [&](std::string_view digits) {
    std::uint32_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    words.push_back(value);
  });
  return words;
}

/// Words of more bits than any number has: a truth value a bit, the least significant first.
std::vector<std::vector<bool>> read_vectors(const fs::path& path, std::size_t bits) {
  std::vector<std::vector<bool>> words;
  read_hex(path, hex_digits(bits), [&](std::string_view digits) {
    std::vector<bool> word(4 * hex_digits(bits));
    for (std::size_t i = 0; i < digits.size(); ++i) {
      unsigned digit = 0;
      const char* place = &digits[digits.size() - 1 - i];
      std::from_chars(place, place + 1, digit, 16);
      for (std::size_t bit = 0; bit < 4; ++bit)
        word[4 * i + bit] = (digit >> bit & 1) != 0;
    }
    words.push_back(std::move(word));
  });
  return words;
}

struct VectorBlock {
  dpred_block shape{};
  std::uint64_t first_value = 0, first_group = 0, offset = 0, bytes = 0;
  dpred_sizes sizes{};

  std::uint64_t values() const { return shape.runs * shape.run_values; }
  std::uint64_t groups(std::uint64_t group) const {
    return shape.runs * ((shape.run_values + group - 1) / group);
  }
};

/// A tensor's vectors as they were read.
struct TensorVectors {
  dpred_format format{};
  dpred_sizes sizes{};
  std::vector<VectorBlock> blocks;
  std::string values_name, stream_name, table_name, widths_name, zeros_name;
  std::vector<std::uint8_t> containers;  ///< as they lie in memory
  std::vector<std::uint8_t> stream;
  std::vector<std::uint32_t> table, widths;
  std::vector<std::vector<bool>> zeros;

  std::size_t container_bytes() const { return format.bits / 8u; }
  const std::uint8_t* block_containers(const VectorBlock& block) const {
    return containers.data() + block.first_value * container_bytes();
  }
  std::uint32_t container(std::uint64_t value) const {
    std::uint32_t number = 0;
    std::memcpy(&number, containers.data() + value * container_bytes(), container_bytes());
    return number;
  }
};

std::uint64_t count(const JsonField& field, const char* key) {
  return static_cast<std::uint64_t>(
      field.member(key).integer(0, static_cast<std::int64_t>(DPRED_MOST_VALUES) * 32));
}

std::vector<JsonField> filled_list(const JsonField& field, const char* key) {
  const JsonField list = field.member(key);
  std::vector<JsonField> elements = list.elements();
  if (elements.empty()) list.fail("is empty");
  return elements;
}

VectorBlock read_block(const JsonField& field) {
  VectorBlock block;
  const auto most = static_cast<std::int64_t>(DPRED_MOST_VALUES);
  block.shape.runs = static_cast<std::uint64_t>(field.member("runs").integer(1, most));
  block.shape.run_values = static_cast<std::uint64_t>(
      field.member("run_values").integer(1, most / static_cast<std::int64_t>(block.shape.runs)));
  block.first_value = count(field, "first_value");
  block.first_group = count(field, "first_group");
  block.offset = count(field, "offset");
  block.bytes = count(field, "bytes");
  block.sizes.metadata_bits = count(field, "metadata_bits");
  block.sizes.payload_bits = count(field, "payload_bits");
  block.sizes.padding_bits = count(field, "padding_bits");
  return block;
}

class TensorReader {
 public:
  TensorReader(const fs::path& folder, const JsonField& field) : folder_(folder), field_(field) {}

  TensorVectors read() const {
    TensorVectors t;
    const JsonField bits = field_.member("bits");
    t.format.bits = static_cast<std::uint8_t>(bits.integer(8, 16));
    if (t.format.bits != 8 && t.format.bits != 16) bits.fail("must be 8 or 16");
    t.format.is_signed = field_.member("signed").truth();
    t.format.mode = static_cast<std::uint8_t>(field_.member("mode").choice(vector_modes));
    t.format.sign = static_cast<std::uint8_t>(field_.member("sign").choice(vector_signs));
    t.format.widths = static_cast<std::uint8_t>(field_.member("widths").choice(vector_widths));
    t.format.group = static_cast<std::uint16_t>(field_.member("group").integer(1, 256));
    const JsonField sizes = field_.member("sizes");
    t.sizes = {count(sizes, "metadata_bits"), count(sizes, "payload_bits"), count(sizes, "pointer_bits"),
               count(sizes, "padding_bits")};
    std::uint64_t values = 0, groups = 0, bytes = 0;
    for (const JsonField& element : filled_list(field_, "blocks")) {
      VectorBlock block = read_block(element);
      const auto follows = [&](const char* key, std::uint64_t given, std::uint64_t expected) {
        if (given != expected) element.member(key).fail(fmt::format("must be {}, not {}", expected, given));
      };
      follows("first_value", block.first_value, values);
      follows("first_group", block.first_group, groups);
      follows("offset", block.offset, bytes);
      values += block.values();
      groups += block.groups(t.format.group);
      bytes += block.bytes;
      t.blocks.push_back(block);
    }

    t.values_name = file_name("values");
    for (const std::uint32_t word : read_words(folder_ / t.values_name, t.format.bits)) {
      for (std::size_t byte = 0; byte < t.container_bytes(); ++byte)
        t.containers.push_back(static_cast<std::uint8_t>(word >> (8 * byte)));
    }
    check_words(t.values_name, t.containers.size() / t.container_bytes(), values);
    t.stream_name = file_name("stream");
    for (const std::uint32_t word : read_words(folder_ / t.stream_name, 8))
      t.stream.push_back(static_cast<std::uint8_t>(word));
    check_words(t.stream_name, t.stream.size(), bytes);
    if (t.format.mode != DPRED_MODE_RAW) {
      t.table_name = file_name("table");
      t.table = read_words(folder_ / t.table_name, 32);
      check_words(t.table_name, t.table.size(), t.blocks.size());
    }
    t.widths_name = file_name("widths");
    t.widths = read_words(folder_ / t.widths_name, 8);
    check_words(t.widths_name, t.widths.size(), groups);
    t.zeros_name = file_name("zeros");
    t.zeros = read_vectors(folder_ / t.zeros_name, t.format.group);
    check_words(t.zeros_name, t.zeros.size(), groups);
    return t;
  }

 private:
  std::string file_name(const char* kind) const {
    const JsonField field = field_.member("files").member(kind);
    const std::string& name = field.text();
    if (name.empty() || name == "." || name == ".." || fs::path(name).filename() != name) {
      field.fail(quote(name) + " is no plain file name");
    }
    return name;
  }
  void check_words(const std::string& name, std::uint64_t words, std::uint64_t expected) const {
    if (words == expected) return;
    InputFile(folder_ / name)
        .fail(fmt::format("has {} words where vectors.json describes {}", words, expected));
  }

  const fs::path& folder_;
  const JsonField& field_;
};

/// The first thing in which the vectors of a tensor contradict the codec; empty: none.
class TensorChecker {
 public:
  explicit TensorChecker(const TensorVectors& t) : t_(t) {}

  std::string mismatch() {
    dpred_sizes sum = {};
    for (std::size_t i = 0; i < t_.blocks.size(); ++i) {
      const VectorBlock& block = t_.blocks[i];
      dpred_sizes sizes = {};
      std::string found =
          failed(dpred_add_block_sizes(&t_.format, &block.shape, t_.block_containers(block), &sizes));
      if (found.empty()) found = check_sizes(block, sizes);
      if (found.empty()) found = check_encoding(block);
      if (found.empty()) found = check_decoding(block);
      if (found.empty()) found = check_groups(block);
      if (found.empty() && !t_.table.empty() && t_.table[i] != block.offset) {
        found = fmt::format("{}, address {:08x}: {:08x} is not the block's offset {:08x}", t_.table_name, i,
                            t_.table[i], block.offset);
      }
      if (!found.empty()) return fmt::format("{} (block {} of {})", found, i + 1, t_.blocks.size());
      sum.metadata_bits += sizes.metadata_bits;
      sum.payload_bits += sizes.payload_bits;
      sum.pointer_bits += sizes.pointer_bits;
      sum.padding_bits += sizes.padding_bits;
    }
    if (same(sum, t_.sizes)) return {};
    return fmt::format("vectors.json: the sizes of {} are not the sums of its blocks", t_.values_name);
  }

 private:
  static bool same(const dpred_sizes& a, const dpred_sizes& b) {
    return a.metadata_bits == b.metadata_bits && a.payload_bits == b.payload_bits &&
           a.pointer_bits == b.pointer_bits && a.padding_bits == b.padding_bits;
  }

  std::string failed(dpred_status status) const {
    return status == DPRED_OK ? "" : fmt::format("{}: {}", t_.values_name, dpred_status_text(status));
  }

  std::string check_sizes(const VectorBlock& block, const dpred_sizes& sizes) const {
    dpred_sizes expected = block.sizes;
    expected.pointer_bits = sizes.pointer_bits;  // described for the tensor alone
    if (same(sizes, expected)) return {};
    return fmt::format("{}: metadata, payload and padding from address {:08x} on are {}, {} and {} bits, {}",
                       t_.values_name, block.first_value, sizes.metadata_bits, sizes.payload_bits,
                       sizes.padding_bits,
                       fmt::format("vectors.json says {}, {} and {}", block.sizes.metadata_bits,
                                   block.sizes.payload_bits, block.sizes.padding_bits));
  }

  std::string check_encoding(const VectorBlock& block) const {
    std::size_t most = 0, size = 0;
    std::string problem = failed(dpred_most_block_bytes(&t_.format, &block.shape, &most));
    std::vector<std::uint8_t> bytes(most);
    if (problem.empty()) {
      problem = failed(dpred_encode_block(&t_.format, &block.shape, t_.block_containers(block), bytes.data(),
                                          bytes.size(), &size));
    }
    if (!problem.empty()) return problem;
    if (size != block.bytes) {
      return fmt::format("{}: the values from address {:08x} on encode to {} bytes, not {}", t_.values_name,
                         block.first_value, size, block.bytes);
    }
    for (std::size_t i = 0; i < size; ++i) {
      if (bytes[i] == t_.stream[block.offset + i]) continue;
      return fmt::format("{}, address {:08x}: {:02x} where the values encode to {:02x}", t_.stream_name,
                         block.offset + i, t_.stream[block.offset + i], bytes[i]);
    }
    return {};
  }

  std::string check_decoding(const VectorBlock& block) const {
    const std::size_t bytes = block.values() * t_.container_bytes();
    std::vector<std::uint8_t> decoded(bytes);
    std::uint64_t bit = 0;
    std::size_t used = 0;
    const dpred_status status =
        dpred_decode_block(&t_.format, &block.shape, t_.stream.data() + block.offset,
                           t_.stream.size() - block.offset, decoded.data(), block.values(), &used, &bit);
    if (status != DPRED_OK) {
      return fmt::format("{}: {} at bit {} from address {:08x} on", t_.stream_name, dpred_status_text(status),
                         bit, block.offset);
    }
    const bool equal =
        used == block.bytes && std::equal(decoded.begin(), decoded.end(), t_.block_containers(block));
    return equal ? ""
                 : fmt::format("{}: the bytes from address {:08x} on decode to other values", t_.stream_name,
                               block.offset);
  }

  /// A group's width is what each value of a block of its own takes in mode widths.
  std::string check_groups(const VectorBlock& block) const {
    dpred_format alone = t_.format;
    alone.mode = DPRED_MODE_WIDTHS;
    std::uint64_t g = block.first_group;
    for (std::uint64_t run = 0; run < block.shape.runs; ++run) {
      const std::uint64_t run_values = block.shape.run_values;
      for (std::uint64_t at = 0; at < run_values; at += t_.format.group, ++g) {
        const std::uint64_t first = block.first_value + run * run_values + at;
        const dpred_block group = {1, std::min<std::uint64_t>(t_.format.group, run_values - at)};
        dpred_sizes sizes = {};
        const std::string problem = failed(dpred_add_block_sizes(
            &alone, &group, t_.containers.data() + first * t_.container_bytes(), &sizes));
        if (!problem.empty()) return problem;
        const std::uint64_t width = sizes.payload_bits / group.run_values;
        if (t_.widths[g] != width) {
          return fmt::format("{}, address {:08x}: {:02x} where the group's width is {:02x}", t_.widths_name,
                             g, t_.widths[g], width);
        }
        for (std::uint64_t i = 0; i < t_.zeros[g].size(); ++i) {
          const bool non_zero = i < group.run_values && t_.container(first + i) != 0;
          if (t_.zeros[g][i] != non_zero) {
            return fmt::format("{}, address {:08x}: bit {} must be {}", t_.zeros_name, g, i,
                               non_zero ? 1 : 0);
          }
        }
      }
    }
    return {};
  }

  const TensorVectors& t_;
};

}  // namespace

VectorCheck check_vectors(const fs::path& folder) {
  InputFile file(folder / "vectors.json");
  const nlohmann::json document = parse_json(contents(file), file.name());
  const JsonField root(document, file.name());
  root.member("schema").integer(vectors_schema, vectors_schema);
  root.member("codec").choice({"dpred"});
  VectorCheck check;
  for (const JsonField& element : filled_list(root, "tensors")) {
    const TensorVectors tensor = TensorReader(folder, element).read();
    check.mismatch = TensorChecker(tensor).mismatch();
    if (!check.mismatch.empty()) return check;
    ++check.tensors;
    check.blocks += tensor.blocks.size();
    check.values += tensor.containers.size() / tensor.container_bytes();
    check.stream_bytes += tensor.stream.size();
  }
  return check;
}

}  // namespace dpred
