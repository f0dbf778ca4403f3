#include "tw_gemm.h"

/* Two channels at a time, four rows at a time: eight sums of four lanes each stay in registers, and
 * each vector of weights that is loaded serves four rows. */

typedef struct {
  v128_t bias;
  tw_even_scale even;
} scale;

static scale scale_of(const tw_gemm *g, int32_t channel) {
  const int32_t i = g->q->per_channel ? channel : 0;
  return (scale){
      wasm_i32x4_splat(g->bias == NULL ? 0 : ((const int32_t *)g->bias->data)[channel]),
      tw_even_scale_of(g->q->multipliers[i], (uint32_t)-g->q->shifts[i]),
  };
}

TW_INLINE v128_t rescale(v128_t sum, const scale *s, bool any) {
  const v128_t x = wasm_i32x4_add(sum, s->bias);
  return any ? tw_rescale_even_any(x, &s->even) : tw_rescale_even(wasm_i32x4_shl(x, 1), &s->even);
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

/* Sums of products of four rows with the first and the second channel. */
typedef struct {
  v128_t a0, a1, a2, a3, b0, b1, b2, b3;
} sums;

TW_INLINE sums step(sums s, const int16_t *x, const int16_t *w) {
  const v128_t u = wasm_v128_load(w), v = wasm_v128_load(w + 8);
  const v128_t x0 = wasm_v128_load(x), x1 = wasm_v128_load(x + 8), x2 = wasm_v128_load(x + 16),
               x3 = wasm_v128_load(x + 24);
  return (sums){tw_add_dot(s.a0, x0, u), tw_add_dot(s.a1, x1, u), tw_add_dot(s.a2, x2, u),
                tw_add_dot(s.a3, x3, u), tw_add_dot(s.b0, x0, v), tw_add_dot(s.b1, x1, v),
                tw_add_dot(s.b2, x2, v), tw_add_dot(s.b3, x3, v)};
}

/* The runtime looks at its clock in every turn of a loop, for which it keeps the sums in memory: two
 * steps a turn hide that. More would not: it loads all of a turn's operands before it uses them. */
TW_INLINE sums sum_products(const int16_t *x, const int16_t *w, int32_t depth) {
  const v128_t zero = wasm_i32x4_splat(0);
  sums s = {zero, zero, zero, zero, zero, zero, zero, zero};
  for (; depth >= 16; depth -= 16, x += 2 * TW_PANEL_STEP, w += 2 * 16) {
    s = step(step(s, x, w), x + TW_PANEL_STEP, w + 16);
  }
  return depth > 0 ? step(s, x, w) : s;
}

TW_INLINE void run_pair(const tw_gemm *g, int32_t channel, bool any) {
  const scale s0 = scale_of(g, channel), s1 = scale_of(g, tw_min(channel + 1, g->channels - 1));
  const bool two = channel + 1 < g->channels;
  const int16_t *x = g->x;
  int8_t *out = g->out + channel;
  for (int32_t row = 0; row < g->rows; row += 4, x += 4 * g->depth, out += 4 * g->channels) {
    const sums s = sum_products(x, g->widened, g->depth);
    const v128_t a = rescale(tw_sum_lanes(s.a0, s.a1, s.a2, s.a3), &s0, any),
                 b = rescale(tw_sum_lanes(s.b0, s.b1, s.b2, s.b3), &s1, any);
    const v128_t results = tw_to_range(a, b, g->q);
    store(wasm_i8x16_narrow_i16x8(results, results), g->rows - row, g->channels, two, out);
  }
}

/* The usual case, and any. */
static TW_NOINLINE void run_small_pair(const tw_gemm *g, int32_t channel) {
  run_pair(g, channel, false);
}

static TW_NOINLINE void run_any_pair(const tw_gemm *g, int32_t channel) {
  run_pair(g, channel, true);
}

void tw_gemm_run(const tw_gemm *g) {
  const uint64_t most = (uint64_t)g->width * 255 * 128 + tw_largest_bias(g->bias, g->channels);
  const bool small = most < (uint64_t)1 << 30;
  for (int32_t channel = 0; channel < g->channels; channel += 2) {
    widen_pair(g, channel);
    (small ? run_small_pair : run_any_pair)(g, channel);
  }
}
