/* What the twins for WebAssembly SIMD share. */
#ifndef TW_SIMD_H
#define TW_SIMD_H

#include <wasm_simd128.h>

#include "tw_fast.h"

#define TW_INLINE static inline __attribute__((always_inline))

/* Memory that a layer uses while it runs: widened inputs and weights. It is no part of the arena. */
enum { TW_WORK_BYTES = 65536 };
extern uint8_t tw_work[TW_WORK_BYTES];

/* x - zero for n values, widened to int16. `room` elements may be read from x and written to out,
 * n <= room: what is written past n has no meaning. */
TW_INLINE void tw_widen(const int8_t *x, int32_t zero, int32_t n, int32_t room, int16_t *out) {
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  int32_t i = 0;
  for (; i < n && i + 8 <= room; i += 8) {
    wasm_v128_store(out + i, wasm_i16x8_sub(wasm_i16x8_load8x8(x + i), zeros));
  }
  for (; i < n; i++) out[i] = (int16_t)(x[i] - zero);
}

TW_INLINE v128_t tw_add_dot(v128_t sum, v128_t a, v128_t b) {
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(a, b));
}

/* The sums of the lanes of four vectors. */
TW_INLINE v128_t tw_sum_lanes(v128_t a, v128_t b, v128_t c, v128_t d) {
  v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
  return wasm_i32x4_add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
}

/* ---- accumulators to outputs ----
 *
 * An accumulator x is scaled by multiplier * 2^(-31 - right), with TFLM's two roundings: to the
 * nearest at bit 31, half up, then to the nearest at bit `right`, half away from zero. With m the
 * multiplier and d = 2^(31 + right) both are one floor:
 *
 *   floor((x m + 2^30 + d / 2 - (x < 0 ? 2^31 : 0)) / d)
 *
 * Everything is doubled, so that it is the upper half of 64 bits that counts and the last term is 1
 * there. That takes |x| < 2^30; for any x there is a longer way, by the magnitude:
 *
 *   x < 0:  -floor((-x m + 2^30 + d / 2 - 1) / d)
 *
 * Without a shift there is no second rounding: d / 2 is no part of either, nor is the last term. */

/* Four doubled accumulators times m, and the nudge, which is 2^31 + d, without the last term: the
 * upper halves. */
TW_INLINE v128_t tw_scale_up(v128_t x2, v128_t m, v128_t nudge_low, v128_t nudge_high) {
  const v128_t low = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(x2, m), nudge_low);
  const v128_t high = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(x2, m), nudge_high);
  return wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
}

/* The same of the magnitudes of any accumulators, not doubled. */
TW_INLINE v128_t tw_scale_up_size(v128_t x, v128_t m, v128_t nudge_low, v128_t nudge_high) {
  const v128_t size = wasm_i32x4_abs(x), sign = wasm_i32x4_shr(x, 31), m2 = wasm_i32x4_shl(m, 1);
  v128_t low = wasm_i64x2_add(wasm_u64x2_extmul_low_u32x4(size, m2), nudge_low);
  v128_t high = wasm_i64x2_add(wasm_u64x2_extmul_high_u32x4(size, m2), nudge_high);
  low = wasm_i64x2_add(low, wasm_i64x2_extend_low_i32x4(sign));
  high = wasm_i64x2_add(high, wasm_i64x2_extend_high_i32x4(sign));
  return wasm_i32x4_shuffle(low, high, 1, 3, 5, 7);
}

TW_INLINE v128_t tw_with_sign_of(v128_t size, v128_t x) {
  const v128_t sign = wasm_i32x4_shr(x, 31);
  return wasm_i32x4_sub(wasm_v128_xor(size, sign), sign);
}

/* One scale for all lanes. */
typedef struct {
  v128_t multiplier, nudge, step; /* step: what the last term is, from all bits of a sign */
  uint32_t right;
} tw_even_scale;

TW_INLINE tw_even_scale tw_even_scale_of(int32_t multiplier, uint32_t right) {
  const uint64_t d = right == 0 ? 0 : (uint64_t)1 << (31 + right);
  return (tw_even_scale){wasm_i32x4_splat(multiplier), wasm_u64x2_splat(((uint64_t)1 << 31) + d),
                         wasm_i32x4_splat(right == 0 ? 0 : 1), right};
}

/* Of doubled accumulators. */
TW_INLINE v128_t tw_rescale_even(v128_t x2, const tw_even_scale *s) {
  const v128_t up = tw_scale_up(x2, s->multiplier, s->nudge, s->nudge);
  const v128_t last = wasm_v128_and(wasm_i32x4_shr(x2, 31), s->step);
  return wasm_i32x4_shr(wasm_i32x4_sub(up, last), s->right);
}

TW_INLINE v128_t tw_rescale_even_any(v128_t x, const tw_even_scale *s) {
  const v128_t size = tw_scale_up_size(x, s->multiplier, s->nudge, s->nudge);
  return tw_with_sign_of(wasm_u32x4_shr(size, s->right), x);
}

/* The scales of four channels, one a lane. Where a whole layer shifts by the same they apply in one
 * step: `power` is then 2, or 2^(1 + k) for a channel that shifts by k less, and `step` half of it.
 * Otherwise it is 2^(32 - right), which shifts. */
typedef struct {
  v128_t bias, multiplier, nudge_low, nudge_high, power, step;
} tw_lane_scale;

/* What all channels of a layer shift by, or 0: they don't, or accumulators may be too large. `most`
 * bounds those without their bias. */
uint32_t tw_lane_shift_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                          uint32_t most);

/* Of channels [first, first + 4); the last channel stands for those past it. */
v128_t tw_lane_bias_of(const tw_tensor *bias, int32_t channels, int32_t first);
tw_lane_scale tw_lane_scale_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                               int32_t first, uint32_t shift);

/* Of sums that have their bias. */
TW_INLINE v128_t tw_rescale_lanes(v128_t x, const tw_lane_scale *s, uint32_t shift) {
  if (shift != 0) {
    const v128_t x2 = wasm_i32x4_mul(x, s->power);
    const v128_t up = tw_scale_up(x2, s->multiplier, s->nudge_low, s->nudge_high);
    const v128_t last = wasm_v128_and(wasm_i32x4_shr(x2, 31), s->step);
    return wasm_i32x4_shr(wasm_i32x4_sub(up, last), shift);
  }
  const v128_t up = tw_scale_up_size(x, s->multiplier, s->nudge_low, s->nudge_high);
  const v128_t low = wasm_u64x2_extmul_low_u32x4(up, s->power),
               high = wasm_u64x2_extmul_high_u32x4(up, s->power);
  return tw_with_sign_of(wasm_i32x4_shuffle(low, high, 1, 3, 5, 7), x);
}

/* Whether the scales of all channels are ones that the twins work with: right is 1 to 31, or the
 * multiplier 0, as that of a channel that learned nothing; any right does then. */
bool tw_scales_fit(const tw_requant *q, int32_t channels);

/* A bound of the biases' magnitudes; 0 without a bias. */
uint32_t tw_largest_bias(const tw_tensor *bias, int32_t channels);

/* Where outputs are, as int16. */
typedef struct {
  v128_t zero_point, low, high;
} tw_range;

TW_INLINE tw_range tw_range_of(const tw_requant *q) {
  return (tw_range){wasm_i16x8_splat((int16_t)q->output_zero_point), wasm_i16x8_splat((int16_t)q->low),
                    wasm_i16x8_splat((int16_t)q->high)};
}

/* Eight results as int16, moved by the zero point and clamped. */
TW_INLINE v128_t tw_to_range(v128_t low, v128_t high, const tw_range *r) {
  const v128_t x = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(low, high), r->zero_point);
  return wasm_i16x8_min(wasm_i16x8_max(x, r->low), r->high);
}

/* ---- rows of an image under a window ---- */

/* The rows that a window sees, widened, with zeros where it leaves the image: column by column, or
 * by groups of eight channels and then column by column, what is missing of the last group without
 * meaning. */
typedef struct {
  const tw_tensor *input;
  const tw_window *window;
  int32_t zero, columns, depth, step; /* depth: elements of a column; step: from one row to the next */
  bool grouped;
  int32_t height;                     /* rows from the window's first to its last */
  int32_t image, widened;             /* rows of that image that have been widened */
  int32_t top, top_number;            /* the first row that the windows see */
  int16_t *zeros, *rows;              /* row y is number y % height */
} tw_ring;

/* Bytes of memory that it needs; UINT32_MAX when they would be too many anyhow. */
uint32_t tw_ring_bytes(const tw_tensor *output, const tw_window *w, uint32_t depth);

/* `output` is only asked for its dimensions. */
tw_ring tw_ring_start(const tw_tensor *input, const tw_tensor *output, const tw_window *w,
                      int32_t zero, bool grouped, int16_t *memory);

/* Widen what the windows of output row `y` see. Rows are asked for in order. */
void tw_ring_move(tw_ring *r, int32_t image, int32_t y);

/* Row number i that the windows see, or zeros above and below the image, from the window of the first
 * output pixel on. */
TW_INLINE const int16_t *tw_ring_row(const tw_ring *r, int32_t i) {
  if (r->top + i < 0 || r->top + i >= r->input->dims[1]) return r->zeros;
  const int32_t number = r->top_number + i;
  return r->rows + (number < r->height ? number : number - r->height) * r->step;
}

#endif
