#include "platform/memory_point.h"

#include "models/dram/address_map.h"
#include "platform/preset_file.h"
#include "workloads/error.h"

namespace dpred {

namespace {

/// Calls a check of the model, whose message starts with `key`, and tells the place where that was set.
template <class Check>
void check_setting(const Parameters& p, std::string_view key, Check&& check) {
  try {
    check();
  } catch (const InputError& error) {
    throw InputError(p.named(key) + std::string(error.what()).substr(key.size()));
  }
}

}  // namespace

MemoryPoint::MemoryPoint(const Parameters& p, Order order) {
  preset = chosen_preset(p);
  setting = p.named("dram.preset") + " '" + printable(p.text("dram.preset")) + "'";
  if (preset.ideal) {
    capacity = dram::AddressMap(preset, mapping, channels).capacity();
    return;
  }
  mapping = p.text("dram.mapping");
  channels = static_cast<int>(p.integer("dram.channels"));
  // Any number of channels suits the preset's own mapping.
  check_setting(p, "dram.channels", [&] { dram::AddressMap(preset, "", channels); });
  check_setting(p, "dram.mapping",
                [&] { capacity = dram::AddressMap(preset, mapping, channels).capacity(); });

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
  // What is out of range alone, the parameters have refused.
  check_setting(p, "dram.write_low", [&] { dram::check(controller); });
}

}  // namespace dpred
