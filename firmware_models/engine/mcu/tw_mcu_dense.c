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
  const tw_tensor *const tensors = tw_tensors(e);
  const tw_tensor *input = &tensors[node->inputs[0]], *weights = &tensors[node->inputs[1]],
                  *output = &tensors[node->outputs[0]];
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const tw_channel first = tw_first_channel(tw_input(e, node, 2), q);
  const tw_place w = tw_place_of(weights->data), row = tw_place_of(work);
  const int8_t *in = input->data;
  tw_place out = tw_place_of(output->data);
  for (const tw_place end = out + output->bytes; out != end; out += (uint32_t)channels) {
    tw_widen(in, depth, q->input_zero_point, row, TW_GROUP_BYTES);
    tw_mcu_channels(first, channels, w, row, depth, out);
    in += depth;
  }
  tw_mcu_activate(output, q);
}
