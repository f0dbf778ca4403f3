#include "tw_bytes.h"

/* FULLY_CONNECTED: a convolution of few pixels, with other names. */

enum { MAX_DEPTH = 16384 };

tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work) {
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1);
  const bool fits = input->type == TW_INT8 ? tw_scales_fit(q, tw_dim(weights, -2))
                                           : input->type == TW_INT16 && q->input_zero_point == 0 &&
                                                 q->output_zero_point == 0;
  if (fits && weights->type == TW_INT8 && tw_dim(weights, -1) <= MAX_DEPTH &&
      q->filter_zero_point == 0) {
    tw_bytes *const bytes =
        input->type == TW_INT8 ? tw_bytes_prepare(e, weights, tw_input(e, node, 2), q) : NULL;
    *work = bytes != NULL ? (void *)bytes : tw_work;
  }
  return TW_OK;
}

static void run_bytes(const tw_tensor *input, const tw_tensor *output, int32_t depth, int32_t channels,
                      const tw_bytes *bytes) {
  const int8_t *x = input->data, *const end = x + input->bytes;
  for (int8_t *out = output->data; x != end; x += depth, out += channels) {
    tw_bytes_run(bytes, x, tw_work, out);
  }
}

void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const int32_t depth = tw_dim(weights, -1), channels = tw_dim(weights, -2);
  if (work != tw_work && tw_has_dot_u8()) {
    run_bytes(input, output, depth, channels, work);
    return;
  }
  const tw_gemm g = {.weights = weights->data, .width = depth, .is_i16 = input->type == TW_INT16,
                     .scales = tw_scales_of(q, tw_input(e, node, 2), channels,
                                            (uint32_t)depth * 255 * 128)};
  int16_t *const x = (int16_t *)(void *)tw_work;
  void *out = output->data;
  const int32_t elements = (int32_t)tw_elements(input);
  for (int32_t first = 0; first < elements; first += depth, out = tw_gemm_next(&g, out, 1)) {
    tw_take(input, q->input_zero_point, first, depth, x);
    tw_gemv_run(&g, x, out);
  }
}
