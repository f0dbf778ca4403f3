#include "tw_extreme.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_arg_extreme_prepare(e, node, false);
}

const tw_op tw_op_arg_min = {.code = 79, .prepare = prepare, .eval = tw_arg_extreme_eval};
