/* The dpred stream for drivers, firmware and testbenches in C (C11) or C++: sizes, encoding and decoding of
 * blocks, and the order in which a tensor's values stand in a stream. The format is stated to the bit in
 * docs/contracts.md, "The dpred stream"; docs/codec.md shows a whole tensor compressed from C.
 *
 * A container is a value as streams have it: (code - zero point) modulo 2^B in a uint8_t (B = 8) or a
 * uint16_t (B = 16), in the byte order of the processor, which must be little-endian. Arrays of 16-bit codes
 * and containers are aligned to 2 bytes. Arrays that are read and written by one call must not overlap.
 *
 * No function keeps state or throws: all may be called by several threads at a time. Where one doesn't return
 * DPRED_OK, it has written nothing but what its comment says. Memory is allocated inside a call, in
 * proportion to its block or tensor, and freed before it returns; only dpred_layout_new() hands memory over.
 */
#ifndef DPRED_CODEC_C_H
#define DPRED_CODEC_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. A library of another version may differ in all else that stands here. */
#define DPRED_CODEC_VERSION 1
uint32_t dpred_codec_version(void);

typedef enum dpred_status {
  DPRED_OK = 0,
  DPRED_BAD_POINTER = 1, /* a pointer that is NULL, or not aligned to the containers behind it */
  DPRED_BAD_FORMAT = 2,  /* bits, mode, sign, widths or group outside its range */
  DPRED_BAD_BLOCK = 3,   /* no runs or no values, or more than DPRED_MOST_VALUES; no such block in a layout */
  DPRED_BAD_LAYOUT = 4,  /* role, shape or an option outside its range */
  DPRED_BAD_ZERO_POINT = 5, /* a zero point that isn't among the codes of its type */
  DPRED_NO_SPACE = 6,       /* the output is too short */
  DPRED_BROKEN_STREAM = 7,  /* the input ends inside the block, or breaks the format */
  DPRED_NO_MEMORY = 8,      /* an allocation failed */
  DPRED_DEFECT = 9          /* the library is at fault */
} dpred_status;

/* One line in English, without a full stop; of a number that is no status too. */
const char* dpred_status_text(int status);

/* How the values of a tensor are stored; the same for all of its blocks. It is not in the stream. */
enum {
  DPRED_MODE_RAW = 0,        /* containers as they are: no groups, no padding, no table */
  DPRED_MODE_WIDTHS = 1,     /* groups of a width and values */
  DPRED_MODE_WIDTHS_ZERO = 2 /* with a bit a value that tells zeros, which are left out */
};
enum { DPRED_SIGN_TWOS_COMPLEMENT = 0, DPRED_SIGN_MAGNITUDE = 1 };
enum { DPRED_WIDTHS_ANY = 0, DPRED_WIDTHS_EVEN = 1, DPRED_WIDTHS_POW2 = 2 };

typedef struct dpred_format {
  uint8_t bits;      /* B, 8 or 16 */
  uint8_t is_signed; /* 1: any code of the whole tensor is below its zero point; else 0 */
  uint8_t mode;      /* DPRED_MODE_... */
  uint8_t sign;      /* DPRED_SIGN_...: of signed tensors; no effect on others or in mode raw */
  uint8_t widths;    /* DPRED_WIDTHS_...: what encoders round widths up to; decoders take any */
  uint16_t group;    /* G, 1 to 256 */
} dpred_format;

/* A block: runs one after another. Groups of G values never leave their run, whose last group may be short.
 */
#define DPRED_MOST_VALUES UINT64_C(0x40000000) /* of a block or a tensor */
typedef struct dpred_block {
  uint64_t runs;       /* from 1 */
  uint64_t run_values; /* values of each run, from 1 */
} dpred_block;

/* Sizes in bits, reported apart; they add up to what is stored. */
typedef struct dpred_sizes {
  uint64_t metadata_bits; /* widths and zero vectors */
  uint64_t payload_bits;  /* values */
  uint64_t pointer_bits;  /* the offset table: 32 a block, none in mode raw */
  uint64_t padding_bits;  /* zeros up to a byte at the end of each block */
} dpred_sizes;

/* Bytes that hold such a block, whatever its values. */
dpred_status dpred_most_block_bytes(const dpred_format* format, const dpred_block* block, size_t* bytes);

/* Adds the exact sizes of a block of these containers to `sizes`, which begins with zeros. Encoding gives
 * (metadata_bits + payload_bits + padding_bits) / 8 bytes. */
dpred_status dpred_add_block_sizes(const dpred_format* format, const dpred_block* block,
                                   const void* containers, dpred_sizes* sizes);

/* The mode with the fewest bits in all, from the sizes of the same blocks in each; on a tie raw, then widths.
 */
dpred_status dpred_choose_mode(const dpred_sizes* raw, const dpred_sizes* widths,
                               const dpred_sizes* widths_zero, uint8_t* mode);

/* Encodes a block into `bytes`, which has room for `capacity`. `size` gets the bytes it took; with
 * DPRED_NO_SPACE, those it needs. */
dpred_status dpred_encode_block(const dpred_format* format, const dpred_block* block, const void* containers,
                                uint8_t* bytes, size_t capacity, size_t* size);

/* Decodes the block that starts at `bytes`, reading no further than `size`, into `containers`, which has room
 * for `capacity` values. `used` gets the bytes it took. With DPRED_BROKEN_STREAM `error_bit` gets the bit,
 * counted from the start of the block, at which reading stopped; the block's containers are then unspecified.
 * Either may be NULL. */
dpred_status dpred_decode_block(const dpred_format* format, const dpred_block* block, const uint8_t* bytes,
                                size_t size, void* containers, size_t capacity, size_t* used,
                                uint64_t* error_bit);

/* Codes are what a tensor's memory holds: int8_t, uint8_t, int16_t or uint16_t. Zero points are in
 * -2^(B-1) to 2^B - 1. */

/* Containers of codes that stand in stream order, and back. */
dpred_status dpred_containers_of_codes(uint8_t bits, int32_t zero_point, const void* codes, size_t count,
                                       void* containers);
dpred_status dpred_codes_of_containers(uint8_t bits, int32_t zero_point, const void* containers, size_t count,
                                       void* codes);

/* dpred_format.is_signed of a tensor of up to DPRED_MOST_VALUES codes, in any order; `code_is_signed`: they
 * are int8_t or int16_t. The zero point must be a code of that type. */
dpred_status dpred_find_is_signed(uint8_t bits, uint8_t code_is_signed, int32_t zero_point, const void* codes,
                                  size_t count, uint8_t* is_signed);

/* The order of a whole tensor: docs/contracts.md, "Order, runs and blocks". The blocks' containers stand one
 * after another in it. */
enum { DPRED_ROLE_ACTIVATION = 0, DPRED_ROLE_WEIGHT = 1, DPRED_ROLE_DEPTHWISE_WEIGHT = 2 };

typedef struct dpred_layout_options {
  uint16_t group;          /* G, 1 to 256; 16 by default */
  uint32_t slice_channels; /* activations: channels of a slice, from 1; 64 by default */
  uint32_t block_values;   /* activations: a block has at least so many values, from 1; 1024 by default */
  uint32_t block_filters;  /* weights: filters of a block, from 1; 16 by default */
} dpred_layout_options;

typedef struct dpred_layout dpred_layout;

/* `shape`: (N,C,H,W) of activations, (K,C/groups,R,S) of weights, (K,1,R,S) of depthwise weights, the last
 * one innermost in memory. The layout is to be freed with dpred_layout_free(), which takes NULL too. Calls
 * only read it. */
dpred_status dpred_layout_new(int role, const uint64_t shape[4], const dpred_layout_options* options,
                              dpred_layout** layout);
void dpred_layout_free(dpred_layout* layout);

dpred_status dpred_layout_blocks(const dpred_layout* layout, uint64_t* blocks);

/* A block's runs, and the place of its first value in stream order. */
dpred_status dpred_layout_block(const dpred_layout* layout, uint64_t number, dpred_block* block,
                                uint64_t* first_value);

/* Containers of all of a tensor's codes in stream order, and the codes in the tensor's own order back. */
dpred_status dpred_layout_gather(const dpred_layout* layout, uint8_t bits, int32_t zero_point,
                                 const void* codes, void* containers);
dpred_status dpred_layout_scatter(const dpred_layout* layout, uint8_t bits, int32_t zero_point,
                                  const void* containers, void* codes);

#ifdef __cplusplus
}
#endif

#endif
