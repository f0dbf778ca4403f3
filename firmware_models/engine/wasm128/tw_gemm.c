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

/* `width` elements of a row of weights, of which `room` may be read; `out` takes every other eight. */
TW_INLINE void widen_row(const int8_t *w, int32_t width, int32_t room, int16_t *out) {
  int32_t i = 0;
  for (; i + 32 <= tw_min(width, room); i += 32, out += 64) {
    const v128_t a = wasm_i16x8_load8x8(w + i), b = wasm_i16x8_load8x8(w + i + 8),
                 c = wasm_i16x8_load8x8(w + i + 16), d = wasm_i16x8_load8x8(w + i + 24);
    wasm_v128_store(out, a);
    wasm_v128_store(out + 16, b);
    wasm_v128_store(out + 32, c);
    wasm_v128_store(out + 48, d);
  }
  for (; i < width && i + 8 <= room; i += 8, out += 16) wasm_v128_store(out, wasm_i16x8_load8x8(w + i));
  if (i >= width) return;
  int8_t tail[8] = {0};
  for (int32_t j = i; j < width; j++) tail[j - i] = w[j];
  wasm_v128_store(out, wasm_i16x8_load8x8(tail));
}

/* A pair of rows of weights, eight elements of each in turn; in place of one that is missing the
 * last. What is read of the next row meets zeros of x. */
static void widen_pair(const tw_gemm *g, int32_t channel, int16_t *out) {
  const int32_t last = g->channels - 1;
  for (int32_t i = 0; i < 2; i++) {
    const int32_t row = tw_min(channel + i, last);
    const int8_t *w = g->weights + (size_t)row * (size_t)g->width;
    widen_row(w, g->width, (last - row + 1) * g->width, out + 8 * i);
  }
}

/* Sums of products of four rows with the first and the second channel of a pair. */
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

/* The next step, unless there is none. See docs/adr/0016 for why loops are written so. */
#define STEP(i)                   \
  if (depth <= 8 * (i)) return s; \
  s = step(s, x + (i) * TW_PANEL_STEP, w + (i) * 16);
#define STEPS STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)

TW_INLINE sums sum_products(const int16_t *x, const int16_t *w, int32_t depth) {
  const v128_t zero = wasm_i32x4_splat(0);
  sums s = step((sums){zero, zero, zero, zero, zero, zero, zero, zero}, x, w);
  STEPS
  for (;;) {
    if (depth <= 64) return s;
    depth -= 64, x += 8 * TW_PANEL_STEP, w += 8 * 16;
    s = step(s, x, w);
    STEPS
  }
}

/* Outputs of a pair, as int16: of the first channel four rows, then of the second. */
TW_INLINE v128_t outputs(const sums *s, const scale scales[2], const tw_range *range, bool any) {
  return tw_to_range(rescale(tw_sum_lanes(s->a0, s->a1, s->a2, s->a3), &scales[0], any),
                     rescale(tw_sum_lanes(s->b0, s->b1, s->b2, s->b3), &scales[1], any), range);
}

/* Four rows of four channels, channel by channel, of which some are meant. */
TW_INLINE void store(v128_t bytes, int32_t rows, int32_t count, int32_t channels, int8_t *out) {
  bytes = wasm_i8x16_shuffle(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  if (rows >= 4 && count >= 4) {
    wasm_v128_store32_lane(out, bytes, 0);
    wasm_v128_store32_lane(out + channels, bytes, 1);
    wasm_v128_store32_lane(out + 2 * channels, bytes, 2);
    wasm_v128_store32_lane(out + 3 * channels, bytes, 3);
    return;
  }
  int8_t each[16];
  wasm_v128_store(each, bytes);
  for (int32_t r = 0; r < tw_min(rows, 4); r++) {
    for (int32_t c = 0; c < tw_min(count, 4); c++) out[r * channels + c] = each[4 * r + c];
  }
}

TW_INLINE void run_four(const tw_gemm *g, int32_t channel, bool any) {
  const int32_t left = g->channels - channel;
  scale scales[4];
  for (int32_t i = 0; i < 4; i++) scales[i] = scale_of(g, channel + tw_min(i, left - 1));
  const tw_range range = tw_range_of(g->q);
  const int16_t *x = g->x;
  int8_t *out = g->out + channel;
  for (int32_t row = 0; row < g->rows; row += 4, x += 4 * g->depth, out += 4 * g->channels) {
    sums s = sum_products(x, g->widened, g->depth);
    const v128_t first = outputs(&s, scales, &range, any);
    v128_t second = first;
    if (left > 2) {
      s = sum_products(x, g->widened + 2 * g->depth, g->depth);
      second = outputs(&s, scales + 2, &range, any);
    }
    store(wasm_i8x16_narrow_i16x8(first, second), g->rows - row, left, g->channels, out);
  }
}

/* The usual case, and any. */
static TW_NOINLINE void run_small(const tw_gemm *g, int32_t channel) { run_four(g, channel, false); }
static TW_NOINLINE void run_any(const tw_gemm *g, int32_t channel) { run_four(g, channel, true); }

void tw_gemm_run(const tw_gemm *g) {
  const uint64_t most = (uint64_t)g->width * 255 * 128 + tw_largest_bias(g->bias, g->channels);
  const bool small = most < (uint64_t)1 << 30;
  for (int32_t channel = 0; channel < g->channels; channel += 4) {
    widen_pair(g, channel, g->widened);
    if (channel + 2 < g->channels) widen_pair(g, channel + 2, g->widened + 2 * g->depth);
    (small ? run_small : run_any)(g, channel);
  }
}
