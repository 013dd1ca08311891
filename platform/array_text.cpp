#include "platform/array_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/results.h"

namespace dpred {

namespace {

double percent(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(all);
}

std::uint64_t sum_of(const ArrayCycles& cycles) {
  std::uint64_t sum = 0;
  for (const std::uint64_t part : cycles)
    sum += part;
  return sum;
}

/// All causes but `useful`, largest first.
std::vector<SlotCause> losses(const ArrayCycles& cycles) {
  std::vector<SlotCause> causes;
  for (std::size_t i = 0; i < slot_causes; ++i) {
    if (static_cast<SlotCause>(i) != SlotCause::useful) causes.push_back(static_cast<SlotCause>(i));
  }
  std::stable_sort(causes.begin(), causes.end(), [&](SlotCause a, SlotCause b) {
    return cycles[static_cast<std::size_t>(a)] > cycles[static_cast<std::size_t>(b)];
  });
  return causes;
}

std::string words(SlotCause cause) {
  std::string name(to_string(cause));
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// What a designer can do about a loss.
std::string remedy(SlotCause cause, const DesignPoint& point) {
  const bool run_time_widths = point.design->activation == WidthSource::brick;
  switch (cause) {
    case SlotCause::useful:
      break;
    case SlotCause::width_padding:
      if (!point.design->serial_activations())
        return "a design that takes activations bit by bit, such as dpred-stripes, gains from narrow values";
      if (!run_time_widths) return "a design with widths found at run time gains from narrow values";
      if (point.geometry.bits_per_cycle > 1 || point.geometry.widths != WidthRounding::any)
        return "array.bits_per_cycle=1 and array.widths=any round less up";
      return "with fewer array.lanes, fewer values share a width";
    case SlotCause::idle_lanes:
      return "fewer array.lanes suit few channels, and depthwise layers; array.fold helps strided ones";
    case SlotCause::padding_bricks:
      return run_time_widths ? "windows at the edges read them; no parameter of the array avoids them"
                             : "a design with widths found at run time takes them at one bit";
    case SlotCause::column_wait:
      return run_time_widths ? "more array.column_registers wait less; where a layer has one window only, "
                               "fewer array.columns"
                             : "layers with one window only suit fewer array.columns";
    case SlotCause::partial_pallets:
      return "fewer array.columns suit layers with few windows";
    case SlotCause::tile_wait:
      return "with fewer array.tiles, fewer wait for the slowest";
    case SlotCause::idle_rows:
      return std::string("fewer array.rows or array.tiles suit layers with few filters") +
             (point.geometry.tile_split == TileSplit::filters ? ", or array.tile_split=best" : "");
  }
  return {};
}

std::string table_row(const std::string& number, const std::string& name, const ArrayCycles& cycles) {
  const std::uint64_t all = sum_of(cycles);
  std::string text = fmt::format("{:>3} {:<18} {:>10}", number, name, all);
  for (const std::uint64_t part : cycles)
    text += fmt::format(" {:>7.1f}", percent(part, all));
  return text + '\n';
}

}  // namespace

std::string array_line(const ArrayCycles& cycles) {
  const std::uint64_t all = sum_of(cycles);
  const auto share = [&](const std::string& name, std::uint64_t part) {
    return fmt::format("{} {:.1f}%", name, percent(part, all));
  };
  std::uint64_t rest = all - cycles[static_cast<std::size_t>(SlotCause::useful)];
  std::string text = share("useful", all - rest);
  const std::vector<SlotCause> causes = losses(cycles);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::uint64_t part = cycles[static_cast<std::size_t>(causes[i])];
    text += ", " + share(words(causes[i]), part);
    rest -= part;
  }
  return text + ", " + share("rest", rest);
}

std::string array_table(const std::vector<ArrayRow>& rows, const DesignPoint& point) {
  std::string text = fmt::format(
      "array: compute cycles, and what they are used for in percent\n"
      "{:>3} {:<18} {:>10} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n"
      "{:>3} {:<18} {:>10} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n",
      "", "", "", "", "width", "idle", "padding", "column", "partial", "tile", "idle", "", "layer", "cycles",
      "useful", "padding", "lanes", "bricks", "wait", "pallets", "wait", "rows");
  ArrayCycles all{};
  for (const ArrayRow& row : rows) {
    text += table_row(std::to_string(row.number), short_name(row.name, 18), row.cycles);
    for (std::size_t i = 0; i < slot_causes; ++i)
      all[i] += row.cycles[i];
  }
  if (rows.size() > 1) text += table_row("", "all", all);
  const SlotCause largest = losses(all).front();
  const std::uint64_t lost = all[static_cast<std::size_t>(largest)];
  if (lost > 0) {
    text += fmt::format("largest loss: {}, {:.1f}% of the cycles\n  {}\n", words(largest),
                        percent(lost, sum_of(all)), remedy(largest, point));
  }
  return text;
}

}  // namespace dpred
