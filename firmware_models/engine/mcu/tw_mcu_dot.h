/* The inner loops: sums of products of weights, as they lie in the model, and inputs that tw_widen
 * laid out as int16, their zero point taken off. With the DSP extension elements go by groups of four:
 * a pair of elements 0 and 2, and one of 1 and 3. */
#ifndef TW_MCU_DOT_H
#define TW_MCU_DOT_H

#include "tw_mcu_place.h"

typedef struct {
  int32_t a, b, c, d;
} tw_sums;

#ifdef TW_DSP
enum { TW_GROUP = 4 };
#else
enum { TW_GROUP = 1 };
#endif
/* Whether pixels are computed one by one rather than by two. */
#ifdef TW_MVE
enum { TW_ONE_BY_ONE = 1 };
#else
enum { TW_ONE_BY_ONE = 0 };
#endif
enum { TW_GROUP_BYTES = 2 * TW_GROUP }; /* when widened */

/* Elements of a widened row of n. */
static inline int32_t tw_padded(int32_t n) { return (n + TW_GROUP - 1) & ~(TW_GROUP - 1); }

#ifdef TW_DSP

/* Two int16 that are not added to each other. */
typedef uint32_t tw_pair;

/* An input's zero point as the loops take it: a pair to add. */
typedef tw_pair tw_zero;
TW_INLINE tw_zero tw_zero_of(int32_t zero) { return ((uint32_t)-zero & 0xFFFF) * 0x10001u; }

/* The last 1 to 3 bytes, and zeros. */
uint32_t tw_get_rest(tw_place x, int32_t n);

TW_INLINE void tw_put_group(uint32_t bytes, tw_zero zero, tw_place out) {
  const tw_pair even = tw_sxtab16(zero, bytes), odd = tw_sxtab16_ror8(zero, bytes);
  tw_set_u32(out, even);
  tw_set_u32(out + 4, odd);
}

/* x - zero for n values, a group every `step` bytes; what is behind them in the last group has no
 * meaning. Returns where the next group goes. */
TW_INLINE tw_place tw_widen(const int8_t *x, int32_t n, tw_zero zero, tw_place out,
                            uint32_t step) {
  tw_place from = tw_place_of(x);
  for (int32_t left = n / 4; left != 0; left--, from += 4, out += step) {
    tw_put_group(tw_get4(from), zero, out);
  }
  if (n % 4 == 0) return out;
  tw_put_group(tw_get_rest(from, n % 4), zero, out);
  return out + step;
}

TW_INLINE void tw_put_zeros(tw_place out) {
  tw_set_u32(out, 0);
  tw_set_u32(out + 4, 0);
}

TW_INLINE tw_sums tw_step_2x2(uint32_t u, uint32_t v, tw_place x, tw_sums s) {
  tw_pair weights = tw_sxtb16(u), others = tw_sxtb16(v), first = tw_get_u32(x),
          second = tw_get_u32(x + 8);
  s.a = tw_smlad(weights, first, s.a);
  s.b = tw_smlad(weights, second, s.b);
  s.c = tw_smlad(others, first, s.c);
  s.d = tw_smlad(others, second, s.d);
  weights = tw_sxtb16_ror8(u), others = tw_sxtb16_ror8(v), first = tw_get_u32(x + 4),
  second = tw_get_u32(x + 12);
  s.a = tw_smlad(weights, first, s.a);
  s.b = tw_smlad(weights, second, s.b);
  s.c = tw_smlad(others, first, s.c);
  s.d = tw_smlad(others, second, s.d);
  return s;
}

/* Two rows of weights, n apart, times two widened rows. Sums a and b are of the first row of
 * weights. */
TW_INLINE tw_sums tw_dot_2x2(tw_place w, tw_place x, int32_t n, tw_sums s) {
  tw_place v = w + (uint32_t)n;
  for (int32_t left = n / 4; left != 0; left--, x += 16, w += 4, v += 4) {
    s = tw_step_2x2(tw_get4(w), tw_get4(v), x, s);
  }
  if (n % 4 == 0) return s;
  return tw_step_2x2(tw_get_rest(w, n % 4), tw_get_rest(v, n % 4), x, s);
}

#ifdef TW_MVE

/* One row of weights times a row of bytes. */
TW_INLINE int32_t tw_dot_1x1(tw_place w, tw_place x, int32_t n, tw_zero zero, int32_t sum) {
  return tw_dot_bytes(tw_at(w), tw_at(x), (uint32_t)n, (int16_t)(zero & 0xFFFF), sum);
}

/* Four rows of weights, n apart, times a row of bytes. */
TW_INLINE tw_sums tw_dot_4x1(tw_place w, tw_place x, int32_t n, tw_zero zero, tw_sums s) {
  s.a = tw_dot_1x1(w, x, n, zero, s.a);
  s.b = tw_dot_1x1(w + (uint32_t)n, x, n, zero, s.b);
  s.c = tw_dot_1x1(w + 2 * (uint32_t)n, x, n, zero, s.c);
  s.d = tw_dot_1x1(w + 3 * (uint32_t)n, x, n, zero, s.d);
  return s;
}

#else

TW_INLINE int32_t tw_step_1x1(uint32_t w, tw_pair even, tw_pair odd, int32_t sum) {
  return tw_smlad(tw_sxtb16_ror8(w), odd, tw_smlad(tw_sxtb16(w), even, sum));
}

/* Four rows of weights, n apart, times a row of bytes. */
TW_INLINE tw_sums tw_dot_4x1(tw_place w, tw_place x, int32_t n, tw_zero zero, tw_sums s) {
  const uint32_t row = (uint32_t)n; /* two places and a distance: registers are few */
  tw_place v = w + 2 * row;
  for (const tw_place end = x + (row & ~3u); x != end; x = tw_kept(x + 4), w = tw_kept(w + 4), v = tw_kept(v + 4)) {
    const uint32_t bytes = tw_get4(x);
    const tw_pair even = tw_sxtab16(zero, bytes), odd = tw_sxtab16_ror8(zero, bytes);
    s.a = tw_step_1x1(tw_get4(w), even, odd, s.a);
    s.b = tw_step_1x1(tw_get4(w + row), even, odd, s.b);
    s.c = tw_step_1x1(tw_get4(v), even, odd, s.c);
    s.d = tw_step_1x1(tw_get4(v + row), even, odd, s.d);
  }
  const int32_t rest = n % 4;
  if (rest == 0) return s;
  const uint32_t bytes = tw_get_rest(x, rest);
  const tw_pair even = tw_sxtab16(zero, bytes), odd = tw_sxtab16_ror8(zero, bytes);
  s.a = tw_step_1x1(tw_get_rest(w, rest), even, odd, s.a);
  s.b = tw_step_1x1(tw_get_rest(w + row, rest), even, odd, s.b);
  s.c = tw_step_1x1(tw_get_rest(v, rest), even, odd, s.c);
  s.d = tw_step_1x1(tw_get_rest(v + row, rest), even, odd, s.d);
  return s;
}

/* One row of weights times a row of bytes. */
TW_INLINE int32_t tw_dot_1x1(tw_place w, tw_place x, int32_t n, tw_zero zero, int32_t sum) {
  for (const tw_place end = x + ((uint32_t)n & ~3u); x != end; x += 4, w += 4) {
    const uint32_t bytes = tw_get4(x);
    sum = tw_step_1x1(tw_get4(w), tw_sxtab16(zero, bytes), tw_sxtab16_ror8(zero, bytes), sum);
  }
  if (n % 4 == 0) return sum;
  const uint32_t bytes = tw_get_rest(x, n % 4);
  return tw_step_1x1(tw_get_rest(w, n % 4), tw_sxtab16(zero, bytes),
                     tw_sxtab16_ror8(zero, bytes), sum);
}

#endif

#else

typedef int32_t tw_zero;
TW_INLINE tw_zero tw_zero_of(int32_t zero) { return zero; }

TW_INLINE tw_place tw_widen(const int8_t *x, int32_t n, tw_zero zero, tw_place out,
                            uint32_t step) {
  tw_place from = tw_place_of(x);
  for (; n != 0; n--, from++, out += step) tw_set_i16(out, tw_get_i8(from) - zero);
  return out;
}

TW_INLINE void tw_put_zeros(tw_place out) { tw_set_i16(out, 0); }

TW_INLINE tw_sums tw_dot_2x2(tw_place w, tw_place x, int32_t n, tw_sums s) {
  tw_place v = w + (uint32_t)n;
  for (const tw_place end = v; w != end; x += 4, w++, v++) {
    const int32_t first = tw_get_i16(x), second = tw_get_i16(x + 2);
    const int32_t weight = tw_get_i8(w), other = tw_get_i8(v);
    s.a += weight * first;
    s.b += weight * second;
    s.c += other * first;
    s.d += other * second;
  }
  return s;
}

#ifdef TW_FEW_REGISTERS

/* Two rows of weights: there are no registers for four. */
TW_INLINE void tw_dot_2x1(tw_place w, tw_place x, int32_t n, tw_zero zero, int32_t *a, int32_t *b) {
  tw_place v = w + (uint32_t)n;
  int32_t first = *a, second = *b;
  for (const tw_place end = v; w != end; x++, w++, v++) {
    const int32_t value = tw_get_i8(x) - zero;
    first += tw_get_i8(w) * value;
    second += tw_get_i8(v) * value;
  }
  *a = first;
  *b = second;
}

TW_INLINE tw_sums tw_dot_4x1(tw_place w, tw_place x, int32_t n, tw_zero zero, tw_sums s) {
  tw_dot_2x1(w, x, n, zero, &s.a, &s.b);
  tw_dot_2x1(w + 2 * (uint32_t)n, x, n, zero, &s.c, &s.d);
  return s;
}

#else

TW_INLINE tw_sums tw_dot_4x1(tw_place w, tw_place x, int32_t n, tw_zero zero, tw_sums s) {
  tw_place w1 = w + (uint32_t)n, w2 = w1 + (uint32_t)n, w3 = w2 + (uint32_t)n;
  for (const tw_place end = w1; w != end; x++, w++, w1++, w2++, w3++) {
    const int32_t value = tw_get_i8(x) - zero;
    s.a += tw_get_i8(w) * value;
    s.b += tw_get_i8(w1) * value;
    s.c += tw_get_i8(w2) * value;
    s.d += tw_get_i8(w3) * value;
  }
  return s;
}

#endif

TW_INLINE int32_t tw_dot_1x1(tw_place w, tw_place x, int32_t n, tw_zero zero, int32_t sum) {
  for (const tw_place end = w + (uint32_t)n; w != end; x++, w++) {
    sum += tw_get_i8(w) * (tw_get_i8(x) - zero);
  }
  return sum;
}

#endif

#endif
