/* What the engine needs of a C library: four memory functions. On wasm they come from tw_base.c. */
#ifndef TW_BASE_H
#define TW_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

/* A freestanding compiler takes the names for anybody's; so it knows them, and inlines. */
#define memcpy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define memmove(to, from, bytes) __builtin_memmove(to, from, bytes)
#define memset(to, value, bytes) __builtin_memset(to, value, bytes)
#define memcmp(a, b, bytes) __builtin_memcmp(a, b, bytes)
#else
#include <string.h>
#endif

/* For functions that are called from several places or once per many loops, to keep code small. */
#define TW_NOINLINE __attribute__((noinline))

/* For functions that only read: calls whose result nobody needs go. */
#define TW_PURE __attribute__((pure))

/* For loops that matter little: neither unrolled nor split by cases. */
#ifdef __clang__
#define TW_SMALL __attribute__((minsize))
#else
#define TW_SMALL
#endif

#define TW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline int32_t tw_min(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t tw_max(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t tw_clamp(int32_t x, int32_t low, int32_t high) {
  return tw_min(tw_max(x, low), high);
}

#endif
