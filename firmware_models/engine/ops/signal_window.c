#include "tw_custom.h"

/* SignalWindow: samples times the weights, which repeat, shifted down. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT16, TW_ANY_RANK}, {TW_INT16, 1}, {TW_INT16, TW_ANY_RANK}};
  int32_t *shift = node->data = tw_alloc(e, sizeof *shift);
  if (shift == NULL) return TW_E_ARENA;
  TW_TRY(tw_expect_slots(e, node, slots, 2, 1));
  TW_TRY(tw_int_options(e, node, shift, 1));
  TW_VERIFY(e, *shift >= 0 && *shift < 32, TW_E_PARAM, "shift %d", (int)*shift);
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const uint32_t weights = tw_elements(tw_input(e, node, 1));
  TW_VERIFY(e, input->rank > 0 && input->rank == output->rank, TW_E_SHAPE, "ranks %d and %d",
            input->rank, output->rank);
  TW_VERIFY(e, weights > 0 && tw_elements(input) % weights == 0, TW_E_SHAPE,
            "%u samples, %u weights", (unsigned)tw_elements(input), (unsigned)weights);
  return tw_expect_elements(e, "output", output, tw_elements(input));
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const int32_t shift = *(const int32_t *)node->data;
  const int16_t *in = tw_input(e, node, 0)->data, *weights = tw_input(e, node, 1)->data;
  int16_t *out = tw_output(e, node, 0)->data;
  const uint32_t size = tw_elements(tw_input(e, node, 1));
  const int16_t *end = in + tw_elements(tw_input(e, node, 0));
  while (in < end) {
    for (uint32_t i = 0; i < size; i++) {
      *out++ = (int16_t)tw_clamp(*in++ * weights[i] >> shift, INT16_MIN, INT16_MAX);
    }
  }
  return TW_OK;
}

const tw_op tw_op_signal_window = {
    .code = TW_OP_CUSTOM, .custom = "SignalWindow", .prepare = prepare, .eval = eval};
