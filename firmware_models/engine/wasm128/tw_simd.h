/* What the twins for WebAssembly SIMD share. */
#ifndef TW_SIMD_H
#define TW_SIMD_H

#include <wasm_simd128.h>

#include "tw_fast.h"

#define TW_INLINE static inline __attribute__((always_inline))

/* Memory that a layer uses while it runs: widened inputs and weights. It is no part of the arena. */
enum { TW_WORK_BYTES = 65536 };
extern uint8_t tw_work[TW_WORK_BYTES];

/* The next `bytes` of it, behind `taken` ones; `work` may be NULL, to count them. */
TW_INLINE void *tw_take_work(void *work, uint32_t *taken, int32_t bytes) {
  void *const part = (uint8_t *)work + *taken;
  *taken += ((uint32_t)bytes + 15) & ~15u;
  return part;
}

/* x - zero for n values, widened to int16. `room` elements may be read from x and written to out,
 * n <= room: what is written past n has no meaning. */
TW_INLINE void tw_widen(const int8_t *x, int32_t zero, int32_t n, int32_t room, int16_t *out) {
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  int32_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const v128_t a = wasm_i16x8_load8x8(x + i), b = wasm_i16x8_load8x8(x + i + 8),
                 c = wasm_i16x8_load8x8(x + i + 16), d = wasm_i16x8_load8x8(x + i + 24);
    wasm_v128_store(out + i, wasm_i16x8_sub(a, zeros));
    wasm_v128_store(out + i + 8, wasm_i16x8_sub(b, zeros));
    wasm_v128_store(out + i + 16, wasm_i16x8_sub(c, zeros));
    wasm_v128_store(out + i + 24, wasm_i16x8_sub(d, zeros));
  }
  for (; i < n && i + 8 <= room; i += 8) {
    wasm_v128_store(out + i, wasm_i16x8_sub(wasm_i16x8_load8x8(x + i), zeros));
  }
  for (; i < n; i++) out[i] = (int16_t)(x[i] - zero);
}

/* The same of elements from number `first` on, of a tensor of int8; those of int16 as they are. What is
 * written past n has no meaning. */
TW_INLINE void tw_take(const tw_tensor *x, int32_t zero, int32_t first, int32_t n, int16_t *out) {
  if (x->type == TW_INT8) {
    const int32_t room = (int32_t)x->bytes - first;
    tw_widen((const int8_t *)x->data + first, zero, n, room, out);
    return;
  }
  const int16_t *from = (const int16_t *)x->data + first;
  int32_t i = 0;
  for (; i + 8 <= n; i += 8) wasm_v128_store(out + i, wasm_v128_load(from + i));
  for (; i < n; i++) out[i] = from[i];
}

TW_INLINE v128_t tw_add_dot(v128_t sum, v128_t a, v128_t b) {
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(a, b));
}

/* Products of signed with unsigned bytes, added in pairs, as int16, which they must fit into. With the
 * host's own instruction it is fast, and tw_has_dot_u8() true; else it is of no use. */
__attribute__((const)) v128_t tw_dot_u8(v128_t signed_bytes, v128_t bytes);
bool tw_has_dot_u8(void);

/* The sums of the lanes of four vectors. */
TW_INLINE v128_t tw_sum_lanes(v128_t a, v128_t b, v128_t c, v128_t d) {
  v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
  return wasm_i32x4_add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
}

/* Lane i of vector k becomes lane k of vector i. */
TW_INLINE void tw_turn(v128_t x[4]) {
  const v128_t a = wasm_i32x4_shuffle(x[0], x[1], 0, 4, 1, 5),
               b = wasm_i32x4_shuffle(x[0], x[1], 2, 6, 3, 7),
               c = wasm_i32x4_shuffle(x[2], x[3], 0, 4, 1, 5),
               d = wasm_i32x4_shuffle(x[2], x[3], 2, 6, 3, 7);
  x[0] = wasm_i64x2_shuffle(a, c, 0, 2), x[1] = wasm_i64x2_shuffle(a, c, 1, 3);
  x[2] = wasm_i64x2_shuffle(b, d, 0, 2), x[3] = wasm_i64x2_shuffle(b, d, 1, 3);
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

/* The compiler can't know that this is x. It would otherwise take the extension of a multiplier out of a
 * loop and multiply whole int64, which most processors have no instruction for. */
TW_INLINE v128_t tw_opaque(v128_t x) {
  __asm__ volatile("" : "+r"(x));
  return x;
}

/* Four doubled accumulators times m, and the nudge, which is 2^31 + d, without the last term: the
 * upper halves. */
TW_INLINE v128_t tw_scale_up(v128_t x2, v128_t m, v128_t nudge_low, v128_t nudge_high) {
  m = tw_opaque(m);
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

/* The scales of four channels, one a lane. Where they all shift by the same they apply in one step:
 * `power` is then 2, or 2^(1 + k) for a channel that shifts by k less, and `step` half of it.
 * Otherwise, with a shift of 0, it is 2^(32 - right), which shifts. */
typedef struct {
  v128_t bias, multiplier, nudge_low, nudge_high, power, step;
} tw_lane_scale;

/* ---- sums of int16 ----
 *
 * A product of int16 with int8 is at most 2^22, so that so many of them fit into an int32. */
enum { TW_WIDE_TERMS = 511 };

/* Sums of `count` channels, from `first` on, to outputs of int16: as tw_finish. */
void tw_finish_i16(const int32_t *sums, bool turned, int32_t pixels, const tw_requant *q,
                   const tw_tensor *bias, int32_t first, int32_t count, int32_t step, int16_t *out);

/* ---- scales of layers ---- */

/* A layer's scales: `most` bounds the magnitude of accumulators without their bias; `shift` is what all
 * channels shift by, or 0: they don't, or accumulators may be too large. */
typedef struct {
  const tw_requant *q;
  const tw_tensor *bias;
  int32_t channels;
  uint32_t most, shift;
  tw_lane_scale *lanes; /* of fours of channels, where they are kept; else NULL */
} tw_scales;

tw_scales tw_scales_of(const tw_requant *q, const tw_tensor *bias, int32_t channels, uint32_t most);

/* Set the lanes that are kept. */
void tw_scales_fill(const tw_scales *s);

/* What is set here is not returned: a structure of this size is copied by a call of the runtime. */

/* Of channels [first, first + 4); the last channel stands for those past it. */
v128_t tw_lane_bias_of(const tw_scales *s, int32_t first);
void tw_lane_scale_set(tw_lane_scale *to, const tw_scales *s, int32_t first);

/* The same, for a multiple of 4: where it is kept, or in `room`. */
TW_INLINE const tw_lane_scale *tw_lane_scale_of(const tw_scales *s, int32_t first, tw_lane_scale *room) {
  if (s->lanes != NULL) return &s->lanes[first / 4];
  tw_lane_scale_set(room, s, first);
  return room;
}

/* Of sums that have their bias and were multiplied by `power`. */
TW_INLINE v128_t tw_rescale_scaled(v128_t x2, const tw_lane_scale *s, uint32_t shift) {
  const v128_t up = tw_scale_up(x2, s->multiplier, s->nudge_low, s->nudge_high);
  const v128_t last = wasm_v128_and(wasm_i32x4_shr(x2, 31), s->step);
  return wasm_i32x4_shr(wasm_i32x4_sub(up, last), shift);
}

/* Of sums that have their bias. */
TW_INLINE v128_t tw_rescale_lanes(v128_t x, const tw_lane_scale *s, uint32_t shift) {
  if (shift != 0) return tw_rescale_scaled(wasm_i32x4_mul(x, s->power), s, shift);
  const v128_t up = tw_scale_up_size(x, s->multiplier, s->nudge_low, s->nudge_high);
  const v128_t low = wasm_u64x2_extmul_low_u32x4(up, s->power),
               high = wasm_u64x2_extmul_high_u32x4(up, s->power);
  return tw_with_sign_of(wasm_i32x4_shuffle(low, high, 1, 3, 5, 7), x);
}

/* The same of any four channels. Where weights as int16 have room for it, they are multiplied by
 * `power` before: `gains` are these factors, and else 1. The bias is then a part of the nudge, and
 * `bias` is what it takes, times `power`, to make a sum negative. */
typedef struct {
  tw_lane_scale lanes;
  uint32_t shift;
  bool scaled;
  int16_t gains[4];
} tw_scale4;

/* Of `count` channels, in order; the last one stands for those that miss. */
void tw_scale4_set(tw_scale4 *to, const tw_scales *s, const int32_t *channels, int32_t count);

/* What comes out of each channel when its weights are zeros; `out` has room for whole fours. */
void tw_constant_outputs(const tw_scales *s, int8_t *out);

/* Sums of `count` channels to outputs that lie `step` apart from pixel to pixel. Sums are [pixels, 4],
 * or [pixels / 4, 4 channels, 4 pixels] if they are `turned`. Those of up to three pixels more are
 * read. */
void tw_finish(const int32_t *sums, int32_t pixels, const tw_scale4 *s, const tw_requant *q,
               bool turned, int32_t count, int32_t step, int8_t *out);

/* Whether the scales of all channels are ones that the twins work with: right is 1 to 31, or the
 * multiplier 0, as that of a channel that learned nothing; any right does then. */
bool tw_scales_fit(const tw_requant *q, int32_t channels);

/* Where outputs are, as int16. */
typedef struct {
  v128_t zero_point, low, high;
} tw_range;

TW_INLINE tw_range tw_range_of(const tw_requant *q) {
  return (tw_range){wasm_i16x8_splat((int16_t)q->output_zero_point), wasm_i16x8_splat((int16_t)q->low),
                    wasm_i16x8_splat((int16_t)q->high)};
}

/* Eight results as int16, moved by the zero point. */
TW_INLINE v128_t tw_to_zero_point(v128_t low, v128_t high, const tw_range *r) {
  return wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(low, high), r->zero_point);
}

/* And clamped. */
TW_INLINE v128_t tw_to_range(v128_t low, v128_t high, const tw_range *r) {
  const v128_t x = tw_to_zero_point(low, high, r);
  return wasm_i16x8_min(wasm_i16x8_max(x, r->low), r->high);
}

#endif
