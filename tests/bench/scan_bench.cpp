#include "tests/bench/scan_bench.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/codec/width_map.h"
#include "models/precision/brick_map.h"
#include "models/precision/value_format.h"
#include "tests/bench/generated.h"
#include "tests/support/temp_dir.h"
#include "tests/support/trace_builder.h"
#include "workloads/npy.h"

namespace dpred::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t large = std::size_t{256} << 20;  // bytes: larger than any last-level cache

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  Random random(30);
  for (std::size_t at = 0; at < count; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(&bytes[at], &word, sizeof word);
  }
  return bytes;
}

/// Measures `work` on a large tensor and memcpy of its bytes by turns. The first metric is in GB/s; the
/// second, which needs no calibration, is the first over memcpy's copied bytes a second.
class LargeTensor {
 public:
  explicit LargeTensor(Bench& bench) : bench_(bench) {}

  void measure(const std::string& name, DType type, const Shape& shape,
               const std::function<std::function<void()>(const Tensor&)>& work_on) {
    if (!bench_.wanted(name)) return;
    if (tensor_.data.empty()) {
      tensor_.data = random_bytes(large);
      copy_.resize(large);
    }
    tensor_.dtype = type;
    tensor_.bits = 8 * static_cast<int>(bytes_of(type));
    tensor_.shape = shape;
    const std::function<void()> work = work_on(tensor_);
    std::vector<double> rates, ratios, times;
    for (int i = 0; i < 12; ++i) {
      const double copying = cpu_seconds_of([&] {
        std::memcpy(copy_.data(), tensor_.data.data(), large);
        keep(copy_);
      });
      const double scanning = cpu_seconds_of(work);
      if (i == 0) continue;  // warm-up
      times.push_back(scanning * 1e3);
      rates.push_back(large * 1e-9 / scanning);
      ratios.push_back(copying / scanning);
    }
    bench_.add({name + ", rate", "GB/s", median(rates), median(times), std::nullopt, true});
    bench_.add({name + ", ratio", "of memcpy", median(ratios), 0, median(ratios), true});
  }

 private:
  Bench& bench_;
  Tensor tensor_;
  std::vector<std::uint8_t> copy_;
};

struct Layout {
  const char* name;
  std::int64_t channels, height, width;
};

/// Files of a set of layers' tensors in a folder, and what is needed to read them again.
struct Files {
  struct Entry {
    fs::path path;
    Shape shape;
  };
  struct LayerFiles {
    LayerShape shape;
    Entry input, weight;
  };
  test::TempDir folder;
  std::vector<LayerFiles> layers;

  explicit Files(bool fully_connected) {
    std::uint64_t seed = 40;
    std::vector<LayerShape> shapes = alexnet_convolutions();
    if (fully_connected) {
      const std::vector<LayerShape> more = alexnet_fully_connected();
      shapes.insert(shapes.end(), more.begin(), more.end());
    }
    for (const LayerShape& shape : shapes) {
      const std::string name = std::to_string(layers.size());
      layers.push_back({shape, write(name + ".npy", make_tensor(shape.input(), 16, false, ++seed)),
                        write(name + ".weight.npy", make_tensor(shape.weight(), 16, true, ++seed))});
    }
  }

  Entry write(const std::string& name, const Tensor& tensor) const {
    const fs::path path = folder.path() / name;
    std::ofstream file(path, std::ios::binary);
    file << test::npy_bytes("<i2", {tensor.shape.begin(), tensor.shape.end()}, "");
    file.write(reinterpret_cast<const char*>(tensor.data.data()),
               static_cast<std::streamsize>(tensor.data.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
    return {path, tensor.shape};
  }
};

Tensor read_tensor(const Files::Entry& entry) {
  Tensor tensor;
  tensor.shape = entry.shape;
  tensor.bits = 16;
  tensor.dtype = DType::int16;
  tensor.data = read_npy(entry.path, "int16", {entry.shape.begin(), entry.shape.end()}).data;
  return tensor;
}

struct Use {
  double cpu = 0;  ///< seconds
  double peak_mib = 0;
};

/// Runs `work` in a process of its own, for its own peak of memory.
Use use_of(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    try {
      work();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  rusage use{};
  if (::wait4(child, &status, 0, &use) != child || status != 0)
    throw std::runtime_error("a measured process failed");
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return {seconds(use.ru_utime) + seconds(use.ru_stime), static_cast<double>(use.ru_maxrss) / 1024};
}

/// All tensors of a network stay in memory, as in a run.
void read(const Files& files, bool scan) {
  constexpr std::int64_t lanes = 16;
  std::vector<Tensor> tensors;
  std::vector<BrickMap> maps;
  for (const Files::LayerFiles& layer : files.layers) {
    const auto read_one = [&](const Files::Entry& entry, const BrickShape& bricks) {
      tensors.push_back(read_tensor(entry));
      if (!scan) return;
      maps.emplace_back(bricks);
      maps.back().absorb(tensors.back(), profile_of(tensors.back()).format);
    };
    read_one(layer.input, activation_bricks(layer.shape, lanes));
    read_one(layer.weight, weight_bricks(layer.shape, lanes));
  }
  keep(tensors);
  keep(maps);
}

}  // namespace

void scans(Bench& bench) {
  LargeTensor tensor(bench);
  for (const DType type : {DType::int8, DType::int16}) {
    const auto values = static_cast<std::int64_t>(large / bytes_of(type));
    tensor.measure("profile of 256 MiB " + std::string(to_string(type)), type, {values, 1, 1, 1},
                   [](const Tensor& t) { return [&t] { keep(profile_of(t)); }; });
    for (const Layout& layout : {Layout{"64x128x128", 64, 128, 128}, Layout{"256x13x13", 256, 13, 13},
                                 Layout{"256x3x3", 256, 3, 3}, Layout{"4096x1x1", 4096, 1, 1}}) {
      const std::int64_t positions = layout.height * layout.width;
      const std::int64_t items = values / (layout.channels * positions);
      const Shape shape{items, layout.channels, layout.height, layout.width};
      const std::string name = "256 MiB " + std::string(to_string(type)) + ", " + layout.name;
      BrickMap map({16, 1, layout.channels, items * positions});
      tensor.measure("bricks of " + name, type, shape, [&map](const Tensor& t) {
        return [&map, &t, format = profile_of(t).format] {
          map.absorb(t, format);
          keep(map);
        };
      });
      const StreamRole role = layout.height > 3 ? StreamRole::activation : StreamRole::weight;
      tensor.measure("groups of " + name, type, shape, [&](const Tensor& t) {
        return [&t, format = profile_of(t).format, stream = StreamLayout(role, shape, {})] {
          keep(WidthMap::of(t, format, stream));
        };
      });
    }
  }
}

void alexnet_files(Bench& bench) {
  for (const bool fully_connected : {false, true}) {
    const std::string network = fully_connected ? "AlexNet with fc" : "AlexNet conv";
    std::optional<Files> files;
    for (const bool scan : {false, true}) {
      const std::string name = (scan ? "read npy to brick maps, " : "read npy, ") + network;
      if (!bench.wanted(name)) continue;
      if (!files) files.emplace(fully_connected);
      std::vector<double> times, rates, relatives, peaks;
      for (int i = 0; i < 9; ++i) {
        const double before = Bench::calibration_seconds();
        const Use use = use_of([&] { read(*files, scan); });
        const double calibration = (before + Bench::calibration_seconds()) / 2;
        times.push_back(use.cpu * 1e3);
        rates.push_back(1 / use.cpu);
        relatives.push_back(calibration / (integer_steps * 1e-9) / use.cpu);
        peaks.push_back(use.peak_mib);
      }
      bench.add({name, "networks/s", median(rates), median(times), median(relatives), true});
      bench.add({name + ", peak", "MiB", median(peaks), 0, std::nullopt, false});
    }
  }
}

}  // namespace dpred::bench
