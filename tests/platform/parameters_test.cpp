#include "platform/command_line.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <clocale>
#include <filesystem>
#include <fstream>
#include <limits>
#include <locale>
#include <random>
#include <set>
#include <sstream>

#include "models/codec/codec.h"
#include "platform/ini.h"
#include "tests/support/input_error.h"
#include "workloads/error.h"

using namespace dpred;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
namespace po = boost::program_options;

using test::error_of;

namespace {

CommandLine parse(const std::vector<std::string>& arguments) {
  po::options_description own;
  own.add_options()("help,h", po::bool_switch(), "help")("output,o", po::value<std::string>(), "file")(
      "csv", po::bool_switch(), "csv")("count", po::value<int>(), "count")(
      "network", po::value<std::string>(), "network");
  po::positional_options_description positional;
  positional.add("network", 1);
  return parse_command_line(arguments, own, positional);
}

std::string parse_error(const std::vector<std::string>& arguments) {
  return error_of([&] { parse(arguments); });
}

std::string scan_error(const std::string& text) {
  return error_of([&] { scan_ini(text, "f.ini"); });
}

std::string set_error(const std::string& key, const std::string& text) {
  return error_of([&] { Parameters().set(key, text, {}); });
}

std::string only_value(const std::string& line) {
  const std::vector<IniEntry> entries = scan_ini("[s]\nk = " + line, "f.ini");
  REQUIRE(entries.size() == 1);
  return entries[0].value;
}

/// The program has no parameter of type number yet, the registry can.
const ParameterRegistry& own_registry() {
  static const ParameterRegistry registry(
      {number_parameter("x.ratio", 0.5, {0, 1e6}, "pJ", "A ratio."),
       integer_parameter("x.count", 3, {-5, 2000000}, "", "A count."),
       integer_parameter("x.size", 8, {-16, std::numeric_limits<std::int64_t>::max()}, "bytes", "A size.")});
  return registry;
}

}  // namespace

TEST_CASE("the table of parameters is well formed", "[parameters]") {
  std::set<std::string> keys, finished_sections;
  std::string section;
  for (const ParameterSpec& spec : registry().specs()) {
    INFO(spec.key);
    CHECK(keys.insert(spec.key).second);
    CHECK(registry().find(spec.key) == &spec);
    CHECK(spec.help.back() == '.');
    CHECK(spec.help.find_first_of("\n\t|\"") == std::string::npos);
    if (spec.section() != section) {
      CHECK(finished_sections.insert(spec.section()).second);
      section = spec.section();
    }
  }
  CHECK(registry().find("array.row") == nullptr);
  CHECK(registry().keys().size() == keys.size());
  CHECK(keys.count("engine.outstanding") == 1);
}

TEST_CASE("a registry refuses a bad description", "[parameters]") {
  const auto make = [](std::vector<ParameterSpec> specs) { return ParameterRegistry(std::move(specs)); };
  CHECK_THROWS_AS(make({integer_parameter("nodot", 1, {0, 2}, "", "H.")}), std::logic_error);
  CHECK_THROWS_AS(make({integer_parameter("a.b.c", 1, {0, 2}, "", "H.")}), std::logic_error);
  CHECK_THROWS_AS(make({integer_parameter("a.b", 3, {0, 2}, "", "H.")}), std::logic_error);
  CHECK_THROWS_AS(make({choice_parameter("a.b", "x", {"y"}, "H.")}), std::logic_error);
  CHECK_THROWS_WITH(make({text_parameter("a.b", "", "H."), text_parameter("a.b", "", "H.")}),
                    Contains("'a.b' is described twice"));
}

TEST_CASE("defaults, files in order, then the command line", "[parameters]") {
  const test::FileFolder folder;
  const std::string first = folder.write("first.ini", "[array]\nlanes = 2\nrows = 2\ntiles = 2\n");
  const std::string second = folder.write("second.ini", "[array]\n\nrows = 3\ntiles = 3\n");
  const CommandLine line =
      parse({"--array.tiles=4", "--config", first, "net", "--config=" + second, "-o", "out.json", "--csv"});
  const Parameters& p = line.parameters;

  CHECK(p.integer("array.columns") == 0);
  CHECK(p.integer("array.lanes") == 2);
  CHECK(p.integer("array.rows") == 3);
  CHECK(p.integer("array.tiles") == 4);
  CHECK_FALSE(p.was_set("array.columns"));
  CHECK(p.was_set("array.lanes"));
  CHECK(p.origin("array.columns").text() == "default");
  CHECK(p.origin("array.lanes").text() == first + ":2");
  CHECK(p.origin("array.rows").text() == second + ":3");
  CHECK(p.origin("array.tiles").text() == "command line");
  CHECK(line.options["network"].as<std::string>() == "net");
  CHECK(line.options["output"].as<std::string>() == "out.json");
  CHECK(line.options["csv"].as<bool>());
  CHECK_FALSE(line.options["help"].as<bool>());

  CHECK(parse({"--config", second, "--config", first}).parameters.integer("array.rows") == 2);
}

TEST_CASE("values are read by type", "[parameters]") {
  Parameters p;
  CHECK(p.integer("array.bits_per_cycle") == 1);
  CHECK(p.text("array.bits_per_cycle") == "1");
  CHECK(p.text("dram.mapping").empty());
  CHECK_THROWS_AS(p.integer("codec.name"), std::logic_error);
  CHECK_THROWS_AS(p.integer("dram.mapping"), std::logic_error);
  CHECK_THROWS_AS(p.number("array.rows"), std::logic_error);
  CHECK_THROWS_AS(p.text("array.rows"), std::logic_error);
  CHECK_THROWS_WITH(p.integer("array.row"), Contains("array.row"));
  CHECK_THROWS_AS(p.origin("array.row"), std::logic_error);

  p.set("array.rows", "0016", {});
  CHECK(p.integer("array.rows") == 16);
  CHECK(p.echo()[2].value == "16");
  p.set("array.rows", "4096", {});
  CHECK(p.integer("array.rows") == 4096);
  p.set("buffer.weight_bytes", "64KiB", {});
  CHECK(p.integer("buffer.weight_bytes") == 65536);
  p.set("buffer.weight_bytes", "3MiB", {});
  CHECK(p.integer("buffer.weight_bytes") == 3 << 20);
  p.set("buffer.weight_bytes", "1GiB", {});
  CHECK(p.integer("buffer.weight_bytes") == 1 << 30);
}

TEST_CASE("a value that is not allowed names key, value and what is", "[parameters]") {
  CHECK(set_error("array.rows", "0") == "array.rows is '0', outside 1..4096");
  CHECK(set_error("array.rows", "4097") == "array.rows is '4097', outside 1..4096");
  CHECK(set_error("array.rows", "-1") == "array.rows is '-1', outside 1..4096");
  CHECK(set_error("array.rows", "99999999999999999999") ==
        "array.rows is '99999999999999999999', outside 1..4096");
  CHECK(set_error("array.clock_mhz", "20000") == "array.clock_mhz is '20000', outside 1..10000 MHz");
  CHECK(set_error("array.clock_mhz", "1000MHz") ==
        "array.clock_mhz is '1000MHz', expected a whole number of MHz in 1..10000");
  for (const std::string text :
       {"abc", "1.5", "1e3", "0x10", "+5", " 5", "5 ", "1,000", "16K", "1KiB", "-", "--5"}) {
    CHECK(set_error("array.rows", text) ==
          "array.rows is '" + text + "', expected a whole number in 1..4096");
  }
  for (const std::string text : {"64kB", "64K", "64M", "64kib", "64 KiB", "KiB", "1.5KiB", "1KiBKiB"}) {
    CHECK_THAT(
        set_error("buffer.output_bytes", text),
        Contains("'" + text + "', expected a whole number of bytes in 64..1073741824") && Contains("64KiB"));
  }
  for (const std::string text : {"2GiB", "-1KiB", "9223372036854775807GiB", "0MiB", "63"}) {
    CHECK(set_error("buffer.output_bytes", text) ==
          "buffer.output_bytes is '" + text + "', outside 64..1073741824 bytes");
  }
  std::string codecs;
  for (const std::string& name : codec_names())
    codecs += (codecs.empty() ? "" : ", ") + name;
  CHECK(set_error("codec.name", "dperd") ==
        "codec.name is 'dperd', expected one of " + codecs + " (did you mean 'dpred'?)");
  CHECK_THAT(set_error("codec.name", "DPRED"), Contains("expected one of " + codecs));
  CHECK(set_error("codec.name", "entropy") ==
        "codec.name is 'entropy', a bound on sizes that 'dpred compress' shows, which encodes nothing; "
        "expected one of " +
            codecs);
  CHECK(set_error("codec.name", "") == "codec.name has no value");
  CHECK(set_error("array.rows", "") == "array.rows has no value");
  CHECK_THAT(set_error("dram.mapping", "a\"b"), Contains("printable ASCII"));
  CHECK_THAT(set_error("dram.mapping", "a\nb"), Contains("'a\\x0ab'"));
  CHECK_THAT(set_error("dram.mapping", "\xff"), Contains("printable ASCII"));
  CHECK(set_error("array.rows", std::string(10000, 'x')).size() < 400);

  CHECK(set_error("array.row", "1") == "unknown parameter 'array.row' (did you mean 'array.rows'?)");
  CHECK(set_error("array.group", "1") == "unknown parameter 'array.group' (did you mean 'codec.group'?)");
  CHECK(set_error("group", "1") == "unknown parameter 'group' (did you mean 'codec.group'?)");
  CHECK(set_error("something.else.entirely", "1") == "unknown parameter 'something.else.entirely'");

  Parameters p;
  error_of([&] { p.set("array.rows", "0", ParameterOrigin::command_line()); });
  CHECK(p.integer("array.rows") == 16);
  CHECK_FALSE(p.was_set("array.rows"));
}

TEST_CASE("numbers and extreme integers", "[parameters]") {
  Parameters p(own_registry());
  CHECK(p.number("x.ratio") == 0.5);
  for (const auto& [text, value] :
       {std::pair<std::string, double>{"0.1", 0.1}, {"1e3", 1000}, {"2", 2}, {"-0", 0}}) {
    p.set("x.ratio", text, {});
    CHECK(p.number("x.ratio") == value);
  }
  const auto refused = [&](const std::string& key, const std::string& text) {
    return error_of([&] { p.set(key, text, {}); });
  };
  for (const std::string text :
       {"nan", "inf", "-inf", "NaN", "infinity", "1e999", "0x1p3", "1,5", "", "1 ", "1pJ", "."}) {
    CHECK_THAT(refused("x.ratio", text), Contains("x.ratio"));
  }
  CHECK(refused("x.ratio", "nan") == "x.ratio is 'nan', expected a number of pJ in 0..1000000");
  CHECK(refused("x.ratio", "-0.001") == "x.ratio is '-0.001', outside 0..1000000 pJ");
  p.set("x.count", "-5", {});
  CHECK(p.integer("x.count") == -5);
  p.set("x.size", "9223372036854775807", {});
  CHECK(p.integer("x.size") == std::numeric_limits<std::int64_t>::max());
  CHECK_THAT(refused("x.size", "9223372036854775808"), Contains("outside"));
  CHECK_THAT(refused("x.size", "9007199254740992KiB"), Contains("outside"));
  CHECK_THAT(refused("x.size", "-9223372036854775808KiB"), Contains("outside"));
  p.set("x.size", "9007199254740991KiB", {});
  CHECK(p.integer("x.size") == (std::int64_t{9007199254740991} << 10));
}

TEST_CASE("the command line refuses what it does not know", "[parameters]") {
  for (const std::vector<std::string>& form :
       {std::vector<std::string>{"--array.rows=-1"}, {"--array.rows", "-1"}}) {
    CHECK(parse_error(form) == "--array.rows is '-1', outside 1..4096");
  }
  for (const std::vector<std::string>& form : {std::vector<std::string>{"--array.row=4"},
                                               {"--array.row", "4"},
                                               {"--array.row"},
                                               {"net", "--array.row", "4"}}) {
    CHECK(parse_error(form) == "unknown option '--array.row' (did you mean '--array.rows'?)");
  }
  CHECK(parse_error({"--rows", "4"}) == "unknown option '--rows' (did you mean '--array.rows'?)");
  CHECK(parse_error({"-array.rows=4"}) == "unknown option '-array.rows' (did you mean '--array.rows'?)");
  CHECK(parse_error({"--outptu", "x"}) == "unknown option '--outptu' (did you mean '--output'?)");
  CHECK(parse_error({"--outp", "x"}) == "unknown option '--outp' (did you mean '--output'?)");  // no guessing
  CHECK(parse_error({"-z"}) == "unknown option '-z'");
  CHECK(parse_error({"-1"}) == "unknown option '-1'");
  CHECK_THAT(parse_error({"--=3"}), Contains("unknown option '--'"));
  CHECK_THAT(parse_error({"--a\nb"}), Contains("unknown option '--a\\x0ab'"));

  const std::string no_value = "the option '--array.rows' needs a value";
  CHECK(parse_error({"--array.rows"}) == no_value);
  CHECK(parse_error({"--array.rows="}) == no_value);
  CHECK(parse_error({"--array.rows", ""}) == "--array.rows has no value");
  CHECK_THAT(parse_error({"--array.rows", "--array.tiles=4"}),
             Contains(no_value) && Contains("'--array.tiles=4'"));
  CHECK_THAT(parse_error({"--array.rows", "--", "3"}), Contains(no_value));
  CHECK_THAT(parse_error({"--dram.mapping", "-o", "x"}),
             Contains("the option '--dram.mapping' needs a value"));
  CHECK(parse_error({"-o"}) == "the option '--output' needs a value");

  CHECK(parse_error({"--array.rows=1", "--array.rows", "1"}) == "the option '--array.rows' is given twice");
  CHECK(parse_error({"-o", "a", "--output", "b"}) == "the option '--output' is given twice");
  CHECK(parse_error({"--csv", "--csv"}) == "the option '--csv' is given twice");
  CHECK_THAT(parse_error({"--csv=1"}), Contains("'--csv'"));
  CHECK_THAT(parse_error({"--count", "x"}), Contains("'--count'") && Contains("x"));
  CHECK_THAT(parse_error({"--network", "a", "b"}), Contains("'--network'"));
  CHECK(parse_error({"a", "b"}) == "unexpected argument 'b'");
  CHECK(parse_error({"a", "--", "--csv"}) == "unexpected argument '--csv'");

  CHECK(parse({"--", "--csv"}).options["network"].as<std::string>() == "--csv");
  CHECK(parse({"-o", "-"}).options["output"].as<std::string>() == "-");
  CHECK(parse({"-o-"}).options["output"].as<std::string>() == "-");
  CHECK(parse({"--dram.mapping", ""}).parameters.was_set("dram.mapping"));
  CHECK(parse({"--dram.mapping=--x"}).parameters.text("dram.mapping") == "--x");
  CHECK(parse({}).parameters.unread_settings().empty());
}

TEST_CASE("options of a command without parameters", "[parameters]") {
  po::options_description own;
  own.add_options()("help", po::bool_switch(), "help")("name", po::value<std::string>()->required(), "name");
  const po::positional_options_description none;
  CHECK(parse_options({"--help"}, own, none)["help"].as<bool>());
  CHECK(parse_options({"--name", "a"}, own, none)["name"].as<std::string>() == "a");
  CHECK_THAT(error_of([&] { parse_options({}, own, none); }), Contains("'--name'"));
  CHECK(error_of([&] { parse_options({"x"}, own, none); }) == "unexpected argument 'x'");
  CHECK(error_of([&] { parse_options({"--array.rows=1"}, own, none); }) == "unknown option '--array.rows'");
}

TEST_CASE("every parameter is an option with its help", "[parameters]") {
  po::options_description options;
  add_options(options);
  CHECK(options.options().size() == registry().specs().size() + 1);
  for (const ParameterSpec& spec : registry().specs()) {
    CHECK_THAT(options.find(spec.key, false).description(),
               Contains(spec.help) && Contains(spec.default_value));
    const CommandLine line = parse({"--" + spec.key, spec.default_value});
    CHECK(line.parameters.was_set(spec.key));
  }
}

TEST_CASE("settings that nothing read are known", "[parameters]") {
  Parameters p;
  const auto user = ParameterOrigin::command_line();
  p.set("codec.group", "8", user);
  p.set("array.rows", "16", user);  // its default, but set
  p.set("dram.preset", "ideal", user);
  p.integer("codec.block_values");
  CHECK(p.unread_settings() == std::vector<std::string>{"array.rows", "codec.group", "dram.preset"});

  const Parameters copy = p;
  CHECK(p.integer("codec.group") == 8);
  p.was_set("array.rows");
  p.origin("array.rows");
  p.echo();
  CHECK(p.unread_settings() == std::vector<std::string>{"array.rows", "dram.preset"});
  CHECK(copy.unread_settings() == std::vector<std::string>{"array.rows", "codec.group", "dram.preset"});
  p.text("dram.preset");
  p.integer("array.rows");
  CHECK(p.unread_settings().empty());
  CHECK(p.echo()[2].was_read);
  CHECK_FALSE(p.echo()[1].was_read);
}

TEST_CASE("the echo fed back gives the same values", "[parameters]") {
  Parameters p;
  const auto user = ParameterOrigin::command_line();
  p.set("buffer.output_bytes", "128KiB", user);
  p.set("array.bits_per_cycle", "4", user);
  p.set("dram.mapping", "  a; b # c ", user);
  p.set("codec.name", "raw", user);

  std::string ini;
  for (const ParameterEcho& line : p.echo()) {
    const std::string section = line.spec->section();
    ini += "[" + section + "]\n" + line.spec->key.substr(section.size() + 1) + " = \"" + line.value + "\"\n";
  }
  const test::FileFolder folder;
  Parameters again;
  again.load_file(folder.write("echo.ini", ini));
  REQUIRE(again.echo().size() == registry().specs().size());
  for (std::size_t i = 0; i < again.echo().size(); ++i) {
    CHECK(again.echo()[i].value == p.echo()[i].value);
    CHECK(again.was_set(again.echo()[i].spec->key));
  }
  CHECK(again.integer("buffer.output_bytes") == 131072);
  CHECK(again.text("dram.mapping") == "  a; b # c ");
}

TEST_CASE("an INI file in all its forms", "[parameters][ini]") {
  const std::string text =
      "\xef\xbb\xbf# comment\r\n"
      "; another = one\r\n"
      "\r\n"
      "  [ a-b_1 ]  # note\r\n"
      "\tkey=value\r\n"
      "k2 =  two words ; note\n"
      "[c]\n"
      "[a-b_1]\n"
      "k3 = x=y";
  const std::vector<IniEntry> entries = scan_ini(text, "f.ini");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].full_key() == "a-b_1.key");
  CHECK(entries[0].value == "value");
  CHECK(entries[0].line == 5);
  CHECK(entries[1].value == "two words");
  CHECK(entries[2].full_key() == "a-b_1.k3");
  CHECK(entries[2].value == "x=y");
  CHECK(entries[2].line == 9);

  CHECK(only_value("a#b;c") == "a#b;c");
  CHECK(only_value("a #b") == "a");
  CHECK(only_value("a\t;b") == "a");
  CHECK(only_value("\" a # b ; \" # c") == " a # b ; ");
  CHECK(only_value("\"\"") == "");
  CHECK(only_value("\"\"\r\n") == "");
  CHECK(only_value("a\"b") == "a\"b");
  CHECK(only_value("[x]") == "[x]");
  CHECK(only_value("x # \xe9t\xe9") == "x");  // any encoding in a comment
  CHECK(scan_ini("", "f.ini").empty());
  CHECK(scan_ini("\xef\xbb\xbf", "f.ini").empty());
  CHECK(scan_ini("\n\n[a]", "f.ini").empty());
}

TEST_CASE("an error in an INI file names file and line", "[parameters][ini]") {
  CHECK(scan_error("[a]\nx = 1\n\nx = 2\n") == "f.ini:4: 'a.x' is already set on line 2");
  CHECK(scan_error("[a]\nx=1\n[b]\nx=1\n[a]\nx=1\n") == "f.ini:6: 'a.x' is already set on line 2");
  CHECK(scan_error("\nx = 1\n[a]\n") == "f.ini:2: the key 'x' stands before any '[section]'");
  CHECK(scan_error("[a]\nx\n") == "f.ini:2: expected 'key = value' or '[section]', found 'x'");
  CHECK(scan_error("[a]\nx =\n") == "f.ini:2: the key 'x' has no value");
  CHECK(scan_error("[a]\nx = # y\n") == "f.ini:2: the key 'x' has no value");
  CHECK(scan_error("[a]\n= 1\n") == "f.ini:2: '' cannot be a key");
  CHECK(scan_error("[a]\nx y = 1\n") == "f.ini:2: 'x y' cannot be a key");
  CHECK(scan_error("[a]\na.x = 1\n") == "f.ini:2: 'a.x' cannot be a key");
  CHECK(scan_error("[a]\nx = \"y\n") == "f.ini:2: the value of 'x' lacks its closing quote");
  CHECK_THAT(scan_error("[a]\nx = \"y\" z\n"), Contains("f.ini:2: 'z' follows the quoted value of 'x'"));
  CHECK_THAT(scan_error("[a]\nx = \"y\"#z\n"), Contains("f.ini:2: '#z' follows"));
  for (const std::string header : {"[a", "[]", "[ ]", "[a] b", "[a.b]", "[a]]", "[[a]", "["}) {
    CHECK_THAT(scan_error(header), Contains("f.ini:1: expected '[section]', found '" + header + "'"));
  }
  CHECK_THAT(scan_error(std::string("[a]\nx = 1\0\n", 11)), Contains("f.ini:2: control character 0x00"));
  CHECK_THAT(scan_error("[a]\n# \x1b[2J\n"), Contains("f.ini:2: control character 0x1b"));
  CHECK_THAT(scan_error("[a]\rx = 1\r"), Contains("f.ini:1: control character 0x0d"));
  CHECK_THAT(scan_error("\x7f"
                        "ELF\n"),
             Contains("f.ini:1: control character 0x7f"));
  CHECK(scan_error("[a]\n#" + std::string(ini_longest_line, 'x')) ==
        "f.ini:2: the line is longer than 65536 bytes");
  CHECK(scan_ini("#" + std::string(ini_longest_line - 1, 'x') + "\r\n", "f.ini").empty());
  CHECK(scan_error("[a]\n" + std::string(60000, 'k') + "!\n").size() < 400);
  CHECK_THAT(error_of([] { scan_ini("x", "a\nb.ini"); }), Contains("a\\x0ab.ini:1: "));

  const test::FileFolder folder;
  const auto load_error = [&](const std::string& text) {
    const std::string path = folder.write("p.ini", text);
    const std::string message = error_of([&] { Parameters().load_file(path); });
    REQUIRE_THAT(message, Catch::Matchers::StartsWith(path + ":"));
    CHECK(parse_error({"--config", path}) == message);
    return message.substr(path.size());
  };
  CHECK(load_error("[array]\n\nrow = 1") == ":3: unknown parameter 'array.row' (did you mean 'array.rows'?)");
  CHECK(load_error("[aray]\nrows = 1") == ":2: unknown parameter 'aray.rows' (did you mean 'array.rows'?)");
  CHECK(load_error("[array]\ngroup = 1") ==
        ":2: unknown parameter 'array.group' (did you mean 'codec.group'?)");
  CHECK(load_error("[array]\nrows = 0") == ":2: array.rows is '0', outside 1..4096");
  CHECK(load_error("[array]\nrows = \"\"") == ":2: array.rows has no value");
  CHECK(load_error("[array]\nrows = 16 rows") ==
        ":2: array.rows is '16 rows', expected a whole number in 1..4096");
  CHECK(load_error("[sim]\ndata = elide") ==
        ":2: sim.data is 'elide', expected one of carried, elided (did you mean 'elided'?)");
}

TEST_CASE("only a readable regular file of bounded length is a configuration", "[parameters][ini]") {
  const test::FileFolder folder;
  const auto refused = [](const std::string& path) { return error_of([&] { read_ini(path); }); };
  CHECK(refused(folder.path("none.ini")) == folder.path("none.ini") + ": no such file");
  CHECK_THAT(refused(folder.path("")), Contains("a folder, not a file"));
  CHECK_THAT(refused("/dev/zero"), Contains("/dev/zero: ") && Contains("not a regular file"));
  CHECK_THAT(refused(""), Contains("empty"));
  CHECK_THAT(refused(folder.write("a", "") + "/b"), Contains("a/b: "));
  CHECK_THAT(refused(std::string(100000, 'x')), Contains("cannot be read"));
  CHECK_THAT(refused(folder.path("a\nb")), Contains("a\\x0ab: no such"));

  REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  CHECK_THAT(refused(folder.path("pipe")), Contains("not a regular file"));

  const std::string secret = folder.write("secret.ini", "[array]\nrows = 1\n");
  REQUIRE(chmod(secret.c_str(), 0) == 0);
  if (geteuid() != 0) CHECK_THAT(refused(secret), Contains("cannot be read: "));

  std::string text;
  while (text.size() < ini_longest_file)
    text += std::string(1023, '#') + '\n';
  CHECK(read_ini(folder.write("longest.ini", text)).empty());
  CHECK_THAT(refused(folder.write("longer.ini", text + "#")), Contains("at most 16777216 bytes"));
}

TEST_CASE("any bytes are either settings or an InputError", "[parameters][ini]") {
  const std::string seed =
      "\xef\xbb\xbf# c\r\n[array]\nrows = 8 ; d\ntiles=\"4\" # e\n[dram]\nmapping = \"a # b\"\n[buffer]\n"
      "weight_bytes = 64KiB\n";
  const std::string marks =
      "[]=\"#;\r\n\t \\.-_\0\x7f\xff"
      "a1K";
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  int accepted = 0, refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string text = seed;
    for (std::size_t edits = 1 + below(6); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.insert(at, 1, marks[below(marks.size())]);
          break;
        case 2:
          text.erase(at, 1 + below(8));
          break;
        default:
          text.insert(below(text.size()), text.substr(at, below(20)));
          break;
      }
    }
    try {
      Parameters parameters;
      for (const IniEntry& entry : scan_ini(text, "f.ini")) {
        parameters.set(entry.full_key(), entry.value, ParameterOrigin::file("f.ini", entry.line));
      }
      ++accepted;
    } catch (const InputError& error) {
      const std::string message = error.what();
      if (message.rfind("f.ini:", 0) != 0 || message.find_first_of("\r\n") != std::string::npos)
        FAIL(message);
      ++refused;
    }
  }
  CHECK(accepted > 100);
  CHECK(refused > 1000);
}

TEST_CASE("the locale changes neither reading nor writing", "[parameters]") {
  struct CommaPoint : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  struct LocaleGuard {
    std::locale before = std::locale::global(std::locale(std::locale::classic(), new CommaPoint));
    std::string c_before = std::setlocale(LC_ALL, nullptr);
    ~LocaleGuard() {
      std::locale::global(before);
      std::setlocale(LC_ALL, c_before.c_str());
    }
  };
  const auto listings = [] {
    std::ostringstream table, csv;
    print_parameters(table, false);
    print_parameters(csv, true);
    return table.str() + csv.str() + parameters_markdown();
  };
  const std::string expected = listings();

  const LocaleGuard guard;
  std::setlocale(LC_ALL, "de_DE.UTF-8");  // also the C library's, where it is installed
  std::ostringstream probe;
  probe << 1234.5;
  REQUIRE(probe.str() == "1.234,5");

  Parameters p(own_registry());
  p.set("x.ratio", "1234.5", {});
  CHECK(p.number("x.ratio") == 1234.5);
  CHECK(p.echo()[0].value == "1234.5");
  p.set("x.count", "1234567", {});
  CHECK(p.echo()[1].value == "1234567");
  CHECK_THAT(error_of([&] { p.set("x.ratio", "0,5", {}); }), Contains("0..1000000"));
  CHECK_THAT(error_of([&] { p.set("x.count", "1.234", {}); }), Contains("-5..2000000"));
  CHECK(parse({"--array.rows", "4096"}).parameters.integer("array.rows") == 4096);
  CHECK(listings() == expected);
}

TEST_CASE("listings name every parameter", "[parameters]") {
  std::ostringstream table, csv;
  print_parameters(table, false);
  print_parameters(csv, true);
  const std::string page = parameters_markdown();
  for (const ParameterSpec& spec : registry().specs()) {
    CHECK_THAT(table.str(), Contains("\n" + spec.key + " "));
    CHECK_THAT(csv.str(), Contains("\r\n" + spec.key + "," + std::string(to_string(spec.type)) + ","));
    CHECK_THAT(page, Contains("\n| `" + spec.key + "` | `"));
    CHECK_THAT(page, Contains("| " + spec.help + " |"));
  }

  std::istringstream lines(table.str());
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 100);
    if (!line.empty()) CHECK(line.back() != ' ');
  }
  CHECK_THAT(csv.str(), Contains("\r\narray.bits_per_cycle,choice,,1,\"1, 2, 4\",Bits"));
  CHECK_THAT(csv.str(), Contains("\r\narray.clock_mhz,integer,MHz,1000,1..10000,\"Clock of the array, "));
  CHECK_THAT(page, Contains("| `array.clock_mhz` | `1000` | MHz | 1..10000 | "));
  CHECK_THAT(page, Contains("| `any` |  | `any`, `even`, `pow2` | "));
}

TEST_CASE("the presets load", "[parameters]") {
  const std::filesystem::path presets = std::filesystem::path(DPRED_SOURCE_DIR) / "platform" / "presets";
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(presets)) {
    if (file.is_directory()) continue;  // presets of parts
    INFO(file.path());
    names.insert(file.path().stem().string());
    CHECK_NOTHROW(Parameters().load_file(file.path().string()));
  }
  CHECK(names == std::set<std::string>{"edge", "mobile", "server"});
  const auto multipliers = [&](const std::string& name) {
    Parameters p;
    p.load_file((presets / (name + ".ini")).string());
    return p.integer("array.lanes") * p.integer("array.rows") * p.integer("array.tiles");
  };
  CHECK(multipliers("edge") == 128);
  CHECK(multipliers("mobile") == 1024);
  CHECK(multipliers("server") == 4096);
}
