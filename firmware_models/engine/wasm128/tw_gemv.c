#include "tw_gemm.h"

/* One row at a time, four channels at a time: each row of weights is read where it lies. */

typedef struct {
  v128_t a, b, c, d;
} sums;

TW_INLINE sums step(sums s, v128_t x, const int8_t *const w[4], int32_t i) {
  return (sums){tw_add_dot(s.a, x, wasm_i16x8_load8x8(w[0] + i)),
                tw_add_dot(s.b, x, wasm_i16x8_load8x8(w[1] + i)),
                tw_add_dot(s.c, x, wasm_i16x8_load8x8(w[2] + i)),
                tw_add_dot(s.d, x, wasm_i16x8_load8x8(w[3] + i))};
}

/* Four sums of products, each of x with a row of weights. Two steps a turn, as in tw_gemm.c. */
TW_INLINE v128_t dot_four(const int16_t *x, const int8_t *const w[4], int32_t depth) {
  const v128_t zero = wasm_i32x4_splat(0);
  sums s = {zero, zero, zero, zero};
  int32_t i = 0;
  for (; i + 16 <= depth; i += 16) {
    s = step(step(s, wasm_v128_load(x + i), w, i), wasm_v128_load(x + i + 8), w, i + 8);
  }
  if (i + 8 <= depth) {
    s = step(s, wasm_v128_load(x + i), w, i);
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
      const v128_t sums = tw_rescale_lanes(dot_four(x, w, depth), &scale, shift);
      v128_t bytes = tw_to_range(sums, sums, g->q);
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
