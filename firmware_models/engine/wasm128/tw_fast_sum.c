#include "tw_simd.h"

/* ADD and SUB of int8: long rows by tables of what each value of an input comes to, others eight
 * elements at a time. */

enum { LONG = 1024, PART = 512 };

typedef struct {
  int32_t terms[2][256]; /* of both inputs, doubled */
  int32_t sums[PART];
} tables;

static void set_terms(int32_t *terms, int32_t zero_point, const tw_even_scale *scale, uint32_t left,
                      bool negate) {
  const v128_t sign = wasm_i32x4_splat(negate ? -1 : 0), four = wasm_i32x4_make(0, 1, 2, 3);
  for (int32_t i = 0; i < 256; i += 4) {
    const v128_t x = wasm_i32x4_add(wasm_i32x4_splat((int8_t)i - zero_point), four);
    const v128_t term = tw_rescale_even(wasm_i32x4_shl(x, left), scale);
    const v128_t doubled = wasm_i32x4_shl(term, 1);
    wasm_v128_store(terms + i, wasm_i32x4_sub(wasm_v128_xor(doubled, sign), sign));
  }
}

static TW_NOINLINE void add_terms(tables *t, const int8_t *a, uint32_t step_a, const int8_t *b,
                                  uint32_t step_b, uint32_t count) {
#pragma clang loop vectorize(disable) unroll_count(4)
  for (uint32_t i = 0; i < count; i++, a += step_a, b += step_b) {
    t->sums[i] = t->terms[0][(uint8_t)*a] + t->terms[1][(uint8_t)*b];
  }
}

static void run_long(const tw_sum *s, const tw_row *row, const tw_even_scale scales[2], tables *t) {
  const uint32_t left = (uint32_t)s->left_shift + 1;
  for (int32_t i = 0; i < 2; i++) {
    set_terms(t->terms[i], s->zero_points[i], &scales[i], left, i == 1 && s->subtract);
  }
  int32_t multiplier = s->out_multiplier;
  int8_t shift = (int8_t)-s->out_right_shift;
  const tw_requant q = {.multipliers = &multiplier, .shifts = &shift, .low = (int16_t)s->low,
                        .high = (int16_t)s->high, .output_zero_point = s->out_zero_point};
  const tw_scales all = tw_scales_of(&q, NULL, 4, 1 << 29);
  tw_scale4 scale;
  tw_scale4_set(&scale, &all, (const int32_t[]){0, 1, 2, 3}, 4);
  const int8_t *a = row->in[0], *b = row->in[1];
  int8_t *out = row->out;
  for (uint32_t left_over = row->count, n; left_over > 0; left_over -= n, out += n) {
    n = left_over < PART ? left_over : PART;
    add_terms(t, a, row->step[0], b, row->step[1], n);
    const int32_t fours = (int32_t)n / 4, rest = (int32_t)n % 4;
    tw_finish(t->sums, fours, &scale, &q, false, 4, 4, out);
    if (rest > 0) tw_finish(t->sums + 4 * fours, 1, &scale, &q, false, rest, 4, out + 4 * fours);
    a += n * row->step[0];
    b += n * row->step[1];
  }
}

/* Eight elements, or one for all of them. */
TW_INLINE v128_t load(const int8_t *x, uint32_t step, uint32_t count) {
  if (step == 0) return wasm_i16x8_splat(*x);
  if (count >= 8) return wasm_i16x8_load8x8(x);
  int8_t some[8] = {0};
  for (uint32_t i = 0; i < count; i++) some[i] = x[i];
  return wasm_i16x8_load8x8(some);
}

void tw_fast_sum_i8(const void *params, const tw_row *row) {
  const tw_sum *s = params;
  const int8_t *a = row->in[0], *b = row->in[1];
  int8_t *out = row->out;
  const uint32_t left = (uint32_t)s->left_shift + 1; /* doubled */
  const tw_even_scale scale_a = tw_even_scale_of(s->multipliers[0], (uint32_t)s->right_shifts[0]),
              scale_b = tw_even_scale_of(s->multipliers[1], (uint32_t)s->right_shifts[1]),
              scale_out = tw_even_scale_of(s->out_multiplier, (uint32_t)s->out_right_shift);
  if (row->count >= LONG && s->out_right_shift > 0 && s->out_right_shift < 32) {
    run_long(s, row, (const tw_even_scale[]){scale_a, scale_b}, (tables *)(void *)tw_work);
    return;
  }
  const v128_t zero_a = wasm_i16x8_splat(s->zero_points[0]),
               zero_b = wasm_i16x8_splat(s->zero_points[1]),
               zero_out = wasm_i16x8_splat(s->out_zero_point),
               low = wasm_i16x8_splat((int16_t)s->low), high = wasm_i16x8_splat((int16_t)s->high);
  const v128_t sign = wasm_i32x4_splat(s->subtract ? -1 : 0);
  for (uint32_t i = 0; i < row->count; i += 8) {
    const uint32_t count = row->count - i;
    const v128_t x = wasm_i16x8_sub(load(a, row->step[0], count), zero_a);
    const v128_t y = wasm_i16x8_sub(load(b, row->step[1], count), zero_b);
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
    a += 8 * row->step[0];
    b += 8 * row->step[1];
  }
}
