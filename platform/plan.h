// A layer's plan: which jobs, what each fills, computes and drains. Made by the planner, obeyed by the
// sequencer, priced in closed form by traffic_of().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/array/array_geometry.h"
#include "models/array/array_job.h"
#include "models/array/layer_schedule.h"
#include "models/codec/stream_directory.h"

namespace dpred {

enum class LoopOrder : std::uint8_t {
  weights_outer,     ///< each group of filters stays while all bands of rows pass
  activations_outer  ///< each band of rows stays while all groups of filters pass
};

std::string to_string(LoopOrder order);

/// What a buffer holds of a stream.
enum class BufferStore : std::uint8_t {
  expanded,   ///< codes of B bits: decoders between memory and buffer
  compressed  ///< the stream's own bytes: decoders between buffer and array
};

/// Rows of a stream to be brought into a buffer, one after another from `buffer_address`.
struct Fill {
  std::vector<RowRange> rows;
  std::uint64_t buffer_address = 0;
  std::uint64_t buffer_bytes = 0;  ///< that the rows take in the buffer
  /// The job after whose last step the place is free; none: it never held anything in this layer.
  std::optional<std::int64_t> after_job;
  /// Weights only: biases of filters [begin, end) come along.
  RowRange biases;
  /// In a split plan: what of each of `rows` is wanted; empty: all of it.
  std::vector<RowPart> parts{};
};

/// Partial sums of a job's results in memory, 4 bytes each: output rows, columns, then filters.
struct PartialSums {
  std::uint64_t offset = 0;  ///< in the layer's region, a multiple of a burst
  std::uint64_t bytes = 0;
};

/// A job: some filters over some output rows. Output row = n * OH + oy.
struct Job {
  std::int64_t set_begin = 0, set_end = 0;        ///< filter sets of the schedule
  std::int64_t filter_begin = 0, filter_end = 0;  ///< part of a set, where one set is split; else all of it
  RowRange band;                                  ///< output rows whose inputs have arrived with this job
  RowRange finished;                              ///< output rows that this job's pallets complete
  std::optional<Fill> activations, weights;       ///< what this job needs and the buffers lack
  std::uint64_t output_address = 0;               ///< where its results lie in the output buffer
  /// The job whose results have to be in memory before this one may write its own; none: the place is free.
  std::optional<std::int64_t> output_after;
  std::vector<std::int64_t> drained_blocks;  ///< blocks of the output stream that it completes, in order

  // In split plans only. Such a job has exactly `band` x `columns` positions, whatever the pallets.
  RowRange columns;  ///< output columns
  Reduction reduction;
  bool begins_sums = true, ends_sums = true;  ///< its products are the first, the last of its results
  std::optional<PartialSums> partials_in, partials_out;
  std::optional<std::int64_t> partials_after;  ///< the job that wrote `partials_in`
  std::uint64_t work_begin = 0, work_end = 0;  ///< its share of Plan::work
};

struct Plan {
  LoopOrder order = LoopOrder::weights_outer;
  bool activations_resident = false;  ///< the whole input stays in the buffer
  bool weights_resident = false;
  TileSplit tile_split = TileSplit::filters;  ///< how the array computes the layer that is planned
  bool folded = false;
  std::int64_t band_rows = 0;  ///< output rows of a band; the last may have fewer
  /// Where the whole input lies in the activation buffer since the layer before; none: it is filled.
  std::optional<std::uint64_t> input_place;
  /// Where the whole output is left in the activation buffer for the next layer; none: it isn't.
  std::optional<std::uint64_t> output_place;
  bool output_in_memory = true;  ///< blocks that are drained are written
  /// Jobs have parts of rows or of sums: of input channels, taps, output columns.
  bool split = false;
  std::int64_t tile_columns = 0;    ///< split: output columns of a job; the last may have fewer
  std::size_t reductions = 1;       ///< split: jobs that add up the same results, one after another
  bool partials_spill = false;      ///< between these, sums go to memory and come back; else they stay
  std::uint64_t partial_bytes = 0;  ///< region that partial sums take in memory
  std::uint64_t work = 0;           ///< split: what all jobs' shares add up to
  std::vector<Job> jobs;
  std::uint64_t activation_half_used = 0, weight_half_used = 0, output_half_used = 0;  ///< bytes, at most

  /// Blocks of the output stream in the order in which they are finished.
  std::vector<std::int64_t> output_order() const;
};

/// A job of the plan as the array sees it: units of output of the layer's schedule, or parts of sums.
ArrayJob array_job(const Plan& plan, const Job& job, const LayerSchedule& schedule);

/// Bytes across the memory socket, each fetch rounded outward to bursts, tables and biases included.
struct Traffic {
  std::uint64_t activation_read_bytes = 0;
  std::uint64_t weight_read_bytes = 0;
  std::uint64_t output_write_bytes = 0;  ///< partial sums included
  std::uint64_t output_read_bytes = 0;   ///< partial sums

  std::uint64_t total() const {
    return activation_read_bytes + weight_read_bytes + output_write_bytes + output_read_bytes;
  }
  Traffic& operator+=(const Traffic& other);
  friend bool operator==(const Traffic& a, const Traffic& b) {
    return a.activation_read_bytes == b.activation_read_bytes && a.weight_read_bytes == b.weight_read_bytes &&
           a.output_write_bytes == b.output_write_bytes && a.output_read_bytes == b.output_read_bytes;
  }
};

/// The streams of a layer in memory. `output` is empty where the result does not leave the chip.
struct LayerStreams {
  const StreamDirectory* activation = nullptr;
  const StreamDirectory* weight = nullptr;
  const StreamDirectory* output = nullptr;
};

/// The same, of each job: what its fills and its drain move, and what is moved outside of jobs.
struct PlanTraffic {
  std::vector<Traffic> jobs;
  Traffic tables;  ///< read before the first job; written, with the output's last burst, after the last

  Traffic total() const;
};

/// As traffic_of(), job by job. Blocks of an output are taken to lie in the order in which they are finished.
PlanTraffic traffic_by_job(const Plan& plan, const LayerStreams& streams, std::uint64_t burst);

/// Closed form: the bytes that a plan moves with these streams. Addresses of streams, tables and biases are
/// taken to be aligned to bursts.
Traffic traffic_of(const Plan& plan, const LayerStreams& streams, std::uint64_t burst);

}  // namespace dpred
