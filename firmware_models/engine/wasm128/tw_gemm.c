#include "tw_gemm.h"

/* Four channels at a time, and of those two, and four rows: eight sums of four lanes each stay in
 * registers, and each vector of weights that is loaded serves four rows. A channel whose weights are
 * all zero, as training leaves some, has one output for all rows, and is no part of any four. */

typedef struct {
  v128_t bias;
  tw_even_scale even;
} scale;

static int32_t bias_of(const tw_gemm *g, int32_t channel) {
  return g->bias == NULL ? 0 : ((const int32_t *)g->bias->data)[channel];
}

static scale scale_of(const tw_gemm *g, int32_t channel) {
  const int32_t i = g->q->per_channel ? channel : 0;
  return (scale){
      wasm_i32x4_splat(bias_of(g, channel)),
      tw_even_scale_of(g->q->multipliers[i], (uint32_t)-g->q->shifts[i]),
  };
}

TW_INLINE v128_t rescale(v128_t sum, const scale *s, bool any) {
  const v128_t x = wasm_i32x4_add(sum, s->bias);
  return any ? tw_rescale_even_any(x, &s->even) : tw_rescale_even(wasm_i32x4_shl(x, 1), &s->even);
}

/* `width` elements of a row of weights, of which `room` may be read; `out` takes every other eight.
 * What is read past the width meets zeros of x. */
TW_INLINE void widen_row(const int8_t *w, int32_t width, int32_t room, int16_t *out) {
  int32_t i = 0;
  for (; i + 32 <= width; i += 32, out += 64) {
    const v128_t a = wasm_i16x8_load8x8(w + i), b = wasm_i16x8_load8x8(w + i + 8),
                 c = wasm_i16x8_load8x8(w + i + 16), d = wasm_i16x8_load8x8(w + i + 24);
    wasm_v128_store(out, a);
    wasm_v128_store(out + 16, b);
    wasm_v128_store(out + 32, c);
    wasm_v128_store(out + 48, d);
  }
  for (; i < width; i += 8, out += 16) {
    v128_t x;
    if (i + 8 <= room) {
      x = wasm_i16x8_load8x8(w + i);
    } else {
      int8_t tail[8] = {0};
      for (int32_t j = i; j < width; j++) tail[j - i] = w[j];
      x = wasm_i16x8_load8x8(tail);
    }
    wasm_v128_store(out, x);
  }
}

/* As number `i` of a group. */
static void widen(const tw_gemm *g, int32_t channel, int32_t i) {
  widen_row(g->weights + (size_t)channel * (size_t)g->width, g->width,
            (g->channels - channel) * g->width, g->widened + i / 2 * 2 * g->depth + i % 2 * 8);
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

/* The same, slower and a tenth of the size. */
TW_INLINE sums sum_step_by_step(const int16_t *x, const int16_t *w, int32_t depth) {
  const v128_t zero = wasm_i32x4_splat(0);
  sums s = {zero, zero, zero, zero, zero, zero, zero, zero};
  for (; depth > 0; depth -= 8, x += TW_PANEL_STEP, w += 16) s = step(s, x, w);
  return s;
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

/* Channels that are computed together. */
typedef struct {
  int32_t channels[TW_GROUP], count;
} group;

/* To `count` columns of `out`, whose rows are `step` apart. */
TW_INLINE void run_four(const tw_gemm *g, const group *of, int32_t step, int8_t *out, bool any) {
  const int32_t count = of->count;
  scale scales[TW_GROUP];
  for (int32_t i = 0; i < TW_GROUP; i++) scales[i] = scale_of(g, of->channels[tw_min(i, count - 1)]);
  const tw_range range = tw_range_of(g->q);
  const int16_t *x = g->x;
  for (int32_t row = 0; row < g->rows; row += 4, x += 4 * g->depth, out += 4 * step) {
    sums s = any ? sum_step_by_step(x, g->widened, g->depth) : sum_products(x, g->widened, g->depth);
    const v128_t first = outputs(&s, scales, &range, any);
    v128_t second = first;
    if (count > 2) {
      const int16_t *const w = g->widened + 2 * g->depth;
      s = any ? sum_step_by_step(x, w, g->depth) : sum_products(x, w, g->depth);
      second = outputs(&s, scales + 2, &range, any);
    }
    store(wasm_i8x16_narrow_i16x8(first, second), g->rows - row, count, step, out);
  }
}

/* The usual case, and any. */
static TW_NOINLINE void run_small(const tw_gemm *g, const group *of, int32_t step, int8_t *out) {
  run_four(g, of, step, out, false);
}
static TW_NOINLINE void run_any(const tw_gemm *g, const group *of, int32_t step, int8_t *out) {
  run_four(g, of, step, out, true);
}

/* Channels that are no neighbours are put side by side first. */
static void run(const tw_gemm *g, const group *of, bool any) {
  void (*const it)(const tw_gemm *, const group *, int32_t, int8_t *) = any ? run_any : run_small;
  const int32_t first = of->channels[0], last = of->channels[of->count - 1];
  if (last - first == of->count - 1) {
    it(g, of, g->channels, g->out + first);
    return;
  }
  it(g, of, TW_GROUP, g->apart);
  for (int32_t row = 0; row < g->rows; row++) {
    int8_t *const out = g->out + row * g->channels;
    for (int32_t i = 0; i < of->count; i++) out[of->channels[i]] = g->apart[row * TW_GROUP + i];
  }
}

static TW_NOINLINE bool all_zero(const int8_t *w, int32_t width) {
  const int8_t *const end = w + width;
  for (; w + 16 <= end; w += 16) {
    if (wasm_v128_any_true(wasm_v128_load(w))) return false;
  }
  for (; w < end; w++) {
    if (*w != 0) return false;
  }
  return true;
}

/* Whether a channel's output is the same for all rows. */
TW_INLINE bool is_constant(const tw_gemm *g, int32_t channel) {
  const int8_t *w = g->weights + (size_t)channel * (size_t)g->width;
  return g->channels <= TW_CONSTANTS && *w == 0 && all_zero(w, g->width);
}

/* The output of a channel without weights, for every row. */
static int8_t constant_of(const tw_gemm *g, int32_t channel) {
  const scale s = scale_of(g, channel);
  const tw_range range = tw_range_of(g->q);
  const v128_t x = rescale(wasm_i32x4_splat(0), &s, true);
  return (int8_t)wasm_i16x8_extract_lane(tw_to_range(x, x, &range), 0);
}

void tw_gemm_run(const tw_gemm *g) {
  const int64_t most = ((int64_t)1 << 30) - (int64_t)g->width * 255 * 128;
  bool any = false, constants = false;
  for (int32_t c = 0; c < g->channels; c++) {
    if (is_constant(g, c)) {
      g->constants[c] = constant_of(g, c);
      constants = true;
    } else {
      const int64_t bias = bias_of(g, c);
      any = any || bias >= most || -bias >= most;
    }
  }
  for (int32_t row = 0; constants && row < g->rows; row++) {
    memcpy(g->out + row * g->channels, g->constants, (size_t)g->channels);
  }
  group next = {.count = 0};
  for (int32_t c = 0; c < g->channels; c++) {
    if (constants && is_constant(g, c)) continue;
    widen(g, c, next.count);
    next.channels[next.count++] = c;
    if (next.count < TW_GROUP) continue;
    run(g, &next, any);
    next.count = 0;
  }
  if (next.count > 0) run(g, &next, any);
}
