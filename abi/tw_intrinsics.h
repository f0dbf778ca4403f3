/* Functions that an engine for a board may import (module "tw"), and that firmware defines inline. Most
 * are of values: one instruction each where the core has the DSP extension, and the same bits
 * everywhere else. Those of memory are loops of vector instructions where the core has them (MVE); they
 * read linear memory under the sandbox's rules. A pair is two int16 in a word, the first one low; bytes
 * are int8. All sums wrap. */
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

static inline uint32_t tw_ror8(uint32_t bytes) { return bytes >> 8 | bytes << 24; }

static inline int32_t tw_smlad(uint32_t a, uint32_t b, int32_t sum) {
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}
static inline int32_t tw_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  return __smlabb((int32_t)a, (int32_t)b, sum);
}
static inline int32_t tw_smlabt(uint32_t a, uint32_t b, int32_t sum) {
  return __smlabt((int32_t)a, (int32_t)b, sum);
}
static inline int32_t tw_smlatt(uint32_t a, uint32_t b, int32_t sum) {
  return __smlatt((int32_t)a, (int32_t)b, sum);
}
static inline uint32_t tw_sxtb16(uint32_t bytes) { return (uint32_t)__sxtb16((int8x4_t)bytes); }
static inline uint32_t tw_sxtb16_ror8(uint32_t bytes) {
  return (uint32_t)__sxtb16((int8x4_t)tw_ror8(bytes));
}
static inline uint32_t tw_sxtab16(uint32_t pair, uint32_t bytes) {
  return (uint32_t)__sxtab16((int16x2_t)pair, (int8x4_t)bytes);
}
static inline uint32_t tw_sxtab16_ror8(uint32_t pair, uint32_t bytes) {
  return (uint32_t)__sxtab16((int16x2_t)pair, (int8x4_t)tw_ror8(bytes));
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
/* sum + the product of the low halves, of a's low and b's high one, or of the high ones */
static inline int32_t tw_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(tw_low_of(a) * tw_low_of(b)));
}
static inline int32_t tw_smlabt(uint32_t a, uint32_t b, int32_t sum) {
  return tw_wrap((uint32_t)sum + (uint32_t)(tw_low_of(a) * tw_high_of(b)));
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

/* ---- of memory ---- */

#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE & 1

#include <arm_mve.h>

static inline int32_t tw_dot_bytes(const int8_t *w, const int8_t *x, uint32_t n, int32_t add,
                                   int32_t sum) {
  int32_t weights = 0;
  for (int32_t left = (int32_t)n; left > 0; left -= 16, w += 16, x += 16) {
    const mve_pred16_t inside = vctp8q((uint32_t)left);
    const int8x16_t a = vldrbq_z_s8(w, inside), b = vldrbq_z_s8(x, inside);
    sum = vmladavaq_p_s8(sum, a, b, inside);
    weights = vaddvaq_p_s8(weights, a, inside);
  }
  return sum + weights * add;
}

static inline void tw_taps8(const int8_t *x, const int8_t *w, uint32_t n, uint32_t x_step,
                            uint32_t w_step, int32_t add, int32_t sums[8]) {
  int32x4_t even = vldrwq_s32(sums), odd = vldrwq_s32(sums + 4);
  for (; n != 0; n--, x += x_step, w += w_step) {
    const int16x8_t a = vaddq_n_s16(vldrbq_s16(x), (int16_t)add), b = vldrbq_s16(w);
    even = vaddq_s32(even, vmullbq_int_s16(a, b));
    odd = vaddq_s32(odd, vmulltq_int_s16(a, b));
  }
  vstrwq_s32(sums, even);
  vstrwq_s32(sums + 4, odd);
}

static inline void tw_scale4(const int32_t sums[4], const int32_t *doubled, const int8_t *right,
                             int32_t zero, int8_t *out) {
  int32x4_t x = vldrwq_s32(sums);
  x = vaddq_s32(x, vrmulhq_s32(x, vldrwq_s32(doubled)));
  x = vaddq_s32(x, vshrq_n_s32(x, 31));
  x = vaddq_n_s32(vrshlq_s32(x, vmvnq_s32(vldrbq_s32(right))), zero);
  x = vmaxq_s32(vminq_s32(x, vdupq_n_s32(INT8_MAX)), vdupq_n_s32(INT8_MIN));
  vstrbq_s32(out, x);
}

#else

/* sum + the products of n weights and n values to which `add` is added; n is at most 2^31 - 16 */
static inline int32_t tw_dot_bytes(const int8_t *w, const int8_t *x, uint32_t n, int32_t add,
                                   int32_t sum) {
  uint32_t total = (uint32_t)sum;
  for (uint32_t i = 0; i < n; i++) total += (uint32_t)(w[i] * (x[i] + add));
  return (int32_t)total;
}

/* n taps of eight neighbouring channels: tap i is at x + i * x_step, its weights at w + i * w_step. Their
 * products, `add` added to x, are added to the sums, first those of the even channels, then the odd. */
static inline void tw_taps8(const int8_t *x, const int8_t *w, uint32_t n, uint32_t x_step,
                            uint32_t w_step, int32_t add, int32_t sums[8]) {
  for (; n != 0; n--, x += x_step, w += w_step) {
    for (uint32_t i = 0; i < 8; i++) {
      int32_t *sum = &sums[i / 2 + i % 2 * 4];
      *sum = (int32_t)((uint32_t)*sum + (uint32_t)(w[i] * (x[i] + add)));
    }
  }
}

/* Four outputs: sum + sum * doubled / 2^32, which is then divided by 2^(right + 1), halves rounded away
 * from zero, plus `zero`, clamped to int8. 0 <= right <= 30; nothing may exceed 32 bits. */
static inline void tw_scale4(const int32_t sums[4], const int32_t *doubled, const int8_t *right,
                             int32_t zero, int8_t *out) {
  for (uint32_t i = 0; i < 4; i++) {
    int32_t x = tw_smmlar(sums[i], doubled[i], sums[i]);
    x += x >> 31;
    x = (((x >> (right[i] & 31)) + 1) >> 1) + zero;
    out[i] = (int8_t)(x < INT8_MIN ? INT8_MIN : x > INT8_MAX ? INT8_MAX : x);
  }
}

#endif

#endif
