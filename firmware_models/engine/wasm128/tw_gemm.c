#include "tw_gemm.h"

/* Two channels at a time, four rows at a time: eight sums of four lanes each stay in registers, and
 * each vector of weights that is loaded serves four rows. */

typedef struct {
  v128_t bias, multiplier, mask, half;
  uint32_t left, right;
} scale;

static scale scale_of(const tw_gemm *g, int32_t channel) {
  const int32_t i = g->q->per_channel ? channel : 0, shift = g->q->shifts[i];
  const uint32_t right = (uint32_t)tw_max(-shift, 0), mask = ((uint32_t)1 << right) - 1;
  return (scale){
      wasm_i32x4_splat(g->bias == NULL ? 0 : ((const int32_t *)g->bias->data)[channel]),
      wasm_i32x4_splat(g->q->multipliers[i]),
      wasm_u32x4_splat(mask),
      wasm_u32x4_splat(mask >> 1),
      (uint32_t)tw_max(shift, 0),
      right,
  };
}

TW_INLINE v128_t rescale(v128_t sum, const scale *s) {
  const v128_t x = wasm_i32x4_shl(wasm_i32x4_add(sum, s->bias), s->left);
  const v128_t product = tw_doubling_high_products(x, s->multiplier);
  return tw_round_half_away(product, wasm_i32x4_shr(product, s->right), s->mask, s->half);
}

/* Two rows of weights, eight elements of each in turn; a second one that is missing is zeros. */
static void widen_pair(const tw_gemm *g, int32_t channel) {
  const int32_t last = g->channels - 1;
  for (int32_t k = 0; k < 2; k++) {
    const int8_t *w = g->weights + (size_t)tw_min(channel + k, last) * (size_t)g->width;
    const int32_t room = (last - tw_min(channel + k, last)) * g->width + g->width;
    int16_t *out = g->widened + 8 * k;
    for (int32_t i = 0; i < g->width; i += 8, out += 16) {
      v128_t x;
      if (i + 8 <= room) {
        x = wasm_i16x8_load8x8(w + i);
      } else {
        int8_t tail[8] = {0};
        for (int32_t j = i; j < g->width; j++) tail[j - i] = w[j];
        x = wasm_i16x8_load8x8(tail);
      }
      wasm_v128_store(out, x);
    }
    /* What was read of the next row meets zeros of x. */
  }
}

/* Bytes 0..3 are rows of the first channel, 4..7 of the second. */
TW_INLINE void store(v128_t bytes, int32_t rows, int32_t channels, bool two, int8_t *out) {
  bytes = wasm_i8x16_shuffle(bytes, bytes, 0, 4, 1, 5, 2, 6, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0);
  if (rows >= 4 && two) {
    wasm_v128_store16_lane(out, bytes, 0);
    wasm_v128_store16_lane(out + channels, bytes, 1);
    wasm_v128_store16_lane(out + 2 * channels, bytes, 2);
    wasm_v128_store16_lane(out + 3 * channels, bytes, 3);
    return;
  }
  int8_t each[16];
  wasm_v128_store(each, bytes);
  for (int32_t r = 0; r < tw_min(rows, 4); r++) {
    out[r * channels] = each[2 * r];
    if (two) out[r * channels + 1] = each[2 * r + 1];
  }
}

static void run_pair(const tw_gemm *g, int32_t channel) {
  const scale s0 = scale_of(g, channel), s1 = scale_of(g, tw_min(channel + 1, g->channels - 1));
  const bool two = channel + 1 < g->channels;
  int8_t *out = g->out + channel;
  for (int32_t row = 0; row < g->rows; row += 4, out += 4 * g->channels) {
    const int16_t *x = g->x + (size_t)row * (size_t)g->depth, *w = g->widened;
    const int16_t *const end = x + g->depth;
    const int32_t step = g->depth;
    v128_t zero = wasm_i32x4_splat(0), a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero,
           b1 = zero, b2 = zero, b3 = zero;
    for (; x < end; x += 8, w += 16) {
      const v128_t u = wasm_v128_load(w), v = wasm_v128_load(w + 8);
      const v128_t x0 = wasm_v128_load(x), x1 = wasm_v128_load(x + step),
                   x2 = wasm_v128_load(x + 2 * step), x3 = wasm_v128_load(x + 3 * step);
      a0 = tw_add_dot(a0, x0, u);
      b0 = tw_add_dot(b0, x0, v);
      a1 = tw_add_dot(a1, x1, u);
      b1 = tw_add_dot(b1, x1, v);
      a2 = tw_add_dot(a2, x2, u);
      b2 = tw_add_dot(b2, x2, v);
      a3 = tw_add_dot(a3, x3, u);
      b3 = tw_add_dot(b3, x3, v);
    }
    const v128_t sums = tw_to_range(rescale(tw_sum_lanes(a0, a1, a2, a3), &s0),
                                    rescale(tw_sum_lanes(b0, b1, b2, b3), &s1), g->q);
    store(wasm_i8x16_narrow_i16x8(sums, sums), g->rows - row, g->channels, two, out);
  }
}

void tw_gemm_run(const tw_gemm *g) {
  for (int32_t channel = 0; channel < g->channels; channel += 2) {
    widen_pair(g, channel);
    run_pair(g, channel);
  }
}
