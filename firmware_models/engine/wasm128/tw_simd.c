#include "tw_simd.h"

_Alignas(16) uint8_t tw_work[TW_WORK_BYTES];

bool tw_lane_scales_fit(const tw_requant *q, int32_t channels) {
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c++) {
    if (q->shifts[c] > 0 || q->shifts[c] < -30) return false;
  }
  return true;
}

/* Entries [first, first + 4) of a table, the last one standing for those past it. */
static v128_t four_of(const int32_t *table, int32_t count, int32_t first) {
  if (first + 4 <= count) return wasm_v128_load(table + first);
  int32_t four[4];
  for (int32_t i = 0; i < 4; i++) four[i] = table[tw_min(first + i, count - 1)];
  return wasm_v128_load(four);
}

static v128_t four_shifts(const int8_t *shifts, int32_t count, int32_t first) {
  int8_t four[8] = {0};
  for (int32_t i = 0; i < 4; i++) four[i] = shifts[tw_min(first + i, count - 1)];
  return wasm_i32x4_extend_low_i16x8(wasm_i16x8_load8x8(four));
}

/* 2^x for x in [0, 30], by way of a float's exponent. */
static v128_t power_of_two(v128_t x) {
  v128_t bits = wasm_i32x4_shl(wasm_i32x4_add(x, wasm_i32x4_splat(127)), 23);
  return wasm_i32x4_trunc_sat_f32x4(bits);
}

tw_lane_scale tw_lane_scale_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                               int32_t first) {
  const int32_t count = q->per_channel ? channels : 1;
  const v128_t shifts = four_shifts(q->shifts, count, first), one = wasm_i32x4_splat(1);
  const v128_t mask = wasm_i32x4_sub(power_of_two(wasm_i32x4_neg(shifts)), one);
  return (tw_lane_scale){
      bias == NULL ? wasm_i32x4_splat(0) : four_of(bias->data, channels, first),
      four_of(q->multipliers, count, first),
      power_of_two(wasm_i32x4_add(shifts, wasm_i32x4_splat(30))),
      mask,
      wasm_u32x4_shr(mask, 1),
  };
}
