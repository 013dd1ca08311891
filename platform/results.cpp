#include "platform/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "platform/array_text.h"
#include "platform/csv.h"
#include "platform/layer_actions.h"
#include "workloads/error.h"

namespace dpred {

namespace {

constexpr int schema = 1;
constexpr std::size_t name_width = 18;  ///< of a layer in the table

/// Rates that follow from the counts: a multiply-accumulate is two operations.
struct Rates {
  double time_us, gops, gb_per_s;
  Rates(std::uint64_t cycles, std::uint64_t macs, std::uint64_t bytes, std::uint64_t clock_mhz)
      : time_us(static_cast<double>(cycles) / static_cast<double>(clock_mhz)),
        gops(time_us > 0 ? 2e-3 * static_cast<double>(macs) / time_us : 0),
        gb_per_s(time_us > 0 ? 1e-3 * static_cast<double>(bytes) / time_us : 0) {}
};

/// All causes, in the order of their columns.
std::vector<CycleCause> all_causes() {
  std::vector<CycleCause> causes;
  for (std::size_t i = 0; i < cycle_causes; ++i)
    causes.push_back(static_cast<CycleCause>(i));
  return causes;
}

std::string array_column(std::size_t cause) {
  return fmt::format("array_{}_cycles", to_string(static_cast<SlotCause>(cause)));
}

double ratio(std::uint64_t a, std::uint64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

/// Shares of what each resource could have done; none where there is no limit.
struct Utilisation {
  std::optional<double> array, dram, activation_decoders, weight_decoders, encoders;

  Utilisation(const Ledger& ledger, std::uint64_t useful_cycles, const Traffic& traffic,
              const ActionCounts& actions, const DesignPoint& point) {
    const double cycles = static_cast<double>(ledger.total());
    const auto share = [&](std::uint64_t done, double in_a_cycle) {
      return cycles > 0 ? static_cast<double>(done) / (in_a_cycle * cycles) : 0;
    };
    array = share(useful_cycles, 1);
    const dram::Preset& preset = point.memory.preset;
    if (!preset.ideal) {
      const double bytes =
          preset.peak_bandwidth() * point.memory.channels / (1e6 * static_cast<double>(point.clock_mhz));
      dram = share(traffic.total(), bytes);
    }
    if (point.decoders > 0) {
      activation_decoders = share(actions.activation_groups, static_cast<double>(point.decoders));
      weight_decoders = share(actions.weight_groups, static_cast<double>(point.decoders));
    }
    if (point.encoders > 0) encoders = share(actions.output_groups, static_cast<double>(point.encoders));
  }
};

/// The columns that end layers.csv, and what `utilisation` of summary.json has.
struct UtilisationField {
  const char* name;
  std::optional<double> Utilisation::*member;
};
constexpr std::array<UtilisationField, 5> utilisation_fields = {{
    {"array", &Utilisation::array},
    {"dram", &Utilisation::dram},
    {"activation_decoders", &Utilisation::activation_decoders},
    {"weight_decoders", &Utilisation::weight_decoders},
    {"encoders", &Utilisation::encoders},
}};
struct FilledField {
  const char* name;
  double BuffersFilled::*member;
};
constexpr std::array<FilledField, 3> filled_fields = {{
    {"activation_buffer", &BuffersFilled::activation},
    {"weight_buffer", &BuffersFilled::weight},
    {"output_buffer", &BuffersFilled::output},
}};

constexpr auto useful = static_cast<std::size_t>(SlotCause::useful);

/// Of the whole run; of buffers the fullest layer's.
nlohmann::ordered_json utilisation_json(const RunResult& result, const DesignPoint& point) {
  const Utilisation all(result.ledger(), result.array_cycles()[useful], result.traffic(), result.actions(),
                        point);
  nlohmann::ordered_json json;
  for (const UtilisationField& field : utilisation_fields) {
    if (all.*field.member) json[field.name] = *(all.*field.member);
  }
  for (const FilledField& field : filled_fields) {
    double most = 0;
    for (const LayerResult& layer : result.layers)
      most = std::max(most, layer.filled.*field.member);
    json[field.name] = most;
  }
  return json;
}

std::string energy_column(const EnergyField& field) {
  return fmt::format("energy_{}_pj", field.name);
}

/// How many times the energy of `result` another result takes, with the low and the high figure of the DRAM.
struct EnergyRatios {
  double low = 0, high = 0;
  EnergyRatios(const RunResult& other, const RunResult& result) {
    const Energy a = other.energy(), b = result.energy();
    if (b.total_low() > 0) low = a.total_low() / b.total_low();
    if (b.total_high() > 0) high = a.total_high() / b.total_high();
  }
};

/// "a, b and 3 more": as many as fit `width`.
std::string enumeration(const std::vector<std::string>& names, std::size_t width) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && text.size() + names[i].size() > width) {
      return text + fmt::format(" and {} more", names.size() - i);
    }
    text += (i > 0 ? ", " : "") + names[i];
  }
  return text;
}

nlohmann::ordered_json totals_json(const RunResult& result, const DesignPoint& point) {
  const Ledger ledger = result.ledger();
  const Traffic traffic = result.traffic();
  const Traffic raw = result.raw_traffic();
  const Rates rates(ledger.total(), result.macs(), traffic.total(), point.clock_mhz);
  nlohmann::ordered_json totals;
  totals["macs"] = result.macs();
  for (const CycleCause cause : all_causes())
    totals[std::string(to_string(cause)) + "_cycles"] = ledger.of(cause);
  totals["total_cycles"] = ledger.total();
  totals["activation_read_bytes"] = traffic.activation_read_bytes;
  totals["weight_read_bytes"] = traffic.weight_read_bytes;
  totals["output_write_bytes"] = traffic.output_write_bytes;
  totals["raw_activation_read_bytes"] = raw.activation_read_bytes;
  totals["raw_weight_read_bytes"] = raw.weight_read_bytes;
  totals["raw_output_write_bytes"] = raw.output_write_bytes;
  totals["output_read_bytes"] = traffic.output_read_bytes;
  totals["raw_output_read_bytes"] = raw.output_read_bytes;
  totals["control_read_bytes"] = result.control_read_bytes;
  totals["traffic_ratio"] = ratio(traffic.total(), raw.total());
  totals["time_us"] = rates.time_us;
  totals["achieved_gops"] = rates.gops;
  totals["achieved_gb_per_s"] = rates.gb_per_s;
  totals["binds"] = to_string(ledger.binds());
  const ArrayCycles array = result.array_cycles();
  for (std::size_t i = 0; i < slot_causes; ++i)
    totals[array_column(i)] = array[i];
  return totals;
}

/// Parts, what they are made of, and what that costs.
nlohmann::ordered_json energy_json(const RunResult& result, const Network& network, const DesignPoint& point,
                                   const Baselines* baselines) {
  const EnergyTable& table = *point.energy;
  nlohmann::ordered_json json;
  if (baselines != nullptr) {
    const auto add = [&](const char* name, const RunResult& other) {
      const EnergyRatios ratios(other, result);
      json["efficiency"][name] = {{"low", ratios.low}, {"high", ratios.high}};
    };
    add("uncompressed", baselines->uncompressed);
    add("bit_parallel_uncompressed", baselines->bit_parallel_uncompressed);
  }
  const Energy energy = result.energy();
  for (const EnergyField& field : energy_fields)
    json[std::string(field.name) + "_pj"] = field.of(energy);
  const ActionCounts actions = result.actions();
  for (const ActionField& field : action_fields)
    json["actions"][field.name] = actions.*field.member;
  const EnergyPoint costs = energy_point(point, network.bits);
  json["bank_bytes"] = {
      {"activation", costs.activation_bank}, {"weight", costs.weight_bank}, {"output", costs.output_bank}};
  json["table"] = {{"name", table.name}, {"hash", table.hash}};
  for (const std::string& action : EnergyModel::lines_read(table, costs)) {
    const EnergyLine& line = table.line(action);
    json["table"]["lines"][action] = {{"pj", line.picojoules},
                                      {"unit", line.unit},
                                      {"technology", line.technology},
                                      {"source", line.source},
                                      {"origin", line.replaced ? "file" : "built-in"}};
  }
  return json;
}

/// Energy for people: as ratios first, where there is something to compare with.
std::string energy_lines(const RunResult& result, const DesignPoint& point, const Baselines* baselines) {
  const Energy energy = result.energy();
  std::string text;
  if (baselines != nullptr) {
    const EnergyRatios parallel(baselines->bit_parallel_uncompressed, result);
    const EnergyRatios raw(baselines->uncompressed, result);
    text += fmt::format(
        "energy    {:.2f}x as efficient as bit-parallel uncompressed ({:.2f}x with the high DRAM figure),\n"
        "          {:.2f}x as efficient as {} uncompressed ({:.2f}x)\n",
        parallel.low, parallel.high, raw.low, point.design->name, raw.high);
  }
  // The unit in which the total has at most five digits before the point: the parts need few behind it.
  double unit = 1;
  std::string_view prefix = "pnum";
  for (; prefix.size() > 1 && energy.total_high() / unit >= 99999.5; prefix.remove_prefix(1))
    unit *= 1000;
  const auto number = [&](double picojoules) {
    const double value = picojoules / unit;
    return value >= 99.95 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
  };
  text += fmt::format("joules    {}-{} {}J: DRAM {}-{}, buffers {}, compute {}, codec {}, registers {}\n",
                      number(energy.total_low()), number(energy.total_high()), prefix.front(),
                      number(energy.dram_low), number(energy.dram_high), number(energy.buffers),
                      number(energy.compute), number(energy.codec), number(energy.registers));
  return text;
}

/// Shares of the compute cycles.
nlohmann::ordered_json array_json(const RunResult& result) {
  const ArrayCycles array = result.array_cycles();
  nlohmann::ordered_json shares;
  for (std::size_t i = 0; i < slot_causes; ++i)
    shares[std::string(to_string(static_cast<SlotCause>(i)))] =
        ratio(array[i], result.ledger().of(CycleCause::compute));
  return shares;
}

/// The memory in full, since a preset's file may have changed since, and what it did during the run.
nlohmann::ordered_json memory_json(const std::optional<dram::Statistics>& served, const MemoryPoint& memory) {
  const dram::Preset& preset = memory.preset;
  nlohmann::ordered_json json = {{"preset", preset.name}, {"source", preset.source}};
  if (!preset.ideal) {
    json["mapping"] = memory.mapping.empty() ? preset.default_mapping : memory.mapping;
    json["channels"] = memory.channels;
    json["peak_gb_per_s"] = 1e-9 * preset.peak_bandwidth() * memory.channels;
    for (const auto& field : dram::timing_fields)
      json["timings"][field.name] = preset.timings.*field.member;
    for (const auto& field : dram::organisation_fields)
      json["organisation"][field.name] = preset.organisation.*field.member;
  }
  if (!served) return json;
  const dram::Statistics& statistics = *served;
  json["bursts_read"] = statistics.read.bursts;
  json["bursts_written"] = statistics.write.bursts;
  json["row_hit_rate"] = statistics.row_hit_rate();
  if (preset.ideal) return json;
  const auto nanoseconds = [&](double clocks) { return clocks * 1e3 / preset.timings.clock_mhz; };
  json["read_latency_ns"] = {
      {"mean", nanoseconds(statistics.read_latency.mean())},
      {"p50", nanoseconds(static_cast<double>(statistics.read_latency.quantile(0.5)))},
      {"p99", nanoseconds(static_cast<double>(statistics.read_latency.quantile(0.99)))}};
  json["bus_clocks"] = nlohmann::ordered_json::array();
  for (const dram::BusClocks& channel : statistics.channels) {
    nlohmann::ordered_json clocks = {{"data", channel.data}};
    for (std::size_t i = 0; i < dram::loss_count; ++i)
      clocks[std::string("loss_") + to_string(static_cast<dram::Loss>(i))] = channel.lost[i];
    json["bus_clocks"].push_back(std::move(clocks));
  }
  return json;
}

/// What was checked, or, without a check, that one would fail.
std::string check_lines(const RunResult& result) {
  if (!result.check) {
    if (result.layers_with_other_codes == 0) return {};
    return fmt::format(
        "note: computed codes of {} layers are not the recorded ones; --check names the first\n",
        result.layers_with_other_codes);
  }
  const CheckCounts& check = *result.check;
  std::string text =
      fmt::format("check     {} accumulators right, and {} codes in {} of {} layers\n", check.accumulators,
                  check.codes, check.layers_by_codes, check.layers_by_codes + check.layers_by_accumulators);
  if (check.layers_by_accumulators > 0) {
    text += fmt::format(
        "note: the workload defines no codes of {} layers; their accumulators alone were compared\n",
        check.layers_by_accumulators);
  }
  if (check.overflows > 0) {
    text += fmt::format("note: {} accumulators overflow 32 bits, first {} of {}\n", check.overflows,
                        check.overflow_place, short_name(check.overflow_layer, name_width));
  }
  return text;
}

nlohmann::ordered_json buffers_json(const BuffersUse& used, const DesignPoint& point) {
  nlohmann::ordered_json json;
  const auto add = [&](const char* name, std::uint64_t bytes, const BufferBanks& banks,
                       const BufferUse& use) {
    json[name] = {{"bytes", bytes}, {"banks", banks.banks}, {"conflict_cycles", use.conflict_cycles}};
    if (!banks.limited()) return;  // words are not counted
    json[name]["word_bytes"] = banks.word_bytes;
    json[name]["ports"] = to_string(banks.ports);
    json[name]["words_read"] = use.words_read;
    json[name]["words_written"] = use.words_written;
  };
  add("activation", point.buffers.activation, point.banks.activation, used.activation);
  add("weight", point.buffers.weight, point.banks.weight, used.weight);
  add("output", point.buffers.output, point.banks.output, used.output);
  return json;
}

/// Outputs that are left on chip for the next layer.
nlohmann::ordered_json inter_layer_json(const RunResult& result, const Network& network) {
  nlohmann::ordered_json kept = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < result.layers.size(); ++i) {
    const OutputStay& stay = result.layers[i].stay;
    if (stay.stay != Stay::kept) continue;
    kept.push_back({{"tensor", network.layers[i].output},
                    {"layer", result.layers[i].name},
                    {"bytes", stay.bytes},
                    {"written", !stay.reader.empty()}});
    if (!stay.reader.empty()) kept.back()["written_for"] = stay.reader;
  }
  return {{"kept", std::move(kept)}};
}

std::string inter_layer_line(const RunResult& result) {
  std::size_t outputs = 0, kept = 0, written = 0;
  for (const LayerResult& layer : result.layers) {
    outputs += layer.stay.bytes > 0;
    if (layer.stay.stay != Stay::kept) continue;
    ++kept;
    written += !layer.stay.reader.empty();
  }
  return fmt::format("on chip   {} of {} outputs stay for the next layer, {} of them are written too\n", kept,
                     outputs, written);
}

}  // namespace

std::string layers_csv(const RunResult& result, const DesignPoint& point) {
  std::string csv = "layer,op,macs";
  for (const CycleCause cause : all_causes())
    csv += fmt::format(",{}_cycles", to_string(cause));
  csv +=
      ",total_cycles,activation_read_bytes,weight_read_bytes,output_write_bytes,raw_activation_read_bytes,"
      "raw_weight_read_bytes,raw_output_write_bytes,binds,binds_next,time_us,achieved_gops,achieved_gb_per_"
      "s";
  for (std::size_t i = 0; i < slot_causes; ++i)
    csv += "," + array_column(i);
  csv += ",activation_conflict_cycles,weight_conflict_cycles,output_conflict_cycles";
  for (const EnergyField& field : energy_fields)
    csv += "," + energy_column(field);
  csv += ",output_read_bytes,raw_output_read_bytes";
  for (const UtilisationField& field : utilisation_fields)
    csv += fmt::format(",utilisation_{}", field.name);
  for (const FilledField& field : filled_fields)
    csv += fmt::format(",utilisation_{}", field.name);
  csv += "\r\n";
  for (const LayerResult& layer : result.layers) {
    const Traffic& bytes = layer.traffic;
    const Traffic& raw = layer.raw_traffic;
    const Rates rates(layer.ledger.total(), layer.macs, bytes.total(), point.clock_mhz);
    csv += fmt::format("{},{},{}", csv_field(layer.name), csv_field(layer.op), layer.macs);
    for (const CycleCause cause : all_causes())
      csv += fmt::format(",{}", layer.ledger.of(cause));
    csv += fmt::format(",{},{},{},{},{},{},{},{},{},{:.6g},{:.6g},{:.6g}", layer.ledger.total(),
                       bytes.activation_read_bytes, bytes.weight_read_bytes, bytes.output_write_bytes,
                       raw.activation_read_bytes, raw.weight_read_bytes, raw.output_write_bytes,
                       to_string(layer.binds), to_string(layer.binds_next), rates.time_us, rates.gops,
                       rates.gb_per_s);
    for (const std::uint64_t cycles : layer.array_cycles)
      csv += fmt::format(",{}", cycles);
    csv += fmt::format(",{},{},{}", layer.buffers.activation.conflict_cycles,
                       layer.buffers.weight.conflict_cycles, layer.buffers.output.conflict_cycles);
    for (const EnergyField& field : energy_fields)
      csv += fmt::format(",{:.1f}", field.of(layer.energy));
    csv += fmt::format(",{},{}", bytes.output_read_bytes, raw.output_read_bytes);
    const Utilisation used(layer.ledger, layer.array_cycles[useful], bytes, layer.actions, point);
    for (const UtilisationField& field : utilisation_fields)
      csv += used.*field.member ? fmt::format(",{:.6g}", *(used.*field.member)) : ",";
    for (const FilledField& field : filled_fields)
      csv += fmt::format(",{:.6g}", layer.filled.*field.member);
    csv += "\r\n";
  }
  return csv;
}

std::string summary_json(const RunResult& result, const Network& network, const DesignPoint& point,
                         const Parameters& parameters, const RunRecord& record, const Baselines* baselines) {
  nlohmann::ordered_json summary;
  summary["schema"] = schema;
  summary["version"] = record.version;
  summary["workload"] = {{"name", network.name},     {"hash", network.hash},
                         {"bits", network.bits},     {"values", to_string(network.provenance)},
                         {"source", network.source}, {"layers", network.layers.size()},
                         {"batch", network.batch}};
  summary["totals"] = totals_json(result, point);
  summary["fill_cycles_per_layer"] = result.fill_cycles;
  summary["array"] = array_json(result);
  summary["memory"] = memory_json(result.memory, point.memory);
  if (result.check) {
    summary["check"] = {{"layers_by_codes", result.check->layers_by_codes},
                        {"layers_by_accumulators", result.check->layers_by_accumulators},
                        {"accumulators", result.check->accumulators},
                        {"codes", result.check->codes},
                        {"overflows", result.check->overflows}};
    if (result.check->overflows > 0) {
      summary["check"]["first_overflow"] = {{"layer", result.check->overflow_layer},
                                            {"place", result.check->overflow_place}};
    }
  }
  summary["buffers"] = buffers_json(result.buffers(), point);
  summary["utilisation"] = utilisation_json(result, point);
  summary["energy"] = energy_json(result, network, point, baselines);
  if (point.inter_layer) summary["inter_layer"] = inter_layer_json(result, network);
  if (baselines != nullptr) {
    nlohmann::ordered_json others;
    const std::uint64_t cycles = result.ledger().total();
    others["uncompressed"] = totals_json(baselines->uncompressed, point);
    others["uncompressed"]["speedup"] = ratio(baselines->uncompressed.ledger().total(), cycles);
    others["bit_parallel_uncompressed"] = totals_json(baselines->bit_parallel_uncompressed, point);
    others["bit_parallel_uncompressed"]["speedup"] =
        ratio(baselines->bit_parallel_uncompressed.ledger().total(), cycles);
    summary["baselines"] = std::move(others);
  }
  nlohmann::ordered_json values;
  for (const ParameterEcho& echo : parameters.echo()) {
    values[echo.spec->key] = {
        {"value", echo.value}, {"unit", echo.spec->unit}, {"origin", echo.origin}, {"read", echo.was_read}};
  }
  summary["parameters"] = std::move(values);
  summary["set_but_not_read"] = parameters.unread_settings();
  summary["run"] = {{"host", record.host}, {"wall_seconds", record.wall_seconds}};
  return summary.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string short_name(std::string_view name, std::size_t width) {
  std::string text = printable(name.substr(0, name.find(';')));
  if (text.size() <= width) return text;
  std::size_t begin = text.size() - (width - 2);
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80)
    ++begin;  // not within a character
  return ".." + text.substr(begin);
}

std::string cross_check_table(const Fidelities& results) {
  const auto gap = [](const Ledger& ledger, const Ledger& to) {
    return 100 * (ratio(ledger.total(), to.total()) - 1);
  };
  const auto line = [&](const std::string& number, const std::string& name, const Ledger& analytic,
                        const Ledger& lt, const Ledger& at) {
    return fmt::format("{:>3} {:<18} {:>12} {:>12} {:>12} {:>+9.1f} {:>+7.1f}\n", number, name,
                       analytic.total(), lt.total(), at.total(), gap(analytic, at), gap(lt, at));
  };
  std::string text = fmt::format("{:>3} {:<18} {:>12} {:>12} {:>12} {:>9} {:>7}\n", "", "layer", "analytic",
                                 "lt", "at", "analytic%", "lt%");
  double analytic_sum = 0, lt_sum = 0;
  for (std::size_t i = 0; i < results.at.layers.size(); ++i) {
    const Ledger& analytic = results.analytic.layers[i].ledger;
    const Ledger& lt = results.lt.layers[i].ledger;
    const Ledger& at = results.at.layers[i].ledger;
    analytic_sum += std::abs(gap(analytic, at));
    lt_sum += std::abs(gap(lt, at));
    text += line(std::to_string(i + 1), short_name(results.at.layers[i].name, name_width), analytic, lt, at);
  }
  text += line("", "all", results.analytic.ledger(), results.lt.ledger(), results.at.ledger());
  const auto layers = static_cast<double>(results.at.layers.size());
  text += fmt::format("mean gap of a layer to at, either way: analytic {:.1f}%, lt {:.1f}%\n",
                      analytic_sum / layers, lt_sum / layers);
  return text;
}

std::string find_contradiction(const Fidelities& results) {
  for (std::size_t i = 0; i < results.at.layers.size(); ++i) {
    const LayerResult* const rows[] = {&results.analytic.layers[i], &results.lt.layers[i],
                                       &results.at.layers[i]};
    const auto differ = [&](const char* what, auto&& number) {
      const std::uint64_t numbers[] = {number(*rows[0]), number(*rows[1]), number(*rows[2])};
      if (numbers[0] == numbers[1] && numbers[1] == numbers[2]) return std::string();
      return fmt::format("layer '{}': {} are {} in closed form, {} at lt, {} at at", printable(rows[0]->name),
                         what, numbers[0], numbers[1], numbers[2]);
    };
    for (const std::string& text :
         {differ("multiplications", [](const LayerResult& row) { return row.macs; }),
          differ("compute cycles", [](const LayerResult& row) { return row.ledger.of(CycleCause::compute); }),
          differ("activation bytes",
                 [](const LayerResult& row) { return row.traffic.activation_read_bytes; }),
          differ("weight bytes", [](const LayerResult& row) { return row.traffic.weight_read_bytes; }),
          differ("output bytes", [](const LayerResult& row) { return row.traffic.output_write_bytes; })})
      if (!text.empty()) return text;
  }
  return {};
}

std::string terminal_table(const RunResult& result, const Network& network, const DesignPoint& point,
                           const Baselines* baselines) {
  const std::string batch =
      network.batch == 1 ? "" : fmt::format(", recorded inputs {} times", network.batch);
  std::string text = fmt::format(
      "{}: {} layers, {} b, {} values{}\n{} {}x{}x{} at {} MHz, codec {}, {} x{}{}\n\n",
      printable(network.name), network.layers.size(), network.bits, to_string(network.provenance), batch,
      point.design->name, point.geometry.lanes, point.geometry.rows, point.geometry.tiles, point.clock_mhz,
      point.codec->name(), printable(point.memory.preset.name), point.memory.channels,
      point.fidelity == Fidelity::lt ? "" : ", " + to_string(point.fidelity));
  const bool compare = baselines != nullptr;
  text += fmt::format("{:>3} {:<18} {:>10} {:>10} {:>5} ", "", "layer", "raw bytes", "bytes", "ratio");
  if (compare) text += fmt::format("{:>10} {:<8} ", "raw cycles", "binds");
  text += fmt::format("{:>10} {:<8} ", "cycles", "binds");
  text += compare ? "vs bit-p.\n" : fmt::format("{:>6} {:>6} {:>6} {}\n", "comp%", "stall%", "over%", "next");
  for (std::size_t i = 0; i < result.layers.size(); ++i) {
    const LayerResult& layer = result.layers[i];
    const std::uint64_t cycles = layer.ledger.total();
    text += fmt::format("{:>3} {:<18} {:>10} {:>10} {:>5.2f} ", i + 1, short_name(layer.name, name_width),
                        layer.raw_traffic.total(), layer.traffic.total(),
                        ratio(layer.traffic.total(), layer.raw_traffic.total()));
    if (compare) {
      const LayerResult& raw = baselines->uncompressed.layers[i];
      text += fmt::format("{:>10} {:<8} ", raw.ledger.total(), to_string(raw.binds));
    }
    text += fmt::format("{:>10} {:<8} ", cycles, to_string(layer.binds));
    if (compare) {
      text += fmt::format("{:>8.2f}x\n",
                          ratio(baselines->bit_parallel_uncompressed.layers[i].ledger.total(), cycles));
    } else {
      const auto percent = [&](std::uint64_t part) { return 100 * ratio(part, cycles); };
      text += fmt::format("{:>6.1f} {:>6.1f} {:>6.1f} {}\n", percent(layer.ledger.of(CycleCause::compute)),
                          percent(layer.ledger.of(Resource::dram) + layer.ledger.of(Resource::codec)),
                          percent(layer.ledger.of(CycleCause::overhead)), to_string(layer.binds_next));
    }
  }
  const Ledger ledger = result.ledger();
  const Traffic traffic = result.traffic();
  const Rates rates(ledger.total(), result.macs(), traffic.total(), point.clock_mhz);
  text += fmt::format("\ntraffic   {} of {} bytes uncompressed: ratio {:.3f}\n", traffic.total(),
                      result.raw_traffic().total(), ratio(traffic.total(), result.raw_traffic().total()));
  text += fmt::format("time      {} cycles = {:.1f} us: {:.1f} GOPS, {:.2f} GB/s\n", ledger.total(),
                      rates.time_us, rates.gops, rates.gb_per_s);
  if (point.inter_layer) text += inter_layer_line(result);
  const auto percent = [&](CycleCause cause) { return 100 * ratio(ledger.of(cause), ledger.total()); };
  text += fmt::format(
      "cycles    compute {:.1f}%, stalls: activation {:.1f}% weight {:.1f}% output {:.1f}% codec {:.1f}%, "
      "overhead {:.1f}%\n",
      percent(CycleCause::compute), percent(CycleCause::stall_activation), percent(CycleCause::stall_weight),
      percent(CycleCause::stall_output), percent(CycleCause::stall_codec), percent(CycleCause::overhead));
  text += "array     " + array_line(result.array_cycles()) + '\n';
  text += energy_lines(result, point, baselines);
  text += check_lines(result);
  if (compare) {
    text += fmt::format("speed-up  {:.2f}x over {} uncompressed, {:.2f}x over bit-parallel uncompressed\n",
                        ratio(baselines->uncompressed.ledger().total(), ledger.total()), point.design->name,
                        ratio(baselines->bit_parallel_uncompressed.ledger().total(), ledger.total()));
    std::vector<std::string> freed;
    for (std::size_t i = 0; i < result.layers.size(); ++i) {
      const bool was_bound = baselines->uncompressed.layers[i].binds == Resource::dram;
      if (was_bound && result.layers[i].binds != Resource::dram) {
        freed.push_back(short_name(result.layers[i].name, name_width));
      }
    }
    if (!freed.empty()) text += "no longer bound by DRAM: " + enumeration(freed, 70) + "\n";
  }
  return text;
}

}  // namespace dpred
