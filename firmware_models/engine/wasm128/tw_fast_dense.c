#include "tw_gemm.h"

/* FULLY_CONNECTED: a convolution of few pixels, with other names. */

enum { MAX_DEPTH = 16384 };

tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work) {
  const tw_tensor *weights = tw_input(e, node, 1);
  if (weights->type == TW_INT8 && tw_dim(weights, -1) <= MAX_DEPTH && q->filter_zero_point == 0 &&
      tw_scales_fit(q, tw_dim(weights, -2))) {
    *work = tw_work;
  }
  return TW_OK;
}

void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1);
  const int32_t depth = tw_dim(weights, -1);
  const int8_t *row = input->data, *const end = row + input->bytes;
  int16_t *const x = work;
  const tw_gemm g = {.weights = weights->data, .width = depth,
                     .scales = tw_scales_of(q, tw_input(e, node, 2), tw_dim(weights, -2),
                                            (uint32_t)depth * 255 * 128)};
  int8_t *out = tw_output(e, node, 0)->data;
  for (; row < end; row += depth, out += g.scales.channels) {
    tw_widen(row, q->input_zero_point, depth, (int32_t)(end - row), x);
    tw_gemv_run(&g, x, out);
  }
}
