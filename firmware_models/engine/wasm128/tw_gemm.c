#include "tw_gemm.h"

/* Four filters at a time, and two pixels: eight sums of four lanes each stay in registers. They are the
 * only vectors that live across a turn of the innermost loop, which has a function of its own for that:
 * the runtime keeps in memory what its registers don't hold, and not what is used least. A filter
 * without weights, as training leaves some, has one output for all pixels and is no part of any four. */

static int32_t steps_of(const tw_gemm *g) { return (g->run + 7) / 8; }

/* ---- filters ---- */

/* A run of weights, times `gain`; `out` takes every fourth eight. What is missing of a last eight
 * becomes zeros, since something of x is there. */
static void widen_run(const int8_t *w, int32_t run, v128_t gain, int16_t *out) {
  int32_t i = 0;
  for (; i + 16 <= run; i += 16, out += 16 * TW_GROUP) {
    const v128_t a = wasm_i16x8_load8x8(w + i), b = wasm_i16x8_load8x8(w + i + 8);
    wasm_v128_store(out, wasm_i16x8_mul(a, gain));
    wasm_v128_store(out + 8 * TW_GROUP, wasm_i16x8_mul(b, gain));
  }
  for (; i + 8 <= run; i += 8, out += 8 * TW_GROUP) {
    wasm_v128_store(out, wasm_i16x8_mul(wasm_i16x8_load8x8(w + i), gain));
  }
  if (i == run) return;
  int8_t tail[8] = {0};
  for (int32_t j = i; j < run; j++) tail[j - i] = w[j];
  wasm_v128_store(out, wasm_i16x8_mul(wasm_i16x8_load8x8(tail), gain));
}

/* As number `i` of a group. */
static void widen(const tw_gemm *g, int32_t channel, int32_t i, int16_t gain) {
  const int8_t *w = g->weights + (size_t)channel * (size_t)(g->height * g->run);
  int16_t *out = g->widened + i * 8;
  for (int32_t k = 0; k < g->height; k++, w += g->run, out += steps_of(g) * 8 * TW_GROUP) {
    widen_run(w, g->run, wasm_i16x8_splat(gain), out);
  }
}

static TW_NOINLINE bool all_zero(const int8_t *w, int32_t width) {
  const int8_t *const end = w + width;
  v128_t some = wasm_i32x4_splat(0);
  for (; w + 16 <= end; w += 16) some = wasm_v128_or(some, wasm_v128_load(w));
  int32_t rest = 0;
  for (; w < end; w++) rest |= *w;
  return rest == 0 && !wasm_v128_any_true(some);
}

void tw_gemm_prepare(tw_gemm *g) {
  const int32_t width = g->height * g->run;
  const int8_t *w = g->weights;
  g->has_constants = false;
  for (int32_t c = 0; c < tw_min(g->scales.channels, TW_CONSTANTS); c++, w += width) {
    g->is_constant[c] = *w == 0 && all_zero(w, width);
    g->has_constants |= g->is_constant[c];
  }
  if (g->has_constants) tw_constant_outputs(&g->scales, g->constants);
}

static bool is_constant(const tw_gemm *g, int32_t channel) {
  return g->has_constants && channel < TW_CONSTANTS && g->is_constant[channel];
}

/* ---- products ---- */

/* Sums of products of two pixels, each with four filters. */
typedef struct {
  v128_t a0, a1, a2, a3, b0, b1, b2, b3;
} sums8;

TW_INLINE sums8 step(sums8 s, const int16_t *a, const int16_t *b, const int16_t *w) {
  const v128_t u = wasm_v128_load(a), v = wasm_v128_load(b);
  const v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 8), w2 = wasm_v128_load(w + 16),
               w3 = wasm_v128_load(w + 24);
  return (sums8){tw_add_dot(s.a0, u, w0), tw_add_dot(s.a1, u, w1), tw_add_dot(s.a2, u, w2),
                 tw_add_dot(s.a3, u, w3), tw_add_dot(s.b0, v, w0), tw_add_dot(s.b1, v, w1),
                 tw_add_dot(s.b2, v, w2), tw_add_dot(s.b3, v, w3)};
}

/* Step number `k` of a turn, and a way out: see docs/adr/0016 for why loops are written so. */
#define STEP(k)                                                        \
  s = step(s, a + 8 * (k), b + 8 * (k), w + 8 * TW_GROUP * (k));       \
  if (left <= (k) + 1) break;

/* Four filters times `pixels` neighbouring pixels, whose first meets `starts` from `x` on. */
static TW_NOINLINE void multiply(const int16_t *const *starts, int32_t x, int32_t step_x, int32_t height,
                                 int32_t steps, const int16_t *weights, int32_t pixels,
                                 int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (; pixels > 0; pixels -= 2, x += 2 * step_x, sums += 2 * TW_GROUP) {
    sums8 s = {zero, zero, zero, zero, zero, zero, zero, zero};
    const int32_t next = pixels > 1 ? step_x : 0;
    const int16_t *run = weights;
    for (int32_t i = 0; i < height; i++, run += 8 * TW_GROUP * steps) {
      const int16_t *a = starts[i] + x, *b = a + next, *w = run;
      int32_t left = steps;
      for (;;) {
        STEP(0) STEP(1) STEP(2) STEP(3)
        left -= 4, a += 32, b += 32, w += 32 * TW_GROUP;
      }
    }
    wasm_v128_store(sums, tw_sum_lanes(s.a0, s.a1, s.a2, s.a3));
    wasm_v128_store(sums + TW_GROUP, tw_sum_lanes(s.b0, s.b1, s.b2, s.b3));
  }
}

/* ---- groups of filters ---- */

typedef struct {
  int32_t channels[TW_GROUP], count;
} group;

/* A segment of a line, to `count` columns of `out`. Channels that are no neighbours are put side by
 * side first. */
static void finish(const tw_gemm *g, const group *of, const tw_scale4 *scale, int32_t pixels,
                   int8_t *out) {
  const int32_t first = of->channels[0], count = of->count;
  if (of->channels[count - 1] - first == count - 1) {
    tw_finish(g->sums, pixels, scale, g->scales.q, count, g->scales.channels, out + first);
    return;
  }
  tw_finish(g->sums, pixels, scale, g->scales.q, count, TW_GROUP, g->apart);
  for (int32_t x = 0; x < pixels; x++, out += g->scales.channels) {
    for (int32_t i = 0; i < count; i++) out[of->channels[i]] = g->apart[x * TW_GROUP + i];
  }
}

static void run(const tw_gemm *g, const group *of, const tw_pixels *p) {
  tw_scale4 scale;
  tw_scale4_set(&scale, &g->scales, of->channels, of->count);
  for (int32_t i = 0; i < of->count; i++) widen(g, of->channels[i], i, scale.gains[i]);
  const int16_t *const *starts = p->starts;
  int8_t *out = p->out;
  for (int32_t line = 0; line < p->lines; line++, starts += g->height) {
    for (int32_t x = 0; x < p->pixels; x += TW_SEGMENT) {
      const int32_t pixels = tw_min(p->pixels - x, TW_SEGMENT);
      multiply(starts, x * p->step, p->step, g->height, steps_of(g), g->widened, pixels, g->sums);
      finish(g, of, &scale, pixels, out);
      out += pixels * g->scales.channels;
    }
  }
}

void tw_gemm_run(const tw_gemm *g, const tw_pixels *p) {
  const int32_t channels = g->scales.channels;
  for (int32_t i = 0; g->has_constants && i < p->lines * p->pixels; i++) {
    memcpy(p->out + i * channels, g->constants, (size_t)channels);
  }
  group next = {.count = 0};
  for (int32_t c = 0; c < channels; c++) {
    if (is_constant(g, c)) continue;
    next.channels[next.count++] = c;
    if (next.count < TW_GROUP) continue;
    run(g, &next, p);
    next.count = 0;
  }
  if (next.count > 0) run(g, &next, p);
}
