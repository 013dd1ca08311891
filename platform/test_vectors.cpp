#include "platform/test_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "models/codec/containers.h"
#include "models/codec/groups.h"
#include "models/codec/registry.h"
#include "models/precision/width.h"
#include "platform/vector_format.h"
#include "platform/version.h"

namespace dpred {

namespace {

using nlohmann::ordered_json;

/// A file that $readmemh reads: a word a line, and comments.
class HexFile {
 public:
  HexFile(const std::string& title, std::size_t bits)
      : digits_(hex_digits(bits)), text_(fmt::format("// {}; {} bits a word\n", title, bits)) {}

  void block(std::int64_t number) {
    text_ += fmt::format("// block {}, from address {:08x}\n", number, words_);
  }
  void word(std::uint64_t value) { word(fmt::format("{:0{}x}", value, digits_)); }
  void word(const std::string& digits) {
    constexpr std::uint64_t words_an_address = 16;
    text_ += digits;
    if (words_ % words_an_address == 0) text_ += fmt::format(" // {:08x}", words_);
    text_ += '\n';
    ++words_;
  }
  std::uint64_t words() const { return words_; }
  const std::string& text() const { return text_; }

 private:
  std::size_t digits_;
  std::string text_;
  std::uint64_t words_ = 0;
};

const char* role_name(StreamRole role) {
  if (role == StreamRole::activation) return "activation";
  return role == StreamRole::weight ? "weight" : "depthwise weight";
}

/// A tensor's key as the beginning of file names.
std::string file_prefix(std::size_t number, const std::string& key) {
  constexpr std::size_t longest = 40;
  std::string name = key.substr(0, longest);
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!plain) c = '_';
  }
  return fmt::format("{:03}_{}", number, name);
}

std::vector<std::int64_t> chosen_blocks(std::int64_t all, std::int64_t limit) {
  std::vector<std::int64_t> chosen;
  const bool some = limit != 0 && limit < all;
  for (std::int64_t b = 0; b < (some ? limit : all); ++b)
    chosen.push_back(b);
  if (some && limit > 1) chosen.back() = all - 1;
  return chosen;
}

/// Bit i is 1 where value i isn't zero; hexadecimal.
template <class Value>
std::string zero_vector(const Value* values, std::int64_t count, std::int64_t group) {
  const std::size_t digits = hex_digits(static_cast<std::size_t>(group));
  std::string text;
  for (std::size_t digit = digits; digit-- > 0;) {
    unsigned bits = 0;
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t value = static_cast<std::int64_t>(4 * digit) + i;
      if (value < count && values[value] != 0) bits |= 1u << i;
    }
    text += "0123456789abcdef"[bits];
  }
  return text;
}

ordered_json sizes_json(const dpred_sizes& sizes) {
  return {{"metadata_bits", sizes.metadata_bits},
          {"payload_bits", sizes.payload_bits},
          {"pointer_bits", sizes.pointer_bits},
          {"padding_bits", sizes.padding_bits}};
}

/// Adds a tensor's files to `files`; returns its description.
ordered_json add_tensor(const VectorTensor& given, std::size_t number, const VectorOptions& options,
                        std::map<std::string, std::string>& files) {
  const Tensor& tensor = *given.tensor;
  const Codec& codec = dpred_codec();
  const ValueFormat values = profile_of(tensor).format;
  const StreamLayout layout(given.role, tensor.shape, options.stream);
  const std::int64_t group = options.stream.group;
  const WidthMap widths = WidthMap::of(tensor, values, layout, codec.sign_form(options.codec));
  const StreamPlan plan = codec.plan({layout, values, widths, options.codec, &tensor});
  // The plan of a raw stream has neither.
  StreamFormat format = plan.format;
  format.sign = options.codec.sign;
  format.widths = options.codec.widths;
  const auto mode = static_cast<std::uint8_t>(format.mode);
  const dpred_format c_format = {values.bits,
                                 values.is_signed,
                                 mode,
                                 static_cast<std::uint8_t>(format.sign),
                                 static_cast<std::uint8_t>(format.widths),
                                 static_cast<std::uint16_t>(group)};

  HexFile values_file("containers in stream order", values.bits);
  HexFile stream_file("bytes of the stream", 8);
  HexFile table_file("offset of each block in the stream", 32);
  HexFile widths_file("width of each group", 8);
  HexFile zeros_file("a bit a value of each group, 1 where it is not zero", static_cast<std::size_t>(group));
  dpred_sizes sizes = {};
  ordered_json blocks = ordered_json::array();
  std::vector<std::uint8_t> containers, bytes;
  const auto all_blocks = static_cast<std::int64_t>(layout.blocks().size());
  for (const std::int64_t b : chosen_blocks(all_blocks, options.blocks)) {
    const StreamBlock& rows = layout.blocks()[static_cast<std::size_t>(b)];
    const StreamSection& section = layout.section_of_row(rows.first_row);
    containers.resize(static_cast<std::size_t>(layout.block_values(b)) * format.container_bytes());
    layout.gather(tensor, values, rows.first_row, rows.rows, containers.data());
    bytes.clear();
    encode_block(codec, layout, format, b, containers.data(), bytes);
    const dpred_block c_block = {
        static_cast<std::uint64_t>(layout.block_values(b) / section.run),
        static_cast<std::uint64_t>(section.run),
    };
    const dpred_sizes before = sizes;
    if (const dpred_status status = dpred_add_block_sizes(&c_format, &c_block, containers.data(), &sizes)) {
      throw std::logic_error(dpred_status_text(status));
    }
    blocks.push_back({{"number", b},
                      {"runs", c_block.runs},
                      {"run_values", c_block.run_values},
                      {"first_value", values_file.words()},
                      {"first_group", widths_file.words()},
                      {"offset", stream_file.words()},
                      {"bytes", bytes.size()},
                      {"metadata_bits", sizes.metadata_bits - before.metadata_bits},
                      {"payload_bits", sizes.payload_bits - before.payload_bits},
                      {"padding_bits", sizes.padding_bits - before.padding_bits}});

    if (plan.has_table()) table_file.word(stream_file.words());
    for (HexFile* file : {&values_file, &stream_file, &widths_file, &zeros_file})
      file->block(b);
    for (const std::uint8_t byte : bytes)
      stream_file.word(byte);
    auto g = static_cast<std::size_t>(layout.first_group(rows.first_row));
    visit_containers(values.bits, containers.data(), [&](const auto* all) {
      for (std::int64_t i = 0; i < layout.block_values(b); ++i)
        values_file.word(all[i]);
      visit_groups({section, rows.rows, group}, [&](std::int64_t first, std::int64_t count) {
        widths_file.word(
            static_cast<std::uint64_t>(rounded_width(widths.width[g++], format.widths, values.bits)));
        zeros_file.word(zero_vector(all + first, count, group));
      });
    });
  }

  const std::string prefix = file_prefix(number, tensor.key);
  ordered_json names;
  const auto add_file = [&](const char* kind, const HexFile& file) {
    const std::string name = prefix + "." + kind + ".hex";
    files[name] = file.text();
    names[kind] = name;
  };
  add_file("values", values_file);
  add_file("stream", stream_file);
  if (plan.has_table()) add_file("table", table_file);
  add_file("widths", widths_file);
  add_file("zeros", zeros_file);
  return {{"tensor", tensor.key},
          {"role", role_name(given.role)},
          {"shape", tensor.shape},
          {"type", to_string(tensor.dtype)},
          {"zero_point", tensor.zero_point},
          {"bits", values.bits},
          {"signed", values.is_signed},
          {"mode", vector_modes[mode]},
          {"sign", vector_signs[c_format.sign]},
          {"widths", vector_widths[c_format.widths]},
          {"group", group},
          {"slice_channels", options.stream.slice_channels},
          {"block_values", options.stream.block_values},
          {"block_filters", options.stream.block_filters},
          {"blocks_of_tensor", all_blocks},
          {"files", names},
          {"sizes", sizes_json(sizes)},
          {"blocks", blocks}};
}

/// Numbers that are the same on every machine, unlike those of the standard's distributions.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }

 private:
  std::mt19937_64 engine_;
};

enum class ValueKind : std::uint8_t { zero, whole_range, extremes, sparse, not_negative, wandering_width };

/// A code of a tensor. `width` bounds its value, and wanders where that is the kind.
std::int64_t random_code(Draw& draw, ValueKind kind, std::int64_t zero_point, std::int64_t low,
                         std::int64_t high, std::int64_t& width) {
  if (kind == ValueKind::wandering_width && draw.in(0, 19) == 0) {
    width = draw.in(0, bit_length(static_cast<std::uint32_t>(high - low)));
  }
  const std::int64_t bound = std::int64_t{1} << width;
  const std::int64_t extremes[] = {low, high, zero_point};
  switch (kind) {
    case ValueKind::zero:
      return zero_point;
    case ValueKind::whole_range:
      return draw.in(low, high);
    case ValueKind::extremes:
      return extremes[draw.in(0, 2)];
    case ValueKind::sparse:
      return draw.in(0, 4) == 0 ? zero_point + draw.in(-bound, bound) : zero_point;
    case ValueKind::not_negative:
      return zero_point + draw.in(0, bound);
    default:
      return zero_point + draw.in(-bound, bound);
  }
}

}  // namespace

std::map<std::string, std::string> make_vectors(const std::vector<VectorTensor>& tensors,
                                                const VectorOptions& options) {
  std::map<std::string, std::string> files;
  ordered_json described = ordered_json::array();
  for (std::size_t i = 0; i < tensors.size(); ++i)
    described.push_back(add_tensor(tensors[i], i + 1, options, files));
  const ordered_json document = {{"schema", vectors_schema},
                                 {"version", version()},
                                 {"codec", "dpred"},
                                 {"source", options.source},
                                 {"tensors", described}};
  files["vectors.json"] = document.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  return files;
}

std::vector<RandomTensor> random_tensors(std::int64_t count, std::uint64_t seed) {
  constexpr DType types[] = {DType::int8, DType::uint8, DType::int16, DType::uint16};
  constexpr StreamRole roles[] = {StreamRole::activation, StreamRole::weight, StreamRole::depthwise_weight};
  Draw draw(seed);
  std::vector<RandomTensor> all;
  for (std::int64_t i = 0; i < count; ++i) {
    RandomTensor made;
    made.role = roles[draw.in(0, 2)];
    Tensor& tensor = made.tensor;
    tensor.key = fmt::format("random_{}", i + 1);
    tensor.dtype = types[draw.in(0, 3)];
    tensor.bits = static_cast<int>(8 * bytes_of(tensor.dtype));
    tensor.shape = {draw.in(1, 2), draw.in(1, 80), draw.in(1, 8), draw.in(1, 8)};
    if (made.role == StreamRole::weight) tensor.shape = {draw.in(1, 40), draw.in(1, 40), 3, draw.in(1, 3)};
    if (made.role == StreamRole::depthwise_weight) tensor.shape = {draw.in(1, 80), 1, 3, draw.in(1, 3)};
    const std::int64_t codes = std::int64_t{1} << tensor.bits;
    const std::int64_t low = is_signed_type(tensor.dtype) ? -codes / 2 : 0;
    const std::int64_t high = low + codes - 1;
    const std::int64_t zero_points[] = {low, 0, draw.in(low, high)};
    const std::int64_t zero_point = zero_points[draw.in(0, 2)];
    tensor.zero_point = static_cast<std::int32_t>(zero_point);
    const auto kind = static_cast<ValueKind>(draw.in(0, 5));
    std::int64_t width = draw.in(0, tensor.bits - 1);
    for (std::int64_t v = 0; v < tensor.values(); ++v) {
      const std::int64_t code = std::clamp(random_code(draw, kind, zero_point, low, high, width), low, high);
      for (int byte = 0; byte < tensor.bits / 8; ++byte)
        tensor.data.push_back(static_cast<std::uint8_t>(code >> (8 * byte)));
    }
    all.push_back(std::move(made));
  }
  return all;
}

}  // namespace dpred
