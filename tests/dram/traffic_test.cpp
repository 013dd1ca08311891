// Patterns, the source that sends them, and the reader of traces.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "models/dram/request_source.h"
#include "models/dram/trace_reader.h"
#include "models/dram/traffic.h"
#include "tests/support/temp_dir.h"
#include "workloads/error.h"

using namespace dpred;
using namespace dpred::dram;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::uint64_t mib = 1 << 20;

struct Expected {
  const char* pattern;
  std::uint64_t n;
  std::uint64_t address;
  bool is_write;
  int stream;
};

void check_requests(const TrafficShape& shape, const std::vector<Expected>& all) {
  for (const Expected& expected : all) {
    INFO(expected.pattern << " of " << shape.burst_bytes << " bytes, request " << expected.n);
    const TrafficRequest request = find_traffic_pattern(expected.pattern).request(expected.n, shape);
    CHECK(request.address == expected.address);
    CHECK(request.is_write == expected.is_write);
    CHECK(request.stream == expected.stream);
  }
}

/// A file with that text, for as long as it lives.
class TraceFile {
 public:
  explicit TraceFile(const std::string& text) {
    std::ofstream stream(path(), std::ios::binary);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  std::filesystem::path path() const { return folder_.path() / "t.csv"; }

 private:
  test::TempDir folder_;
};

std::vector<TraceRequest> read_all(const std::string& text, std::uint64_t capacity = mib) {
  const TraceFile file(text);
  TraceReader reader(file.path(), capacity);
  std::vector<TraceRequest> all;
  while (const auto request = reader.next())
    all.push_back(*request);
  CHECK(reader.progress() == 1.0);
  CHECK_FALSE(reader.next());
  return all;
}

/// The message must be one line that ends with `/t.csv` and `end`.
void check_refused(const std::string& text, const std::string& end) {
  INFO("trace: " << text.substr(0, 200));
  CHECK_THROWS_AS(read_all(text), InputError);
  CHECK_THROWS_WITH(read_all(text), StartsWith("/") && EndsWith("/t.csv" + end));
}

}  // namespace

TEST_CASE("patterns are what their descriptions say") {
  check_requests({64, mib, 1}, {{"seq", 0, 0, false, 0},
                                {"seq", 2, 128, false, 0},
                                {"seq", 16383, mib - 64, false, 0},
                                {"seq", 16385, 64, false, 0},
                                {"seqw", 3, 192, true, 0},
                                {"seqw", 16384, 0, true, 0},
                                {"seq9010", 8, 8 * 64, false, 0},
                                {"seq9010", 9, mib / 2, true, 1},
                                {"seq9010", 10, 9 * 64, false, 0},
                                {"seq9010", 19, mib / 2 + 64, true, 1},
                                {"seq9010", 81929, 0, true, 1},  // its 8192 bursts up to the end of the range
                                {"seq9010b", 575, 575 * 64, false, 0},
                                {"seq9010b", 576, mib / 2, true, 1},
                                {"seq9010b", 639, mib / 2 + 63 * 64, true, 1},
                                {"seq9010b", 640, 576 * 64, false, 0},
                                {"seq9010b", 1216, mib / 2 + 64 * 64, true, 1},
                                {"seq5050", 0, 0, false, 0},
                                {"seq5050", 1, mib / 2, true, 1},
                                {"seq5050", 2, 64, false, 0},
                                {"seq5050", 3, mib / 2 + 64, true, 1},
                                {"stride4k", 3, 3 * 4096, false, 0},
                                {"stride4k", 256, 0, false, 0},
                                {"tiles", 15, 15 * 64, false, 0},
                                {"tiles", 16, mib / 4 + 24576, false, 1},
                                {"tiles", 32, 2 * (mib / 4 + 24576), false, 2},
                                {"tiles", 48, 3 * (mib / 4 + 24576), true, 3},
                                {"tiles", 64, 1024, false, 0},
                                {"tiles", 184 * 64 + 48, 0, true, 3}});
  check_requests({32, mib, 1}, {{"seq", 2, 64, false, 0},
                                {"seq9010b", 576, mib / 2, true, 1},
                                {"stride4k", 3, 3 * 4096, false, 0},
                                {"tiles", 31, 31 * 32, false, 0},
                                {"tiles", 32, mib / 4 + 24576, false, 1}});
  check_requests({2048, mib, 1}, {{"tiles", 1, mib / 4 + 24576, false, 1}, {"tiles", 4, 2048, false, 0}});
  check_requests({64, 512 * mib, 1}, {{"seq5050", 1, 256 * mib, true, 1}});
}

TEST_CASE("random patterns draw their bursts from SplitMix64") {
  // The first numbers that the generator's author and others print for the seed 1234567.
  constexpr std::uint64_t numbers[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u};
  for (std::uint64_t n = 0; n < 3; ++n) {
    const std::uint64_t address = numbers[n] % (mib / 64) * 64;
    check_requests({64, mib, 1234567},
                   {{"random", n, address, false, 0}, {"rand9010", n, address, false, 0}});
  }
  const TrafficPattern& random = find_traffic_pattern("random");
  const TrafficPattern& mixed = find_traffic_pattern("rand9010");
  std::set<std::uint64_t> bursts;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const std::uint64_t address = random.request(n, {64, mib, 5}).address;
    bursts.insert(address);
    CHECK(mixed.request(n, {64, mib, 5}).address == address);
    CHECK(mixed.request(n, {64, mib, 5}).is_write == (n % 10 == 9));
  }
  CHECK(bursts.size() > 950);  // of 16384: some 30 are drawn twice
}

TEST_CASE("patterns stay within their range, on bursts, in streams that have a name") {
  for (const TrafficPattern& pattern : traffic_patterns()) {
    for (const TrafficShape& shape : {TrafficShape{64, mib, 1}, TrafficShape{4096, 4 * mib, 9}}) {
      INFO(pattern.name << ' ' << shape.burst_bytes);
      std::set<std::uint8_t> streams;
      int wrong = 0;
      for (std::uint64_t n = 0; n < 40000; ++n) {
        const TrafficRequest request = pattern.request(n * 7, shape);
        streams.insert(request.stream);
        wrong += request.address % shape.burst_bytes != 0 || request.address >= shape.range;
        const std::string name = pattern.streams.at(request.stream);
        wrong += request.is_write != (name == "write");
      }
      CHECK(wrong == 0);
      CHECK(streams.size() == pattern.streams.size());
    }
  }
}

TEST_CASE("an unknown pattern is refused with the nearest one and all") {
  CHECK_THROWS_AS(find_traffic_pattern("sqe"), InputError);
  CHECK_THROWS_WITH(find_traffic_pattern("sqe"),
                    "unknown pattern 'sqe' (did you mean 'seq'?); known are "
                    "seq, seqw, seq9010, seq9010b, seq5050, stride4k, random, "
                    "rand9010, tiles");
  CHECK_THROWS_WITH(find_traffic_pattern("al\n", {"all"}),
                    StartsWith("unknown pattern 'al\\x0a' (did you mean 'all'?)") && EndsWith("tiles, all"));
}

TEST_CASE("a source counts the wait to be sent") {
  // DDR4-3200: 48 clocks to the end of data from a closed bank, 26 from an open row.
  const Preset& ddr4 = find_preset("ddr4-3200");
  ControllerSettings settings;
  settings.refreshes = false;
  TimingCore core(ddr4, "", 1, settings);
  RequestSource source(core, 1);
  CHECK(source.send({0, false, 0, 100}) == 100);
  CHECK(source.send({0, false, 0, 110}) == 148);  // only one may be under way
  CHECK(source.send({0, true, 0, 1000}) == 1000);
  source.finish();
  CHECK(core.statistics().read_latency.mean() == (48 + 26) / 2.0);
  CHECK(source.latency_from_earliest(false).mean() == (48 + (148 - 110) + 26) / 2.0);
  CHECK(source.latency_from_earliest(false).count() == 2);
  CHECK(source.latency_from_earliest(true).mean() == 16 + 4);  // CWL + BL/2
}

TEST_CASE("a trace is read as it is written") {
  const auto all = read_all(
      "\xef\xbb\xbf# a comment, then the header\r\n\r\ntime_ns , operation,address,\tbytes\r\n"
      "0,read,0,1\r\n"
      "0.5,WRITE,0x10,64\n"
      "  \t\n"
      "  # 7,read,0,1\n"
      " 1e3 , w ,\t1048575 , 1 \n"
      "1000.0000004,R,0XfFfC0,0x40\n"
      "100000000001.875,r,0,64\n"
      "1e12,Read,0,1048576");
  REQUIRE(all.size() == 6);
  const std::vector<std::uint64_t> times = {
      0, 500'000, 1'000'000'000, 1'000'000'000, 100'000'000'001'875'000, 1'000'000'000'000'000'000};
  const std::vector<bool> writes = {false, true, true, false, false, false};
  const std::vector<std::uint64_t> addresses = {0, 16, 1048575, 0xfffc0, 0, 0};
  const std::vector<std::uint64_t> bytes = {1, 64, 1, 64, 64, 1048576};
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO("request " << i);
    CHECK(all[i].time_fs == times[i]);
    CHECK(all[i].is_write == writes[i]);
    CHECK(all[i].address == addresses[i]);
    CHECK(all[i].bytes == bytes[i]);
  }
  CHECK(read_all("3,r,0,1\n").size() == 1);
  CHECK(read_all("0,r,18446744073709551614,1", ~std::uint64_t{0}).at(0).address == ~std::uint64_t{0} - 1);
}

TEST_CASE("a long trace is read whole, wherever blocks of it end") {
  for (std::size_t shift = 0; shift < 30; ++shift) {
    std::string text(shift, '\n');
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      text += std::to_string(i) + ",r," + std::to_string(i * 7) + ",64\r\n";
      sum += i * 7;
    }
    std::uint64_t read = 0;
    for (const TraceRequest& request : read_all(text))
      read += request.address;
    CHECK(read == sum);
  }
}

TEST_CASE("a bad line of a trace is refused with its number") {
  const std::string columns = ":1: expected 4 fields, time_ns,operation,address,bytes; found ";
  check_refused("", ": no request in it");
  check_refused("\n# nothing\ntime_ns,operation,address,bytes\n", ": no request in it");
  check_refused("0,read,0", columns + "3");
  check_refused("0,read,0,64,\n", columns + "5");
  check_refused("0,read,0,64\n\nread\n", ":3:" + columns.substr(3) + "1");
  check_refused("time,operation,address,bytes\n", ":1: time_ns is 'time', expected a number of 0..1e12");
  check_refused("0,r,0,1\ntime_ns,operation,address,bytes\n",
                ":2: time_ns is 'time_ns', expected a number of 0..1e12");
  check_refused("time_ns,operation,address,bytes\ntime_ns,operation,address,bytes\n",
                ":2: time_ns is 'time_ns', expected a number of 0..1e12");
  for (const std::string time : {"-1", "nan", "inf", "1e999", "1.1e12", "", "0x10", "1 2", "+1", "--"})
    check_refused(time + ",read,0,1\n", ":1: time_ns is '" + time + "', expected a number of 0..1e12");
  check_refused("5,r,0,1\n\n4.999,r,0,1\n", ":3: time_ns is '4.999', before the time in line 1");
  for (const std::string operation : {"", "reads", "x", "rea", "0"})
    check_refused("0," + operation + ",0,1\n",
                  ":1: operation is '" + operation + "', expected read or write");
  for (const std::string address : {"", "-1", "0x", "0xg", "1.5", "1e3", "ff", "0x-1"}) {
    check_refused(
        "0,read," + address + ",1\n",
        ":1: address is '" + address + "', expected a whole number, decimal or hexadecimal with 0x");
  }
  for (const std::string bytes : {"", "0", "-1", "64.0", "0x0", "nan"})
    check_refused("0,read,0," + bytes + "\n", ":1: bytes is '" + bytes + "', expected a whole number from 1");
  check_refused("0,read,18446744073709551616,1\n", ":1: address is '18446744073709551616', beyond 64 bits");
  check_refused("0,read,0,99999999999999999999999\n",
                ":1: bytes is '99999999999999999999999', beyond 64 bits");
  const std::string memory = ": beyond the memory of 1048576 bytes";
  check_refused("0,read,0x100000,1\n", ":1: address 0x100000 and bytes 1" + memory);
  check_refused("0,read,0xfffff,2\n", ":1: address 0xfffff and bytes 2" + memory);
  check_refused("0,read,0xffffffffffffffff,0xffffffffffffffff\n",
                ":1: address 0xffffffffffffffff and bytes 0xffffffffffffffff" + memory);
  check_refused(std::string("0,read,0,1\n0,re\0d,0,1\n", 21),
                ":2: control character 0x00: this is not a text file");
  check_refused("0,read,0,1\r0,read,0,1\r", ":1: control character 0x0d: this is not a text file");
  check_refused("0,r\x1b[31m,0,1\n", ":1: control character 0x1b: this is not a text file");
  const std::string wide = "0,read,0," + std::string(4096 - 10, ' ') + "1";
  CHECK(read_all(wide + "\r\n").size() == 1);
  check_refused("#\n" + wide + " \n", ":2: the line is longer than 4096 bytes");
  check_refused(std::string(1 << 20, '1'), ":1: the line is longer than 4096 bytes");
}

TEST_CASE("a trace that is no file is refused") {
  const test::TempDir folder;
  CHECK_THROWS_WITH(TraceReader(folder.path() / "no.csv", mib), EndsWith("/no.csv: no such file"));
  CHECK_THROWS_WITH(TraceReader(folder.path(), mib), EndsWith(": a folder, not a file"));
  CHECK_THROWS_WITH(TraceReader("/dev/zero", mib), "/dev/zero: not a regular file");
}
