#include "tw_compare.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_compare_prepare(e, node, TW_LESS | TW_EQUAL, 0);
}

const tw_op tw_op_less_equal = {.code = 63, .prepare = prepare, .eval = tw_binary_eval};
