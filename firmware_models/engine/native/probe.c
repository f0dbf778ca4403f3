/* Parts of the engine as a program, for tests of what no model shows.
 *
 *   probe flex KEY... < buffers   FlexBuffers, a u32 of length before each; a line for each says
 *                                 "bad", or the values by position, then those of the keys
 *   probe factors TYPE POINTS INVERSE   the factors of an FFT of that many complex numbers, then
 *                                 those of its packing, in the memory format of the type
 *
 * Each buffer is an allocation of its own, exactly as large as it claims to be, so that
 * AddressSanitizer sees any step outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tw_fft.h"
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

static int print_factors(char **arguments) {
  tw_fft fft = {.type = (uint8_t)atoi(arguments[0]),
                .points = (uint32_t)atoi(arguments[1]),
                .inverse = atoi(arguments[2]) != 0};
  const size_t number = 2 * tw_type_bytes(fft.type), turns = fft.points / 2;
  fft.twiddles = malloc(fft.points * number);
  fft.turns = malloc(turns * number);
  if (fft.twiddles == NULL || fft.turns == NULL) return 2;
  tw_fft_fill(&fft);
  bool written = fwrite(fft.twiddles, number, fft.points, stdout) == fft.points &&
                 fwrite(fft.turns, number, turns, stdout) == turns;
  free(fft.twiddles);
  free(fft.turns);
  return written ? 0 : 2;
}

int main(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "flex") == 0) return read_flex(argv + 2, argc - 2);
  if (argc == 5 && strcmp(argv[1], "factors") == 0) return print_factors(argv + 2);
  fprintf(stderr, "usage: %s flex KEY... | factors TYPE POINTS INVERSE\n", argv[0]);
  return 2;
}
