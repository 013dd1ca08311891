#include "platform/tensor_sizes.h"

#include <algorithm>
#include <map>
#include <memory>

#include "models/codec/entropy.h"
#include "platform/first_readings.h"
#include "platform/network_widths.h"
#include "platform/width_profile.h"
#include "workloads/error.h"

namespace dpred {

std::vector<std::string> measured_codec_names() {
  std::vector<std::string> names = codec_names();
  names.emplace_back(entropy_name);
  return names;
}

namespace {

bool needs_values(const std::string& name) {
  return name == entropy_name || !find_codec(name).plans_from_widths();
}

}  // namespace

std::vector<std::string> measured_codec_names(const Network& network) {
  std::vector<std::string> names = measured_codec_names();
  if (network.profile) names.erase(std::remove_if(names.begin(), names.end(), needs_values), names.end());
  return names;
}

std::vector<TensorSizes> tensor_sizes(const Network& network, const std::vector<std::string>& codecs,
                                      const StreamOptions& options, const CodecOptions& codec_options) {
  const auto without_values = std::find_if(codecs.begin(), codecs.end(), needs_values);
  if (network.profile && without_values != codecs.end()) {
    throw InputError(network.profile->file + ": a width profile, without the values that " + *without_values +
                     " needs");
  }
  std::vector<TensorSizes> rows;
  const std::unique_ptr<NetworkWidths> known = NetworkWidths::of(network);
  for (const TensorReading& reading : first_readings(network)) {
    const Tensor& tensor = *reading.tensor;
    const ValueFormat& format = known->profile(tensor).format;
    const StreamLayout layout(reading.role, tensor.shape, options);
    std::map<SignForm, WidthMap> found;
    const auto plan_of = [&](const Codec& codec) {
      const SignForm sign = codec.sign_form(codec_options);
      const auto [widths, is_new] = found.try_emplace(sign);
      if (is_new) widths->second = known->groups(tensor, layout, sign);
      return codec.plan({layout, format, widths->second, codec_options, known->values(tensor)});
    };
    for (const std::string& name : codecs) {
      rows.push_back(
          {tensor.key, reading.role != StreamRole::activation, name, options.group, tensor.values(),
           static_cast<std::uint64_t>(tensor.raw_bits()),
           name == entropy_name ? entropy_sizes(tensor, format) : plan_of(find_codec(name)).sizes});
    }
  }
  return rows;
}

SizeTotal& SizeTotal::operator+=(const TensorSizes& row) {
  values += row.values;
  raw_bits += row.raw_bits;
  sizes.metadata_bits += row.sizes.metadata_bits;
  sizes.payload_bits += row.sizes.payload_bits;
  sizes.pointer_bits += row.sizes.pointer_bits;
  sizes.padding_bits += row.sizes.padding_bits;
  return *this;
}

double SizeTotal::ratio() const {
  return raw_bits == 0 ? 0 : static_cast<double>(sizes.total_bits()) / static_cast<double>(raw_bits);
}

std::vector<CodecTotals> codec_totals(const std::vector<TensorSizes>& rows) {
  std::vector<CodecTotals> totals;
  for (const TensorSizes& row : rows) {
    auto total = std::find_if(totals.begin(), totals.end(), [&](const CodecTotals& t) {
      return t.codec == row.codec && t.group == row.group;
    });
    if (total == totals.end()) {
      const auto same_codec = [&](const CodecTotals& t) { return t.codec == row.codec; };
      const auto behind = std::find_if(totals.rbegin(), totals.rend(), same_codec).base();
      total =
          totals.insert(behind == totals.begin() ? totals.end() : behind, {row.codec, row.group, {}, {}, {}});
    }
    (row.is_weight ? total->weights : total->inputs) += row;
    total->all += row;
  }
  return totals;
}

}  // namespace dpred
