#include "tw_elementwise.h"
#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  return tw_expect_moved(e, tw_input(e, node, 0), tw_output(e, node, 0), TW_TYPE(TW_BOOL));
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  const uint8_t *in = tw_input(e, node, 0)->data;
  uint8_t *out = output->data;
  for (uint32_t i = 0; i < output->bytes; i++) out[i] = in[i] == 0;
  return TW_OK;
}

const tw_op tw_op_logical_not = {.code = 87, .prepare = prepare, .eval = eval};
