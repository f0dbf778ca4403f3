#include "tw_compare.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_compare_prepare(e, node, TW_LESS, 0);
}

const tw_op tw_op_less = {.code = 58, .prepare = prepare, .eval = tw_binary_eval};
