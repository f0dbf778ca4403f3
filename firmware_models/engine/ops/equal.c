#include "tw_compare.h"
#include "tw_move.h"

static tw_status prepare(tw_engine *e, tw_node *node) {
  return tw_compare_prepare(e, node, TW_EQUAL, TW_TYPE(TW_BOOL));
}

const tw_op tw_op_equal = {.code = 71, .prepare = prepare, .eval = tw_binary_eval};
