// dpred compress: every codec on every tensor.
#include <fmt/format.h>

#include <iostream>
#include <map>

#include "platform/csv.h"
#include "platform/first_readings.h"
#include "platform/preparation.h"
#include "platform/results.h"
#include "testbench/command_options.h"
#include "testbench/commands.h"
#include "workloads/error.h"

namespace dpred {

namespace {

namespace po = boost::program_options;

struct Row {
  std::string tensor;
  bool is_weight = false;
  std::string codec;
  std::int64_t values = 0;
  std::uint64_t raw_bits = 0;
  StreamSizes sizes;
  double ratio() const { return static_cast<double>(sizes.total_bits()) / static_cast<double>(raw_bits); }
};

/// Each tensor that a layer reads, once a codec, in the order of first reading.
std::vector<Row> measure(const Network& network, const StreamOptions& options,
                         const CodecOptions& codec_options) {
  std::vector<Row> rows;
  for (const TensorReading& reading : first_readings(network)) {
    const Tensor& tensor = *reading.tensor;
    const TensorProfile profile = profile_of(tensor);
    const StreamLayout layout(reading.role, tensor.shape, options);
    std::map<SignForm, WidthMap> widths;
    for (const std::string& name : codec_names()) {
      const Codec& codec = find_codec(name);
      const SignForm sign = codec.sign_form(codec_options);
      if (widths.count(sign) == 0) widths[sign] = WidthMap::of(tensor, profile.format, layout, sign);
      const StreamPlan plan = codec.plan({layout, profile.format, widths[sign], codec_options, &tensor});
      rows.push_back({tensor.key, reading.role != StreamRole::activation, name, tensor.values(),
                      static_cast<std::uint64_t>(tensor.raw_bits()), plan.sizes});
    }
  }
  return rows;
}

void print_csv(const std::vector<Row>& rows, std::int64_t group) {
  std::cout << "tensor,role,codec,group,values,raw_bits,metadata_bits,payload_bits,pointer_bits,padding_bits,"
               "total_bits,ratio\r\n";
  for (const Row& row : rows) {
    std::cout << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{:.6f}\r\n", csv_field(row.tensor),
                             row.is_weight ? "weight" : "input", row.codec, group, row.values, row.raw_bits,
                             row.sizes.metadata_bits, row.sizes.payload_bits, row.sizes.pointer_bits,
                             row.sizes.padding_bits, row.sizes.total_bits(), row.ratio());
  }
}

void print_table(const Network& network, const std::vector<Row>& rows, std::int64_t group) {
  std::cout << fmt::format("{}: {} b, {} values, groups of {}\n\n", printable(network.name), network.bits,
                           to_string(network.provenance), group);
  std::cout << fmt::format("{:<26} {:<6} {:<11} {:>12} {:>12} {:>9} {:>10} {:>6}\n", "tensor", "role",
                           "codec", "raw bits", "total bits", "pointers", "metadata", "ratio");
  for (const Row& row : rows) {
    std::cout << fmt::format("{:<26} {:<6} {:<11} {:>12} {:>12} {:>9} {:>10} {:>6.3f}\n",
                             short_name(row.tensor, 26), row.is_weight ? "weight" : "input", row.codec,
                             row.raw_bits, row.sizes.total_bits(), row.sizes.pointer_bits,
                             row.sizes.metadata_bits, row.ratio());
  }
  std::cout << '\n';
  for (const std::string& codec : codec_names()) {
    std::uint64_t total[2] = {0, 0};
    std::uint64_t raw[2] = {0, 0};
    for (const Row& row : rows) {
      if (row.codec != codec) continue;
      total[row.is_weight] += row.sizes.total_bits();
      raw[row.is_weight] += row.raw_bits;
    }
    const auto ratio = [](std::uint64_t a, std::uint64_t b) {
      return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    };
    std::cout << fmt::format("{:<11} inputs {:.3f}, weights {:.3f}, all {:.3f} of raw ({} of {} bits)\n",
                             codec, ratio(total[0], raw[0]), ratio(total[1], raw[1]),
                             ratio(total[0] + total[1], raw[0] + raw[1]), total[0] + total[1],
                             raw[0] + raw[1]);
  }
}

}  // namespace

int compress_command(const std::vector<std::string>& arguments) {
  po::options_description own("Options");
  own.add_options()("csv", "print CSV to standard output, and nothing else");
  const std::optional<CommandLine> line = parse_workload_command("compress", arguments, own);
  if (!line) return 0;
  const Network network = load_workload(*line);
  StreamOptions options = stream_options(line->parameters);
  options.group = line->parameters.integer("codec.group");
  const std::vector<Row> rows = measure(network, options, codec_options(line->parameters));
  if (line->options.count("csv") != 0) {
    print_csv(rows, options.group);
  } else {
    print_table(network, rows, options.group);
  }
  note_unread(line->parameters, "compress");
  return 0;
}

}  // namespace dpred
