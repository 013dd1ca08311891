// Bad input to the dpred command: one line that says what to mend and where, exit status 2, nothing changed.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/testbench/command.h"

namespace dpred::test {

namespace {

using Words = std::vector<std::string>;

/// One line on standard error that holds all of `wanted`, nothing on standard output, exit status 2.
void check_error_line(const ProcessResult& result, const Words& wanted) {
  INFO("standard error: " << result.err);
  CHECK_FALSE(result.timed_out);
  CHECK(result.status == 2);
  CHECK(result.out == "");
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK_FALSE(has_control_characters(result.err));
  CHECK(result.err.rfind("dpred: ", 0) == 0);
  CHECK((!result.err.empty() && result.err.back() == '\n'));
  for (const std::string& word : wanted) {
    INFO("wanted: " << word);
    CHECK(result.err.find(word) != std::string::npos);
  }
}

void check_unchanged(const WorkFolder& work, const std::map<std::string, std::string>& before) {
  const auto after = snapshot(work.path());
  for (const auto& [name, content] : after) {
    INFO("left behind: " << name);
    CHECK(before.count(name) == 1);
  }
  CHECK((after == before));
}

/// A command line that is refused in a folder with the sets and files that `prepare` puts there.
struct Refused {
  Words arguments;
  Words wanted;
  std::function<void(const WorkFolder&)> prepare = [](const WorkFolder& work) {
    work.write_set("small", small_set());
  };
};

/// As root and as a plain user; `run` with results that are there already and with a folder that would have
/// to be made, a user each where there are two.
void check_refused(const Refused& refused) {
  std::string shown;
  for (const std::string& argument : refused.arguments)
    shown += argument + ' ';
  INFO("dpred " << shown);
  for (const User user : users()) {
    INFO("as " << user_name(user));
    const WorkFolder work(user);
    fs::create_directory(work.path() / "results");
    work.write("results/layers.csv", "of an earlier run");
    work.write("results/summary.json", "of an earlier run");
    refused.prepare(work);
    work.hand_over();
    const auto before = snapshot(work.path());
    const bool is_run =
        !refused.arguments.empty() && refused.arguments[0] == "run" &&
        std::find(refused.arguments.begin(), refused.arguments.end(), "-o") == refused.arguments.end();
    const bool alone = users().size() == 1;
    for (const char* folder : {"results", "new/one"}) {
      const bool is_other_users_turn = (user == User::plain) != (std::string(folder) == "new/one");
      if (is_run && !alone && is_other_users_turn) continue;
      Words arguments = refused.arguments;
      if (is_run) arguments.insert(arguments.end(), {"-o", folder});
      check_error_line(run_dpred(arguments, work.path(), user), refused.wanted);
      check_unchanged(work, before);
      if (!is_run) break;
    }
  }
}

/// `dpred run small` with a set that `change` spoils.
void check_set_refused(const Words& wanted, const std::function<void(TraceBuilder&)>& change) {
  check_refused({{"run", "small"}, wanted, [&](const WorkFolder& work) {
                   TraceBuilder set = small_set();
                   change(set);
                   work.write_set("small", set);
                 }});
}

/// The same with a change to the files once they are written.
void check_folder_refused(const Words& wanted, const std::function<void(const fs::path&)>& change) {
  check_refused({{"run", "small"}, wanted, [&](const WorkFolder& work) {
                   change(work.write_set("small", small_set()));
                 }});
}

void check_arguments_refused(const Words& arguments, const Words& wanted) {
  Words all = {"run", "small"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  check_refused({all, wanted});
}

void check_ini_refused(const std::string& ini, const Words& wanted) {
  check_refused({{"run", "small", "--config", "bad.ini"}, wanted, [&](const WorkFolder& work) {
                   work.write_set("small", small_set());
                   work.write("bad.ini", ini);
                 }});
}

void map_user(const char* file, const std::string& text) {
  const int opened = open(file, O_WRONLY | O_CLOEXEC);
  if (opened < 0 || write(opened, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail_with_errno(file);
  close(opened);
}

/// Puts a file system of `pages` pages at `folder`, for this process and its children only. False where the
/// system doesn't let this user do so.
bool mount_small_disk(const fs::path& folder, int pages) {
  const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
  if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    try {
      map_user("/proc/self/setgroups", "deny");
      map_user("/proc/self/uid_map", user + " " + user + " 1\n");
      map_user("/proc/self/gid_map", group + " " + group + " 1\n");
    } catch (const std::exception&) {
      return false;
    }
  }
  const std::string options = "size=" + std::to_string(pages * sysconf(_SC_PAGESIZE)) + ",uid=" + user +
                              ",gid=" + group + ",mode=0755";
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

/// Lets no file grow beyond `bytes`: a write fails as it does on a full disk, with another error.
void limit_file_size(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) fail_with_errno("setrlimit");
}

nlohmann::json to_json(const ProcessResult& result) {
  return {{"status", result.status}, {"out", result.out}, {"err", result.err}};
}

ProcessResult from_json(const nlohmann::json& json) {
  ProcessResult result;
  result.status = json.at("status");
  result.out = json.at("out");
  result.err = json.at("err");
  return result;
}

struct FullDisk {
  bool existing;  ///< results of an earlier run are there
  bool full;      ///< to the last byte, else a page too small for both files
};

/// `dpred run` into a disk that is full or becomes so. On a file system of that size where this user may
/// have one, else with the size of files limited.
void check_disk_full(User user, const FullDisk& disk) {
  INFO("as " << user_name(user) << (disk.existing ? ", existing results" : ", new folder")
             << (disk.full ? ", full" : ", becomes full"));
  const WorkFolder work(user);
  work.write_set("small", small_set());
  fs::create_directory(work.path() / "disk");
  work.hand_over();
  const std::string folder = disk.existing ? "disk" : "disk/new/one";
  command();  // copied before the fork, for the parent to remove
  const nlohmann::json outcome = nlohmann::json::parse(in_forked_process([&] {
    if (user == User::plain) become_user(nobody);
    const fs::path place = work.path() / "disk";
    const bool mounted = mount_small_disk(place, disk.existing ? 2 : 1);
    if (disk.existing) {
      write_file(place / "layers.csv", "of an earlier run");
    }
    if (mounted && disk.full) {
      const std::string page(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), 'x');
      std::ofstream filler(place / "filler", std::ios::binary);
      while (filler.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
      }
    }
    const auto before = snapshot(place);
    ProcessOptions options = dpred_options({"run", "small", "-o", folder}, work.path());
    if (!mounted) options.before_exec = [&] { limit_file_size(disk.full ? 0 : 1500); };
    const ProcessResult result = run_process(options);
    const auto after = snapshot(place);
    return nlohmann::json{
        {"result", to_json(result)}, {"before", before}, {"after", after}, {"mounted", mounted}}
        .dump();
  }));
  INFO("file system of its own: " << outcome.at("mounted"));
  const std::string reason = outcome.at("mounted").get<bool>() ? "No space left" : "File too large";
  check_error_line(from_json(outcome.at("result")), {folder, "cannot write", reason});
  CHECK(outcome.at("after") == outcome.at("before"));
}

}  // namespace

TEST_CASE("the set that the cases of bad input spoil is good", "[command]") {
  for (const User user : users()) {
    const WorkFolder work(user);
    work.write_set("small", small_set());
    work.hand_over();
    const ProcessResult result = run_dpred({"run", "small", "-o", "results"}, work.path(), user);
    CHECK(result.err == "");
    CHECK(result.status == 0);
    CHECK(fs::exists(work.path() / "results/summary.json"));
  }
}

TEST_CASE("a bad workload is refused by name", "[command]") {
  check_refused({{"run"}, {"no workload", "folder"}});
  check_refused({{"compress"}, {"no workload"}});
  check_refused({{"explain"}, {"no workload"}});
  check_refused({{"run", "smal"}, {"smal: no such folder", "'small'"}});
  check_refused({{"compress", "smal"}, {"smal: no such folder", "'small'"}});
  check_refused({{"explain", "smal"}, {"smal: no such folder", "'small'"}});
  check_refused({{"run", "small/manifest.json"}, {"small/manifest.json: not a folder"}});
  check_refused({{"run", "no\nsuch\x1b[31m"}, {"no\\x0asuch\\x1b[31m: no such folder"}});
  check_refused({{"run", "small", "small"}, {"unexpected argument 'small'"}});
  check_folder_refused({"small/manifest.json: no such file"},
                       [](const fs::path& folder) { fs::remove(folder / "manifest.json"); });
  check_folder_refused({"small: the results of a run", "workload"}, [](const fs::path& folder) {
    fs::rename(folder / "manifest.json", folder / "summary.json");
  });
}

TEST_CASE("a bad manifest is refused with file and key", "[command]") {
  check_set_refused({"small/manifest.json: missing key 'layers'"},
                    [](TraceBuilder& set) { set.manifest.erase("layers"); });
  check_set_refused({"small/manifest.json: tensors.w0: missing key 'shape'"},
                    [](TraceBuilder& set) { set.manifest["tensors"]["w0"].erase("shape"); });
  check_set_refused({"small/manifest.json: layers[1]: missing key 'stride'"},
                    [](TraceBuilder& set) { set.manifest["layers"][1].erase("stride"); });
  check_set_refused({"small/manifest.json: layers[1].op: 'covn' is unknown", "'conv'"},
                    [](TraceBuilder& set) { set.manifest["layers"][1]["op"] = "covn"; });
  check_set_refused({"small/manifest.json: layers[0].weight: no tensor 'w9'", "'w0'"},
                    [](TraceBuilder& set) { set.manifest["layers"][0]["weight"] = "w9"; });
  check_set_refused({"small/manifest.json: tensors.a0.dtype: 'float32' is unknown"},
                    [](TraceBuilder& set) { set.manifest["tensors"]["a0"]["dtype"] = "float32"; });
  check_set_refused({"small/manifest.json: tensors.a0.zero_point", "200"},
                    [](TraceBuilder& set) { set.manifest["tensors"]["a0"]["zero_point"] = 200; });
  check_set_refused({"small/manifest.json: layers[0].input: tensor 'a0' has shape (1,4,4,5)", "(1,4,4,4)"},
                    [](TraceBuilder& set) {
                      set.manifest["tensors"]["a0"]["shape"] = {1, 4, 4, 5};
                    });
  check_set_refused({"small/manifest.json: tensors.a0.shape", "too many values"}, [](TraceBuilder& set) {
    set.manifest["tensors"]["a0"]["shape"] = std::vector<std::int64_t>(4, 0x7fffffff);
  });
  check_set_refused({"small/manifest.json: tensors.extra", "no layer reads or writes"},
                    [](TraceBuilder& set) {
                      set.tensor("extra", "act", {1, 1, 1, 1}, DType::int8, 0, {1});
                    });
  check_set_refused({"small/manifest.json: tensors.a\\x0a\\x1b[31m", "no layer reads or writes"},
                    [](TraceBuilder& set) {
                      set.tensor("x", "act", {1, 1, 1, 1}, DType::int8, 0, {1});
                      auto& tensors = set.manifest["tensors"];
                      tensors["a\n\x1b[31m"] = tensors["x"];
                      tensors.erase("x");
                    });
  for (const char* number : {"NaN", "Infinity", "1e999"}) {
    check_folder_refused({"small/manifest.json: ", "pars", std::string(number).substr(0, 1)},
                         [&](const fs::path& folder) {
                           std::string text = read_file(folder / "manifest.json");
                           const std::string scale = "\"scale\": 1.0";
                           text.replace(text.find(scale), scale.size(), std::string("\"scale\": ") + number);
                           write_file(folder / "manifest.json", text);
                         });
  }
  check_folder_refused({"small/manifest.json: parse error at line "}, [](const fs::path& folder) {
    const std::string text = read_file(folder / "manifest.json");
    write_file(folder / "manifest.json", text.substr(0, text.size() / 2));
  });
}

TEST_CASE("a bad tensor file is refused with file and key", "[command]") {
  const Words w0 = {"small/w0.npy: ", "tensors.w0"};
  const auto also = [](Words words, const std::string& word) {
    words.push_back(word);
    return words;
  };
  check_folder_refused(also(w0, "no such file"),
                       [](const fs::path& folder) { fs::remove(folder / "w0.npy"); });
  check_set_refused(also(w0, "truncated: 143 of 144 bytes"),
                    [](TraceBuilder& set) { set.files["w0.npy"].pop_back(); });
  check_set_refused(w0, [](TraceBuilder& set) { set.files["w0.npy"].resize(20); });
  check_set_refused(w0, [](TraceBuilder& set) { set.files["w0.npy"].clear(); });
  check_set_refused(also(w0, "1 bytes follow"), [](TraceBuilder& set) { set.files["w0.npy"] += '\0'; });
  check_set_refused(w0, [](TraceBuilder& set) {  // a header of 4 GiB
    set.files["w0.npy"] = std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13) + std::string(200, ' ');
  });
  check_set_refused(also(w0, "shape"), [](TraceBuilder& set) {
    set.files["w0.npy"] = npy_bytes("|i1", {4, 4, 3, std::numeric_limits<std::int64_t>::max()}, "");
  });
  check_set_refused({"small/w0.npy: ", "tensors.w0", "(4,4,3,4)", "(4,4,3,3)"}, [](TraceBuilder& set) {
    set.files["w0.npy"] = npy_bytes("|i1", {4, 4, 3, 4}, std::string(192, '\0'));
  });
  // As large in the manifest, the file and the layer: the missing data must not be allocated.
  check_set_refused({"small/a0.npy: ", "tensors.a0", "truncated: 0 of"}, [](TraceBuilder& set) {
    constexpr std::int64_t wide = 0xffffff;  // the most output positions
    set.files["a0.npy"] = npy_bytes("|i1", {1, 4, 4, wide}, "");
    set.files["a1.npy"] = npy_bytes("|i1", {1, 4, 4, wide}, "");
    set.manifest["tensors"]["a0"]["shape"] = {1, 4, 4, wide};
    set.manifest["tensors"]["a1"]["shape"] = {1, 4, 4, wide};
    set.manifest["tensors"].erase("a2");
    set.manifest["tensors"].erase("w1");
    set.manifest["layers"].erase(1);
    auto& layer = set.manifest["layers"][0];
    layer["W"] = layer["OW"] = wide;
    layer.erase("macs");
  });
  check_set_refused(also(w0, "<i2"), [](TraceBuilder& set) {
    set.files["w0.npy"] = npy_bytes("<i2", {4, 4, 3, 3}, std::string(288, '\0'));
  });
  check_set_refused(also(w0, "Fortran"), [](TraceBuilder& set) {
    set.files["w0.npy"] = npy_bytes("|i1", {4, 4, 3, 3}, std::string(144, '\0'), 1, true);
  });
  check_folder_refused(also(w0, "regular file"), [](const fs::path& folder) {  // must not wait for a writer
    fs::remove(folder / "w0.npy");
    if (mkfifo((folder / "w0.npy").c_str(), 0666) != 0) fail_with_errno("mkfifo");
  });
  check_folder_refused(also(w0, "folder"), [](const fs::path& folder) {
    fs::remove(folder / "w0.npy");
    fs::create_directory(folder / "w0.npy");
  });
  for (const double value : {std::nan(""), -std::numeric_limits<double>::infinity()}) {
    check_set_refused({"small/s0.npy: value 2 is ", std::isnan(value) ? "nan" : "-inf", "aux.s0"},
                      [&](TraceBuilder& set) {
                        set.aux_float64("s0", {1, 1, value, 1});
                      });
  }
}

TEST_CASE("a file of a trace set can't lead out of its folder", "[command]") {
  for (const char* name : {"../w0.npy", "/etc/hostname", "sub/w0.npy", "..", ""}) {
    check_set_refused(
        {"small/manifest.json: tensors.w0.file: '" + std::string(name) + "' is not the plain name"},
        [&](TraceBuilder& set) { set.manifest["tensors"]["w0"]["file"] = name; });
  }
  // All of them name a file of the right content, which is there and can be read.
  check_refused({{"run", "small"}, {"tensors.w0.file: '../w0.npy'"}, [](const WorkFolder& work) {
                   TraceBuilder set = small_set();
                   set.manifest["tensors"]["w0"]["file"] = "../w0.npy";
                   work.write_set("small", set);
                   fs::rename(work.path() / "small/w0.npy", work.path() / "w0.npy");
                 }});
  check_folder_refused({"small/w0.npy: a link that leads out of the folder", "tensors.w0"},
                       [](const fs::path& folder) {
                         fs::rename(folder / "w0.npy", folder.parent_path() / "w0.npy");
                         fs::create_symlink("../w0.npy", folder / "w0.npy");
                       });
  check_folder_refused({"small/w0.npy: a link that leads out of the folder", "tensors.w0"},
                       [](const fs::path& folder) {
                         fs::rename(folder / "w0.npy", folder.parent_path() / "w0.npy");
                         fs::create_symlink(folder.parent_path() / "w0.npy", folder / "w0.npy");
                       });
}

TEST_CASE("bad parameters on the command line are refused by name", "[command]") {
  check_arguments_refused({"--array.rwos=8"}, {"unknown option '--array.rwos'", "'--array.rows'"});
  check_arguments_refused({"--array.rwos", "8"}, {"unknown option '--array.rwos'", "'--array.rows'"});
  check_arguments_refused({"--rows=8"}, {"unknown option '--rows'", "'--array.rows'"});
  check_arguments_refused({"--buffer.rows=8"}, {"unknown option '--buffer.rows'", "'--array.rows'"});
  check_arguments_refused({"--basline"}, {"unknown option '--basline'", "'--baseline'"});
  check_arguments_refused({"--a\nb\x1b=1"}, {"unknown option '--a\\x0ab\\x1b'"});
  check_arguments_refused({"-x"}, {"-x"});
  for (const char* rows : {"0", "4097", "-1", "99999999999999999999", "-99999999999999999999"}) {
    check_arguments_refused({"--array.rows=" + std::string(rows)},
                            {"--array.rows is '" + std::string(rows) + "'", "1..4096"});
  }
  check_arguments_refused({"--array.rows", "-1"}, {"--array.rows is '-1'", "1..4096"});
  for (const char* rows : {"eight", "8.5", "8x", "0x10", "+8", " 8", "1e2", "8KiB"}) {
    check_arguments_refused({"--array.rows=" + std::string(rows)},
                            {"--array.rows is '" + std::string(rows) + "'", "whole number"});
  }
  check_arguments_refused({"--array.rows="}, {"--array.rows", "value"});
  check_arguments_refused({"--array.rows"}, {"--array.rows", "value"});
  check_arguments_refused({"--array.rows=8", "--array.rows=9"}, {"'--array.rows' is given twice"});
  check_arguments_refused({"--codec.group=257"}, {"--codec.group is '257'", "1..256"});
  check_arguments_refused({"--buffer.weight_bytes=2GiB"}, {"--buffer.weight_bytes is '2GiB'", "bytes"});
  check_arguments_refused({"--buffer.weight_bytes=-1"}, {"--buffer.weight_bytes is '-1'", "bytes"});
  check_arguments_refused({"--array.design=strpes"}, {"--array.design is 'strpes'", "'stripes'"});
  check_arguments_refused({"--codec.name=dped"}, {"--codec.name is 'dped'", "'dpred'"});
  check_arguments_refused({"--dram.preset=lpddr4-320"}, {"--dram.preset is 'lpddr4-320'", "'lpddr4-3200'"});
  check_arguments_refused({"--array.bits_per_cycle=3"}, {"--array.bits_per_cycle is '3'", "1, 2, 4"});
  check_arguments_refused({"--dram.channels=3"}, {"dram.channels", "3", "power of two"});
  check_arguments_refused({"--dram.mapping=row,bnak"}, {"dram.mapping", "bnak"});
  check_arguments_refused({"--dram.mapping=nonsense"}, {"dram.mapping", "nonsense"});
  check_refused({{"compress", "small", "--codec.group=0"}, {"--codec.group is '0'", "1..256"}});
  check_refused({{"explain", "small", "--array.tiles=0"}, {"--array.tiles is '0'", "1..4096"}});
  check_refused({{"explain", "small", "--layer", "cnov2"}, {"--layer: no layer 'cnov2'", "'conv2'"}});
  check_refused({{"params", "--cvs"}, {"unknown option '--cvs'", "'--csv'"}});
  check_refused({{"params", "small"}, {"unexpected argument 'small'"}});
}

TEST_CASE("bad parameters in a file are refused with file and line", "[command]") {
  check_ini_refused("[array]\n\nrwos = 8\n", {"bad.ini:3: unknown parameter 'array.rwos'", "'array.rows'"});
  check_ini_refused("[array]\nrows = 0\n", {"bad.ini:2: array.rows is '0'", "1..4096"});
  check_ini_refused("[array]\nrows = -1\n", {"bad.ini:2: array.rows is '-1'", "1..4096"});
  check_ini_refused("[array]\ndesign = strpes\n", {"bad.ini:2: array.design is 'strpes'", "'stripes'"});
  check_ini_refused("[codec]\nname = rwa\n", {"bad.ini:2: codec.name is 'rwa'", "'raw'"});
  check_ini_refused("[dram]\nchannels = 3\n", {"dram.channels", "3", "power of two"});
  check_ini_refused("[array]\nrows = 8\nrows = 9\n", {"bad.ini:3: ", "array.rows", "line 2"});
  check_ini_refused("rows = 8\n", {"bad.ini:1: ", "'rows'"});
  check_ini_refused("[array]\nrows\n", {"bad.ini:2: ", "'rows'"});
  check_ini_refused(std::string("[array]\nrows = 8\0\n", 18), {"bad.ini:2: ", "0x00"});
  check_arguments_refused({"--config", "none.ini"}, {"none.ini: no such file"});
  check_arguments_refused({"--config", "small"}, {"small: a folder"});
  check_arguments_refused({"--config", "a\nb.ini"}, {"a\\x0ab.ini: no such file"});
  check_arguments_refused({"--config"}, {"--config", "value"});
}

TEST_CASE("an unknown command is refused with the nearest", "[command]") {
  check_refused({{"rnu", "small"}, {"unknown command 'rnu'", "'run'"}});
  check_refused({{"compres", "small"}, {"unknown command 'compres'", "'compress'"}});
  check_refused({{"--versoin"}, {"--versoin"}});
  check_refused({{"a\nb"}, {"unknown command 'a\\x0ab'"}});
  check_refused({{""}, {"unknown command ''"}});
}

TEST_CASE("a buffer that is too small is refused with the size that is needed", "[command]") {
  const auto wide = [](const WorkFolder& work) {
    const auto codes = [](int count) {
      std::vector<int> values;
      for (int i = 0; i < count; ++i)
        values.push_back(i * 97 % 60000 - 30000);
      return values;
    };
    TraceBuilder set(16);
    set.tensor("a0", "act", {1, 32, 3, 40}, DType::int16, 0, codes(32 * 3 * 40));
    set.tensor("w0", "wgt", {32, 32, 1, 1}, DType::int16, 0, codes(32 * 32));
    set.tensor("a1", "act", {1, 32, 3, 40}, DType::int16, 0, codes(32 * 3 * 40));
    set.layer("wi\nde", LayerOp::conv, with_output_size({1, 32, 3, 40, 32, 1, 1}), "a0", "w0", "a1");
    work.write_set("wide", set);
  };
  // Half a buffer that can't hold one group.
  const std::string groups[] = {"--codec.group=32", "--array.lanes=32", "--codec.slice_channels=32"};
  for (const std::string key : {"buffer.activation_bytes", "buffer.weight_bytes"}) {
    const auto arguments = [&](const char* command, int bytes) {
      return std::vector<std::string>{command,   "wide",    "--" + key + "=" + std::to_string(bytes),
                                      groups[0], groups[1], groups[2]};
    };
    check_refused({arguments("run", 64),
                   {"layer 'wi\\x0ade': " + key + " = 64 is too small: ", " bytes are needed"},
                   wide});
    check_refused({arguments("explain", 64), {key, "needed"}, wide});
    // What the message asks for is enough, and not more than enough.
    const WorkFolder work;
    wide(work);
    const std::string message = run_dpred(arguments("run", 64), work.path()).err;
    const std::string before = "too small: ";
    const int needed = std::stoi(message.substr(message.find(before) + before.size()));
    const auto status = [&](int bytes) { return run_dpred(arguments("run", bytes), work.path()).status; };
    INFO(message);
    CHECK(needed == 128);
    CHECK(status(needed) == 0);
    CHECK(status(needed - 1) == 2);
  }
}

TEST_CASE("an output folder that can't be used is refused and left alone", "[command]") {
  const auto place = [](
                         const Words& folder, const Words& wanted,
                         const std::function<void(const fs::path&)>& prepare = [](const fs::path&) {}) {
    check_refused({{"run", "small", "-o", folder[0]}, wanted, [&](const WorkFolder& work) {
                     work.write_set("small", small_set());
                     prepare(work.path());
                   }});
  };
  place({"results/layers.csv"}, {"cannot write 'results/layers.csv'"});
  place({"results/layers.csv/sub"}, {"cannot write 'results/layers.csv/sub'"});
  place({"/proc/dpred-x"}, {"cannot write '/proc/dpred-x'"});
  place({""}, {"cannot write ''"});
  place({"dangling"}, {"cannot write 'dangling'"},
        [](const fs::path& folder) { fs::create_symlink("nowhere/at/all", folder / "dangling"); });
  // Making the folders above it succeeds before it fails: they must go again.
  place({"new/" + std::string(300, 'n')}, {"cannot write 'new/nnn"});
  place({"a\nb\x1b/" + std::string(300, 'n')}, {"cannot write 'a\\x0ab\\x1b/nnn"});
  // Found out only when the files are in place: the first must not be replaced without the second.
  place({"results"}, {"cannot write 'results/summary.json'"}, [](const fs::path& folder) {
    fs::remove(folder / "results/summary.json");
    fs::create_directory(folder / "results/summary.json");
  });
  place({"results"}, {"cannot write 'results/layers.csv'"}, [](const fs::path& folder) {
    fs::remove(folder / "results/layers.csv");
    fs::create_directory(folder / "results/layers.csv");
  });
  check_arguments_refused({"-o"}, {"output", "value"});
}

TEST_CASE("a folder that its user may not write is refused and left alone", "[command]") {
  for (const User user : users()) {
    if (user == User::own && geteuid() == 0) continue;  // may write anywhere but below /proc
    const WorkFolder work(user);
    work.write_set("small", small_set());
    fs::create_directory(work.path() / "closed");
    work.write("closed/layers.csv", "of an earlier run");
    work.hand_over();
    fs::permissions(work.path() / "closed", fs::perms(0555));
    const auto before = snapshot(work.path());
    for (const std::string folder : {"closed", "closed/new", "closed/new/one"}) {
      check_error_line(run_dpred({"run", "small", "-o", folder}, work.path(), user),
                       {"cannot write 'closed", "Permission denied"});
      check_unchanged(work, before);
    }
  }
}

TEST_CASE("a set that its user may not read is refused", "[command]") {
  for (const User user : users()) {
    if (user == User::own && geteuid() == 0) continue;  // may read anything
    const WorkFolder work(user);
    const fs::path set = work.write_set("small", small_set());
    work.hand_over();
    for (const fs::path& file : {set / "w0.npy", set / "manifest.json", set}) {
      const fs::perms before = fs::status(file).permissions();
      fs::permissions(file, fs::perms::none);
      check_error_line(run_dpred({"run", "small"}, work.path(), user), {"small/", "Permission denied"});
      fs::permissions(file, before);
    }
  }
}

TEST_CASE("a full disk changes nothing", "[command]") {
  for (const User user : users()) {
    for (const bool existing : {false, true}) {
      for (const bool full : {false, true})
        check_disk_full(user, {existing, full});
    }
  }
}

TEST_CASE("a file that can't be written whole changes nothing", "[command]") {
  // Between the sizes of the two files, so that the first can be written.
  for (const User user : users()) {
    for (const char* folder : {"results", "new/one"}) {
      const WorkFolder work(user);
      work.write_set("small", small_set());
      fs::create_directory(work.path() / "results");
      work.write("results/layers.csv", "of an earlier run");
      work.hand_over();
      const auto before = snapshot(work.path());
      ProcessOptions options = dpred_options({"run", "small", "-o", folder}, work.path(), user);
      options.before_exec = [] { limit_file_size(1500); };
      check_error_line(run_process(options), {"cannot write '" + std::string(folder), "File too large"});
      check_unchanged(work, before);
    }
  }
}

TEST_CASE("standard output that can't be written is an error", "[command]") {
  for (const User user : users()) {
    INFO("as " << user_name(user));
    const WorkFolder work(user);
    work.write_set("small", small_set());
    work.hand_over();
    const std::vector<Words> commands = {
        {"run", "small"}, {"run", "small", "--csv"},     {"compress", "small"}, {"explain", "small"},
        {"params"},       {"params", "--markdown"},      {"run", "--help"},     {"--version"},
        {"--help"},       {"compress", "small", "--csv"}};
    for (const Words& arguments : commands) {
      INFO(arguments[0]);
      ProcessOptions options = dpred_options(arguments, work.path(), user);
      options.standard_output = "/dev/full";
      check_error_line(run_process(options), {"standard output"});
      options = dpred_options(arguments, work.path(), user);
      options.before_exec = [] { close(STDOUT_FILENO); };
      check_error_line(run_process(options), {"standard output"});
    }
  }
}

}  // namespace dpred::test
