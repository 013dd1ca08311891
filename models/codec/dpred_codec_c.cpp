// The C interface: arguments are checked here, all else is the codec's and the layout's. A block is a layout
// of one block, whose rows are the runs.
#include "models/codec/dpred_codec_c.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <new>
#include <vector>

#include "models/codec/codec.h"
#include "models/codec/containers.h"
#include "models/codec/registry.h"

struct dpred_layout {
  dpred::StreamLayout layout;
};

namespace {

using namespace dpred;

static_assert(DPRED_MODE_RAW == static_cast<int>(TensorMode::raw));
static_assert(DPRED_MODE_WIDTHS == static_cast<int>(TensorMode::coded));
static_assert(DPRED_MODE_WIDTHS_ZERO == static_cast<int>(TensorMode::coded_zero));
static_assert(DPRED_SIGN_TWOS_COMPLEMENT == static_cast<int>(SignForm::twos_complement));
static_assert(DPRED_SIGN_MAGNITUDE == static_cast<int>(SignForm::sign_magnitude));
static_assert(DPRED_WIDTHS_ANY == static_cast<int>(WidthRounding::any));
static_assert(DPRED_WIDTHS_EVEN == static_cast<int>(WidthRounding::even));
static_assert(DPRED_WIDTHS_POW2 == static_cast<int>(WidthRounding::pow2));
static_assert(DPRED_ROLE_ACTIVATION == static_cast<int>(StreamRole::activation));
static_assert(DPRED_ROLE_WEIGHT == static_cast<int>(StreamRole::weight));
static_assert(DPRED_ROLE_DEPTHWISE_WEIGHT == static_cast<int>(StreamRole::depthwise_weight));

/// What `call` returns, with exceptions as statuses.
template <class Call>
dpred_status guarded(Call&& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return DPRED_NO_MEMORY;
  } catch (...) {
    return DPRED_DEFECT;
  }
}

bool valid_bits(std::uint8_t bits) {
  return bits == 8 || bits == 16;
}

bool valid(const dpred_format& f) {
  return valid_bits(f.bits) && f.is_signed <= 1 && f.mode <= DPRED_MODE_WIDTHS_ZERO &&
         f.sign <= DPRED_SIGN_MAGNITUDE && f.widths <= DPRED_WIDTHS_POW2 && f.group >= 1 && f.group <= 256;
}

bool valid(const dpred_block& b) {
  return b.runs >= 1 && b.run_values >= 1 && b.runs <= DPRED_MOST_VALUES &&
         b.run_values <= DPRED_MOST_VALUES / b.runs;
}

/// For arrays of codes and containers.
bool valid_array(std::uint8_t bits, const void* array) {
  return array != nullptr && reinterpret_cast<std::uintptr_t>(array) % (bits / 8u) == 0;
}

bool valid_zero_point(std::uint8_t bits, std::int32_t zero_point) {
  return zero_point >= -(1 << (bits - 1)) && zero_point < 1 << bits;
}

dpred_status check_block(const dpred_format* format, const dpred_block* block) {
  if (format == nullptr || block == nullptr) return DPRED_BAD_POINTER;
  if (!valid(*format)) return DPRED_BAD_FORMAT;
  return valid(*block) ? DPRED_OK : DPRED_BAD_BLOCK;
}

const std::uint8_t* as_bytes(const void* array) {
  return static_cast<const std::uint8_t*>(array);
}

/// A block that was checked, as the codec takes it.
struct Block {
  StreamLayout layout;
  StreamFormat format;

  Block(const dpred_format& f, const dpred_block& b)
      : layout(StreamRole::activation,
               {static_cast<std::int64_t>(b.runs), static_cast<std::int64_t>(b.run_values), 1, 1},
               {f.group, static_cast<std::int64_t>(b.run_values),
                static_cast<std::int64_t>(DPRED_MOST_VALUES), 1}) {
    format.mode = static_cast<TensorMode>(f.mode);
    format.values.bits = f.bits;
    format.values.is_signed = f.is_signed != 0;
    format.values.code_is_signed = format.values.is_signed;
    format.sign = static_cast<SignForm>(f.sign);
    format.widths = static_cast<WidthRounding>(f.widths);
  }
  std::size_t container_bytes() const {
    return static_cast<std::size_t>(layout.values()) * format.container_bytes();
  }
};

Tensor tensor_of(const Shape& shape, std::uint8_t bits, bool code_is_signed, std::int32_t zero_point) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.bits = bits;
  if (bits == 8) {
    tensor.dtype = code_is_signed ? DType::int8 : DType::uint8;
  } else {
    tensor.dtype = code_is_signed ? DType::int16 : DType::uint16;
  }
  tensor.zero_point = zero_point;
  return tensor;
}

void fill(Tensor& tensor, const void* codes) {
  const std::uint8_t* bytes = as_bytes(codes);
  tensor.data.assign(bytes, bytes + static_cast<std::size_t>(tensor.values()) * bytes_of(tensor.dtype));
}

StreamSizes sizes_of(const Block& block, const void* containers) {
  const StreamFormat& format = block.format;
  if (format.mode == TensorMode::raw) {
    StreamSizes sizes;
    sizes.payload_bits = static_cast<std::uint64_t>(block.layout.values()) * format.values.bits;
    return sizes;
  }
  Tensor tensor = tensor_of(block.layout.shape(), format.values.bits, format.values.code_is_signed, 0);
  fill(tensor, containers);
  CodecOptions options;
  options.zero_vector = format.mode == TensorMode::coded ? ZeroVector::never : ZeroVector::always;
  options.sign = format.sign;
  options.widths = format.widths;
  const WidthMap widths = WidthMap::of(tensor, format.values, block.layout, dpred_codec().sign_form(options));
  return dpred_codec().plan({block.layout, format.values, widths, options, &tensor}).sizes;
}

std::uint64_t total_bits(const dpred_sizes& s) {
  return s.metadata_bits + s.payload_bits + s.pointer_bits + s.padding_bits;
}

/// Calls copy(first row, rows, bytes before it in stream order) for each section.
template <class Copy>
void visit_sections(const StreamLayout& layout, std::uint8_t bits, Copy&& copy) {
  std::size_t at = 0;
  for (const StreamSection& section : layout.sections()) {
    copy(section.first_row, section.rows, at);
    at += static_cast<std::size_t>(section.rows * section.row_values) * (bits / 8u);
  }
}

dpred_status check_arrays(std::uint8_t bits, std::int32_t zero_point, const void* from, const void* to) {
  if (!valid_bits(bits)) return DPRED_BAD_FORMAT;
  if (!valid_array(bits, from) || !valid_array(bits, to)) return DPRED_BAD_POINTER;
  return valid_zero_point(bits, zero_point) ? DPRED_OK : DPRED_BAD_ZERO_POINT;
}

ValueFormat value_format(std::uint8_t bits, std::int32_t zero_point) {
  ValueFormat format;
  format.bits = bits;
  format.zero_point = zero_point;
  return format;
}

}  // namespace

std::uint32_t dpred_codec_version() {
  return DPRED_CODEC_VERSION;
}

const char* dpred_status_text(int status) {
  switch (status) {
    case DPRED_OK:
      return "done";
    case DPRED_BAD_POINTER:
      return "a pointer is NULL or not aligned";
    case DPRED_BAD_FORMAT:
      return "bits, mode, sign, widths or group of a format is outside its range";
    case DPRED_BAD_BLOCK:
      return "a block has no values or too many, or isn't in the layout";
    case DPRED_BAD_LAYOUT:
      return "role, shape or options of a layout are outside their range";
    case DPRED_BAD_ZERO_POINT:
      return "the zero point is no code of the tensor's type";
    case DPRED_NO_SPACE:
      return "the output is too short";
    case DPRED_BROKEN_STREAM:
      return "the stream ends inside a block or breaks the format";
    case DPRED_NO_MEMORY:
      return "out of memory";
    case DPRED_DEFECT:
      return "a defect of the library";
    default:
      return "no status of this library";
  }
}

dpred_status dpred_most_block_bytes(const dpred_format* format, const dpred_block* block, size_t* bytes) {
  return guarded([&] {
    if (const dpred_status status = check_block(format, block)) return status;
    if (bytes == nullptr) return DPRED_BAD_POINTER;
    const Block checked(*format, *block);
    *bytes = most_block_bytes(dpred_codec(), checked.layout, checked.format, 0);
    return DPRED_OK;
  });
}

dpred_status dpred_add_block_sizes(const dpred_format* format, const dpred_block* block,
                                   const void* containers, dpred_sizes* sizes) {
  return guarded([&] {
    if (const dpred_status status = check_block(format, block)) return status;
    if (!valid_array(format->bits, containers) || sizes == nullptr) return DPRED_BAD_POINTER;
    const StreamSizes added = sizes_of(Block(*format, *block), containers);
    sizes->metadata_bits += added.metadata_bits;
    sizes->payload_bits += added.payload_bits;
    sizes->pointer_bits += added.pointer_bits;
    sizes->padding_bits += added.padding_bits;
    return DPRED_OK;
  });
}

dpred_status dpred_choose_mode(const dpred_sizes* raw, const dpred_sizes* widths,
                               const dpred_sizes* widths_zero, uint8_t* mode) {
  if (raw == nullptr || widths == nullptr || widths_zero == nullptr || mode == nullptr) {
    return DPRED_BAD_POINTER;
  }
  const std::uint64_t totals[] = {total_bits(*raw), total_bits(*widths), total_bits(*widths_zero)};
  // The first of the smallest; modes are numbered in the order of preference.
  *mode = static_cast<std::uint8_t>(std::min_element(std::begin(totals), std::end(totals)) - totals);
  return DPRED_OK;
}

dpred_status dpred_encode_block(const dpred_format* format, const dpred_block* block, const void* containers,
                                uint8_t* bytes, size_t capacity, size_t* size) {
  return guarded([&] {
    if (const dpred_status status = check_block(format, block)) return status;
    if (!valid_array(format->bits, containers) || bytes == nullptr || size == nullptr) {
      return DPRED_BAD_POINTER;
    }
    const Block checked(*format, *block);
    std::vector<std::uint8_t> encoded;
    encode_block(dpred_codec(), checked.layout, checked.format, 0, as_bytes(containers), encoded);
    *size = encoded.size();
    if (encoded.size() > capacity) return DPRED_NO_SPACE;
    std::copy(encoded.begin(), encoded.end(), bytes);
    return DPRED_OK;
  });
}

dpred_status dpred_decode_block(const dpred_format* format, const dpred_block* block, const uint8_t* bytes,
                                size_t size, void* containers, size_t capacity, size_t* used,
                                uint64_t* error_bit) {
  return guarded([&] {
    if (const dpred_status status = check_block(format, block)) return status;
    if (!valid_array(format->bits, containers) || bytes == nullptr) return DPRED_BAD_POINTER;
    const Block checked(*format, *block);
    if (capacity < static_cast<std::size_t>(checked.layout.values())) return DPRED_NO_SPACE;
    try {
      const std::size_t taken = decode_block(dpred_codec(), checked.layout, checked.format, 0, bytes, size,
                                             static_cast<std::uint8_t*>(containers));
      if (used != nullptr) *used = taken;
      return DPRED_OK;
    } catch (const StreamError& error) {
      if (error_bit != nullptr) *error_bit = error.bit;
      return DPRED_BROKEN_STREAM;
    }
  });
}

dpred_status dpred_containers_of_codes(uint8_t bits, int32_t zero_point, const void* codes, size_t count,
                                       void* containers) {
  if (const dpred_status status = check_arrays(bits, zero_point, codes, containers)) return status;
  add_to_containers(bits, as_bytes(codes), count, -zero_point, static_cast<std::uint8_t*>(containers));
  return DPRED_OK;
}

dpred_status dpred_codes_of_containers(uint8_t bits, int32_t zero_point, const void* containers, size_t count,
                                       void* codes) {
  if (const dpred_status status = check_arrays(bits, zero_point, containers, codes)) return status;
  add_to_containers(bits, as_bytes(containers), count, zero_point, static_cast<std::uint8_t*>(codes));
  return DPRED_OK;
}

dpred_status dpred_find_is_signed(uint8_t bits, uint8_t code_is_signed, int32_t zero_point, const void* codes,
                                  size_t count, uint8_t* is_signed) {
  return guarded([&] {
    if (!valid_bits(bits) || code_is_signed > 1) return DPRED_BAD_FORMAT;
    if (!valid_array(bits, codes) || is_signed == nullptr) return DPRED_BAD_POINTER;
    if (count < 1 || count > DPRED_MOST_VALUES) return DPRED_BAD_BLOCK;
    const std::int32_t lowest = code_is_signed != 0 ? -(1 << (bits - 1)) : 0;
    if (zero_point < lowest || zero_point >= lowest + (1 << bits)) return DPRED_BAD_ZERO_POINT;
    Tensor tensor =
        tensor_of({1, 1, 1, static_cast<std::int64_t>(count)}, bits, code_is_signed != 0, zero_point);
    fill(tensor, codes);
    *is_signed = profile_of(tensor).format.is_signed ? 1 : 0;
    return DPRED_OK;
  });
}

dpred_status dpred_layout_new(int role, const uint64_t shape[4], const dpred_layout_options* options,
                              dpred_layout** layout) {
  return guarded([&] {
    if (shape == nullptr || options == nullptr || layout == nullptr) return DPRED_BAD_POINTER;
    if (role < DPRED_ROLE_ACTIVATION || role > DPRED_ROLE_DEPTHWISE_WEIGHT) return DPRED_BAD_LAYOUT;
    if (role == DPRED_ROLE_DEPTHWISE_WEIGHT && shape[1] != 1) return DPRED_BAD_LAYOUT;
    if (options->group < 1 || options->group > 256 || options->slice_channels < 1 ||
        options->block_values < 1 || options->block_filters < 1) {
      return DPRED_BAD_LAYOUT;
    }
    std::uint64_t values = 1;
    Shape dimensions{};
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
      if (shape[i] < 1 || shape[i] > DPRED_MOST_VALUES / values) return DPRED_BAD_LAYOUT;
      values *= shape[i];
      dimensions[i] = static_cast<std::int64_t>(shape[i]);
    }
    *layout = new dpred_layout{StreamLayout(
        static_cast<StreamRole>(role), dimensions,
        {options->group, options->slice_channels, options->block_values, options->block_filters})};
    return DPRED_OK;
  });
}

void dpred_layout_free(dpred_layout* layout) {
  delete layout;
}

dpred_status dpred_layout_blocks(const dpred_layout* layout, uint64_t* blocks) {
  if (layout == nullptr || blocks == nullptr) return DPRED_BAD_POINTER;
  *blocks = layout->layout.blocks().size();
  return DPRED_OK;
}

dpred_status dpred_layout_block(const dpred_layout* layout, uint64_t number, dpred_block* block,
                                uint64_t* first_value) {
  if (layout == nullptr || block == nullptr || first_value == nullptr) return DPRED_BAD_POINTER;
  const StreamLayout& order = layout->layout;
  if (number >= order.blocks().size()) return DPRED_BAD_BLOCK;
  const StreamBlock& rows = order.blocks()[number];
  const StreamSection& section = order.section_of_row(rows.first_row);
  block->runs = static_cast<std::uint64_t>(rows.rows * (section.row_values / section.run));
  block->run_values = static_cast<std::uint64_t>(section.run);
  std::int64_t before = (rows.first_row - section.first_row) * section.row_values;
  for (const StreamSection& earlier : order.sections()) {
    if (&earlier == &section) break;
    before += earlier.rows * earlier.row_values;
  }
  *first_value = static_cast<std::uint64_t>(before);
  return DPRED_OK;
}

dpred_status dpred_layout_gather(const dpred_layout* layout, uint8_t bits, int32_t zero_point,
                                 const void* codes, void* containers) {
  return guarded([&] {
    if (layout == nullptr) return DPRED_BAD_POINTER;
    if (const dpred_status status = check_arrays(bits, zero_point, codes, containers)) return status;
    const StreamLayout& order = layout->layout;
    Tensor tensor = tensor_of(order.shape(), bits, false, zero_point);
    fill(tensor, codes);
    const ValueFormat format = value_format(bits, zero_point);
    visit_sections(order, bits, [&](std::int64_t first_row, std::int64_t rows, std::size_t at) {
      order.gather(tensor, format, first_row, rows, static_cast<std::uint8_t*>(containers) + at);
    });
    return DPRED_OK;
  });
}

dpred_status dpred_layout_scatter(const dpred_layout* layout, uint8_t bits, int32_t zero_point,
                                  const void* containers, void* codes) {
  return guarded([&] {
    if (layout == nullptr) return DPRED_BAD_POINTER;
    if (const dpred_status status = check_arrays(bits, zero_point, containers, codes)) return status;
    const StreamLayout& order = layout->layout;
    Tensor tensor = tensor_of(order.shape(), bits, false, zero_point);
    tensor.data.resize(static_cast<std::size_t>(tensor.values()) * bytes_of(tensor.dtype));
    const ValueFormat format = value_format(bits, zero_point);
    visit_sections(order, bits, [&](std::int64_t first_row, std::int64_t rows, std::size_t at) {
      order.scatter(as_bytes(containers) + at, format, first_row, rows, tensor);
    });
    std::copy(tensor.data.begin(), tensor.data.end(), static_cast<std::uint8_t*>(codes));
    return DPRED_OK;
  });
}
