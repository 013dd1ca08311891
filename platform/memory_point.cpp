#include "platform/memory_point.h"

#include "models/dram/address_map.h"
#include "platform/preset_file.h"
#include "workloads/error.h"

namespace dpred {

namespace {

/// The address map that the parameters ask for. What AddressMap says of one, which starts with its key, is
/// told with the place where that was set.
void check_address_map(const Parameters& p, const dram::Preset& preset, const std::string& mapping,
                       int channels) {
  const auto check = [&](std::string_view key, const std::string& text) {
    try {
      const dram::AddressMap map(preset, text, channels);
    } catch (const InputError& error) {
      throw InputError(p.named(key) + std::string(error.what()).substr(key.size()));
    }
  };
  check("dram.channels", "");  // any number of channels suits the preset's own mapping
  check("dram.mapping", mapping);
}

}  // namespace

MemoryPoint::MemoryPoint(const Parameters& p, Order order) {
  preset = chosen_preset(p);
  setting = p.named("dram.preset") + " '" + printable(p.text("dram.preset")) + "'";
  if (preset.ideal) return;
  mapping = p.text("dram.mapping");
  channels = static_cast<int>(p.integer("dram.channels"));
  check_address_map(p, preset, mapping, channels);

  controller.page_policy =
      p.text("dram.page_policy") == "closed" ? dram::PagePolicy::closed : dram::PagePolicy::open;
  controller.refreshes = p.text("dram.refresh") == "on";
  if (order == Order::as_they_arrive) return;
  const auto count = [&](std::string_view key) { return static_cast<std::uint32_t>(p.integer(key)); };
  controller.entry_queue = count("dram.entry_queue");
  controller.queue_entries = count("dram.queue_entries");
  controller.write_high = count("dram.write_high");
  controller.write_low = count("dram.write_low");
  controller.starvation_cap = count("dram.starvation_cap");
  if (controller.write_low >= controller.write_high) {
    throw InputError(p.named("dram.write_low") + ": " + std::to_string(controller.write_low) +
                     " is not below dram.write_high, " + std::to_string(controller.write_high));
  }
}

}  // namespace dpred
