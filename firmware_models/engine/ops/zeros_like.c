#include "tw_move.h"

/* ZEROS_LIKE: zeros, whatever the input. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) |
                                               TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_VERIFY(e, input->bytes == output->bytes, TW_E_SHAPE, "output has another size");
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  memset(output->data, 0, output->bytes);
  return TW_OK;
}

const tw_op tw_op_zeros_like = {.code = 93, .prepare = prepare, .eval = eval};
