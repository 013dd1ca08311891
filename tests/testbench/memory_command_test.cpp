// dpred memory as a user runs it.
#include <algorithm>
#include <cmath>

#include "models/dram/traffic.h"
#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

const std::string ddr4 = "--dram.preset=ddr4-3200";
const Words losses = {"loss_refresh", "loss_turnaround", "loss_bank_group", "loss_activate", "loss_idle"};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Table measured(const Words& arguments, const fs::path& directory = {}) {
  return Table(quiet_output(Words{"memory", "--csv"} + arguments, directory));
}

double value(const Table& table, std::size_t row, const std::string& column) {
  return std::stod(table.text(row, column));
}

/// One line on standard error that holds all of `wanted`, nothing on standard output, exit status 2.
void check_refused(const Words& arguments, const Words& wanted, const fs::path& directory = {}) {
  std::string shown;
  for (const std::string& argument : arguments)
    shown += argument + ' ';
  INFO("dpred memory " << shown);
  for (const Words& csv : {Words{}, Words{"--csv"}}) {
    const ProcessResult result = run_dpred(Words{"memory"} + arguments + csv, directory);
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK_FALSE(has_control_characters(result.err));
    for (const std::string& word : wanted) {
      INFO("wanted: " << word);
      CHECK(result.err.find(word) != std::string::npos);
    }
  }
}

std::string as_trace(const std::string& pattern, std::uint64_t requests, std::uint64_t burst_bytes) {
  const dram::TrafficPattern& p = dram::find_traffic_pattern(pattern);
  std::string text = "time_ns,operation,address,bytes\n";
  for (std::uint64_t n = 0; n < requests; ++n) {
    const dram::TrafficRequest request = p.request(n, {burst_bytes, std::uint64_t{512} << 20, 1});
    text += std::string("0,") + (request.is_write ? "write," : "read,") + std::to_string(request.address) +
            "," + std::to_string(burst_bytes) + "\n";
  }
  return text;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);)
    longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST_CASE("memory --csv has a row a pattern, whose shares add up", "[command]") {
  for (const auto& [preset, burst, peak] :
       {std::tuple{"ddr4-3200", 64, 25.6}, {"lpddr4-3200", 32, 6.4}, {"hbm2", 64, 32.0}}) {
    for (const int channels : {1, 2}) {
      INFO(preset << ", channels " << channels);
      const Table table = measured({"all", "--requests", "3000", std::string("--dram.preset=") + preset,
                                    "--dram.channels=" + std::to_string(channels)});
      CHECK(table.header() == Words{"preset", "mapping", "pattern", "requests", "bytes", "outstanding",
                                    "peak_gbs", "achieved_gbs", "utilisation", "avg_read_ns", "row_hit"} +
                                  losses);
      REQUIRE(table.rows() == dram::traffic_patterns().size());
      for (std::size_t row = 0; row < table.rows(); ++row) {
        const std::string pattern = table.text(row, "pattern");
        INFO(pattern);
        CHECK(pattern == dram::traffic_patterns()[row].name);
        CHECK(table.text(row, "preset") == preset);
        CHECK(table.text(row, "mapping").substr(0, 3) == "Ro ");
        CHECK(table.count(row, "requests") == 3000);
        CHECK(table.count(row, "bytes") == 3000u * burst);
        CHECK(table.count(row, "outstanding") == 64);
        CHECK(value(table, row, "peak_gbs") == Approx(channels * peak));
        const double used = value(table, row, "utilisation");
        CHECK(used > 0.1);
        CHECK(used < 1);
        CHECK(value(table, row, "achieved_gbs") == Approx(used * channels * peak).epsilon(1e-5));
        double sum = used;
        for (const std::string& loss : losses) {
          CHECK(value(table, row, loss) >= 0);
          sum += value(table, row, loss);
        }
        CHECK(std::abs(sum - 1) < 1e-6);
        CHECK(value(table, row, "row_hit") >= 0);
        CHECK(value(table, row, "row_hit") <= 1);
        if (pattern == "seqw") {
          CHECK(table.text(row, "avg_read_ns") == "");  // no read
        } else {
          CHECK(value(table, row, "avg_read_ns") > 20);
        }
      }
    }
  }
}

TEST_CASE("a single request takes the time of the standard", "[command]") {
  // RCD + CL + BL/2 = 48 clocks of 0.625 ns, 4 of them data.
  const Table read = measured({"seq", "--requests=1", ddr4});
  CHECK(read.text(0, "avg_read_ns") == "30.000000");
  CHECK(read.text(0, "utilisation") == "0.083333333");
  CHECK(read.text(0, "achieved_gbs") == "2.133333");
  CHECK(read.text(0, "peak_gbs") == "25.600000");
  CHECK(read.text(0, "row_hit") == "0.000000000");
}

TEST_CASE("the options of memory have the defaults that are documented", "[command]") {
  const auto csv = [](const Words& arguments) {
    return quiet_output(Words{"memory", "--csv", "random", ddr4} + arguments);
  };
  const std::string plain = csv({});
  CHECK(plain == csv({}));
  CHECK(plain == csv({"--requests", "100000", "--outstanding=64", "--range", "512MiB", "--seed=1"}));
  CHECK(plain == csv({"--range=536870912"}));
  CHECK(plain != csv({"--requests", "99999"}));
  CHECK(plain != csv({"--outstanding", "63"}));
  CHECK(plain != csv({"--range", "1MiB"}));
  CHECK(plain != csv({"--seed", "2"}));
  CHECK(plain != csv({"--dram.mapping", "Ro Ba Bg Co"}));
  CHECK(plain == quiet_output({"memory", ddr4, "random", "--csv"}));
  CHECK(plain == quiet_output({"memory", "--outstanding", "64", "random", ddr4, "--csv"}));
  const Table two = measured({"seq", ddr4, "random"});
  REQUIRE(two.rows() == 2);
  CHECK(two.text(1, "pattern") == "random");
  CHECK(two.text(1, "avg_read_ns") == Table(plain).text(0, "avg_read_ns"));
}

TEST_CASE("a pattern is laid out over a smaller memory where it has to be", "[command]") {
  const WorkFolder work;
  const std::string base = "[preset]\nbase = ddr4-3200\nname = a, b\n[organisation]\nrows = ";
  work.write("small.ini", base + "1024\n");  // 128 MiB
  work.write("tiny.ini", base + "4\n");      // 512 KiB
  const auto used = [&](const Words& arguments) {
    return measured(arguments + Words{"--dram.preset=small.ini"}, work.path()).text(0, "utilisation");
  };
  CHECK(used({"seq5050"}) == used({"seq5050", "--range=128MiB"}));
  CHECK(used({"random"}) != used({"random", "--range=64MiB"}));
  CHECK(measured({"seq", "--dram.preset=small.ini"}, work.path()).text(0, "preset") == "a, b");
  const Words small = {"seq", "--dram.preset=small.ini"};
  check_refused(small + Words{"--range=256MiB"},
                {"--range is '256MiB', more than the memory has: 134217728 bytes"}, work.path());
  check_refused({"seq", "--dram.preset=tiny.ini"}, {"tiny.ini", "1048576 bytes, it has 524288"}, work.path());
}

TEST_CASE("memory prints a table of at most 100 columns", "[command]") {
  const std::string all = quiet_output({"memory", "all", "--requests", "1000", "--dram.channels", "2"});
  CHECK(longest_line(all) <= 100);
  CHECK_FALSE(has_control_characters(all));
  for (const dram::TrafficPattern& pattern : dram::traffic_patterns())
    CHECK(all.find(std::string("\n") + pattern.name + ' ') != std::string::npos);
  for (const char* part :
       {"lpddr4-3200, 2 channels, 12.8 GB/s", "1000 requests of 32 bytes", "512 MiB", "64 outst"}) {
    INFO(part);
    CHECK(all.find(part) != std::string::npos);
  }
  CHECK(all.find("stream") == std::string::npos);

  const std::string one = quiet_output({"memory", "tiles", "--requests", "1000", "--dram.channels", "2"});
  CHECK(longest_line(one) <= 100);
  for (const char* part : {"\nread 0 ", "\nread 2 ", "\nwrite ", "\nchannel ", "\n0 ", "\n1 "}) {
    INFO(part);
    CHECK(one.find(part) != std::string::npos);
  }
  CHECK(quiet_output({"memory", "seq", "--requests", "1000"}).find("stream") == std::string::npos);
}

TEST_CASE("memory --help lists the patterns", "[command]") {
  const std::string help = quiet_output({"memory", "--help"});
  for (const dram::TrafficPattern& pattern : dram::traffic_patterns()) {
    CHECK(help.find(std::string("  ") + pattern.name + ' ') != std::string::npos);
    CHECK(help.find(pattern.description) != std::string::npos);
  }
  for (const char* part : {"trace FILE", "--outstanding", "--dram.preset", "time_ns,operation,address,bytes"})
    CHECK(help.find(part) != std::string::npos);
}

TEST_CASE("memory says what it did not use", "[command]") {
  const ProcessResult result = run_dpred({"memory", "seq", "--csv", "--array.rows=8", "--dram.write_low=5"});
  CHECK(result.status == 0);
  CHECK(result.err == "note: array.rows is set (command line) but 'dpred memory' did not use it here\n");
  CHECK(Table(result.out).rows() == 1);
}

TEST_CASE("bad arguments of memory are refused", "[command]") {
  check_refused({}, {"no pattern given", "seq, seqw, seq9010, ", "tiles, all", "trace FILE"});
  check_refused({"sqe"}, {"unknown pattern 'sqe' (did you mean 'seq'?)", "tiles, all"});
  check_refused({"seq", "al\n"}, {"unknown pattern 'al\\x0a' (did you mean 'all'?)"});
  check_refused({"seq", "trace", "t.csv"}, {"'trace FILE' stands alone"});
  check_refused({"trace"}, {"no file given"});
  check_refused({"trace", "a", "b"}, {"unexpected argument 'b'"});
  check_refused({"trace", ""}, {"empty"});
  check_refused({"seq", "--dram.preset=ideal"}, {"--dram.preset 'ideal' takes no time"});
  check_refused({"seq", "--dram.preset=ddr4"}, {"--dram.preset is 'ddr4'", "ddr4-3200"});
  check_refused({"seq", "--dram.channels=3"}, {"dram.channels"});
  check_refused({"seq", "--request=1"}, {"unknown option '--request'", "--requests"});
  for (const std::string bad :
       {"0", "-1", "1000000001", "99999999999999999999999", "nan", "1e3", "1.5", "x", " 1"})
    check_refused({"seq", "--requests=" + bad}, {"--requests is '" + bad + "'", "1..1000000000"});
  for (const std::string bad : {"0", "-1", "1048577", "nan"})
    check_refused({"seq", "--outstanding=" + bad}, {"--outstanding is '" + bad + "'", "1..1048576"});
  for (const std::string bad : {"-1", "18446744073709551616", "nan"})
    check_refused({"seq", "--seed=" + bad}, {"--seed is '" + bad + "'"});
  for (const std::string bad :
       {"0", "-1", "524288", "3MiB", "1mib", "MiB", "99999999999999GiB", "nan", "1.0MiB"})
    check_refused({"seq", "--range=" + bad}, {"--range is '" + bad + "'", "power of two"});
  check_refused({"seq", "--range=2GiB"}, {"--range is '2GiB'", "1073741824 bytes"});
  check_refused({"seq", "--requests", "1", "--requests", "2"}, {"'--requests' is given twice"});
  check_refused({"seq", "--requests="}, {"--requests"});
  for (const std::string option : {"--requests=5", "--range=1MiB", "--seed=1"})
    check_refused({"trace", "t.csv", option}, {option.substr(0, option.find('=')), "not for a trace"});
}

TEST_CASE("a trace of a pattern's requests is served as the pattern", "[command]") {
  const WorkFolder work;
  for (const auto& [preset, burst] : {std::pair{"ddr4-3200", 64u}, {"lpddr4-3200", 32u}}) {
    for (const char* pattern : {"seq", "seq9010", "random"}) {
      INFO(preset << ' ' << pattern);
      work.write("a, b.csv", as_trace(pattern, 5000, burst));
      const std::string chosen = std::string("--dram.preset=") + preset;
      const Table expected = measured({pattern, "--requests=5000", chosen});
      const Table trace = measured({"trace", "a, b.csv", "--outstanding=64", chosen}, work.path());
      for (const std::string& column : Words{"preset", "mapping", "requests", "bytes", "outstanding",
                                             "peak_gbs", "achieved_gbs", "utilisation", "row_hit"} +
                                           losses) {
        INFO(column);
        CHECK(trace.text(0, column) == expected.text(0, column));
      }
      CHECK(trace.text(0, "pattern") == "a, b.csv");
      // All wanted to be sent at once.
      CHECK(value(trace, 0, "avg_read_ns") > 5 * value(expected, 0, "avg_read_ns"));
    }
  }
}

TEST_CASE("a trace counts lines, bytes, whole bursts and the wait outside", "[command]") {
  const WorkFolder work;
  const Words quiet = {ddr4, "--dram.refresh=off"};
  const auto trace = [&](const std::string& text, const Words& options = {}) {
    work.write("t.csv", text);
    return measured(Words{"trace", "t.csv"} + quiet + options, work.path());
  };
  const Table split = trace("0,r,60,200\n");  // bytes 60..259: bursts 0..4
  CHECK(split.count(0, "requests") == 1);
  CHECK(split.count(0, "bytes") == 200);
  CHECK(split.text(0, "outstanding") == "");
  CHECK(split.text(0, "utilisation") == trace("0,r,0,64\r\n0,r,64,256").text(0, "utilisation"));
  CHECK(split.text(0, "utilisation") != trace("0,r,0,64\n0,r,64,192").text(0, "utilisation"));

  // One at a time: 48 clocks to the end of data, then 26; the second waited for 48. A clock is 0.625 ns.
  const Table one = trace("0,r,0,64\n0,r,0,64\n", {"--outstanding=1"});
  CHECK(one.text(0, "avg_read_ns") == "38.125000");
  CHECK(one.text(0, "outstanding") == "1");
  CHECK(one.text(0, "utilisation") == "0.108108108");  // 8 of 74

  // 100.1 ns are rounded up to 161 clocks; the wait for the clock doesn't count.
  CHECK(trace("100.1,r,0,64\n").text(0, "avg_read_ns") == "30.000000");
  CHECK(trace("100.1,w,0,64\n").text(0, "avg_read_ns") == "");
  // 62.5 ns are 100 clocks: 8 of 126. A little more is 101.
  CHECK(trace("0,r,0,64\n62.5,r,0,64\n").text(0, "utilisation") == "0.063492063");
  CHECK(trace("0,r,0,64\n62.51,r,0,64\n").text(0, "utilisation") == "0.062992126");
  const Table gap = trace("0,r,0,64\n1e9,r,0,64\n");
  CHECK(value(gap, 0, "loss_idle") > 0.999999);
  CHECK(gap.text(0, "avg_read_ns") == "23.125000");  // 48 and 26
}

TEST_CASE("a long queue of a trace waits for the controller alone", "[command]") {
  const WorkFolder work;
  work.write("t.csv", as_trace("random", 3000, 32));
  const std::string free = quiet_output({"memory", "trace", "t.csv"}, work.path());
  CHECK(free.find("as many as the controller takes") != std::string::npos);
  CHECK(free.find("3000 requests of 96000 bytes") != std::string::npos);
  CHECK(longest_line(free) <= 100);
  const Table most = measured({"trace", "t.csv", "--outstanding=1048576"}, work.path());
  const Table any = measured({"trace", "t.csv"}, work.path());
  CHECK(most.text(0, "utilisation") == any.text(0, "utilisation"));
  CHECK(most.text(0, "avg_read_ns") == any.text(0, "avg_read_ns"));
}

TEST_CASE("a bad trace is refused with file and line", "[command]") {
  const WorkFolder work;
  fs::create_directory(work.path() / "folder");
  work.write("empty.csv", "");
  work.write("bad.csv", "0,read,0,64\n# fine\n1,raed,0,64\n");
  work.write("far.csv", "0,read,0,64\n1,read,0x40000000,64\n");
  work.write("zero.csv", std::string("0,read,0,64\n\0", 13));
  work.write("long.csv", std::string(1 << 22, '0'));
  work.write("e\x1b\n.csv", "x");
  const auto check = [&](const std::string& name, const Words& wanted) {
    check_refused({"trace", name}, wanted, work.path());
  };
  check("no.csv", {"no.csv: no such file"});
  check("folder", {"folder: a folder, not a file"});
  check("/dev/zero", {"/dev/zero: not a regular file"});
  check("empty.csv", {"empty.csv: no request in it"});
  check("bad.csv", {"bad.csv:3: operation is 'raed', expected read or write"});
  check("far.csv", {"far.csv:2: address 0x40000000 and bytes 64: beyond the memory of 1073741824 bytes"});
  check("zero.csv", {"zero.csv:2: control character 0x00"});
  check("long.csv", {"long.csv:1: the line is longer than 4096 bytes"});
  check("e\x1b\n.csv", {"e\\x1b\\x0a.csv:1: expected 4 fields"});
}

}  // namespace dpred::test
