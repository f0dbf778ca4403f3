#include "tw_base.h"

#ifdef __wasm__

/* The bulk-memory instructions do the first three; the builtins compile to them. */
void *(memcpy)(void *restrict to, const void *restrict from, size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}

void *(memmove)(void *to, const void *from, size_t bytes) { return __builtin_memmove(to, from, bytes); }

void *(memset)(void *to, int value, size_t bytes) { return __builtin_memset(to, value, bytes); }

int(memcmp)(const void *a, const void *b, size_t bytes) {
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < bytes; i++) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

#endif
