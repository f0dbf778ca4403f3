#include "tw_simd.h"

_Alignas(16) uint8_t tw_work[TW_WORK_BYTES];

bool tw_scales_fit(const tw_requant *q, int32_t channels) {
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c++) {
    if (q->multipliers[c] != 0 && (q->shifts[c] > -1 || q->shifts[c] < -31)) return false;
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
  if (first + 4 <= count) {
    const v128_t four = wasm_v128_load32_zero(shifts + first);
    return wasm_i32x4_extend_low_i16x8(wasm_i16x8_extend_low_i8x16(four));
  }
  const int32_t last = count - 1;
  return wasm_i32x4_make(shifts[tw_min(first, last)], shifts[tw_min(first + 1, last)],
                         shifts[tw_min(first + 2, last)], shifts[tw_min(first + 3, last)]);
}

/* 2^x for x in [0, 30], by way of a float's exponent. */
static v128_t power_of_two(v128_t x) {
  const v128_t bits = wasm_i32x4_shl(wasm_i32x4_add(x, wasm_i32x4_splat(127)), 23);
  return wasm_i32x4_trunc_sat_f32x4(bits);
}

/* What four channels are scaled by; those of multiplier 0 shift by something. */
typedef struct {
  v128_t multiplier, right, bias;
} four;

static four four_scales(const tw_requant *q, const tw_tensor *bias, int32_t channels, int32_t first) {
  const int32_t count = q->per_channel ? channels : 1;
  const v128_t right = wasm_i32x4_neg(four_shifts(q->shifts, count, first));
  return (four){four_of(q->multipliers, count, first),
                wasm_i32x4_min(wasm_i32x4_max(right, wasm_i32x4_splat(1)), wasm_i32x4_splat(31)),
                bias == NULL ? wasm_i32x4_splat(0) : four_of(bias->data, channels, first)};
}

/* ---- one shift for several channels ---- */

/* A bound of accumulators, and what channels shift by. */
typedef struct {
  uint64_t bound;
  v128_t loud, least, most;
} shifts;

/* `biases`: the bits of their magnitudes, in any lanes. */
static void begin_shifts(shifts *s, uint32_t most, v128_t biases) {
  biases = wasm_v128_or(biases, wasm_i32x4_shuffle(biases, biases, 2, 3, 0, 1));
  s->bound = (uint64_t)most + (uint32_t)(wasm_i32x4_extract_lane(biases, 0) |
                                         wasm_i32x4_extract_lane(biases, 1));
  /* What shifts by more, or has the multiplier 0, always gives 0. */
  s->loud = wasm_i32x4_splat(64 - __builtin_clzll(s->bound | 1) + 1);
  s->least = wasm_i32x4_splat(31), s->most = wasm_i32x4_splat(1);
}

static void add_shifts(shifts *s, const four *x) {
  const v128_t quiet = wasm_v128_or(wasm_i32x4_eq(x->multiplier, wasm_i32x4_splat(0)),
                                    wasm_i32x4_gt(x->right, s->loud));
  s->least = wasm_i32x4_min(s->least, wasm_v128_bitselect(wasm_i32x4_splat(31), x->right, quiet));
  s->most = wasm_i32x4_max(s->most, wasm_v128_andnot(x->right, quiet));
}

/* The shifts that rounding has loops of their own for; any channel can do with a larger one. */
static int32_t usual_shift(int32_t shift) {
  return shift <= 6 ? 6 : shift <= 9 ? 9 : shift <= 12 ? 12 : shift;
}

/* Whether accumulators keep below 2^30 when they are multiplied by 2^more. */
static bool is_even(uint64_t bound, int32_t more) {
  return bound << tw_max(more, 0) < (uint64_t)1 << 30;
}

/* What all can shift by; 0: there is no such. */
static uint32_t common_shift(const shifts *s) {
  v128_t x = wasm_i32x4_min(s->least, wasm_i32x4_shuffle(s->least, s->least, 2, 3, 0, 1)),
         y = wasm_i32x4_max(s->most, wasm_i32x4_shuffle(s->most, s->most, 2, 3, 0, 1));
  const int32_t smallest = tw_min(wasm_i32x4_extract_lane(x, 0), wasm_i32x4_extract_lane(x, 1)),
                largest = tw_max(wasm_i32x4_extract_lane(y, 0), wasm_i32x4_extract_lane(y, 1));
  const int32_t usual = usual_shift(largest);
  if (is_even(s->bound, usual - smallest)) return (uint32_t)usual;
  return is_even(s->bound, largest - smallest) ? (uint32_t)largest : 0;
}

tw_scales tw_scales_of(const tw_requant *q, const tw_tensor *bias, int32_t channels, uint32_t most) {
  v128_t biases = wasm_i32x4_splat(0);
  for (int32_t c = 0; bias != NULL && c < channels; c += 4) {
    biases = wasm_v128_or(biases, wasm_i32x4_abs(four_of(bias->data, channels, c)));
  }
  shifts all;
  begin_shifts(&all, most, biases);
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c += 4) {
    const four x = four_scales(q, NULL, channels, c);
    add_shifts(&all, &x);
  }
  return (tw_scales){q, bias, channels, most, common_shift(&all), NULL};
}

v128_t tw_lane_bias_of(const tw_scales *s, int32_t first) {
  return s->bias == NULL ? wasm_i32x4_splat(0) : four_of(s->bias->data, s->channels, first);
}

/* ---- scales of four channels ---- */

static void set_lanes(tw_lane_scale *to, const four *x, uint32_t shift) {
  const v128_t one = wasm_i32x4_splat(1), zero = wasm_i32x4_splat(0), right = x->right;
  v128_t multiplier = x->multiplier, power, low, high;
  if (shift == 0) {
    power = wasm_i32x4_shl(power_of_two(wasm_i32x4_sub(wasm_i32x4_splat(31), right)), 1);
    low = wasm_i32x4_splat(INT32_MIN);
    high = power_of_two(wasm_i32x4_sub(right, one));
  } else { /* the nudge is multiplied too */
    const v128_t k = wasm_i32x4_sub(wasm_i32x4_splat((int32_t)shift), right);
    multiplier = wasm_v128_andnot(multiplier, wasm_i32x4_lt(k, zero)); /* it always gives 0 */
    power = wasm_i32x4_shl(power_of_two(wasm_i32x4_max(k, zero)), 1);
    low = wasm_i32x4_shl(power, 30);
    high = wasm_i32x4_add(wasm_i32x4_splat((int32_t)1 << (shift - 1)), wasm_u32x4_shr(power, 2));
  }
  to->bias = x->bias;
  to->multiplier = multiplier;
  to->nudge_low = wasm_i32x4_shuffle(low, high, 0, 4, 1, 5);
  to->nudge_high = wasm_i32x4_shuffle(low, high, 2, 6, 3, 7);
  to->power = power;
  to->step = wasm_u32x4_shr(power, 1);
}

void tw_lane_scale_set(tw_lane_scale *to, const tw_scales *s, int32_t first) {
  const four x = four_scales(s->q, s->bias, s->channels, first);
  set_lanes(to, &x, s->shift);
}

void tw_scales_fill(const tw_scales *s) {
  for (int32_t c = 0; c < s->channels; c += 4) tw_lane_scale_set(&s->lanes[c / 4], s, c);
}

/* Up to here results, which take less than 2^30 before they are shifted, have room for a zero point. */
enum { MOST_SCALED = 22 };

/* Weights are multiplied by `power` where that, and -128 times it, are int16. */
static void set_four(tw_scale4 *to, const four *x, uint32_t shift, int32_t zero_point) {
  tw_lane_scale *const s = &to->lanes;
  set_lanes(s, x, shift);
  to->shift = shift;
  const v128_t over = wasm_i32x4_gt(s->power, wasm_i32x4_splat(256));
  to->scaled = shift != 0 && shift <= MOST_SCALED && !wasm_v128_any_true(over);
  v128_t gains = wasm_i16x8_splat(1);
  if (to->scaled) {
    const v128_t bias = wasm_i32x4_mul(s->bias, s->power), m = s->multiplier;
    const v128_t zero = wasm_i64x2_shl(wasm_i64x2_splat(zero_point), 32 + shift);
    s->nudge_low = wasm_i64x2_add(wasm_i64x2_add(s->nudge_low, zero), wasm_i64x2_extmul_low_i32x4(bias, m));
    s->nudge_high =
        wasm_i64x2_add(wasm_i64x2_add(s->nudge_high, zero), wasm_i64x2_extmul_high_i32x4(bias, m));
    s->bias = wasm_i32x4_neg(bias);
    gains = wasm_i16x8_narrow_i32x4(s->power, s->power);
  }
  wasm_v128_store64_lane(to->gains, gains, 0);
}

void tw_scale4_set(tw_scale4 *to, const tw_scales *of, const int32_t *channels, int32_t count) {
  const tw_requant *q = of->q;
  const int32_t first = channels[0];
  four x;
  if (channels[count - 1] - first == count - 1) {
    x = four_scales(q, of->bias, of->channels, first);
  } else {
    int32_t multipliers[4], biases[4];
    int8_t shifts[4];
    for (int32_t i = 0; i < 4; i++) {
      const int32_t c = channels[tw_min(i, count - 1)], k = q->per_channel ? c : 0;
      multipliers[i] = q->multipliers[k];
      shifts[i] = q->shifts[k];
      biases[i] = of->bias == NULL ? 0 : ((const int32_t *)of->bias->data)[c];
    }
    const tw_requant some = {.multipliers = multipliers, .shifts = shifts, .per_channel = true};
    x = four_scales(&some, &(tw_tensor){.data = biases}, 4, 0);
  }
  uint32_t shift = of->shift;
  if (shift == 0) { /* that of four may be the same though those of all are not */
    shifts four_only;
    begin_shifts(&four_only, of->most, wasm_i32x4_abs(x.bias));
    add_shifts(&four_only, &x);
    shift = common_shift(&four_only);
  }
  set_four(to, &x, shift, q->output_zero_point);
}

void tw_constant_outputs(const tw_scales *of, int8_t *out) {
  const tw_range range = tw_range_of(of->q);
  for (int32_t c = 0; c < of->channels; c += 4) {
    tw_lane_scale s;
    tw_lane_scale_set(&s, of, c);
    const v128_t x = tw_rescale_lanes(s.bias, &s, of->shift);
    const v128_t bytes = tw_to_range(x, x, &range);
    wasm_v128_store32_lane(out + c, wasm_i8x16_narrow_i16x8(bytes, bytes), 0);
  }
}

/* Up to four pixels of up to four channels. */
static TW_NOINLINE void store_some(v128_t bytes, int32_t pixels, int32_t count, int32_t step,
                                   int8_t *out) {
  if (count == 4) {
    wasm_v128_store32_lane(out, bytes, 0);
    if (pixels > 1) wasm_v128_store32_lane(out + step, bytes, 1);
    if (pixels > 2) wasm_v128_store32_lane(out + 2 * step, bytes, 2);
    if (pixels > 3) wasm_v128_store32_lane(out + 3 * step, bytes, 3);
    return;
  }
  int8_t each[16];
  wasm_v128_store(each, bytes);
  for (int32_t x = 0; x < tw_min(pixels, 4); x++) {
    for (int32_t c = 0; c < count; c++) out[x * step + c] = each[4 * x + c];
  }
}

/* How outputs are made of sums: whether weights were multiplied (`scaled`), all of int8 is in range
 * (`whole`), nothing below the zero point is: the last term of a negative sum's formula doesn't count
 * then (`positive`), and lanes are pixels (`turned`). */
typedef struct {
  bool scaled, whole, positive, turned;
} form;

/* The scale of one of four channels, for all lanes. */
TW_INLINE tw_lane_scale scale_of_lane(const tw_lane_scale *s, int32_t lane) {
  const v128_t *const nudge = lane < 2 ? &s->nudge_low : &s->nudge_high;
  const v128_t nudges = wasm_v128_load64_splat((const int64_t *)nudge + lane % 2);
  return (tw_lane_scale){wasm_v128_load32_splat((const int32_t *)&s->bias + lane),
                         wasm_v128_load32_splat((const int32_t *)&s->multiplier + lane),
                         nudges, nudges,
                         wasm_v128_load32_splat((const int32_t *)&s->power + lane),
                         wasm_v128_load32_splat((const int32_t *)&s->step + lane)};
}

TW_INLINE v128_t rescale(const int32_t *sums, const tw_lane_scale *s, uint32_t shift, form f) {
  const v128_t x = wasm_v128_load(sums);
  if (!f.scaled) return tw_rescale_lanes(wasm_i32x4_add(x, s->bias), s, shift);
  v128_t up = tw_scale_up(x, s->multiplier, s->nudge_low, s->nudge_high);
  if (!f.positive) up = wasm_i32x4_sub(up, wasm_v128_and(wasm_i32x4_lt(x, s->bias), s->step));
  return wasm_i32x4_shr(up, shift);
}

/* The zero point is a part of the nudge of `scaled` ones. */
TW_INLINE v128_t to_range(v128_t low, v128_t high, const tw_range *range, form f) {
  if (!f.scaled) return tw_to_range(low, high, range);
  const v128_t x = wasm_i16x8_narrow_i32x4(low, high);
  return f.whole ? x : wasm_i16x8_min(wasm_i16x8_max(x, range->low), range->high);
}

/* Four pixels of four channels, pixel by pixel. */
TW_INLINE v128_t four_pixels(const int32_t *sums, const tw_lane_scale s[4], uint32_t shift,
                             const tw_range *range, form f) {
  const v128_t a = rescale(sums, &s[0], shift, f), b = rescale(sums + 4, &s[1], shift, f),
               c = rescale(sums + 8, &s[2], shift, f), d = rescale(sums + 12, &s[3], shift, f);
  const v128_t x = wasm_i8x16_narrow_i16x8(to_range(a, b, range, f), to_range(c, d, range, f));
  return f.turned ? wasm_i8x16_shuffle(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15) : x;
}

TW_INLINE void finish(const int32_t *sums, int32_t pixels, const tw_scale4 *scale, uint32_t shift,
                      const tw_requant *q, form f, int32_t count, int32_t step, int8_t *out) {
  const tw_range range = tw_range_of(q);
  const tw_lane_scale *const all = &scale->lanes;
  tw_lane_scale s[4];
#pragma clang loop unroll(full)
  for (int32_t i = 0; i < 4; i++) s[i] = f.turned ? scale_of_lane(all, i) : *all;
  for (; count == 4 && pixels >= 4; pixels -= 4, sums += 16, out += 4 * step) {
    const v128_t bytes = four_pixels(sums, s, shift, &range, f);
    wasm_v128_store32_lane(out, bytes, 0);
    wasm_v128_store32_lane(out + step, bytes, 1);
    wasm_v128_store32_lane(out + 2 * step, bytes, 2);
    wasm_v128_store32_lane(out + 3 * step, bytes, 3);
  }
  for (; pixels > 0; pixels -= 4, sums += 16, out += 4 * step) {
    store_some(four_pixels(sums, s, shift, &range, f), pixels, count, step, out);
  }
}

/* Of any form but `whole` and `positive`. */
static TW_NOINLINE void finish_any(const int32_t *sums, int32_t pixels, const tw_scale4 *s,
                                   const tw_requant *q, bool turned, int32_t count, int32_t step,
                                   int8_t *out) {
  if (turned) {
    finish(sums, pixels, s, s->shift, q, (form){.scaled = s->scaled, .turned = true}, count, step, out);
  } else {
    finish(sums, pixels, s, s->shift, q, (form){.scaled = s->scaled}, count, step, out);
  }
}

static TW_NOINLINE void finish_scaled(const int32_t *sums, int32_t pixels, const tw_scale4 *s,
                                      const tw_requant *q, bool turned, int32_t step, int8_t *out) {
  if (turned) {
    finish(sums, pixels, s, s->shift, q, (form){.scaled = true, .turned = true}, 4, step, out);
  } else {
    finish(sums, pixels, s, s->shift, q, (form){.scaled = true}, 4, step, out);
  }
}

/* The usual cases: a shift that is a constant takes a quarter of the instructions. */
TW_INLINE void finish_whole(const int32_t *sums, int32_t pixels, const tw_scale4 *s,
                            const tw_requant *q, bool positive, bool turned, int32_t step, int8_t *out) {
  const form f = {.scaled = true, .whole = true, .positive = positive, .turned = turned};
  switch (s->shift) {
    case 6: finish(sums, pixels, s, 6, q, f, 4, step, out); break;
    case 9: finish(sums, pixels, s, 9, q, f, 4, step, out); break;
    case 12: finish(sums, pixels, s, 12, q, f, 4, step, out); break;
    default: finish_scaled(sums, pixels, s, q, turned, step, out);
  }
}

static TW_NOINLINE void finish_lanes(const int32_t *sums, int32_t pixels, const tw_scale4 *s,
                                     const tw_requant *q, bool positive, int32_t step, int8_t *out) {
  if (positive) {
    finish_whole(sums, pixels, s, q, true, false, step, out);
  } else {
    finish_whole(sums, pixels, s, q, false, false, step, out);
  }
}

static TW_NOINLINE void finish_turned(const int32_t *sums, int32_t pixels, const tw_scale4 *s,
                                      const tw_requant *q, bool positive, int32_t step, int8_t *out) {
  if (positive) {
    finish_whole(sums, pixels, s, q, true, true, step, out);
  } else {
    finish_whole(sums, pixels, s, q, false, true, step, out);
  }
}

void tw_finish(const int32_t *sums, int32_t pixels, const tw_scale4 *s, const tw_requant *q,
               bool turned, int32_t count, int32_t step, int8_t *out) {
  const bool whole = q->low == INT8_MIN && q->high == INT8_MAX;
  const bool positive = q->output_zero_point == INT8_MIN;
  if (!s->scaled || count < 4) {
    finish_any(sums, pixels, s, q, turned, count, step, out);
  } else if (!whole) {
    finish_scaled(sums, pixels, s, q, turned, step, out);
  } else if (turned) {
    finish_turned(sums, pixels, s, q, positive, step, out);
  } else {
    finish_lanes(sums, pixels, s, q, positive, step, out);
  }
}

void tw_finish_i16(const int32_t *sums, bool turned, int32_t pixels, const tw_requant *q,
                   const tw_tensor *bias, int32_t first, int32_t count, int32_t step, int16_t *out) {
  for (int32_t x = 0; x < pixels; x++, out += step) {
    for (int32_t i = 0; i < count; i++) {
      const int32_t at = turned ? x / 4 * 16 + i * 4 + x % 4 : x * 4 + i;
      const int64_t sum = tw_add_bias(sums[at], bias, first + i);
      out[i] = (int16_t)tw_clamp(tw_requant_i64(q, sum, first + i), q->low, q->high);
    }
  }
}
