// From rows to bytes and bursts, against a search byte by byte.
#include "models/codec/stream_directory.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/platform/naive_streams.h"
#include "tests/platform/random_layers.h"

using namespace dpred;
using namespace dpred::test;

namespace {

struct Stream {
  Tensor tensor;
  TensorProfile profile;
  StreamLayout layout;
  StreamPlan plan;
  std::vector<std::int64_t> order;

  explicit Stream(Random& random)
      : tensor(random_tensor(random, "t", shape_of(random), random.of<int>({8, 16}))),
        profile(profile_of(tensor)),
        layout(
            random.of<StreamRole>({StreamRole::activation, StreamRole::weight, StreamRole::depthwise_weight}),
            role_shape(tensor), random_stream_options(random)),
        plan(plan_of(find_codec(random.chance(50) ? "dpred" : random.of(codec_names())), layout, tensor,
                     profile.format,
                     random.of<ZeroVector>({ZeroVector::automatic, ZeroVector::always, ZeroVector::never}))) {
    if (random.chance(70)) {
      for (std::size_t b = 0; b < layout.blocks().size(); ++b)
        order.push_back(static_cast<std::int64_t>(b));
      for (std::size_t b = order.size(); b > 1; --b)
        std::swap(order[b - 1],
                  order[static_cast<std::size_t>(random.in(0, static_cast<std::int64_t>(b) - 1))]);
    }
  }

  static Shape shape_of(Random& random) {
    return {random.in(1, 5), random.chance(25) ? 1 : random.in(1, 20), random.in(1, 5), random.in(1, 5)};
  }
  // One channel a filter is as good as any shape to the other roles.
  static Shape role_shape(const Tensor& tensor) { return tensor.shape; }
};

RowRange random_rows(Random& random, const StreamLayout& layout) {
  const StreamSection& section = layout.sections()[static_cast<std::size_t>(
      random.in(0, static_cast<std::int64_t>(layout.sections().size()) - 1))];
  const std::int64_t begin = random.in(section.first_row, section.end_row() - 1);
  return {begin, random.in(begin + 1, section.end_row())};
}

}  // namespace

TEST_CASE("a stream's rows lie in exactly the bytes that hold their bits") {
  Random random(11);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Stream s(random);
    if (s.layout.role() == StreamRole::depthwise_weight && s.tensor.shape[1] != 1) continue;
    const StreamDirectory directory(s.layout, s.plan, s.order);
    const NaiveStream naive(s.layout, s.plan, s.order);
    REQUIRE(directory.stream_bytes() == s.plan.stream_bytes());
    for (int i = 0; i < 10; ++i) {
      const RowRange rows = random_rows(random, s.layout);
      const std::vector<ByteRange> ranges = directory.bytes_of(rows);
      std::vector<Bytes> bytes;
      std::int64_t next = rows.begin;
      for (const ByteRange& range : ranges) {
        bytes.emplace_back(range.begin, range.end);
        REQUIRE(range.rows.begin == next);
        next = range.rows.end;
        REQUIRE(range.begin == naive.row(range.rows.begin).first);
        REQUIRE(range.end == naive.row(range.rows.end - 1).second);
      }
      REQUIRE(next == rows.end);
      REQUIRE(bytes == naive.rows(rows.begin, rows.end));
    }
  }
}

TEST_CASE("a fetch takes the bursts that it touches but the one that its section kept") {
  Random random(12);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Stream s(random);
    if (s.layout.role() == StreamRole::depthwise_weight && s.tensor.shape[1] != 1) continue;
    const StreamDirectory directory(s.layout, s.plan, s.order);
    const NaiveStream naive(s.layout, s.plan, s.order);
    const auto burst = random.of<std::uint64_t>({1, 2, 16, 32, 64, 128});
    FetchCursor cursor(burst);
    NaiveFetches fetches(burst);
    RowRange rows{0, 0};
    for (int i = 0; i < 30; ++i) {
      // Half of the fetches go on where the last one ended.
      const StreamSection* section = rows.end > 0 ? &s.layout.section_of_row(rows.end - 1) : nullptr;
      if (section != nullptr && rows.end < section->end_row() && random.chance(50)) {
        rows = {rows.end, random.in(rows.end + 1, section->end_row())};
      } else {
        rows = random_rows(random, s.layout);
      }
      const std::uint64_t moved = fetches.fetch(naive, rows);
      REQUIRE(cursor.fetch(directory, rows) == moved);
    }
  }
}

TEST_CASE("bursts that a fetch needs are aligned and stand behind the kept one") {
  FetchCursor cursor(64);
  const auto fetch = [&](std::size_t section, std::uint64_t begin, std::uint64_t end) {
    const BurstRange bursts = cursor.fetch(section, begin, end);
    return std::make_pair(bursts.begin, bursts.end);
  };
  CHECK(fetch(0, 10, 100) == std::make_pair(0ul, 128ul));
  CHECK(fetch(0, 100, 120) == std::make_pair(128ul, 128ul));  // all in the kept burst
  CHECK(fetch(0, 120, 129) == std::make_pair(128ul, 192ul));
  CHECK(fetch(0, 192, 200) == std::make_pair(192ul, 256ul));  // begins where the kept one ended
  CHECK(fetch(2, 200, 300) == std::make_pair(192ul, 320ul));  // another section keeps its own
  CHECK(fetch(0, 200, 300) == std::make_pair(256ul, 320ul));
  CHECK(fetch(0, 0, 1) == std::make_pair(0ul, 64ul));  // only the last fetch is kept
  CHECK(fetch(0, 300, 301) == std::make_pair(256ul, 320ul));
}
