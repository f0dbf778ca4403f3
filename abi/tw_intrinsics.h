/* Functions of values that an engine for a board may import (module "tw"): one instruction each where
 * the core has the DSP extension, and the same bits everywhere else. A pair is two int16 in a word,
 * the first one low; bytes are int8. All sums wrap. */
#ifndef TW_INTRINSICS_H
#define TW_INTRINSICS_H

#include <stdint.h>

/* x. Compilers don't see through it, and leave loops over such values as they are written. */
static inline uintptr_t tw_kept(uintptr_t x) {
  __asm__("" : "+r"(x));
  return x;
}

/* Where linear memory begins, for an engine that has no linear memory. */
static inline uint32_t tw_base(void) { return 0; }

#ifdef __ARM_FEATURE_DSP

#include <arm_acle.h>

static inline int32_t tw_smlad(uint32_t a, uint32_t b, int32_t sum) {
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}
static inline int32_t tw_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  return __smlabb((int32_t)a, (int32_t)b, sum);
}
static inline int32_t tw_smlatt(uint32_t a, uint32_t b, int32_t sum) {
  return __smlatt((int32_t)a, (int32_t)b, sum);
}
static inline uint32_t tw_sxtb16(uint32_t bytes) { return (uint32_t)__sxtb16((int8x4_t)bytes); }
static inline uint32_t tw_sxtb16_ror8(uint32_t bytes) {
  return (uint32_t)__sxtb16((int8x4_t)__ror(bytes, 8));
}
static inline uint32_t tw_sxtab16(uint32_t pair, uint32_t bytes) {
  return (uint32_t)__sxtab16((int16x2_t)pair, (int8x4_t)bytes);
}
static inline uint32_t tw_sxtab16_ror8(uint32_t pair, uint32_t bytes) {
  return (uint32_t)__sxtab16((int16x2_t)pair, (int8x4_t)__ror(bytes, 8));
}
/* Not as an expression, which the compiler would join with what follows into two instructions. */
static inline int32_t tw_smmlar(int32_t a, int32_t b, int32_t sum) {
  int32_t high;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(sum));
  return high;
}

#else

static inline int32_t tw_low_of(uint32_t pair) { return (int16_t)(pair & 0xFFFF); }
static inline int32_t tw_high_of(uint32_t pair) { return (int16_t)(pair >> 16); }
static inline uint32_t tw_pair_of(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFF) | (uint32_t)high << 16;
}
static inline int32_t tw_wrap(uint32_t sum) { return (int32_t)sum; }

/* sum + the products of both halves */
static inline int32_t tw_smlad(uint32_t a, uint32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(tw_low_of(a) * tw_low_of(b)) +
                 (uint32_t)(tw_high_of(a) * tw_high_of(b)));
}
/* sum + the product of the low halves, or the high ones */
static inline int32_t tw_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(tw_low_of(a) * tw_low_of(b)));
}
static inline int32_t tw_smlatt(uint32_t a, uint32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(tw_high_of(a) * tw_high_of(b)));
}
/* the bytes 0 and 2 as a pair; ror8: the bytes 1 and 3 */
static inline uint32_t tw_sxtb16(uint32_t bytes) {
  return tw_pair_of((int8_t)(bytes & 0xFF), (int8_t)(bytes >> 16 & 0xFF));
}
static inline uint32_t tw_sxtb16_ror8(uint32_t bytes) { return tw_sxtb16(bytes >> 8); }
/* the same, added to a pair */
static inline uint32_t tw_sxtab16(uint32_t pair, uint32_t bytes) {
  uint32_t added = tw_sxtb16(bytes);
  return tw_pair_of(tw_low_of(pair) + tw_low_of(added), tw_high_of(pair) + tw_high_of(added));
}
static inline uint32_t tw_sxtab16_ror8(uint32_t pair, uint32_t bytes) {
  return tw_sxtab16(pair, bytes >> 8);
}

/* sum + a * b / 2^32, rounded, a half up */
static inline int32_t tw_smmlar(int32_t a, int32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32));
}

#endif

#endif
