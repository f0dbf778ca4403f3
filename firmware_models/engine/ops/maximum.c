#include "tw_compare.h"

/* MAXIMUM: the larger of two elements. */
static tw_status prepare(tw_engine *e, tw_node *node) { return tw_extreme_prepare(e, node, true); }

const tw_op tw_op_maximum = {.code = 55, .prepare = prepare, .eval = tw_binary_eval};
