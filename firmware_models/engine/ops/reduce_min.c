#include "tw_extreme.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_reduce_extreme_prepare(e, node, false);
}

const tw_op tw_op_reduce_min = {.code = 89, .prepare = prepare, .eval = tw_reduce_extreme_eval};
