#include "tw_simd.h"

/* ADD and SUB of int8.
 *
 * TFLM rounds four times on the way to an output: each input twice to a common scale of 20 more bits, and
 * their sum twice. All that together moves the exact sum y of the scaled inputs by little, so where y is
 * not that near to where outputs change, the output is y rounded once. y is computed with 20 bits behind
 * the point, 16 outputs at a time; 16 of which one is too near are computed as TFLM does it. */

/* LOW_BITS: of a scale, in its lower part. */
enum { BITS = 20, LOW_BITS = 12, MOST_DOUBT = 2048, BLOCK = 16 };

typedef struct {
  bool fits;
  v128_t high, low;   /* scales of both inputs in turn, in two parts */
  v128_t offset;      /* zero points, a half, and the doubt */
  v128_t doubt_twice; /* what y may be off by, on both sides */
} quick;

/* m 2^(-31 - r) times that of the output, with BITS behind the point. */
static int64_t scale_of(const tw_sum *s, int32_t i) {
  const int32_t shift = 62 - BITS - TW_SUM_LEFT_I8 + s->right_shifts[i] + s->out_right_shift;
  if (shift > 62) return 0;
  return ((int64_t)s->multipliers[i] * s->out_multiplier + ((int64_t)1 << (shift - 1))) >> shift;
}

static v128_t both(int64_t a, int64_t b) {
  return wasm_i32x4_splat((int32_t)(((uint32_t)b << 16) | (uint16_t)a));
}

/* Scales are off by half a bit at most, and inputs below 256; each input is rounded by one in its last bit
 * at most, their sum by half a bit of the doubling high product. */
static quick quick_of(const tw_sum *s) {
  const int64_t a = scale_of(s, 0), size = scale_of(s, 1), b = s->subtract ? -size : size;
  const int32_t right = s->out_right_shift;
  if (right < 1 || right > 30 || s->left_shift != TW_SUM_LEFT_I8 || a + size >= (int64_t)6 << BITS) {
    return (quick){.fits = false};
  }
  const int64_t unit = ((int64_t)s->out_multiplier << BITS >> (31 + right)) + 1; /* of the common scale */
  const int64_t doubt = 256 + 2 * unit + ((1 << BITS) >> (right + 1)) + 4;
  const int64_t offset = ((int64_t)s->out_zero_point << BITS) + (1 << (BITS - 1)) -
                         a * s->zero_points[0] - b * s->zero_points[1] + doubt;
  const int64_t low = (1 << LOW_BITS) - 1;
  return (quick){doubt <= MOST_DOUBT, both(a >> LOW_BITS, b >> LOW_BITS), both(a & low, b & low),
                 wasm_i32x4_splat((int32_t)offset), wasm_i32x4_splat((int32_t)(2 * doubt))};
}

/* Four outputs with BITS behind the point, from pairs of inputs. */
TW_INLINE v128_t quick_sums(v128_t pairs, const quick *q) {
  const v128_t high = wasm_i32x4_shl(wasm_i32x4_dot_i16x8(pairs, q->high), LOW_BITS);
  return tw_add_dot(wasm_i32x4_add(high, q->offset), pairs, q->low);
}

TW_INLINE v128_t in_doubt(v128_t sums, const quick *q) {
  return wasm_i32x4_lt(wasm_v128_and(sums, wasm_i32x4_splat((1 << BITS) - 1)), q->doubt_twice);
}

/* 16 outputs, or false if one is in doubt. */
TW_INLINE bool put_quick(v128_t a, v128_t b, const quick *q, v128_t low, v128_t high, int8_t *out) {
  const v128_t u = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const v128_t v =
      wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const v128_t s0 = quick_sums(wasm_i16x8_extend_low_i8x16(u), q),
               s1 = quick_sums(wasm_i16x8_extend_high_i8x16(u), q),
               s2 = quick_sums(wasm_i16x8_extend_low_i8x16(v), q),
               s3 = quick_sums(wasm_i16x8_extend_high_i8x16(v), q);
  const v128_t doubt = wasm_v128_or(wasm_v128_or(in_doubt(s0, q), in_doubt(s1, q)),
                                    wasm_v128_or(in_doubt(s2, q), in_doubt(s3, q)));
  if (wasm_v128_any_true(doubt)) return false;
  const v128_t x = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s0, BITS), wasm_i32x4_shr(s1, BITS)),
               y = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s2, BITS), wasm_i32x4_shr(s3, BITS));
  wasm_v128_store(out, wasm_i8x16_min(wasm_i8x16_max(wasm_i8x16_narrow_i16x8(x, y), low), high));
  return true;
}

/* ---- as TFLM does it ---- */

/* Eight elements, or one for all of them. */
TW_INLINE v128_t load(const int8_t *x, uint32_t step, uint32_t count) {
  if (step == 0) return wasm_i16x8_splat(*x);
  if (count >= 8) return wasm_i16x8_load8x8(x);
  int8_t some[8] = {0};
  for (uint32_t i = 0; i < count; i++) some[i] = x[i];
  return wasm_i16x8_load8x8(some);
}

static TW_NOINLINE void run_exactly(const tw_sum *s, const int8_t *a, uint32_t step_a, const int8_t *b,
                                    uint32_t step_b, uint32_t all, int8_t *out) {
  const uint32_t left = (uint32_t)s->left_shift + 1; /* doubled */
  const tw_even_scale scale_a = tw_even_scale_of(s->multipliers[0], (uint32_t)s->right_shifts[0]),
                      scale_b = tw_even_scale_of(s->multipliers[1], (uint32_t)s->right_shifts[1]),
                      scale_out = tw_even_scale_of(s->out_multiplier, (uint32_t)s->out_right_shift);
  const v128_t zero_a = wasm_i16x8_splat(s->zero_points[0]),
               zero_b = wasm_i16x8_splat(s->zero_points[1]),
               zero_out = wasm_i16x8_splat(s->out_zero_point),
               low = wasm_i16x8_splat((int16_t)s->low), high = wasm_i16x8_splat((int16_t)s->high);
  const v128_t sign = wasm_i32x4_splat(s->subtract ? -1 : 0);
  for (uint32_t i = 0; i < all; i += 8) {
    const uint32_t count = all - i;
    const v128_t x = wasm_i16x8_sub(load(a, step_a, count), zero_a);
    const v128_t y = wasm_i16x8_sub(load(b, step_b, count), zero_b);
    v128_t sums[2];
    for (int32_t k = 0; k < 2; k++) {
      v128_t u = k == 0 ? wasm_i32x4_extend_low_i16x8(x) : wasm_i32x4_extend_high_i16x8(x);
      v128_t v = k == 0 ? wasm_i32x4_extend_low_i16x8(y) : wasm_i32x4_extend_high_i16x8(y);
      u = tw_rescale_even(wasm_i32x4_shl(u, left), &scale_a);
      v = tw_rescale_even(wasm_i32x4_shl(v, left), &scale_b);
      v = wasm_i32x4_sub(wasm_v128_xor(v, sign), sign); /* -v to subtract */
      sums[k] = tw_rescale_even(wasm_i32x4_shl(wasm_i32x4_add(u, v), 1), &scale_out);
    }
    v128_t bytes = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(sums[0], sums[1]), zero_out);
    bytes = wasm_i16x8_min(wasm_i16x8_max(bytes, low), high);
    bytes = wasm_i8x16_narrow_i16x8(bytes, bytes);
    if (count >= 8) {
      wasm_v128_store64_lane(out + i, bytes, 0);
    } else {
      int8_t some[16];
      wasm_v128_store(some, bytes);
      for (uint32_t j = 0; j < count; j++) out[i + j] = some[j];
    }
    a += 8 * step_a;
    b += 8 * step_b;
  }
}

void tw_fast_sum_i8(const void *params, const tw_row *row) {
  const tw_sum *s = params;
  const int8_t *a = row->in[0], *b = row->in[1];
  const uint32_t step_a = row->step[0], step_b = row->step[1];
  int8_t *out = row->out;
  uint32_t left = row->count;
  if (left >= BLOCK) {
    const quick q = quick_of(s);
    const v128_t low = wasm_i8x16_splat((int8_t)s->low), high = wasm_i8x16_splat((int8_t)s->high);
    for (; q.fits && left >= BLOCK; left -= BLOCK, out += BLOCK, a += BLOCK * step_a, b += BLOCK * step_b) {
      const v128_t x = step_a == 0 ? wasm_i8x16_splat(*a) : wasm_v128_load(a),
                   y = step_b == 0 ? wasm_i8x16_splat(*b) : wasm_v128_load(b);
      if (!put_quick(x, y, &q, low, high, out)) run_exactly(s, a, step_a, b, step_b, BLOCK, out);
    }
  }
  if (left > 0) run_exactly(s, a, step_a, b, step_b, left, out);
}
