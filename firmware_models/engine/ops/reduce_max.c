#include "tw_extreme.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_reduce_extreme_prepare(e, node, true);
}

const tw_op tw_op_reduce_max = {.code = 82, .prepare = prepare, .eval = tw_reduce_extreme_eval};
