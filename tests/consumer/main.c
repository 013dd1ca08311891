/* Compresses eight values and decodes them again. */
#include <stdio.h>
#include <string.h>

#include "models/codec/dpred_codec_c.h"

int main(void) {
  const int8_t codes[8] = {-128, -128, -120, -128, -126, -128, -128, -127};
  dpred_format format = {8, 0, DPRED_MODE_WIDTHS_ZERO, DPRED_SIGN_TWOS_COMPLEMENT, DPRED_WIDTHS_ANY, 4};
  const dpred_block block = {1, 8};
  uint8_t containers[8], stream[32], decoded[8];
  size_t size = 0;
  dpred_status status = dpred_find_is_signed(8, 1, -128, codes, 8, &format.is_signed);
  if (status == DPRED_OK) status = dpred_containers_of_codes(8, -128, codes, 8, containers);
  if (status == DPRED_OK) {
    status = dpred_encode_block(&format, &block, containers, stream, sizeof stream, &size);
  }
  if (status == DPRED_OK) status = dpred_decode_block(&format, &block, stream, size, decoded, 8, NULL, NULL);
  if (status != DPRED_OK) {
    fprintf(stderr, "%s\n", dpred_status_text(status));
    return 1;
  }
  printf("8 values in %zu bytes\n", size);
  return memcmp(containers, decoded, sizeof decoded) == 0 ? 0 : 1;
}
