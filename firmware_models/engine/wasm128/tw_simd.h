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

/* The high parts of the products x * y + nudge, from bit `shift` on; shift is 31 or less. */
TW_INLINE v128_t tw_high_products(v128_t x, v128_t y, int64_t nudge, uint32_t shift) {
  const v128_t nudges = wasm_i64x2_splat(nudge);
  v128_t low = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(x, y), nudges);
  v128_t high = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(x, y), nudges);
  return wasm_i32x4_shuffle(wasm_u64x2_shr(low, shift), wasm_u64x2_shr(high, shift), 0, 2, 4, 6);
}

/* tw_doubling_high_mul for a y that is not INT32_MIN. */
TW_INLINE v128_t tw_doubling_high_products(v128_t x, v128_t y) {
  return tw_high_products(x, y, (int64_t)1 << 30, 31);
}

/* tw_rounding_shift_right: `floors` is x shifted without rounding, `mask` has the bits that went,
 * `half` is mask / 2. */
TW_INLINE v128_t tw_round_half_away(v128_t x, v128_t floors, v128_t mask, v128_t half) {
  const v128_t least = wasm_i32x4_add(half, wasm_u32x4_shr(x, 31));
  return wasm_i32x4_sub(floors, wasm_i32x4_gt(wasm_v128_and(x, mask), least));
}

/* Eight results as int16, moved by the zero point and clamped. */
TW_INLINE v128_t tw_to_range(v128_t low, v128_t high, const tw_requant *q) {
  const v128_t zero = wasm_i32x4_splat(q->output_zero_point);
  v128_t x = wasm_i16x8_narrow_i32x4(wasm_i32x4_add(low, zero), wasm_i32x4_add(high, zero));
  x = wasm_i16x8_max(x, wasm_i16x8_splat(q->low));
  return wasm_i16x8_min(x, wasm_i16x8_splat(q->high));
}

/* ---- lanes are channels ---- */

/* The scales of four channels that shift right by 0 to 30; power is 2^(30 - right). */
typedef struct {
  v128_t bias, multiplier, power, mask, half;
} tw_lane_scale;

/* Whether all channels shift so. */
bool tw_lane_scales_fit(const tw_requant *q, int32_t channels);

/* Of channels [first, first + 4); the last channel stands for those past it. */
tw_lane_scale tw_lane_scale_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                               int32_t first);

TW_INLINE v128_t tw_rescale_lanes(v128_t sum, const tw_lane_scale *s) {
  const v128_t x = tw_doubling_high_products(wasm_i32x4_add(sum, s->bias), s->multiplier);
  return tw_round_half_away(x, tw_high_products(x, s->power, 0, 30), s->mask, s->half);
}

#endif
