#include "workloads/npy.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"
#include "workloads/error.h"
#include "workloads/fnv_hash.h"

using namespace dpred;
using namespace dpred::test;
using Catch::Matchers::Contains;

namespace {

/// The error of reading `bytes` as an array of `type` and `shape`, or an empty string where they are
/// accepted.
std::string error_of(const std::string& bytes, std::string_view type,
                     const std::vector<std::int64_t>& shape) {
  const TempDir folder;
  const auto path = folder.path() / "x.npy";
  write_file(path, bytes);
  try {
    read_npy(path, type, shape);
  } catch (const InputError& e) {
    const std::string message = e.what();
    CHECK(message.rfind(path.string() + ": ", 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
  return {};
}

/// An .npy file of version 1.0 with this dictionary and data.
std::string with_dictionary(const std::string& dictionary, const std::string& data = "abcdef") {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + data;
}

std::string error_of_dictionary(const std::string& dictionary) {
  return error_of(with_dictionary(dictionary), "int8", {2, 3});
}

}  // namespace

TEST_CASE("npy: every version and type is read as it was written") {
  const TempDir folder;
  const auto path = folder.path() / "x.npy";
  for (const int version : {1, 2, 3}) {
    const std::string bytes = npy_bytes(
        "<i2", {2, 1, 3}, raw_bytes<std::int16_t>(std::vector<int>{1, -2, 3, 400, -32768, 7}), version);
    write_file(path, bytes);
    const NpyFile npy = read_npy(path, "int16", {2, 1, 3});
    CHECK(npy.header == bytes.substr(0, bytes.size() - 12));
    std::int16_t codes[6];
    REQUIRE(npy.data.size() == sizeof codes);
    std::memcpy(codes, npy.data.data(), sizeof codes);
    CHECK(codes[1] == -2);
    CHECK(codes[4] == -32768);
    CHECK(codes[5] == 7);
  }
  for (const auto& [type, descr, width] : {std::tuple{"int8", "|i1", 1},
                                           {"uint8", "|u1", 1},
                                           {"int8", "<i1", 1},
                                           {"uint16", "<u2", 2},
                                           {"int32", "<i4", 4},
                                           {"float32", "<f4", 4},
                                           {"float64", "<f8", 8}}) {
    INFO(descr);
    CHECK(error_of(npy_bytes(descr, {3}, std::string(3 * width, 'x')), type, {3}) == "");
  }
}

TEST_CASE("npy: a header that NumPy could have written otherwise is read too") {
  CHECK(error_of_dictionary("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }") == "");
  CHECK(error_of_dictionary("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"|i1\"}\n") == "");
  CHECK(error_of(with_dictionary("{'descr': '|i1', 'fortran_order': False, 'shape': (6,)}"), "int8", {6}) ==
        "");
  CHECK(error_of(with_dictionary("{'descr': '|i1', 'fortran_order': False, 'shape': ()}", "a"), "int8", {}) ==
        "");
}

TEST_CASE("npy: another type, order or shape than asked for") {
  const auto error = [](const char* descr, std::string_view type) {
    return error_of(npy_bytes(descr, {2}, std::string(16, 'x')), type, {2});
  };
  CHECK_THAT(error("<i2", "int8"), Contains("'<i2'") && Contains("not int8"));
  CHECK_THAT(error("|u1", "int8"), Contains("'|u1'") && Contains("not int8"));
  CHECK_THAT(error(">i2", "int16"), Contains("big-endian"));
  CHECK_THAT(error("|i2", "int16"), Contains("'|i2'"));
  CHECK_THAT(error("|O", "int8"), Contains("Python objects"));
  CHECK_THAT(error("|b1", "int8"), Contains("'|b1'"));
  CHECK_THAT(error("", "int8"), Contains("''"));
  CHECK_THAT(error("\n\x01", "int8"), Contains("'\\x0a\\x01'"));
  CHECK_THAT(error_of(npy_bytes("|i1", {2, 3}, "abcdef", 1, true), "int8", {2, 3}),
             Contains("fortran_order: True"));
  CHECK_THAT(error_of(npy_bytes("|i1", {3, 2}, "abcdef"), "int8", {2, 3}), Contains("(3,2), not (2,3)"));
  CHECK_THAT(error_of(npy_bytes("|i1", {6}, "abcdef"), "int8", {2, 3}), Contains("(6), not (2,3)"));
  CHECK_THAT(error_of(npy_bytes("|i1", {0, 3}, ""), "int8", {2, 3}), Contains("(0,3), not (2,3)"));
  CHECK_THAT(error_of(npy_bytes("|i1", std::vector<std::int64_t>(1000, 1), "a"), "int8", {1}),
             Contains("...), not (1)"));
}

TEST_CASE("npy: files that are cut off or too long") {
  const std::string good = npy_bytes("|i1", {2, 3}, "abcdef");
  REQUIRE(error_of(good, "int8", {2, 3}) == "");
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size << " bytes");
    CHECK_THAT(error_of(good.substr(0, size), "int8", {2, 3}), Contains("truncated"));
  }
  CHECK_THAT(error_of(good.substr(0, good.size() - 2), "int8", {2, 3}), Contains("4 of 6 bytes of data"));
  CHECK_THAT(error_of(good + "xyz", "int8", {2, 3}), Contains("3 bytes follow the 6 bytes"));
  // The sizes that are declared are not taken for granted.
  const std::int64_t large = 0x7fffffff;
  CHECK_THAT(error_of(npy_bytes("|i1", {large, large}, "abc"), "int8", {large, large}),
             Contains("3 of 4611686014132420609"));
}

TEST_CASE("npy: headers that make no sense") {
  std::string bytes = npy_bytes("|i1", {2, 3}, "abcdef");
  const auto changed = [&](std::size_t at, char to) {
    std::string copy = bytes;
    copy[at] = to;
    return error_of(copy, "int8", {2, 3});
  };
  CHECK_THAT(changed(0, 'x'), Contains("not an .npy file"));
  CHECK_THAT(changed(6, 4), Contains("version 4.0"));
  CHECK_THAT(changed(6, 0), Contains("version 0.0"));
  CHECK_THAT(changed(7, 1), Contains("version 1.1"));
  CHECK_THAT(changed(9, '\x7f'), Contains("truncated"));

  std::string huge("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
  CHECK_THAT(error_of(huge, "int8", {2, 3}), Contains("header of 4294967295 bytes"));

  CHECK_THAT(error_of_dictionary("{'fortran_order': False, 'shape': (2, 3)}"), Contains("no 'descr'"));
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'shape': (2, 3)}"), Contains("no 'fortran_order'"));
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'fortran_order': False}"), Contains("no 'shape'"));
  const std::string rest = "'fortran_order': False, 'shape': (2, 3)}";
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'descr': '|i1', " + rest),
             Contains("'descr' occurs twice"));
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'fortran_order': True, " + rest),
             Contains("'fortran_order' occurs twice"));
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'shape': (1,), " + rest),
             Contains("'shape' occurs twice"));
  CHECK_THAT(error_of_dictionary("{'decsr': '|i1', " + rest), Contains("'decsr' (did you mean 'descr'?)"));
  CHECK_THAT(error_of_dictionary("{'descr': [('a', '|i1')], " + rest), Contains("records"));
  CHECK_THAT(error_of_dictionary("{'descr': '|i1', 'fortran_order': Maybe, 'shape': (2, 3)}"),
             Contains("neither True nor"));
  const auto of_shape = [](const std::string& shape) {
    return error_of_dictionary("{'descr': '|i1', 'fortran_order': False, 'shape': " + shape + "}");
  };
  CHECK_THAT(of_shape("(-2, 3)"), Contains("not a number"));
  CHECK_THAT(of_shape("(2.0, 3)"), Contains("')' is missing"));
  CHECK_THAT(of_shape("(, )"), Contains("not a number"));
  CHECK_THAT(of_shape("[2, 3]"), Contains("'(' is missing"));
  CHECK_THAT(of_shape("(99999999999999999999, 3)"), Contains("too large"));
  CHECK_THAT(of_shape("(2, 3"), Contains("')' is missing"));
  CHECK_THAT(of_shape("(2, 3)} x"), Contains("bytes follow the dictionary"));
  CHECK_THAT(error_of_dictionary(""), Contains("'{' is missing"));
  CHECK_THAT(error_of_dictionary("{'descr"), Contains("does not end"));
  CHECK_THAT(error_of_dictionary("{descr: 1}"), Contains("quoted text is missing"));
  CHECK_THAT(error_of_dictionary("{'descr' '|i1'}"), Contains("':' is missing"));
  CHECK_THAT(error_of_dictionary(std::string(60000, '{')), Contains("quoted text is missing"));
}

TEST_CASE("hash: FNV-1a gives its published values") {
  const auto hex = [](const std::string& text) {
    Fnv1a64 hash;
    for (const char c : text)
      hash.add(&c, 1);
    return hash.hex();
  };
  CHECK(hex("") == "cbf29ce484222325");
  CHECK(hex("a") == "af63dc4c8601ec8c");
  CHECK(hex("foobar") == "85944171f73967e8");
}
