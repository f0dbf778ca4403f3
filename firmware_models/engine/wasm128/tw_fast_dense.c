#include "tw_simd.h"

/* FULLY_CONNECTED: four channels at a time, each row of weights read once and in place. */

enum { MAX_DEPTH = 16384 };

tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work) {
  const tw_tensor *weights = tw_input(e, node, 1);
  if (weights->type == TW_INT8 && tw_dim(weights, -1) <= MAX_DEPTH && q->filter_zero_point == 0 &&
      tw_lane_scales_fit(q, tw_dim(weights, -2))) {
    *work = tw_work;
  }
  return TW_OK;
}

/* Four sums of products, each of x with a row of weights. */
TW_INLINE v128_t dot_four(const int16_t *x, const int8_t *const w[4], int32_t depth) {
  v128_t zero = wasm_i32x4_splat(0), a = zero, b = zero, c = zero, d = zero;
  int32_t i = 0;
  for (; i + 8 <= depth; i += 8) {
    const v128_t v = wasm_v128_load(x + i);
    a = tw_add_dot(a, v, wasm_i16x8_load8x8(w[0] + i));
    b = tw_add_dot(b, v, wasm_i16x8_load8x8(w[1] + i));
    c = tw_add_dot(c, v, wasm_i16x8_load8x8(w[2] + i));
    d = tw_add_dot(d, v, wasm_i16x8_load8x8(w[3] + i));
  }
  v128_t sums = tw_sum_lanes(a, b, c, d);
  for (; i < depth; i++) {
    const v128_t column = wasm_i32x4_make(w[0][i], w[1][i], w[2][i], w[3][i]);
    sums = wasm_i32x4_add(sums, wasm_i32x4_mul(column, wasm_i32x4_splat(x[i])));
  }
  return sums;
}

void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1),
                  *bias = tw_input(e, node, 2), *output = tw_output(e, node, 0);
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const int8_t *row = input->data, *const end = row + input->bytes;
  int16_t *const x = work;
  int8_t *out = output->data;
  for (; row < end; row += depth) {
    tw_widen(row, q->input_zero_point, depth, (int32_t)(end - row), x);
    for (int32_t c = 0; c < channels; c += 4) {
      const int8_t *w[4];
      for (int32_t i = 0; i < 4; i++) {
        w[i] = (const int8_t *)weights->data + (size_t)tw_min(c + i, channels - 1) * (size_t)depth;
      }
      const tw_lane_scale scale = tw_lane_scale_of(q, bias, channels, c);
      const v128_t sums = tw_rescale_lanes(dot_four(x, w, depth), &scale);
      int8_t bytes[16];
      const v128_t results = tw_to_range(sums, sums, q);
      wasm_v128_store(bytes, wasm_i8x16_narrow_i16x8(results, results));
      const int32_t count = tw_min(channels - c, 4);
      for (int32_t i = 0; i < count; i++) *out++ = bytes[i];
    }
  }
}
