#include "testbench/compress_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "models/codec/entropy.h"
#include "platform/csv.h"
#include "platform/results.h"
#include "workloads/error.h"

namespace dpred {

namespace {

constexpr std::size_t table_width = 100;
constexpr std::size_t ratio_width = 8;  // with the mark behind it
constexpr std::size_t role_width = 6;

const char* role_of(const TensorSizes& row) {
  return row.is_weight ? "weight" : "input";
}

double ratio_of(const TensorSizes& row) {
  return static_cast<double>(row.sizes.total_bits()) / static_cast<double>(row.raw_bits);
}

std::string csv_sizes(std::int64_t values, std::uint64_t raw_bits, const StreamSizes& sizes, double ratio) {
  return fmt::format("{},{},{},{},{},{},{},{:.6f}\r\n", values, raw_bits, sizes.metadata_bits,
                     sizes.payload_bits, sizes.pointer_bits, sizes.padding_bits, sizes.total_bits(), ratio);
}

/// The fewest bits of what encodes; the largest number if that isn't below raw, so that nothing is marked.
template <class Rows, class SizesOf>
std::uint64_t least_bits(const Rows& rows, std::uint64_t raw_bits, SizesOf&& sizes_of) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const auto& row : rows) {
    if (row.codec != entropy_name) least = std::min(least, sizes_of(row).total_bits());
  }
  return least < raw_bits ? least : std::numeric_limits<std::uint64_t>::max();
}

std::string marked_ratio(double ratio, const std::string& codec, const StreamSizes& sizes,
                         std::uint64_t least) {
  const bool best = codec != entropy_name && sizes.total_bits() == least;
  return fmt::format("{:>7.3f}{}", ratio, best ? '*' : ' ');
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

std::string title(const Network& network, const std::string& what) {
  return fmt::format("{}: {} b, {} values, {}\n\n", printable(network.name), network.bits,
                     to_string(network.provenance), what);
}

/// Of a codec with a hyphen, the part before it stands in the line above.
std::string ratio_headings(const std::vector<std::string>& codecs, std::size_t name_width) {
  std::string above(name_width + 1 + role_width, ' ');
  std::string below = fmt::format("{:<{}} {:<{}}", "tensor", name_width, "role", role_width);
  for (const std::string& codec : codecs) {
    const std::size_t cut = codec.find('-') == std::string::npos ? 0 : codec.find('-') + 1;
    above += fmt::format("{:>7} ", codec.substr(0, cut));
    below += fmt::format("{:>7} ", codec.substr(cut));
  }
  above = without_trailing_spaces(above);
  return (above == "\n" ? "" : above) + without_trailing_spaces(below);
}

std::string ratio_table(const std::vector<TensorSizes>& rows) {
  std::vector<std::string> columns;  // raw is 1 everywhere
  std::vector<std::vector<TensorSizes>> tensors;
  for (const TensorSizes& row : rows) {
    if (tensors.empty() || tensors.back().front().tensor != row.tensor) tensors.emplace_back();
    tensors.back().push_back(row);
    if (tensors.size() == 1 && row.codec != "raw") columns.push_back(row.codec);
  }
  if (columns.empty()) return "";
  const std::size_t taken = 1 + role_width + ratio_width * columns.size();
  const std::size_t name_width = std::clamp<std::size_t>(table_width - std::min(table_width, taken), 13, 40);
  std::string text = ratio_headings(columns, name_width);
  for (const std::vector<TensorSizes>& tensor : tensors) {
    const TensorSizes& first = tensor.front();
    const std::uint64_t least =
        least_bits(tensor, first.raw_bits, [](const TensorSizes& row) { return row.sizes; });
    std::string line = fmt::format("{:<{}} {:<{}}", short_name(first.tensor, name_width), name_width,
                                   role_of(first), role_width);
    for (const TensorSizes& row : tensor) {
      if (row.codec != "raw") line += marked_ratio(ratio_of(row), row.codec, row.sizes, least);
    }
    text += without_trailing_spaces(line);
  }
  return text + '\n';
}

std::string totals_table(const std::vector<CodecTotals>& totals, const char* name,
                         SizeTotal CodecTotals::*of) {
  std::string text = fmt::format("{:<12}{:>7} {:>14}{:>14}{:>14}{:>14}{:>14}\n", name, "ratio", "total bits",
                                 "payload", "metadata", "pointers", "padding");
  const std::uint64_t least =
      least_bits(totals, (totals.front().*of).raw_bits, [&](const CodecTotals& t) { return (t.*of).sizes; });
  for (const CodecTotals& codec : totals) {
    const SizeTotal& total = codec.*of;
    text += fmt::format("{:<12}{} {:>13}{:>14}{:>14}{:>14}{:>14}\n", codec.codec,
                        marked_ratio(total.ratio(), codec.codec, total.sizes, least),
                        total.sizes.total_bits(), total.sizes.payload_bits, total.sizes.metadata_bits,
                        total.sizes.pointer_bits, total.sizes.padding_bits);
  }
  return text;
}

}  // namespace

std::string sizes_csv(const std::vector<TensorSizes>& rows) {
  std::string text =
      "tensor,role,codec,group,values,raw_bits,metadata_bits,payload_bits,pointer_bits,padding_bits,"
      "total_bits,ratio\r\n";
  for (const TensorSizes& row : rows) {
    text += fmt::format("{},{},{},{},", csv_field(row.tensor), role_of(row), row.codec, row.group) +
            csv_sizes(row.values, row.raw_bits, row.sizes, ratio_of(row));
  }
  return text;
}

std::string sizes_table(const Network& network, const std::vector<TensorSizes>& rows) {
  const std::vector<CodecTotals> totals = codec_totals(rows);
  return title(network, fmt::format("groups of {}; bits over raw bits, * fewest", rows.front().group)) +
         ratio_table(rows) + totals_table(totals, "inputs", &CodecTotals::inputs) + '\n' +
         totals_table(totals, "weights", &CodecTotals::weights) + '\n' +
         totals_table(totals, "all", &CodecTotals::all);
}

std::string sweep_csv(const std::vector<TensorSizes>& rows) {
  std::string text =
      "codec,group,role,values,raw_bits,metadata_bits,payload_bits,pointer_bits,padding_bits,total_bits,"
      "ratio\r\n";
  for (const CodecTotals& total : codec_totals(rows)) {
    for (const auto& [role, sum] : {std::pair("input", total.inputs), std::pair("weight", total.weights),
                                    std::pair("all", total.all)}) {
      text += fmt::format("{},{},{},", total.codec, total.group, role) +
              csv_sizes(sum.values, sum.raw_bits, sum.sizes, sum.ratio());
    }
  }
  return text;
}

std::string sweep_table(const Network& network, const std::vector<TensorSizes>& rows) {
  std::string text = title(network, "by group size; bits over raw bits, * fewest of the codec");
  text += fmt::format("{:<11}{:>6}{:>7} {:>7} {:>7} {:>12}{:>12}{:>12}{:>12}{:>11}\n", "codec", "group",
                      "inputs", "weights", "all", "total bits", "payload", "metadata", "pointers", "padding");
  std::map<std::string, std::vector<CodecTotals>> of_codec;
  const std::vector<CodecTotals> totals = codec_totals(rows);
  for (const CodecTotals& total : totals)
    of_codec[total.codec].push_back(total);
  for (const CodecTotals& total : totals) {
    text += fmt::format("{:<11}{:>6}", total.codec, total.group);
    for (const auto of : {&CodecTotals::inputs, &CodecTotals::weights, &CodecTotals::all}) {
      const std::uint64_t least = least_bits(of_codec[total.codec], (total.*of).raw_bits,
                                             [&](const CodecTotals& t) { return (t.*of).sizes; });
      text += marked_ratio((total.*of).ratio(), total.codec, (total.*of).sizes, least);
    }
    const StreamSizes& sizes = total.all.sizes;
    text += fmt::format("{:>12}{:>12}{:>12}{:>12}{:>11}\n", sizes.total_bits(), sizes.payload_bits,
                        sizes.metadata_bits, sizes.pointer_bits, sizes.padding_bits);
  }
  return text;
}

}  // namespace dpred
