#include "tw_batch_space.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 3, 1));
  tw_blocks blocks;
  return tw_batch_space_prepare(e, node, tw_output(e, node, 0), tw_input(e, node, 0), &blocks);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  tw_blocks blocks;
  TW_TRY(tw_batch_space_find(e, node, output, input, TW_E_RUNTIME, &blocks));
  tw_batch_space_copy(&blocks, output, input, false);
  return TW_OK;
}

const tw_op tw_op_batch_to_space_nd = {.code = 37, .prepare = prepare, .eval = eval};
