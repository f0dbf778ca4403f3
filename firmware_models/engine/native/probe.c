/* Parts of the engine as a program, for tests of what no model shows.
 *
 *   probe flex KEY... < buffers   FlexBuffers, a u32 of length before each; a line for each says
 *                                 "bad", or the values by position, then those of the keys
 *
 * Each buffer is an allocation of its own, exactly as large as it claims to be, so that
 * AddressSanitizer sees any step outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tw_flex.h"

static void print_value(const tw_flex *root, uint32_t i) {
  int32_t whole;
  float real;
  if (tw_flex_i32(root, i, &whole)) {
    printf(" %d", (int)whole);
  } else {
    printf(" -");
  }
  if (tw_flex_f32(root, i, &real)) {
    printf(":%a", (double)real);
  } else {
    printf(":-");
  }
}

static void print_flex(const uint8_t *data, uint32_t bytes, char **keys, int key_count) {
  tw_flex root;
  if (!tw_flex_root(data, bytes, &root)) {
    puts("bad");
    return;
  }
  printf("%u:", (unsigned)root.count);
  for (uint32_t i = 0; i <= root.count; i++) {
    int32_t bits;
    if (tw_flex_bits(&root, i, &bits)) {
      printf(" %d", (int)bits);
    } else {
      printf(" -");
    }
  }
  printf(" |");
  for (int k = 0; k < key_count; k++) {
    uint32_t i;
    if (tw_flex_find(&root, keys[k], &i)) {
      print_value(&root, i);
    } else {
      printf(" absent");
    }
  }
  putchar('\n');
}

static int read_flex(char **keys, int key_count) {
  uint32_t bytes;
  while (fread(&bytes, sizeof bytes, 1, stdin) == 1) {
    uint8_t *data = malloc(bytes);
    if ((data == NULL && bytes > 0) || fread(data, 1, bytes, stdin) != bytes) return 2;
    print_flex(data, bytes, keys, key_count);
    free(data);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "flex") == 0) return read_flex(argv + 2, argc - 2);
  fprintf(stderr, "usage: %s flex KEY...\n", argv[0]);
  return 2;
}
