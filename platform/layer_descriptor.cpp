#include "platform/layer_descriptor.h"

#include <limits>

#include "workloads/error.h"

namespace dpred {

namespace {

/// One description of the format for both directions: `io` sees each field with its name and range.
template <class Io, class Descriptor>
void visit_fields(Io& io, Descriptor& d) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  auto& s = d.shape;
  io.number("N", s.N, 1, most);
  io.number("C", s.C, 1, most);
  io.number("H", s.H, 1, most);
  io.number("W", s.W, 1, most);
  io.number("K", s.K, 1, most);
  io.number("R", s.R, 1, most);
  io.number("S", s.S, 1, most);
  io.number("OH", s.OH, 1, most);
  io.number("OW", s.OW, 1, most);
  io.number("stride_y", s.stride[0], 1, most);
  io.number("stride_x", s.stride[1], 1, most);
  io.number("dilation_y", s.dilation[0], 1, most);
  io.number("dilation_x", s.dilation[1], 1, most);
  io.number("pad_top", s.pad_tblr[0], 0, most);
  io.number("pad_bottom", s.pad_tblr[1], 0, most);
  io.number("pad_left", s.pad_tblr[2], 0, most);
  io.number("pad_right", s.pad_tblr[3], 0, most);
  io.number("groups", s.groups, 1, most);
  io.number("recurrent", s.recurrent, 0, 1);
  io.number("weight_is_activation", d.weight_is_activation, 0, 1);
  io.number("output_channels", d.output_channels, 0, most);
  io.number("group", d.stream.group, 1, 256);
  io.number("slice_channels", d.stream.slice_channels, 1, most);
  io.number("block_values", d.stream.block_values, 1, most);
  io.number("block_filters", d.stream.block_filters, 1, most);
  io.wide("bias_address", d.bias_address);
  for (auto* operand : {&d.activation, &d.weight, &d.output}) {
    io.wide("address", operand->address);
    io.wide("table_address", operand->table_address);
    io.wide("bytes", operand->bytes);
    io.number("table_bytes", operand->table_bytes, 0, most);
    io.number("zero_point", operand->format.values.zero_point, -32768, 65535);
    io.byte("codec", operand->codec, 0, static_cast<std::int64_t>(codec_names().size()) - 1);
    io.byte("mode", operand->format.mode, 0, 2);
    io.byte("bits", operand->format.values.bits, 8, 16);
    io.byte("width", operand->width, 0, 17);
    io.byte("is_signed", operand->format.values.is_signed, 0, 1);
    io.byte("code_is_signed", operand->format.values.code_is_signed, 0, 1);
    io.byte("sign", operand->format.sign, 0, 1);
    io.byte("widths", operand->format.widths, 0, 2);
  }
  io.number("tile_split", d.tile_split, 0, 1);
  io.number("folded", d.folded, 0, 1);
  for (auto* operand : {&d.activation, &d.weight, &d.output})
    io.byte("stream_width", operand->format.width, 0, 16);
  io.byte("on_chip", d.on_chip, 0, 7);
  io.page("partial_address", d.partial_address);
  io.number("output_place", d.output_place, 0, most);
}

constexpr std::uint64_t page_bytes = 4096;

struct Writer {
  std::array<std::uint8_t, LayerDescriptor::size>& bytes;
  std::size_t at = 0;

  void word(std::uint32_t value) {
    for (int i = 0; i < 4; ++i)
      bytes[at++] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  template <class T>
  void number(const char*, const T& value, std::int64_t, std::int64_t) {
    word(static_cast<std::uint32_t>(static_cast<std::int64_t>(value)));
  }
  template <class T>
  void byte(const char*, const T& value, std::int64_t, std::int64_t) {
    bytes[at++] = static_cast<std::uint8_t>(value);
  }
  void wide(const char*, std::uint64_t value) {
    word(static_cast<std::uint32_t>(value));
    word(static_cast<std::uint32_t>(value >> 32));
  }
  void page(const char*, std::uint64_t address) { word(static_cast<std::uint32_t>(address / page_bytes)); }
};

struct Reader {
  const std::array<std::uint8_t, LayerDescriptor::size>& bytes;
  std::size_t at = 0;

  std::uint32_t word() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
      value |= std::uint32_t{bytes[at++]} << (8 * i);
    return value;
  }
  template <class T>
  void number(const char* name, T& value, std::int64_t minimum, std::int64_t maximum) {
    store(name, static_cast<std::int32_t>(word()), value, minimum, maximum);
  }
  template <class T>
  void byte(const char* name, T& value, std::int64_t minimum, std::int64_t maximum) {
    store(name, bytes[at++], value, minimum, maximum);
  }
  template <class T>
  static void store(const char* name, std::int64_t given, T& value, std::int64_t minimum,
                    std::int64_t maximum) {
    if (given < minimum || given > maximum) {
      throw InputError("layer descriptor: " + std::string(name) + " is " + std::to_string(given) +
                       ", must be from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    }
    value = static_cast<T>(given);
  }
  void wide(const char*, std::uint64_t& value) {
    value = word();
    value |= std::uint64_t{word()} << 32;
  }
  void page(const char*, std::uint64_t& address) { address = std::uint64_t{word()} * page_bytes; }
};

void require(bool holds, const char* what) {
  if (!holds) throw InputError(std::string("layer descriptor: ") + what);
}

/// Whether the product of the factors, all at least 1, fits 63 bits.
bool fits(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return false;
  }
  return true;
}

void check_operand(const OperandDescriptor& operand, bool is_input) {
  const ValueFormat& values = operand.format.values;
  require(values.bits == 8 || values.bits == 16, "bits is not 8 or 16");
  const std::int32_t lowest = values.code_is_signed ? -(1 << (values.bits - 1)) : 0;
  const std::int32_t highest = lowest + static_cast<std::int32_t>(values.mask());
  require(values.zero_point >= lowest && values.zero_point <= highest,
          "zero_point is not in the range of the stored type");
  require(operand.width <= values.bits + 1 && (operand.width >= 1 || !is_input),
          "width is not from 1 to bits + 1");
  require(operand.format.width <= values.bits, "stream_width is above bits");
}

}  // namespace

std::array<std::uint8_t, LayerDescriptor::size> LayerDescriptor::to_bytes() const {
  std::array<std::uint8_t, size> bytes{};
  Writer writer{bytes};
  writer.word(magic);
  visit_fields(writer, *this);
  return bytes;
}

LayerDescriptor LayerDescriptor::from_bytes(const std::array<std::uint8_t, size>& bytes) {
  Reader reader{bytes};
  require(reader.word() == magic, "wrong magic number");
  LayerDescriptor d;
  visit_fields(reader, d);
  const LayerShape& s = d.shape;
  require(s.C % s.groups == 0 && s.K % s.groups == 0, "groups divides neither C nor K, or only one of them");
  require(s.OH == output_extent(s.H, s.pad_tblr[0] + s.pad_tblr[1], s.R, s.dilation[0], s.stride[0]),
          "OH does not fit H, R, padding, dilation and stride");
  require(s.OW == output_extent(s.W, s.pad_tblr[2] + s.pad_tblr[3], s.S, s.dilation[1], s.stride[1]),
          "OW does not fit W, S, padding, dilation and stride");
  require(!s.recurrent || s.OH * s.OW == 1, "a recurrent layer has one output position a step");
  require(fits({s.N, s.C, s.H, s.W}) && fits({s.N, s.K, s.OH, s.OW, s.R, s.S, s.channels_per_group()}),
          "the dimensions are too large");
  require(!d.folded || (s.groups == 1 && s.dilation[0] == 1 && s.dilation[1] == 1 && s.stride[0] > 1 &&
                        s.stride[0] == s.stride[1]),
          "a folded layer has one group, no dilation and equal strides above 1");
  require(d.output_channels == 0 || d.output_channels == s.K || 4 * std::int64_t{d.output_channels} == s.K,
          "output_channels is not 0, K or K / 4");
  require(!d.is(LayerDescriptor::output_stays) || d.output_channels > 0, "an output that stays is none");
  require(!d.is(LayerDescriptor::not_written) || d.is(LayerDescriptor::output_stays),
          "an output that is not written does not stay on chip");
  require(d.output_place == 0 || d.is(LayerDescriptor::output_stays),
          "output_place is not 0, and the output does not stay on chip");
  check_operand(d.activation, true);
  check_operand(d.weight, true);
  check_operand(d.output, false);
  require(d.weight.format.values.bits == d.activation.format.values.bits &&
              d.output.format.values.bits == d.activation.format.values.bits,
          "the operands differ in bits");
  return d;
}

}  // namespace dpred
