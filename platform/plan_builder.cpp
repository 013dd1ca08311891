#include "platform/plan_builder.h"

#include <algorithm>
#include <set>

#include "platform/fill_places.h"
#include "workloads/divide_up.h"

namespace dpred {

/// A block is drained by the last job that adds to it.
void assign_drains(const PlanCuts& cuts, Plan& plan) {
  const StreamLayout& layout = cuts.input().streams.output->layout();
  const bool by_filter = cuts.input().output_channels == cuts.input().shape.K;
  std::vector<std::int64_t> last_job(layout.blocks().size(), 0);
  for (std::size_t j = 0; j < plan.jobs.size(); ++j) {
    const Job& job = plan.jobs[j];
    if (job.finished.rows() == 0) continue;
    const FilterSet& set = cuts.input().schedule->sets()[static_cast<std::size_t>(job.set_begin)];
    const std::int64_t step = job.set_end - job.set_begin == 1 ? set.filter_step : 1;
    for (const StreamSection& section : layout.sections()) {
      const std::int64_t before = std::max<std::int64_t>(section.first_channel - job.filter_begin, 0);
      const std::int64_t filter = job.filter_begin + divide_up(before, step) * step;
      const std::int64_t end = std::min(job.filter_end, section.first_channel + section.channels);
      const bool touched = !by_filter || filter < end;
      if (!touched) continue;
      const std::int64_t first = layout.block_of_row(section.first_row + job.finished.begin);
      const std::int64_t last = layout.block_of_row(section.first_row + job.finished.end - 1);
      for (std::int64_t block = first; block <= last; ++block) {
        last_job[static_cast<std::size_t>(block)] = static_cast<std::int64_t>(j);
      }
    }
  }
  for (std::size_t block = 0; block < last_job.size(); ++block) {
    plan.jobs[static_cast<std::size_t>(last_job[block])].drained_blocks.push_back(
        static_cast<std::int64_t>(block));
  }
}

Plan build_plan(const PlanCuts& cuts, const Choice& choice) {
  Plan plan;
  plan.order = choice.order;
  plan.activations_resident = choice.activations_resident;
  plan.weights_resident = choice.weights_resident;
  plan.tile_split = cuts.input().schedule->tile_split();
  plan.folded = cuts.input().schedule->is_folded();
  plan.band_rows = choice.bands->size;
  const auto groups = choice.groups->size();
  const auto bands = choice.bands->rows.size();
  FillPlaces activations(cuts.buffers().activation);
  FillPlaces weights(cuts.buffers().weight);
  std::vector<std::vector<bool>> loaded(cuts.activations().layout().sections().size(),
                                        std::vector<bool>(bands, false));
  std::set<std::int64_t> weights_loaded;
  for (std::size_t i = 0; i < groups * bands; ++i) {
    const bool weights_outer = choice.order == LoopOrder::weights_outer;
    const std::size_t g = weights_outer ? i / bands : i % groups;
    const std::size_t b = weights_outer ? i % bands : i / groups;
    const FilterGroup& group = (*choice.groups)[g];
    Job job;
    job.set_begin = group.set_begin;
    job.set_end = group.set_end;
    job.filter_begin = group.filter_begin;
    job.filter_end = group.filter_end;
    job.band = choice.bands->rows[b];
    job.finished = choice.bands->finished[b];

    Fill input;
    const auto& rows = choice.activations_resident ? choice.bands->new_input[b] : choice.bands->input[b];
    for (std::size_t s = group.section_begin; s < group.section_end; ++s) {
      if (cuts.input().input_on_chip) break;
      if (choice.activations_resident && loaded[s][b]) continue;
      loaded[s][b] = true;
      const std::int64_t first = cuts.activations().layout().sections()[s].first_row;
      for (const RowRange& range : rows) {
        input.rows.push_back({first + range.begin, first + range.end});
        input.buffer_bytes += cuts.buffer_bytes(cuts.activations(), input.rows.back());
      }
    }
    const FillPlaces::Key input_key{static_cast<std::int64_t>(b),
                                    static_cast<std::int64_t>(group.section_begin),
                                    static_cast<std::int64_t>(group.section_end)};
    if (!cuts.input().input_on_chip)
      job.activations = activations.place(std::move(input), input_key, choice.activations_resident, i);
    plan.activation_half_used = activations.most_used();

    Fill filters;
    if (!choice.weights_resident || weights_loaded.insert(group.weight_rows.begin).second) {
      filters.rows = {group.weight_rows};
      filters.buffer_bytes = group.weight_bytes;
      filters.biases = cuts.biases_of(group);
    }
    const FillPlaces::Key weight_key{group.weight_rows.begin, group.weight_rows.end, 0};
    job.weights = weights.place(std::move(filters), weight_key, choice.weights_resident, i);
    plan.weight_half_used = weights.most_used();

    job.output_address = i % 2 * (cuts.buffers().output / 2);
    if (i >= 2) job.output_after = static_cast<std::int64_t>(i) - 2;
    plan.output_half_used = std::max(plan.output_half_used, cuts.output_bytes(group, job.finished.rows()));
    plan.jobs.push_back(std::move(job));
  }
  if (cuts.input().streams.output != nullptr) assign_drains(cuts, plan);
  return plan;
}

}  // namespace dpred
