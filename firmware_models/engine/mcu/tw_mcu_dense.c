#include "tw_mcu.h"

/* FULLY_CONNECTED: each row of the input is widened once. */

tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work) {
  const tw_tensor *weights = tw_input(e, node, 1);
  const int32_t depth = tw_dim(weights, -1);
  if (weights->type != TW_INT8 || q->filter_zero_point != 0 ||
      !tw_mcu_fits(tw_input(e, node, 2), q, tw_dim(weights, -2), (uint32_t)depth)) {
    return TW_OK;
  }
  return tw_request_scratch(e, (uint32_t)tw_padded(depth) * (uint32_t)sizeof(int16_t), work);
}

void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work) {
  const tw_tensor *input = tw_input(e, node, 0), *weights = tw_input(e, node, 1),
                  *output = tw_output(e, node, 0);
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const tw_channel_scales scaling = tw_channel_scales_of(tw_input(e, node, 2), q);
  const int8_t *in = input->data;
  int8_t *out = output->data;
  for (const int8_t *const end = out + output->bytes; out < end; out += channels, in += depth) {
    tw_widen(in, depth, q->input_zero_point, work);
    tw_mcu_channels(&scaling, weights->data, work, depth, 0, channels, out);
  }
  tw_mcu_activate(output, q);
}
