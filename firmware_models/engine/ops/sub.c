#include "tw_sum.h"

/* SUB: the difference of two tensors that broadcast. */
static tw_status prepare(tw_engine *e, tw_node *node) { return tw_sum_prepare(e, node, true); }

const tw_op tw_op_sub = {.code = 41, .prepare = prepare, .eval = tw_binary_eval};
