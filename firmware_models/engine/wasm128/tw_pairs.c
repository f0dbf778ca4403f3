#include "tw_pairs.h"

/* Six pairs, three of each of two rows: windows of 3 x 3. Their weights stay in registers. */
TW_INLINE v128_t sum_six(const int16_t *a, const int16_t *b, const v128_t w[6]) {
  v128_t sum = wasm_i32x4_dot_i16x8(wasm_v128_load(a), w[0]);
  sum = tw_add_dot(sum, wasm_v128_load(a + 8), w[1]);
  sum = tw_add_dot(sum, wasm_v128_load(a + 16), w[2]);
  sum = tw_add_dot(sum, wasm_v128_load(b), w[3]);
  sum = tw_add_dot(sum, wasm_v128_load(b + 8), w[4]);
  return tw_add_dot(sum, wasm_v128_load(b + 16), w[5]);
}

TW_INLINE const int16_t *start_of(const tw_pairs *p, const int16_t *start, int32_t offset) {
  return start == p->zeros ? start : start + offset;
}

static TW_NOINLINE void sum_3x3(const tw_pairs *p, const tw_pairs_part *of, const int16_t *weights,
                                int32_t *sums) {
  v128_t w[6];
  for (int32_t i = 0; i < 6; i++) w[i] = wasm_v128_load(weights + 8 * i);
  const int16_t *const *starts = of->starts;
  const int32_t step = of->step, other_lines = (of->stride - 1) * of->pixels * 4;
  for (int32_t line = of->lines; line > 0; line--, starts += 2 * of->stride, sums += other_lines) {
    const int16_t *a = start_of(p, starts[0], of->offset), *b = start_of(p, starts[1], of->offset);
    int32_t pixels = of->pixels;
    for (; pixels > 1; pixels -= 2, a += 2 * step, b += 2 * step, sums += 8) {
      const v128_t first = sum_six(a, b, w), second = sum_six(a + step, b + step, w);
      wasm_v128_store(sums, first);
      wasm_v128_store(sums + 4, second);
    }
    if (pixels == 0) continue;
    wasm_v128_store(sums, sum_six(a, b, w));
    sums += 4;
  }
}

/* Any windows, four pixels at a time. */
static TW_NOINLINE void sum_any(const tw_pairs *p, const tw_pairs_part *of, const int16_t *weights,
                                int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  const int16_t *const *starts = of->starts;
  const int32_t tap = p->tap_step * 8, step = of->step, next = p->rows * of->stride;
  const int32_t other_lines = (of->stride - 1) * of->pixels * 4;
  for (int32_t line = of->lines; line > 0; line--, starts += next, sums += other_lines) {
    int32_t offset = of->offset;
    for (int32_t pixels = of->pixels; pixels > 0; pixels -= 4, offset += 4 * step) {
      const int32_t b = pixels > 1 ? step : 0, c = b + (pixels > 2 ? step : 0),
                    d = c + (pixels > 3 ? step : 0);
      const int16_t *w = weights;
      v128_t s0 = zero, s1 = zero, s2 = zero, s3 = zero;
      for (int32_t i = 0; i < p->rows; i++) {
        const int16_t *at = start_of(p, starts[i], offset);
        for (const int16_t *const end = w + p->taps * 8; w != end; w += 8, at += tap) {
          const v128_t pair = wasm_v128_load(w);
          s0 = tw_add_dot(s0, wasm_v128_load(at), pair);
          s1 = tw_add_dot(s1, wasm_v128_load(at + b), pair);
          s2 = tw_add_dot(s2, wasm_v128_load(at + c), pair);
          s3 = tw_add_dot(s3, wasm_v128_load(at + d), pair);
        }
      }
      wasm_v128_store(sums, s0); /* and nothing past the line: another one may be there already */
      if (pixels > 1) wasm_v128_store(sums + 4, s1);
      if (pixels > 2) wasm_v128_store(sums + 8, s2);
      if (pixels > 3) wasm_v128_store(sums + 12, s3);
      sums += 4 * tw_min(pixels, 4);
    }
  }
}

/* Windows of one row of 2 * `taps` elements at most, which move by one: pixels x and x + 2 share pairs. Two
 * of them at a time, and then x + 1 and x + 3. */
TW_INLINE void sum_flat(const tw_pairs *p, const tw_pairs_part *of, const int16_t *weights, int32_t taps,
                        int32_t *sums) {
  v128_t w[5];
  for (int32_t i = 0; i < taps; i++) w[i] = wasm_v128_load(weights + 8 * i);
  const int16_t *const *starts = of->starts;
  for (int32_t line = of->lines; line > 0; line--, starts++) {
    const int16_t *at = start_of(p, *starts, of->offset);
    int32_t pixels = of->pixels;
    for (int32_t next = 8; pixels >= 4 || next != 8; next = 32 - next) {
      v128_t x = wasm_v128_load(at + 16);
      v128_t first = wasm_i32x4_dot_i16x8(wasm_v128_load(at), w[0]),
             second = wasm_i32x4_dot_i16x8(x, w[0]);
      for (int32_t i = 1; i < taps; i++) {
        first = tw_add_dot(first, x, w[i]);
        x = wasm_v128_load(at + 16 * (i + 1));
        second = tw_add_dot(second, x, w[i]);
      }
      wasm_v128_store(sums, first);
      wasm_v128_store(sums + 8, second);
      at += next, sums += next / 2;
      if (next != 8) pixels -= 4;
    }
    for (; pixels > 0; pixels--, at += 8, sums += 4) {
      v128_t sum = wasm_i32x4_dot_i16x8(wasm_v128_load(at), w[0]);
      for (int32_t i = 1; i < taps; i++) sum = tw_add_dot(sum, wasm_v128_load(at + 16 * i), w[i]);
      wasm_v128_store(sums, sum);
    }
  }
}

#define SUM_FLAT(taps)                                                                          \
  static TW_NOINLINE void sum_flat##taps(const tw_pairs *p, const tw_pairs_part *of, const int16_t *weights, \
                                         int32_t *sums) {                                       \
    sum_flat(p, of, weights, taps, sums);                                                       \
  }
SUM_FLAT(2) SUM_FLAT(3) SUM_FLAT(4) SUM_FLAT(5)

tw_pairs_sum *tw_pairs_sum_for(const tw_pairs *p, bool slides) {
  if (p->rows == 2 && p->taps == 3) return sum_3x3;
  if (!slides) return sum_any;
  switch (p->taps) {
    case 2: return sum_flat2;
    case 3: return sum_flat3;
    case 4: return sum_flat4;
    case 5: return sum_flat5;
    default: return sum_any;
  }
}
