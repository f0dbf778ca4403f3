#include "tw_gemm.h"

/* One row at a time, four channels at a time: each row of weights is read where it lies. */

typedef struct {
  v128_t a, b, c, d;
} sums;

TW_INLINE sums step(sums s, const int16_t *x, const int8_t *const w[4], int32_t i) {
  const v128_t values = wasm_v128_load(x + i);
  return (sums){tw_add_dot(s.a, values, wasm_i16x8_load8x8(w[0] + i)),
                tw_add_dot(s.b, values, wasm_i16x8_load8x8(w[1] + i)),
                tw_add_dot(s.c, values, wasm_i16x8_load8x8(w[2] + i)),
                tw_add_dot(s.d, values, wasm_i16x8_load8x8(w[3] + i))};
}

static inline sums zeros(void) {
  const v128_t zero = wasm_i32x4_splat(0);
  return (sums){zero, zero, zero, zero};
}

/* The next turn of 16 terms, unless there is none. See docs/adr/0016 for why loops are written so. */
#define TURN(i)                       \
  if (left < 16 * (i) + 16) return s; \
  s = step(step(s, x, w, 16 * (i)), x, w, 16 * (i) + 8);

/* Of whole turns, at least one. */
TW_INLINE sums sum_products(const int16_t *x, const int8_t *const rows[4], int32_t left) {
  const int8_t *w[4] = {rows[0], rows[1], rows[2], rows[3]};
  sums s = step(step(zeros(), x, w, 0), x, w, 8);
  TURN(1) TURN(2) TURN(3)
  for (;;) {
    if (left < 80) return s;
    left -= 64, x += 64;
    for (int32_t i = 0; i < 4; i++) w[i] += 64;
    s = step(step(s, x, w, 0), x, w, 8);
    TURN(1) TURN(2) TURN(3)
  }
}

/* Four sums of products, each of x with a row of weights. */
TW_INLINE v128_t dot_four(const int16_t *x, const int8_t *const w[4], int32_t depth) {
  int32_t i = depth & ~15;
  sums s = i == 0 ? zeros() : sum_products(x, w, depth);
  if (i + 8 <= depth) {
    s = step(s, x, w, i);
    i += 8;
  }
  v128_t total = tw_sum_lanes(s.a, s.b, s.c, s.d);
  for (; i < depth; i++) {
    const v128_t column = wasm_i32x4_make(w[0][i], w[1][i], w[2][i], w[3][i]);
    total = wasm_i32x4_add(total, wasm_i32x4_mul(column, wasm_i32x4_splat(x[i])));
  }
  return total;
}

void tw_gemv_run(const tw_gemm *g) {
  const int32_t depth = g->width, channels = g->channels;
  const uint32_t shift = tw_lane_shift_of(g->q, g->bias, channels, (uint32_t)depth * 255 * 128);
  const int16_t *x = g->x;
  int8_t *out = g->out;
  const tw_range range = tw_range_of(g->q);
  tw_lane_scale scale = tw_lane_scale_of(g->q, g->bias, channels, 0, shift);
  for (int32_t row = 0; row < g->rows; row++, x += g->depth) {
    for (int32_t c = 0; c < channels; c += 4) {
      const int8_t *w[4];
      for (int32_t i = 0; i < 4; i++) {
        w[i] = g->weights + (size_t)tw_min(c + i, channels - 1) * (size_t)depth;
      }
      if (g->q->per_channel) {
        scale = tw_lane_scale_of(g->q, g->bias, channels, c, shift);
      } else {
        scale.bias = tw_lane_bias_of(g->bias, channels, c);
      }
      const v128_t sums =
          tw_rescale_lanes(wasm_i32x4_add(dot_four(x, w, depth), scale.bias), &scale, shift);
      v128_t bytes = tw_to_range(sums, sums, &range);
      bytes = wasm_i8x16_narrow_i16x8(bytes, bytes);
      const int32_t count = tw_min(channels - c, 4);
      if (count == 4) {
        wasm_v128_store32_lane(out, bytes, 0);
      } else {
        int8_t some[16];
        wasm_v128_store(some, bytes);
        for (int32_t i = 0; i < count; i++) out[i] = some[i];
      }
      out += count;
    }
  }
}
