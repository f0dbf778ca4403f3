#include "tw_gemm.h"

/* Four filters at a time, and two pixels or two times four: eight sums of four lanes each stay in
 * registers. They are the only vectors that live across a turn of the innermost loop, which has a function
 * of its own for that: the runtime keeps in memory what its registers don't hold, and not what is used
 * least. A filter without weights, as training leaves some, has one output for all pixels and is no part
 * of any four. */

/* ---- filters ---- */

static TW_NOINLINE bool all_zero(const int8_t *w, int32_t width) {
  const int8_t *const end = w + width;
  v128_t some = wasm_i32x4_splat(0);
  for (; w + 16 <= end; w += 16) some = wasm_v128_or(some, wasm_v128_load(w));
  int32_t rest = 0;
  for (; w < end; w++) rest |= *w;
  return rest == 0 && !wasm_v128_any_true(some);
}

void tw_gemm_prepare(tw_gemm *g) {
  const int32_t width = g->width;
  const int8_t *w = g->weights;
  g->has_constants = false;
  if (g->is_i16) return;
  for (int32_t c = 0; c < tw_min(g->scales.channels, TW_CONSTANTS); c++, w += width) {
    g->is_constant[c] = *w == 0 && all_zero(w, width);
    g->has_constants |= g->is_constant[c];
  }
  if (g->has_constants) tw_constant_outputs(&g->scales, g->constants);
}

static bool is_constant(const tw_gemm *g, int32_t channel) {
  return g->has_constants && channel < TW_CONSTANTS && g->is_constant[channel];
}

static void set_group(const tw_gemm *g, const int32_t channels[TW_GROUP], int32_t count, tw_group *of) {
  memcpy(of->channels, channels, sizeof of->channels);
  of->count = count;
  if (g->is_i16) {
    wasm_v128_store64_lane(of->scale.gains, wasm_i16x8_splat(1), 0);
  } else {
    tw_scale4_set(&of->scale, &g->scales, channels, count);
  }
}

/* All groups in order, each packed and run. */
static void pack_and_run(tw_gemm *g, const tw_way *way, const void *data) {
  const int32_t channels = g->scales.channels;
  int32_t some[TW_GROUP] = {0}, count = 0, place = 0;
  for (int32_t c = 0; c < channels; c++) {
    if (!is_constant(g, c)) some[count++] = c;
    if (count < TW_GROUP && (count == 0 || c < channels - 1)) continue;
    tw_group *const of = g->groups + place;
    int16_t *const widened = g->widened + place * g->step;
    set_group(g, some, count, of);
    way->pack(g, of, data, widened);
    way->run(g, of, data, widened);
    if (g->kept) place++;
    count = 0;
  }
  g->groups_count = place;
  g->ready = g->kept;
}

void tw_gemm_run(tw_gemm *g, void *out, int32_t pixels, const tw_way *way, const void *data) {
  const int32_t channels = g->scales.channels;
  for (int32_t i = 0; g->has_constants && i < pixels; i++) {
    memcpy((int8_t *)out + i * channels, g->constants, (size_t)channels);
  }
  if (!g->ready) {
    pack_and_run(g, way, data);
    return;
  }
  for (int32_t i = 0; i < g->groups_count; i++) {
    way->run(g, g->groups + i, data, g->widened + i * g->step);
  }
}

/* Up to eight weights, and zeros for what is missing. */
TW_INLINE v128_t eight_weights(const int8_t *w, int32_t count) {
  if (count >= 8) return wasm_i16x8_load8x8(w);
  int8_t some[8] = {0};
  for (int32_t i = 0; i < count; i++) some[i] = w[i];
  return wasm_i16x8_load8x8(some);
}

/* A run of the filter of a channel, number `i` of a group, from element `first` on: widened, times its
 * gain, every fourth eight of `out`. What is missing of a last eight becomes zeros. */
static void widen(const tw_gemm *g, const tw_group *of, int32_t i, int32_t first, int32_t run,
                  int16_t *out) {
  const int8_t *w = g->weights + (size_t)of->channels[i] * (size_t)g->width + first;
  const v128_t gain = wasm_i16x8_splat(of->scale.gains[i]);
  int32_t k = 0;
  out += i * 8;
  for (; k + 16 <= run; k += 16, out += 16 * TW_GROUP) {
    const v128_t a = wasm_i16x8_load8x8(w + k), b = wasm_i16x8_load8x8(w + k + 8);
    wasm_v128_store(out, wasm_i16x8_mul(a, gain));
    wasm_v128_store(out + 8 * TW_GROUP, wasm_i16x8_mul(b, gain));
  }
  for (; k < run; k += 8, out += 8 * TW_GROUP) {
    wasm_v128_store(out, wasm_i16x8_mul(eight_weights(w + k, run - k), gain));
  }
}

/* Pair number `k` of each of four filters, for four pixels. */
#define SPLAT_PAIR(k)                                                                   \
  for (int32_t i = 0; i < 4; i++) {                                                     \
    const v128_t pair = wasm_i32x4_shuffle(x[i], x[i], (k), (k), (k), (k));             \
    wasm_v128_store(out + 8 * TW_GROUP * (k) + 8 * i, pair);                            \
  }

/* Whole filters of a group in pairs of weights: each for four pixels, or those of the four filters side by
 * side. */
static void widen_pairs(const tw_gemm *g, const tw_group *of, bool splatted, int16_t *out) {
  const int8_t *w[4];
  v128_t gains[4];
  for (int32_t i = 0; i < 4; i++) {
    const int32_t k = tw_min(i, of->count - 1);
    w[i] = g->weights + (size_t)of->channels[k] * (size_t)g->width;
    gains[i] = wasm_i16x8_splat(of->scale.gains[k]);
  }
  for (int32_t k = 0; k < g->width; k += 8, out += splatted ? 32 * TW_GROUP : 8 * TW_GROUP) {
    v128_t x[4];
    for (int32_t i = 0; i < 4; i++) {
      x[i] = wasm_i16x8_mul(eight_weights(w[i] + k, g->width - k), gains[i]);
    }
    if (splatted) {
      SPLAT_PAIR(0) SPLAT_PAIR(1) SPLAT_PAIR(2) SPLAT_PAIR(3)
    } else {
      tw_turn(x);
      for (int32_t i = 0; i < 4; i++) wasm_v128_store(out + 8 * i, x[i]);
    }
  }
}

/* ---- products ---- */

/* Step number `k` of a turn, and a way out: see docs/adr/0016 for why loops are written so. */
#define STEP(k)                                                               \
  s = tw_add_products(s, w + 8 * TW_GROUP * (k), wasm_v128_load(a + 8 * (k)), \
                      wasm_v128_load(b + 8 * (k)));                           \
  if (left <= (k) + 1) break;

/* Sums of products of four filters with `pixels` pixels. A filter is `height` runs of `steps` times
 * eight elements; run k of the first pixel begins at starts[k] + x, and those of the next pixel `step_x`
 * behind. Sums of one pixel more may be written. */
static TW_NOINLINE void multiply(const int16_t *const *starts, int32_t x, int32_t step_x, int32_t height,
                                 int32_t steps, const int16_t *weights, int32_t pixels,
                                 int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (; pixels > 0; pixels -= 2, x += 2 * step_x, sums += 2 * TW_GROUP) {
    tw_sums8 s = {zero, zero, zero, zero, zero, zero, zero, zero};
    const int32_t next = pixels > 1 ? step_x : 0;
    const int16_t *run = weights;
    for (int32_t i = 0; i < height; i++, run += 8 * TW_GROUP * steps) {
      const int16_t *a = starts[i] + x, *b = a + next, *w = run;
      int32_t left = steps;
      for (;;) {
        STEP(0) STEP(1)
        left -= 2, a += 16, b += 16, w += 16 * TW_GROUP;
      }
    }
    wasm_v128_store(sums, tw_sum_lanes(s.a0, s.a1, s.a2, s.a3));
    wasm_v128_store(sums + TW_GROUP, tw_sum_lanes(s.b0, s.b1, s.b2, s.b3));
  }
}

/* One step more with pairs of four filters that lie side by side. */
TW_INLINE tw_sums8 add_packed(tw_sums8 s, v128_t x, v128_t a, v128_t b) {
  return tw_add_four(s, wasm_i32x4_shuffle(x, x, 0, 0, 0, 0), wasm_i32x4_shuffle(x, x, 1, 1, 1, 1),
                     wasm_i32x4_shuffle(x, x, 2, 2, 2, 2), wasm_i32x4_shuffle(x, x, 3, 3, 3, 3), a, b);
}

#define TURNED_STEP(k)                                                                      \
  {                                                                                         \
    const v128_t a = wasm_v128_load(at + 16 * (k)), b = wasm_v128_load(at + 16 * (k) + 8);  \
    s = splatted ? tw_add_products(s, w + 8 * TW_GROUP * (k), a, b)                         \
                 : add_packed(s, wasm_v128_load(w + 8 * (k)), a, b);                        \
    if (left <= (k) + 1) break;                                                             \
  }

/* The same of turned pixels, to turned sums. Sums of up to seven pixels more are written. */
TW_INLINE void multiply_turned(const int16_t *x, int32_t pairs, const int16_t *weights, bool splatted,
                               int32_t pixels, int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (; pixels > 0; pixels -= 8, x += 16 * pairs, sums += 8 * TW_GROUP) {
    tw_sums8 s = {zero, zero, zero, zero, zero, zero, zero, zero};
    const int16_t *at = x, *w = weights;
    for (int32_t left = pairs;;) {
      TURNED_STEP(0) TURNED_STEP(1) TURNED_STEP(2) TURNED_STEP(3)
      left -= 4, at += 64, w += splatted ? 32 * TW_GROUP : 32;
    }
    wasm_v128_store(sums, s.a0), wasm_v128_store(sums + 4, s.a1);
    wasm_v128_store(sums + 8, s.a2), wasm_v128_store(sums + 12, s.a3);
    wasm_v128_store(sums + 16, s.b0), wasm_v128_store(sums + 20, s.b1);
    wasm_v128_store(sums + 24, s.b2), wasm_v128_store(sums + 28, s.b3);
  }
}

static TW_NOINLINE void multiply_splatted(const int16_t *x, int32_t pairs, const int16_t *weights,
                                          int32_t pixels, int32_t *sums) {
  multiply_turned(x, pairs, weights, true, pixels, sums);
}

static TW_NOINLINE void multiply_packed(const int16_t *x, int32_t pairs, const int16_t *weights,
                                        int32_t pixels, int32_t *sums) {
  multiply_turned(x, pairs, weights, false, pixels, sums);
}

/* ---- outputs ---- */

/* Channels that are no neighbours are put side by side first. */
void tw_gemm_finish(const tw_gemm *g, const tw_group *of, const int32_t *sums, bool turned,
                    int32_t pixels, void *to) {
  const int32_t first = of->channels[0], count = of->count, channels = g->scales.channels;
  if (g->is_i16) {
    tw_finish_i16(sums, turned, pixels, g->scales.q, g->scales.bias, first, count, channels,
                  (int16_t *)to + first);
    return;
  }
  int8_t *out = to;
  if (of->channels[count - 1] - first == count - 1) {
    tw_finish(sums, pixels, &of->scale, g->scales.q, turned, count, channels, out + first);
    return;
  }
  tw_finish(sums, pixels, &of->scale, g->scales.q, turned, count, TW_GROUP, g->apart);
  for (int32_t x = 0; x < pixels; x++, out += channels) {
    for (int32_t i = 0; i < count; i++) out[of->channels[i]] = g->apart[x * TW_GROUP + i];
  }
}

static void pack_lines(const tw_gemm *g, const tw_group *of, const void *data, int16_t *widened) {
  const tw_lines *l = data;
  const int32_t step = (l->run + 7) / 8 * 8 * TW_GROUP;
  for (int32_t i = 0; i < of->count; i++) {
    for (int32_t k = 0; k < l->height; k++) widen(g, of, i, k * l->run, l->run, widened + k * step);
  }
}

static void run_lines(const tw_gemm *g, const tw_group *of, const void *data, const int16_t *widened) {
  const tw_lines *l = data;
  const int32_t steps = (l->run + 7) / 8;
  const int16_t *const *starts = l->starts;
  void *out = l->out;
  for (int32_t line = 0; line < l->lines; line++, starts += l->height) {
    for (int32_t x = 0; x < l->pixels; x += TW_SEGMENT) {
      const int32_t pixels = tw_min(l->pixels - x, TW_SEGMENT);
      multiply(starts, x * l->step, l->step, l->height, steps, widened, pixels, g->sums);
      tw_gemm_finish(g, of, g->sums, false, pixels, out);
      out = tw_gemm_next(g, out, pixels);
    }
  }
}

void tw_lines_run(tw_gemm *g, const tw_lines *l) {
  static const tw_way way = {pack_lines, run_lines};
  tw_gemm_run(g, l->out, l->lines * l->pixels, &way, l);
}

/* ---- pixels side by side ---- */

/* Eight elements of four pixels, with four of the eight pixels of a block. */
TW_INLINE void put_turned(v128_t a, v128_t b, v128_t c, v128_t d, int16_t *out) {
  v128_t four[4] = {a, b, c, d};
  tw_turn(four);
  for (int32_t i = 0; i < 4; i++) wasm_v128_store(out + i * 16, four[i]);
}

void tw_points_turn(const int16_t *x, int32_t step, int32_t run, int32_t pixels, int16_t *out) {
  for (; pixels > 0; pixels -= 8, x += 8 * step) {
    for (int32_t k = 0; k < run; k += 8, out += 64) {
      for (int32_t i = 0; i < 8; i += 4) {
        const int16_t *const from = x + i * step + k;
        put_turned(wasm_v128_load(from), wasm_v128_load(from + step), wasm_v128_load(from + 2 * step),
                   wasm_v128_load(from + 3 * step), out + i * 2);
      }
    }
  }
}

TW_INLINE v128_t widened(const int8_t *x, v128_t zeros) {
  return wasm_i16x8_sub(wasm_i16x8_load8x8(x), zeros);
}

void tw_points_turn_i8(const int8_t *x, int32_t zero, int32_t depth, int32_t pixels, int16_t *out) {
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  for (; pixels > 0; pixels -= 8, x += 8 * depth) {
    for (int32_t k = 0; k < depth; k += 8, out += 64) {
      for (int32_t i = 0; i < 8; i += 4) {
        const int8_t *const from = x + i * depth + k;
        put_turned(widened(from, zeros), widened(from + depth, zeros), widened(from + 2 * depth, zeros),
                   widened(from + 3 * depth, zeros), out + i * 2);
      }
    }
  }
}

static void pack_points(const tw_gemm *g, const tw_group *of, const void *data, int16_t *widened) {
  widen_pairs(g, of, ((const tw_points *)data)->splatted, widened);
}

static void run_points(const tw_gemm *g, const tw_group *of, const void *data, const int16_t *widened) {
  const tw_points *p = data;
  const int32_t pairs = (g->width + 7) / 8 * 4;
  void *out = p->out;
  for (int32_t x = 0; x < p->pixels; x += TW_SEGMENT) {
    const int32_t pixels = tw_min(p->pixels - x, TW_SEGMENT);
    (p->splatted ? multiply_splatted : multiply_packed)(p->turned + x * pairs * 2, pairs, widened,
                                                        pixels, g->sums);
    tw_gemm_finish(g, of, g->sums, true, pixels, out);
    out = tw_gemm_next(g, out, pixels);
  }
}

void tw_points_run(tw_gemm *g, const tw_points *p) {
  static const tw_way way = {pack_points, run_points};
  tw_gemm_run(g, p->out, p->pixels, &way, p);
}
