#include "tw_simd.h"

/* AVERAGE_POOL_2D and MAX_POOL_2D of int8, one output pixel, some channels at a time. The last ones
 * overlap with those before, so that there are always as many. */

enum { MOST_TAPS = 32768, AVERAGES = 8, MAXIMA = 16 };

bool tw_fast_average_fits(const tw_tensor *output, const tw_window *w) {
  return output->dims[3] >= AVERAGES && (uint32_t)w->width * w->height <= MOST_TAPS;
}

bool tw_fast_max_fits(const tw_tensor *output) { return output->dims[3] >= MAXIMA; }

/* Sums are below 2^23, so that the quotient as a float, cut off, is that of integers. */
static v128_t average(v128_t sum, int32_t count) {
  const v128_t half = wasm_i32x4_splat(count / 2), zero = wasm_i32x4_splat(0);
  const v128_t away = wasm_v128_bitselect(half, wasm_i32x4_neg(half), wasm_i32x4_gt(sum, zero));
  const v128_t real = wasm_f32x4_convert_i32x4(wasm_i32x4_add(sum, away));
  return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_div(real, wasm_f32x4_splat((float)count)));
}

void tw_fast_average_i8(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int8_t *input = (const int8_t *)p->input->data + p->first;
  int8_t *out = (int8_t *)p->output->data + p->out;
  const int32_t channels = p->output->dims[3], count = p->rows * p->columns;
  const v128_t least = wasm_i16x8_splat(pool->low), most = wasm_i16x8_splat(pool->high);
  for (int32_t c = 0; c < channels; c += AVERAGES) {
    c = tw_min(c, channels - AVERAGES);
    v128_t low = wasm_i32x4_splat(0), high = low;
    for (int32_t y = 0; y < p->rows; y++) {
      const int8_t *x = input + y * p->row_step + c;
      for (int32_t i = p->columns; i > 0; i--, x += p->column_step) {
        const v128_t some = wasm_i16x8_load8x8(x);
        low = wasm_i32x4_add(low, wasm_i32x4_extend_low_i16x8(some));
        high = wasm_i32x4_add(high, wasm_i32x4_extend_high_i16x8(some));
      }
    }
    v128_t means = wasm_i16x8_narrow_i32x4(average(low, count), average(high, count));
    means = wasm_i16x8_min(wasm_i16x8_max(means, least), most);
    wasm_v128_store64_lane(out + c, wasm_i8x16_narrow_i16x8(means, means), 0);
  }
}

void tw_fast_max_i8(const tw_pixel *p) {
  const tw_pool *pool = p->data;
  const int8_t *input = (const int8_t *)p->input->data + p->first;
  int8_t *out = (int8_t *)p->output->data + p->out;
  const int32_t channels = p->output->dims[3];
  for (int32_t c = 0; c < channels; c += MAXIMA) {
    c = tw_min(c, channels - MAXIMA);
    v128_t largest = wasm_i8x16_splat((int8_t)pool->low);
    for (int32_t y = 0; y < p->rows; y++) {
      const int8_t *x = input + y * p->row_step + c;
      for (int32_t i = p->columns; i > 0; i--, x += p->column_step) {
        largest = wasm_i8x16_max(largest, wasm_v128_load(x));
      }
    }
    wasm_v128_store(out + c, wasm_i8x16_min(largest, wasm_i8x16_splat((int8_t)pool->high)));
  }
}
