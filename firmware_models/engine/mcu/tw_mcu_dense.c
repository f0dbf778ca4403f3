#include "tw_mcu.h"

/* FULLY_CONNECTED: four channels at a time, all where it lies. */

tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work) {
  const tw_tensor *weights = tw_input(e, node, 1);
  if (tw_input(e, node, 0)->type == TW_INT8 && weights->type == TW_INT8 && q->filter_zero_point == 0 &&
      tw_mcu_fits(tw_input(e, node, 2), q, tw_dim(weights, -2), (uint32_t)tw_dim(weights, -1))) {
    *work = work; /* not NULL; no memory is needed */
  }
  return TW_OK;
}

void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work) {
  (void)work;
  const tw_tensor *const tensors = tw_tensors(e);
  const tw_tensor *input = &tensors[node->inputs[0]], *weights = &tensors[node->inputs[1]],
                  *output = &tensors[node->outputs[0]];
  const int32_t channels = tw_dim(weights, -2), depth = tw_dim(weights, -1);
  const tw_channel first = tw_first_channel(tw_input(e, node, 2), q);
  const tw_zero zero = tw_zero_of(q->input_zero_point);
  const tw_place w = tw_place_of(weights->data);
  tw_place x = tw_place_of(input->data), out = tw_place_of(output->data);
  for (const tw_place end = out + output->bytes; out != end; out += (uint32_t)channels) {
    tw_mcu_channels(first, channels, w, x, depth, zero, out);
    x += (uint32_t)depth;
  }
  tw_mcu_activate(output, q);
}
