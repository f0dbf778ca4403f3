/* The inner loops: sums of products of weights, as they lie in the model, and inputs that tw_widen
 * laid out. With the DSP extension four elements are two pairs, (0, 2) and (1, 3); without it they
 * are four int16 in order. */
#ifndef TW_MCU_DOT_H
#define TW_MCU_DOT_H

#include "tw_base.h"
#include "tw_mcu_intrinsics.h"

#define TW_INLINE static inline __attribute__((always_inline))

/* Elements of a widened row of n: whole groups of four. */
static inline int32_t tw_padded(int32_t n) { return (n + 3) & ~3; }

#ifdef TW_DSP

enum { TW_GROUP = 4 }; /* elements that tw_widen takes at once, but for a row's last */

/* Two int16 that are not added to each other. */
typedef uint32_t tw_pair;

static inline tw_pair tw_twice(int32_t x) { return ((uint32_t)x & 0xFFFF) * 0x10001u; }

TW_INLINE uint32_t tw_load4(const int8_t *x) {
  uint32_t word;
  memcpy(&word, x, sizeof word);
  return word;
}

/* The last 1 to 3 bytes, and zeros. */
TW_INLINE uint32_t tw_load_rest(const int8_t *x, int32_t n) {
  uint32_t word = (uint8_t)x[0];
  if (n > 1) word |= (uint32_t)(uint8_t)x[1] << 8;
  if (n > 2) word |= (uint32_t)(uint8_t)x[2] << 16;
  return word;
}

TW_INLINE int16_t *tw_put4(uint32_t bytes, tw_pair less_zero, int16_t *out) {
  tw_pair pairs[2] = {tw_sxtab16(less_zero, bytes), tw_sxtab16_ror8(less_zero, bytes)};
  memcpy(__builtin_assume_aligned(out, 4), pairs, sizeof pairs);
  return out + 4;
}

/* x - zero for n values; what is behind them in the last group has no meaning. */
TW_INLINE int16_t *tw_widen(const int8_t *x, int32_t n, int32_t zero, int16_t *out) {
  const tw_pair less_zero = tw_twice(-zero);
  for (; n >= 4; n -= 4, x += 4) out = tw_put4(tw_load4(x), less_zero, out);
  if (n > 0) out = tw_put4(tw_load_rest(x, n), less_zero, out);
  return out;
}

/* Four products of weights and a widened row. */
TW_INLINE int32_t tw_dot4(uint32_t even, uint32_t odd, const uint32_t x[2], int32_t sum) {
  return tw_smlad(odd, x[1], tw_smlad(even, x[0], sum));
}

TW_INLINE void tw_step_2x2(uint32_t u, uint32_t v, const uint32_t *x, const uint32_t *y,
                           int32_t sums[4]) {
  uint32_t a = tw_sxtb16(u), b = tw_sxtb16(v), c = x[0], d = y[0];
  sums[0] = tw_smlad(a, c, sums[0]);
  sums[1] = tw_smlad(a, d, sums[1]);
  sums[2] = tw_smlad(b, c, sums[2]);
  sums[3] = tw_smlad(b, d, sums[3]);
  u = tw_sxtb16_ror8(u), v = tw_sxtb16_ror8(v), c = x[1], d = y[1];
  sums[0] = tw_smlad(u, c, sums[0]);
  sums[1] = tw_smlad(u, d, sums[1]);
  sums[2] = tw_smlad(v, c, sums[2]);
  sums[3] = tw_smlad(v, d, sums[3]);
}

/* Two rows of weights, n apart, times two widened rows, which lie side by side: sums[2 * row of
 * weights + row]. */
TW_INLINE void tw_dot_2x2(const int8_t *w, const int16_t *rows, int32_t n, int32_t sums[4]) {
  const int8_t *v = w + n;
  const uint32_t *x = (const uint32_t *)(const void *)rows, *y = x + tw_padded(n) / 2;
  const uint32_t *const end = x + n / 4 * 2;
  for (; x < end; x += 2, y += 2, w += 4, v += 4) {
    tw_step_2x2(tw_load4(w), tw_load4(v), x, y, sums);
  }
  if (n % 4 != 0) tw_step_2x2(tw_load_rest(w, n % 4), tw_load_rest(v, n % 4), x, y, sums);
}

/* Four rows of weights, n apart, times one widened row. */
TW_INLINE void tw_dot_4x1(const int8_t *w, const int16_t *row, int32_t n, int32_t sums[4]) {
  const uint32_t *x = (const uint32_t *)(const void *)row;
  const int8_t *w1 = w + n, *w2 = w1 + n, *w3 = w2 + n;
  const uint32_t *const end = x + n / 4 * 2;
  for (; x < end; x += 2, w += 4, w1 += 4, w2 += 4, w3 += 4) {
    const uint32_t a = tw_load4(w), b = tw_load4(w1), c = tw_load4(w2), d = tw_load4(w3);
    const uint32_t even = x[0], odd = x[1];
    sums[0] = tw_smlad(tw_sxtb16_ror8(a), odd, tw_smlad(tw_sxtb16(a), even, sums[0]));
    sums[1] = tw_smlad(tw_sxtb16_ror8(b), odd, tw_smlad(tw_sxtb16(b), even, sums[1]));
    sums[2] = tw_smlad(tw_sxtb16_ror8(c), odd, tw_smlad(tw_sxtb16(c), even, sums[2]));
    sums[3] = tw_smlad(tw_sxtb16_ror8(d), odd, tw_smlad(tw_sxtb16(d), even, sums[3]));
  }
  if (n % 4 == 0) return;
  const int8_t *last[4] = {w, w1, w2, w3};
  for (int32_t i = 0; i < 4; i++) {
    const uint32_t a = tw_load_rest(last[i], n % 4);
    sums[i] = tw_smlad(tw_sxtb16_ror8(a), x[1], tw_smlad(tw_sxtb16(a), x[0], sums[i]));
  }
}

/* One row of weights times one widened row. */
TW_INLINE int32_t tw_dot_1x1(const int8_t *w, const int16_t *row, int32_t n, int32_t sum) {
  const uint32_t *x = (const uint32_t *)(const void *)row;
  const uint32_t *const end = x + n / 4 * 2;
  for (; x < end; x += 2, w += 4) {
    const uint32_t a = tw_load4(w);
    sum = tw_smlad(tw_sxtb16_ror8(a), x[1], tw_smlad(tw_sxtb16(a), x[0], sum));
  }
  if (n % 4 == 0) return sum;
  const uint32_t a = tw_load_rest(w, n % 4);
  return tw_smlad(tw_sxtb16_ror8(a), x[1], tw_smlad(tw_sxtb16(a), x[0], sum));
}

#else

enum { TW_GROUP = 1 };

/* x - zero for n values. */
TW_INLINE int16_t *tw_widen(const int8_t *x, int32_t n, int32_t zero, int16_t *out) {
  for (int32_t i = 0; i < n; i++) out[i] = (int16_t)(x[i] - zero);
  return out + n;
}

/* Two rows of weights, n apart, times two widened rows, which lie side by side: sums[2 * row of
 * weights + row]. */
TW_INLINE void tw_dot_2x2(const int8_t *w, const int16_t *x, int32_t n, int32_t sums[4]) {
  const int8_t *v = w + n;
  const int16_t *y = x + tw_padded(n);
  for (const int16_t *const end = x + n; x < end; x++, y++, w++, v++) {
    sums[0] += *w * *x;
    sums[1] += *w * *y;
    sums[2] += *v * *x;
    sums[3] += *v * *y;
  }
}

/* Four rows of weights, n apart, times one widened row. */
TW_INLINE void tw_dot_4x1(const int8_t *w, const int16_t *x, int32_t n, int32_t sums[4]) {
  const int8_t *w1 = w + n, *w2 = w1 + n, *w3 = w2 + n;
  for (const int16_t *const end = x + n; x < end; x++, w++, w1++, w2++, w3++) {
    sums[0] += *w * *x;
    sums[1] += *w1 * *x;
    sums[2] += *w2 * *x;
    sums[3] += *w3 * *x;
  }
}

/* One row of weights times one widened row. */
TW_INLINE int32_t tw_dot_1x1(const int8_t *w, const int16_t *x, int32_t n, int32_t sum) {
  for (int32_t i = 0; i < n; i++) sum += w[i] * x[i];
  return sum;
}

#endif

#endif
