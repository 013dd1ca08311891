// The descriptor as bytes in memory.
#include "platform/layer_descriptor.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "tests/platform/random_layers.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::test;

namespace {

using Bytes = std::array<std::uint8_t, LayerDescriptor::size>;

std::uint64_t wide(Random& random) {
  return static_cast<std::uint64_t>(random.in(0, 0xffffffff)) << random.in(0, 32);
}

OperandDescriptor random_operand(Random& random, int bits) {
  OperandDescriptor o;
  o.address = wide(random);
  o.table_address = wide(random);
  o.bytes = wide(random);
  o.table_bytes = static_cast<std::uint32_t>(random.in(0, 0x7fffffff));
  o.codec = static_cast<std::uint8_t>(random.in(0, static_cast<std::int64_t>(codec_names().size()) - 1));
  o.format.mode = random.of<TensorMode>({TensorMode::raw, TensorMode::coded, TensorMode::coded_zero});
  o.format.sign = random.of<SignForm>({SignForm::twos_complement, SignForm::sign_magnitude});
  o.format.widths = random.of<WidthRounding>({WidthRounding::any, WidthRounding::even, WidthRounding::pow2});
  o.format.values.bits = static_cast<std::uint8_t>(bits);
  o.format.values.is_signed = random.chance(50);
  o.format.values.code_is_signed = random.chance(50);
  const std::int64_t lowest = o.format.values.code_is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
  const std::int64_t highest = lowest + (std::int64_t{1} << bits) - 1;
  o.format.values.zero_point =
      static_cast<std::int32_t>(random.of<std::int64_t>({lowest, highest, random.in(lowest, highest)}));
  o.width = static_cast<std::uint8_t>(random.of<std::int64_t>({1, bits + 1, random.in(1, bits + 1)}));
  o.format.width = static_cast<std::uint8_t>(random.in(0, bits));
  return o;
}

LayerDescriptor random_descriptor(Random& random) {
  LayerDescriptor d;
  d.shape = random_layer(random, random_input(random, 100, 200), 300);
  d.shape.recurrent = d.shape.OH * d.shape.OW == 1 && random.chance(50);
  d.weight_is_activation = random.chance(50);
  d.stream = random_stream_options(random);
  const int bits = random.of<int>({8, 16});
  d.activation = random_operand(random, bits);
  d.weight = random_operand(random, bits);
  d.output = random_operand(random, bits);
  d.output_channels = static_cast<std::uint32_t>(
      random.of<std::int64_t>({0, d.shape.K, d.shape.K % 4 == 0 ? d.shape.K / 4 : d.shape.K}));
  d.bias_address = wide(random);
  d.tile_split = random.of<TileSplit>({TileSplit::filters, TileSplit::windows});
  if (d.output_channels > 0 && random.chance(50)) {
    d.on_chip = LayerDescriptor::output_stays | random.of<std::uint8_t>({0, LayerDescriptor::not_written});
    d.output_place = static_cast<std::uint32_t>(random.in(0, 1 << 30));
  }
  if (random.chance(50)) d.on_chip |= LayerDescriptor::input_stays;
  const LayerShape& s = d.shape;
  d.folded = s.groups == 1 && s.dilation == std::array<std::int64_t, 2>{1, 1} && s.stride[0] > 1 &&
             s.stride[0] == s.stride[1] && random.chance(50);
  return d;
}

bool same(const OperandDescriptor& a, const OperandDescriptor& b) {
  const ValueFormat& v = a.format.values;
  const ValueFormat& w = b.format.values;
  return a.address == b.address && a.table_address == b.table_address && a.bytes == b.bytes &&
         a.table_bytes == b.table_bytes && a.codec == b.codec && a.format.mode == b.format.mode &&
         a.format.sign == b.format.sign && a.format.widths == b.format.widths &&
         a.format.width == b.format.width && a.width == b.width && v.bits == w.bits &&
         v.is_signed == w.is_signed && v.code_is_signed == w.code_is_signed && v.zero_point == w.zero_point;
}

bool same(const LayerDescriptor& a, const LayerDescriptor& b) {
  const LayerShape& s = a.shape;
  const LayerShape& t = b.shape;
  return s.N == t.N && s.C == t.C && s.H == t.H && s.W == t.W && s.K == t.K && s.R == t.R && s.S == t.S &&
         s.OH == t.OH && s.OW == t.OW && s.stride == t.stride && s.dilation == t.dilation &&
         s.pad_tblr == t.pad_tblr && s.groups == t.groups && s.recurrent == t.recurrent &&
         a.weight_is_activation == b.weight_is_activation && a.stream.group == b.stream.group &&
         a.stream.slice_channels == b.stream.slice_channels &&
         a.stream.block_values == b.stream.block_values && a.stream.block_filters == b.stream.block_filters &&
         same(a.activation, b.activation) && same(a.weight, b.weight) && same(a.output, b.output) &&
         a.output_channels == b.output_channels && a.bias_address == b.bias_address &&
         a.tile_split == b.tile_split && a.folded == b.folded && a.on_chip == b.on_chip &&
         a.output_place == b.output_place;
}

/// Empty if the bytes are refused in one line, or decode to what encodes to something that decodes alike.
std::string trouble(const Bytes& bytes) {
  try {
    const LayerDescriptor d = LayerDescriptor::from_bytes(bytes);
    return same(LayerDescriptor::from_bytes(d.to_bytes()), d) ? "" : "comes back as another";
  } catch (const InputError& error) {
    const std::string what = error.what();
    const bool one_line = what.rfind("layer descriptor: ", 0) == 0 && what.find('\n') == std::string::npos;
    return one_line ? "" : "message: " + what;
  }
}

std::string refusal(const LayerDescriptor& d) {
  try {
    LayerDescriptor::from_bytes(d.to_bytes());
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a layer descriptor comes back from its bytes") {
  Random random(21);
  int folded = 0;
  for (int i = 0; i < 2000; ++i) {
    const LayerDescriptor d = random_descriptor(random);
    REQUIRE(same(LayerDescriptor::from_bytes(d.to_bytes()), d));
    folded += d.folded;
  }
  CHECK(folded > 50);
}

TEST_CASE("a changed byte of a layer descriptor is refused or gives a descriptor") {
  Random random(22);
  std::size_t refused = 0;
  for (int i = 0; i < 4; ++i) {
    const Bytes valid = random_descriptor(random).to_bytes();
    for (std::size_t at = 0; at < valid.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        Bytes bytes = valid;
        bytes[at] = static_cast<std::uint8_t>(value);
        const std::string found = trouble(bytes);
        if (!found.empty()) FAIL("byte " << at << " = " << value << ": " << found);
        if (at < 4 && bytes != valid) {
          REQUIRE_THROWS_WITH(LayerDescriptor::from_bytes(bytes), "layer descriptor: wrong magic number");
          ++refused;
        }
      }
    }
  }
  CHECK(refused == 4 * 4 * 255);
}

TEST_CASE("random bytes are no layer descriptor") {
  Random random(23);
  for (int i = 0; i < 100000; ++i) {
    Bytes bytes;
    for (std::uint8_t& byte : bytes)
      byte = static_cast<std::uint8_t>(random.in(0, 255));
    if (i % 2 == 0) {  // past the magic number; small numbers get further
      const Bytes valid = LayerDescriptor().to_bytes();
      std::copy_n(valid.begin(), 4, bytes.begin());
      for (std::size_t at = 4; at < bytes.size(); ++at)
        if (at % 4 != 0) bytes[at] = 0;
    }
    const std::string found = trouble(bytes);
    if (!found.empty()) FAIL(found);
  }
}

TEST_CASE("a layer descriptor names the field that does not fit") {
  LayerDescriptor good;
  good.shape.C = 4, good.shape.K = 8, good.shape.H = good.shape.W = 6, good.shape.R = good.shape.S = 3;
  good.shape.OH = good.shape.OW = 4;
  good.activation.width = good.weight.width = 8;
  REQUIRE(refusal(good) == "accepted");
  const auto check = [&](const std::string& part, void (*change)(LayerDescriptor&)) {
    LayerDescriptor d = good;
    change(d);
    CHECK_THAT(refusal(d), Catch::Contains(part));
  };
  check("N is 0", [](LayerDescriptor& d) { d.shape.N = 0; });
  check("stride_x is 0", [](LayerDescriptor& d) { d.shape.stride[1] = 0; });
  check("pad_left is -1", [](LayerDescriptor& d) { d.shape.pad_tblr[2] = -1; });
  check("OH does not fit", [](LayerDescriptor& d) { d.shape.OH = 5; });
  check("OW does not fit", [](LayerDescriptor& d) { d.shape.OW = 3; });
  check("OH does not fit", [](LayerDescriptor& d) { d.shape.R = 7, d.shape.OH = 1; });
  check("groups", [](LayerDescriptor& d) { d.shape.groups = 3; });
  check("recurrent", [](LayerDescriptor& d) { d.shape.recurrent = true; });
  check("output_channels is not 0, K or K / 4", [](LayerDescriptor& d) { d.output_channels = 9; });
  check("output_channels is not 0, K or K / 4", [](LayerDescriptor& d) { d.output_channels = 4; });
  check("output_channels is not 0, K or K / 4", [](LayerDescriptor& d) { d.output_channels = 1; });
  check("output_channels is not 0, K or K / 4",
        [](LayerDescriptor& d) { d.output_channels = (std::uint32_t{1} << 30) + 2; });  // times 4: 2^32 + K
  check("accepted", [](LayerDescriptor& d) { d.output_channels = 8; });
  check("accepted", [](LayerDescriptor& d) { d.output_channels = 2; });
  check("codec is", [](LayerDescriptor& d) { d.weight.codec = 200; });
  check("mode is 3", [](LayerDescriptor& d) { d.weight.format.mode = static_cast<TensorMode>(3); });
  check("sign is 2", [](LayerDescriptor& d) { d.activation.format.sign = static_cast<SignForm>(2); });
  check("widths is 3", [](LayerDescriptor& d) { d.output.format.widths = static_cast<WidthRounding>(3); });
  check("bits", [](LayerDescriptor& d) { d.output.format.values.bits = 12; });
  check("width is 18", [](LayerDescriptor& d) { d.activation.width = 18; });
  check("width is not from 1 to bits + 1", [](LayerDescriptor& d) { d.weight.width = 0; });
  check("group is 257", [](LayerDescriptor& d) { d.stream.group = 257; });
  check("operands differ in bits", [](LayerDescriptor& d) { d.weight.format.values.bits = 16; });
  check("operands differ in bits", [](LayerDescriptor& d) { d.activation.format.values.bits = 16; });
  check("operands differ in bits", [](LayerDescriptor& d) { d.output.format.values.bits = 16; });
  check("width is not from 1 to bits + 1", [](LayerDescriptor& d) { d.activation.width = 10; });
  check("width is not from 1 to bits + 1", [](LayerDescriptor& d) { d.output.width = 10; });
  check("accepted", [](LayerDescriptor& d) { d.activation.width = d.weight.width = 9; });
  check("tile_split is 2", [](LayerDescriptor& d) { d.tile_split = TileSplit::best; });
  check("accepted", [](LayerDescriptor& d) { d.tile_split = TileSplit::windows; });
  const auto strided = [](LayerDescriptor& d) {
    d.folded = true;
    d.shape.stride = {2, 2};
    d.shape.H = d.shape.W = 9;
  };
  static constexpr auto fold = +strided;
  check("accepted", fold);
  check("a folded layer has", [](LayerDescriptor& d) { d.folded = true; });
  check("a folded layer has", [](LayerDescriptor& d) {
    fold(d);
    d.shape.stride[1] = 1, d.shape.W = 6;
  });
  check("a folded layer has", [](LayerDescriptor& d) {
    fold(d);
    d.shape.dilation = {2, 2}, d.shape.H = d.shape.W = 11;
  });
  check("a folded layer has", [](LayerDescriptor& d) {
    fold(d);
    d.shape.groups = 4;
  });
  const auto stays = [](LayerDescriptor& d, int bits, std::uint32_t place) {
    d.output_channels = static_cast<std::uint32_t>(d.shape.K);
    d.on_chip = static_cast<std::uint8_t>(bits);
    d.output_place = place;
  };
  static constexpr auto stay = +stays;
  check("accepted", [](LayerDescriptor& d) { stay(d, 7, 64); });
  check("accepted", [](LayerDescriptor& d) { stay(d, 1, 0); });
  check("on_chip is 8", [](LayerDescriptor& d) { stay(d, 8, 0); });
  check("an output that is not written", [](LayerDescriptor& d) { stay(d, 4, 0); });
  check("output_place is not 0", [](LayerDescriptor& d) { stay(d, 1, 64); });
  check("an output that stays is none", [](LayerDescriptor& d) {
    stay(d, 2, 64);
    d.output_channels = 0;
  });
  check("slice_channels is 0", [](LayerDescriptor& d) { d.stream.slice_channels = 0; });
}

TEST_CASE("a zero point of a layer descriptor is a code of the stored type") {
  const auto of = [](int bits, bool is_signed, std::int32_t zero_point) {
    std::vector<std::string> found;
    for (OperandDescriptor LayerDescriptor::*operand :
         {&LayerDescriptor::activation, &LayerDescriptor::weight, &LayerDescriptor::output}) {
      LayerDescriptor d;
      d.activation.width = d.weight.width = 1;
      for (OperandDescriptor* each : {&d.activation, &d.weight, &d.output})
        each->format.values.bits = static_cast<std::uint8_t>(bits);
      (d.*operand).format.values.code_is_signed = is_signed;
      (d.*operand).format.values.zero_point = zero_point;
      found.push_back(refusal(d));
    }
    CHECK(found[0] == found[1]);
    CHECK(found[0] == found[2]);
    return found[0];
  };
  const std::string refused = "layer descriptor: zero_point is not in the range of the stored type";
  CHECK(of(8, true, -128) == "accepted");
  CHECK(of(8, true, 127) == "accepted");
  CHECK(of(8, true, -129) == refused);
  CHECK(of(8, true, 128) == refused);
  CHECK(of(8, false, 0) == "accepted");
  CHECK(of(8, false, 255) == "accepted");
  CHECK(of(8, false, -1) == refused);
  CHECK(of(8, false, 256) == refused);
  CHECK(of(16, true, -32768) == "accepted");
  CHECK(of(16, true, 32767) == "accepted");
  CHECK(of(16, true, 32768) == refused);
  CHECK(of(16, false, 65535) == "accepted");
  CHECK(of(16, false, -1) == refused);
}

TEST_CASE("a layer descriptor whose numbers multiply beyond 63 bits is refused") {
  static constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const std::string refused = "layer descriptor: the dimensions are too large";
  const auto of = [](void (*change)(LayerShape&)) {
    LayerDescriptor d;
    d.activation.width = d.weight.width = 1;
    change(d.shape);
    return refusal(d);
  };
  // 2^63 is just above twice the square of the largest number.
  CHECK(of([](LayerShape& s) { s.N = 2, s.C = s.H = most, s.OH = 1, s.stride[0] = most; }) == "accepted");
  CHECK(of([](LayerShape& s) { s.N = 3, s.C = s.H = most, s.OH = 1, s.stride[0] = most; }) == refused);
  CHECK(of([](LayerShape& s) { s.N = 2, s.K = s.C = most; }) == "accepted");
  CHECK(of([](LayerShape& s) { s.N = 3, s.K = s.C = most; }) == refused);
  CHECK(of([](LayerShape& s) { s.C = s.K = most, s.H = s.OH = 3; }) == refused);
  CHECK(of([](LayerShape& s) { s.C = s.K = most, s.W = s.OW = 3; }) == refused);
  CHECK(of([](LayerShape& s) { s.C = s.K = most, s.H = s.R = 3; }) == refused);
  CHECK(of([](LayerShape& s) { s.C = s.K = most, s.W = s.S = 3; }) == refused);
  // Depthwise: a filter reads one channel.
  CHECK(of([](LayerShape& s) { s.C = s.K = s.groups = most, s.H = s.OH = 3; }) == "accepted");
}
