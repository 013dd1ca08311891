// Reader of width profiles: every count is compared with what shapes and other counts say of it.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "models/codec/stream_layout.h"
#include "platform/parameters.h"
#include "platform/width_profile.h"
#include "platform/width_profile_names.h"
#include "workloads/divide_up.h"
#include "workloads/error.h"
#include "workloads/fnv_hash.h"
#include "workloads/input_file.h"
#include "workloads/json_field.h"
#include "workloads/manifest.h"

namespace dpred {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t most_parts = std::int64_t{1} << 25;  // groups and bricks of all tensors
constexpr std::int64_t largest_group = 256;

/// Counts from index 0 on, at most `most` of them; those that are not there are 0. Their sum is `total`.
std::vector<std::int64_t> read_counts(const JsonField& field, std::int64_t most, std::int64_t total) {
  if (field.size() > static_cast<std::size_t>(most))
    field.fail(fmt::format("has {} counts, at most {} are possible", field.size(), most));
  std::vector<std::int64_t> counts;
  std::int64_t sum = 0;
  for (const JsonField& element : field.elements()) {
    counts.push_back(element.integer(0, total));
    sum += counts.back();
  }
  if (sum != total) field.fail(fmt::format("counts add up to {}, there are {}", sum, total));
  counts.resize(static_cast<std::size_t>(most), 0);
  return counts;
}

/// Checked before elements are looked at.
void check_size(const JsonField& field, std::int64_t size) {
  if (field.size() != static_cast<std::size_t>(size))
    field.fail(fmt::format("must have {} elements, not {}", size, field.size()));
}

class Reader {
 public:
  explicit Reader(WidthProfile& profile) : profile_(profile) {}

  TensorWidths tensor(const JsonField& field, const Tensor& tensor) {
    TensorWidths widths;
    ValueFormat& format = widths.profile.format;
    format.bits = static_cast<std::uint8_t>(tensor.bits);
    format.is_signed = field.member("signed").truth();
    format.code_is_signed = is_signed_type(tensor.dtype);
    format.zero_point = tensor.zero_point;
    const JsonField width = field.member("width");
    widths.profile.width = static_cast<int>(width.integer(1, tensor.bits + 1));
    const JsonField bits = field.member("value_bits");
    check_room(bits, tensor.values() / largest_group);
    widths.value_bits = read_counts(bits, widths.profile.width + 1, tensor.values());
    if (widths.value_bits.back() == 0 && widths.profile.width > 1)
      width.fail(fmt::format("{}, but no value has so many bits", widths.profile.width));
    for (const JsonField& groups : field.member("groups").elements())
      read_groups(groups, tensor, widths);
    for (const JsonField& bricks : field.member("bricks").elements())
      read_bricks(bricks, tensor, widths);
    return widths;
  }

 private:
  /// Before memory is taken for so many groups, bricks or rows.
  void check_room(const JsonField& field, std::int64_t parts) const {
    if (parts > most_parts - parts_)
      field.fail(fmt::format("the network has more than {} groups and bricks", most_parts));
  }

  void take(const JsonField& field, std::int64_t parts) {
    check_room(field, parts);
    parts_ += parts;
  }

  void read_groups(const JsonField& field, const Tensor& tensor, TensorWidths& widths) {
    const auto role = static_cast<StreamRole>(field.member("role").choice(role_names));
    const auto sign = static_cast<SignForm>(field.member("sign").choice(sign_names));
    const JsonField counts = field.member("counts");
    std::vector<GroupCount>& read = widths.groups[{role, sign}];
    if (!read.empty()) field.fail("the same role and sign a second time");
    const auto [outer, channels, height, width] = tensor.shape;
    const std::int64_t slices = divide_up(channels, profile_.slice_channels);
    check_room(counts, role == StreamRole::activation ? outer * height * slices
                       : role == StreamRole::weight   ? outer
                                                      : height * width);
    StreamOptions options;
    options.group = profile_.group;
    options.slice_channels = profile_.slice_channels;
    const StreamLayout layout(role, tensor.shape, options);
    take(counts, layout.groups());
    std::map<std::int64_t, std::int64_t> left = groups_by_values(layout);
    std::int64_t non_zeros = 0;
    for (const JsonField& element : counts.elements()) {
      check_size(element, 4);
      const std::vector<JsonField> numbers = element.elements();
      GroupCount count;
      count.values = numbers[0].integer(1, profile_.group);
      count.width = static_cast<int>(numbers[1].integer(1, tensor.bits));
      count.non_zeros = static_cast<int>(numbers[2].integer(0, count.values));
      const auto found = left.find(count.values);
      if (found == left.end()) numbers[0].fail(fmt::format("no group has {} values", count.values));
      count.groups = numbers[3].integer(1, layout.groups());
      if (count.groups > found->second)
        numbers[3].fail(fmt::format("more groups of {} values than there are", count.values));
      found->second -= count.groups;
      non_zeros += count.non_zeros * count.groups;
      read.push_back(count);
    }
    for (const auto& [values, groups] : left) {
      if (groups != 0) counts.fail(fmt::format("{} groups of {} values are missing", groups, values));
    }
    const std::int64_t expected = tensor.values() - widths.value_bits.front();
    if (non_zeros != expected)
      counts.fail(fmt::format("{} values aren't zero, but by value_bits {}", non_zeros, expected));
  }

  void read_bricks(const JsonField& field, const Tensor& tensor, TensorWidths& widths) {
    BrickOrder order;
    order.weights = field.member("operand").choice({"activation", "weight"}) == 1;
    const JsonField groups = field.member("groups");
    order.groups = groups.integer(1, order.weights ? 1 : tensor.shape[1]);
    if (tensor.shape[1] % order.groups != 0)
      groups.fail(fmt::format("{} does not divide {} channels", order.groups, tensor.shape[1]));
    const JsonField step = field.member("step");
    const std::array<std::int64_t, 2> steps = two_integers(step, 1);
    const std::int64_t most_y = order.weights ? 1 : tensor.shape[2];
    const std::int64_t most_x = order.weights ? 1 : tensor.shape[3];
    if (steps[0] > most_y || steps[1] > most_x)
      step.fail(fmt::format("must be at most [{},{}]", most_y, most_x));
    order.step_y = steps[0];
    order.step_x = steps[1];
    if (widths.bricks.count(order) != 0) field.fail("the same order a second time");
    const BrickShape bricks = bricks_in(order, tensor.shape, profile_.lanes);
    take(field, bricks.positions * bricks.bricks());

    const BrickSequences sequences = sequences_in(order, tensor.shape, profile_.lanes);
    WidthRuns& runs = widths.bricks[order];
    const JsonField cells = field.member("cells");
    check_size(cells, sequences.cells());
    std::vector<std::int64_t> all(static_cast<std::size_t>(widths.profile.width), 0);
    for (const JsonField& cell : cells.elements()) {
      runs.cells.push_back(read_cell(cell, sequences, widths.profile.width));
      for (std::size_t w = 0; w < all.size(); ++w)
        all[w] += runs.cells.back().blocks.front()[w];
    }
    if (sequences.columns() > 1) runs.columns = read_columns(field.member("columns"), sequences, bricks, all);
  }

  static CellRuns read_cell(const JsonField& field, const BrickSequences& sequences, int widest) {
    CellRuns cell;
    const JsonField blocks = field.member("blocks"), last = field.member("last");
    check_size(blocks, sequences.levels());
    check_size(last, sequences.levels());
    const std::vector<JsonField> counts = blocks.elements(), ends = last.elements();
    for (int level = 0; level < sequences.levels(); ++level) {
      const auto l = static_cast<std::size_t>(level);
      cell.blocks.push_back(read_counts(counts[l], widest, sequences.blocks(level)));
      if (level > 0) check_level(counts[l], cell.blocks[l - 1], cell.blocks[l]);
      check_size(ends[l], static_cast<std::int64_t>(sequences.lengths().size()));
      WidthCounts inner = cell.blocks[l];
      std::vector<std::uint8_t>& widths = cell.last.emplace_back();
      for (const JsonField& end : ends[l].elements()) {
        const std::int64_t width = end.integer(1, widest);
        if (--inner[static_cast<std::size_t>(width - 1)] < 0)
          end.fail(fmt::format("no block of this level is left that has width {}", width));
        widths.push_back(static_cast<std::uint8_t>(width));
      }
    }
    return cell;
  }

  /// Of blocks as wide as w, each holds one or two smaller ones that are.
  static void check_level(const JsonField& field, const WidthCounts& smaller, const WidthCounts& larger) {
    std::int64_t small = 0, large = 0;
    for (std::size_t w = larger.size(); w-- > 0;) {
      small += smaller[w];
      large += larger[w];
      if (large > small || small > 2 * large)
        field.fail(
            fmt::format("{} blocks are {} bits wide or more, of the level below {}", large, w + 1, small));
    }
  }

  static std::vector<WidthCounts> read_columns(const JsonField& field, const BrickSequences& sequences,
                                               const BrickShape& bricks, std::vector<std::int64_t> left) {
    check_size(field, sequences.columns());
    std::vector<WidthCounts> columns;
    const std::int64_t total = bricks.positions / sequences.columns() * bricks.bricks();
    for (const JsonField& column : field.elements()) {
      columns.push_back(read_counts(column, static_cast<std::int64_t>(left.size()), total));
      for (std::size_t w = 0; w < left.size(); ++w)
        left[w] -= columns.back()[w];
    }
    for (std::size_t w = 0; w < left.size(); ++w) {
      if (left[w] != 0)
        field.fail(fmt::format("another number of bricks is {} bits wide than in the cells", w + 1));
    }
    return columns;
  }

  WidthProfile& profile_;
  std::int64_t parts_ = 0;
};

/// What layers read and write has the counts for it.
void check_complete(const JsonField& tensors, const Network& network, const WidthProfile& profile) {
  const auto check_groups = [&](const Layer& layer, const std::string& key, StreamRole role) {
    if (profile.tensors.at(key).groups.count({role, SignForm::twos_complement}) == 0) {
      tensors.member(key).member("groups").fail(
          fmt::format("no counts in role {} and twos-complement, which layer {} needs",
                      role_names[static_cast<std::size_t>(role)], quote(layer.name)));
    }
  };
  const auto check_bricks = [&](const Layer& layer, const std::string& key, const BrickOrder& order) {
    if (profile.tensors.at(key).bricks.count(order) == 0) {
      tensors.member(key).member("bricks").fail(
          fmt::format("no counts of operand {}, groups {}, step [{},{}], which layer {} needs",
                      order.weights ? "weight" : "activation", order.groups, order.step_y, order.step_x,
                      quote(layer.name)));
    }
  };
  for (const Layer& layer : network.layers) {
    check_groups(layer, layer.input, StreamRole::activation);
    check_groups(layer, layer.weight, weight_role(layer.shape));
    if (!layer.output.empty()) check_groups(layer, layer.output, StreamRole::activation);
    check_bricks(layer, layer.input, activation_order(layer.shape, profile.lanes));
    check_bricks(layer, layer.weight, weight_order());
  }
}

}  // namespace

Network read_width_profile(const fs::path& path) {
  InputFile file(path);
  if (file.size() > largest_manifest)
    file.fail(fmt::format("{} bytes, a width profile has at most {}", file.size(), largest_manifest));
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size());
  const nlohmann::json document = parse_json(bytes, file.name());
  const JsonField manifest(document, file.name());

  const JsonField format = manifest.member("width_profile");
  if (format.integer(0) != 1)
    format.fail(fmt::format("{}, but this reader knows version 1", format.integer(0)));
  Network network;
  network.name = manifest.member("network").text();
  network.bits = read_bits(manifest.member("bits"));
  network.provenance = Provenance::profiled;
  auto profile = std::make_shared<WidthProfile>();
  profile->file = file.name();
  profile->values =
      static_cast<Provenance>(manifest.member("values").choice({"real", "profiled", "synthetic"}));
  const auto within = [&](const char* key, const char* parameter) {
    const ParameterRange<std::int64_t>& range = registry().find(parameter)->integers;
    return manifest.member(key).integer(range.minimum, range.maximum);
  };
  profile->group = within("group", "codec.group");
  profile->slice_channels = within("slice_channels", "codec.slice_channels");
  profile->lanes = within("lanes", "array.lanes");
  network.source = fmt::format("width profile of {} values, groups of {}, {} lanes",
                               to_string(profile->values), profile->group, profile->lanes);
  if (const std::string& source = manifest.member("source").text(); !source.empty())
    network.source += ": " + source;

  Entries entries;
  Reader reader(*profile);
  const JsonField tensors = manifest.member("tensors");
  for (const std::string& key : tensors.keys()) {
    const TensorEntry entry = read_tensor(tensors.member(key), key, network.bits);
    profile->tensors.emplace(key, reader.tensor(tensors.member(key), entry.tensor));
    network.tensors.emplace(key, entry.tensor);
    entries.tensors.emplace(key, entry);
  }
  const JsonField vectors = manifest.member("aux");
  for (const std::string& key : vectors.keys()) {
    entries.aux[key].length = one_integer(vectors.member(key).member("shape"), 1);
    network.aux[key];  // that it is there is all that is known
  }
  network.layers = read_layers(manifest.member("layers"), entries);
  check_all_used(tensors, entries, network.layers, {});
  network.host_tensors = tensors_among(graph_texts(document), entries);
  check_complete(tensors, network, *profile);
  network.profile = std::move(profile);
  Fnv1a64 hash;
  hash.add(bytes.data(), bytes.size());
  network.hash = hash.hex();
  return network;
}

}  // namespace dpred
