/* What a driver does, in C alone: compresses tensors block by block with an offset table, decodes them again,
 * and finds the bytes of the worked examples of docs/contracts.md, "The dpred stream". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/codec/dpred_codec_c.h"

static int failures = 0;

static void check(int condition, const char* what, int line) {
  if (condition) return;
  fprintf(stderr, "c_library.c:%d: %s\n", line, what);
  ++failures;
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)

/* A call that must succeed for the rest to make sense. */
static void require(dpred_status status, const char* what, int line) {
  if (status == DPRED_OK) return;
  fprintf(stderr, "c_library.c:%d: %s: %s\n", line, what, dpred_status_text(status));
  exit(1);
}
#define REQUIRE(call) require((call), #call, __LINE__)

static void* allocate(size_t bytes) {
  void* memory = malloc(bytes);
  if (memory == NULL) exit(1);
  return memory;
}

struct stream {
  dpred_format format;
  uint8_t* bytes;
  size_t size;
  uint32_t* table; /* an offset a block; none in mode raw */
  uint64_t blocks;
};

static const dpred_layout_options defaults = {16, 64, 1024, 16};

/* A tensor of int8 codes, stored in the mode that takes the fewest bits. */
static struct stream compress(const dpred_layout* layout, int32_t zero_point, const int8_t* codes,
                              size_t values, uint16_t group) {
  struct stream s = {
      {8, 0, DPRED_MODE_RAW, DPRED_SIGN_TWOS_COMPLEMENT, DPRED_WIDTHS_ANY, 16}, NULL, 0, NULL, 0};
  s.format.group = group;
  REQUIRE(dpred_find_is_signed(8, 1, zero_point, codes, values, &s.format.is_signed));
  uint8_t* containers = allocate(values);
  REQUIRE(dpred_layout_gather(layout, 8, zero_point, codes, containers));
  REQUIRE(dpred_layout_blocks(layout, &s.blocks));

  dpred_sizes sizes[3] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
  size_t most = 0;
  for (uint8_t mode = DPRED_MODE_RAW; mode <= DPRED_MODE_WIDTHS_ZERO; ++mode) {
    s.format.mode = mode;
    size_t bytes = 0;
    for (uint64_t b = 0; b < s.blocks; ++b) {
      dpred_block block;
      uint64_t first = 0;
      size_t block_bytes = 0;
      REQUIRE(dpred_layout_block(layout, b, &block, &first));
      REQUIRE(dpred_add_block_sizes(&s.format, &block, containers + first, &sizes[mode]));
      REQUIRE(dpred_most_block_bytes(&s.format, &block, &block_bytes));
      bytes += block_bytes;
    }
    if (bytes > most) most = bytes;
  }
  REQUIRE(dpred_choose_mode(&sizes[0], &sizes[1], &sizes[2], &s.format.mode));

  s.bytes = allocate(most);
  s.table = allocate(s.blocks * sizeof *s.table);
  for (uint64_t b = 0; b < s.blocks; ++b) {
    dpred_block block;
    uint64_t first = 0;
    size_t size = 0;
    REQUIRE(dpred_layout_block(layout, b, &block, &first));
    s.table[b] = (uint32_t)s.size;
    REQUIRE(
        dpred_encode_block(&s.format, &block, containers + first, s.bytes + s.size, most - s.size, &size));
    s.size += size;
  }
  const dpred_sizes* chosen = &sizes[s.format.mode];
  CHECK(8 * s.size == chosen->metadata_bits + chosen->payload_bits + chosen->padding_bits);
  CHECK(chosen->pointer_bits == (s.format.mode == DPRED_MODE_RAW ? 0 : 32 * s.blocks));
  free(containers);
  return s;
}

static void decompress(const struct stream* s, const dpred_layout* layout, int32_t zero_point, int8_t* codes,
                       size_t values) {
  uint8_t* containers = allocate(values);
  size_t next = 0;
  for (uint64_t b = 0; b < s->blocks; ++b) {
    dpred_block block;
    uint64_t first = 0, bit = 0;
    size_t used = 0;
    REQUIRE(dpred_layout_block(layout, b, &block, &first));
    const size_t offset = s->format.mode == DPRED_MODE_RAW ? next : s->table[b];
    REQUIRE(dpred_decode_block(&s->format, &block, s->bytes + offset, s->size - offset, containers + first,
                               values - first, &used, &bit));
    next = offset + used;
  }
  CHECK(next == s->size);
  REQUIRE(dpred_layout_scatter(layout, 8, zero_point, containers, codes));
  free(containers);
}

static void free_stream(struct stream* s) {
  free(s->bytes);
  free(s->table);
}

static void round_trip(int role, const uint64_t shape[4], int32_t zero_point, int range, int zeros_of_8) {
  const size_t values = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
  int8_t* codes = allocate(values);
  int8_t* decoded = allocate(values);
  uint32_t state = 1;
  for (size_t i = 0; i < values; ++i) {
    state = state * 1664525u + 1013904223u;
    const int value = (int)(state >> 20) % 8 < zeros_of_8 ? 0 : (int)(state >> 8) % range;
    codes[i] = (int8_t)(zero_point + value);
  }
  dpred_layout* layout = NULL;
  REQUIRE(dpred_layout_new(role, shape, &defaults, &layout));
  struct stream s = compress(layout, zero_point, codes, values, defaults.group);
  memset(decoded, 0x55, values);
  decompress(&s, layout, zero_point, decoded, values);
  CHECK(memcmp(codes, decoded, values) == 0);
  dpred_layout_free(layout);
  free_stream(&s);
  free(codes);
  free(decoded);
}

static void worked_examples(void) {
  const int8_t codes[4] = {-3, -6, 2, -2};
  const uint8_t expected[3][4] = {{0x00, 0xfd, 0x05, 0x01}, {0x83, 0xae, 0x00, 0}, {0xbe, 0xae, 0x00, 0}};
  const size_t expected_size[3] = {4, 3, 3};
  const uint64_t shape[4] = {1, 4, 1, 1};
  const dpred_layout_options options = {4, 64, 1024, 16};
  const dpred_block block = {1, 4};
  uint8_t containers[4], bytes[4], back[4];
  size_t size = 0;
  CHECK(dpred_containers_of_codes(8, -3, codes, 4, containers) == DPRED_OK);
  CHECK(containers[0] == 0 && containers[1] == 0xfd && containers[2] == 5 && containers[3] == 1);
  for (uint8_t mode = 0; mode < 3; ++mode) {
    const dpred_format format = {8, 1, mode, DPRED_SIGN_TWOS_COMPLEMENT, DPRED_WIDTHS_ANY, 4};
    CHECK(dpred_encode_block(&format, &block, containers, bytes, sizeof bytes, &size) == DPRED_OK);
    CHECK(size == expected_size[mode]);
    CHECK(memcmp(bytes, expected[mode], expected_size[mode]) == 0);
    CHECK(dpred_decode_block(&format, &block, bytes, size, back, 4, NULL, NULL) == DPRED_OK);
    CHECK(memcmp(back, containers, 4) == 0);
  }

  dpred_layout* layout = NULL;
  REQUIRE(dpred_layout_new(DPRED_ROLE_ACTIVATION, shape, &options, &layout));
  struct stream s = compress(layout, -3, codes, 4, options.group);
  CHECK(s.format.mode == DPRED_MODE_RAW && s.size == 4 && memcmp(s.bytes, expected[0], 4) == 0);
  dpred_layout_free(layout);
  free_stream(&s);

  const uint8_t magnitudes[4] = {0, 0xfc, 3, 0x80}, stored[3] = {0x3e, 0x1e, 0x04};
  const dpred_format format = {8, 1, DPRED_MODE_WIDTHS_ZERO, DPRED_SIGN_MAGNITUDE, DPRED_WIDTHS_ANY, 4};
  CHECK(dpred_encode_block(&format, &block, magnitudes, bytes, sizeof bytes, &size) == DPRED_OK);
  CHECK(size == 3 && memcmp(bytes, stored, 3) == 0);
}

static void errors(void) {
  const dpred_format format = {8, 1, DPRED_MODE_WIDTHS, DPRED_SIGN_TWOS_COMPLEMENT, DPRED_WIDTHS_ANY, 4};
  const dpred_block block = {1, 4};
  const uint8_t stream[3] = {0x83, 0xae, 0x08}; /* padding that isn't zero */
  uint8_t containers[4];
  uint64_t bit = 99;
  CHECK(dpred_decode_block(&format, &block, stream, 3, containers, 4, NULL, &bit) == DPRED_BROKEN_STREAM);
  CHECK(bit == 19);
  CHECK(dpred_decode_block(&format, &block, stream, 2, containers, 4, NULL, &bit) == DPRED_BROKEN_STREAM);
  CHECK(bit == 3);
  CHECK(strcmp(dpred_status_text(DPRED_BROKEN_STREAM), dpred_status_text(DPRED_NO_SPACE)) != 0);
}

int main(void) {
  CHECK(dpred_codec_version() == DPRED_CODEC_VERSION);
  worked_examples();
  errors();
  const uint64_t activations[4] = {2, 70, 9, 7}, weights[4] = {33, 20, 3, 3}, depthwise[4] = {40, 1, 3, 3};
  round_trip(DPRED_ROLE_ACTIVATION, activations, -128, 40, 5);
  round_trip(DPRED_ROLE_ACTIVATION, activations, -10, 9, 0);
  round_trip(DPRED_ROLE_WEIGHT, weights, -100, 13, 1);
  round_trip(DPRED_ROLE_WEIGHT, weights, 0, 128, 0);
  round_trip(DPRED_ROLE_DEPTHWISE_WEIGHT, depthwise, 3, 30, 2);
  return failures == 0 ? 0 : 1;
}
