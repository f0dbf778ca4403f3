#include "tw_move.h"

/* FILL: the scalar of input 1 everywhere. Input 0, constant, is the output's shape. */

enum { DIMS, VALUE };

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *dims = tw_input(e, node, DIMS), *value = tw_input(e, node, VALUE);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input 0", dims, TW_TYPE(TW_INT8) | TW_TYPE(TW_INT16) |
                                                TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_TRY(tw_expect_moved(e, value, output,
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_INT32)));
  TW_VERIFY(e, tw_is_const(dims), TW_E_PARAM, "input 0 is not constant");
  TW_VERIFY(e, value->rank == 0, TW_E_SHAPE, "input 1 is no scalar");
  TW_VERIFY(e, dims->rank == 1 && dims->dims[0] == output->rank, TW_E_SHAPE,
            "output of %u dimensions", output->rank);
  for (uint32_t i = 0; i < output->rank; i++) {
    TW_VERIFY(e, tw_index_at(dims, i) == output->dims[i], TW_E_SHAPE, "output dimension %u",
              (unsigned)i);
  }
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  tw_fill(tw_output(e, node, 0), tw_input(e, node, VALUE)->data);
  return TW_OK;
}

const tw_op tw_op_fill = {.code = 94, .prepare = prepare, .eval = eval};
