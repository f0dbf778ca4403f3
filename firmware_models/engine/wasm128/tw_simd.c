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
  int8_t four[8] = {0};
  for (int32_t i = 0; i < 4; i++) four[i] = shifts[tw_min(first + i, count - 1)];
  return wasm_i32x4_extend_low_i16x8(wasm_i16x8_load8x8(four));
}

/* 2^x for x in [0, 31], by way of a float's exponent. */
static v128_t power_of_two(v128_t x) {
  const v128_t bits = wasm_i32x4_shl(wasm_i32x4_add(x, wasm_i32x4_splat(127)), 23);
  return wasm_u32x4_trunc_sat_f32x4(bits);
}

uint32_t tw_largest_bias(const tw_tensor *bias, int32_t channels) {
  uint32_t bits = 0;
  for (int32_t c = 0; bias != NULL && c < channels; c++) {
    const int32_t x = ((const int32_t *)bias->data)[c];
    bits |= x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
  }
  return bits;
}

uint32_t tw_lane_shift_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                          uint32_t most) {
  const uint64_t bound = (uint64_t)most + tw_largest_bias(bias, channels);
  const int32_t loud = 64 - __builtin_clzll(bound | 1) + 1; /* what shifts by more always gives 0 */
  int32_t least = 31, largest = 1;
  for (int32_t c = 0; c < (q->per_channel ? channels : 1); c++) {
    const int32_t right = -q->shifts[c];
    if (q->multipliers[c] == 0 || right > loud) continue;
    least = tw_min(least, right);
    largest = tw_max(largest, right);
  }
  return bound << tw_max(largest - least, 0) < (uint64_t)1 << 30 ? (uint32_t)largest : 0;
}

v128_t tw_lane_bias_of(const tw_tensor *bias, int32_t channels, int32_t first) {
  return bias == NULL ? wasm_i32x4_splat(0) : four_of(bias->data, channels, first);
}

tw_lane_scale tw_lane_scale_of(const tw_requant *q, const tw_tensor *bias, int32_t channels,
                               int32_t first, uint32_t shift) {
  const int32_t count = q->per_channel ? channels : 1;
  const v128_t one = wasm_i32x4_splat(1), zero = wasm_i32x4_splat(0);
  const v128_t right = wasm_i32x4_max(wasm_i32x4_neg(four_shifts(q->shifts, count, first)), one);
  v128_t multiplier = four_of(q->multipliers, count, first), power, low, high;
  if (shift == 0) {
    power = power_of_two(wasm_i32x4_sub(wasm_i32x4_splat(32), right));
    low = wasm_i32x4_splat(INT32_MIN);
    high = power_of_two(wasm_i32x4_sub(right, one));
  } else { /* the nudge is multiplied too */
    const v128_t k = wasm_i32x4_sub(wasm_i32x4_splat((int32_t)shift), right);
    multiplier = wasm_v128_andnot(multiplier, wasm_i32x4_lt(k, zero)); /* it always gives 0 */
    power = power_of_two(wasm_i32x4_add(wasm_i32x4_max(k, zero), one));
    low = wasm_i32x4_shl(power, 30);
    high = wasm_i32x4_add(wasm_i32x4_splat((int32_t)1 << (shift - 1)), wasm_u32x4_shr(power, 2));
  }
  return (tw_lane_scale){
      tw_lane_bias_of(bias, channels, first),
      multiplier,
      wasm_i32x4_shuffle(low, high, 0, 4, 1, 5),
      wasm_i32x4_shuffle(low, high, 2, 6, 3, 7),
      power,
      wasm_u32x4_shr(power, 1),
  };
}

/* ---- rows of an image under a window ---- */

static int32_t span(int32_t taps, int32_t dilation) { return (taps - 1) * dilation + 1; }

static int32_t columns_of(const tw_tensor *output, const tw_window *w) {
  return (output->dims[2] - 1) * w->stride_w + span(w->width, w->dilation_w);
}

uint32_t tw_ring_bytes(const tw_tensor *output, const tw_window *w, uint32_t depth) {
  const uint32_t most = 4096, height = (uint32_t)span(w->height, w->dilation_h); /* 3 * 4096^2 fits */
  if (depth > most || (uint32_t)output->dims[2] > most || height > most) return UINT32_MAX;
  const uint32_t columns = (uint32_t)columns_of(output, w);
  if (columns > most || columns * depth > TW_WORK_BYTES) return UINT32_MAX;
  return (height + 1) * (columns * depth + 8) * (uint32_t)sizeof(int16_t);
}

tw_ring tw_ring_start(const tw_tensor *input, const tw_tensor *output, const tw_window *w,
                      int32_t zero, bool grouped, int16_t *memory) {
  const int32_t height = span(w->height, w->dilation_h), columns = columns_of(output, w);
  const int32_t depth = grouped ? (input->dims[3] + 7) & ~7 : input->dims[3];
  const int32_t step = columns * depth + 8;
  memset(memory, 0, (size_t)(height + 1) * (size_t)step * sizeof *memory);
  return (tw_ring){.input = input, .window = w, .zero = zero, .columns = columns, .depth = depth,
                   .step = step, .grouped = grouped, .height = height, .zeros = memory,
                   .rows = memory + step};
}

/* Eight channels of columns next to each other. */
static void widen_group(const int8_t *in, const int8_t *end, int32_t channels, int32_t columns,
                        int32_t zero, int16_t *out) {
  const v128_t zeros = wasm_i16x8_splat((int16_t)zero);
  int32_t x = 0;
  for (; x + 2 <= columns && end - in >= channels + 8; x += 2, in += 2 * channels, out += 16) {
    const v128_t a = wasm_i16x8_load8x8(in), b = wasm_i16x8_load8x8(in + channels);
    wasm_v128_store(out, wasm_i16x8_sub(a, zeros));
    wasm_v128_store(out + 8, wasm_i16x8_sub(b, zeros));
  }
  for (; x < columns; x++, in += channels, out += 8) {
    const int32_t room = tw_min((int32_t)(end - in), 8);
    tw_widen(in, zero, room, room, out);
  }
}

/* What is written past a row's last column has no meaning; the columns right of the image are zeros
 * again after that. */
static void widen_row(const tw_ring *r, int32_t y) {
  const tw_tensor *input = r->input;
  const int32_t width = input->dims[2], channels = input->dims[3], run = r->grouped ? 8 : r->depth;
  const int32_t first = r->window->pad_w, last = tw_min(first + width, r->columns);
  const int8_t *const end = (const int8_t *)input->data + input->bytes;
  const int8_t *in = (const int8_t *)input->data +
                     ((size_t)(r->image * input->dims[1] + y) * (size_t)(width * channels));
  int16_t *out = r->rows + y % r->height * r->step;
  for (int32_t c = 0; c < r->depth; c += run, out += r->columns * run) {
    if (r->grouped) {
      widen_group(in + c, end, channels, last - first, r->zero, out + first * run);
    } else {
      tw_widen(in, r->zero, (last - first) * channels, (int32_t)(end - in), out + first * run);
    }
    for (int32_t i = last * run; i < r->columns * run; i++) out[i] = 0;
  }
}

void tw_ring_move(tw_ring *r, int32_t image, int32_t y) {
  const int32_t top = y * r->window->stride_h - r->window->pad_h;
  const int32_t end = tw_min(top + r->height, r->input->dims[1]);
  if (image != r->image) r->widened = 0;
  r->image = image;
  r->top = top;
  r->top_number = (top % r->height + r->height) % r->height;
  for (r->widened = tw_max(r->widened, top); r->widened < end; r->widened++) {
    widen_row(r, r->widened);
  }
}
