#include "tw_move.h"

/* SHAPE: the dimensions of the input. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "output 0", output, TW_TYPE(TW_INT32)));
  TW_VERIFY(e, output->rank == 1 && output->dims[0] == input->rank, TW_E_SHAPE,
            "output is not [%u]", input->rank);
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  memcpy(output->data, input->dims, output->bytes);
  return TW_OK;
}

const tw_op tw_op_shape = {.code = 77, .prepare = prepare, .eval = eval};
