#include "tw_gemm.h"

/* One pixel at a time, four filters at a time: each is read where it lies. */

enum { MOST_I16 = 32 };

TW_INLINE v128_t widened(const int8_t *w) { return wasm_i16x8_load8x8(w); }

/* Sums of products with `channels` filters that lie `step` apart, four at a time. The innermost loop
 * has a function of its own, as that of tw_gemm. */
static TW_NOINLINE void multiply(const int16_t *x, const int8_t *weights, int32_t step, int32_t depth,
                                 int32_t channels, int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (int32_t c = 0; c < channels; c += 4, sums += 4) {
    const int32_t last = channels - 1;
    const int8_t *w0 = weights + c * step, *w1 = weights + tw_min(c + 1, last) * step,
                 *w2 = weights + tw_min(c + 2, last) * step,
                 *w3 = weights + tw_min(c + 3, last) * step;
    v128_t s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    const int16_t *at = x, *const end = x + depth;
    for (; at + 16 <= end; at += 16, w0 += 16, w1 += 16, w2 += 16, w3 += 16) {
      const v128_t a = wasm_v128_load(at), b = wasm_v128_load(at + 8);
      s0 = tw_add_dot(tw_add_dot(s0, a, widened(w0)), b, widened(w0 + 8));
      s1 = tw_add_dot(tw_add_dot(s1, a, widened(w1)), b, widened(w1 + 8));
      s2 = tw_add_dot(tw_add_dot(s2, a, widened(w2)), b, widened(w2 + 8));
      s3 = tw_add_dot(tw_add_dot(s3, a, widened(w3)), b, widened(w3 + 8));
    }
    if (at + 8 <= end) {
      const v128_t a = wasm_v128_load(at);
      s0 = tw_add_dot(s0, a, widened(w0)), s1 = tw_add_dot(s1, a, widened(w1));
      s2 = tw_add_dot(s2, a, widened(w2)), s3 = tw_add_dot(s3, a, widened(w3));
      at += 8, w0 += 8, w1 += 8, w2 += 8, w3 += 8;
    }
    v128_t total = tw_sum_lanes(s0, s1, s2, s3);
    for (; at < end; at++) {
      const v128_t column = wasm_i32x4_make(*w0++, *w1++, *w2++, *w3++);
      total = wasm_i32x4_add(total, wasm_i32x4_mul(column, wasm_i32x4_splat(*at)));
    }
    wasm_v128_store(sums, total);
  }
}

/* Four outputs, of which `count` are meant. */
TW_INLINE void store(v128_t bytes, int32_t count, int8_t *out) {
  if (count >= 4) {
    wasm_v128_store32_lane(out, bytes, 0);
    return;
  }
  int8_t some[16];
  wasm_v128_store(some, bytes);
  for (int32_t i = 0; i < count; i++) out[i] = some[i];
}

void tw_gemv_finish(const tw_scales *of, const int32_t *sums, int32_t first, int32_t end, int8_t *out) {
  const tw_range range = tw_range_of(of->q);
  tw_lane_scale room;
  const tw_lane_scale *s = tw_lane_scale_of(of, first, &room);
  for (int32_t c = first; c < end; c += 4, sums += 4) {
    if (of->lanes != NULL || of->q->per_channel) {
      s = tw_lane_scale_of(of, c, &room);
    } else {
      room.bias = tw_lane_bias_of(of, c);
    }
    const v128_t x = tw_rescale_lanes(wasm_i32x4_add(wasm_v128_load(sums), s->bias), s, of->shift);
    const v128_t bytes = tw_to_range(x, x, &range);
    store(wasm_i8x16_narrow_i16x8(bytes, bytes), end - c, out + c);
  }
}

static TW_NOINLINE void run_i8(const tw_gemm *g, const int16_t *x, int8_t *out) {
  const int32_t depth = g->width, channels = g->scales.channels;
  int32_t sums[TW_GEMV_MOST];
  for (int32_t c = 0, end; c < channels; c = end) {
    end = tw_min(c + TW_GEMV_MOST, channels);
    multiply(x, g->weights + c * depth, depth, depth, end - c, sums);
    tw_gemv_finish(&g->scales, sums, c, end, out);
  }
}

/* As many terms at a time as an int32 holds. */
static TW_NOINLINE void run_i16(const tw_gemm *g, const int16_t *x, int16_t *out) {
  const tw_requant *q = g->scales.q;
  const int32_t depth = g->width, channels = g->scales.channels;
  int32_t sums[MOST_I16];
  for (int32_t c = 0, count; c < channels; c += count) {
    int64_t totals[MOST_I16] = {0};
    count = tw_min(channels - c, MOST_I16);
    for (int32_t i = 0, n; i < depth; i += n) {
      n = tw_min(depth - i, TW_WIDE_TERMS & ~15);
      multiply(x + i, g->weights + c * depth + i, depth, n, count, sums);
      for (int32_t k = 0; k < count; k++) totals[k] += sums[k];
    }
    for (int32_t k = 0; k < count; k++) {
      const int64_t sum = tw_add_bias(totals[k], g->scales.bias, c + k);
      out[c + k] = (int16_t)tw_clamp(tw_requant_i64(q, sum, c + k), q->low, q->high);
    }
  }
}

void tw_gemv_run(const tw_gemm *g, const int16_t *x, void *out) {
  if (g->is_i16) {
    run_i16(g, x, out);
  } else {
    run_i8(g, x, out);
  }
}
